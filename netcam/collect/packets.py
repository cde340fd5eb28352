"""What one captured packet says of the device that sent it: link, address and payload layers, read without asking anybody."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv6Address
from typing import NamedTuple

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import cdp, decoding, dhcp, layout, lldp, sadp_link
from netcam.protocols.commands import MAX_FACTS, Discovery
from netcam.protocols.registry import discoveries

ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276
"""Link types (tcpdump.org/linktypes)."""
_RAW_TOO = frozenset({12, 101, 228, 229})
_IPV4, _ARP, _IPV6, _LLDP = 0x0800, 0x0806, 0x86DD, lldp.ETHERTYPE
_VLANS = frozenset({0x8100, 0x88A8, 0x9100})
MAX_TAGS = 3
"""VLAN tags in front of a payload: real frames carry two at most."""
MAX_EXTENSIONS = 8
"""IPv6 extension headers that are skipped."""
_TCP, _UDP, _ICMPV6 = 6, 17, 58
FIN, SYN, RST, ACK = 1, 2, 4, 16
_NONCE = "00000000-0000-4000-8000-000000000000"


class Packet(NamedTuple):
    """An IP packet's addresses, ports and payload; `direct` where the sender's own MAC is on the frame."""

    source: str
    target: str
    mac: str
    protocol: int
    sport: int = 0
    dport: int = 0
    payload: bytes = b""
    flags: int = 0
    sequence: int = 0
    direct: bool = False


class Heard(NamedTuple):
    """What was heard of one device in one packet; `address` or `mac` may be empty, not both."""

    address: str
    port: int
    mac: str
    via: str
    facts: tuple[Fact, ...]

    @property
    def endpoint(self) -> str:
        """`ip`, `ip:port` or `[v6]:port`."""
        if not self.address or not self.port:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def decode(link: int, data: bytes) -> Packet | Heard | None:
    """An IP packet with a payload to look into, what a frame itself says, or None. Raises DecodeError for a broken frame."""
    if link == ETHERNET:
        source, group, at = layout.mac(data[6:12]), bool(data[:1] and data[0] & 1), 12
        kind = layout.number(data, at, 2)
    elif link in _RAW_TOO:
        version = layout.number(data, 0, 1) >> 4
        return _ip(data, _IPV4 if version == 4 else _IPV6, "", False)
    elif link == SLL:
        group, source, at = layout.number(data, 0, 2) in (1, 2), layout.mac(data[6:12]) if data[4:6] == b"\x00\x06" else "", 14
        kind = layout.number(data, at, 2)
    elif link == SLL2:
        group, source, at = layout.number(data, 10, 1) in (1, 2), layout.mac(data[12:18]) if data[11:12] == b"\x06" else "", 18
        kind = layout.number(data, 0, 2)
    else:
        return None
    at += 2
    for _ in range(MAX_TAGS):
        if kind not in _VLANS:
            break
        kind = layout.number(data, at + 2, 2)
        at += 4
    body = data[at:]
    if kind == _ARP:
        return _arp(body)
    if kind == _LLDP:
        return Heard("", 0, source, "lldp", tuple(lldp.parse(body))) if source else None
    if kind < 0x0600 and body.startswith(cdp.SNAP):
        return Heard("", 0, source, "cdp", tuple(cdp.parse(body))) if source else None
    if kind == sadp_link.ETHERTYPE:
        # a short frame is filled up with zeros
        told = tuple(sadp_link.parse(body[: sadp_link.MAX_FRAME]))
        return Heard(layout.ipv4(layout.part(body, 20, 4)), 0, layout.mac(layout.part(body, 14, 6)), "sadp", told)
    if kind in (_IPV4, _IPV6):
        return _ip(body, kind, source, group)
    return None


def _arp(body: bytes) -> Heard | None:
    """The sender's pair of addresses of a request or an answer (RFC 826); a probe without address says nothing (RFC 5227)."""
    if layout.part(body, 0, 6) != b"\x00\x01\x08\x00\x06\x04" or layout.number(body, 6, 2) not in (1, 2):
        return None
    mac, address = layout.mac(layout.part(body, 8, 6)), layout.ipv4(layout.part(body, 14, 4))
    return Heard(address, 0, mac, "arp", (Fact("mac", mac),)) if mac and address and not int(mac[:2], 16) & 1 else None


