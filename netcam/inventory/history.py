"""What happened when: changes by field with their source and scan, who was missing at a date, and the timeline of a device or an address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from netcam.inventory.diff import Change, diff, looked_at
from netcam.inventory.port import Action, FindingVersion, IdentityVersion, Inventory
from netcam.model import SLOTS, Coverage, CoverageState, Identity, Observation, ScanRecord, not_looked_at

LOOK_BACK = 26
"""Runs of the same targets that are searched for the one that last covered a device: half a year of weekly ones."""
MAX_RUNS = 500
"""Runs that are searched in all: a site may be swept network by network."""
READ = frozenset({"import", "passive"})
"""Profiles of runs that may have read a file of another day: only the times of what they observed tell when that was."""
MAX_SOURCES = 4
"""Fingerprints or sensors that one change names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a timeline. `old` and `new` are None where a value was or is unknown."""

    at: datetime
    what: str
    """`first seen`, `changed`, `missing`, `returned`, `finding`, `moved here`, or the kind of an operator's action."""
    device: str
    site: str = ""
    field: str = ""
    old: str | None = None
    new: str | None = None
    scan: str = ""
    source: str = ""
    """Who says so: fingerprints and the sensors they rest on, a rule, or an operator."""


def changelog(versions: Sequence[IdentityVersion]) -> list[Event]:
    """The history of one device as changes by field."""
    told: list[Event] = []
    before: Identity | None = None
    for version in versions:
        now = version.identity
        shared = {"device": now.device, "site": now.site, "scan": version.scan}
        if before is None:
            told.append(Event(at=version.at, what="first seen", new=_all(now.addresses), source=_sources(now, None), **shared))
        for slot in SLOTS:
            old, new = before.get(slot) if before else None, now.get(slot)
            if old != new:
                told.append(Event(at=version.at, what="changed", field=slot, old=old, new=new, source=_sources(now, slot), **shared))
        for name in ("addresses", "macs"):
            old, new = _all(getattr(before, name)) if before else None, _all(getattr(now, name))
            if before is not None and old != new:
                told.append(Event(at=version.at, what="changed", field=name, old=old, new=new, source=_sources(now, None), **shared))
        before = now
    return told


def _all(values: Iterable[str]) -> str | None:
    return ", ".join(sorted(values)) or None


def _sources(identity: Identity, slot: str | None) -> str:
    """The fingerprints that say the slot's value, and the sensors of what they rest on."""
    claims = [c for c in identity.because if slot is None or (c.slot == slot and c.value == identity.get(slot))]
    names = list(dict.fromkeys(c.by for c in claims)) if slot is not None else []
    sensors = sorted({o.sensor for c in claims for o in c.because if o.sensor})
    return ", ".join([*names[:MAX_SOURCES], *(f"sensor {sensor}" for sensor in sensors[:MAX_SOURCES])])


def missing_at(inventory: Inventory, site: str, identities: Sequence[Identity], at: datetime | None = None) -> dict[str, ScanRecord]:
    """Devices that were missing as of `at`, each with the scan that found it so.

    The newest finished scan that covered all addresses of the device did not see it, and neither did any later run.
    """
    runs = [s for s in inventory.scans(site) if at is None or (_ended(s) is not None and _ended(s) <= at)]  # type: ignore[operator]
    runs.sort(key=lambda s: s.started.timestamp() if s.started else 0.0, reverse=True)
    open_ = {one.device: one for one in identities if one.site == site and one.addresses}
    found: dict[str, ScanRecord] = {}
    read: list[ScanRecord] = []
    times: Counter[tuple[str, ...]] = Counter()
    for run in runs[:MAX_RUNS]:
        times[run.targets] += 1
        if times[run.targets] > LOOK_BACK:
            continue
        if run.profile in READ:
            read.append(run)
        else:
            for seen in inventory.identities(scan=run.id, evidence=False):
                open_.pop(seen.device, None)
        if not open_:
            break
        if run.status != "complete":
            continue
        looked = looked_at(inventory.coverage(run.id))
        gone = [one for one in open_.values() if not not_looked_at(one.addresses, looked, run.targets)]
        gone = _not_seen_since(inventory, read, gone, run)
        for one in gone:
            found[one.device] = run
            del open_[one.device]
    return found


def _not_seen_since(inventory: Inventory, read: list[ScanRecord], gone: list[Identity], sweep: ScanRecord) -> list[Identity]:
    """Those of `gone` that no run which listened or read files after `sweep` tells of from after it: last year's file shows nobody back."""
    left = {one.device: one for one in gone}
    for run in read:
        present = [left[one.device] for one in inventory.identities(scan=run.id, evidence=False) if one.device in left] if left else []
        if present:
            marks = {mark for one in inventory.observations(scan=run.id, since=sweep.started) for mark in _marks(one)}
            for one in present:
                if not marks.isdisjoint((one.device, *one.addresses, *one.macs)):
                    del left[one.device]
    return list(left.values())


