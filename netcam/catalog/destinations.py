"""What cameras call (fingerprints/destinations/): clouds, relays, updates, time servers, each with its source; matched by whole labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from netcam.catalog.text import nearest, read, typed
from netcam.errors import ContentError, shown

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

PURPOSES = (
    "p2p_signalling", "p2p_relay", "stun_turn", "cloud_api", "cloud_config", "cloud_storage", "telemetry", "push", "update", "ntp", "ddns",
    "connectivity_check", "mqtt_events", "voice_relay", "management", "resolver",
)  # fmt: skip
MEDIA_PURPOSES = frozenset({"p2p_relay", "cloud_storage", "voice_relay", "stun_turn"})
"""Purposes that video or pictures may have: volume to them is what they are for."""
CONFIDENCES = ("high", "medium", "low")
ROLES = ("device", "app", "both", "")
SHARED = ("amazonaws.com", "cloudfront.net", "windows.net", "aliyuncs.com", "myqcloud.com", "googleapis.com", "azure.com", "github.io")
"""Names that many customers share although the Public Suffix List does not have them; none may stand as a suffix of one maker."""

T = TypeVar("T")

_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?/(tcp|udp|any)")
_PATTERN = re.compile(r"[a-z0-9-]*\*[a-z0-9-]*(\.[a-z0-9_-]+)+")
_PROTOCOLS = {"tcp": 6, "udp": 17, "any": 0}


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One destination with a name."""

    purposes: list[str]
    source: list[str]
    confidence: str
    exact: str = ""
    suffix: str = ""
    pattern: str = ""
    ports: list[str] = []
    role: str = ""
    shared: bool = False
    note: str = ""


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One service that devices reach by address, after their maker's cloud told them to."""

    purposes: list[str]
    source: list[str]
    confidence: str
    ports: list[str] = []
    addresses: list[str] = []
    note: str = ""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One maker's destinations."""

    maker: str
    sources: dict[str, str]
    destinations: list[Entry]
    brands: list[str] = []
    platform: bool = False
    generic: bool = False
    jurisdiction: str = ""
    jurisdiction_source: str = ""
    hosting_seen: list[str] = []
    notes: list[str] = []
    services: list[Service] = []
    resolvers: list[str] = []


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination that a name or an address belongs to."""

    maker: str
    name: str
    purposes: tuple[str, ...]
    confidence: str
    sources: tuple[str, ...]
    note: str = ""
    ports: tuple[tuple[int, int, int], ...] = ()
    """First port, last port, IP protocol (0: either); empty: not told."""
    brands: tuple[str, ...] = ()
    jurisdiction: str = ""
    """ISO 3166 code of the operator's seat where sourced; where a server stands is another question."""
    role: str = ""
    platform: bool = False
    """A service that devices of many brands are built on."""
    generic: bool = False
    """A service that devices of every make use."""
    shared: bool = False
    """A name under which many customers of a hosting company store data."""

    def fits(self, port: int, protocol: int) -> bool | None:
        """Whether the port is one that the source names; None where it names none."""
        if not self.ports:
            return None
        return any(low <= port <= high and at in (0, protocol) for low, high, at in self.ports)

    def belongs_to(self, *names: str | None) -> bool:
        """Whether one of maker and brand is this destination's."""
        mine = {self.maker.casefold(), *(b.casefold() for b in self.brands)}
        return any(name is not None and name.casefold() in mine for name in names)


