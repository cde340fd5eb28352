"""Who talked with whom, as source and destination: the shape in which every format tells traffic."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from netcam.model import Finding, Identity, Traffic
from netcam.wire import is_address

TRANSPORT = {1: "icmp", 4: "ipip", 6: "tcp", 17: "udp", 41: "ipv6", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp"}
"""IANA's keywords for protocol numbers, in lower case."""
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?)*\.?")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a conversation."""

    address: str = ""
    """An IP address without zone, or nothing."""
    name: str = ""
    """A host name, or nothing."""
    port: int = 0
    mac: str = ""
    device: str = ""
    """Key of the device, at its end."""
    bytes: int | None = None
    packets: int | None = None


def is_host(text: str) -> bool:
    """Whether a text is a host name: what else a device sends as a name is no value for a field of names."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None and not is_address(text)


def device_end(identity: Identity | None, key: str) -> End:
    """The end of a device; of several addresses the first."""
    if identity is None:
        return End(device=key, address=key if is_address(key) else "")
    addresses = [plain for address in identity.addresses if is_address(plain := address.partition("%")[0])]
    return End(device=key, address=addresses[0] if addresses else "", mac=identity.macs[0] if identity.macs else "")


def of_traffic(one: Traffic, identity: Identity | None, key: str) -> tuple[End, End]:
    """Source and destination: who began is the source, and the port is that of the destination."""
    mine = device_end(identity, key)
    here = replace(mine, bytes=one.bytes_out, packets=one.packets_out)
    peer = End(
        address=one.address if is_address(one.address) else "", name=one.name if is_host(one.name) else "", bytes=one.bytes_in,
        packets=one.packets_in,
    )  # fmt: skip
    first, second = (peer, here) if one.way.startswith("from") else (here, peer)
    return first, replace(second, port=one.port)


def of_finding(finding: Finding, identity: Identity | None) -> tuple[End, End] | None:
    """Source and destination of an egress finding: of its first traffic, else of a subject that is an address or a name."""
    if finding.kind != "egress":
        return None
    if finding.traffic:
        return of_traffic(finding.traffic[0], identity, finding.device)
    subject = finding.subject
    if is_address(subject):
        return device_end(identity, finding.device), End(address=subject)
    return (device_end(identity, finding.device), End(name=subject)) if is_host(subject) else None


def direction(way: str) -> str:
    """`outbound`, `inbound` or `internal`."""
    return "internal" if way.endswith("inside") else "inbound" if way.startswith("from") else "outbound"
