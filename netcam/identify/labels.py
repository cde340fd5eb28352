"""Labelled devices: what was seen of each and what is true of it, in the forms that corpora come in.

A corpus is a folder of pairs, `NAME.observations.jsonl` in the observation format and `NAME.truth.jsonl` with one object per device
(or `observations.jsonl` and `truth.jsonl`); or files of one JSON object per device that holds both: `observations` (a list, or an
object of field and value) and `truth` (or the labels beside it). A folder without either is looked through for folders that have them.

Labels are `maker`, `brand`, `model`, `firmware`, `kind` and `is_camera`, or one of `ALIASES`. A label that is absent, empty or says
that it is unknown is not judged; one that is null must stay unknown; a list names alternatives that are all right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from netcam import wire
from netcam.errors import ContentError, shown
from netcam.model import CAMERA_KINDS, Observation

JUDGED = ("kind", "brand", "maker", "model", "firmware")
ALIASES: Mapping[str, str] = {
    "manufacturer": "maker", "true_maker": "maker", "vendor": "maker", "oem": "maker", "make": "maker", "badge": "brand",
    "firmware_version": "firmware", "fw": "firmware", "version": "firmware", "model_name": "model", "device_type": "kind",
    "category": "kind", "class": "kind", "type": "kind", "camera": "is_camera", "id": "device", "key": "device", "device_id": "device",
}  # fmt: skip
"""Other words for the keys of a label; upper and lower case, spaces and hyphens do not matter."""
KINDS: Mapping[str, str] = {
    "nvr": "recorder", "dvr": "recorder", "xvr": "recorder", "hvr": "recorder", "network video recorder": "recorder",
    "digital video recorder": "recorder", "video recorder": "recorder", "dvr/nvr": "recorder", "nvr/dvr": "recorder",
    "ip camera": "camera", "ipcam": "camera", "network camera": "camera", "webcam": "camera", "ptz": "camera", "ptz camera": "camera",
    "security camera": "camera", "surveillance camera": "camera", "ipc": "camera", "dome camera": "camera", "cctv camera": "camera",
    "doorbell": "intercom", "door station": "intercom", "video doorbell": "intercom", "video intercom": "intercom", "doorphone": "intercom",
    "video server": "encoder", "video encoder": "encoder", "dvs": "encoder", "video decoder": "decoder", "matrix": "decoder",
    "ip phone": "phone", "voip phone": "phone", "voip": "phone", "telephone": "phone", "smartphone": "mobile", "tablet": "mobile",
    "tv": "television", "smart tv": "television", "storage": "nas", "access point": "access-point", "ap": "access-point",
    "wifi ap": "access-point", "wap": "access-point", "gateway": "router", "firewall": "router", "modem": "router", "broadband router": "router",
    "pc": "computer", "workstation": "computer", "laptop": "computer", "vms software": "vms", "nvr software": "vms",
    "video management": "vms", "access control": "access-control", "access controller": "access-control", "streaming": "media-player",
    "set top box": "media-player", "media server": "media-player", "media": "media-player", "audio": "speaker", "smart speaker": "speaker",
    "smart home": "iot", "thermostat": "iot", "sensor": "iot", "smart plug": "iot", "light": "lighting", "bulb": "lighting",
    "network switch": "switch", "power": "ups", "pdu": "ups", "industrial": "plc", "scada": "plc", "ilo": "bmc", "ipmi": "bmc",
    "mfp": "printer", "scanner": "printer",
}  # fmt: skip
"""Other words that labels use for our kinds."""
UNSAID = frozenset({"", "-", "?", "unknown", "n/a", "na", "none", "not known", "unlabelled", "unspecified", "tbd"})
"""What a label says where nobody knew."""
OWN_BUSINESS = frozenset({"source", "note", "notes", "comment", "url", "where", "evidence", "because", "observations"})
"""Keys of a label that are not read and need no remark."""


class _Device(msgspec.Struct, frozen=True):
    """A device with what was seen of it; its labels are in the rest of the line."""

    observations: list[dict[str, Any]] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a device, and who says so."""

    device: str
    source: str = ""
    is_camera: bool | None = None
    """None where neither it nor a kind is labelled."""
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Slot -> what is right; nothing is right, and the slot must stay unknown, where the tuple is empty."""


@dataclass(slots=True)
class Part:
    """One pair of files, or one file with both."""

    seen: list[Observation]
    truths: dict[str, Truth]


@dataclass(slots=True)
class Remarks:
    """What of a corpus was not read as a label."""

    keys: Counter[str] = field(default_factory=Counter)
    """Keys that name no slot -> lines that have them."""
    unsaid: Counter[str] = field(default_factory=Counter)
    """Slots that a label leaves open in words."""


def corpus(place: Path, remarks: Remarks | None = None) -> Iterator[Part]:
    """The parts of a corpus. Raises ContentError where a file is missing or broken: a measure over half a corpus is none."""
    noted = Remarks() if remarks is None else remarks
    folders = [place, *sorted(p for p in place.rglob("*") if p.is_dir())] if place.is_dir() else []
    found = [(pairs, whole) for pairs, whole in map(_files, folders) if pairs or whole]
    if not place.is_dir():
        name = place.name.replace("observations.jsonl", "truth.jsonl")
        found = [([place.with_name(name)], [])] if name.endswith("truth.jsonl") else [([], [place])]
    if not found:
        raise ContentError(str(place), "holds no NAME.truth.jsonl", "give the folder or file of a labelled corpus")
    for pairs, whole in found:
        for path in pairs:
            beside = path.with_name(path.name.removesuffix("truth.jsonl") + "observations.jsonl")
            yield Part(_seen((line for _, line in _lines(beside)), beside.name), _truths(path, noted))
        for path in whole:
            yield _wholes(path, noted)


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Truth files with their observations beside them, and files that hold both."""
    lines = sorted(p for p in folder.glob("*.jsonl"))
    pairs = [p for p in lines if p.name == "truth.jsonl" or p.name.endswith(".truth.jsonl")]
    either = ("truth.jsonl", "observations.jsonl")
    return pairs, [p for p in lines if p.name not in either and not p.name.endswith(tuple(f".{e}" for e in either))]


