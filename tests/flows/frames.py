"""Frames and captures for tests, built with struct from the specifications, not with the code under test."""

from __future__ import annotations

import socket
import struct

MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def ip4(source: str, destination: str, proto: int, body: bytes, *, fragment: int = 0, options: bytes = b"") -> bytes:
    """An IPv4 packet (RFC 791)."""
    words = 5 + len(options) // 4
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | words,
        0,
        words * 4 + len(body),
        1,
        fragment,
        64,
        proto,
        0,
        socket.inet_aton(source),
        socket.inet_aton(destination),
    )
    return head + options + body


def ip6(source: str, destination: str, proto: int, body: bytes) -> bytes:
    """An IPv6 packet (RFC 8200)."""
    return struct.pack(">IHBB", 6 << 28, len(body), proto, 64) + socket.inet_pton(10, source) + socket.inet_pton(10, destination) + body


def tcp(source: int, destination: int, flags: int, payload: bytes = b"", *, seq: int = 1, ack: int = 1) -> bytes:
    """A TCP segment without options (RFC 9293)."""
    return struct.pack(">HHIIBBHHH", source, destination, seq, ack, 5 << 4, flags, 8192, 0, 0) + payload


def udp(source: int, destination: int, payload: bytes) -> bytes:
    """A UDP datagram (RFC 768)."""
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def ether(packet: bytes, *, tags: tuple[tuple[int, int], ...] = (), kind: int | None = None, back: bool = False) -> bytes:
    """An Ethernet frame, with 802.1Q tags where asked."""
    macs = MAC_A + MAC_B if back else MAC_B + MAC_A
    kind = kind if kind is not None else (0x0800 if packet[0] >> 4 == 4 else 0x86DD)
    return macs + b"".join(struct.pack(">HH", t, v) for t, v in tags) + struct.pack(">H", kind) + packet


def pcap(frames: list[tuple[int, bytes]], *, big: bool = False, nano: bool = False, link: int = 1, snap: int = 65535) -> bytes:
    """A classic capture; times in nanoseconds."""
    order = ">" if big else "<"
    out = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link)
    for at, data in frames:
        part = at % 10**9 if nano else at % 10**9 // 1000
        out += struct.pack(order + "IIII", at // 10**9, part, min(len(data), snap), len(data)) + data[:snap]
    return out


def pcapng(frames: list[tuple[int, int, bytes]], links: list[int], *, big: bool = False) -> bytes:
    """A pcapng section with several interfaces: frames as (interface, nanoseconds, bytes), microsecond ticks."""
    order = ">" if big else "<"

    def block(kind: int, body: bytes) -> bytes:
        body += b"\0" * (-len(body) % 4)
        return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += b"".join(block(1, struct.pack(order + "HHI", link, 0, 65535)) for link in links)
    for number, at, data in frames:
        ticks = at // 1000
        out += block(6, struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data)) + data)
    return out


def dns_answer(name: str, address: str, *, identifier: int = 7) -> bytes:
    """A DNS answer with one A record (RFC 1035)."""
    question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack(">HH", 1, 1)
    return (
        struct.pack(">HHHHHH", identifier, 0x8180, 1, 1, 0, 0)
        + question
        + struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4)
        + socket.inet_aton(address)
    )