@dataclass(frozen=True, slots=True)
class Destinations:
    """All of them."""

    exact: dict[str, tuple[Destination, ...]]
    suffix: dict[str, tuple[Destination, ...]]
    digest: str
    patterns: dict[str, tuple[tuple[str, Destination], ...]] = field(default_factory=dict)
    """Registrable domain -> pattern and destination."""
    addresses: dict[str, tuple[Destination, ...]] = field(default_factory=dict)
    services: dict[str, tuple[Destination, ...]] = field(default_factory=dict)
    """Maker or brand in lower case -> services that its devices reach by address."""
    resolvers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Resolver that firmware has built in -> makers."""

    @property
    def makers(self) -> frozenset[str]:
        """Makers whose own devices these destinations explain; platforms and public services belong to no one maker."""
        listed = [*self.exact.values(), *self.suffix.values(), *self.addresses.values(), *self.services.values()]
        found = [d for several in listed for d in several] + [d for several in self.patterns.values() for _, d in several]
        return frozenset(d.maker for d in found if not d.platform and not d.generic)

    def match(self, name: str | None, *, maker: str | None = None, brand: str | None = None) -> Destination | None:
        """The destination that `name` belongs to, by whole labels (`evilhik-connect.com` is not `hik-connect.com`).

        Where several share it, the one of `maker` or `brand` comes first; the most specific name wins otherwise.
        """
        if not name:
            return None
        labels = name.lower().rstrip(".").split(".")
        whole = ".".join(labels)
        found: list[Destination] = list(self.exact.get(whole, ()))
        for n in range(1, len(labels)):
            found += [d for pattern, d in self.patterns.get(".".join(labels[n:]), ()) if _fits(pattern, whole)]
        for n in range(len(labels) - 1):
            found += self.suffix.get(".".join(labels[n:]), ())
        own = next((d for d in found if d.belongs_to(maker, brand)), None)
        return own or next((d for d in found if d.generic), found[0] if found else None)

    def match_address(self, address: str, port: int, protocol: int, *, maker: str | None = None) -> Destination | None:
        """The destination that lists this very address on this port."""
        found = [d for d in self.addresses.get(address, ()) if d.fits(port, protocol) is not False]
        return next((d for d in found if d.belongs_to(maker)), found[0] if found else None)

    def match_service(self, port: int, protocol: int, *, maker: str | None, brand: str | None = None) -> Destination | None:
        """The service of this maker (or of a platform, where the port is rare enough) that is reached by address on this port."""
        for name in (maker, brand):
            for one in self.services.get(name.casefold(), ()) if name else ():
                if one.fits(port, protocol):
                    return one
        return None


def _fits(pattern: str, name: str) -> bool:
    """Whether `name` fits a pattern whose one `*` stands inside its first label."""
    before, _, after = pattern.partition("*")
    middle = name[len(before) : len(name) - len(after)] if len(name) > len(before) + len(after) else ""
    return bool(middle) and name.startswith(before) and name.endswith(after) and "." not in middle


@cache
def suffixes() -> PublicSuffixList:
    """The Public Suffix List (publicsuffix.org) as the installed package has it; read once, 0.2 s."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


@cache
def registrable(name: str) -> str:
    """The domain that somebody registered (`a.example.co.uk` -> `example.co.uk`); the name itself where it is a public suffix."""
    lowered = name.lower().rstrip(".")
    return str(suffixes().privatesuffix(lowered) or lowered)


def is_public_suffix(name: str) -> bool:
    """Whether anybody can register names under `name`."""
    return suffixes().privatesuffix(name) is None


def load(root: Path) -> Destinations:
    """Read all destination files. Raises ContentError with file, line and cure."""
    exact: dict[str, list[Destination]] = {}
    suffix: dict[str, list[Destination]] = {}
    patterns: dict[str, list[tuple[str, Destination]]] = {}
    addresses: dict[str, list[Destination]] = {}
    services: dict[str, list[Destination]] = {}
    resolvers: dict[str, list[str]] = {}
    digest = hashlib.sha256()
    for path in sorted((root / "destinations").glob("*.yaml")):
        document = read(path, name=f"destinations/{path.name}")
        file = typed(document, File)
        digest.update(path.read_bytes())
        if file.jurisdiction and not file.jurisdiction_source:
            raise ContentError(document.at("jurisdiction"), "a jurisdiction without its source", "add jurisdiction_source")
        for n, entry in enumerate(file.destinations):
            where = document.at("destinations", n)
            name = _named(entry, where)
            made = _made(file, name, entry, where)
            if entry.pattern:
                patterns.setdefault(name.partition(".")[2], []).append((name, made))
            else:
                (exact if entry.exact else suffix).setdefault(name, []).append(made)
        for n, service in enumerate(file.services):
            where = document.at("services", n)
            if not service.ports and not service.addresses:
                raise ContentError(where, "neither ports nor addresses", "a service without a name needs one of them")
            made = _made(file, "", service, where)
            for text in service.addresses:
                addresses.setdefault(_address(text, where), []).append(made)
            if not service.addresses and not file.generic:
                for owner in (file.maker, *file.brands):
                    services.setdefault(owner.casefold(), []).append(made)
        for text in file.resolvers:
            resolvers.setdefault(_address(text, document.at("resolvers")), []).append(file.maker)
    return Destinations(
        _frozen(exact), _frozen(suffix), digest.hexdigest(), _frozen(patterns), _frozen(addresses), _frozen(services), _frozen(resolvers)
    )


