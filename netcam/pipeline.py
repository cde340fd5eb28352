"""The spine: collect -> observations -> identities -> findings -> inventory. Knows no protocol, maker or database by name."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcam.catalog.home import content_root
from netcam.errors import StoreError
from netcam.model import SLOTS, Coverage, Finding, Identity, Observation, ScanRecord, Site

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from netcam.assess.decisions import Decisions, Stand
    from netcam.assess.evidence import DeviceRecord
    from netcam.catalog.advisories import Advisories
    from netcam.catalog.destinations import Destinations
    from netcam.catalog.families import Families
    from netcam.catalog.makers import Makers
    from netcam.catalog.policies import Policies
    from netcam.catalog.recorders import Recorders
    from netcam.collect.gate import StopSwitch
    from netcam.collect.plan import Plan
    from netcam.collect.sweep import Progress
    from netcam.config import Settings
    from netcam.egress.detect import DeviceRef
    from netcam.egress.explained import SiteRules
    from netcam.egress.window import Window
    from netcam.flows.table import FlowTable
    from netcam.identify.correlate import Correlation
    from netcam.identify.matcher import Matcher
    from netcam.inventory.corrections import Corrections
    from netcam.inventory.port import Inventory
    from netcam.report.questions import Checklist
    from netcam.report.snapshot import Snapshot
    from netcam.report.survey import Survey
    from netcam.sinks.teller import Teller


ACTIONS_TOLD = "actions told"
"""Number of the last operator's action that was told, as the outbox remembers it."""
REPORT_DAYS = 30
"""Days whose changes a report of a date shows."""
SWITCHES = "switches"
"""The run that observations of switches carry."""
COVERAGE_BATCH = 1000
"""Addresses whose fate is written at once: a /16 of silence is 65,536 of them."""


WORTH_A_PROCESS = 2_000
"""Devices from which judging them again in several processes is worth the second that each takes to start."""


class Content:
    """The content folder, each part read when it is first needed."""

    def __init__(self, root: str | None = None, *, cache: Path | None = None, local: Path | None = None) -> None:
        self.root = content_root(root)
        self._cache, self._local = cache, local

    @cached_property
    def makers(self) -> Makers:
        from netcam.catalog import makers

        return makers.load(self.root)

    @cached_property
    def policies(self) -> Policies:
        from netcam.catalog import policies

        return policies.load(self.root, families=self.families, local=self._local)

    @cached_property
    def families(self) -> Families:
        from netcam.catalog import families

        return families.load(self.root)

    @cached_property
    def advisories(self) -> Advisories:
        from netcam.catalog import advisories

        return advisories.load(self.root)

    @cached_property
    def recorders(self) -> Recorders:
        from netcam.catalog import recorders

        return recorders.load(self.root)

    @cached_property
    def destinations(self) -> Destinations:
        from netcam.catalog import destinations

        return destinations.load(self.root)

    @cached_property
    def matcher(self) -> Matcher:
        from netcam.identify.matcher import Matcher

        return Matcher(self.makers, cache=self._cache)

    def __reduce__(self) -> tuple[Any, ...]:
        # another process reads the same folder; nothing that was read travels
        return _content, (str(self.root), self._cache, self._local)

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of what judges: makers and policies."""
        return sha256(f"{self.makers.digest}\n{self.policies.digest}".encode()).hexdigest()


def _content(root: str, cache: Path | None, local: Path | None) -> Content:
    return Content(root, cache=cache, local=local)


@dataclass(frozen=True, slots=True)
class Judged:
    """Identities and what the policies and advisories say of them."""

    identities: tuple[Identity, ...]
    findings: tuple[Finding, ...]
    absorbed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(site, device) once taken for one of its own -> the device it is part of."""
    decisions: Decisions | None = None
    """The exceptions and disputes that hold; None where no inventory was at hand."""
    day: date | None = None
    notes: tuple[str, ...] = ()
    """What the operator should look at."""

    def stand(self, finding: Finding) -> Stand | None:
        """Where a finding stands after what people decided; None where nobody decided anything."""
        told = self.decisions.of(finding, self.day) if self.decisions and self.day else None
        return told if told and told.decision else None

    def raised(self) -> tuple[Finding, ...]:
        """The findings that no exception covers: those that `--fail-on` counts."""
        return tuple(finding for finding in self.findings if (stand := self.stand(finding)) is None or stand.raised)