def _lines(path: Path) -> list[tuple[int, bytes]]:
    try:
        return [(n, line) for n, line in enumerate(path.read_bytes().splitlines(), 1) if line.strip()]
    except OSError as error:
        raise ContentError(str(error.filename), error.strerror or "cannot be read", "each truth file needs its observations") from None


def _decoded(line: bytes, kind: Any, where: str) -> Any:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContentError(where, shown(str(error)), "mend the line") from None


def _seen(lines: Iterable[bytes], where: str) -> list[Observation]:
    seen: list[Observation] = []
    for thing in wire.observations(lines):
        if isinstance(thing, Observation):
            seen.append(thing)
        elif thing.dropped:
            raise ContentError(f"{where}:{thing.line}", thing.problem, "mend the line")
    return seen


def _truths(path: Path, remarks: Remarks) -> dict[str, Truth]:
    truths: dict[str, Truth] = {}
    for number, line in _lines(path):
        one = _truth(_decoded(line, dict[str, Any], f"{path.name}:{number}"), "", f"{path.name}:{number}", remarks)
        if not one.device or one.device in truths:
            raise ContentError(
                f"{path.name}:{number}", f"device {shown(one.device)} is labelled twice or not at all", "one line per device"
            )
        truths[one.device] = one
    return truths


def _wholes(path: Path, remarks: Remarks) -> Part:
    part = Part([], {})
    for number, line in _lines(path):
        where = f"{path.name}:{number}"
        told = _decoded(line, _Device, where).observations
        truth = _truth(_decoded(line, dict[str, Any], where), f"line {number}", where, remarks)
        if truth.device in part.truths:
            raise ContentError(where, f"device {shown(truth.device)} is labelled twice", "one line per device")
        part.truths[truth.device] = truth
        if isinstance(told, dict):
            told = [{"field": key, "value": one} for key, value in told.items() for one in (value if isinstance(value, list) else [value])]
        part.seen += _seen((msgspec.json.encode(one | {"device": truth.device}) for one in told), where)
    return part


def _truth(told: Mapping[str, Any], device: str, where: str, remarks: Remarks) -> Truth:
    labels: dict[str, Any] = {}
    rest: list[str] = []
    for name, value in _flat(told):
        key = name.strip().casefold().replace(" ", "_").replace("-", "_")
        key = key if key in JUDGED else ALIASES.get(key, key)
        if key in (*JUDGED, "is_camera", "device", "source"):
            labels.setdefault(key, value)
        elif key not in OWN_BUSINESS:
            rest.append(name)
    remarks.keys.update(set(rest))
    slots = {}
    for slot in JUDGED:
        if slot in labels:
            answers = _answers(labels[slot], f"{where}: {slot}")
            if answers is None:
                remarks.unsaid[slot] += 1
            else:
                slots[slot] = answers
    is_camera = _yes(labels.get("is_camera"), where)
    if is_camera is None and slots.get("kind"):
        kinds = {kind(one) for one in slots["kind"]}
        # a door station has a camera in it: whether it counts as one is for the label to say
        is_camera = None if kinds == {"intercom"} else bool(kinds & CAMERA_KINDS)
    return Truth(str(labels.get("device") or device), str(labels.get("source") or ""), is_camera, slots)


def _flat(told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The labels of a line, with those that stand in an object of their own."""
    for name, value in told.items():
        if name.casefold() in ("truth", "label", "labels", "expected") and isinstance(value, dict):
            yield from value.items()
    for name, value in told.items():
        if not (name.casefold() in ("truth", "label", "labels", "expected") and isinstance(value, dict)):
            yield name, value


def _answers(value: Any, where: str) -> tuple[str, ...] | None:
    """What a label names; None where it leaves the slot open. Raises ContentError for what is no text."""
    if value is None:
        return ()
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in several):
        raise ContentError(where, f"{shown(str(value))} is no label", "write text, a list of texts, or null")
    answers = tuple(str(one).strip() for one in several if str(one).strip().casefold() not in UNSAID)
    return answers or None


def _yes(value: Any, where: str) -> bool | None:
    word = str(value).strip().casefold()
    if value is None or word in UNSAID:
        return None
    if word not in ("true", "false", "yes", "no", "1", "0"):
        raise ContentError(f"{where}: is_camera", f"{shown(word)} is neither true nor false", "write true or false")
    return word in ("true", "yes", "1")


def kind(label: str) -> str:
    """A kind by the word that we use for it; another word stays as it is."""
    word = label.strip().casefold().replace("_", " ").replace("-", " ")
    return KINDS.get(word, word.replace(" ", "-"))
