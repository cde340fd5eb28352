"""Which observations speak of one device. Pure: the same observations give the same devices, whatever the order they came in.

Observations fold into sightings, sightings become presences (one address or MAC in one run); these are taken in order of time, each
to the device whose marks it bears. A serial number outweighs a MAC, because network cards are moved; a device whose serial number differs is
another one whatever else agrees. Nothing ever ties across sites.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType

from netcam.identify import marks
from netcam.identify.assign import Assigner, Correction, Device, Presence, Tie, root
from netcam.identify.marks import Class
from netcam.identify.sightings import Addresses, Seen, Sighting, fold, port_of
from netcam.model import Observation

MANY_MACS = 16
"""MACs on one address in one run from which the operator is told: an address conflict is two, a bond or a cluster a few."""
MAX_NOTES = 20
"""Addresses that are told of; the rest is counted."""
Place = tuple[str, str, str, str, int]
"""Site, key or MAC, address, scan, day: the observations of one presence."""
Macs = dict[tuple[str, str, int, str], set[str]]
"""Site, scan, day, address -> the MACs that were seen there."""


class Correlation:
    """Observations -> devices, and why."""

    def __init__(
        self,
        presences: dict[tuple[Place, str], Device],
        names: dict[int, str],
        macs: Macs,
        notes: tuple[str, ...],
        lent: Mapping[tuple[str, str, int, str], int] = MappingProxyType({}),
    ) -> None:
        self._presences, self._names, self._macs, self._lent = presences, names, macs, lent
        self._addresses = Addresses()
        self._known: dict[tuple[str, str, str, str, str, int], str] = {}
        self.notes = notes
        """What the operator should look at: addresses on which more devices were seen than can be."""

    def device_of(self, seen: Observation) -> str:
        """The device that an observation speaks of: one of those that were correlated, else its own key."""
        day = seen.at.toordinal() if seen.at is not None else 0
        shared = (seen.site, seen.device, seen.mac, seen.endpoint, seen.scan, day)
        name = self._known.get(shared)
        if name is None:
            place = _place(self._macs, seen.site, seen.device, seen.mac, self._addresses[seen.endpoint], seen.scan, day)
            found = self._presences.get((place, port_of(seen))) or self._presences.get((place, ""))
            name = self._known[shared] = self._names[root(found).number] if found is not None else seen.key or "?"
        return name

    def own(self, observations: Sequence[Observation]) -> Sequence[Observation]:
        """Those that tell of a device itself: a MAC that stood for several addresses in a run is a router's, whose card says nothing of
        what is behind it."""
        return [one for one in observations if not self._of_a_router(one)] if self._lent else observations

    def _of_a_router(self, one: Observation) -> bool:
        if one.field not in ("mac", "oui"):
            return False
        mac = marks.mac(one.value if one.field == "mac" else one.mac)
        return (one.site, one.scan, one.at.toordinal() if one.at is not None else 0, mac) in self._lent

    def keys(self, wanted: Container[tuple[str, str]]) -> dict[str, set[str]]:
        """Site -> under which keys (Observation.key) these devices (site, name) were seen; others may have been seen under them too."""
        told: dict[str, set[str]] = {}
        for ((site, who, address, _, _), _), device in self._presences.items():
            if (site, self._names[root(device).number]) in wanted:
                told.setdefault(site, set()).update({word for word in (who, address) if word} or {""})
        return told

    def devices(self) -> dict[tuple[str, str], tuple[Tie, ...]]:
        """(site, device) -> its ties."""
        return {(one.site, self._names[one.number]): tuple(one.ties) for one in self._all()}

    def marks(self, site: str, device: str) -> tuple[str, ...]:
        """What the device is known by, strongest first, written."""
        for one in self._all():
            if (one.site, self._names[one.number]) == (site, device):
                told = sorted(one.marks) + [(Class.ADDRESS, address) for address in sorted(one.addresses)]
                return tuple(marks.written(mark) for mark in told)
        return ()

    def bearer(self, site: str, mark: str) -> str | None:
        """The one device of a site that bears a written mark; None where none does, or several did."""
        wanted = marks.read(mark)
        found = [one for one in self._all() if one.site == site and wanted in one.marks]
        return self._names[found[0].number] if len(found) == 1 else None

    def absorbed(self) -> dict[tuple[str, str], str]:
        """(site, name) of a device that was taken for one of its own -> the device it belongs to now."""
        live = {(one.site, self._names[one.number]) for one in self._all()}
        told = {}
        for one in self._all():
            for first in one.took_in:
                if (one.site, first) not in live:
                    told[one.site, first] = self._names[one.number]
        return told

    def _all(self) -> list[Device]:
        return sorted({root(one).number: root(one) for one in self._presences.values()}.values(), key=lambda one: one.number)


def group(observations: Iterable[Observation], devices: Correlation | None = None) -> dict[tuple[str, str], list[Observation]]:
    """(site, device) -> observations, each list in the order given; `devices` where more is known than these observations."""
    seen = list(observations)
    known = devices if devices is not None else correlate(seen)
    found: dict[tuple[str, str], list[Observation]] = {}
    for one in seen:
        found.setdefault((one.site, known.device_of(one)), []).append(one)
    return found


def correlate(observations: Iterable[Observation], corrections: Sequence[Correction] = ()) -> Correlation:
    """The devices behind observations. Give all that is known of a site: what is left out cannot tie or part anything."""
    folded: dict[Seen, Sighting] = {}
    fold(observations, folded)
    return correlate_sightings(folded.values(), corrections)


def correlate_sightings(sightings: Iterable[Sighting], corrections: Sequence[Correction] = ()) -> Correlation:
    """The devices behind sightings, as `correlate` tells them from the observations that were folded to these."""
    seen = list(sightings)
    macs: Macs = {}
    for one in seen:
        if one.mac and one.address and not one.key:
            macs.setdefault((one.site, one.scan, one.day, one.address), set()).add(one.mac)
    whole: dict[Place, Presence] = {}
    for one in seen:
        where = _place(macs, one.site, one.key, one.mac, one.address, one.scan, one.day)
        presence = whole.get(where)
        if presence is None:
            mac = one.mac or (where[1] if not one.key else "")
            presence = whole[where] = Presence(one.site, where[1], one.address, mac, one.scan, one.day, one.key, one.at)
        _join(presence, one)
    split = {where: _by_port(presence) for where, presence in whole.items()}
    everyone = [s for some in split.values() for s in some]
    start: dict[tuple[str, str, int], float] = {}
    for here in everyone:
        start[here.run] = min(here.time, start.get(here.run, here.time))
    everyone.sort(key=lambda s: (s.day != 0, start[s.run], s.run, s.order))
    crowded = {where for where, several in macs.items() if len(several) > 1}
    assigner = Assigner(everyone, corrections, crowded)
    assigned, names = assigner.run()
    found = {(where, s.port): assigned[id(s)] for where, some in split.items() for s in some}
    return Correlation(found, names, macs, (*_notes(macs), *_routers(assigner.lent)), assigner.lent)


def _place(macs: Macs, site: str, key: str, mac: str, address: str, scan: str, day: int) -> Place:
    who = key or mac
    if not who and address:
        known = macs.get((site, scan, day, address), ())
        who = next(iter(known)) if len(known) == 1 else ""
    # the address too: one MAC may stand for several devices (a bridge), one key for several interfaces
    return site, who, address, scan, day


def _notes(macs: dict[tuple[str, str, int, str], set[str]]) -> tuple[str, ...]:
    """A line for each address with more MACs in one run than a device, a conflict or a cluster has."""
    many = sorted((site, address, scan, len(several)) for (site, scan, _, address), several in macs.items() if len(several) > MANY_MACS)
    told = [
        f"{address}: {count} MACs were seen on this address in one run{f' ({scan})' if scan else ''}: something makes up addresses there. "
        "Each is kept as a device of its own; look at the switch port, and exclude the address if it is known"
        for _, address, scan, count in many[:MAX_NOTES]
    ]
    return (*told, *([f"{len(many) - MAX_NOTES} further addresses with many MACs"] if len(many) > MAX_NOTES else ()))


def _routers(lent: Mapping[tuple[str, str, int, str], int]) -> tuple[str, ...]:
    """A line for each MAC that stood for several addresses in one run."""
    told = [
        f"{mac}: answered for {count} addresses in one run{f' ({scan})' if scan else ''}, as a router does: its prefix names none of them"
        for (_, scan, _, mac), count in sorted(lent.items())
    ]
    return (*told[:MAX_NOTES], *([f"{len(told) - MAX_NOTES} further MACs with many addresses"] if len(told) > MAX_NOTES else ()))


def _join(presence: Presence, one: Sighting) -> None:
    """Take a sighting into its presence."""
    if one.at is not None and (presence.at is None or one.at < presence.at):
        presence.at = one.at
    if one.mac and one.key and one.mac != presence.mac:  # a source's key may stand over several cards
        presence.found |= {(Class.MAC, told) for mac in (one.mac, presence.mac) if (told := marks.mac(mac))}
        presence.mac = min(presence.mac or one.mac, one.mac)
    presence.found |= one.found
    for name, values in one.models.items():
        presence.models.setdefault(name, set()).update(values)
    for name, by_port in one.serials.items():
        for port, serials in by_port.items():
            presence.found.update((Class.SERIAL, serial) for serial in serials)
            presence.serials.setdefault(name, set()).update(serials)
            presence.ports.setdefault(name, {}).setdefault(port, set()).update(serials)


def _by_port(presence: Presence) -> list[Presence]:
    """One presence, or several where an address forwards ports to devices whose serial numbers differ."""
    parted = {
        port: told
        for by_port in presence.ports.values()
        if len(by_port) > 1 and not set.intersection(*by_port.values())
        for port, told in by_port.items()
    }
    if not parted or "" in parted:
        return [presence]
    rest = Presence(
        presence.site, presence.who, presence.address, presence.mac, presence.scan, presence.day, presence.key, presence.at
    )  # fmt: skip
    pieces = [rest]
    for port, told in sorted(parted.items()):
        piece = Presence(presence.site, presence.who, presence.address, "", presence.scan, presence.day, presence.key, presence.at, port)
        piece.serials = {name: by_port[port] for name, by_port in presence.ports.items() if port in by_port}
        piece.found = {(Class.SERIAL, one) for one in told}
        pieces.append(piece)
    return pieces