def judge(
    observations: Iterable[Observation], content: Content, site: Site, now: datetime, *, inventory: Inventory | None = None
) -> Judged:
    """Identify the devices behind `observations` and hold them against every policy and advisory.

    With `inventory`, which device is which is told by all that it holds of their sites, and the operator's corrections hold.
    """
    from netcam.identify import identify

    if inventory is None:
        named: dict[str, int] = {}
        identities = tuple(identify(recorder_channels(observations, named), content.matcher))
        return Judged(identities, (*assess(identities, content, site, now), *hidden(identities, content, named)))
    from netcam.inventory import corrections
    from netcam.inventory.decided import decisions, device_records

    seen, holds = list(observations), corrections.read(inventory)
    devices = known_devices(inventory, {one.site for one in seen}, holds)
    identities = tuple(
        corrections.locked(one, holds.locks.get((one.site, one.device), ())) for one in identify(seen, content.matcher, devices)
    )
    records = device_records(inventory, {one.site for one in identities})
    named = {}
    for _ in recorder_channels(seen, named):
        pass
    findings = (*assess(identities, content, site, now, records), *hidden(identities, content, named))
    return Judged(identities, findings, devices.absorbed(), decisions(inventory), now.date(), devices.notes)


def recorder_channels(observations: Iterable[Observation], named: dict[str, int]) -> Iterator[Observation]:
    """The same observations; `named` is told how many channels each recorder named to its owner's account."""
    for one in observations:
        if one.field == "recorder.channels" and one.value.isascii() and one.value.isdigit():
            named[one.key] = int(one.value[:6])
        yield one


def hidden(identities: Sequence[Identity], content: Content, named: Mapping[str, int]) -> Iterator[Finding]:
    """What is said of cameras behind recorders."""
    from netcam.assess import recorders

    if any(one.get("kind") == "recorder" for one in identities):
        yield from recorders.assess(identities, content.recorders, named)


def known_devices(inventory: Inventory, sites: Iterable[str], holds: Corrections) -> Correlation:
    """The devices of whole sites, from everything that was ever observed there and the operator's joins and splits."""
    from netcam.identify import correlate
    from netcam.inventory.collector import paused

    with paused():
        everything = [seen for site in sorted(sites) for seen in inventory.observations(site=site)]
        return correlate(everything, holds.ties)


def store(inventory: Inventory, scan: str | None, judged: Judged, now: datetime, *, audit: Path | None = None) -> None:
    """Keep what was judged; devices that turned out to be part of another one leave the list, their history stays.

    The run itself, with its coverage and its audit log, gets its word in the hash chain, which is then signed.
    """
    listed = {(one.site, one.device) for one in inventory.devices()} if judged.absorbed else set()
    for site in sorted({site for site, _ in judged.absorbed}):
        into = {old: new for (place, old), new in judged.absorbed.items() if place == site and (place, old) in listed}
        inventory.retire(site, into, now, by="netcam")
    inventory.save_identities(scan, judged.identities, now)
    inventory.save_findings(scan, judged.findings, now)
    if scan is not None:
        from netcam.inventory import runs

        record = inventory.scan(scan)
        fresh = tuple(note for note in judged.notes if scan in note and note not in record.notes)
        if fresh:
            inventory.save_scan(replace(record, notes=(*record.notes, *fresh)))
        runs.close(inventory, scan, now, audit=audit)
    sign(inventory, now)


def sign(inventory: Inventory, now: datetime) -> None:
    """Sign the hash chain as it stands with the estate's key, which is made where there is none; nothing in memory is signed."""
    if inventory.home is not None:
        from netcam.inventory import signing

        signing.sign_root(inventory, signing.own_key(inventory), now)


