"""Published relations between a badge and the maker behind it: by model line, or for all that carries the badge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from netcam.catalog.families import fold
from netcam.catalog.text import Document, nearest
from netcam.errors import ContentError, shown

if TYPE_CHECKING:
    from netcam.catalog.maker_file import Brand, MakerFile

STRENGTHS = ("high", "medium")
"""Strengths of a line: what is weaker stays with the badge under `brands` and is asked."""
MAX_SCHEME = 400
"""Characters of a scheme; longer ones are lists that belong into several rows."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model line under somebody else's badge that this maker builds."""

    brand: str
    scheme: str
    """A regular expression of the whole model, without anchors."""
    strength: str
    """`high` where devices of the line were seen to be the maker's, or the badge's firm or the maker says so of the line; `medium` for less."""
    source: str
    examples: list[str]
    misses: list[str]
    period: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A line with its maker."""

    maker: str
    id: str
    line: Line
    scheme: re.Pattern[str]

    def fits(self, model: str) -> bool:
        """Whether a model is of the line, with or without the badge's name before it."""
        name = self.line.brand
        bare = model[len(name) :].lstrip(" -_") if model.casefold().startswith(name.casefold()) else model
        return any(self.scheme.fullmatch(one) is not None for one in (model, bare) if one)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a maker's file says of a badge that is not its own."""

    maker: str
    id: str
    brand: Brand


class Relations:
    """All relations of badges to makers, by badge."""

    def __init__(self, files: Mapping[str, MakerFile], stems: Mapping[str, str]) -> None:
        """`stems`: maker -> name of its file."""
        self._lines: dict[str, list[Held]] = {}
        self._asked: dict[str, list[Asked]] = {}
        for maker, file in files.items():
            stem = stems.get(maker, fold(maker))
            for number, line in enumerate(file.lines, 1):
                held = Held(maker, f"{stem}/line-{number}", line, re.compile(line.scheme, re.IGNORECASE))
                self._lines.setdefault(fold(line.brand), []).append(held)
            if file.makes_cameras:
                for number, brand in enumerate(file.brands, 1):
                    if not brand.own:
                        asked = Asked(maker, f"{stem}/badge-{number}", brand)
                        for name in {fold(one) for one in (brand.name, *brand.also)}:
                            self._asked.setdefault(name, []).append(asked)
        lines = {held.id: held.line.source for rows in self._lines.values() for held in rows}
        self._sources = lines | {asked.id: asked.brand.source for rows in self._asked.values() for asked in rows}

    def lines(self, badge: str) -> Sequence[Held]:
        """The lines of a badge, of all makers."""
        return self._lines.get(fold(badge), ())

    def asked(self, badge: str) -> Sequence[Asked]:
        """What makers' files say of a badge that is not their own."""
        return self._asked.get(fold(badge), ())

    def source(self, number: str) -> str:
        """Where a relation was read, by the id that a claim carries."""
        return self._sources.get(number, "") or "not recorded"

    def teller(self, badge: str) -> Asked | None:
        """The one maker whose products alone carry a badge, None where there is none or several."""
        found = [one for one in self.asked(badge) if one.brand.tells == "maker"]
        return found[0] if len({one.maker for one in found}) == 1 else None


def check(lines: Iterable[Line], own: Iterable[str], document: Document) -> None:
    """Raises ContentError where a line does not stand: its examples must fit, its near misses must not."""
    mine = {fold(name) for name in own}
    for number, line in enumerate(lines):

        def wrong(key: str, problem: str, cure: str, path: tuple[Any, ...] = ("lines", number)) -> ContentError:
            return ContentError(document.at(*path, key), problem, cure)

        if fold(line.brand) in mine:
            raise wrong("brand", f"{shown(line.brand)} is the maker's own badge", "write its numbering under models")
        if line.strength not in STRENGTHS:
            raise wrong("strength", f"no strength {shown(line.strength)}", nearest(line.strength, STRENGTHS))
        if not line.source.strip() or not line.examples or not line.misses:
            raise wrong("scheme", "a line lacks a source, an example or a near miss", "add a model and where it was read")
        try:
            pattern = re.compile(line.scheme, re.IGNORECASE)
        except re.error as error:
            raise wrong("scheme", f"pattern does not compile: {error}", "test it with python -m re") from None
        if pattern.groups or len(line.scheme) > MAX_SCHEME:
            raise wrong("scheme", "scheme captures or is too long", "use (?:...) and split long lists")
        for key, models, wanted in (("examples", line.examples, True), ("misses", line.misses, False)):
            for model in models:
                if (pattern.fullmatch(model) is not None) is not wanted:
                    fits = "does not fit" if wanted else "fits"
                    raise wrong(key, f"{shown(model)} {fits} the scheme {line.scheme!r}", "mend the scheme or the model")
