"""How right the catalog is on labelled devices: precision and recall by slot and maker, calibration, and what was mixed up.

A corpus is a folder of pairs: `NAME.observations.jsonl` in the observation format and `NAME.truth.jsonl` with one object per device;
or a file of one JSON object per device that holds both (`{"device", "observations": [...], "truth": {...}}`).
A slot that the truth leaves out is not judged; one that is null must stay unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from netcam import wire
from netcam.catalog.calibration import EDGES, Bin, diagram
from netcam.catalog.makers import Makers
from netcam.errors import ContentError, shown
from netcam.identify import identify
from netcam.identify.matcher import Matcher
from netcam.identify.peers import Peer
from netcam.model import Identity, Observation

JUDGED = ("kind", "brand", "maker", "model", "firmware")


class Truth(msgspec.Struct, frozen=True):
    """What is true of a device, and who says so; further keys are the corpus's own business."""

    device: str = ""
    source: str = ""
    is_camera: bool | None = None
    kind: str | msgspec.UnsetType | None = msgspec.UNSET
    brand: str | msgspec.UnsetType | None = msgspec.UNSET
    maker: str | msgspec.UnsetType | None = msgspec.UNSET
    model: str | msgspec.UnsetType | None = msgspec.UNSET
    firmware: str | msgspec.UnsetType | None = msgspec.UNSET


class _Whole(msgspec.Struct, frozen=True):
    """A device with what was seen of it and what is true of it, in one line."""

    observations: list[dict[str, Any]]
    truth: Truth
    device: str = ""
    source: str = ""


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


def corpus(place: Path) -> Iterator[tuple[list[Observation], dict[str, Truth]]]:
    """The parts of a corpus. Raises ContentError where a file is missing or broken: a measure over half a corpus is none."""
    if place.is_dir():
        pairs = sorted(place.glob("*.truth.jsonl"))
        whole = [p for p in sorted(place.glob("*.jsonl")) if not p.name.endswith((".truth.jsonl", ".observations.jsonl"))]
    else:
        name = place.name.replace(".observations.", ".truth.")
        pairs, whole = ([place.with_name(name)], []) if ".truth." in name else ([], [place])
    if not pairs and not whole:
        raise ContentError(str(place), "holds no NAME.truth.jsonl", "give the folder or file of a labelled corpus")
    for path in pairs:
        yield _observed(path.with_name(path.name.replace(".truth.", ".observations."))), _truths(path)
    for path in whole:
        yield _wholes(path)


def _lines(path: Path) -> list[tuple[int, bytes]]:
    try:
        return [(n, line) for n, line in enumerate(path.read_bytes().splitlines(), 1) if line.strip()]
    except OSError as error:
        raise ContentError(str(error.filename), error.strerror or "cannot be read", "each truth file needs its observations") from None


def _truths(path: Path) -> dict[str, Truth]:
    truths: dict[str, Truth] = {}
    for number, line in _lines(path):
        try:
            one = msgspec.json.decode(line, type=Truth)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ContentError(f"{path.name}:{number}", shown(str(error)), "mend the line") from None
        if not one.device or one.device in truths:
            raise ContentError(
                f"{path.name}:{number}", f"device {shown(one.device)} is labelled twice or not at all", "one line per device"
            )
        truths[one.device] = one
    return truths


def _seen(lines: Iterable[bytes], where: str) -> list[Observation]:
    seen: list[Observation] = []
    for thing in wire.observations(lines):
        if isinstance(thing, Observation):
            seen.append(thing)
        elif thing.dropped:
            raise ContentError(f"{where}:{thing.line}", thing.problem, "mend the line")
    return seen


def _observed(path: Path) -> list[Observation]:
    return _seen((line for _, line in _lines(path)), path.name)


def _wholes(path: Path) -> tuple[list[Observation], dict[str, Truth]]:
    seen: list[Observation] = []
    truths: dict[str, Truth] = {}
    for number, line in _lines(path):
        try:
            one = msgspec.json.decode(line, type=_Whole)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ContentError(f"{path.name}:{number}", shown(str(error)), "mend the line") from None
        key = one.device or one.truth.device or f"line {number}"
        truths[key] = msgspec.structs.replace(one.truth, device=key, source=one.truth.source or one.source)
        seen += _seen((msgspec.json.encode(o | {"device": key}) for o in one.observations), f"{path.name}:{number}")
    return seen, truths


