"""Which observations speak of one device. Pure: the same observations give the same devices, whatever the order they came in.

Observations fold into sightings, sightings become presences (one address or MAC in one run); these are taken in order of time, each
to the device whose marks it bears. A serial number outweighs a MAC, because network cards are moved; a device whose serial number differs is
another one whatever else agrees. Nothing ever ties across sites.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from netcam.identify import marks
from netcam.identify.marks import Class, Mark
from netcam.identify.sightings import Addresses, Seen, Sighting, fold, port_of
from netcam.model import Observation

MAX_INTERFACES = 4
"""Places at which one serial number is seen in one run: two wired interfaces, wireless, and one more; above, a batch shares it."""
MAX_SHARERS = 2
"""The same for an identifier or certificate without a serial number beside it."""
MAX_ADDRESSES = 32
"""Addresses of one MAC in one run; above, it is a router that answers for others."""
MANY_MACS = 16
"""MACs on one address in one run from which the operator is told: an address conflict is two, a bond or a cluster a few."""
MAX_NOTES = 20
"""Addresses that are told of; the rest is counted."""
MAX_TIES = 64
"""Ties of one device that are explained; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The operator's word: what bears one of these marks at this site is one device (`join`), or a device of its own (`split`)."""

    kind: str
    """`join` or `split`."""
    site: str
    marks: tuple[str, ...]
    """As `marks.written` writes them, such as `mac:44:19:b6:00:00:01` or `address:192.0.2.7`."""
    number: int = 0
    """Number of the operator's action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Why a sighting was taken to a device."""

    mark: str
    """What they share; empty where the device was new."""
    at: datetime | None
    endpoint: str
    scan: str
    because: str


Place = tuple[str, str, str, str, int]
"""Site, key or MAC, address, scan, day: the observations of one presence."""
Macs = dict[tuple[str, str, int, str], set[str]]
"""Site, scan, day, address -> the MACs that were seen there."""


@dataclass(slots=True)
class _Presence:
    site: str
    who: str
    address: str
    mac: str
    scan: str
    day: int
    key: str
    at: datetime | None
    port: str = ""
    found: set[Mark] = field(default_factory=set)
    serials: dict[str, set[str]] = field(default_factory=dict)
    models: dict[str, set[str]] = field(default_factory=dict)
    ports: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    @property
    def run(self) -> tuple[str, str, int]:
        return self.site, self.scan, self.day

    @property
    def time(self) -> float:
        return self.at.timestamp() if self.at is not None else 0.0

    @property
    def order(self) -> tuple[bool, float, str, str, str, str]:
        """Within a run: what bears marks first, so that an address alone is judged last."""
        return not (self.found or self.mac or self.key), self.time, self.mac, self.address, self.who, self.port


@dataclass(slots=True)
class _Device:
    number: int
    site: str
    first: str
    serials: dict[str, set[str]] = field(default_factory=dict)
    uuids: set[str] = field(default_factory=set)
    models: dict[str, set[str]] = field(default_factory=dict)
    key: str = ""
    apart: frozenset[int] = frozenset()
    macs: set[str] = field(default_factory=set)
    marks: set[Mark] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    ties: list[Tie] = field(default_factory=list)
    more: int = 0
    into: _Device | None = None
    took_in: list[str] = field(default_factory=list)
    since: float = 0.0
    """When it was first seen, and last."""
    until: float = 0.0
    before: _Device | None = None
    """What stood at its address when it first came there with a made-up MAC."""
    run: tuple[str, str, int] | None = None
    run_addresses: set[str] = field(default_factory=set)


