"""What is not taken at its word (fingerprints/cautions.yaml): answers that name a product and are given by many, neighbours whose UPnP
descriptions hold numbers like a camera's, and words with which a platform says that anybody's badge is on it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from netcam.catalog import home
from netcam.catalog.text import nearest, read, typed
from netcam.errors import ContentError, shown
from netcam.model import Observation
from netcam.protocols.fields import FIELDS, known

NAME = "cautions.yaml"
MAX_READ = 300
"""Characters of a value that are looked at."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A product that nmap names by an answer which names nobody."""

    product: str
    answer: str
    source: str
    prompt: bool = False
    """Nothing but a prompt (`login:`), which routers and set-top boxes give as well: it does not even tell a camera."""


class Neighbour(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A company whose devices describe themselves over UPnP and are no cameras."""

    name: str
    """What the manufacturer's name begins with."""
    makes: str
    source: str


class DeviceType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The beginning of a UPnP device type that no camera has."""

    type: str
    source: str


class Neutral(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A value in which a platform says that it was built for whoever puts a badge on it."""

    field: str
    value: str
    source: str


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """cautions.yaml."""

    shared_answers: list[Answer] = []
    neighbours: list[Neighbour] = []
    device_types: list[DeviceType] = []
    neutral: list[Neutral] = []


def _beginning(names: Iterable[str], before: str, after: str = "") -> re.Pattern[str]:
    """A pattern for one of several beginnings of a name; it fits nothing where there are none."""
    some = "|".join(re.escape(name) for name in names)
    return re.compile(f"{before}(?:{some}){after}" if some else "(?!)", re.IGNORECASE)


@dataclass(frozen=True)
class Cautions:
    """The file, ready to be asked."""

    file: File = dataclasses.field(default_factory=File)

    @cached_property
    def _answers(self) -> dict[str, bool]:
        return {one.product.casefold(): one.prompt for one in self.file.shared_answers}

    @cached_property
    def _neutral(self) -> frozenset[tuple[str, str]]:
        return frozenset((one.field, one.value.casefold()) for one in self.file.neutral)

    @cached_property
    def _neighbours(self) -> dict[str, re.Pattern[str]]:
        return {
            "upnp.manufacturer": _beginning((one.name for one in self.file.neighbours), r"\W{0,3}", "(?![a-z])"),
            "upnp.device_type": _beginning((one.type for one in self.file.device_types), r"urn:[\w.-]{1,60}:device:"),
        }

    def named_by_answer(self, product: str) -> bool:
        """Whether nmap names a product by an answer or a prompt that names nobody: it says whose device was seen first to answer so,
        and many firmwares do. Where it names two products, nobody can know which."""
        told = product[:MAX_READ].strip().casefold()
        return told in self._answers or (" or " in told and told.endswith("rtspd"))

    def named_by_prompt(self, product: str) -> bool:
        """Whether nmap names a product by a prompt that says nothing of the kind either."""
        return self._answers.get(product[:MAX_READ].strip().casefold(), False)

    def neighbour(self, observations: Iterable[Observation]) -> bool:
        """Whether a UPnP description is that of a neighbour: a number in it that looks like a camera's or recorder's is not one."""
        asked = self._neighbours
        return any(one.field in asked and asked[one.field].match(one.value[:MAX_READ]) for one in observations)

    def neutral(self, observations: Iterable[Observation]) -> bool:
        """Whether a platform says that it was built for whoever puts a badge on it."""
        return any((one.field, one.value[:MAX_READ].casefold()) in self._neutral for one in observations)


def load(root: Path) -> Cautions:
    """Read `cautions.yaml` of a content folder; a folder made before there was such a file takes the shipped one. Raises ContentError."""
    path = root / NAME
    document = read(path if path.is_file() else home.shipped_root() / NAME, name=NAME)
    found = typed(document, File)
    seen: set[tuple[str, str]] = set()
    lists = {
        "shared_answers": [(one.product, one.source) for one in found.shared_answers],
        "neighbours": [(one.name, one.source) for one in found.neighbours],
        "device_types": [(one.type, one.source) for one in found.device_types],
        "neutral": [(f"{one.field} {one.value}", one.source) for one in found.neutral],
    }
    for part, rows in lists.items():
        for n, (name, source) in enumerate(rows):
            if not name.strip() or not source.strip():
                raise ContentError(document.at(part, n), "an entry has no name or no source", "say what it is and where it was read")
            if (part, name.casefold()) in seen:
                raise ContentError(document.at(part, n), f"{shown(name)} stands twice", "keep one of the two")
            seen.add((part, name.casefold()))
    for n, one in enumerate(found.neutral):
        if not known(one.field):
            raise ContentError(
                document.at("neutral", n, "field"), f"no protocol produces field {shown(one.field)}", nearest(one.field, FIELDS)
            )
    return Cautions(found)