def judging_content(finding: Finding, identity: Identity | None, content: Content) -> dict[str, bytes]:
    """The content files that judged: the policy, and the makers whose fingerprints spoke."""
    wanted = [content.root / "policies" / f"{finding.rule}.yaml"]
    if identity is not None:
        makers = {claim.by.partition("/")[0] for claim in (*identity.because, *identity.disputed)}
        wanted += [content.root / "makers" / f"{maker}.yaml" for maker in sorted(makers)]
    return {f"{path.parent.name}-{path.name}": path.read_bytes() for path in wanted if path.is_file()}


def assess(
    identities: Sequence[Identity],
    content: Content,
    site: Site,
    now: datetime,
    records: Mapping[tuple[str, str], DeviceRecord] | None = None,
) -> Iterator[Finding]:
    """What the policies and firmware advisories say of `identities` on the day of `now`, with what their keeper recorded of them."""
    from netcam.assess import firmware, policy
    from netcam.assess.evidence import NO_RECORD, SUPPORT_ENDED, DeviceRecord

    known = dict(records or {})
    reader = firmware.Reader(content.advisories, now.date())
    for one in identities:
        if reader.ended(one):
            held = known.get((one.site, one.device), NO_RECORD)
            known[one.site, one.device] = DeviceRecord(bought=held.bought, attributes=held.attributes | {SUPPORT_ENDED})
    yield from policy.assess(identities, content.policies, content.families, site, now.date(), records=known)
    for one in identities:
        yield from reader.findings(one)


def wrongly_restricted(identities: Sequence[Identity], content: Content, now: datetime) -> list[tuple[str, str]]:
    """Device and rule where a policy calls one of `identities` restricted, at the sites that policies reach furthest."""
    from netcam.model import Verdict

    places = (("sensitive-government", "gb-eng"), ("force-estate", "gb-eng"), ("force-estate", "us"))
    found: dict[tuple[str, str], None] = {}
    for site_class, jurisdiction in places:
        site = Site(id="measure", site_class=site_class, jurisdiction=jurisdiction)
        for finding in assess(identities, content, site, now):
            if finding.verdict is Verdict.RESTRICTED:
                found[finding.device, finding.rule] = None
    return list(found)


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
    known = inventory.scan(scan) if any(s.id == scan for s in inventory.scans(plan.request.site)) else None
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
    untold = queued(lambda: tell_start(teller, known, inventory, content, clock())) if teller else ""
    before = {one.device: one for one in inventory.identities(site=plan.request.site, evidence=False)} if teller else {}

    covered: list[Coverage] = []

    def write_coverage() -> None:
        inventory.cover(scan, covered)
        covered.clear()

    def record(seen: Sequence[Observation]) -> None:
        inventory.record(seen)
        write_coverage()  # a device whose facts are kept and whose address is not covered is only asked again

    def cover(one: Coverage) -> None:
        covered.append(one)
        if len(covered) >= COVERAGE_BATCH:
            write_coverage()

    async def guarded() -> ScanRecord:
        with interruptible(stop):
            return await run(
                plan,
                record=record,
                cover=cover,
                keep=inventory.keep,
                progress=progress,
                stop=stop,
                unknown=lambda seen: unknown(seen, content),
            )

    try:
        finished = asyncio.run(guarded())
    finally:
        write_coverage()
    inventory.save_scan(finished)
    judged = judge(inventory.observations(scan=scan), content, site, clock(), inventory=inventory)
    judged = replace(judged, findings=(*judged.findings, *unreached(site.id, inventory.coverage(scan))))
    store(inventory, scan, judged, clock(), audit=plan.request.state_dir / "audit" / f"{scan}.jsonl")
    finished = inventory.scan(scan)
    verify_removals(inventory, finished, clock())  # what was removed and is not there any more, or is back
    if teller:
        untold = untold or queued(lambda: tell_end(teller, finished, judged, before, inventory, clock()))
        finished = replace(finished, notes=(*finished.notes, untold)) if untold else finished
    return finished, judged


