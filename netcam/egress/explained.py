"""How well a destination is explained for a device: declared, documented by its maker, shared by many, another maker's, or by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from netcam.catalog.destinations import SHARED, Destination, Destinations, registrable
from netcam.egress.join import IN, LAN, LAN_IN, TUNNELS, DeviceRef, spelt
from netcam.flows.inside import Network

DECLARED = 0.0
OWN = 0.05
"""The maker's own documented service on a port that the source names, or names none."""
GENERIC = 0.1
"""A time server or resolver that devices of every make use."""
DOCUMENTED = 0.15
"""A documented service while the device's maker is not known: it cannot be said to be somebody else's."""
PLATFORM = 0.2
"""A service that devices of many brands are built on (Tuya, ThroughTek, PPPP): the badge on the device says nothing against it."""
OWN_BY_PORT = 0.3
"""An address without name on a port that the maker's cloud hands out; or the maker's name on another port than documented."""
OWN_SHARED = 0.3
"""The maker's documented store under a hosting company's name that other customers share."""
SHARED_HOST = 0.5
"""A hosting company: the name says who rents the machines, not who rents them from whom."""
LINKED = 0.6
"""An address without name, by peer-to-peer protocol, right after the maker's signalling service: what such a service is for."""
FOREIGN = 0.75
"""A documented service of another maker."""
UNKNOWN = 0.9
"""Nobody explains it. Not 1: that is left to a list of known bad destinations, which netcam does not have."""
INSIDE = 0.3
"""A peer on the estate's own networks: no destination outside, and still nothing that a camera needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """What the site says of itself. Nothing here is guessed: an empty field means that nobody said."""

    declared: tuple[str, ...] = ()
    """Destinations that the operator expects: names, `*.domain`, addresses, networks."""
    internal: tuple[Network, ...] = ()
    resolvers: tuple[str, ...] = ()
    time_servers: tuple[str, ...] = ()
    timezone: str = "UTC"
    closed_hours: tuple[int, int] = (22, 6)
    """Local hours from..to in which nobody works; used for odd hours only."""
    sensitive: bool = False
    """A site whose policy class is sensitive: a restricted device's traffic weighs more."""
    no_internet: bool = False
    """Cameras of this site must not talk to the outside at all."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Strength of what is left unexplained, 0 declared .. 0.9 unknown, and why."""

    left: float
    why: str
    known: Destination | None = None
    declared: bool = False

    @property
    def documented(self) -> bool:
        """Explained by the operator or by the maker's own documents."""
        return self.left <= PLATFORM


@dataclass(slots=True)
class Explainer:
    """Answers once per device type and destination, and remembers."""

    destinations: Destinations
    rules: SiteRules
    _known: dict[tuple[object, ...], Explanation] = field(default_factory=dict)
    _names: frozenset[str] = frozenset()
    _suffixes: tuple[str, ...] = ()
    _networks: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        names, suffixes, networks = set(), [], []
        for text in self.rules.declared:
            lowered = text.lower().rstrip(".")
            try:
                networks.append(ip_network(lowered, strict=False))
            except ValueError:
                if lowered.startswith("*."):
                    suffixes.append(lowered[1:])
                else:
                    names.add(lowered)
        self._names, self._suffixes, self._networks = frozenset(names), tuple(suffixes), tuple(networks)

    def explain(self, ref: DeviceRef, name: str, hi: int, lo: int, side: int, port: int, proto: int) -> Explanation:
        """The explanation of one channel."""
        key = (ref.maker, ref.brand, name, hi, lo, side, port, proto)
        found = self._known.get(key)
        if found is None:
            if len(self._known) > 200_000:  # an address scan over weeks; what is forgotten is computed again
                self._known.clear()
            found = self._known[key] = self._explain(ref, name, hi, lo, side, port, proto)
        return found

    def _explain(self, ref: DeviceRef, name: str, hi: int, lo: int, side: int, port: int, proto: int) -> Explanation:
        address = "" if name else spelt(hi, lo)
        if self._declared(name, address):
            return Explanation(DECLARED, "the operator declared it", declared=True)
        if side in (LAN, LAN_IN):
            return Explanation(INSIDE, "inside the estate")
        if side == IN:
            return Explanation(UNKNOWN, "an outside address that nobody declared")
        known = self.destinations.match(name, maker=ref.maker, brand=ref.brand) if name else None
        if known is None and address:
            known = self.destinations.match_address(address, port, proto, maker=ref.maker)
        if known is None:
            service = self.destinations.match_service(port, proto, maker=ref.maker, brand=ref.brand) if address else None
            if service is not None:
                return Explanation(OWN_BY_PORT, f"no name; port {port} is one that {service.maker}'s cloud hands out", service)
            if name and is_hosting(name):
                return Explanation(SHARED_HOST, f"a host of {registrable(name)}, where many store data")
            if proto in TUNNELS:
                return Explanation(UNKNOWN, "a tunnel to an address that nobody declared")
            return Explanation(UNKNOWN, "no file of destinations and no declaration names it")
        own = known.belongs_to(ref.maker, ref.brand)
        who = f"{' and '.join(known.purposes).replace('_', ' ')} of {known.maker}"
        if known.shared:
            return Explanation(OWN_SHARED if own else SHARED_HOST, f"listed as {who}, under a name that many customers share", known)
        if known.generic:
            fits = known.fits(port, proto) is not False
            if "resolver" in known.purposes and port in (443, 853):
                return Explanation(SHARED_HOST, "a public resolver, asked so that the site cannot read the questions", known)
            return Explanation(
                GENERIC if fits else UNKNOWN, "a public service" if fits else f"a public service, but not on port {port}", known
            )
        if known.fits(port, proto) is False and port not in (80, 443):
            where = f"listed as {who}, but not on port {port}"
            return Explanation(OWN_BY_PORT if own or not ref.maker else FOREIGN, where, known)
        if own:
            return Explanation(OWN, f"listed as {who}", known)
        if known.platform:
            return Explanation(PLATFORM, f"listed as {who}, on which devices of many brands are built", known)
        if not ref.maker and not ref.brand:
            return Explanation(DOCUMENTED, f"listed as {who}; this device's maker is not known", known)
        return Explanation(FOREIGN, f"listed as {who}, which is not this device's maker", known)

    def _declared(self, name: str, address: str) -> bool:
        if name:
            return name in self._names or name.endswith(self._suffixes or ("\0",))
        if not self._networks:
            return False
        at = ip_address(address)
        return any(at.version == net.version and at in net for net in self._networks)


def is_hosting(name: str) -> bool:
    """Whether a name belongs to storage or hosting that anybody can rent."""
    return any(
        name == shared or name.endswith(f".{shared}") for shared in (*SHARED, "backblazeb2.com", "digitaloceanspaces.com", "wasabisys.com")
    )


def strongest(found: Sequence[Explanation]) -> Explanation:
    """The least explained of several."""
    return max(found, key=lambda one: one.left)
