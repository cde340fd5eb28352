"""A sweep from plan to record: collected, stored as it goes, judged, told."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from netcam.model import Coverage, CoverageState, Identity, Observation, ScanRecord, Site

if TYPE_CHECKING:
    from netcam.collect.gate import StopSwitch
    from netcam.collect.plan import Plan
    from netcam.collect.sweep import Progress
    from netcam.inventory.port import Inventory
    from netcam.sinks.teller import Teller
from netcam.pipeline.calls import excepted
from netcam.pipeline.content import Content
from netcam.pipeline.ending import interruptible, queued, unfinished
from netcam.pipeline.judging import Judged, judge, store

ACTIONS_TOLD = "actions told"
"""Number of the last operator's action that was told, as the outbox remembers it."""
COVERAGE_BATCH = 1000
"""Addresses whose fate is written at once: a /16 of silence is 65,536 of them."""
OBSERVATION_BATCH = 2000
"""Observations written at once."""
ENOUGH = {"maker": 0.9, "brand": 0.9, "kind": 0.7, "model": 0.7, "firmware": 0.7}
"""Confidence per slot with which a device is asked no further. Policies rest on maker and badge; of model and firmware a maker's own
search answer is as good as it gets, and calibration leaves it 0.76."""
WRITE_EVERY = 1.0
"""Seconds for which what was seen waits at most while more comes: a commit is a disk flush, during which the sweep stands still."""


class Writing:
    """What a sweep hands over, written together: raw answers, then what was read in them, then that an address is done.

    In that order a device is only asked again, should the process be killed in between.
    """

    def __init__(self, inventory: Inventory, scan: str) -> None:
        self._inventory, self._scan = inventory, scan
        self._raw: dict[str, bytes] = {}
        self._seen: list[Observation] = []
        self._covered: list[Coverage] = []
        self._written = time.monotonic()

    def keep(self, raw: bytes) -> str:
        """Keep a raw answer; returns its SHA-256 in hex."""
        digest = hashlib.sha256(raw).hexdigest()
        self._raw[digest] = raw
        return digest

    def record(self, seen: Sequence[Observation]) -> None:
        """Record observations."""
        self._seen += seen
        self._flush_if_due()

    def cover(self, one: Coverage) -> None:
        """Say what became of an address."""
        self._covered.append(one)
        self._flush_if_due()

    def _flush_if_due(self) -> None:
        full = len(self._seen) >= OBSERVATION_BATCH or len(self._covered) >= COVERAGE_BATCH
        if full or time.monotonic() - self._written >= WRITE_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._raw:
            self._inventory.keep_all(list(self._raw.values()))
            self._raw.clear()
        if self._seen:
            self._inventory.record(self._seen)
            self._seen.clear()
        if self._covered:
            self._inventory.cover(self._scan, self._covered)
            self._covered.clear()
        self._written = time.monotonic()


def sweep(
    plan: Plan,
    inventory: Inventory,
    content: Content,
    site: Site,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[Progress], None],
    stop: StopSwitch,
    teller: Teller | None = None,
) -> tuple[ScanRecord, Judged]:
    """Run `plan`, recording as it goes; then identify and assess what this run and its resumed parts saw, and tell what is new."""
    from netcam.assess.coverage import unreached
    from netcam.collect.sweep import sweep as run
    from netcam.inventory.decided import verify_removals

    scan = plan.request.scan
    earlier_part = next((s for s in inventory.scans(plan.request.site) if s.id == scan), None)
    known = earlier_part
    if known is None:
        known = ScanRecord(
            id=scan,
            site=plan.request.site,
            sensor=plan.request.sensor,
            targets=plan.request.targets,
            profile=plan.request.profile,
            scope_id=plan.request.scope.id if plan.request.scope else "",
            started=clock(),
        )
        inventory.save_scan(known)
    with unfinished(known, inventory, teller, clock, say=lambda _: None) as going:
        untold = queued(lambda: tell_start(teller, known, inventory, content, clock())) if teller else ""
        before = {one.device: one for one in inventory.identities(site=plan.request.site, evidence=False)} if teller else {}
        content.matcher  # noqa: B018 - read now: it takes seconds, in which nothing that a device answers would be heard
        writing = Writing(inventory, scan)

        async def guarded() -> ScanRecord:
            with interruptible(stop):
                return await run(
                    plan,
                    record=writing.record,
                    cover=writing.cover,
                    keep=writing.keep,
                    progress=progress,
                    stop=stop,
                    unknown=lambda seen: unknown(seen, content),
                    certain=lambda seen: certain(seen, content),
                )

        try:
            finished = asyncio.run(guarded())
        finally:
            writing.flush()
        if earlier_part is not None:
            finished = carried_on(earlier_part, finished, inventory.coverage(scan))
        judged = judge(inventory.observations(scan=scan), content, site, clock(), inventory=inventory)
        judged = replace(judged, findings=(*judged.findings, *unreached(site.id, inventory.coverage(scan))))
        inventory.save_scan(finished)
        going.closed = True
    store(inventory, scan, judged, clock(), audit=plan.request.state_dir / "audit" / f"{scan}.jsonl")
    finished = inventory.scan(scan)
    verify_removals(inventory, finished, clock())  # what was removed and is not there any more, or is back
    if teller:
        untold = untold or queued(lambda: tell_end(teller, finished, judged, before, inventory, clock()))
        finished = replace(finished, notes=(*finished.notes, untold)) if untold else finished
    return finished, judged


