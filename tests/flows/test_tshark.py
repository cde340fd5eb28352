"""Counts of flows, packets and bytes equal those of tshark, exactly, on captures of every shape."""

from __future__ import annotations

import random
import struct
import subprocess
from collections import defaultdict
from pathlib import Path

import frames
import pytest

from netcam.flows import capture
from netcam.flows.table import FlowTable

T0 = 1_764_000_000 * 10**9


def mixed(seed: int, count: int = 2500) -> list[tuple[int, bytes]]:
    """IP packets of many conversations, ports reused by new connections, both versions, several protocols."""
    maker = random.Random(seed)
    packets, at = [], T0
    starts: dict[tuple[str, int], int] = {}
    for _ in range(count):
        at += maker.randrange(1, 2_000_000)
        six = maker.random() < 0.25
        host, service = maker.randrange(1, 14), maker.randrange(1, 6)
        here, there = (f"2001:db8::{host:x}", f"2001:db8:1::{service:x}") if six else (f"10.1.0.{host}", f"198.51.100.{service}")
        port, other = 40_000 + maker.randrange(5), maker.choice([443, 80, 8800])
        proto = maker.choice([6, 6, 6, 17, 17, 58 if six else 1, 132])
        back = maker.random() < 0.4
        a, b, s, d = (there, here, other, port) if back else (here, there, port, other)
        body = maker.randbytes(maker.choice([0, 1, 10, 300, 1400]))
        if proto == 6:
            key = (here + there, port * 65536 + other)
            if not back and (key not in starts or maker.random() < 0.1):
                starts[key] = maker.randrange(1 << 32)
                transport = frames.tcp(s, d, 2, seq=starts[key], ack=0)
            else:
                base = starts.get(key, 1)
                transport = frames.tcp(
                    s, d, maker.choice([0x10, 0x18, 0x11, 0x14]), body, seq=(base + 1) & 0xFFFFFFFF, ack=(base + 1) & 0xFFFFFFFF
                )
        elif proto == 17:
            transport = frames.udp(s, d, body)
        elif proto == 132:
            transport = struct.pack(">HHII", s, d, 1, 0) + body
        else:
            transport = bytes([maker.choice([128, 129] if six else [8, 0]), 0, 0, 0, 0, 1, 0, 1]) + body
        packets.append(
            (at, frames.ip6(a, b, proto, transport) if six else frames.ip4(a, b, proto, transport, options=b"\1" * maker.choice([0, 0, 8])))
        )
    return packets


def wrapped(link: int, packet: bytes, maker: random.Random) -> bytes:
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    if link == 1:
        tags = maker.choice([(), (), ((0x8100, 7),), ((0x88A8, 5), (0x8100, 9))])
        return frames.ether(packet, tags=tags).ljust(60, b"\0")
    if link == 113:
        return b"\0\0\0\1\0\6" + frames.MAC_A + b"\0\0" + kind + packet
    if link == 276:
        return kind + b"\0\0" + b"\0\0\0\2" + b"\0\1\0\6" + frames.MAC_A + b"\0\0" + packet
    return packet


def streams(path: Path, *fields: str) -> list[list[str]]:
    argv = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=;"]
    for field in ("frame.len", "tcp.stream", "udp.stream", "ip.len", "ipv6.plen", "tcp.len", *fields):
        argv += ["-e", field]
    return [line.split(";") for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()]


def mine(table: FlowTable, proto: int) -> list[tuple[int, int, int]]:
    return sorted(
        (f.packets_out + f.packets_in, int(table["wire_out"][n] + table["wire_in"][n]), f.bytes_out + f.bytes_in)
        for n, f in enumerate(table)
        if int(table["proto"][n]) == proto
    )


@pytest.mark.parametrize("link", [1, 113, 276, 101])
@pytest.mark.parametrize("shape", ["pcap", "pcapng", "nanoseconds"])
def test_flows_packets_and_bytes_equal_tshark(tmp_path: Path, link: int, shape: str) -> None:
    maker = random.Random(link)
    packets = [(at, wrapped(link, p, maker)) for at, p in mixed(link * 7 + len(shape))]
    path = tmp_path / "a.cap"
    if shape == "pcapng":
        path.write_bytes(frames.pcapng([(n % 2, at, data) for n, (at, data) in enumerate(packets)], [link, link], big=link == 113))
    else:
        path.write_bytes(frames.pcap(packets, link=link, big=shape == "nanoseconds", nano=shape == "nanoseconds"))
    table = capture.read(path, idle=0, active=0)
    told = streams(path)
    for column, proto in ((1, 6), (2, 17)):
        theirs: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for row in told:
            if row[column]:
                one = theirs[row[column]]
                one[0] += 1
                one[1] += int(row[0])
                one[2] += int(row[3]) if row[3] else int(row[4]) + 40
        assert mine(table, proto) == sorted(tuple(one) for one in theirs.values())
    assert table.counters["packets"] == len(told) == int(table["packets_out"].sum() + table["packets_in"].sum())
    assert int(table["wire_out"].sum() + table["wire_in"].sum()) == sum(int(row[0]) for row in told)


def test_conversations_of_a_capture_with_tunnels_equal_tsharks(tmp_path: Path) -> None:
    maker = random.Random(2)
    packets = []
    for n in range(600):
        inner = frames.ip4(f"172.16.0.{maker.randrange(1, 5)}", "172.16.1.1", 17, frames.udp(5, 6000, b"q" * maker.randrange(200)))
        outer = maker.choice([(47, b"\0\0\x08\0" + inner), (4, inner), (17, frames.udp(99, 100, b"plain"))])
        packets.append((T0 + n * 1000, frames.ether(frames.ip4(f"10.0.0.{maker.randrange(1, 4)}", "10.0.1.1", *outer)).ljust(60, b"\0")))
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets))
    table = capture.read(path, idle=0)
    run = subprocess.run(["tshark", "-r", str(path), "-q", "-z", "conv,ip"], capture_output=True, text=True, check=True)
    theirs = {}
    for line in run.stdout.splitlines():
        if "<->" in line:
            words = line.split()
            theirs[frozenset((words[0], words[2]))] = int(words[3]) + int(words[6])  # frames of both ways
    ours: dict[frozenset[str], int] = defaultdict(int)
    for f in table:
        ours[frozenset((f.source, f.destination))] += f.packets_out + f.packets_in
    assert dict(ours) == theirs
