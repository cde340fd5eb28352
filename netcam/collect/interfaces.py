"""The machine's own interfaces and the kernel's neighbour table: what is attached, and who was heard at the link layer."""

from __future__ import annotations

import fcntl
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface
from pathlib import Path

from netcam.catalog.text import nearest
from netcam.errors import ConfigError, shown

_SIOCGIFFLAGS, _SIOCGIFHWADDR = 0x8913, 0x8927  # linux/sockios.h
_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8  # linux/if.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface that is up, with its addresses."""

    name: str
    index: int
    mac: str
    addresses: tuple[IPv4Interface | IPv6Interface, ...]

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of its addresses."""
        return tuple(a.network for a in self.addresses)

    def source_for(self, network: IPv4Network | IPv6Network) -> str | None:
        """Its own address in (or around) `network`, or None."""
        for one in self.addresses:
            if one.version == network.version and (one.ip in network or network.subnet_of(one.network)):  # type: ignore[arg-type]
                return str(one.ip)
        return None

    @property
    def ipv4(self) -> str | None:
        """Its first IPv4 address."""
        return next((str(a.ip) for a in self.addresses if a.version == 4), None)


def attached(only: tuple[str, ...] = ()) -> list[Interface]:
    """Interfaces that are up and not loopback; `only` these names. Raises ConfigError for a name that is not there."""
    import ifaddr

    names = {name: index for index, name in socket.if_nameindex()}
    for name in only:
        if name not in names:
            raise ConfigError("--interface", f"no interface {shown(name)}", nearest(name, names))
    told: dict[str, list[IPv4Interface | IPv6Interface]] = {}
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            told.setdefault(adapter.name, []).append(ip_interface(f"{text}/{ip.network_prefix}"))
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for name, index in names.items():
            if only and name not in only:
                continue
            request = struct.pack("256s", name.encode()[:15])
            flags = struct.unpack_from("<H", fcntl.ioctl(asker.fileno(), _SIOCGIFFLAGS, request), 16)[0]
            if flags & _IFF_LOOPBACK or not flags & _IFF_UP:
                if name in only:
                    raise ConfigError("--interface", f"{shown(name)} is down or loopback", "give an interface that is up (ip link)")
                continue
            mac = fcntl.ioctl(asker.fileno(), _SIOCGIFHWADDR, request)[18:24]
            found.append(Interface(name=name, index=index, mac=mac.hex(":"), addresses=tuple(told.get(name, ()))))
    return sorted(found, key=lambda i: i.index)


def neighbours() -> dict[str, str]:
    """Address -> MAC of the kernel's IPv4 neighbour table, complete entries only (proc(5), /proc/net/arp)."""
    table: dict[str, str] = {}
    try:
        lines = Path("/proc/net/arp").read_text().splitlines()[1:]
    except OSError:
        return table
    for line in lines:
        words = line.split()
        if len(words) >= 4 and int(words[2], 16) & 0x2 and words[3] != "00:00:00:00:00:00":
            table[words[0]] = words[3].lower()
    return table
