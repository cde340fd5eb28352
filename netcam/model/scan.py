"""A run of a sweep and what became of every address it was asked to look at."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_network

MAX_SIX = 1 << 16
"""Addresses of an IPv6 network that are asked one by one: a /112."""


class CoverageState(StrEnum):
    """What became of one address of the scope. Silence is not absence; not reached is not empty."""

    ANSWERED = "answered"
    SILENT = "silent"
    REFUSED = "refused"
    EXCLUDED = "excluded"
    NOT_REACHED = "not reached"
    OFF_SUBNET = "off subnet"
    """It answered from an address outside the network it stands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One address, what became of it, and why."""

    address: str
    state: CoverageState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRecord:
    """One run: what it was asked, when, how it ended and what it sent."""

    id: str
    site: str
    sensor: str = ""
    targets: tuple[str, ...] = ()
    profile: str = "polite"
    scope_id: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    status: str = "running"
    """`running`, `complete`, `interrupted`, or `failed`: a network of the targets could not be reached at all."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Addresses by CoverageState value; `sent.<protocol>.packets` and `.bytes`; packets per device (`sent.device.mean`, `.most`) and
    to each /24 (`sent.network.<network>`)."""
    notes: tuple[str, ...] = ()
    """What the run could not do, in words for the operator."""


def not_looked_at(addresses: Collection[str], looked: Container[str], targets: Iterable[str] = ()) -> list[str]:
    """The addresses of one device that a run over `targets` says nothing of; `looked` are those that it asked, or heard.

    A /64 is asked as a whole, never address by address. So where the run asked another address of the device by itself, its link-local
    addresses and those in such a network of the targets were looked at too; alone they prove nothing.
    """
    left = [address for address in addresses if address not in looked]
    if not left or len(left) == len(addresses):
        return left
    wide = [one for one in map(_wide, targets) if one is not None]
    return [address for address in left if not _asked_as_a_whole(address, wide)]


def _wide(target: str) -> IPv6Network | None:
    try:
        network = ip_network(target)
    except ValueError:  # the name of a file or an interface
        return None
    return network if isinstance(network, IPv6Network) and network.num_addresses > MAX_SIX else None


def _asked_as_a_whole(address: str, wide: Iterable[IPv6Network]) -> bool:
    try:
        one = IPv6Address(address.partition("%")[0])
    except ValueError:
        return False
    return one.is_link_local or any(one in network for network in wide)
