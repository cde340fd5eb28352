"""How often claims of a given confidence were right on labelled devices: a dated file, whose caps no claim exceeds.

The file is measured, never written by hand: `netcam catalog measure CORPUS --write-calibration FILE`. Where fewer claims of a bin were
right than their confidence promises, the bin's cap is what was measured; a corpus in which all were right raises nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec

from netcam.catalog.text import read, typed
from netcam.errors import ContentError

EDGES = (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Borders of the bins: finer where a claim is acted upon."""
MIN_CLAIMS = 20
"""Claims of a bin from which its share counts; fewer say nothing."""
Z = 1.96
"""Standard deviations of the interval that is told: 95 %."""


class Bin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Claims with a confidence from `low` up to `high`, and how many of them were right."""

    low: float
    high: float
    claims: int
    right: int

    @property
    def share(self) -> float:
        """Share of right claims; 0 where there were none."""
        return self.right / self.claims if self.claims else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson interval of the share."""
        if not self.claims:
            return 0.0, 1.0
        n, p, zz = self.claims, self.share, Z * Z
        middle = (p + zz / (2 * n)) / (1 + zz / n)
        half = Z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    @property
    def cap(self) -> float:
        """What no claim of this bin exceeds: the measured share where it is below the bin, else 1."""
        return self.share if self.claims >= MIN_CLAIMS and self.share < self.low else 1.0


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measurement."""

    made: date
    corpora: list[str]
    devices: int
    bins: list[Bin]

    def capped(self, confidence: float) -> float:
        """A confidence that what was measured bears out."""
        for one in self.bins:
            if one.low <= confidence < one.high or (one.high >= 1 and confidence >= one.low):
                return min(confidence, one.cap)
        return confidence


def load(root: Path) -> Calibration | None:
    """The calibration of a content folder, or None where it has none. Raises ContentError."""
    path = root / "calibration.yaml"
    if not path.is_file():
        return None
    document = read(path, name="calibration.yaml")
    found = typed(document, Calibration)
    if any(not 0 <= b.low < b.high <= 1 or not 0 <= b.right <= b.claims for b in found.bins):
        raise ContentError(document.at("bins"), "a bin is not within 0..1, or has more right claims than claims", "measure it again")
    return found


def written(one: Calibration) -> str:
    """The file's text."""
    lines = ["# Measured by `netcam catalog measure --write-calibration`; not written by hand.", f"made: {one.made.isoformat()}"]
    lines += ["corpora:", *(f"- {name}" for name in one.corpora), f"devices: {one.devices}", "bins:"]
    lines += [f"- {{low: {b.low}, high: {b.high}, claims: {b.claims}, right: {b.right}}}" for b in one.bins]
    return "\n".join(lines) + "\n"


def diagram(bins: Sequence[Bin], width: int = 40) -> Iterator[str]:
    """A reliability diagram in text: what was claimed against what was right, with its 95 % interval."""
    yield "claimed        claims   right   0 %" + " " * (width - 9) + "100 %"
    for one in bins:
        if not one.claims:
            continue
        low, high = one.interval
        bar = ["-" if low * width <= n <= high * width else " " for n in range(width + 1)]
        bar[round(one.share * width)] = "#"
        bar[round((one.low + one.high) / 2 * width)] = "|" if bar[round((one.low + one.high) / 2 * width)] != "#" else "#"
        yield f"{one.low:.2f} to {one.high:.2f} {one.claims:8}  {100 * one.share:5.1f}%   {''.join(bar)}"
    yield "# share that was right, - its 95 % interval, | middle of what was claimed; # at or right of | means: no claim promised too much"