def _ip(data: bytes, kind: int, mac: str, group: bool) -> Packet | Heard | None:
    if kind == _IPV4:
        head = (layout.number(data, 0, 1) & 15) * 4
        if data[0] >> 4 != 4 or head < 20 or layout.number(data, 6, 2) & 0x1FFF:
            return None  # a later fragment has no ports
        source, target, protocol, hops = layout.ipv4(layout.part(data, 12, 4)), layout.ipv4(layout.part(data, 16, 4)), data[9], data[8]
        body = data[head : max(layout.number(data, 2, 2), head)] if layout.number(data, 2, 2) else data[head:]
        local = target.startswith("224.0.0.") or target == "255.255.255.255"
    else:
        if layout.number(data, 0, 1) >> 4 != 6 or len(data) < 40:
            raise DecodeError("no IPv6 packet")
        source, target = layout.ipv6(data[8:24]), layout.ipv6(data[24:40])
        protocol, hops, body = data[6], data[7], data[40 : 40 + layout.number(data, 4, 2)]
        local = target.startswith("ff02:") or source.startswith("fe80:")
        for _ in range(MAX_EXTENSIONS):
            if protocol not in (0, 43, 60):
                break
            protocol, body = layout.number(body, 0, 1), body[(layout.number(body, 1, 1) + 1) * 8 :]
    # a router writes its own MAC on what it passes on, so only what no router passes on names its sender's
    direct = bool(mac) and group and (local or hops in (1, 255))
    if protocol == _UDP:
        size = layout.number(body, 4, 2)
        payload = body[8:size] if size >= 8 else body[8:]
        return Packet(source, target, mac, protocol, layout.number(body, 0, 2), layout.number(body, 2, 2), payload, direct=direct)
    if protocol == _TCP:
        start = (layout.number(body, 12, 1) >> 4) * 4
        if start < 20:
            raise DecodeError("no TCP segment")
        ports = struct.unpack_from(">HHI", body)
        return Packet(source, target, mac, protocol, ports[0], ports[1], body[start:], layout.number(body, 13, 1), ports[2], direct)
    if protocol == _ICMPV6 and hops == 255:
        return _neighbour(body, source)
    return None


def _neighbour(body: bytes, source: str) -> Heard | None:
    """The pair of addresses that a neighbour solicitation or advertisement tells (RFC 4861 sections 4.3, 4.4, 4.6.1)."""
    kind = layout.number(body, 0, 1)
    if kind not in (135, 136):
        return None
    wanted, address = (1, source) if kind == 135 else (2, str(IPv6Address(layout.part(body, 8, 16))))
    at = 24
    for _ in range(MAX_EXTENSIONS):
        if at + 8 > len(body) or body[at + 1] == 0:
            break
        if body[at] == wanted:
            mac = layout.mac(body[at + 2 : at + 8])
            return Heard(address, 0, mac, "ndp", (Fact("mac", mac),)) if mac and address else None
        at += body[at + 1] * 8
    return None


@cache
def _readers() -> dict[int, tuple[Discovery, ...]]:
    """Port -> the codecs whose devices answer from it or announce to it."""
    found: dict[int, list[Discovery]] = {}
    for one in discoveries().values():
        for question in one.questions(_NONCE):
            for port in {question.port, question.listen_port} - {0}:
                readers = found.setdefault(port, [])
                if one not in readers:
                    readers.append(one)
    return {port: tuple(readers) for port, readers in found.items()}


@cache
def ports() -> frozenset[bytes]:
    """The UDP ports that `datagram` looks into, as two bytes."""
    return frozenset(port.to_bytes(2, "big") for port in (*_readers(), 67, 68, 546, 547))


def datagram(packet: Packet) -> Heard | None:
    """What a datagram says of its sender; None where no codec reads it (questions of others included)."""
    mac = packet.mac if packet.direct else ""
    ports = {packet.sport, packet.dport}
    if ports <= {67, 68} and packet.payload:
        return _dhcp(packet)
    if packet.dport == 547 and packet.sport == 546:
        facts = _dhcpv6(packet.payload)
        return Heard(packet.source, 0, mac, "dhcp", tuple(facts)) if facts and packet.source else None
    readers = _readers()
    for one in (*readers.get(packet.sport, ()), *(readers.get(packet.dport, ()) if packet.dport != packet.sport else ())):
        try:
            read: Iterable[Fact] = one.parse(packet.payload)
            found = tuple(read)[:MAX_FACTS]
        except DecodeError:
            continue
        if found and packet.source:
            return Heard(packet.source, packet.sport, mac, one.name, found)
    return None


def _dhcp(packet: Packet) -> Heard | None:
    """A client's own words, or the pair of addresses in a server's acknowledgement (RFC 2131 section 2)."""
    data = packet.payload
    if data[:1] == b"\x02":
        if data[236:240] != b"\x63\x82\x53\x63" or b"\x35\x01\x05" not in data[240:]:
            return None
        mac, address = layout.mac(data[28:34]) if data[1:3] == b"\x01\x06" else "", layout.ipv4(data[16:20])
        return Heard(address, 0, mac, "dhcp", (Fact("mac", mac),)) if mac and address else None
    facts = tuple(dhcp.parse(data))
    mac = next((fact.value for fact in facts if fact.field == "mac"), "")
    address = layout.ipv4(layout.part(data, 12, 4))
    return Heard(address, 0, mac, "dhcp", facts) if mac or address else None


def _dhcpv6(data: bytes) -> list[Fact]:
    """Client identifier, vendor class and name of a client's message (RFC 8415 sections 21.2, 21.16; RFC 4704)."""
    if layout.number(data, 0, 1) not in (1, 3, 4, 5, 6, 8, 9, 11):
        return []
    facts = decoding.Facts()
    for kind, value in layout.elements(data[4:], 2, 2):
        if kind == 1:
            facts.add("dhcp.client_id", value[:128].hex())
        elif kind == 16 and len(value) > 6:
            facts.add("dhcp.vendor_class", decoding.line(decoding.decoded(value[6:]), 255))
        elif kind == 39 and len(value) > 2:
            labels, at = [], 1
            while at < len(value) and 0 < value[at] < 64:
                labels.append(decoding.decoded(value[at + 1 : at + 1 + value[at]]))
                at += 1 + value[at]
            facts.add("dhcp.hostname", decoding.line(".".join(labels), 255))
    return facts.done()