def _frozen(lists: dict[str, list[T]]) -> dict[str, tuple[T, ...]]:
    return {key: tuple(values) for key, values in lists.items()}


def _address(text: str, where: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ContentError(where, f"{shown(text)} is no address", "write it as 192.0.2.1") from None


def _named(entry: Entry, where: str) -> str:
    """The one name of an entry. Raises ContentError where it has none, or swallows what others may register."""
    given = [text for text in (entry.exact, entry.suffix, entry.pattern) if text]
    if len(given) != 1:
        raise ContentError(where, "give one of exact, suffix and pattern", "suffix: example.com covers the name and everything under it")
    name = given[0].lower()
    if entry.pattern:
        if not _PATTERN.fullmatch(name) or is_public_suffix(name.partition(".")[2]):
            raise ContentError(
                where, f"the pattern {shown(name)} is a wildcard over a public suffix or over whole labels", "one * inside the first label"
            )
    elif "*" in name or "." not in name:
        raise ContentError(where, f"{shown(name)} is a wildcard or a bare word", "name the service itself; pattern allows one *")
    elif entry.suffix and (is_public_suffix(name) or name in SHARED):
        raise ContentError(where, f"{shown(name)} is a suffix that many share", "name the service itself")
    elif entry.exact and not entry.shared and (is_public_suffix(name) or any(name == s or name.endswith(f".{s}") for s in SHARED)):
        raise ContentError(where, f"{shown(name)} is a host that many share", "say so with shared: true")
    return name


def _made(file: File, name: str, entry: Entry | Service, where: str) -> Destination:
    """A destination with its words checked."""
    for words, known, what in (
        (entry.purposes, PURPOSES, "purpose"),
        ([entry.confidence], CONFIDENCES, "confidence"),
        ([entry.role] if isinstance(entry, Entry) else [], ROLES, "role"),
    ):
        for word in words:
            if word not in known:
                raise ContentError(where, f"no {what} {shown(word)}", nearest(word, known))
    if not entry.purposes:
        raise ContentError(where, "no purpose", nearest("", PURPOSES))
    for source in entry.source:
        if source not in file.sources:
            raise ContentError(
                where, f"no source {shown(source)} in this file", nearest(source, file.sources) if file.sources else "add it"
            )
    return Destination(
        maker=file.maker, name=name, purposes=tuple(entry.purposes), confidence=entry.confidence,
        sources=tuple(file.sources[s] for s in entry.source), note=entry.note, ports=tuple(_ports(entry.ports, where)),
        brands=tuple(file.brands), jurisdiction=file.jurisdiction, role=entry.role if isinstance(entry, Entry) else "device",
        platform=file.platform, generic=file.generic, shared=isinstance(entry, Entry) and entry.shared,
    )  # fmt: skip


def _ports(texts: Iterable[str], where: str) -> Iterable[tuple[int, int, int]]:
    for text in texts:
        found = _PORT.fullmatch(text)
        low = int(found[1]) if found else 0
        high = int(found[2] or low) if found else 0
        if not found or not 0 < low <= high <= 65535:
            raise ContentError(where, f"{shown(text)} is no port", "write 8555/tcp, 123/udp, 8800/any or 16500-65000/udp")
        yield low, high, _PROTOCOLS[found[3]]
