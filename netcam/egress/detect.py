"""Runs every detector over a window, weighs what they say, and words it as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

import numpy as np

from netcam.catalog.destinations import Destinations
from netcam.egress import hit as wording
from netcam.egress.explained import Explainer, SiteRules
from netcam.egress.hit import Hit
from netcam.egress.join import DeviceRef
from netcam.egress.registry import detectors
from netcam.egress.score import CLASSES, MOVEMENT, RANK, WEIGHTS, Judgement, judge
from netcam.egress.stream import Stream
from netcam.egress.window import Window, window
from netcam.flows.inside import Network
from netcam.flows.table import FlowTable, address_text
from netcam.model import Finding

__all__ = ["Assessment", "DeviceRef", "Explainer", "SiteRules", "Stream", "assess", "detect", "over", "run", "windows"]

STEP_HOURS = 12
"""Hours between two windows when a whole table is judged at once: every attack that lasts a day lies whole in one of two windows."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one window said."""

    window: Window
    judgements: tuple[Judgement, ...]
    findings: tuple[Finding, ...]


def assess(w: Window) -> Assessment:
    """Run every detector over one window and weigh the hits."""
    found = [(one.id, one.component, hit) for one in detectors().values() for hit in one.detect(w)]
    judgements = judge(w, found)
    findings = [f for j in judgements for f in _findings(w, j)]
    return Assessment(w, tuple(judgements), tuple(sorted(findings, key=_place)))


def _place(one: Finding) -> tuple[int, str, str, str]:
    return -one.rank, one.rule, one.device, one.subject


def _findings(w: Window, one: Judgement) -> Iterator[Finding]:
    """The hits of a judgement as findings: the strongest carries the score's level, the others no more than it."""
    shares = ", ".join(f"{name} {strength:.2f} (weight {WEIGHTS[name]:.2f})" for name, strength in one.components.items())
    held = f"; held by: {', '.join(one.gates)} (else {one.raw})" if one.gates else ""
    known = "" if one.known else "; volumes are not known, so the score is a lower bound"
    weighed = f"score {one.score} of 100, {one.category} ({CLASSES[one.category]}): {shares}{held}{known}"
    level = one.severity
    # what shows that data moved carries the level, whatever weighs most besides
    carrier = next((n for n, (detector, hit) in enumerate(one.hits) if (hit.component or detectors()[detector].component) in MOVEMENT), 0)
    for n, (detector, hit) in enumerate(one.hits):
        lower = min(hit.severity, level, key=RANK.__getitem__)
        severity = max(level, lower, key=RANK.__getitem__) if n == carrier and _carries(hit, one) else lower
        yield _finding(w, detector, hit, severity, weighed, one)


def _carries(hit: Hit, one: Judgement) -> bool:
    """Whether the strongest hit may carry the level of the whole: it is no mere remark, or several agree."""
    return RANK[hit.severity] >= RANK["low"] or len(one.hits) >= 3


def _finding(w: Window, detector: str, hit: Hit, severity: str, weighed: str, one: Judgement) -> Finding:
    k = hit.channels[0]
    first = min(int(w.chan["first"][x]) for x in hit.channels)
    last = max(int(w.chan["last"][x]) for x in hit.channels)
    return Finding(
        rule=detector, kind="egress", device=w.ref(k).device, site=w.site, subject=hit.subject or wording.subject(w, k), severity=severity,
        title=hit.title, text=hit.text, confidence=hit.confidence, evidence=(*hit.evidence, *wording.evidence(w, hit.channels), weighed),
        would_change=hit.would_change, action=hit.action, window=(wording.instant(first), wording.instant(last)),
        score=one.score, category=one.category, traffic=wording.traffic(w, hit.channels),
    )  # fmt: skip


def over(stream: Stream, explainer: Explainer, hour: int) -> Assessment:
    """The day that ends with `hour` of a stream, judged."""
    return assess(window(stream.ledger, explainer, stream.site, hour))


def run(stream: Stream, explainer: Explainer, *, every: int = 1, last: bool = False) -> Iterator[tuple[int, Assessment]]:
    """Close what is complete (`last`: everything) and judge the day that ends with each `every`-th hour, and with the last."""
    judged = -1
    for hour in stream.finish() if last else stream.ready():
        if hour % every == every - 1:
            judged = hour
            yield hour, over(stream, explainer, hour)
    if last and stream.closed >= 0 and judged != stream.closed:
        yield stream.closed, over(stream, explainer, stream.closed)


def windows(stream: Stream, explainer: Explainer) -> Iterator[Window]:
    """The days of everything a stream holds, one after another; the last one may be short."""
    judged = -1
    for hour in stream.finish():
        if hour % 24 == 23:
            judged = hour
            yield window(stream.ledger, explainer, stream.site, hour)
    if stream.closed >= 0 and judged != stream.closed:
        yield window(stream.ledger, explainer, stream.site, stream.closed)


def detect(
    table: FlowTable,
    devices: Mapping[str, DeviceRef],
    destinations: Destinations,
    *,
    declared: Sequence[str] = (),
    internal: Sequence[Network] = (),
    site: str = "",
    rules: SiteRules | None = None,
    judged: Callable[[Assessment], None] = lambda _: None,
) -> list[Finding]:
    """Findings of one table in order of rank, detector, device and subject; the order of flows does not change them.

    `judged` is told every window.
    """
    given = rules or SiteRules(declared=tuple(declared), internal=tuple(internal))
    stream = Stream(site=site, internal=given.internal)
    stream.add(table, devices)
    if len(table) and not stream.counters["rows joined"] and not stream.counters["flows inside"]:
        ends = began(table)
        table.notes.append(
            f"no flow has an end on the site's networks; the {len(ends)} addresses that began flows and took none were looked at as its devices: "
            "name the networks in netcam.toml (networks, internal)"
        )
        stream = Stream(site=site, internal=ends)
        stream.add(table, devices)
    explainer = Explainer(destinations, given)
    best: dict[str, Finding] = {}
    for _, one in run(stream, explainer, every=STEP_HOURS, last=True):
        judged(one)
        for finding in one.findings:
            known = best.get(finding.key)
            if known is None or (finding.rank, finding.score or 0) >= (known.rank, known.score or 0):
                best[finding.key] = finding
    table.counters.update({f"egress {name}": n for name, n in stream.counters.items() if n and name not in ("rows joined", "flows inside")})
    table.notes.extend(stream.notes)
    return sorted(best.values(), key=_place)


MAX_BEGAN = 256
"""Addresses taken as a site's devices where no network is known: a capture of one site has few, a capture of the internet has no site."""


def began(table: FlowTable) -> tuple[Network, ...]:
    """Addresses that began flows and never took one."""
    ends = [
        np.unique(np.stack([table[f"{end}_hi"], table[f"{end}_lo"], table["version"].astype("u8")], 1), axis=0).tolist() for end in "ab"
    ]
    taken = {tuple(row) for row in ends[1]}
    found = [address_text(*row) for row in ends[0] if tuple(row) not in taken]
    return tuple(ip_network(text) for text in found[:MAX_BEGAN])
