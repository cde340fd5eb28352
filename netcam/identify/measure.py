"""How right the catalog is on labelled devices: precision and recall by slot and maker, calibration, and what was mixed up.

Devices labelled as no cameras are counted in a table of their own: the catalog is to know cameras, and of others only never to say wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netcam.catalog.calibration import EDGES, Bin, diagram
from netcam.catalog.makers import Makers
from netcam.errors import ContentError, shown
from netcam.identify import identify
from netcam.identify.agreement import bare, known, same
from netcam.identify.labels import JUDGED, Remarks, Truth, corpus
from netcam.identify.matcher import Matcher
from netcam.identify.peers import Peer
from netcam.model import Identity, Observation

__all__ = ["Measured", "Score", "lines", "measure", "same"]

MAX_TOLD = 20
"""Keys or labels of a sort that the result names; the rest is counted."""


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
    """Of cameras, recorders and encoders, and of devices whose kind is not labelled."""
    stated: dict[str, Score] = field(default_factory=lambda: {slot: Score() for slot in ("model", "firmware")})
    """Of these, where something that was seen of the device holds the label's own text."""
    others_slots: dict[str, Score] = field(default_factory=lambda: {slot: Score() for slot in JUDGED})
    """Of devices labelled as no cameras."""
    makers: dict[str, Score] = field(default_factory=dict)
    """By the catalog's name where it has one, else by the label."""
    calibration: list[Bin] = field(default_factory=list)
    """Over all judged claims."""
    peers: dict[str, tuple[Peer, Score]] = field(default_factory=dict)
    """Other programs on the same banners: whether a word of theirs names the maker or the badge."""
    beside: Score = field(default_factory=Score)
    """Ourselves, counted the same way on the same devices."""
    false_cameras: list[str] = field(default_factory=list)
    """Devices that are no cameras and were called one."""
    others: list[Identity] = field(default_factory=list)
    """What was said of the devices that are no cameras."""
    confusions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Slot, true value, claimed value -> how often."""
    strangers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Slot and label that the catalog does not know -> how often: no claim can agree with it."""
    remarks: Remarks = field(default_factory=Remarks)
    unlabelled: int = 0
    """Devices that were observed and have no label."""


def measure(places: Path | Sequence[Path], matcher: Matcher, peers: Sequence[Peer] = ()) -> Measured:
    """Identify every labelled device of one or more corpora and compare; `peers` are asked about the same banners."""
    result = Measured(peers={one.name: (one, Score()) for one in peers})
    bins = [[0, 0] for _ in EDGES[1:]]
    for folder, part in ((p, part) for p in ([places] if isinstance(places, Path) else places) for part in corpus(p, result.remarks)):
        seen, truths = part.seen, part.truths
        texts: dict[str, list[str]] = {}
        for one in seen:
            texts.setdefault(one.key, []).append(bare(one.value))
        found = {one.device: one for one in identify(seen, matcher)}
        result.unlabelled += len(found.keys() - truths.keys())
        for key, truth in sorted(truths.items()):
            if key not in found:
                raise ContentError(folder.name, f"device {shown(key)} has no observation", "remove its label or add what was seen")
            _judge(result, truth, found[key], "\n".join(texts.get(key, ())), bins, matcher.makers)
        if peers:
            _compare(result, seen, truths, found, matcher.makers)
    result.calibration = [Bin(low, high, count, right) for low, high, (count, right) in zip(EDGES, EDGES[1:], bins, strict=False)]
    return result


def _compare(
    result: Measured, seen: Sequence[Observation], truths: Mapping[str, Truth], found: Mapping[str, Identity], makers: Makers
) -> None:
    """Count for how many devices each peer names the maker or the badge; another maker's or badge's name is wrong."""
    by_device: dict[str, list[Observation]] = {}
    for one in seen:
        by_device.setdefault(one.key, []).append(one)
    for key, truth in truths.items():
        labels = truth.slots.get("maker", ())
        if not labels:
            continue
        wanted = {bare(name) for one in labels for name in (one, makers.called(one), *makers.names_of(one))}
        wanted |= {bare(one) for one in truth.slots.get("brand", ())}
        _count(result.beside, [str(found[key].get("maker") or "")], wanted, makers)
        for peer, score in result.peers.values():
            _count(score, peer.says(by_device.get(key, [])), wanted, makers)


