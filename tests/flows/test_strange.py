"""Captures of shapes that nobody here invented, built by scapy, editcap, mergecap and text2pcap, equal what tshark reads from them."""

from __future__ import annotations

import gzip
import random
import struct
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import frames
import pytest
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.layers.vxlan import VXLAN

from netcam.flows import capture
from netcam.flows.table import FlowTable

T0 = 1_764_000_000 * 10**9
MACS = bytes.fromhex("020000000002020000000001")
Layers = Counter[tuple[str, str, int]]


def dissected(path: Path, *options: str) -> tuple[Layers, list[list[str]]]:
    """IP layers as tshark sees them (source, destination, length), and its rows; parts of datagrams are not put together."""
    argv = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=;", "-E", "occurrence=a", "-o", "ip.defragment:FALSE"]
    argv += ["-o", "ipv6.defragment:FALSE", *options]
    for field in (
        "frame.len",
        "frame.time_epoch",
        "tcp.stream",
        "udp.stream",
        "ip.src",
        "ip.dst",
        "ip.len",
        "ipv6.src",
        "ipv6.dst",
        "ipv6.plen",
    ):
        argv += ["-e", field]
    rows = [line.split(";") for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()]
    layers: Layers = Counter()
    for row in rows:
        for source, target, size, head in ((*row[4:7], 0), (*row[7:10], 40)):
            for a, b, n in zip(source.split(","), target.split(","), size.split(","), strict=False):
                if a:
                    layers[(*sorted((a, b)), int(n) + head)] += 1  # type: ignore[index]
    return layers, rows


def told(table: FlowTable) -> Layers:
    """The same of flows that hold one packet each."""
    return Counter((*sorted((f.source, f.destination)), f.bytes_out + f.bytes_in) for f in table)  # type: ignore[misc]


def streams(table: FlowTable, proto: int) -> list[int]:
    return sorted(int(table["packets_out"][n] + table["packets_in"][n]) for n in range(len(table)) if int(table["proto"][n]) == proto)


def theirs(rows: list[list[str]], column: int) -> list[int]:
    found: Counter[str] = Counter()
    for row in rows:
        found.update(set(filter(None, row[column].split(","))))
    return sorted(found.values())


