"""sFlow version 5 (sflow.org/sflow_version_5.txt): sampled packet headers to records, each multiplied by its sampling rate."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from netcam.flows import rows as r
from netcam.flows.community import icmp_number
from netcam.flows.records import Record, Records

MAX_SAMPLES = 256
"""Samples of one datagram: as many as fit into the largest."""
MAX_ENTRIES = 64
"""Records of one sample."""
MAX_RATE = 1 << 24
"""Highest sampling rate that is believed."""


class _Xdr:
    """Big-endian words of a datagram; IndexError at its end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def word(self) -> int:
        self.at += 4
        if self.at > len(self.data):
            raise IndexError
        return int.from_bytes(self.data[self.at - 4 : self.at], "big")

    def part(self, size: int) -> bytes:
        self.at += size
        if self.at > len(self.data):
            raise IndexError
        return self.data[self.at - size : self.at]


def is_sflow(data: bytes) -> bool:
    """Whether a datagram begins as version 5 does."""
    return len(data) >= 28 and data[:4] == b"\0\0\0\x05" and data[4:8] in (b"\0\0\0\x01", b"\0\0\0\x02")


def datagram(data: bytes, exporter: str, now: int, records: Records) -> bool:
    """Read one datagram into `records`; whether it was sFlow."""
    if not is_sflow(data):
        return False
    records.count("datagrams")
    x = _Xdr(data)
    try:
        x.word()
        agent = str(IPv4Address(x.part(4))) if x.word() == 1 else str(IPv6Address(x.part(16)))
        for _ in range(3):
            x.word()
        for _ in range(min(x.word(), MAX_SAMPLES)):
            kind, size = x.word(), x.word()
            body = x.part(size)
            if kind in (1, 3):
                _sample(body, kind == 3, f"sflow {exporter} agent {agent}", now, records)
            else:
                records.count("counter_samples" if kind in (2, 4) else "other_samples")
    except (IndexError, struct.error):
        records.count("malformed")
    return True


def _sample(body: bytes, expanded: bool, source: str, now: int, records: Records) -> None:
    x = _Xdr(body)
    x.word()
    x.part(8 if expanded else 4)
    rate = x.word()
    x.word()
    dropped = x.word()
    x.part(16 if expanded else 8)
    if not 0 < rate <= MAX_RATE:
        records.count("malformed")
        return
    if dropped:
        records.counters["agent_drops"] = max(records.counters.get("agent_drops", 0), dropped)
    vlan = 0
    found: Record | None = None
    for _ in range(min(x.word(), MAX_ENTRIES)):
        kind, size = x.word(), x.word()
        part = _Xdr(x.part(size))
        if kind == 1:
            protocol, frame, stripped, length = part.word(), part.word(), part.word(), part.word()
            header = part.part(length)
            link = {1: 1, 11: 101, 12: 101}.get(protocol)
            found = packet(header, link, frame) if link is not None else None
            if found is None:
                records.count("not_ip")
            elif stripped:
                found.wire_out = frame
        elif kind in (3, 4) and found is None:
            found = _sampled(part, kind == 4)
        elif kind == 1001:
            vlan = part.word()
    if found is None:
        return
    found.start = found.end = now
    found.vlan = found.vlan or vlan & 0xFFF
    found.packets_out, found.sampling = rate, rate
    found.bytes_out *= rate
    found.payload_out = found.payload_out * rate if found.payload_out >= 0 else -1
    found.wire_out *= rate
    records.add(found, source)


def _sampled(part: _Xdr, six: bool) -> Record:
    """Records 3 and 4: addresses and ports without the packet."""
    size, proto = part.word(), part.word()
    a = int.from_bytes(part.part(16 if six else 4), "big")
    b = int.from_bytes(part.part(16 if six else 4), "big")
    s_port, d_port, flags = part.word(), part.word(), part.word()
    return Record(
        version=6 if six else 4, a=a, b=b, a_port=s_port, b_port=d_port, proto=proto & 0xFF, bytes_out=size, flags_out=flags & 0xFF
    )


def packet(data: bytes, link: int | None, wire: int) -> Record | None:
    """One packet's header as a record of one packet; None where it holds no IP. `wire` is the frame's length."""
    at, vlan, source, target = 0, 0, 0, 0
    try:
        if link == r.ETHERNET:
            target, source = int.from_bytes(data[:6], "big"), int.from_bytes(data[6:12], "big")
            kind, at = struct.unpack_from("!H", data, 12)[0], 14
            for _ in range(4):
                if kind not in (0x8100, 0x88A8, 0x9100):
                    break
                tag, kind = struct.unpack_from("!HH", data, at)
                vlan, at = tag & 0xFFF, at + 4
        else:
            kind = {4: 0x0800, 6: 0x86DD}.get(data[0] >> 4, 0)
        if kind == 0x0800:
            total, pieces, proto = struct.unpack_from("!2xH2xHxB", data, at)
            a, b = (int.from_bytes(data[n : n + 4], "big") for n in (at + 12, at + 16))
            head = (data[at] & 15) * 4
            if data[at] >> 4 != 4 or head < 20 or len(data) < at + 20:
                return None
            later, version = pieces & 0x1FFF, 4
        elif kind == 0x86DD:
            length, proto = struct.unpack_from("!4xHB", data, at)
            a, b = (int.from_bytes(data[n : n + 16], "big") for n in (at + 8, at + 24))
            if data[at] >> 4 != 6 or len(data) < at + 40:
                return None
            total, head, later, version = length + 40, 40, 0, 6
        else:
            return None
        made = Record(
            version=version,
            a=a,
            b=b,
            proto=proto,
            packets_out=1,
            bytes_out=max(total, head),
            wire_out=wire,
            a_mac=source,
            b_mac=target,
            vlan=vlan,
        )
        place = at + head
        if proto in (6, 17) and not later and len(data) >= place + 4:
            made.a_port, made.b_port = struct.unpack_from("!HH", data, place)
            if proto == 6 and len(data) >= place + 14:
                made.flags_out = data[place + 13]
                made.payload_out = max(0, total - head - (data[place + 12] >> 4) * 4)
                # a SYN says who began
                if made.flags_out & 0x12 == 2:
                    made.directed = True
            elif proto == 17:
                made.payload_out = max(0, total - head - 8)
        elif proto in (1, 58) and not later and len(data) >= place + 2:
            made.icmp = icmp_number(data[place], data[place + 1])
    except (struct.error, IndexError):
        return None
    return made
