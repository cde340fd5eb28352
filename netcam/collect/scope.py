"""What may be swept: the signed-off scope file, or the attached private networks; targets are held against it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
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
from netcam.model import rfc3339
from netcam.model.scan import MAX_SIX

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

PORTS_NEVER = frozenset(range(9100, 9108))
"""Raw print ports: a printer prints whatever connects there."""
MAX_ADDRESSES = 1 << 20
"""Addresses of one run: a /12. More is a mistake, or wants several runs."""
MAX_PREFIX_WITH_ENDS = 24
WEEK_AHEAD = timedelta(days=8)
"""How far ahead the end of a window is looked for: windows come again each week."""
MAX_FILE = 1 << 20
"""Bytes of a scope file; a thousand networks take 30 kB."""

_RATES = ("conversations_per_second", "conversations_per_device", "half_open", "frames_per_second", "datagrams_per_second")
_KEYS = ("id", "authoriser", "expires", "not_before", "windows", "networks", "exclude", "ports_never", "rates")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? +([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.IGNORECASE)
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
    until: datetime | None = None
    """When nothing may leave any more: the end of the window that is open, or `expires`; None: no end is near."""
    signed: bool = False
    """Its Ed25519 signature was held against a key that the operator trusts."""
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


def load(path: Path, *, now: datetime, signer: bytes | None = None) -> Scope:
    """Read a scope file (TOML). Raises ConfigError where it does not parse, ScopeError where it is not in force.

    With `signer` (a raw Ed25519 public key, RFC 8032) it must carry that key's signature in `<path>.sig`.
    """
    where = str(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise ConfigError(where, f"larger than {MAX_FILE} bytes", "give the scope file itself")
        content = path.read_bytes()
        data = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise ConfigError(where, error.strerror or "cannot be read", "check the path of the scope file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(where, f"is not TOML: {error}", "mend the file at this place") from None
    if signer is not None:
        _verify(path, content, signer)
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
        signed=signer is not None,
    )
    closes = None
    if (windows := data.get("windows")) is not None:
        opened = _windows(windows, f"{where}: windows")
        if not _open(opened, now):
            raise ScopeError(where, f"no window is open at {now.astimezone():%a %H:%M %Z}", "wait for a window of the scope file")
        closes = _closes(opened, now)
    begins = _moment(data.get("not_before"), f"{where}: not_before", end=False)
    if begins is not None and now < begins:
        raise ScopeError(where, f"is not in force before {rfc3339(begins, 'seconds')}", "wait, or ask the authoriser for a new scope")
    if scope.expires is not None and now > scope.expires:
        raise ScopeError(where, f"expired at {rfc3339(scope.expires, 'seconds')}", "ask the authoriser for a new scope")
    return replace(scope, until=min((end for end in (closes, scope.expires) if end is not None), default=None))


def sign(path: Path, private_key: bytes) -> Path:
    """Write the Ed25519 signature of a scope file beside it, as hex, for its authoriser; returns the signature's path."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    beside = path.with_name(path.name + ".sig")
    beside.write_text(Ed25519PrivateKey.from_private_bytes(private_key).sign(path.read_bytes()).hex() + "\n")
    return beside


def _verify(path: Path, content: bytes, signer: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    beside = path.with_name(path.name + ".sig")
    try:
        signature = bytes.fromhex(beside.read_text("ascii").strip())
    except OSError:
        raise ScopeError(str(path), "is not signed, and a signer is set", f"ask the authoriser for {beside.name}") from None
    except ValueError:
        raise ScopeError(str(beside), "the signature is not hex", "ask the authoriser to sign the scope file again") from None
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, content)
    except InvalidSignature:
        raise ScopeError(
            str(path), "the signature does not fit: changed, or signed by somebody else", "ask the authoriser to sign the scope file again"
        ) from None