def ethernet(n: int) -> dict[str, bytes]:
    """Frames by name; each has addresses of its own."""
    number = iter(range(1, 250))

    def four(**more: object) -> IP:
        return IP(src=f"10.{n}.{next(number)}.5", dst="203.0.113.9", **more)

    def six(**more: object) -> IPv6:
        return IPv6(src=f"2001:db8:{n:x}:{next(number):x}::5", dst="2001:db8:1::9", **more)

    def eth() -> Ether:
        return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")

    udp, tcp = UDP(sport=40000, dport=2000) / (b"x" * 20), TCP(sport=40001, dport=2001, flags="PA", seq=5, ack=6) / (b"y" * 30)
    authentic = b"\x11\x04\0\0\0\0\0\x01\0\0\0\x01" + bytes(12)
    made = {
        "802.1Q": eth() / Dot1Q(vlan=5) / four() / udp, "QinQ": eth() / Dot1AD(vlan=9) / Dot1Q(vlan=5) / four() / udp,
        "three tags": eth() / Dot1AD(vlan=9) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / six() / tcp,
        "old QinQ": MACS + b"\x91\0\0\5\x08\0" + bytes(four() / udp), "priority tag": eth() / Dot1Q(vlan=0, prio=5) / four() / udp,
        "PPPoE": eth() / PPPoE(sessionid=3) / PPP(proto=0x21) / four() / udp, "PPPoE 6": eth() / PPPoE(sessionid=3) / PPP(proto=0x57) / six() / udp,
        "PPPoE with a short protocol": MACS + b"\x88\x64\x11\0\0\3" + struct.pack(">H", 49) + b"\x21" + bytes(four() / udp),
        "LCP in PPPoE": eth() / PPPoE(sessionid=3) / PPP(proto=0xC021) / b"\x09\x01\0\x08abcd",
        "tagged PPPoE": eth() / Dot1Q(vlan=7) / PPPoE(sessionid=3) / PPP(proto=0x21) / four() / tcp,
        "MPLS": eth() / MPLS(label=16, s=1) / four() / udp,
        "three labels": eth() / MPLS(label=16, s=0) / MPLS(label=17, s=0) / MPLS(label=18, s=1) / six() / tcp,
        "GRE": eth() / four() / GRE() / four() / udp, "GRE with a key": eth() / four() / GRE(key_present=1, key=5) / four() / tcp,
        "GRE with everything": eth() / four() / GRE(chksum_present=1, key_present=1, seqnum_present=1, key=5, sequence_number=1) / six() / udp,
        "NVGRE": eth() / four() / GRE(proto=0x6558, key_present=1, key=0x700) / eth() / four() / udp,
        "MPLS in GRE": eth() / four() / GRE(proto=0x8847) / MPLS(label=3, s=1) / four() / udp, "GRE over IPv6": eth() / six(nh=47) / GRE() / four() / udp,
        "GRE keepalive": eth() / four() / GRE(proto=0), "WCCP": eth() / four() / GRE(proto=0x883E) / (bytes(4) + bytes(four() / udp)),
        "IP in IP": eth() / four() / four() / udp, "6in4": eth() / four() / six() / tcp, "4in6": eth() / six() / four() / udp, "6in6": eth() / six() / six() / udp,
        "ERSPAN I": eth() / four() / GRE(proto=0x88BE) / eth() / four() / udp,
        "ERSPAN II": eth() / four() / GRE(proto=0x88BE, seqnum_present=1, sequence_number=1) / ERSPAN_II(vlan=3) / eth() / four() / tcp,
        "ERSPAN III": eth() / four() / GRE(proto=0x22EB, seqnum_present=1, sequence_number=1) / ERSPAN_III(vlan=3) / eth() / four() / tcp,
        "VXLAN": eth() / four() / UDP(sport=999, dport=4789) / VXLAN(vni=7) / eth() / four() / udp,
        "Geneve": eth() / four() / UDP(sport=99, dport=6081) / (b"\x01\0\x65\x58\0\0\7\0" + bytes(4) + bytes(eth() / four() / udp)),
        "EtherIP": eth() / four(proto=97) / (b"\x30\0" + bytes(eth() / four() / udp)), "MPLS in IP": eth() / four(proto=137) / MPLS(label=5, s=1) / four() / udp,
        "hop by hop": eth() / six() / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"12")]) / udp, "routing": eth() / six() / IPv6ExtHdrRouting(addresses=["2001:db8::7"]) / tcp,
        "every extension": eth() / six() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(addresses=[]) / IPv6ExtHdrFragment(id=7) / IPv6ExtHdrDestOpt() / tcp,
        "atomic fragment": eth() / six() / IPv6ExtHdrFragment(id=8) / udp, "AH": eth() / four(proto=51) / (authentic + bytes(udp)), "AH 6": eth() / six(nh=51) / (authentic + bytes(udp)),
        "ESP": eth() / four(proto=50) / (b"\0\0\0\1\0\0\0\1" + bytes(40)), "no next header": eth() / six(nh=59) / b"abcdefgh",
        "IP options": eth() / four(options=[IPOption_NOP()] * 8) / tcp,
        "TCP options": eth() / four() / TCP(sport=40001, dport=2001, flags="PA", options=[("MSS", 1460), ("Timestamp", (1, 2))]) / b"hello",
        "IGMP": eth() / four(proto=2) / b"\x16\0\0\0\xe0\0\0\1", "ARP": eth() / ARP(), "LLDP": MACS + b"\x88\xcc" + bytes(40),
        "LLC": Dot3(dst="01:80:c2:00:00:00", src="02:00:00:00:00:01") / LLC(dsap=0x42, ssap=0x42, ctrl=3) / bytes(35),
        "CDP": Dot3(dst="01:00:0c:cc:cc:cc", src="02:00:00:00:00:01") / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0xC, code=0x2000) / bytes(30),
        "SNAP": MACS + struct.pack(">H", 56) + b"\xaa\xaa\3\0\0\0\x08\0" + bytes(four() / udp),
        "tagged SNAP": MACS + b"\x81\0\0\5" + struct.pack(">H", 56) + b"\xaa\xaa\3\0\0\0\x08\0" + bytes(four() / udp),
        "padding": bytes(eth() / four() / UDP(sport=1, dport=2)) + bytes(18), "check sequence": bytes(eth() / four() / udp) + b"\xde\xad\xbe\xef",
        "jumbo": eth() / four() / UDP(sport=1, dport=2) / bytes(8900), "large send": eth() / four() / TCP(sport=1, dport=2, flags="A") / bytes(60000),
        "lying length": bytes(eth()) + bytes(four(len=5000) / udp), "short length": MACS + b"\x08\0" + bytes(four(len=28) / udp),
        "ICMP 6": eth() / six() / ICMPv6EchoRequest(data=b"abc"), "ICMP": eth() / four() / ICMP() / b"abc",
        "SCTP": eth() / four() / SCTP(sport=5, dport=6) / SCTPChunkData(data=b"hello"), "DCCP": eth() / four(proto=33) / (b"\0\5\0\6" + bytes(12)),
        "first part": eth() / four(flags="MF", id=9) / udp, "later part": eth() / four(frag=100, id=10, proto=17) / bytes(40),
        "bad header length": MACS + b"\x08\0\x44" + bytes(four() / udp)[1:], "wrong version": MACS + b"\x08\0\x75" + bytes(four() / udp)[1:],
        "nothing": b"", "four bytes": b"\2\0\0\0", "no packet": MACS + b"\x08\0",
    }  # fmt: skip
    return {name: bytes(frame) for name, frame in made.items()}


