"""How good the detectors are: labelled scenarios run hour by hour, precision and recall per kind, calibration of the score, time to detect."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from netcam.catalog.destinations import Destinations
from netcam.egress.detect import Assessment, DeviceRef, Explainer, SiteRules, Stream, run
from netcam.egress.join import HOUR
from netcam.egress.score import RANK
from netcam.flows.table import FlowTable

BINS = (0, 25, 45, 70, 101)
"""Of the score: the levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is wrong in a scenario."""

    kind: str
    device: str
    to: str
    """Part of the destination or subject of the findings that are about it."""
    classes: frozenset[str]
    severity: str
    """Least severity that counts as found."""
    rules: frozenset[str]
    """Detectors whose word counts; empty: any."""
    begins: int
    """Nanoseconds since 1970."""
    hours: float
    """Window stated for this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One scenario: what a site's sensor records, and what is wrong there."""

    name: str
    tables: Iterable[FlowTable]
    devices: Mapping[str, DeviceRef]
    rules: SiteRules
    truth: tuple[Truth, ...] = ()
    camera_days: float = 0.0
    every: int = 1
    """Hours between two judgements."""


@dataclass(slots=True)
class Outcome:
    """What the detectors made of one scenario."""

    name: str
    truth: tuple[Truth, ...]
    found: dict[str, float | None] = field(default_factory=dict)
    """Kind -> hours from its beginning to the finding that names it; None: never."""
    classed: dict[str, bool] = field(default_factory=dict)
    """Kind -> whether the class was right too."""
    false: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Severity -> device, destination and rule of what is told and not true, each once."""
    scores: list[tuple[int, bool]] = field(default_factory=list)
    """Highest score per device and destination, and whether it is true."""
    camera_days: float = 0.0

    @property
    def in_time(self) -> dict[str, bool]:
        """Kind -> whether it was found within its stated window."""
        return {t.kind: (hours := self.found.get(t.kind)) is not None and hours <= t.hours for t in self.truth}


def play(one: Labelled, destinations: Destinations) -> Outcome:
    """Run one scenario as a sensor would, and compare with its truth."""
    stream = Stream(site=one.name, internal=one.rules.internal)
    explainer = Explainer(destinations, one.rules)
    made = Outcome(one.name, one.truth, camera_days=one.camera_days)
    best: dict[tuple[str, str], tuple[int, bool]] = {}
    for assessment in _assessments(one, stream, explainer):
        _compare(one, assessment, made, best)
    for truth in one.truth:
        made.found.setdefault(truth.kind, None)
    made.scores = list(best.values())
    return made


def _assessments(one: Labelled, stream: Stream, explainer: Explainer) -> Iterator[Assessment]:
    for table in one.tables:
        stream.add(table, one.devices)
        for _, assessment in run(stream, explainer, every=one.every):
            yield assessment
    for _, assessment in run(stream, explainer, every=one.every, last=True):
        yield assessment


def _compare(one: Labelled, now: Assessment, made: Outcome, best: dict[tuple[str, str], tuple[int, bool]]) -> None:
    told: dict[tuple[str, str], bool] = {}
    for finding in now.findings:
        mine = [t for t in one.truth if t.device == finding.device and t.to in finding.subject and now.window.end > t.begins]
        for truth in mine:
            if RANK[finding.severity] >= RANK[truth.severity] and (not truth.rules or finding.rule in truth.rules):
                hours = max(0.0, (now.window.end - truth.begins) / HOUR)
                if made.found.get(truth.kind) is None:
                    made.found[truth.kind] = hours
                made.classed[truth.kind] = made.classed.get(truth.kind, False) or finding.category in truth.classes
        # a device that misbehaves is seen from several sides: what else is told of it is no false accusation, and no hit
        if not mine and finding.device not in {t.device for t in one.truth}:
            made.false[finding.severity].add(f"{finding.device} {finding.rule} {finding.subject}")
        told[(finding.device, finding.subject)] = bool(mine)
    for judgement in now.judgements:
        device = now.window.devices[judgement.device].device
        true = any(t.device == device for t in one.truth) and any(told.get((device, s), False) for s in _subjects(now, judgement))
        if any(t.device == device for t in one.truth) and not true:
            continue
        key = (device, judgement.group)
        score, known = best.get(key, (0, False))
        best[key] = (max(score, judgement.score), known or true)


def _subjects(now: Assessment, judgement: Any) -> list[str]:
    from netcam.egress.hit import subject

    return [hit.subject or subject(now.window, hit.channels[0]) for _, hit in judgement.hits]


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Per kind: scenarios, recall, precision, time to detect; over all: calibration and false findings per 1,000 camera-days."""
    kinds: dict[str, dict[str, Any]] = {}
    for kind in sorted({t.kind for o in outcomes for t in o.truth}):
        mine = [o for o in outcomes if any(t.kind == kind for t in o.truth)]
        hours = sorted(h for o in mine if (h := o.found.get(kind)) is not None)
        stated = next(t.hours for o in mine for t in o.truth if t.kind == kind)
        right = sum(o.classed.get(kind, False) for o in mine)
        kinds[kind] = {
            "scenarios": len(mine), "found": len(hours), "recall": round(len(hours) / len(mine), 3),
            "in_time": sum(o.in_time[kind] for o in mine), "window_hours": stated, "class_right": right,
            "precision": round(right / len(hours), 3) if hours else None,
            "median_hours": hours[len(hours) // 2] if hours else None, "worst_hours": hours[-1] if hours else None,
        }  # fmt: skip
    days = sum(o.camera_days for o in outcomes)
    false = Counter({severity: sum(len(o.false.get(severity, ())) for o in outcomes) for severity in ("high", "medium", "low")})
    scores = [s for o in outcomes for s in o.scores]
    calibration = []
    for low, high in pairwise(BINS):
        inside = [true for score, true in scores if low <= score < high]
        share = round(sum(inside) / len(inside), 3) if inside else None
        calibration.append({"score": f"{low}-{high - 1}", "destinations": len(inside), "true": sum(inside), "share_true": share})
    strong = [true for score, true in scores if score >= 70]
    return {
        "scenarios": len(outcomes), "camera_days": round(days, 1), "kinds": kinds,
        "recall": round(sum(k["found"] for k in kinds.values()) / max(1, sum(k["scenarios"] for k in kinds.values())), 3),
        "precision_high": round(sum(strong) / len(strong), 3) if strong else None, "calibration": calibration,
        "false_findings": dict(false), "false_high_per_1000_camera_days": round(1000 * false["high"] / days, 3) if days else None,
    }  # fmt: skip