def unknown(seen: Sequence[Observation], content: Content) -> bool:
    """Whether one device's observations leave open who made it or what it is."""
    from netcam.identify import identify

    return not any(one.get("maker") and one.get("kind") for one in identify(seen, content.matcher))


def queued(tell: Callable[[], object]) -> str:
    """Queue events; returns what went wrong, in words. A full disk must not cost a scan: the next one tells what this one could not."""
    try:
        tell()
    except StoreError as error:
        return f"events were not queued: {error.problem}"
    return ""


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
    teller.started(replace(scan, status="running", finished=None), at)


def tell_end(
    teller: Teller, finished: ScanRecord, judged: Judged, before: Mapping[str, Identity], inventory: Inventory, at: datetime
) -> None:
    """Tell what a scan found that was not known, and how it ended; a finding under exception is closed there, and opened when it lapses."""
    from netcam.assess.coverage import reached
    from netcam.inventory.diff import diff

    # only a scan that ran to its end can say that something is missing
    coverage = inventory.coverage(finished.id) if finished.status == "complete" else None
    differences = diff(tuple(before.values()), judged.identities, coverage_after=coverage)
    told = [one.finding for one in teller.outbox.told(finished.site).values()]
    teller.finished(
        finished, at, identities=judged.identities, known=before, differences=differences, findings=judged.raised(),
        reached=reached(told, coverage or ()),
    )  # fmt: skip


@contextmanager
def interruptible(stop: StopSwitch) -> Iterator[None]:
    """Ctrl-C and SIGTERM set `stop` instead of tearing the loop down; a second Ctrl-C does the usual."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def places(inventory: Inventory, site: str | None, at: datetime) -> dict[tuple[str, str], str]:
    """Site and MAC -> where the device hangs, as the last reading before `at` in which a switch knew it says."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for seen in inventory.observations(scan=SWITCHES, site=site):
        if not seen.mac or seen.at is None or seen.at > at:
            continue
        told, moment = found.setdefault((seen.site, seen.mac), {}), seen.at.isoformat()
        if told.get("at", "") > moment:
            continue
        if told.get("at", "") < moment:
            told.clear()  # a later reading says it anew
            told |= {"at": moment, "day": f"{seen.at:%Y-%m-%d}"}
        told[seen.field.removeprefix("switch.")] = seen.value
    return {key: _place(told) for key, told in found.items()}


def _place(told: Mapping[str, str]) -> str:
    """One line for the person with the ladder."""
    where = f"{told.get('name') or told.get('address', '')} port {told.get('port', '')}"
    if described := told.get("port_description"):
        where += f" ({described})"
    parts = [f"beyond {where}: {told['beyond']}" if "beyond" in told else where]
    parts += [f"{word} {told[name]}" for word, name in (("VLAN", "vlan"), ("power", "poe"), ("neighbour", "neighbour")) if told.get(name)]
    if told.get("others") and "beyond" not in told:
        parts.append(f"shares the port with {told['others']} more")
    return ", ".join(parts) + (f", on {told['day']}" if told.get("day") else "")


def snapshot_of(inventory: Inventory, *, site: str | None, at: datetime, generated_at: datetime) -> Snapshot:
    """Everything a report of a site (or all sites) shows as of a date, with what changed in the thirty days before."""
    from netcam.inventory.history import between
    from netcam.report.snapshot import Snapshot

    changes = between(inventory, at - timedelta(days=REPORT_DAYS), at, site=site)
    taken: Snapshot = Snapshot.of(inventory, generated_at=generated_at, site=site, at=at, changes=changes)
    return replace(taken, places=places(inventory, site, at))


