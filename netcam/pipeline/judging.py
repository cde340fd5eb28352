"""Observations to identities to findings, and what of it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netcam.model import Finding, Identity, Observation, Site

if TYPE_CHECKING:
    from netcam.assess.decisions import Decisions, Stand
    from netcam.assess.evidence import DeviceRecord
    from netcam.identify.correlate import Correlation
    from netcam.inventory.corrections import Corrections, Move
    from netcam.inventory.port import Inventory, Spans
from netcam.pipeline.content import Content

FEW = 1_000
"""Keys of a site that are looked up one by one; above, one pass over the site's observations is as fast."""


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
    moves: tuple[Move, ...] = ()
    """Locks that went with their device into the one that took it in, or back."""
    seen: Spans | None = None
    """When each device was first and last observed, of those whose observations say when; None where no inventory was at hand."""

    def stand(self, finding: Finding) -> Stand | None:
        """Where a finding stands after what people decided; None where nobody decided anything."""
        told = self.decisions.of(finding, self.day) if self.decisions and self.day else None
        return told if told and told.decision else None

    def raised(self) -> tuple[Finding, ...]:
        """The findings that no exception covers: those that `--fail-on` counts."""
        return tuple(finding for finding in self.findings if (stand := self.stand(finding)) is None or stand.raised)


def judge(
    observations: Iterable[Observation], content: Content, site: Site, now: datetime, *, inventory: Inventory | None = None,
    part: bool = False,
) -> Judged:  # fmt: skip
    """Identify the devices behind `observations` and hold them against every policy and advisory.

    With `inventory`, which device is which is told by all that it holds of their sites, and the operator's corrections hold. `part`:
    these observations are a part of what could be seen, such as a list of leases; what was known of their devices before still holds.
    """
    from netcam.identify import identify

    if inventory is None:
        named: dict[str, int] = {}
        identities = tuple(identify(recorder_channels(observations, named), content.matcher))
        return Judged(identities, (*assess(identities, content, site, now), *hidden(identities, content, named)))
    from netcam.inventory import corrections
    from netcam.inventory.decided import decisions, device_records

    seen, holds = list(observations), corrections.read(inventory)
    sites = sorted({one.site for one in seen})
    devices = known_devices(inventory, sites, holds)
    moves: list[Move] = []
    for place in sites if holds.locks else ():
        live = {name for where, name in devices.devices() if where == place}
        into = {old: new for (where, old), new in devices.absorbed().items() if where == place}
        holds, went = corrections.placed(holds, place, live, into)
        moves += went
    if part:
        touched = {(one.site, devices.device_of(one)) for one in seen}
        seen = observed_of(inventory, devices, touched)
    told = list(identify(seen, content.matcher, devices, current=part))
    if not part:
        told = remembered(inventory, content, devices, told)
    identities = tuple(corrections.locked(one, holds.locks.get((one.site, one.device), ())) for one in told)
    records = device_records(inventory, {one.site for one in identities})
    named = {}
    for _ in recorder_channels(seen, named):
        pass
    findings = (*assess(identities, content, site, now, records), *hidden(identities, content, named))
    times = {key: (first, min(last, now)) for key, (first, last) in spans(seen, devices).items() if first <= now}
    return Judged(identities, findings, devices.absorbed(), decisions(inventory), now.date(), devices.notes, tuple(moves), times)


def spans(observations: Iterable[Observation], devices: Correlation) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """(site, device) -> when it was first and last observed; what has no time tells nothing."""
    found: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    for one in observations:
        if one.at is None:
            continue
        key = one.site, devices.device_of(one)
        held = found.get(key)
        if held is None:
            found[key] = one.at, one.at
        elif one.at > held[1]:
            found[key] = held[0], one.at
        elif one.at < held[0]:
            found[key] = one.at, held[1]
    return found


def remembered(inventory: Inventory, content: Content, devices: Correlation, told: list[Identity]) -> list[Identity]:
    """`told`, and what was known before of the devices that showed nothing but a MAC this time.

    A camera that answers only ARP for a night is still that camera; what it was taken for must not fall to its network card's maker.
    """
    from netcam.identify import identify
    from netcam.identify.assumed import MAC_ALONE

    silent = {(one.site, one.device) for one in told if all(claim.origin == "mac" for claim in one.because)}
    known = {
        (one.site, one.device)
        for site in sorted({site for site, _ in silent})
        for one in inventory.devices(site=site)
        if max(one.confidence.values(), default=0.0) > MAC_ALONE
    }
    again = identify(observed_of(inventory, devices, silent & known), content.matcher, devices, current=True) if silent & known else ()
    before = {(one.site, one.device): one for one in again}
    return [before.get((one.site, one.device), one) for one in told]


def observed_of(inventory: Inventory, devices: Correlation, wanted: Set[tuple[str, str]]) -> list[Observation]:
    """Everything that was ever observed of some devices (site, device): a few are looked up, for many their sites are read."""
    from netcam.model.collector import paused

    seen: list[Observation] = []
    with paused():
        for place, keys in sorted(devices.keys(wanted).items()):
            if len(keys) > FEW:
                some = inventory.observations(site=place)
            else:
                some = (one for key in sorted(keys) for one in inventory.observations(site=place, device=key))
            seen += [one for one in some if (place, devices.device_of(one)) in wanted]
    return seen


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
    from netcam.identify.correlate import correlate_sightings
    from netcam.inventory.folded import sightings
    from netcam.model.collector import paused

    with paused():
        return correlate_sightings((one for site in sorted(sites) for one in sightings(inventory, site)), holds.ties)


def store(inventory: Inventory, scan: str | None, judged: Judged, now: datetime, *, audit: Path | None = None) -> None:
    """Keep what was judged; devices that turned out to be part of another one leave the list, their history stays.

    The run itself, with its coverage and its audit log, gets its word in the hash chain, which is then signed.
    """
    from netcam.inventory import corrections, remarks

    times = dict(judged.seen or {})
    for site in sorted({site for site, _ in judged.absorbed}):
        listed = {one.device: one for one in inventory.devices(site=site)}
        into = {old: new for (place, old), new in judged.absorbed.items() if place == site and old in listed}
        for old, new in into.items():
            first, last = listed[old].first_seen, listed[old].last_seen
            if first is not None and last is not None:
                held = times.get((site, new), (first, last))
                times[site, new] = min(held[0], first), max(held[1], last)
        remarks.take_in(inventory, site, into, now, by="netcam")
    corrections.follow(inventory, judged.moves, now, by="netcam")
    inventory.save_identities(scan, judged.identities, now, seen=None if judged.seen is None else times)
    for site in sorted({one.site for one in judged.identities}):
        remarks.give_back(inventory, site, now, by="netcam")
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
