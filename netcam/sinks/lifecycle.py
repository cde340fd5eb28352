"""What is worth telling: a finding once when it opens, again when it changes, once when it closes; the rest is counted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from netcam.model import Finding, Identity
from netcam.sinks.event import Event, EventKind, FindingState, finding_event, notice

ALERT_RANK = 2
"""From this rank on (advisory, unknown, low) a finding is told by itself; below it is only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding as the receivers know it: open, and last told in these terms."""

    finding: Finding
    digest: str
    since: str
    """When it was opened, RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What to tell, and what is known to have been told once that is queued."""

    events: tuple[Event, ...] = ()
    told: Mapping[str, Told] = field(default_factory=dict)
    """By key: opened or changed."""
    closed: frozenset[str] = frozenset()
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
    devices: Mapping[str, Identity], sensor: str = "", scan_id: str = "", version: str = "",
) -> Settled:  # fmt: skip
    """Hold the findings of one look against what was told before, at one site.

    `judged` are the devices that this look judged, `kinds` the kinds of finding that it could have made: a finding told
    before of such a device and kind, which is not there now, is closed. Others stay open: nobody looked.
    """
    made = {"sensor": sensor, "scan_id": scan_id, "version": version}
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
                events.append(finding_event(finding, FindingState.CLOSED, at, device=devices.get(finding.device), **made))
            continue
        digest = material(finding)
        if known is not None and known.digest == digest:
            unchanged[counted(finding)] += 1
            continue
        state = FindingState.OPENED if known is None else FindingState.UPDATED
        told[key] = Told(finding=finding, digest=digest, since=known.since if known else at.isoformat())
        events.append(finding_event(finding, state, at, device=devices.get(finding.device), **made))
    for key, known in before.items():
        if key not in seen and known.finding.kind in kinds and known.finding.device in judged:
            closed.add(key)
            device = devices.get(known.finding.device)
            events.append(finding_event(known.finding, FindingState.CLOSED, at, device=device, **made))
    return Settled(events=tuple(events), told=told, closed=frozenset(closed), unchanged=dict(unchanged))


def digest(counts: Mapping[str, int], at: datetime, *, site: str, scan_id: str, sensor: str = "", version: str = "") -> Event:
    """One event in place of all that was found as it was."""
    total = sum(counts.values())
    detail = {name: str(count) for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:60]}
    message = f"{total} findings at {site} stand as they were, or are information only"
    return replace(notice(EventKind.DIGEST, message, at, detail, site=site, sensor=sensor, version=version), scan_id=scan_id)
