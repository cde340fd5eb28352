"""Conversations of a trace as a capture: packets with the marks that each protocol has on the wire, cut after their first bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from netcam.flows.table import TELLS
from netcam.lab.conversation import client_hello
from netcam.lab.trace import EPOCH, Trace

SNAP = 200
"""Bytes of a packet that are kept: all headers and the first bytes, enough for every mark; the length on the wire is written beside."""
MAX_PACKETS = 400_000
"""Of one capture: 500 MB of payload; more is cut, and the writer says so."""
MACS = {True: bytes.fromhex("020000000001"), False: bytes.fromhex("020000000002")}
_NAMES = {bit: name for name, bit in TELLS.items()}


def write(trace: Trace, path: Path, begin: float, end: float) -> tuple[int, int]:
    """Write the packets of the conversations that end between `begin` and `end`; returns packets written and packets cut."""
    noise = random.Random(0)  # the same trace gives the same capture
    made = sorted(_packets(trace, begin, end, noise), key=lambda p: p[0])
    kept = made[:MAX_PACKETS]
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP, 1))
        for at, frame, wire in kept:
            whole = at + EPOCH
            file.write(struct.pack("<IIII", int(whole), int(whole % 1 * 1e6), min(len(frame), SNAP), wire) + frame[:SNAP])
    return len(kept), len(made) - len(kept)


def _packets(trace: Trace, begin: float, end: float, noise: random.Random) -> Iterator[tuple[float, bytes, int]]:
    table = trace.table(begin, end)
    asked = table.lookups
    for n in range(len(asked)):
        yield from _question(asked, n)
    for n in range(len(table)):
        row = {k: int(v[n]) for k, v in table.columns.items()}
        row["n"] = n
        if row["b_port"] == 53 and row["tells"] & TELLS["dns"] and row["packets_out"] <= 1:
            continue  # written as a question above
        name = table.names.get(n, ("", ""))[0]
        yield from {6: _tcp, 17: _udp}.get(row["proto"], _bare)(row, name, noise)


def _frame(row: dict[str, int], out: bool, proto: int, body: bytes, size: int) -> tuple[bytes, int]:
    """An Ethernet frame with an IPv4 packet of `size` bytes behind the IP header, of which `body` is the beginning."""
    a, b = IPv4Address(row["a_lo"]).packed, IPv4Address(row["b_lo"]).packed
    head = struct.pack(">BBHHHBBH", 0x45, 0, min(65535, 20 + size), 0, 0x4000, 64, proto, 0) + (a + b if out else b + a)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + head[12:]
    return MACS[not out] + MACS[out] + b"\x08\x00" + head + body, 14 + 20 + size


def _spread(row: dict[str, int], count: int, first: float, last: float) -> list[float]:
    return [first + (last - first) * k / max(1, count) for k in range(count)]


def _times(row: dict[str, int]) -> tuple[float, float]:
    return row["start"] / 1e9 - EPOCH, row["end"] / 1e9 - EPOCH


def _tcp(row: dict[str, int], name: str, noise: random.Random) -> Iterator[tuple[float, bytes, int]]:
    first, last = _times(row)
    port = 30000 + row["n"] % 30000

    def segment(out: bool, flags: int, payload: bytes, size: int) -> tuple[bytes, int]:
        ports = (port, row["b_port"]) if out else (row["b_port"], port)
        return _frame(row, out, 6, struct.pack(">HHIIBBHHH", *ports, 1, 1, 0x50, flags, 65535, 0, 0) + payload, 20 + size)

    yield first, *segment(True, 0x02, b"", 0)
    if not row["packets_in"]:
        return
    yield first + 0.001, *segment(False, 0x12, b"", 0)
    yield first + 0.002, *segment(True, 0x10, b"", 0)
    for out, total in ((True, row["payload_out"]), (False, row["payload_in"])):
        opening = _opening(row["tells"], name or str(IPv4Address(row["b_lo"])), out, noise)
        left = total
        sizes: list[int] = []
        while left > 0:
            take = min(left, max(1380, len(opening)) if not sizes else 1380)
            sizes.append(take)
            left -= take
        for k, (at, size) in enumerate(zip(_spread(row, len(sizes), first + 0.003 + (not out) * 0.0005, last), sizes, strict=True)):
            yield at, *segment(out, 0x18, opening[:size] if k == 0 else noise.randbytes(min(size, 64)), size)
    yield last, *segment(True, 0x11, b"", 0)


def _udp(row: dict[str, int], name: str, noise: random.Random) -> Iterator[tuple[float, bytes, int]]:
    first, last = _times(row)
    port = 30000 + row["n"] % 30000
    for out, total, packets in ((True, row["payload_out"], row["packets_out"]), (False, row["payload_in"], row["packets_in"])):
        if not packets or not total:
            continue
        size = max(1, total // packets)
        for k, at in enumerate(_spread(row, packets, first + (not out) * 0.0005, last)):
            payload = (
                _opening(row["tells"], name or str(IPv4Address(row["b_lo"])), out, noise)
                if k == 0
                else b"\x40\x00" + struct.pack(">H", max(0, size - 4)) + noise.randbytes(40)
            )
            length = max(size, len(payload)) if k == 0 else size
            ports = (port, row["b_port"]) if out else (row["b_port"], port)
            yield at, *_frame(row, out, 17, struct.pack(">HHHH", *ports, 8 + length, 0) + payload[:length], 8 + length)


def _bare(row: dict[str, int], name: str, noise: random.Random) -> Iterator[tuple[float, bytes, int]]:
    """ICMP echo, and tunnels below ports."""
    first, last = _times(row)
    for out, total, packets in ((True, row["payload_out"], row["packets_out"]), (False, row["payload_in"], row["packets_in"])):
        if not packets:
            continue
        size = max(1, total // packets)
        for k, at in enumerate(_spread(row, packets, first + (not out) * 0.0005, last)):
            if row["proto"] == 1:
                body = struct.pack(">BBHHH", 8 if out else 0, 0, 0, 7, k & 0xFFFF) + noise.randbytes(min(size, 64))
            else:
                body = struct.pack(">HH", 0, 0x6558 if row["proto"] == 47 else 0) + noise.randbytes(min(size, 64))
            yield at, *_frame(row, out, row["proto"], body, 8 + size)


def _opening(tells: int, name: str, out: bool, noise: random.Random) -> bytes:
    """The first payload bytes, as the protocols' specifications have them."""
    seen = {_NAMES[bit] for bit in _NAMES if tells & bit}
    if "tls" in seen:
        return client_hello("" if name[-1:].isdigit() else name) if out else b"\x16\x03\x03\x00\x4a\x02" + noise.randbytes(60)
    if "http" in seen:
        picture = b"\xff\xd8\xff\xe0\x00\x10JFIF" if "jpeg" in seen else b"status=1"
        return b"POST /event HTTP/1.1\r\nHost: " + name.encode() + b"\r\n\r\n" + picture if out else b"HTTP/1.1 200 OK\r\n\r\n"
    if "rtsp" in seen:
        return b"DESCRIBE rtsp://camera/ RTSP/1.0\r\nCSeq: 2\r\n\r\n" if out else b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"
    if "rtmp" in seen:
        return b"\x03" + struct.pack(">II", 0, 0) + noise.randbytes(100)
    if "stun" in seen or "turn" in seen:
        kind = 0x0003 if "turn" in seen else 0x0001
        return (
            struct.pack(">HHI", kind | (0 if out else 0x0100), 8, 0x2112A442)
            + noise.randbytes(12)
            + struct.pack(">HHI", 0x0019, 4, 0x11000000)
        )
    if "pppp" in seen:
        return b"\xf1\x00\x00\x00" if out else b"\xf1\x01\x00\x10" + noise.randbytes(16)
    if "dahua_p2p" in seen:
        return b"DHGET /probe/p2psrv HTTP/1.1\r\nCSeq: 1\r\n\r\n"
    if "wireguard" in seen:
        return b"\x01\x00\x00\x00" + noise.randbytes(144) if out else b"\x02\x00\x00\x00" + noise.randbytes(88)
    if "ntp" in seen:
        return (b"\x23" if out else b"\x24\x02") + bytes(46 + out)
    return noise.randbytes(64)


def _question(asked: Any, n: int) -> Iterator[tuple[float, bytes, int]]:
    """A DNS question (RFC 1035 section 4.1) and an answer that carries little."""
    c = asked.columns
    name = asked.names[int(c["name"][n])]
    body = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack(">HH", int(c["type"][n]), 1)
    row = {"a_lo": int(c["client_lo"][n]), "b_lo": int(c["server_lo"][n])}
    at = int(c["at"][n]) / 1e9 - EPOCH
    port = 20000 + n % 40000
    for out, flags in ((True, 0x0100), (False, 0x8183)):
        message = struct.pack(">HHHHHH", n & 0xFFFF, flags, 1, 0, 0, 0) + body
        ports = (port, 53) if out else (53, port)
        yield at + (not out) * 0.01, *_frame(row, out, 17, struct.pack(">HHHH", *ports, 8 + len(message), 0) + message, 8 + len(message))
