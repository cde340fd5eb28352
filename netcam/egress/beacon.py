"""A device calls one outside destination again and again, at a steady pace and with steady amounts.

What it finds
    Repeated conversations with one destination whose gaps and sizes hardly vary. The score has the parts of RITA 5: skew and median
    deviation of the gaps, the same of the sizes, and how evenly the connections fill the window.
Why it matters
    Something at the other end is being told that the device is there, and can answer.
Example
    25 connections of 120 bytes to status.example.org, a second apart.
Blind spots
    Timing alone accuses nobody: a healthy camera keeps in touch with its maker's service at a perfect pace. A documented
    destination is therefore information only. One long connection with regular packets inside it is one flow and is not counted here.
References
    activecm/rita v5, analysis/beacons.go (formulas as described in its documentation and source, restated).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from netcam.egress import wording
from netcam.egress.registry import Detector
from netcam.egress.window import Conversation
from netcam.model import Finding

MIN_CONNECTIONS = 20
"""Fewer gaps give a steady median by chance; RITA's older default was 23, its present one 4, which on a camera network flags everything."""
MIN_SCORE = 0.75
"""Between RITA's medium (0.7) and high (0.9) marks; the lab's beacon scores above 0.9, a motion-triggered camera under 0.5."""
BINS = 24
"""Bins of the histogram over the window, as RITA has them."""
QUIET_PORTS = frozenset({53, 123})
"""Name and time service are regular by design."""


def regularity(values: npt.NDArray[np.float64], floor: float) -> float:
    """Mean of skew and median-deviation score, 0..1. `floor` stands for a median below one."""
    if len(values) < 3:
        return 0.0
    q1, q2, q3 = np.percentile(values, [25, 50, 75])
    spread = q3 - q1
    # the quartiles of a tight beacon lie so close together that their skew is noise
    skew = 0.0 if spread < 0.1 * max(q2, floor) or q2 in (q1, q3) else float((q1 + q3 - 2 * q2) / spread)
    middle = max(float(q2), floor)
    deviation = float(np.median(np.abs(values - q2)))
    return ((1 - abs(skew)) + max(0.0, (middle - deviation) / middle)) / 2


def score(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> dict[str, float]:
    """The parts and the whole, each 0..1."""
    gaps: npt.NDArray[np.float64] = np.diff(np.sort(starts).astype(np.float64)) / 1e9
    gaps = gaps[gaps > 0]
    span = float(starts.max() - starts.min())
    heights, _ = np.histogram(starts, bins=min(BINS, max(2, len(starts) // 3))) if span > 0 else (np.array([len(starts)]), None)
    variation = float(heights.std() / heights.mean()) if heights.mean() else 1.0
    parts = {
        "gaps": regularity(gaps, 0.001),
        "sizes": regularity(sizes.astype(np.float64), 1.0),
        "even": max(0.0, 1.0 - variation),
        "filled": float((heights > 0).mean()),
    }
    return parts | {"score": sum(parts.values()) / 4}


def detect(conversations: Sequence[Conversation], site: str) -> Iterator[Finding]:
    """One finding per device and destination."""
    for one in conversations:
        if one.device.is_camera is False or one.port in QUIET_PORTS or len(one.starts) < MIN_CONNECTIONS:
            continue
        parts = score(one.starts, one.sizes_out)
        if parts["score"] < MIN_SCORE:
            continue
        gaps = np.diff(one.starts) / 1e9
        told = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
        yield Finding(
            rule=DETECTOR.id,
            kind="egress",
            device=one.device.device,
            site=site,
            subject=wording.subject(one),
            severity="information" if one.documented else "medium",
            title=f"{wording.device(one)} calls {one.destination} every {np.median(gaps):.1f} s",
            text=f"{len(one.starts)} connections, {np.median(gaps):.1f} s apart in the middle, hardly varying. Timing alone proves no wrong: it says what to look at.",
            confidence=round(min(0.9, parts["score"]) if not one.documented else 0.3, 2),
            evidence=(*wording.evidence(one), f"regularity: {told}"),
            would_change=wording.benign(one),
            action="Find out what the device reports there, and whether it needs to.",
            window=wording.window(one),
        )


DETECTOR = Detector(id="beacon", title="A device calls one destination again and again at a steady pace", detect=detect)
