"""What is worth telling: a finding once when it opens, again when it changes, once when it closes; the rest is counted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from netcam import wire
from netcam.model import Finding, Identity
from netcam.sinks.event import Ended, Event, EventKind, FindingState, finding_event, notice, traffic_events

ALERT_RANK = 2
"""From this rank on (advisory, unknown, low) a finding is told by itself; below it is only counted."""
COVERED_HOURS = 12
"""Hours of a day in which a device must have been seen to talk before its silence means something: one that was off, or out of
sight, for half of the day was not watched."""
WATCHED = timedelta(hours=24)
"""How long a look at traffic must be to close something: a camera's rhythm is a day."""
EXPIRY = timedelta(days=30)
"""After so long without a look that could have found it again, an egress finding says nothing any more: history reaches no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding as the receivers know it: open, and last told in these terms."""

    finding: Finding
    digest: str
    since: str
    """When it was opened, RFC 3339."""
    source: str = ""
    """Where the traffic was captured that last showed it; empty for what is no traffic."""
    seen: str = ""
    """When that was, RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One window of traffic at one place of capture, judged."""

    source: str
    """Interface, exporter or folder: a tap in front of the recorder says nothing of what passes the firewall."""
    start: datetime
    end: datetime
    findings: Sequence[Finding] = ()
    hours: Mapping[str, int] = field(default_factory=dict)
    """Device -> hours of the window in which it was seen to talk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What to tell, and what is known to have been told once that is queued."""

    events: tuple[Event, ...] = ()
    told: Mapping[str, Told] = field(default_factory=dict)
    """By key: opened or changed."""
    closed: frozenset[str] = frozenset()
    quiet: Mapping[str, str] = field(default_factory=dict)
    """By key, of traffic that was closed: until when (RFC 3339) older traffic is no news."""
    unchanged: Mapping[str, int] = field(default_factory=dict)
    """Open findings that stand as they were, and those below ALERT_RANK, as `counted` names them."""


def material(finding: Finding) -> str:
    """A digest of what a receiver must hear of again: level, sentence and sources, not counters or confidence.

    An egress finding's words hold amounts that differ each time, so there only the level counts.
    """
    words = [finding.verdict.value if finding.verdict else "", finding.severity]
    if finding.kind != "egress":
        words += [finding.title, finding.reach, *(f"{c.id} {c.published}" for c in finding.citations)]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]


def level(finding: Finding) -> str:
    """The word for how much a finding weighs: its verdict, else its severity."""
    return finding.verdict.value if finding.verdict else finding.severity


def counted(finding: Finding) -> str:
    """The name under which a digest counts a finding: policies by their own, a thousand CVEs together."""
    return f"{finding.rule if finding.kind == 'policy' else finding.kind} {level(finding)}"


def settle(
    before: Mapping[str, Told], now: Iterable[Finding], at: datetime, *, judged: Collection[str], kinds: Collection[str],
    devices: Mapping[str, Identity], sensor: str = "", scan_id: str = "", version: str = "", excepted: Collection[str] = (),
    gone: Collection[str] = (),
) -> Settled:  # fmt: skip
    """Hold the findings of one look against what was told before, at one site.

    `judged` are the devices that this look judged, `kinds` the kinds of finding that it could have made: a finding told
    before of such a device and kind, which is not there now, is closed. Others stay open: nobody looked. `excepted` are the
    keys that an exception covers, `gone` the devices that turned out to be part of another one: both say why something closes.
    """
    tell = partial(finding_event, sensor=sensor, scan_id=scan_id, version=version)
    events: list[Event] = []
    told: dict[str, Told] = {}
    closed: set[str] = set()
    unchanged: Counter[str] = Counter()
    seen: dict[str, Finding] = {}
    for finding in now:
        held = seen.get(finding.key)
        if held is None or finding.rank > held.rank:
            seen[finding.key] = finding
    for key, finding in seen.items():
        known = before.get(key)
        if finding.rank < ALERT_RANK:
            unchanged[counted(finding)] += 1
            if known is not None:
                closed.add(key)
                device = devices.get(finding.device)
                events.append(tell(finding, FindingState.CLOSED, at, device=device, ended=Ended.WEIGHS_LESS))
            continue
        digest = material(finding)
        if known is not None and known.digest == digest:
            unchanged[counted(finding)] += 1
            continue
        state = FindingState.OPENED if known is None else FindingState.UPDATED
        told[key] = Told(finding=finding, digest=digest, since=known.since if known else at.isoformat())
        events.append(tell(finding, state, at, device=devices.get(finding.device)))
    for key, known in before.items():
        if key not in seen and known.finding.kind in kinds and known.finding.device in judged:
            closed.add(key)
            about = known.finding.device
            ended = Ended.SUPPRESSED if key in excepted else Ended.SUPERSEDED if about in gone else Ended.NOT_FOUND_AGAIN
            events.append(tell(known.finding, FindingState.CLOSED, at, device=devices.get(about), ended=ended))
    return Settled(events=tuple(events), told=told, closed=frozenset(closed), unchanged=dict(unchanged))