def _count(score: Score, told: Sequence[str], wanted: set[str], makers: Makers) -> None:
    words = bare(" ".join(told))
    if any(len(name) > 1 and name in words for name in wanted):
        score.right += 1
    elif any(bare(name) in words for name in makers.makers if len(bare(name)) > 3):
        score.wrong += 1
    else:
        score.missed += 1


def _judge(result: Measured, truth: Truth, found: Identity, seen: str, bins: list[list[int]], makers: Makers) -> None:
    result.devices += 1
    if truth.is_camera is False:
        result.others.append(found)
        if found.is_camera:
            result.false_cameras.append(truth.device)
    for slot, wanted in truth.slots.items():
        said = found.get(slot)
        right = any(same(slot, said, one, makers, found.get("maker")) for one in wanted)
        scores = [(result.others_slots if truth.is_camera is False else result.slots)[slot]]
        result.strangers.update((slot, one) for one in wanted if not known(slot, one, makers))
        if truth.is_camera is not False and slot == "maker" and wanted:
            scores.append(result.makers.setdefault(makers.maker_of(wanted[0]), Score()))
        if truth.is_camera is not False and slot in result.stated and any(bare(one) in seen for one in wanted):
            scores.append(result.stated[slot])
        for score in scores:
            if said is None:
                score.missed += bool(wanted)
            elif right:
                score.right += 1
            else:
                score.wrong += 1
        if said is None:
            continue
        if not right:
            result.confusions[slot, " or ".join(wanted) or "unknown", said] += 1
        confidence = found.confidence[slot]
        at = next((n for n, high in enumerate(EDGES[1:]) if confidence < high), len(EDGES) - 2)
        bins[at][0] += 1
        bins[at][1] += right


def lines(result: Measured) -> Iterable[str]:
    """The result as plain lines."""

    def share(value: float | None) -> str:
        return "   -  " if value is None else f"{100 * value:5.1f}%"

    def row(name: str, score: Score) -> str:
        return f"{name:10} {share(score.precision)}    {share(score.recall)}  {score.right:5} {score.wrong:5} {score.missed:6}"

    yield f"{result.devices} labelled devices; {len(result.false_cameras)} that are no cameras were called one"
    yield "slot       precision recall  right wrong missed"
    for slot, score in result.slots.items():
        yield row(slot, score)
        if slot in result.stated:
            yield row(" where seen", result.stated[slot])
    others = {slot: score for slot, score in result.others_slots.items() if score.right + score.wrong + score.missed}
    if others:
        yield f"of the {len(result.others)} that are no cameras"
        yield from (row(slot, score) for slot, score in others.items())
    yield from diagram(result.calibration)
    high = [b for b in result.calibration if b.low >= 0.9]
    if sure := sum(b.claims for b in high):
        yield f"of {sure} claims given at 0.9 and above {share(sum(b.right for b in high) / sure)} are right"
    if result.peers:
        yield "names the maker or the badge   right wrong silent, same banners, same devices"
        for name, score in (("netcam", result.beside), *((f"{p.name} ({p.size} patterns)", s) for p, s in result.peers.values())):
            yield f"{name:30} {score.right:5} {score.wrong:5} {score.missed:6}"
    yield "maker                  precision recall"
    for maker, score in sorted(result.makers.items()):
        yield f"{maker[:22]:22} {share(score.precision)}    {share(score.recall)}"
    for (slot, wanted, said), count in result.confusions.most_common(40):
        yield f"mixed up: {slot} {wanted} was called {said} ({count})"
    yield from (f"no camera, called one: {device}" for device in result.false_cameras)
    yield from _remarks(result)


def _remarks(result: Measured) -> Iterator[str]:
    """What of the labels could not be judged, or not be found right."""
    for (slot, label), count in result.strangers.most_common(MAX_TOLD):
        yield f"label unknown to the catalog: {slot} {label} ({count}): no claim can agree with it"
    if len(result.strangers) > MAX_TOLD:
        yield f"and {len(result.strangers) - MAX_TOLD} further labels unknown to the catalog"
    for slot, count in sorted(result.remarks.unsaid.items()):
        yield f"{count} labels leave {slot} open in words; it was not judged there"
    if result.unlabelled:
        yield f"{result.unlabelled} devices were observed and have no label; they were not judged"
    keys = result.remarks.keys.most_common(MAX_TOLD)
    if keys:
        yield "keys of labels that name no slot, not read: " + ", ".join(f"{name} ({count})" for name, count in keys)