def snapshot(inventory: Inventory, scan: ScanRecord, *, generated_at: datetime, content: Content | None = None) -> Snapshot:
    """Everything a report of one run shows; with `content` also the questions that texts put to every camera."""
    from netcam.inventory.decided import decisions, removals
    from netcam.inventory.diff import diff
    from netcam.report.snapshot import Snapshot

    earlier = [s for s in inventory.scans(scan.site) if s.status == "complete" and s.started and scan.started and s.started < scan.started]
    identities, coverage = inventory.identities(scan=scan.id), inventory.coverage(scan.id)
    covered = coverage if scan.status == "complete" else None  # only a finished run can miss a device
    changes = diff(inventory.identities(scan=earlier[-1].id), identities, coverage_after=covered) if earlier else []
    taken: Snapshot = Snapshot.of(inventory, scan, generated_at=generated_at, changes=changes)
    return replace(
        taken,
        places=places(inventory, scan.site, generated_at),
        decisions=decisions(inventory),
        removals=tuple(removals(inventory, scan.site).values()),
        checklists=tuple(checklists(content.policies)) if content else (),
    )


def survey(inventory: Inventory, settings: Settings, content: Content, now: datetime, *, site: str | None = None) -> Survey:
    """The inventory as the return for a regulator's survey; sites that the settings name and nobody looked at are in it too."""
    from netcam.assess.decisions import Standing
    from netcam.catalog.policies import PolicyKind
    from netcam.inventory.decided import decisions
    from netcam.report import survey as returns

    identities = inventory.identities(site=site, evidence=False)
    findings = inventory.findings(site=site)
    wanted = {one.site for one in identities} | set(settings.sites) if site is None else {site}
    sites = {name: settings.site(name) if name in settings.sites else Site(id=name) for name in wanted}
    runs = {name: next(reversed(inventory.scans(name)), None) for name in sorted(wanted)}
    held = decisions(inventory)
    return returns.survey(
        identities,
        findings,
        generated_at=now,
        sites=sites,
        tags={(remark.site, remark.device): remark.tags for remark in inventory.remarks(site=site)},
        concerns={p.id: p.title for p in content.policies.policies.values() if p.kind is PolicyKind.SURVEY and p.judges},
        looks=[returns.Look(site=name, scan=run, missed=returns.missed(run.totals) if run else 0) for name, run in runs.items()],
        excepted=frozenset(f.key for f in findings if held.of(f, now.date()).standing is Standing.EXCEPTED),
    )


def checklists(policies: Policies) -> Iterator[Checklist]:
    """The questions of every policy that asks some."""
    from netcam.report.questions import Checklist

    for one in policies.policies.values():
        if one.checklist:
            yield Checklist(title=one.title, questions=tuple((question.ask, question.about) for question in one.checklist))


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
    from netcam.inventory import corrections

    known = {(one.site, one.device): one for one in inventory.identities(site=site, evidence=False)}
    holds = corrections.read(inventory)
    places = sorted({one.site for one in known.values()})
    by_place: dict[str, dict[str, Identity]] = {place: {} for place in places}
    for (where, device), one in known.items():
        by_place[where][device] = one
    judged: Iterable[tuple[list[Identity], dict[str, str]]]
    if target is not None and len(places) > 1 and len(known) >= WORTH_A_PROCESS:
        judged = _in_processes(target, content, places)
    else:
        judged = (_anew(inventory, content, place, holds, by_place[place]) for place in places)
    for place, (fresh, into) in zip(places, judged, strict=True):
        mine = by_place[place]
        if keep:
            inventory.retire(place, into, now, by=by)
            inventory.save_identities(None, fresh, now)
        yield from _differing(place, mine, fresh)


def _anew(
    inventory: Inventory, content: Content, place: str, holds: Corrections, known: Mapping[str, Identity]
) -> tuple[list[Identity], dict[str, str]]:
    """The identities of one site that differ from the known ones, and the devices that are part of another one by now."""
    from netcam.identify import correlate, identify
    from netcam.inventory import corrections
    from netcam.inventory.collector import paused

    with paused():
        seen = list(inventory.observations(site=place))
        devices = correlate(seen, holds.ties)
        fresh = []
        for told in identify(seen, content.matcher, devices, current=True):
            one = corrections.locked(told, holds.locks.get((told.site, told.device), ()))
            before = known.get(one.device)
            if before is None or _told(before) != _told(one):
                fresh.append(one)
    return fresh, _taken_in(devices, place, {(place, device): one for device, one in known.items()})