def settle_traffic(
    before: Mapping[str, Told], looks: Iterable[Look], now: datetime, *, devices: Mapping[str, Identity], quiet: Mapping[str, str],
    excepted: Collection[str] = (), sensor: str = "", version: str = "",
) -> Settled:  # fmt: skip
    """Hold looks at traffic, oldest first, against what was told before, at one site.

    What is found opens, or changes under its key. It closes as `not found again` when a look of a whole day at the same place of
    capture, all of it later than the traffic that showed it, saw its device talk in COVERED_HOURS and did not find it; as `suppressed`
    when an exception covers it; as `expired` when EXPIRY has passed since it was last seen and since it was told. Traffic from before the closing is no news.

    Events carry the time of the traffic, so that the same traffic makes the same events.
    """
    tell = partial(finding_event, sensor=sensor, version=version)
    events: list[Event] = []
    told: dict[str, Told] = {}
    standing = dict(before)
    ended: dict[str, datetime] = {}
    known_quiet = {key: at for key, text in quiet.items() if (at := wire.instant(text)) is not None}
    unchanged: Counter[str] = Counter()

    def close(key: str, why: Ended, at: datetime, finding: Finding | None = None) -> None:
        one = finding or standing[key].finding
        at = min(at, now)
        events.append(tell(one, FindingState.CLOSED, at, device=devices.get(one.device), ended=why))
        del standing[key]
        told.pop(key, None)
        ended[key] = known_quiet[key] = at

    for look in sorted(looks, key=lambda one: one.end):
        found: dict[str, Finding] = {}
        for finding in look.findings:
            if finding.key not in found or finding.rank > found[finding.key].rank:
                found[finding.key] = finding
        for key, finding in found.items():
            known, last = standing.get(key), min(ended_at(finding, look.end), now)
            if key in excepted or (known is None and key in known_quiet and last <= known_quiet[key]):
                continue
            if known is not None and last < seen_at(known):
                continue  # older traffic than what is known of it
            if finding.rank < ALERT_RANK:
                unchanged[counted(finding)] += 1
                if known is not None:
                    close(key, Ended.WEIGHS_LESS, last, finding)
                continue
            mark, since = material(finding), known.since if known else now.isoformat()
            standing[key] = told[key] = Told(finding=finding, digest=mark, since=since, source=look.source, seen=last.isoformat())
            ended.pop(key, None)
            if known is not None and known.digest == mark:
                unchanged[counted(finding)] += 1
                continue
            state = FindingState.OPENED if known is None else FindingState.UPDATED
            event = tell(finding, state, last, device=devices.get(finding.device))
            events += [*traffic_events(event), event]
        for key, known in list(standing.items()):
            if key not in found and _covers(look, known):
                close(key, Ended.NOT_FOUND_AGAIN, look.end)
    for key, known in list(standing.items()):
        if known.finding.kind != "egress":
            continue
        if key in excepted:
            close(key, Ended.SUPPRESSED, now)
        elif now - max(seen_at(known), wire.instant(known.since) or now) > EXPIRY:  # an old capture that is read today is news today
            close(key, Ended.EXPIRED, now)
    quiet_until = {key: at.isoformat() for key, at in ended.items()}
    closed = frozenset(before.keys() - standing.keys())
    return Settled(events=tuple(events), told=told, closed=closed, unchanged=dict(unchanged), quiet=quiet_until)


def ended_at(finding: Finding, otherwise: datetime) -> datetime:
    """When the traffic of a finding ended; `otherwise` where it does not say."""
    return (wire.instant(finding.window[1]) if finding.window else None) or otherwise


def seen_at(told: Told) -> datetime:
    """When the traffic behind what was told was last seen."""
    return wire.instant(told.seen) or wire.instant(told.since) or datetime.fromtimestamp(0, UTC)


def _covers(look: Look, told: Told) -> bool:
    """Whether a look could have found again what it did not: a day at the same place, all of it later, in which the device talked."""
    one = told.finding
    whole = look.end - look.start >= WATCHED and seen_at(told) < look.start
    return one.kind == "egress" and told.source == look.source and whole and look.hours.get(one.device, 0) >= COVERED_HOURS


def digest(counts: Mapping[str, int], at: datetime, *, site: str, scan_id: str, sensor: str = "", version: str = "") -> Event:
    """One event in place of all that was found as it was."""
    total = sum(counts.values())
    detail = {name: str(count) for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:60]}
    message = f"{total} findings at {site} stand as they were, or are information only"
    return replace(notice(EventKind.DIGEST, message, at, detail, site=site, sensor=sensor, version=version), scan_id=scan_id)


def rules() -> tuple[str, ...]:
    """When a finding is told, and when it is closed: the rules of this module for a reader."""
    day, month = f"{WATCHED // timedelta(hours=1)} hours", f"{EXPIRY.days} days"
    return (
        "A finding has one key, made of rule, site, device and subject. Receivers hear of it when it opens, when it changes (level, words,",
        "sources; of traffic the level alone), and once when it closes. What stands as it did is counted in one digest a scan.",
        "",
        "closed because:",
        f"  {Ended.NOT_FOUND_AGAIN}: of a policy, firmware or network: a scan judged its device, or looked at as much of its network, and",
        f"    did not find it. Of traffic: a window of {day} at the same place of capture, all of it later than the traffic that showed it,",
        f"    saw the device talk in at least {COVERED_HOURS} of its hours, and no detector found it again. A shorter capture, another place of",
        "    capture, or a device that was silent closes nothing.",
        f"  {Ended.WEIGHS_LESS}: it is there, below the level from which findings are told one by one (advisory, unknown, low).",
        f"  {Ended.SUPPRESSED}: an exception covers it (netcam policy except). It is told again when the exception ends or the finding grows.",
        "    A dispute closes nothing by itself: it corrects the device, and the next look judges it so.",
        f"  {Ended.EXPIRED}: of traffic: for {month} after it was told no look could have found it again. This says that nothing is known, not that it is gone.",
        f"  {Ended.SUPERSEDED}: its device turned out to be part of another one, which has findings of its own.",
        "",
        "Files of one folder count as one place of capture; so do an interface, an exporter's address, a folder of Zeek. Traffic older than",
        "the closing opens nothing again, and the same traffic makes the same events: a file read twice sends nothing twice.",
    )