def test_frames_of_every_kind_are_the_layers_that_tshark_sees(tmp_path: Path) -> None:
    cases = ethernet(1)
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap([(T0 + n * 10**6, data) for n, data in enumerate(cases.values())], snap=262_144))
    table = capture.read(path, idle=0)
    layers, rows = dissected(path)
    assert told(table) == layers
    assert streams(table, 6) == theirs(rows, 2)
    assert streams(table, 17) == [1, *theirs(rows, 3)]  # of a later part no ports are known; tshark tells no stream for it
    assert (table.counters["packets"], table.counters["bytes"]) == (len(rows), sum(int(row[0]) for row in rows))
    assert all(flow.packets_out + flow.packets_in == 1 for flow in table)


def test_offloaded_packets_without_a_length_count_as_long_as_they_are(tmp_path: Path) -> None:
    body = bytes(TCP(sport=40001, dport=2001, flags="PA", seq=5, ack=6) / (b"y" * 20_000))
    four = bytes(IP(src="10.0.0.5", dst="203.0.113.9", len=0, proto=6)) + body
    six = bytes(IPv6(src="2001:db8::5", dst="2001:db8:1::9", plen=0, nh=6)) + body
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap([(T0, frames.ether(four)), (T0, frames.ether(six))], snap=262_144))
    table = capture.read(path)
    assert [(f.bytes_out, f.payload_out) for f in table] == [(20_040, 20_000), (20_060, 20_000)]
    layers, _ = dissected(path)
    assert layers[("10.0.0.5", "203.0.113.9", 20_040)] == 1  # tshark reads IPv4's zero so too