def _told(one: Identity) -> tuple[object, ...]:
    """What an identity says, without the evidence for it."""
    return one.slots, one.confidence, one.locked, sorted(one.addresses), sorted(one.macs)


def _in_processes(target: str, content: Content, places: Sequence[str]) -> Iterator[tuple[list[Identity], dict[str, str]]]:
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


def _judge_place(place: str) -> tuple[list[Identity], dict[str, str]]:
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


def sightings(inventory: Inventory, identities: Sequence[Identity], site: str) -> list[tuple[str, str, int]]:
    """Address, device and when (ns) of everything observed at a site with a MAC, in order of time: who had an address, and since when."""
    devices = {mac.lower(): one.device for one in identities for mac in one.macs}
    found = {
        (one.address.partition("%")[0], devices[one.mac], int(one.at.timestamp()) * 1_000_000_000)
        for one in inventory.observations(site=site)
        if one.mac in devices and one.at is not None and one.address
    }
    return sorted(found, key=lambda seen: seen[2])


SENSITIVE = frozenset({"sensitive-government", "hosting-secret-material"})
"""Classes of sites at which a restricted maker's cloud weighs more."""


def site_rules(settings: Settings, site: str) -> SiteRules:
    """What the settings say of a site's traffic."""
    from netcam.egress.detect import SiteRules

    told = settings.told(site)
    return SiteRules(
        declared=settings.declared(site), internal=settings.internal(site), resolvers=told.resolvers, time_servers=told.time_servers,
        timezone=told.timezone, sensitive=told.site_class in SENSITIVE, no_internet=told.no_internet,
    )  # fmt: skip


def restricted(identities: Sequence[Identity], content: Content, site: Site, now: datetime) -> frozenset[str]:
    """Devices that a policy restricts at this site."""
    from netcam.assess import policy
    from netcam.model import Verdict

    if not identities:
        return frozenset()
    found = policy.assess(identities, content.policies, content.families, site, now.date())
    return frozenset(f.device for f in found if f.verdict is Verdict.RESTRICTED)


def _devices(identities: Sequence[Identity], limited: frozenset[str] = frozenset()) -> dict[str, DeviceRef]:
    """The devices that flows are joined to; `limited` are those that a policy restricts."""
    from netcam.egress.detect import DeviceRef

    return {
        one.device: DeviceRef(
            device=one.device,
            macs=one.macs,
            addresses=one.addresses,
            maker=one.get("maker"),
            brand=one.get("brand"),
            model=one.get("model"),
            firmware=one.get("firmware"),
            kind=one.get("kind"),
            is_camera=one.is_camera,
            restricted=one.device in limited,
        )
        for one in identities
    }


def behaviour(
    tables: Iterable[FlowTable],
    identities: Sequence[Identity],
    content: Content,
    *,
    device: str,
    site: str,
    declared: Sequence[str] = (),
    internal: Sequence[IPv4Network | IPv6Network] = (),
    state: Path | None = None,
) -> Iterator[Window]:
    """The days of `tables`, or of the state that a watch keeps, for the profile of `device` (a key, or an address that no inventory
    knows); nothing is judged and nothing is written."""
    from netcam.egress.detect import DeviceRef, Explainer, SiteRules, Stream, windows

    inside = tuple(internal)
    stream = Stream.load(state, internal=inside) if state is not None else Stream(site=site, internal=inside)
    explainer = Explainer(content.destinations, SiteRules(declared=tuple(declared), internal=inside))
    devices = _devices(identities)
    if device not in devices:
        devices[device] = DeviceRef(device=device, addresses=(device,))
    for table in tables:
        stream.add(table, devices)
    found = False
    for one in windows(stream, explainer):
        found = True
        yield one
    if not found and stream.closed >= 0:
        from netcam.egress.window import window

        yield window(stream.ledger, explainer, site, stream.closed)


