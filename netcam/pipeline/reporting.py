"""What reports and surveys show: snapshots of a scan or of a date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from netcam.model import Identity, ScanRecord, Site

if TYPE_CHECKING:
    from netcam.catalog.policies import Policies
    from netcam.config import Settings
    from netcam.inventory.port import Inventory
    from netcam.report.questions import Checklist
    from netcam.report.snapshot import Snapshot
    from netcam.report.survey import Look, Survey
from netcam.pipeline.content import Content

REPORT_DAYS = 30


"""Days whose changes a report of a date shows."""


SWITCHES = "switches"


"""The run that observations of switches carry."""


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
    parts += [f"{word} {told[name]}" for word, name in (("VLAN", "vlan"), ("power", "poe")) if told.get(name)]
    if told.get("neighbour"):
        parts.append(f"neighbour {told['neighbour']}" + (f" (its port {told['neighbour_port']})" if told.get("neighbour_port") else ""))
    if told.get("others") and "beyond" not in told:
        parts.append(f"shares the port with {told['others']} more")
    return ", ".join(parts) + (f", on {told['day']}" if told.get("day") else "")


def snapshot_of(
    inventory: Inventory, *, site: str | None, at: datetime, generated_at: datetime, content: Content | None = None
) -> Snapshot:
    """Everything a report of a site (or all sites) shows as of a date, with what changed in the thirty days before; with `content` also what
    maker files record of the badges."""
    from netcam.inventory.history import between
    from netcam.report.snapshot import Snapshot

    changes = between(inventory, at - timedelta(days=REPORT_DAYS), at, site=site)
    taken: Snapshot = Snapshot.of(inventory, generated_at=generated_at, site=site, at=at, changes=changes)
    return replace(taken, places=places(inventory, site, at), relations=recorded(taken.identities, content))


def recorded(identities: Iterable[Identity], content: Content | None) -> dict[tuple[str | None, str | None], Sequence[str]]:
    """What maker files record of who makes each badge."""
    from netcam.identify.explain import relations

    return {(one.get("brand"), one.get("maker")): relations(one, content.makers) for one in identities} if content else {}


def snapshot(inventory: Inventory, scan: ScanRecord, *, generated_at: datetime, content: Content | None = None) -> Snapshot:
    """Everything a report of one run shows; with `content` also the questions that texts put to every camera."""
    from netcam.inventory.decided import decisions, removals
    from netcam.inventory.diff import diff
    from netcam.inventory.history import known_before
    from netcam.report.snapshot import Snapshot

    earlier = [s for s in inventory.scans(scan.site) if s.status == "complete" and s.started and scan.started and s.started < scan.started]
    identities, coverage = inventory.identities(scan=scan.id), inventory.coverage(scan.id)
    covered = coverage if scan.status == "complete" else None  # only a finished run can miss a device
    changes = []
    if earlier:
        # where networks are swept one by one, the last look at this one is what it is held against
        last = next((s for s in reversed(earlier) if set(s.targets) >= set(scan.targets)), earlier[-1])
        changes = diff(
            inventory.identities(scan=last.id), identities, coverage_after=covered, targets=scan.targets,
            seen_earlier=known_before(inventory, last.started, scan.site), coverage_before=inventory.coverage(last.id), targets_before=last.targets,
        )  # fmt: skip
    taken: Snapshot = Snapshot.of(inventory, scan, generated_at=generated_at, changes=changes)
    # what traffic showed of these devices belongs to no scan
    devices, told = {one.device for one in identities}, {finding.key for finding in taken.findings}
    calls = [f for f in inventory.findings(site=scan.site) if f.kind == "egress" and f.device in devices and f.key not in told]
    return replace(
        taken,
        findings=(*taken.findings, *calls),
        places=places(inventory, scan.site, generated_at),
        decisions=decisions(inventory),
        removals=tuple(removals(inventory, scan.site).values()),
        checklists=tuple(checklists(content.policies)) if content else (),
        relations=recorded(taken.identities, content),
    )


def survey(inventory: Inventory, settings: Settings, content: Content, now: datetime, *, site: str | None = None) -> Survey:
    """The inventory as the return for a regulator's survey; sites that the settings name and nobody looked at are in it too."""
    from netcam.assess.decisions import Standing
    from netcam.assess.removal import GONE
    from netcam.catalog.policies import PolicyKind
    from netcam.inventory.decided import decisions, removals
    from netcam.inventory.history import missing_at
    from netcam.report import survey as returns

    identities = inventory.identities(site=site, evidence=False)
    findings = inventory.findings(site=site)
    wanted = {one.site for one in identities} | set(settings.sites) if site is None else {site}
    sites = {name: settings.site(name) if name in settings.sites else Site(id=name) for name in wanted}
    held = decisions(inventory)
    gone = {(item.site, item.device) for item in removals(inventory, site).values() if item.state in GONE}
    cameras = [one for one in identities if one.is_camera and (one.site, one.device) not in gone]
    missing = {(name, device) for name in sorted(wanted) for device in missing_at(inventory, name, cameras)}
    return returns.survey(
        identities,
        findings,
        generated_at=now,
        sites=sites,
        tags={(remark.site, remark.device): remark.tags for remark in inventory.remarks(site=site)},
        concerns={p.id: p.title for p in content.policies.policies.values() if p.kind is PolicyKind.SURVEY and p.judges},
        looks=[look for name in sorted(wanted) for look in _looks(inventory.scans(name), name)],
        removed=gone,
        missing=missing,
        excepted=frozenset(f.key for f in findings if held.of(f, now.date()).standing is Standing.EXCEPTED),
    )


def _looks(runs: Sequence[ScanRecord], site: str) -> list[Look]:
    """The last sweep of each part of a site that was swept by itself; where it was never swept, its last run of another kind."""
    from netcam.inventory.leftovers import SWEEPS
    from netcam.report.survey import MAX_SITES, Look, missed

    parts = {run.targets: run for run in runs if run.profile in SWEEPS}
    if not parts:
        last = next(reversed(runs), None)
        return [Look(site=site, scan=last, swept=last is None)]
    newest = sorted(parts.values(), key=lambda run: run.started.timestamp() if run.started else 0.0, reverse=True)[:MAX_SITES]
    told = {run.id: ", ".join(run.targets[:4]) + (" ..." if len(run.targets) > 4 else "") for run in newest}
    return [Look(site=site, scan=run, missed=missed(run.totals), of=told[run.id] if len(parts) > 1 else "") for run in newest]


def checklists(policies: Policies) -> Iterator[Checklist]:
    """The questions of every policy that asks some."""
    from netcam.report.questions import Checklist

    for one in policies.policies.values():
        if one.checklist:
            yield Checklist(title=one.title, questions=tuple((question.ask, question.about) for question in one.checklist))