LLC_SNAP = b"\xaa\xaa\3\0\0\0"
WIFI = frames.MAC_B + frames.MAC_A + frames.MAC_B + b"\0\0"
LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "cooked": (113, lambda p: b"\0\0\0\1\0\6" + frames.MAC_A + b"\0\0" + kind(p) + p),
    "cooked, tagged": (113, lambda p: b"\0\0\0\1\0\6" + frames.MAC_A + b"\0\0\x81\0\0\5" + kind(p) + p),
    "cooked, loopback": (113, lambda p: b"\0\0\3\x04\0\6" + bytes(8) + kind(p) + p),
    "cooked, no MAC": (113, lambda p: b"\0\0\xff\xfe\0\0" + bytes(8) + kind(p) + p),
    "cooked, LLC": (113, lambda p: b"\0\0\0\1\0\6" + frames.MAC_A + b"\0\0\0\4\x42\x42\3" + bytes(40)),
    "cooked 2": (276, lambda p: kind(p) + b"\0\0\0\0\0\2\0\1\0\6" + frames.MAC_A + b"\0\0" + p),
    "cooked 2, tagged": (276, lambda p: b"\x81\0\0\0\0\0\0\2\0\1\0\6" + frames.MAC_A + b"\0\0\0\5" + kind(p) + p),
    "loopback of BSD": (0, lambda p: (b"\2\0\0\0" if p[0] >> 4 == 4 else b"\x1e\0\0\0") + p),
    "loopback, big-endian": (0, lambda p: (b"\0\0\0\2" if p[0] >> 4 == 4 else b"\0\0\0\x18") + p),
    "loopback of something else": (0, lambda p: b"\7\0\0\0" + bytes(40)), "loopback of OpenBSD": (108, lambda p: b"\0\0\0\2" + p if p[0] >> 4 == 4 else b"\0\0\0\x18" + p),
    "PPP": (9, lambda p: (b"\x21" if p[0] >> 4 == 4 else b"\x57") + p), "PPP with address": (9, lambda p: b"\xff\3\0" + (b"\x21" if p[0] >> 4 == 4 else b"\x57") + p),
    "serial PPP": (50, lambda p: b"\xff\3\0" + (b"\x21" if p[0] >> 4 == 4 else b"\x57") + p), "Cisco HDLC": (104, lambda p: b"\x0f\0" + kind(p) + p),
    "raw": (101, lambda p: p), "Wi-Fi": (105, lambda p: b"\x08\1\0\0" + WIFI + LLC_SNAP + kind(p) + p),
    "Wi-Fi QoS": (105, lambda p: b"\x88\1\0\0" + WIFI + b"\0\0" + LLC_SNAP + kind(p) + p),
    "Wi-Fi HT": (105, lambda p: b"\x88\x81\0\0" + WIFI + bytes(6) + LLC_SNAP + kind(p) + p),
    "Wi-Fi bridge": (105, lambda p: b"\x08\3\0\0" + WIFI + frames.MAC_A + LLC_SNAP + kind(p) + p), "Wi-Fi enciphered": (105, lambda p: b"\x08\x41\0\0" + WIFI + bytes(60)),
    "beacon": (105, lambda p: b"\x80\0\0\0" + WIFI + bytes(40)), "radiotap": (127, lambda p: b"\0\0\x08\0\0\0\0\0\x08\1\0\0" + WIFI + LLC_SNAP + kind(p) + p),
    "NFLOG": (239, lambda p: (b"\2" if p[0] >> 4 == 4 else b"\x0a") + b"\0\0\0\x06\0\x0a\0a\0\0\0" + struct.pack("<HH", 4 + len(p), 9) + p),
    "PKTAP": (258, lambda p: struct.pack("<III", 108, 1, 1) + bytes(96) + frames.ether(p)),
}  # fmt: skip


def kind(packet: bytes) -> bytes:
    return b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd"


def test_every_link_type_in_one_capture_with_an_interface_each(tmp_path: Path) -> None:
    records, number = [], 0
    for k, (_, wrap) in enumerate(LINKS.values()):
        for packet in (frames.ip4(f"10.3.{k}.5", "203.0.113.9", 17, frames.udp(4000, 2000, b"x" * 20)), frames.ip6(f"2001:db8:3:{k:x}::5", "2001:db8:1::9", 6, frames.tcp(1, 2, 2))):  # fmt: skip
            number += 1
            records.append((k, T0 + number * 10**6, wrap(packet)))
    path = tmp_path / "a.pcapng"
    path.write_bytes(frames.pcapng(records, [link for link, _ in LINKS.values()]))
    table = capture.read(path)
    layers, rows = dissected(path)
    assert told(table) == layers
    assert sum(layers.values()) == 2 * (len(LINKS) - 4)
    assert (streams(table, 6), streams(table, 17)) == (theirs(rows, 2), theirs(rows, 3))
    assert table.counters["bytes"] == sum(int(row[0]) for row in rows)


