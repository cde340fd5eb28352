"""What a sweep alone does not show: cameras seen only by DHCP or ARP, ones that are gone, ones that moved; each with its dates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from netcam.inventory.history import missing_at
from netcam.inventory.port import Inventory
from netcam.model import Identity, Observation

SILENT = frozenset({"arp", "ndp", "dhcp", "leases"})
"""Ways of being seen without having answered anything."""
SWEEPS = frozenset({"polite", "standard", "deep"})
MAX_PLACES = 32
"""Addresses or ports of one device that are held: a lease a day for a month."""
OVERLAP = timedelta(hours=1)
"""A device that is seen at two addresses within this time has both, and did not move."""


class What(StrEnum):
    """Why a device is in the list."""

    NEVER_ANSWERED = "seen only by DHCP or ARP"
    GONE = "no longer on the network"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A place, from when to when the device was seen there."""

    place: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One device and why it is told."""

    what: What
    device: Identity
    first: datetime | None
    last: datetime | None
    stays: tuple[Stay, ...] = ()
    detail: str = ""


@dataclass(slots=True)
class _Trace:
    """What is held of one device while its observations pass."""

    answered: bool = False
    first: datetime | None = None
    last: datetime | None = None
    addresses: dict[str, list[datetime]] = field(default_factory=dict)
    ports: dict[str, list[datetime]] = field(default_factory=dict)
    switch: dict[tuple[str, datetime], str] = field(default_factory=dict)


def leftovers(inventory: Inventory, site: str) -> Iterator[Leftover]:
    """The leftovers of a site by device; those that are known to be no cameras are left out."""
    devices = [one for one in inventory.identities(site=site, evidence=False) if one.is_camera is not False and "#" not in one.device]
    owner = {key: one.device for one in devices for key in (*one.addresses, *one.macs, one.device)}
    traces = _traces(inventory.observations(site=site), owner)
    gone = missing_at(inventory, site, devices)
    for one in sorted(devices, key=lambda device: device.device):
        trace = traces.get(one.device, _Trace())
        if not trace.answered and trace.first is not None:
            yield _line(
                What.NEVER_ANSWERED, one, trace, "it has not answered a question yet: wireless, filtered, or switched off when asked"
            )
        sweep = gone.get(one.device)
        if sweep is not None and sweep.started is not None and trace.last is not None and trace.last < sweep.started:
            yield _line(What.GONE, one, trace, f"not seen in the sweep of {sweep.started:%Y-%m-%d %H:%M} UTC, which asked its addresses")
        for kind, stays in (("address", moves(trace.addresses)), ("switch port", moves(trace.ports))):
            if len(stays) > 1:
                yield Leftover(
                    what=What.MOVED, device=one, first=trace.first, last=trace.last, stays=stays,
                    detail=f"{kind}: " + ", then ".join(f"{s.place} ({s.first:%Y-%m-%d} to {s.last:%Y-%m-%d})" for s in stays[-4:]),
                )  # fmt: skip


def _line(what: What, device: Identity, trace: _Trace, detail: str) -> Leftover:
    return Leftover(what=what, device=device, first=trace.first, last=trace.last, stays=moves(trace.addresses), detail=detail)


def _traces(observations: Iterable[Observation], owner: dict[str, str]) -> dict[str, _Trace]:
    """A trace per device, in memory that grows with the devices and not with what was seen of them."""
    traces: dict[str, _Trace] = {}
    for one in observations:
        device = owner.get(one.device) or owner.get(one.mac) or owner.get(one.address)
        if device is None:
            continue
        trace = traces.setdefault(device, _Trace())
        if one.via == "snmp" and one.field.startswith("switch."):
            _port(trace, one)
            continue  # a switch remembers a device for a while: that is no sign of life
        trace.answered = trace.answered or one.via not in SILENT
        if one.at is None:
            continue
        trace.first = min(trace.first or one.at, one.at)
        trace.last = max(trace.last or one.at, one.at)
        if one.address:
            _stay(trace.addresses, one.address, one.at)
    return traces


def _port(trace: _Trace, one: Observation) -> None:
    """A port is told in two observations of one moment: the switch's name (or address), then the port."""
    if one.at is None:
        return
    if one.field in ("switch.name", "switch.address"):
        if len(trace.switch) < MAX_PLACES:
            trace.switch[one.field, one.at] = one.value
    elif one.field == "switch.port":
        name = trace.switch.pop(("switch.name", one.at), "") or trace.switch.get(("switch.address", one.at), "")
        trace.switch.clear()
        _stay(trace.ports, f"{name} {one.value}".strip(), one.at)


def _stay(places: dict[str, list[datetime]], place: str, at: datetime) -> None:
    held = places.get(place)
    if held is None:
        if len(places) >= MAX_PLACES:
            del places[min(places, key=lambda name: places[name][1])]
        places[place] = [at, at]
    else:
        held[0], held[1] = min(held[0], at), max(held[1], at)


def moves(places: dict[str, list[datetime]]) -> tuple[Stay, ...]:
    """The places one after the other; places at which it was at the same time are no move and are told by the later one alone."""
    ordered = sorted((Stay(place=place, first=held[0], last=held[1]) for place, held in places.items()), key=lambda s: (s.first, s.place))
    found: list[Stay] = []
    for stay in ordered:
        if found and stay.first <= found[-1].last + OVERLAP and found[-1].first + OVERLAP > stay.first:
            found[-1] = max(found[-1], stay, key=lambda s: s.last)
            continue
        found.append(stay)
    return tuple(found)


def counted(lines: Sequence[Leftover]) -> dict[str, int]:
    """How many of each."""
    return {what.value: sum(one.what is what for one in lines) for what in What}
