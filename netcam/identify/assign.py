"""Takes presences in order of time, each to the device whose marks it bears: what ties, what parts, and why.

A serial number outweighs a MAC, because network cards are moved; a device whose serial number differs is another one whatever else
agrees. Nothing ever ties across sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from netcam.identify import marks
from netcam.identify.marks import Class, Mark

MAX_INTERFACES = 4
"""Places at which one serial number is seen in one run: two wired interfaces, wireless, and one more; above, a batch shares it."""
MAX_SHARERS = 2
"""The same for an identifier or certificate without a serial number beside it."""
MAX_ADDRESSES = 32
"""Addresses of one MAC in one run; above, it is a router that answers for others."""
MAX_IPV4 = 3
"""The same for IPv4, of which a device has one, one set by hand beside it, and one that changed during the run."""
MAX_TIES = 64
"""Ties of one device that are explained; the rest is counted."""
_LINK_LOCAL = "169.254."


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


@dataclass(slots=True)
class Presence:
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
class Device:
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
    into: Device | None = None
    took_in: list[str] = field(default_factory=list)
    since: float = 0.0
    """When it was first seen, and last."""
    until: float = 0.0
    before: Device | None = None
    """What stood at its address when it first came there with a made-up MAC."""
    run: tuple[str, str, int] | None = None
    run_addresses: set[str] = field(default_factory=set)


def root(device: Device) -> Device:
    while device.into is not None:
        device = device.into
    return device


class Assigner:
    """Takes sightings in order of time to devices."""

    def __init__(self, sightings: list[Presence], corrections: Sequence[Correction], crowded: set[tuple[str, str, int, str]]) -> None:
        self._sightings, self._crowded = sightings, crowded
        self._devices: list[Device] = []
        self._owner: dict[tuple[str, Mark], Device] = {}
        self._at: dict[tuple[str, str], Device] = {}
        self._joined: dict[tuple[str, Mark], set[int]] = {}
        self._apart: dict[tuple[str, Mark], set[int]] = {}
        self.lent: dict[tuple[str, str, int, str], int] = {}
        """Site, scan, day and MAC that stood for several addresses (a router's, and no tell of what is behind it) -> how many."""
        for order, word in enumerate(corrections):
            for text in word.marks:
                mark = marks.read(text)
                if mark is not None:
                    (self._joined if word.kind == "join" else self._apart).setdefault((word.site, mark), set()).add(
                        word.number or order + 1
                    )

    def run(self) -> tuple[dict[int, Device], dict[int, str]]:
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
        answered: dict[tuple[tuple[str, str, int], Mark], set[str]] = {}
        serials: dict[tuple[tuple[str, str, int], Mark], list[dict[str, set[str]]]] = {}
        for one in self._sightings:
            interface = one.mac or one.address or one.who
            for mark in one.found:
                if mark[0] is Class.MAC:
                    holders.setdefault((one.run, mark), set()).add(one.address)
                    if not one.key and "." in one.address and not one.address.startswith(_LINK_LOCAL):
                        answered.setdefault((one.run, mark), set()).add(one.address)
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
            lent = len(answered.get((run, mark), ())) > MAX_IPV4
            if lent:
                self.lent[*run, mark[1]] = len(answered[run, mark])
            if len(who) > bound or parted or lent:
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

    def _assign(self, one: Presence) -> Device:
        bears = sorted(one.found)
        everything = [*bears, (Class.ADDRESS, one.address)] if one.address else bears
        apart = frozenset(n for mark in everything for n in self._apart.get((one.site, mark), ()))
        joined = sorted({n for mark in everything for n in self._joined.get((one.site, mark), ())})
        bears = [(Class.OPERATOR, str(n)) for n in joined] + bears
        chosen: Device | None = None
        by: Mark | None = None
        for mark in bears:
            owner = self._owner.get((one.site, mark))
            if owner is None:
                continue
            owner = root(owner)
            if owner is chosen or owner.apart != apart or not self._fits(owner, one, mark):
                continue
            if chosen is None:
                chosen, by = owner, mark
            elif self._one_device(chosen, owner, mark):
                chosen = self._merge(chosen, owner, mark, one)
        if chosen is None and one.address and (lent := self._at.get((one.site, one.address))) is not None:
            lent, mark = root(lent), (Class.ADDRESS, one.address)
            if lent.apart == apart and self._fits(lent, one, mark):
                chosen, by = lent, mark
        if chosen is None:
            chosen = Device(
                len(self._devices), one.site, one.key or one.mac or one.address or "?", apart=apart, key=one.key, since=one.time
            )
            chosen.before = self._at.get((one.site, one.address))
            self._devices.append(chosen)
        chosen = self._with_earlier(chosen, one)
        self._learn(chosen, one, bears, by)
        return chosen

    def _with_earlier(self, device: Device, one: Presence) -> Device:
        """Take in what was seen of a device before it told enough to be known by."""
        mark = (Class.ADDRESS, one.address)
        here = self._at.get((one.site, one.address))
        if here is not None and self._came_back(device, root(here), one):
            return self._merge(device, root(here), mark, one)
        before = root(device.before) if device.before is not None and one.models and not device.models else device
        if before is not device and before.apart == device.apart and before.until < device.since and self._fits(before, one, mark):
            return self._merge(before, device, mark, one)
        return device

    def _came_back(self, device: Device, here: Device, one: Presence) -> bool:
        """Whether a device stands at an address where nothing but the address was known since it was last seen."""
        bare = here is not device and not here.marks and here.addresses == {one.address} and here.apart == device.apart
        return bare and device.until < here.since and not _differ(here.models, one.models)

    def _fits(self, device: Device, one: Presence, mark: Mark) -> bool:
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
            others = {root(o).number for u in mine if (o := self._owner.get((one.site, (Class.UUID, u)))) is not None}
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

    def _one_device(self, a: Device, b: Device, mark: Mark) -> bool:
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

    def _merge(self, a: Device, b: Device, mark: Mark, one: Presence) -> Device:
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

    def _learn(self, device: Device, one: Presence, bears: list[Mark], by: Mark | None) -> None:
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

    def _tell(self, device: Device, tie: Tie) -> None:
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
