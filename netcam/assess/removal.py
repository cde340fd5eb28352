"""The removal programme: what became of each device that has to go, step by step, folded from the actions that are kept for ever.

`verified absent` is recorded by a completed scan that covered every address of the device, never by hand. A device that is seen again
after its removal is open again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from netcam.assess.decisions import MAX_TEXT, Act
from netcam.errors import ConfigError, nearest, shown
from netcam.model import Coverage, CoverageState, ScanRecord, not_looked_at

REMOVAL = "removal"
"""Kind of action that this module writes and reads."""


class Step(StrEnum):
    """Steps in their order. `reopened` follows a sighting and goes back to the start."""

    IDENTIFIED = "identified"
    CONFIRMED = "confirmed"
    """Somebody stood before it."""
    ISOLATED = "isolated"
    REMOVED = "removed"
    VERIFIED = "verified absent"
    REOPENED = "reopened"


BY_HAND = (Step.CONFIRMED, Step.ISOLATED, Step.REMOVED)
"""Steps that a person records; the others follow from findings and scans."""
_ORDER = {Step.IDENTIFIED: 0, Step.REOPENED: 0, Step.CONFIRMED: 1, Step.ISOLATED: 2, Step.REMOVED: 3, Step.VERIFIED: 4}
GONE = frozenset({Step.REMOVED, Step.VERIFIED})
LOOKED_AT = frozenset({CoverageState.ANSWERED, CoverageState.SILENT, CoverageState.REFUSED})
"""States of an address that a scan looked at; excluded or not reached says nothing of what stands there."""


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    site: str
    device: str
    rule: str
    step: Step | None = None
    """None where only owner or due day change."""
    on: date
    owner: str = ""
    due: date | None = None
    note: str = ""
    scan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One step that was taken."""

    step: Step
    on: date
    by: str
    at: datetime
    note: str = ""
    scan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One device that has to go, and under which rule."""

    site: str
    device: str
    rule: str
    steps: tuple[Taken, ...] = ()
    owner: str = ""
    due: date | None = None

    @property
    def state(self) -> Step:
        """The last step."""
        return self.steps[-1].step

    @property
    def opened(self) -> date:
        """The day of the first step."""
        return self.steps[0].on

    @property
    def gone_since(self) -> datetime | None:
        """From when on it is gone: when the step was recorded, or the end of its day where it was recorded later. None while it stands."""
        if self.state not in GONE:
            return None
        taken = next(one for one in reversed(self.steps) if one.step is Step.REMOVED or one is self.steps[0])
        return taken.at if taken.at.astimezone(UTC).date() == taken.on else datetime.combine(taken.on + timedelta(days=1), time.min, UTC)

    def state_on(self, day: date) -> Step | None:
        """The last step taken on or before a day; None before it was opened."""
        taken = [one.step for one in self.steps if one.on <= day]
        return taken[-1] if taken else None

    def overdue(self, on: date) -> bool:
        """Whether its due day has passed and it still stands."""
        return self.due is not None and on > self.due and self.state not in GONE


Items = Mapping[tuple[str, str, str], Item]
"""(site, device, rule) -> item."""


def fold(actions: Iterable[Act]) -> Items:
    """The items of all actions in order. A body that does not parse, which nothing here writes, is passed over."""
    items: dict[tuple[str, str, str], Item] = {}
    for action in actions:
        if action.kind != REMOVAL:
            continue
        try:
            body = msgspec.json.decode(action.body, type=_Body)
        except msgspec.DecodeError:
            continue
        key = (body.site, body.device, body.rule)
        item = items.get(key)
        if item is None:
            if body.step is not Step.IDENTIFIED:
                continue
            item = Item(site=body.site, device=body.device, rule=body.rule)
        steps = item.steps
        if body.step is not None:
            steps = (*steps, Taken(step=body.step, on=body.on, by=action.by, at=action.at, note=body.note, scan=body.scan))
        items[key] = replace(item, steps=steps, owner=body.owner or item.owner, due=body.due or item.due)
    return dict(sorted(items.items()))


def seen_again(items: Items, seen: Mapping[tuple[str, str], datetime]) -> Items:
    """The items, reopened where their device was seen after it was removed. `seen` is (site, device) -> last seen."""
    return {key: _reopened(item, seen.get((item.site, item.device))) for key, item in items.items()}


def _reopened(item: Item, last: datetime | None) -> Item:
    gone = item.gone_since
    if last is None or gone is None or last <= gone:
        return item
    again = Taken(step=Step.REOPENED, on=last.date(), by="netcam", at=last, note="it was seen again")
    return replace(item, steps=(*item.steps, again))


def opening(site: str, device: str, rule: str, *, on: date, owner: str = "", due: date | None = None, note: str = "") -> bytes:
    """The body that takes a device into the programme."""
    _texts(owner, note)
    return msgspec.json.encode(_Body(site=site, device=device, rule=rule, step=Step.IDENTIFIED, on=on, owner=owner, due=due, note=note))


def assigning(item: Item, *, on: date, owner: str = "", due: date | None = None) -> bytes:
    """The body that gives an item an owner or a due day."""
    _texts(owner, "")
    if not owner and due is None:
        raise ConfigError("removal", "neither an owner nor a due day is given", "give --owner, --due or both")
    return msgspec.json.encode(_Body(site=item.site, device=item.device, rule=item.rule, on=on, owner=owner, due=due))


def stepping(item: Item, step: str, *, on: date, today: date, note: str = "") -> bytes:
    """The body of a step that a person takes. Raises ConfigError for one that is none, goes back, or lies ahead."""
    _texts("", note)
    words = [one.value for one in BY_HAND]
    if step == Step.VERIFIED:
        raise ConfigError(
            "removal step", f"{shown(step)} is not recorded by hand", "run `netcam removal verify` after a scan of its network"
        )
    if step not in words:
        raise ConfigError("removal step", f"{shown(step)} is no step", nearest(step, words))
    taken = Step(step)
    if _ORDER[taken] <= _ORDER[item.state]:
        raise ConfigError(
            "removal step",
            f"it is {item.state.value} already",
            f"one of: {', '.join(w for w in words if _ORDER[Step(w)] > _ORDER[item.state]) or 'none is left'}",
        )
    if on > today:
        raise ConfigError("--on", f"{on} lies ahead", "record a step when it was taken")
    if on < item.steps[-1].on:
        raise ConfigError("--on", f"{on} lies before the last step ({item.steps[-1].on})", "give the day on which it was taken")
    return msgspec.json.encode(_Body(site=item.site, device=item.device, rule=item.rule, step=taken, on=on, note=note))


def found_again(item: Item, scan: str, on: date) -> bytes:
    """The body that reopens an item because a scan saw the device."""
    note = "it was seen again"
    return msgspec.json.encode(_Body(site=item.site, device=item.device, rule=item.rule, step=Step.REOPENED, on=on, note=note, scan=scan))


def verified(item: Item, scan: str, on: date, addresses: Iterable[str]) -> bytes:
    """The body that a scan found it gone."""
    note = f"covered: {', '.join(sorted(addresses))}"[:MAX_TEXT]
    return msgspec.json.encode(_Body(site=item.site, device=item.device, rule=item.rule, step=Step.VERIFIED, on=on, note=note, scan=scan))


def _texts(owner: str, note: str) -> None:
    for name, text in (("--owner", owner), ("--note", note)):
        if len(text) > MAX_TEXT:
            raise ConfigError(name, f"longer than {MAX_TEXT} characters", "write less")


class Looked(StrEnum):
    """What a scan says of a device that was removed."""

    ABSENT = "absent"
    PRESENT = "present"
    NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a scan says of an item, and why."""

    looked: Looked
    why: str


