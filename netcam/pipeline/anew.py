"""Stored observations judged by the present content, without a sweep."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from netcam.model import SLOTS, Identity, Site

if TYPE_CHECKING:
    from netcam.identify.correlate import Correlation
    from netcam.inventory.corrections import Corrections, Move
    from netcam.inventory.port import Inventory, Spans

    Judgement = tuple[list[Identity], dict[str, str], tuple[Move, ...], Spans]
from netcam.pipeline.content import Content
from netcam.pipeline.judging import assess, sign, spans

WORTH_A_PROCESS = 2_000


"""Devices from which judging them again in several processes is worth the second that each takes to start."""


@dataclass(frozen=True, slots=True)
class Reidentified:
    """One device whose identity another catalog sees differently."""

    device: str
    site: str
    before: Identity
    after: Identity

    def differences(self) -> dict[str, tuple[str | None, str | None]]:
        """Slot -> old and new value, of the slots that differ."""
        return {s: (self.before.get(s), self.after.get(s)) for s in SLOTS if self.before.get(s) != self.after.get(s)}


def reidentify(
    inventory: Inventory, content: Content, *, site: str | None, now: datetime, keep: bool, by: str = "netcam", target: str | None = None
) -> Iterator[Reidentified]:
    """Judge all stored observations by the present catalog and the operator's corrections, and yield what changes.

    Sites are independent: where `target` says how another process opens the same store, large ones are judged side by side.

    Which device is which is told anew too. With `keep` the new identities are stored, and devices that are part of
    another one by now leave the list.
    """
    from netcam.inventory import corrections, remarks

    known = {(one.site, one.device): one for one in inventory.identities(site=site, evidence=False)}
    holds = corrections.read(inventory)
    places = sorted({one.site for one in known.values()})
    by_place: dict[str, dict[str, Identity]] = {place: {} for place in places}
    for (where, device), one in known.items():
        by_place[where][device] = one
    judged: Iterable[Judgement]
    if target is not None and len(places) > 1 and len(known) >= WORTH_A_PROCESS:
        judged = _in_processes(target, content, places)
    else:
        judged = (_anew(inventory, content, place, holds, by_place[place]) for place in places)
    for place, (fresh, into, moves, times) in zip(places, judged, strict=True):
        mine = by_place[place]
        if keep:
            remarks.take_in(inventory, place, into, now, by=by)
            corrections.follow(inventory, moves, now, by=by)
            inventory.save_identities(None, fresh, now, seen=times)
            remarks.give_back(inventory, place, now, by=by)
        yield from _differing(place, mine, fresh)


def _anew(inventory: Inventory, content: Content, place: str, holds: Corrections, known: Mapping[str, Identity]) -> Judgement:
    """The identities of one site that differ from the known ones, the devices that are part of another one by now, locks that moved, and
    when the devices that are new were seen: judging is no sighting of the others."""
    from netcam.identify import correlate, identify
    from netcam.inventory import corrections
    from netcam.model.collector import paused

    with paused():
        seen = list(inventory.observations(site=place))
        devices = correlate(seen, holds.ties)
        into = _taken_in(devices, place, {(place, device): one for device, one in known.items()})
        holds, moves = corrections.placed(holds, place, {name for _, name in devices.devices()}, into)
        fresh = []
        for told in identify(seen, content.matcher, devices, current=True):
            one = corrections.locked(told, holds.locks.get((told.site, told.device), ()))
            before = known.get(one.device)
            if before is None or _told(before) != _told(one):
                fresh.append(one)
        new = {one.device for one in fresh} - known.keys()
        times = spans((one for one in seen if devices.device_of(one) in new), devices) if new else {}
    return fresh, into, moves, times


def _told(one: Identity) -> tuple[object, ...]:
    """What an identity says, without the evidence for it."""
    return one.slots, one.confidence, one.locked, sorted(one.addresses), sorted(one.macs)


def _in_processes(target: str, content: Content, places: Sequence[str]) -> Iterator[Judgement]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    workers = min(len(places), os.cpu_count() or 1)
    _ = content.matcher  # a forked process has it already
    way = "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"
    with ProcessPoolExecutor(workers, mp_context=get_context(way), initializer=_start, initargs=(target, content)) as pool:
        yield from pool.map(_judge_place, places)


_started: tuple[Inventory, Content, Corrections]


def _start(target: str, content: Content) -> None:
    global _started  # one process judges many sites with one matcher and one open store
    from netcam.inventory import corrections, open_inventory

    inventory = open_inventory(target)
    _started = inventory, content, corrections.read(inventory)


def _judge_place(place: str) -> Judgement:
    inventory, content, holds = _started
    return _anew(inventory, content, place, holds, {one.device: one for one in inventory.identities(site=place, evidence=False)})


def _differing(place: str, known: Mapping[str, Identity], fresh: Iterable[Identity]) -> Iterator[Reidentified]:
    for one in fresh:
        before = known.get(one.device)
        if before is not None:
            changed = Reidentified(one.device, place, before, one)
            if changed.differences():
                yield changed


def _taken_in(devices: Correlation, site: str, known: Mapping[tuple[str, str], Identity]) -> dict[str, str]:
    """Devices of the list that are part of another one by now -> that one."""
    live = devices.devices().keys()
    into = {old: new for (place, old), new in devices.absorbed().items() if place == site and (site, old) in known}
    for place, name in known:
        if place == site and (site, name) not in live and name not in into:
            bearers = {devices.bearer(site, f"mac:{mac}") for mac in known[place, name].macs} - {None}
            if len(bearers) == 1:
                into[name] = str(bearers.pop())
    return into


def rejudge(inventory: Inventory, content: Content, site: Site, now: datetime, *, by: str) -> list[Reidentified]:
    """Judge what is stored of a site by the corrections that hold now, policies too; returns what changed."""
    from netcam.inventory.decided import device_records

    changed = list(reidentify(inventory, content, site=site.id, now=now, keep=True, by=by))
    identities = inventory.identities(site=site.id)
    inventory.save_findings(None, assess(identities, content, site, now, device_records(inventory, [site.id])), now)
    sign(inventory, now)
    return changed
