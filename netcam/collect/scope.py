"""What may be swept: the signed-off scope file, or the attached private networks; targets are held against it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
    summarize_address_range,
)
from pathlib import Path

from netcam.catalog.text import nearest
from netcam.errors import ConfigError, ScopeError, shown

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

PORTS_NEVER = frozenset(range(9100, 9108))
"""Raw print ports: a printer prints whatever connects there."""
MAX_ADDRESSES = 1 << 20
"""Addresses of one run: a /12. More is a mistake, or wants several runs."""
MAX_FILE = 1 << 20
"""Bytes of a scope file; a thousand networks take 30 kB."""

_RATES = ("conversations_per_second", "conversations_per_device", "half_open", "frames_per_second")
_KEYS = ("id", "authoriser", "expires", "not_before", "networks", "exclude", "ports_never", "rates")
_DOCUMENTATION = tuple(ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
_PRIVATE = tuple(ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What somebody with the authority to do so allowed to be swept."""

    id: str
    networks: tuple[Network, ...]
    exclude: tuple[Network, ...] = ()
    ports_never: frozenset[int] = PORTS_NEVER
    authoriser: str = ""
    expires: datetime | None = None
    rates: dict[str, float] = field(default_factory=dict)

    def allows(self, address: Address) -> bool:
        """Whether `address` lies in the networks and in no exclusion."""
        return inside(address, self.networks) and not inside(address, self.exclude)


def inside(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of `networks` holds `address`."""
    return any(address.version == n.version and address in n for n in networks)


def is_private(network: Network) -> bool:
    """Whether the whole network is RFC 1918, 3927, 4193, 4291 link-local or documentation (RFC 5737, 3849) space."""
    return any(network.version == p.version and network.subnet_of(p) for p in (*_PRIVATE, *_DOCUMENTATION))  # type: ignore[arg-type]


def load(path: Path, *, now: datetime) -> Scope:
    """Read a scope file (TOML). Raises ConfigError where it does not parse, ScopeError where it is not in force."""
    where = str(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(where, f"larger than {MAX_FILE} bytes", "give the scope file itself")
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(where, error.strerror or "cannot be read", "check the path of the scope file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(where, f"is not TOML: {error}", "mend the file at this place") from None
    for key in data:
        if key not in _KEYS:
            raise ConfigError(f"{where}: {key}", "no such key in a scope file", nearest(key, _KEYS))
    for key in ("id", "authoriser", "networks"):
        if not data.get(key):
            raise ConfigError(f"{where}: {key}", "is missing", f"write {key} = ...: a scope says what is allowed, and who said so")
    ports = data.get("ports_never", [])
    if not isinstance(ports, list) or not all(isinstance(p, int) and 0 < p < 65536 for p in ports):
        raise ConfigError(f"{where}: ports_never", f"{shown(ports)} is not a list of ports", "write ports_never = [502, 102]")
    rates = data.get("rates", {})
    if not isinstance(rates, dict):
        raise ConfigError(f"{where}: rates", f"{shown(rates)} is not a table", "write a [rates] section")
    for key, value in rates.items():
        if key not in _RATES:
            raise ConfigError(f"{where}: rates.{key}", "no such rate", nearest(key, _RATES))
        if not isinstance(value, int | float) or value <= 0:
            raise ConfigError(f"{where}: rates.{key}", f"{shown(value)} is not a positive number", "write a number per second")
    scope = Scope(
        id=str(data["id"]),
        authoriser=str(data["authoriser"]),
        networks=_networks(data["networks"], f"{where}: networks"),
        exclude=_networks(data.get("exclude", []), f"{where}: exclude"),
        ports_never=PORTS_NEVER | frozenset(ports),
        expires=_moment(data.get("expires"), f"{where}: expires", end=True),
        rates={key: float(value) for key, value in rates.items()},
    )
    begins = _moment(data.get("not_before"), f"{where}: not_before", end=False)
    if begins is not None and now < begins:
        raise ScopeError(where, f"is not in force before {begins.isoformat()}", "wait, or ask the authoriser for a new scope")
    if scope.expires is not None and now > scope.expires:
        raise ScopeError(where, f"expired at {scope.expires.isoformat()}", "ask the authoriser for a new scope")
    return scope


def _networks(value: object, where: str) -> tuple[Network, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(where, f"{shown(value)} is not a list of networks", 'write ["10.1.0.0/16"]')
    found: list[Network] = []
    for item in value:
        found += parse_target(item, where)
    return tuple(found)


def _moment(value: object, where: str, *, end: bool) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if isinstance(value, date):
        return datetime.combine(value, time.max if end else time.min, UTC)
    raise ConfigError(where, f"{shown(value)} is not a date", "write expires = 2027-01-31")


def parse_target(text: str, where: str = "target") -> list[Network]:
    """`ADDRESS`, `NETWORK/PREFIX` or `FIRST-LAST` as networks. Names are refused. Raises ConfigError."""
    try:
        if "-" in text:
            first, last = (ip_address(part.strip()) for part in text.split("-", 1))
            if first.version == 4 and last.version == 4:
                return list(summarize_address_range(first, last))
            if first.version == 6 and last.version == 6:
                return list(summarize_address_range(first, last))
            raise ConfigError(where, f"{shown(text)} mixes address families", "give two addresses of one family")
        return [ip_network(text.strip(), strict=False)]
    except (ValueError, TypeError):
        cure = "give an address, a network such as 10.1.2.0/24, or a range such as 10.1.2.10-10.1.2.40; names are not looked up"
        raise ConfigError(where, f"{shown(text)} is not an address, network or range", cure) from None


def decide(targets: Sequence[str], scope: Scope | None, attached: Sequence[Network]) -> tuple[Network, ...]:
    """The networks to sweep. Raises ConfigError for what does not parse, ScopeError for what is not authorised.

    Without targets: the scope's networks, else the attached private ones. Without a scope file only networks inside an
    attached private network are swept.
    """
    wanted: list[Network] = []
    for text in targets:
        wanted += parse_target(text)
    private = [n for n in attached if is_private(n)]
    if not wanted:
        wanted = list(scope.networks) if scope else [n for n in private if n.version == 4 and not n.is_link_local]
        if not wanted:
            raise ScopeError(
                "scan", "no private network is attached, and no target is given", "give a target and, if it is not attached, --scope FILE"
            )
    for network in wanted:
        allowed = scope.networks if scope else private
        if any(network.version == n.version and network.subnet_of(n) for n in allowed):  # type: ignore[arg-type]
            continue
        if scope is not None:
            raise ScopeError(str(network), f"is outside the scope {shown(scope.id)}", "sweep what the scope names, or ask for a wider one")
        what = "is no attached private network" if is_private(network) else "is public address space"
        raise ScopeError(
            str(network), f"{what}, and no scope file names it", "give --scope FILE with the networks you are authorised to sweep"
        )
    merged: tuple[Network, ...] = (
        *collapse_addresses(n for n in wanted if isinstance(n, IPv4Network)),
        *collapse_addresses(n for n in wanted if isinstance(n, IPv6Network)),
    )
    total = sum(n.num_addresses for n in merged)
    if total > MAX_ADDRESSES:
        raise ConfigError("scan", f"{total} addresses, more than {MAX_ADDRESSES} in one run", "sweep the networks in several runs")
    return merged


def hosts(network: Network) -> Iterable[Address]:
    """The addresses of a network that a device may have: without network and broadcast address where it has these."""
    usual: Iterable[Address] = network.hosts() if network.num_addresses > 2 else network
    return usual