def verify(
    item: Item, scan: ScanRecord, *, addresses: Iterable[str], coverage: Mapping[str, Coverage], present: frozenset[str]
) -> Verification:
    """Whether a scan shows that a removed device is gone: it ended, began after the removal, saw every address, and not the device.

    `addresses` are those at which the device was ever seen, `present` the devices of the scan.
    """
    if scan.site != item.site:
        return Verification(looked=Looked.NOT_TOLD, why=f"the scan is of site {scan.site}, the device of {item.site}")
    gone = item.gone_since
    if item.device in present:
        if gone is not None and (scan.started is None or scan.started <= gone):
            return Verification(looked=Looked.NOT_TOLD, why=f"scan {scan.id} saw it before it was removed")
        return Verification(looked=Looked.PRESENT, why=f"scan {scan.id} saw it")
    if item.state is not Step.REMOVED or gone is None:
        return Verification(looked=Looked.NOT_TOLD, why=f"it is {item.state.value}, not removed")
    if scan.status != "complete" or scan.finished is None or scan.started is None:
        return Verification(looked=Looked.NOT_TOLD, why=f"scan {scan.id} is {scan.status}: only a complete one can tell")
    if scan.started < gone:
        return Verification(looked=Looked.NOT_TOLD, why=f"scan {scan.id} began before the removal of {item.steps[-1].on} was recorded")
    wanted = list(dict.fromkeys(addresses))
    if not wanted:
        return Verification(looked=Looked.NOT_TOLD, why="no address of the device is known")
    looked = {one for one in wanted if one in coverage and coverage[one].state in LOOKED_AT}
    missed = not_looked_at(wanted, looked, scan.targets)
    if missed:
        return Verification(looked=Looked.NOT_TOLD, why=f"scan {scan.id} did not look at {', '.join(missed[:8])}")
    return Verification(looked=Looked.ABSENT, why=f"scan {scan.id} looked at {', '.join(wanted[:8])} and did not see it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a site is, or the estate (empty site)."""

    site: str
    total: int
    by_state: Mapping[Step, int] = field(default_factory=dict)
    overdue: int = 0

    @property
    def gone(self) -> int:
        """Items that are removed or verified absent."""
        return sum(self.by_state.get(step, 0) for step in GONE)


def progress(items: Iterable[Item], on: date) -> list[Progress]:
    """Each site by name, then the estate."""
    by_site: dict[str, list[Item]] = {}
    for item in items:
        by_site.setdefault(item.site, []).append(item)
    whole = [item for held in by_site.values() for item in held]
    return [_progress(site, by_site[site], on) for site in sorted(by_site)] + [_progress("", whole, on)]


def _progress(site: str, items: list[Item], on: date) -> Progress:
    counts = Counter(item.state for item in items)
    return Progress(site=site, total=len(items), by_state=dict(counts), overdue=sum(item.overdue(on) for item in items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """How many items stood on a day, and how many were gone."""

    day: date
    standing: int
    gone: int


def burn_down(items: Iterable[Item], last: date, *, every: timedelta = timedelta(days=7), most: int = 520) -> Iterator[Burn]:
    """From the first opening to `last`, every so often and on `last` itself; at most `most` days are told, the latest ones."""
    held = list(items)
    if not held:
        return
    day, days = min(item.opened for item in held), []
    while day < last:
        days.append(day)
        day += every
    for day in [*days, last][-most:]:
        states = [state for item in held if (state := item.state_on(day)) is not None]
        gone = sum(state in GONE for state in states)
        yield Burn(day=day, standing=len(states) - gone, gone=gone)
