"""Conversations for tests of exporters: UDP and TCP over both versions, and what is compared of their flows."""

from __future__ import annotations

import random

import frames

from netcam.flows.table import FlowTable

T0 = 1_764_000_000 * 10**9


def story(count: int = 60) -> list[tuple[int, bytes]]:
    """UDP and TCP conversations over both versions, both directions."""
    maker = random.Random(3)
    out = []
    for k in range(count):
        six = k % 5 == 4
        ip = frames.ip6 if six else frames.ip4
        a, b = (f"2001:db8::{k + 1:x}", "2001:db8:1::9") if six else (f"10.1.0.{k + 1}", "198.51.100.7")
        at, port = T0 + k * 10**7, 40_000 + k
        if k % 3 == 0:
            for j in range(maker.randrange(2, 9)):
                out.append((at + j * 10**6, frames.ether(ip(a, b, 17, frames.udp(port, 8800, b"x" * maker.randrange(200))))))
                out.append(
                    (at + j * 10**6 + 5000, frames.ether(ip(b, a, 17, frames.udp(8800, port, b"y" * maker.randrange(900))), back=True))
                )
            continue
        seq = 1000
        out.append((at, frames.ether(ip(a, b, 6, frames.tcp(port, 443, 2, seq=seq)))))
        out.append((at + 1000, frames.ether(ip(b, a, 6, frames.tcp(443, port, 0x12, seq=5, ack=seq + 1)), back=True)))
        for j in range(maker.randrange(1, 9)):
            segment = frames.tcp(port, 443, 0x18, b"z" * 700, seq=seq + 1 + j * 700, ack=6)
            out.append((at + (j + 2) * 10**5, frames.ether(ip(a, b, 6, segment))))
        out.append((at + 10**7, frames.ether(ip(a, b, 6, frames.tcp(port, 443, 0x11, seq=7301, ack=6)))))
        out.append((at + 10**7 + 50, frames.ether(ip(b, a, 6, frames.tcp(443, port, 0x11, seq=6)), back=True)))
    return sorted(out)


def shape(table: FlowTable, *, six: bool = True) -> list[tuple[object, ...]]:
    return sorted(
        (f.source, f.destination, f.source_port, f.destination_port, f.protocol, f.packets_out, f.packets_in, f.bytes_out, f.bytes_in)
        for f in table
        if six or ":" not in f.source
    )