class Correlation:
    """Observations -> devices, and why."""

    def __init__(self, presences: dict[tuple[Place, str], _Device], names: dict[int, str], macs: Macs, notes: tuple[str, ...]) -> None:
        self._presences, self._names, self._macs = presences, names, macs
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
            name = self._known[shared] = self._names[_root(found).number] if found is not None else seen.key or "?"
        return name

    def keys(self, wanted: Container[tuple[str, str]]) -> dict[str, set[str]]:
        """Site -> under which keys (Observation.key) these devices (site, name) were seen; others may have been seen under them too."""
        told: dict[str, set[str]] = {}
        for ((site, who, address, _, _), _), device in self._presences.items():
            if (site, self._names[_root(device).number]) in wanted:
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

    def _all(self) -> list[_Device]:
        return sorted({_root(one).number: _root(one) for one in self._presences.values()}.values(), key=lambda one: one.number)


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
    whole: dict[Place, _Presence] = {}
    for one in seen:
        where = _place(macs, one.site, one.key, one.mac, one.address, one.scan, one.day)
        presence = whole.get(where)
        if presence is None:
            mac = one.mac or (where[1] if not one.key else "")
            presence = whole[where] = _Presence(one.site, where[1], one.address, mac, one.scan, one.day, one.key, one.at)
        _join(presence, one)
    split = {where: _by_port(presence) for where, presence in whole.items()}
    everyone = [s for some in split.values() for s in some]
    start: dict[tuple[str, str, int], float] = {}
    for here in everyone:
        start[here.run] = min(here.time, start.get(here.run, here.time))
    everyone.sort(key=lambda s: (s.day != 0, start[s.run], s.run, s.order))
    crowded = {where for where, several in macs.items() if len(several) > 1}
    assigned, names = _Assigner(everyone, corrections, crowded).run()
    found = {(where, s.port): assigned[id(s)] for where, some in split.items() for s in some}
    return Correlation(found, names, macs, _notes(macs))


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


def _join(presence: _Presence, one: Sighting) -> None:
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


def _by_port(presence: _Presence) -> list[_Presence]:
    """One presence, or several where an address forwards ports to devices whose serial numbers differ."""
    parted = {
        port: told
        for by_port in presence.ports.values()
        if len(by_port) > 1 and not set.intersection(*by_port.values())
        for port, told in by_port.items()
    }
    if not parted or "" in parted:
        return [presence]
    rest = _Presence(
        presence.site, presence.who, presence.address, presence.mac, presence.scan, presence.day, presence.key, presence.at
    )  # fmt: skip
    pieces = [rest]
    for port, told in sorted(parted.items()):
        piece = _Presence(presence.site, presence.who, presence.address, "", presence.scan, presence.day, presence.key, presence.at, port)
        piece.serials = {name: by_port[port] for name, by_port in presence.ports.items() if port in by_port}
        piece.found = {(Class.SERIAL, one) for one in told}
        pieces.append(piece)
    return pieces


def _root(device: _Device) -> _Device:
    while device.into is not None:
        device = device.into
    return device


