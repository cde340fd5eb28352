"""A device calls one outside destination again and again, at a steady pace and with steady amounts.

What it finds
    Repeated conversations with one destination whose gaps and sizes hardly vary: RITA's present beacon score, the mean of four parts
    (gaps, sizes, histogram over the window, duration), recomputed over the rolling day from the seconds at which flows began.
Why it matters
    Something at the other end is being told that the device is there, and can answer.
Example
    25 connections of 120 bytes to status.example.org, a second apart.
Blind spots
    Timing alone accuses nobody: a healthy camera keeps in touch with its maker's service at a perfect pace. A documented
    destination is therefore information only. One long connection with regular packets inside it is one flow and is not counted here.
    Fewer than 20 contacts a day: see scheduled-contact.
References
    activecm/rita v5, analysis/beacons.go (formulas restated).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.columns import Array
from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, lasting
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_CONNECTIONS = 20
"""Fewer gaps give a steady median by chance; RITA's older default was 23, its present one 4, which on a camera network flags everything."""
MIN_SCORE = 0.75
"""Between RITA's medium (0.7) and high (0.9) marks; the lab's beacon scores above 0.9, a motion-triggered camera under 0.6."""
BINS = 24
"""Bins of the histogram over the window, as RITA has them."""
SKEW_SPREAD = 10
"""Seconds (or bytes) between the quartiles below which their skew is noise (RITA)."""
MIN_BINS_BIMODAL, MIN_BINS_DURATION = 11, 6
"""Non-empty bins that RITA asks for before it judges two-level histograms and durations."""
QUIET_PORTS = (53, 123)
"""Name and time service are regular by design."""
PARTS = ("gaps", "sizes", "even", "lasting")


def _quartiles(values: Array, owner: Array, edges: Array) -> Array:
    """Q1, median, Q3 per owner by rank, as RITA takes them (no interpolation); `edges` bound the owners' runs."""
    arranged = values[np.lexsort([values, owner])]
    count = np.diff(edges)
    return np.stack([arranged[edges[:-1] + np.rint(f * (count - 1)).astype(np.int64)] for f in (0.25, 0.5, 0.75)], 1)


def _regular(values: Array, owner: Array, edges: Array, floor: float) -> Array:
    """Mean of skew score and median-deviation score per owner."""
    q1, q2, q3 = _quartiles(values, owner, edges).T
    spread = q3 - q1
    flat = (spread < SKEW_SPREAD) | (q2 == q1) | (q2 == q3)
    skew = np.where(flat, 0.0, (q1 + q3 - 2 * q2) / np.where(spread == 0, 1, spread))
    deviation = _quartiles(np.abs(values - np.repeat(q2, np.diff(edges))), owner, edges)[:, 1]
    middle = np.where(q2 < 1, floor, q2)
    steady = np.where(middle > 0, np.maximum(0.0, (middle - deviation) / np.where(middle > 0, middle, 1)), 0.0)
    return ((1 - np.abs(skew)) + steady) / 2


def _bimodal(heights: Array) -> float:
    """How far two levels explain the bins: share of the two commonest height classes."""
    filled = heights[heights > 0]
    width = max(1, int(np.ceil(0.05 * filled.max())))
    _, counts = np.unique(filled // width, return_counts=True)
    return min(1.0, float(np.sort(counts)[-2:].sum()) / max(len(filled) - 1, 1))


def _longest_run(filled: Array) -> int:
    """The longest run of true values, going round."""
    if filled.all():
        return len(filled)
    rolled = np.roll(filled, -int(np.flatnonzero(~filled)[0]))
    best = now = 0
    for one in rolled.tolist():
        now = now + 1 if one else 0
        best = max(best, now)
    return best


def scores(starts: Array, sizes: Array, owner: Array, edges: Array, span: tuple[float, float]) -> Array:
    """Gaps, sizes, even, lasting per owner, each 0..1; `starts` in seconds, sorted within each owner; at least four distinct ones each."""
    inner = np.ones(len(starts), bool)
    inner[edges[:-1]] = False
    gaps = np.diff(starts, prepend=starts[:1])[inner]
    gap_owner = owner[inner]
    gap_edges = np.searchsorted(gap_owner, np.arange(len(edges)))
    parts = np.zeros((len(edges) - 1, 4))
    parts[:, 0] = _regular(gaps.astype(float), gap_owner, gap_edges, 1.0)
    parts[:, 1] = _regular(sizes.astype(float), owner, edges, 0.0)
    length = max(1.0, span[1] - span[0])
    cell = np.clip((starts - span[0]) * BINS / (length + 1), 0, BINS - 1).astype(np.int64)
    heights = np.bincount(owner * BINS + cell, minlength=(len(edges) - 1) * BINS).reshape(-1, BINS)
    variation = heights.std(1) / np.maximum(heights.mean(1), 1e-9)
    filled = (heights > 0).sum(1)
    even = np.maximum(0.0, 1.0 - variation)
    for n in np.flatnonzero(filled >= MIN_BINS_BIMODAL).tolist():
        even[n] = max(even[n], _bimodal(heights[n]))
    parts[:, 2] = even
    lasting_ = (starts[edges[1:] - 1] - starts[edges[:-1]]) / length
    for n in np.flatnonzero(filled >= MIN_BINS_DURATION).tolist():
        parts[n, 3] = min(1.0, max(float(lasting_[n]), _longest_run(heights[n] > 0) / 12))
    return parts


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    count = np.diff(w.edges)
    fit = np.flatnonzero(w.mask(OUT) & (count >= MIN_CONNECTIONS) & ~np.isin(c["port"], QUIET_PORTS) & (c["left"] > 0))
    if not len(fit):
        return
    rows = np.concatenate([np.arange(w.edges[k], w.edges[k + 1]) for k in fit.tolist()])
    edges = np.concatenate([[0], np.cumsum(count[fit])])
    owner = np.repeat(np.arange(len(fit)), count[fit])
    starts = w.starts["start"][rows] / 10
    # the span of what was watched: a capture of a minute is judged as a minute
    span = (float(w.starts["start"].min()) / 10, float(w.starts["start"].max()) / 10)
    parts = scores(starts, w.starts["up"][rows], owner, edges, span)
    total = parts.mean(1)
    for n in np.flatnonzero(total >= MIN_SCORE).tolist():
        k = int(fit[n])
        mine = starts[edges[n] : edges[n + 1]]
        gap = float(np.median(np.diff(mine)))
        documented = float(c["left"][k]) <= PLATFORM
        parted = ", ".join(f"{name} {value:.2f}" for name, value in zip(PARTS, parts[n], strict=True))
        yield hit(
            w, k, "information" if documented else "low", f"{{device}} calls {{to}} every {lasting(gap)}",
            f"{len(mine)} contacts, {lasting(gap)} apart, hardly varying. Timing alone proves no wrong: it says what to look at.",
            strength=0.2 if documented else (float(total[n]) - 0.7) / 0.3, confidence=0.3 if documented else min(0.9, float(total[n])),
            evidence=(f"regularity {total[n]:.2f}: {parted}",), action="Find out what the device reports there, and whether it needs to.",
        )  # fmt: skip


DETECTOR = Detector(id="beacon", title="A device calls one destination again and again at a steady pace", component="timing", detect=detect)