def _windows(value: object, where: str) -> list[tuple[frozenset[int], int, int]]:
    """Days of the week, first and last minute of each window `Mon-Fri 20:00-06:00`. Raises ConfigError."""
    if not isinstance(value, list) or not value:
        raise ConfigError(where, f"{shown(value)} is not a list of windows", 'write windows = ["Mon-Fri 20:00-06:00"]')
    found = []
    for item in value:
        read = _WINDOW.fullmatch(item.strip()) if isinstance(item, str) else None
        if read is None or read[1].lower() not in _DAYS or (read[2] or "mon").lower() not in _DAYS:
            raise ConfigError(where, f"{shown(item)} is not a window", 'write "Mon-Fri 20:00-06:00" or "Sat 00:00-24:00"')
        first = _DAYS.index(read[1].lower())
        days = {(first + n) % 7 for n in range((_DAYS.index((read[2] or read[1]).lower()) - first) % 7 + 1)}
        found.append((frozenset(days), int(read[3]) * 60 + int(read[4]), int(read[5]) * 60 + int(read[6])))
    return found


def _open(windows: Iterable[tuple[frozenset[int], int, int]], now: datetime) -> bool:
    """Whether `now`, in the machine's local time, lies in one of the windows."""
    local = now.astimezone()
    minute, found = local.hour * 60 + local.minute, False
    for days, begin, end in windows:
        if begin < end:
            found |= local.weekday() in days and begin <= minute < end
        else:  # past midnight: the day named is the one it begins on
            found |= local.weekday() in days and minute >= begin
            found |= (local.weekday() - 1) % 7 in days and minute < end
    return found


def _closes(windows: Sequence[tuple[frozenset[int], int, int]], now: datetime) -> datetime | None:
    """When the window that is open at `now` ends, on the minute; None where none does within WEEK_AHEAD."""
    moment = now.replace(second=0, microsecond=0)
    while moment < now + WEEK_AHEAD:
        moment += timedelta(minutes=1)
        if not _open(windows, moment):
            return moment
    return None


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
        wanted = list(scope.networks) if scope else [n for n in private if n.version == 6 or not n.is_link_local]
        if not wanted:
            raise ScopeError(
                "scan", "no private network is attached, and no target is given", "give a target and, if it is not attached, --scope FILE"
            )
    for network in wanted:
        allowed = merge(scope.networks if scope else private)
        if any(network.version == n.version and network.subnet_of(n) for n in allowed):  # type: ignore[arg-type]
            continue
        if scope is not None:
            raise ScopeError(str(network), f"is outside the scope {shown(scope.id)}", "sweep what the scope names, or ask for a wider one")
        what = "is no attached private network" if is_private(network) else "is public address space"
        raise ScopeError(
            str(network), f"{what}, and no scope file names it", "give --scope FILE with the networks you are authorised to sweep"
        )
    merged = merge(wanted)
    total = sum(n.num_addresses for n in merged if countable(n))
    if total > MAX_ADDRESSES:
        raise ConfigError("scan", f"{total} addresses, more than {MAX_ADDRESSES} in one run", "sweep the networks in several runs")
    return merged


def merge(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The same addresses in the fewest networks, IPv4 first."""
    every = list(networks)
    return (
        *collapse_addresses(n for n in every if isinstance(n, IPv4Network)),
        *collapse_addresses(n for n in every if isinstance(n, IPv6Network)),
    )


def countable(network: Network) -> bool:
    """Whether each address can be asked alone. A /64 cannot: there only those are found that answer or announce themselves."""
    return network.version == 4 or network.num_addresses <= MAX_SIX


def no_device(network: Network, attached: Iterable[Network]) -> frozenset[Address]:
    """Addresses at the ends of `network` that no device can have: network and broadcast address of the link it stands on.

    Behind a router the link's prefix is not known: there the ends count as such only for a /24 or larger.
    """
    link = next((n for n in attached if n.version == network.version and network.subnet_of(n)), None)  # type: ignore[arg-type]
    real = link or (network if network.version == 6 or network.prefixlen <= MAX_PREFIX_WITH_ENDS else None)
    if real is None or real.num_addresses <= 2:  # RFC 3021: a /31 has neither
        return frozenset()
    ends: set[Address] = {real.network_address}  # RFC 4291 section 2.6.1: for IPv6 the routers' anycast address
    if real.version == 4:
        ends.add(real.broadcast_address)
    return frozenset(end for end in ends if end in network)


def hosts(network: Network, attached: Iterable[Network] = ()) -> Iterator[Address]:
    """The addresses of `network` that a device may have."""
    without = no_device(network, attached)
    return (address for address in network if address not in without)