class _Assigner:
    """Takes sightings in order of time to devices."""

    def __init__(self, sightings: list[_Presence], corrections: Sequence[Correction], crowded: set[tuple[str, str, int, str]]) -> None:
        self._sightings, self._crowded = sightings, crowded
        self._devices: list[_Device] = []
        self._owner: dict[tuple[str, Mark], _Device] = {}
        self._at: dict[tuple[str, str], _Device] = {}
        self._joined: dict[tuple[str, Mark], set[int]] = {}
        self._apart: dict[tuple[str, Mark], set[int]] = {}
        for order, word in enumerate(corrections):
            for text in word.marks:
                mark = marks.read(text)
                if mark is not None:
                    (self._joined if word.kind == "join" else self._apart).setdefault((word.site, mark), set()).add(
                        word.number or order + 1
                    )

    def run(self) -> tuple[dict[int, _Device], dict[int, str]]:
        """Sighting -> device, and the devices' names."""
        for one in self._sightings:
            if one.mac and (told := marks.mac(one.mac)):
                one.found.add((Class.MAC, told))
            if one.key:
                one.found.add((Class.KEY, one.key))
        self._drop_shared()
        assigned = {id(one): self._assign(one) for one in self._sightings}
        return assigned, self._names()

    def _drop_shared(self) -> None:
        """Take away the marks that several devices bear at once: they tell nobody apart."""
        holders: dict[tuple[tuple[str, str, int], Mark], set[str]] = {}
        serials: dict[tuple[tuple[str, str, int], Mark], list[dict[str, set[str]]]] = {}
        for one in self._sightings:
            interface = one.mac or one.address or one.who
            for mark in one.found:
                if mark[0] is Class.MAC:
                    holders.setdefault((one.run, mark), set()).add(one.address)
                elif mark[0] > Class.KEY:
                    holders.setdefault((one.run, mark), set()).add(interface)
                if mark[0] > Class.SERIAL and one.serials:
                    serials.setdefault((one.run, mark), []).append(one.serials)
        shared: set[tuple[str, Mark]] = set()
        of_run: set[tuple[tuple[str, str, int], Mark]] = set()
        for (run, mark), who in holders.items():
            told = serials.get((run, mark), [])
            parted = any(_differ(told[0], other) for other in told[1:])
            bound = {Class.SERIAL: MAX_INTERFACES, Class.MAC: MAX_ADDRESSES}.get(mark[0], MAX_INTERFACES if told else MAX_SHARERS)
            if len(who) > bound or parted:
                if mark[0] is Class.MAC:
                    of_run.add((run, mark))  # a bridge today; the card of one device tomorrow
                else:
                    shared.add((run[0], mark))
        for one in self._sightings:
            one.found = {mark for mark in one.found if (one.site, mark) not in shared and (one.run, mark) not in of_run}
            if shared:
                one.serials = {
                    name: kept for name, told in one.serials.items() if (kept := {s for s in told if (one.site, (Class.SERIAL, s)) not in shared})
                }  # fmt: skip

    def _assign(self, one: _Presence) -> _Device:
        bears = sorted(one.found)
        everything = [*bears, (Class.ADDRESS, one.address)] if one.address else bears
        apart = frozenset(n for mark in everything for n in self._apart.get((one.site, mark), ()))
        joined = sorted({n for mark in everything for n in self._joined.get((one.site, mark), ())})
        bears = [(Class.OPERATOR, str(n)) for n in joined] + bears
        chosen: _Device | None = None
        by: Mark | None = None
        for mark in bears:
            owner = self._owner.get((one.site, mark))
            if owner is None:
                continue
            owner = _root(owner)
            if owner is chosen or owner.apart != apart or not self._fits(owner, one, mark):
                continue
            if chosen is None:
                chosen, by = owner, mark
            elif self._one_device(chosen, owner, mark):
                chosen = self._merge(chosen, owner, mark, one)
        if chosen is None and one.address and (lent := self._at.get((one.site, one.address))) is not None:
            lent, mark = _root(lent), (Class.ADDRESS, one.address)
            if lent.apart == apart and self._fits(lent, one, mark):
                chosen, by = lent, mark
        if chosen is None:
            chosen = _Device(
                len(self._devices), one.site, one.key or one.mac or one.address or "?", apart=apart, key=one.key, since=one.time
            )
            chosen.before = self._at.get((one.site, one.address))
            self._devices.append(chosen)
        chosen = self._with_earlier(chosen, one)
        self._learn(chosen, one, bears, by)
        return chosen

    def _with_earlier(self, device: _Device, one: _Presence) -> _Device:
        """Take in what was seen of a device before it told enough to be known by."""
        mark = (Class.ADDRESS, one.address)
        here = self._at.get((one.site, one.address))
        if here is not None and self._came_back(device, _root(here), one):
            return self._merge(device, _root(here), mark, one)
        before = _root(device.before) if device.before is not None and one.models and not device.models else device
        if before is not device and before.apart == device.apart and before.until < device.since and self._fits(before, one, mark):
            return self._merge(before, device, mark, one)
        return device

    def _came_back(self, device: _Device, here: _Device, one: _Presence) -> bool:
        """Whether a device stands at an address where nothing but the address was known since it was last seen."""
        bare = here is not device and not here.marks and here.addresses == {one.address} and here.apart == device.apart
        return bare and device.until < here.since and not _differ(here.models, one.models)

    def _fits(self, device: _Device, one: _Presence, mark: Mark) -> bool:
        """Whether nothing says that a sighting is of another device than the one whose mark it bears."""
        if mark[0] is Class.OPERATOR:
            return True
        if one.key and device.key and one.key != device.key:
            return False
        if mark[0] is Class.KEY:
            return True
        if _differ(device.serials, one.serials):
            return False
        if mark[0] is Class.SERIAL:
            return True
        if mark[0] is not Class.ADDRESS and len({kind for kind, _ in one.found & device.marks}) > 1:
            return True  # two marks of two kinds: a model that reads differently is a new firmware
        mine = {value for kind, value in one.found if kind is Class.UUID}
        if mark[0] is Class.MAC:
            # a card moved to a device that is known by its own identifier, or to one of another model
            others = {_root(o).number for u in mine if (o := self._owner.get((one.site, (Class.UUID, u)))) is not None}
            return not (others and device.number not in others and device.uuids) and not _differ(device.models, one.models)
        if mark[0] is Class.ADDRESS:
            if (mine and device.uuids and not mine & device.uuids) or _differ(device.models, one.models):
                return False
            if device.run == one.run and one.address not in device.run_addresses:
                return False  # it was seen elsewhere in this run: its old address is lent to another
            known = {value for kind, value in one.found if kind is Class.MAC}
            if not known or not device.macs:
                return not one.mac and not one.key
            # a device that makes up a MAC at every start, known by its model at the same address
            made_up = all(map(marks.is_local, known)) and all(map(marks.is_local, device.macs))
            return made_up and any(one.models[name] & device.models.get(name, set()) for name in one.models)
        return not _differ(device.models, one.models)

    def _one_device(self, a: _Device, b: _Device, mark: Mark) -> bool:
        """Whether two devices may be one, now that a sighting bears marks of both."""
        if mark[0] is Class.OPERATOR:
            return True
        if a.key and b.key and a.key != b.key:
            return False
        if _differ(a.serials, b.serials) or _differ(a.models, b.models):
            return False
        if mark[0] is Class.MAC and a.serials and not b.serials and b.uuids and a.uuids and not a.uuids & b.uuids:
            return False
        return not (a.uuids and b.uuids and not a.uuids & b.uuids and not (a.serials and b.serials))

    def _merge(self, a: _Device, b: _Device, mark: Mark, one: _Presence) -> _Device:
        """Two devices were one all along; the one seen first stays."""
        first, second = (a, b) if a.number < b.number else (b, a)
        second.into = first
        first.took_in += [second.first, *second.took_in]
        for mine, theirs in ((first.serials, second.serials), (first.models, second.models)):
            for name, told in theirs.items():
                mine.setdefault(name, set()).update(told)
        first.uuids |= second.uuids
        first.macs |= second.macs
        first.marks |= second.marks
        first.addresses |= second.addresses
        first.key = first.key or second.key
        first.until = max(first.until, second.until)
        self._tell(first, Tie(mark=marks.written(mark), at=one.at, endpoint=one.address, scan=one.scan, because=f"joins {second.first}"))
        for tie in second.ties:
            self._tell(first, tie)
        first.more += second.more
        return first

    def _learn(self, device: _Device, one: _Presence, bears: list[Mark], by: Mark | None) -> None:
        fresh = one.address not in device.addresses or any(mark not in device.marks for mark in bears) or by is None
        for mark in bears:
            self._owner[one.site, mark] = device
        for name, told in one.serials.items():
            device.serials.setdefault(name, set()).update(told)
        for name, told in one.models.items():
            # the latest counts: a device keeps its model, a description may be mended
            device.models[name] = set(told)
        device.uuids |= {value for kind, value in one.found if kind is Class.UUID}
        device.macs |= {value for kind, value in one.found if kind is Class.MAC}
        device.marks.update(bears)
        device.key = device.key or one.key
        if device.first == "?":
            device.first = one.key or one.mac or one.address or "?"
        device.until = max(device.until, one.time)
        if device.run != one.run:
            device.run, device.run_addresses = one.run, set()
        if one.address:
            device.addresses.add(one.address)
            device.run_addresses.add(one.address)
            if (*one.run, one.address) in self._crowded or one.port:
                self._at.pop((one.site, one.address), None)  # several answer there: it names nobody
            else:
                self._at[one.site, one.address] = device
        if fresh:
            because = _BECAUSE[by[0]] if by is not None else "first seen"
            self._tell(
                device,
                Tie(
                    mark=marks.written(by) if by is not None else "",
                    at=one.at,
                    endpoint=one.address or one.mac,
                    scan=one.scan,
                    because=because,
                ),
            )

    def _tell(self, device: _Device, tie: Tie) -> None:
        if len(device.ties) < MAX_TIES:
            device.ties.append(tie)
        else:
            device.more += 1

    def _names(self) -> dict[int, str]:
        """A device is called by what it was first seen by; a later one with the same name gets a number."""
        taken: dict[tuple[str, str], int] = {}
        names = {}
        for device in self._devices:
            if device.into is None:
                count = taken[device.site, device.first] = taken.get((device.site, device.first), 0) + 1
                names[device.number] = device.first if count == 1 else f"{device.first}~{count}"
        return names


_BECAUSE = {
    Class.OPERATOR: "the operator joined them",
    Class.KEY: "the source gives the same key",
    Class.SERIAL: "the same serial number",
    Class.UUID: "the same identifier",
    Class.CERTIFICATE: "the same certificate",
    Class.MAC: "the same MAC, and nothing contradicts",
    Class.ADDRESS: "the same address, no MAC seen, and nothing contradicts",
}


def _differ(a: dict[str, set[str]], b: dict[str, set[str]]) -> bool:
    """Whether both tell a field, with no value in common, and agree on no other field."""
    both = a.keys() & b.keys()
    return bool(both) and not any(a[name] & b[name] for name in both)