def block(order: str, number: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", number, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(order: str, interface: int, ticks: int, data: bytes, options: bytes = b"") -> bytes:
    head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(order, 6, head + data + bytes(-len(data) % 4) + options)


def test_sections_clocks_and_old_blocks_of_pcapng(tmp_path: Path) -> None:
    """Both byte orders, every kind of clock, offsets, interfaces that come late, comments, names, statistics, the first draft's packets."""
    out, count = b"", 0

    def data() -> bytes:
        nonlocal count
        count += 1
        return frames.ether(frames.ip4(f"10.4.{count}.5", "203.0.113.9", 17, frames.udp(4000, 2000, b"x" * count)))

    for order in "<>":
        head = block(
            order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + option(order, 3, b"Linux") + option(order, 0, b"")
        )
        for clock in (0, 3, 6, 7, 9, 0x80, 0x8A, 0x94, 0x9E, 0xA0):
            ticks = (T0 << (clock & 0x7F)) // 10**9 if clock & 0x80 else T0 * 10**clock // 10**9
            out += head + block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + option(order, 9, bytes([clock])) + option(order, 0, b""))
            out += enhanced(order, 0, ticks, data()) + enhanced(order, 0, ticks + 3, data())
        for offset in (1000, -3600):
            options = option(order, 14, struct.pack(order + "q", offset)) + option(order, 0, b"")
            out += head + block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + options) + enhanced(order, 0, T0 // 1000, data())
        names = block(order, 4, struct.pack(order + "HH", 1, 9) + b"\1\2\3\4a.b\0\0\0\0" + struct.pack(order + "HH", 0, 0))
        statistics = block(order, 5, struct.pack(order + "III", 0, T0 >> 32, T0 & 0xFFFFFFFF))
        out += head + names + block(order, 1, struct.pack(order + "HHI", 1, 0, 65535) + option(order, 2, b"eth0"))
        out += enhanced(order, 0, T0 // 1000, data(), option(order, 1, b"odd") + option(order, 0, b"")) + statistics
        out += block(order, 1, struct.pack(order + "HHI", 101, 0, 0) + option(order, 9, b"\x09")) + enhanced(order, 1, T0 + 7, data()[14:])
        old = data()
        out += block(order, 2, struct.pack(order + "HHIIII", 0, 0, T0 // 1000 >> 32, T0 // 1000 & 0xFFFFFFFF, len(old), len(old)) + old)
    path = tmp_path / "a.pcapng"
    path.write_bytes(out)
    table = capture.read(path)
    layers, rows = dissected(path)
    assert told(table) == layers
    assert len(rows) == count == len(table)
    wanted = {row[4]: int(row[1].replace(".", "")) for row in rows}
    assert {flow.source: int(table["start"][n]) for n, flow in enumerate(table)} == wanted


def test_simple_packet_blocks_are_cut_where_their_interface_cuts(tmp_path: Path) -> None:
    long = frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(4000, 2000, b"x" * 200)))
    short = frames.ether(frames.ip4("10.0.0.6", "203.0.113.9", 17, frames.udp(4000, 2000, b"")))
    for order in "<>":
        out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(
            order, 1, struct.pack(order + "HHI", 1, 0, 60)
        )
        out += block(order, 3, struct.pack(order + "I", len(long)) + long[:60]) + block(
            order, 3, struct.pack(order + "I", len(short)) + short
        )
        path = tmp_path / "a.pcapng"
        path.write_bytes(out)
        table = capture.read(path)
        layers, rows = dissected(path)
        assert told(table) == layers
        assert table.counters["bytes"] == sum(int(row[0]) for row in rows) == len(long) + len(short)
        assert table.counters["truncated"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_connections_are_told_apart_as_wireshark_does(tmp_path: Path, seed: int) -> None:
    """Any flags in any order: ports used again, lost handshakes, both sides opening."""
    maker, packets = random.Random(seed), []
    for n in range(600):
        a, b, s, d = f"10.0.0.{maker.randrange(1, 9)}", "198.51.100.1", 40_000 + maker.randrange(2), 443
        if maker.random() < 0.45:
            a, b, s, d = b, a, d, s
        segment = frames.tcp(
            s, d, maker.choice([2, 2, 0x12, 0x10, 0x18, 0x11, 0x14, 4, 0x10, 0x18, 0, 0x29, 0xC2]), b"x" * maker.choice([0, 0, 5, 100]),
            seq=maker.choice([100, 100, 200, 101, maker.getrandbits(32)]), ack=maker.choice([0, 101, 201, 500]),
        )  # fmt: skip
        packets.append((T0 + n * 10**6, frames.ether(frames.ip4(a, b, 6, segment))))
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets))
    assert streams(capture.read(path, idle=0, active=0), 6) == theirs(dissected(path)[1], 2)


def sorted_flows(path: Path) -> list[tuple[object, ...]]:
    table = capture.read(path, idle=0)
    wire = table["wire_out"] + table["wire_in"]
    return sorted((f.source, f.source_port, f.destination, f.destination_port, f.packets_out, f.packets_in, f.bytes_out, int(wire[n])) for n, f in enumerate(table))  # fmt: skip


def test_what_the_tools_of_wireshark_write(tmp_path: Path) -> None:
    """Cut, shifted, joined, converted and packed files tell the same flows."""
    maker = random.Random(8)
    one, two, three = tmp_path / "one.pcap", tmp_path / "two.pcap", tmp_path / "three.pcap"
    packets = [
        (T0 + n * 10**6 + 123_000, frames.ether(frames.ip4(f"10.0.0.{maker.randrange(9)}", "198.51.100.1", 17, frames.udp(4000 + maker.randrange(4), 53000, b"x" * maker.randrange(900)))))
        for n in range(200)
    ]  # fmt: skip
    one.write_bytes(frames.pcap(packets[::2]))
    two.write_bytes(frames.pcap([(at, data[14:]) for at, data in packets[1::2]], link=101, nano=True, big=True))
    three.write_bytes(frames.pcap(packets))
    wanted = sorted_flows(three)

    def run(*argv: str) -> None:
        subprocess.run(argv, check=True, capture_output=True)

    merged = tmp_path / "merged"
    run("mergecap", "-w", str(merged), str(one), str(two))
    assert [flow[:7] for flow in sorted_flows(merged)] == [flow[:7] for flow in wanted]
    for form in ("pcap", "nsecpcap", "pcapng"):
        made = tmp_path / form
        run("editcap", "-F", form, "-t", "-7200", str(three), str(made))
        assert sorted_flows(made) == wanted
        assert int(capture.read(made)["start"].min()) == T0 + 123_000 - 7200 * 10**9
        (tmp_path / "packed").write_bytes(gzip.compress(made.read_bytes()))
        assert sorted_flows(tmp_path / "packed") == wanted
    for snap in (42, 60, 128):
        made = tmp_path / "snapped"
        run("editcap", "-s", str(snap), str(three), str(made))
        assert sorted_flows(made) == wanted
        assert capture.read(made).counters["truncated"] > 0
    dump = "\n".join(f"{n * 16:06x} {data[n * 16 : n * 16 + 16].hex(' ')}" for _, data in packets[:5] for n in range(len(data) // 16 + 1))
    (tmp_path / "dump.txt").write_text(dump + "\n")
    run("text2pcap", str(tmp_path / "dump.txt"), str(tmp_path / "dumped"))
    three.write_bytes(frames.pcap(packets[:5]))
    assert sorted_flows(tmp_path / "dumped") == sorted_flows(three)