def carried_on(before: ScanRecord, last: ScanRecord, coverage: Sequence[Coverage]) -> ScanRecord:
    """The record of a run whose last part is `last`: it began when its first part did, for what that looked at is no newer, and its
    totals are those of all its parts."""
    states, totals = Counter(line.state.value for line in coverage), Counter(before.totals)
    for name, count in last.totals.items():
        if name.startswith("sent.device."):
            totals[name] = max(totals[name], count)
        else:
            totals[name] += count
    fates = {state.value: states[state.value] for state in CoverageState}
    targets = tuple(dict.fromkeys((*before.targets, *last.targets)))
    return replace(last, started=before.started or last.started, targets=targets, totals={**totals, **fates})


def unknown(seen: Sequence[Observation], content: Content) -> bool:
    """Whether one device's observations leave open who made it or what it is."""
    from netcam.identify import identify

    return not any(one.get("maker") and one.get("kind") for one in identify(seen, content.matcher))


def certain(seen: Sequence[Observation], content: Content) -> bool:
    """Whether one device's observations answer every question that policies and advisories ask, each with confidence enough."""
    from netcam.identify import identify

    # signs of two makers leave neither with that much: a forged answer in a device's name does not keep its own from being heard
    return any(all(one.confidence.get(slot, 0.0) >= least for slot, least in ENOUGH.items()) for one in identify(seen, content.matcher))


def tell_start(teller: Teller, scan: ScanRecord, inventory: Inventory, content: Content, at: datetime) -> None:
    """Tell that a scan begins, what operators did since the last one, and whether it judges by other content."""
    after = int(teller.outbox.fact(ACTIONS_TOLD) or 0)
    for action in inventory.actions(after=after):
        if action.kind != "scan":  # a scan is told by itself
            teller.action(
                f"{action.kind} by {action.by or 'unknown'}",
                action.at,
                by=action.by,
                kind=action.kind,
                what=action.body[:1000].decode("utf-8", "replace"),
            )
        teller.outbox.put((), {}, facts={ACTIONS_TOLD: str(action.number)})
    teller.content({"makers": content.makers.digest, "policies": content.policies.digest}, at)
    teller.run(replace(scan, status="running", finished=None), at)


def tell_end(
    teller: Teller, finished: ScanRecord, judged: Judged, before: Mapping[str, Identity], inventory: Inventory, at: datetime,
    *, part: bool = False,
) -> None:  # fmt: skip
    """Tell what a scan found that was not known, and how it ended; a finding under exception is closed there, and opened when it lapses.

    `part`: it was no sweep, and what it did not meet is no more missing than before.
    """
    from netcam.assess.coverage import reached
    from netcam.inventory.diff import diff

    # only a scan that ran to its end can say that something is missing
    coverage = inventory.coverage(finished.id) if finished.status == "complete" and not part else None
    differences = diff(tuple(before.values()), judged.identities, coverage_after=coverage, targets=finished.targets)
    identities = _still_there(judged, finished.site, teller, inventory) if part else judged.identities
    told = [one.finding for one in teller.outbox.told(finished.site).values()]
    covered = excepted(judged.decisions, [*told, *judged.findings], at) if judged.decisions else frozenset()
    teller.finished(
        finished, at, identities=identities, known=before, differences=differences, findings=judged.raised(),
        reached=reached(told, coverage or ()), excepted=covered,
    )  # fmt: skip


def _still_there(judged: Judged, site: str, teller: Teller, inventory: Inventory) -> tuple[Identity, ...]:
    """The devices, without those that were told missing and are not seen since the last sweep: last year's file brings nobody back."""
    from netcam.inventory.leftovers import SWEEPS
    from netcam.sinks.teller import MISSING

    missing = {device for device, state in teller.outbox.devices(site).items() if state == MISSING}
    begun = max((s.started for s in inventory.scans(site) if s.profile in SWEEPS and s.status == "complete" and s.started), default=None)
    if not missing or begun is None:
        return judged.identities
    seen = judged.seen or {}
    return tuple(
        one for one in judged.identities
        if one.device not in missing or ((span := seen.get((one.site, one.device))) is not None and span[1] >= begun)
    )  # fmt: skip
