"""How right the catalog is on labelled devices: precision and recall by slot and maker, calibration, and what was mixed up.

A corpus is a folder of pairs: `NAME.observations.jsonl` in the observation format and `NAME.truth.jsonl` with one object per device.
A slot that the truth leaves out is not judged; one that is null must stay unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from netcam import wire
from netcam.errors import ContentError, shown
from netcam.identify import identify
from netcam.identify.matcher import Matcher
from netcam.model import Identity, Observation

JUDGED = ("kind", "brand", "maker", "model", "firmware")
EDGES = (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.01)
"""Borders of the calibration bins: finer where a claim is acted upon."""


class Truth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is true of a device, and who says so."""

    device: str
    source: str
    is_camera: bool | None = None
    kind: str | msgspec.UnsetType | None = msgspec.UNSET
    brand: str | msgspec.UnsetType | None = msgspec.UNSET
    maker: str | msgspec.UnsetType | None = msgspec.UNSET
    model: str | msgspec.UnsetType | None = msgspec.UNSET
    firmware: str | msgspec.UnsetType | None = msgspec.UNSET


@dataclass(slots=True)
class Score:
    """Counts of one slot (or of one maker's devices)."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float | None:
        """Share of the claims that are right; None where nothing was claimed."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """Share of the labelled devices that were named rightly; None where none is labelled."""
        total = self.right + self.wrong + self.missed
        return self.right / total if total else None


@dataclass(slots=True)
class Measured:
    """What a run over a corpus gave."""

    devices: int = 0
    slots: dict[str, Score] = field(default_factory=lambda: {slot: Score() for slot in JUDGED})
    makers: dict[str, Score] = field(default_factory=dict)
    calibration: list[tuple[float, float, int, int]] = field(default_factory=list)
    """Bins of confidence over all judged claims: from, to, claims, right ones."""
    false_cameras: list[str] = field(default_factory=list)
    """Devices that are no cameras and were called one."""
    confusions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Slot, true value, claimed value -> how often."""


def corpus(folder: Path) -> Iterator[tuple[list[Observation], dict[str, Truth]]]:
    """The pairs of a corpus. Raises ContentError where a file is missing or broken: a measure over half a corpus is none."""
    found = sorted(folder.glob("*.truth.jsonl"))
    if not found:
        raise ContentError(str(folder), "holds no NAME.truth.jsonl", "give the folder of a labelled corpus")
    for path in found:
        other = path.with_name(path.name.replace(".truth.", ".observations."))
        truths: dict[str, Truth] = {}
        try:
            for number, line in enumerate(path.read_bytes().splitlines(), 1):
                if line.strip():
                    one = msgspec.json.decode(line, type=Truth)
                    if one.device in truths:
                        raise ContentError(f"{path.name}:{number}", f"device {shown(one.device)} is labelled twice", "keep one line")
                    truths[one.device] = one
            with other.open("rb") as lines:
                things = list(wire.observations(lines))
        except OSError as error:
            raise ContentError(str(error.filename), error.strerror or "cannot be read", "each truth file needs its observations") from None
        except msgspec.DecodeError as error:
            raise ContentError(path.name, shown(str(error)), "mend the line") from None
        for thing in things:
            if isinstance(thing, wire.Problem):
                raise ContentError(f"{other.name}:{thing.line}", thing.problem, "mend the line")
        yield [t for t in things if isinstance(t, Observation)], truths


def measure(folder: Path, matcher: Matcher) -> Measured:
    """Identify every labelled device of a corpus and compare."""
    result = Measured()
    bins = [[0, 0] for _ in EDGES[1:]]
    for seen, truths in corpus(folder):
        found = {one.device: one for one in identify(seen, matcher)}
        for key, truth in sorted(truths.items()):
            if key not in found:
                raise ContentError(folder.name, f"device {shown(key)} has no observation", "remove its label or add what was seen")
            _judge(result, truth, found[key], bins)
    result.calibration = [(low, high, count, right) for low, high, (count, right) in zip(EDGES, EDGES[1:], bins, strict=False)]
    return result


def _judge(result: Measured, truth: Truth, found: Identity, bins: list[list[int]]) -> None:
    result.devices += 1
    if truth.is_camera is False and found.is_camera:
        result.false_cameras.append(truth.device)
    for slot in JUDGED:
        wanted = getattr(truth, slot)
        if wanted is msgspec.UNSET:
            continue
        said = found.get(slot)
        right = same(said, wanted)
        scores = [result.slots[slot]]
        if slot == "maker" and wanted is not None:
            scores.append(result.makers.setdefault(wanted, Score()))
        for score in scores:
            if said is None:
                score.missed += wanted is not None
            elif right:
                score.right += 1
            else:
                score.wrong += 1
        if said is None:
            continue
        if not right:
            result.confusions[slot, wanted or "unknown", said] += 1
        confidence = found.confidence[slot]
        at = next(n for n, high in enumerate(EDGES[1:]) if confidence < high)
        bins[at][0] += 1
        bins[at][1] += right


def same(said: str | None, wanted: str | None) -> bool:
    """Whether two values are the same word: case and spaces around do not matter, everything else does."""
    return said is not None and wanted is not None and said.strip().casefold() == wanted.strip().casefold()


def lines(result: Measured) -> Iterable[str]:
    """The result as plain lines."""

    def share(value: float | None) -> str:
        return "   -  " if value is None else f"{100 * value:5.1f}%"

    yield f"{result.devices} labelled devices; {len(result.false_cameras)} that are no cameras were called one"
    yield "slot       precision recall  right wrong missed"
    for slot, score in result.slots.items():
        yield f"{slot:10} {share(score.precision)}    {share(score.recall)}  {score.right:5} {score.wrong:5} {score.missed:6}"
    yield "confidence        claims  right"
    for low, high, count, right in result.calibration:
        if count:
            yield f"{low:.2f} to {min(high, 1.0):.2f}     {count:6}  {share(right / count)}"
    yield "maker                  precision recall"
    for maker, score in sorted(result.makers.items()):
        yield f"{maker[:22]:22} {share(score.precision)}    {share(score.recall)}"
    for (slot, wanted, said), count in result.confusions.most_common(40):
        yield f"mixed up: {slot} {wanted} was called {said} ({count})"
    yield from (f"no camera, called one: {device}" for device in result.false_cameras)