def egress(
    table: FlowTable,
    identities: Sequence[Identity],
    content: Content,
    *,
    site: str,
    declared: Sequence[str] = (),
    internal: Sequence[IPv4Network | IPv6Network] = (),
    rules: SiteRules | None = None,
    limited: frozenset[str] = frozenset(),
) -> list[Finding]:
    """What the detectors find in `table`, joined to the devices that are known; `rules` stand for `declared` and `internal`."""
    from netcam.egress.detect import detect

    devices = _devices(identities, limited)
    return detect(table, devices, content.destinations, declared=declared, internal=internal, site=site, rules=rules)


class EgressWatch:
    """Windows of flows as they come: networks and devices written into them, archived, and judged over a rolling day."""

    def __init__(
        self,
        identities: Sequence[Identity],
        content: Content,
        *,
        site: str,
        declared: Sequence[str] = (),
        internal: Sequence[IPv4Network | IPv6Network] = (),
        archive: Path | None = None,
        networks: Path | None = None,
        state: Path | None = None,
        sightings: Iterable[tuple[str, str, int]] = (),
        rules: SiteRules | None = None,
        limited: frozenset[str] = frozenset(),
    ) -> None:
        """`sightings`: address, device and when (ns), in order of time; `state`: file that keeps the judge over a restart."""
        from netcam.egress.detect import SiteRules
        from netcam.flows import origin
        from netcam.flows.archive import Archive
        from netcam.flows.bindings import Bindings

        self._identities, self._content, self._site = identities, content, site
        self._internal, self._state = tuple(internal), state
        self._limited = limited
        self._rules = rules or SiteRules(declared=tuple(declared), internal=tuple(internal))
        self._archive = Archive(archive) if archive is not None else None
        self._origin = origin.opened(networks)
        self._inside = origin.Inside(internal)
        self._bindings = Bindings()
        for one in identities:
            self._bindings.device(one.device, one.macs, one.addresses)
            if one.get("kind") in ("router", "recorder", "access-point"):
                self._bindings.forwarder(one.device)
        for address, device, at in sightings:
            self._bindings.seen(address, device, at)
        self._prepared: FlowTable | None = None
        self._stream: Any = None

    def prepare(self, table: FlowTable) -> None:
        """Write networks and devices into a window, once."""
        from netcam.flows import bindings, origin

        if self._prepared is table:
            return
        self._prepared = table
        if self._origin is not None:
            origin.mark(table, self._origin, self._inside)
        bindings.attribute(table, self._bindings, self._inside)

    def add(self, table: FlowTable, *, now: int | None = None) -> None:
        """Take a window on; `now` (ns) where it is live."""
        self.prepare(table)
        if self._archive is not None:
            self._archive.write(table, self._site)
        self._judge().add(table, _devices(self._identities, self._limited), now=now)
        if self._state is not None:
            self._stream.save(self._state)

    def _judge(self) -> Any:
        from netcam.egress.stream import Stream

        if self._stream is None:
            known = self._state is not None and self._state.exists()
            self._stream = (
                Stream.load(self._state, internal=self._internal)
                if known and self._state
                else Stream(site=self._site, internal=self._internal)
            )
        return self._stream

    def _explainer(self) -> Any:
        from netcam.egress.detect import Explainer

        return Explainer(self._content.destinations, self._rules)

    def ready(self) -> list[Finding]:
        """Findings of the hours that are complete now."""
        from netcam.egress.detect import run

        return [finding for _, one in run(self._judge(), self._explainer()) for finding in one.findings]

    def finish(self, *, whole: FlowTable | None = None) -> list[Finding]:
        """Findings of what is left; `whole`: the only window there was, which is judged at once."""
        from netcam.egress.detect import STEP_HOURS, run

        if whole is not None and self._state is None:
            return egress(whole, self._identities, self._content, site=self._site, rules=self._rules, limited=self._limited)
        best: dict[str, Finding] = {}
        for _, one in run(self._judge(), self._explainer(), every=STEP_HOURS, last=True):
            for finding in one.findings:
                known = best.get(finding.key)
                if known is None or (finding.rank, finding.score or 0) >= (known.rank, known.score or 0):
                    best[finding.key] = finding
        return sorted(best.values(), key=lambda f: (-f.rank, f.rule, f.device, f.subject))