def measure(places: Path | Sequence[Path], matcher: Matcher, peers: Sequence[Peer] = ()) -> Measured:
    """Identify every labelled device of one or more corpora and compare; `peers` are asked about the same banners."""
    result = Measured(peers={one.name: (one, Score()) for one in peers})
    bins = [[0, 0] for _ in EDGES[1:]]
    parts = [(place, part) for place in ([places] if isinstance(places, Path) else places) for part in corpus(place)]
    for folder, (seen, truths) in parts:
        found = {one.device: one for one in identify(seen, matcher)}
        for key, truth in sorted(truths.items()):
            if key not in found:
                raise ContentError(folder.name, f"device {shown(key)} has no observation", "remove its label or add what was seen")
            _judge(result, truth, found[key], bins, matcher.makers)
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
        wanted = {_bare(makers.called(truth.maker))} if isinstance(truth.maker, str) else set()
        if not wanted:
            continue
        wanted |= {_bare(truth.maker)} if isinstance(truth.maker, str) else set()
        wanted |= {_bare(n) for n in makers.names_of(str(truth.maker))} | ({_bare(truth.brand)} if isinstance(truth.brand, str) else set())
        _count(result.beside, [str(found[key].get("maker") or "")], wanted, makers)
        for peer, score in result.peers.values():
            _count(score, peer.says(by_device.get(key, [])), wanted, makers)


def _count(score: Score, told: Sequence[str], wanted: set[str], makers: Makers) -> None:
    words = _bare(" ".join(told))
    if any(len(name) > 1 and name in words for name in wanted):
        score.right += 1
    elif any(_bare(name) in words for name in makers.makers if len(_bare(name)) > 3):
        score.wrong += 1
    else:
        score.missed += 1


def _judge(result: Measured, truth: Truth, found: Identity, bins: list[list[int]], makers: Makers) -> None:
    result.devices += 1
    if truth.is_camera is False:
        result.others.append(found)
    if truth.is_camera is False and found.is_camera:
        result.false_cameras.append(truth.device)
    for slot in JUDGED:
        wanted = getattr(truth, slot)
        if wanted is msgspec.UNSET:
            continue
        said = found.get(slot)
        right = same(slot, said, wanted, makers)
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
        at = next((n for n, high in enumerate(EDGES[1:]) if confidence < high), len(EDGES) - 2)
        bins[at][0] += 1
        bins[at][1] += right


KIND_WORDS = {
    "nvr": "recorder", "dvr": "recorder", "xvr": "recorder", "ip camera": "camera", "ip-camera": "camera", "ipcam": "camera",
    "ptz": "camera", "doorbell": "intercom", "door station": "intercom", "video server": "encoder", "video-server": "encoder",
}  # fmt: skip
"""Other words that labels use for our kinds."""
_SALES_PREFIX = re.compile(r"\A(?:DHI?|HIK|UNV)-(?=[A-Z])", re.IGNORECASE)
"""Sales prefixes that makers print before the model in some places and leave out in others."""


def same(slot: str, said: str | None, wanted: str | None, makers: Makers) -> bool:
    """Whether a claim and a label mean the same: case and punctuation never matter.

    A maker counts under its legal, former and short names, a brand under its spellings, a model with or without its brand's name and
    sales prefix, a firmware whose label gives no build day by its number alone.
    """
    if said is None or wanted is None:
        return False
    if slot == "maker":
        return _bare(makers.called(said)) == _bare(makers.called(wanted))
    if slot == "brand":
        return _bare(makers.spelt(said)) == _bare(makers.spelt(wanted))
    if slot == "kind":
        word = wanted.strip().casefold()
        return said.casefold() == KIND_WORDS.get(word, word)
    if slot == "model":
        return bool({*_models(said, makers)} & {*_models(wanted, makers)})
    whole, number = _bare(said), _bare(re.split(r"[\s,_]{0,3}build\b", said, maxsplit=1, flags=re.IGNORECASE)[0])
    return _bare(wanted) in (whole, number, whole.removeprefix("v"), number.removeprefix("v")) or _bare(wanted).removeprefix("v") == whole


def _models(model: str, makers: Makers) -> Iterator[str]:
    """The ways in which a model may be written."""
    first, _, rest = model.strip().partition(" ")
    for text in (model.strip(), rest if rest and makers.is_name(first) else model.strip()):
        yield _bare(text)
        yield _bare(_SALES_PREFIX.sub("", text))


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def lines(result: Measured) -> Iterable[str]:
    """The result as plain lines."""

    def share(value: float | None) -> str:
        return "   -  " if value is None else f"{100 * value:5.1f}%"

    yield f"{result.devices} labelled devices; {len(result.false_cameras)} that are no cameras were called one"
    yield "slot       precision recall  right wrong missed"
    for slot, score in result.slots.items():
        yield f"{slot:10} {share(score.precision)}    {share(score.recall)}  {score.right:5} {score.wrong:5} {score.missed:6}"
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