def _marks(one: Observation) -> tuple[str, ...]:
    return tuple(mark for mark in (one.key, one.mac, one.address) if mark)


def _ended(scan: ScanRecord) -> datetime | None:
    return scan.finished or scan.started


def known_before(inventory: Inventory, at: datetime | None, site: str) -> set[tuple[str, str]]:
    """(site, device) of the devices that were seen before a time."""
    return {(d.site, d.device) for d in inventory.devices(site=site) if at is not None and d.first_seen is not None and d.first_seen < at}


def between(inventory: Inventory, earlier: datetime, later: datetime, *, site: str | None = None) -> list[Change]:
    """What changed from one date to another: new, changed, missing and returned devices."""
    before, after = (inventory.identities(at, site=site, evidence=False) for at in (earlier, later))
    places = sorted({one.site for one in (*before, *after)})
    gone_before = {(place, name) for place in places for name in missing_at(inventory, place, before, earlier)}
    gone_after = {(place, name) for place in places for name in missing_at(inventory, place, after, later)}
    covered = [
        Coverage(address=address, state=CoverageState.SILENT)
        for one in (*before, *after) if (one.site, one.device) in gone_after for address in one.addresses
    ]  # fmt: skip
    return diff(
        [one for one in before if (one.site, one.device) not in gone_before],
        [one for one in after if (one.site, one.device) not in gone_after],
        coverage_after=covered,
        seen_earlier={(one.site, one.device) for one in before},
    )


def timeline(inventory: Inventory, site: str, device: str) -> list[Event]:
    """Everything that happened to a device, in order of time."""
    versions = inventory.history(device, site=site)
    told = changelog(versions)
    told += _presence(inventory, site, device, versions)
    told += _findings(inventory.finding_history(device, site=site))
    told += [_action(action, site, device) for action in inventory.actions() if concerns(action, site, device)]
    return sorted(told, key=lambda one: (one.at, _ORDER.get(one.what, 9), one.field))


_ORDER = {"first seen": 0, "returned": 1, "changed": 2, "finding": 3, "missing": 4}


def _presence(inventory: Inventory, site: str, device: str, versions: Sequence[IdentityVersion]) -> list[Event]:
    """When a finished scan that covered it did not see the device, and when it was back."""
    if not versions:
        return []
    seen_in, told, missing = inventory.scans_of(device, site=site), [], None
    runs = sorted((s for s in inventory.scans(site) if s.started is not None), key=lambda s: (s.started, s.id))
    seen_before = False
    for run in runs:
        at = _ended(run)
        assert at is not None
        if run.id in seen_in:
            shown = [v.identity for v in versions if v.at <= at] or [versions[0].identity]
            if missing is not None and run.profile in READ and _not_seen_since(inventory, [run], shown[-1:], missing):
                continue  # it tells of days before the device was missed
            if missing is not None:
                told.append(Event(at=at, what="returned", device=device, site=site, scan=run.id, source=f"scan {run.id}"))
            seen_before, missing = True, None
            continue
        if missing is not None or not seen_before or run.status != "complete":
            continue
        addresses = [v.identity.addresses for v in versions if v.at <= at]
        last = addresses[-1] if addresses else ()
        if last and not not_looked_at(last, looked_at(c for one in last for c in inventory.coverage(run.id, address=one)), run.targets):
            missing = run
            told.append(
                Event(at=at, what="missing", device=device, site=site, old=_all(last), scan=run.id, source=f"scan {run.id} covered it")
            )
    return told


def _findings(versions: Iterable[FindingVersion]) -> list[Event]:
    told, before = [], dict[str, str]()
    for version in versions:
        one = version.finding
        new = one.verdict.value if one.verdict is not None else one.severity
        old = before.get(one.key)
        if old != new:
            name = f"{one.rule} {one.subject}".strip()
            told.append(
                Event(
                    at=version.at,
                    what="finding",
                    device=one.device,
                    site=one.site,
                    field=name,
                    old=old,
                    new=new,
                    scan=version.scan,
                    source=one.rule,
                )
            )
        before[one.key] = new
    return told


def concerns(action: Action, site: str, device: str) -> bool:
    """Whether an operator's action names a device: by name, or as one that took another in."""
    try:
        told = msgspec.json.decode(action.body)
    except msgspec.DecodeError:
        return False
    if not isinstance(told, dict) or told.get("site", site) != site:
        return False
    into = told.get("into")
    return device in (told.get("device"), told.get("former")) or (isinstance(into, dict) and (device in into or device in into.values()))


def _action(action: Action, site: str, device: str) -> Event:
    text = action.body.decode("utf-8", "replace")
    return Event(at=action.at, what=action.kind, device=device, site=site, new=text[:500], source=action.by or "unnamed")
