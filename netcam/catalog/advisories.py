"""Published firmware advisories as facts: which models, which versions, how exact the published range is, and since when exploited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import translate
from pathlib import Path

import msgspec

from netcam.catalog import sources as citing
from netcam.catalog import text
from netcam.catalog.families import fold
from netcam.catalog.sources import Sources, Status
from netcam.catalog.versions import SCHEMES
from netcam.errors import ContentError, shown


class RangeKind(StrEnum):
    """How exact the published range is. Only `explicit` is compared."""

    EXPLICIT = "explicit"
    PARTIAL = "partial"
    """The record gives examples, not the whole table."""
    BY_REFERENCE = "by-reference"
    ALL_VERSIONS = "all-versions"
    VAGUE = "vague"


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stretch of versions that are affected: from, up to (`before` leaves its end out, `through` takes it in), or exactly one."""

    start: str = msgspec.field(name="from", default="")
    before: str = ""
    through: str = ""
    exactly: str = ""
    built_before: date | None = None
    """Affected where the build date in the version lies before this day."""
    some: bool = False
    """The text leaves open whether every device with such a version is affected: never more than `possibly`."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The models of one range. No models: every model of the maker that runs this line of firmware."""

    models: tuple[str, ...] = ()
    line: str = ""
    """Glob on the version: the row holds for this line of firmware only, whose numbers count apart from the others'."""
    some: bool = False
    """The text says `certain models` of these series, or leaves a track open: never more than `possibly`."""
    spans: tuple[Span, ...] = ()
    fixed: str = ""
    """The first version that is mended, as published."""
    scheme: str = ""


class Advisory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published flaw."""

    id: str
    about: str
    range: RangeKind
    rows: tuple[Row, ...]
    sources: tuple[str, ...]
    status: Status
    record: str = ""
    """Id of the record inside the source, such as an ICSA number."""
    kev: date | None = None
    """Day of entry in CISA's catalogue of exploited flaws; absent means not in the copies that were read."""
    exploited: str = ""
    """Who else reports exploitation."""
    action: str = ""
    also: tuple[str, ...] = ()
    """Sister ids with the same models and versions."""
    note: str = ""


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The maker's own word that it sells or mends a model no more."""

    models: tuple[str, ...]
    sale: date | None = None
    support: date | None = None
    by: bool = False
    """The source says that it had ended by that day; the day itself was not read."""
    sources: tuple[str, ...]
    status: Status
    note: str = ""


class MakerAdvisories(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All facts for one maker's firmware; one file."""

    makers: tuple[str, ...]
    """Values of the maker slot."""
    brands: tuple[str, ...] = ()
    """Where given, only devices with these badges: another badge counts its versions otherwise."""
    scheme: str
    """Name of the maker's way to count versions."""
    notices: str = ""
    """Where the maker publishes its notices."""
    no_maker_file: str = ""
    """Why no fingerprint file knows the maker; empty where one does."""
    facts: tuple[Advisory, ...] = ()
    ended: tuple[Ended, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ModelRow:
    """A row with its model globs compiled."""

    row: Row
    models: re.Pattern[str] | None
    line: re.Pattern[str] | None
    scheme: str

    def speaks_of(self, firmware: str | None) -> bool:
        """Whether the version is of the row's line of firmware; a version that is not told may be."""
        return self.line is None or not firmware or self.line.match(firmware.strip().upper()) is not None

    def covers(self, model: str | None) -> bool | None:
        """Whether the row speaks of the model; None where the device tells none."""
        if self.models is None:
            return True
        return None if not model else self.models.match(model.upper()) is not None


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """An advisory with its rows ready to be asked."""

    advisory: Advisory
    rows: tuple[ModelRow, ...]
    brands: frozenset[str]
    notices: str


@dataclass(frozen=True, slots=True, eq=False)
class EndedModels:
    """An end of sale or support with its globs compiled."""

    ended: Ended
    models: re.Pattern[str]
    brands: frozenset[str]


@dataclass(frozen=True, slots=True)
class Advisories:
    """All facts, by folded maker."""

    by_maker: Mapping[str, tuple[Fact, ...]]
    ended: Mapping[str, tuple[EndedModels, ...]]
    sources: Sources
    digest: str
    files: tuple[tuple[str, MakerAdvisories], ...] = ()
    """Each file's makers, by the place where they stand."""

    def facts(self) -> list[Fact]:
        """Every fact once, in order of id."""
        seen = {id(fact): fact for facts in self.by_maker.values() for fact in facts}
        return sorted(seen.values(), key=lambda fact: fact.advisory.id)


def globs(models: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern for any of the globs, upper case."""
    return re.compile("|".join(translate(glob.upper()) for glob in models))


def load(root: Path) -> Advisories:
    """Read `advisories/*.yaml`. Raises ContentError with file and line."""
    sources = citing.load(root)
    by_maker: dict[str, list[Fact]] = {}
    ended: dict[str, list[EndedModels]] = {}
    where: dict[tuple[str, str], str] = {}
    files: list[tuple[str, MakerAdvisories]] = []
    for path in sorted((root / "advisories").glob("*.yaml")):
        document = text.read(path, name=f"{root.name}/advisories/{path.name}")
        held = text.typed(document, MakerAdvisories)
        if not held.makers:
            raise ContentError(document.at("makers"), "names no maker", "give the maker slot's value")
        files.append((document.at("makers"), held))
        brands = frozenset(fold(brand) for brand in held.brands)
        for number, advisory in enumerate(held.facts):
            _check(advisory, document, sources, number)
            first = where.setdefault((path.stem, advisory.id), document.at("facts", number))
            if first != document.at("facts", number):
                raise ContentError(document.at("facts", number), f"{advisory.id} stands twice (also {first})", "merge the two")
            for row_number, row in enumerate(advisory.rows):
                if (row.scheme or held.scheme) not in SCHEMES:
                    scheme = row.scheme or held.scheme
                    at = document.at("facts", number, "rows", row_number)
                    raise ContentError(at, f"no way of counting {shown(scheme)}", text.nearest(scheme, SCHEMES))
            rows = tuple(
                ModelRow(
                    row, globs(row.models) if row.models else None, globs((row.line,)) if row.line else None, row.scheme or held.scheme
                )
                for row in advisory.rows
            )
            fact = Fact(advisory, rows, brands, held.notices)
            for maker in held.makers:
                by_maker.setdefault(fold(maker), []).append(fact)
        for number, end in enumerate(held.ended):
            citing.known(sources, end.sources, document, "ended", number, "sources")
            if end.sale is None and end.support is None:
                raise ContentError(document.at("ended", number), "neither an end of sale nor of support", "give the day, or leave it out")
            for maker in held.makers:
                ended.setdefault(fold(maker), []).append(EndedModels(end, globs(end.models), brands))
    return Advisories(
        {maker: tuple(facts) for maker, facts in by_maker.items()},
        {maker: tuple(ends) for maker, ends in ended.items()},
        sources,
        citing.digest(root, "advisories", "sources.yaml"),
        tuple(files),
    )


def _check(advisory: Advisory, document: text.Document, sources: Sources, number: int) -> None:
    at = ("facts", number)
    if not advisory.sources:
        raise ContentError(document.at(*at), f"{advisory.id} cites no source", "name at least one id of sources.yaml")
    citing.known(sources, advisory.sources, document, *at, "sources")
    spans = [span for row in advisory.rows for span in row.spans]
    if not advisory.rows:
        raise ContentError(document.at(*at), f"{advisory.id} names neither models nor versions", "add a row")
    if advisory.range is RangeKind.EXPLICIT and not spans:
        raise ContentError(document.at(*at), f"{advisory.id} is explicit and gives no versions", "give spans, or call the range vague")
    if advisory.range is RangeKind.EXPLICIT and any(not row.spans for row in advisory.rows):
        raise ContentError(document.at(*at), f"a row of {advisory.id} gives no versions", "give its spans, or leave the row out")
    if advisory.range is RangeKind.ALL_VERSIONS and not any(row.models for row in advisory.rows):
        raise ContentError(document.at(*at), f"{advisory.id} holds for all versions and names no model", "name the models")
    for row_number, row in enumerate(advisory.rows):
        for span_number, span in enumerate(row.spans):
            ends = [end for end in (span.before, span.through, span.exactly, span.built_before) if end]
            if len(ends) > 1 or not (ends or span.start) or (span.exactly and span.start):
                raise ContentError(
                    document.at(*at, "rows", row_number, "spans", span_number),
                    f"a span of {shown(advisory.id)} has no single end",
                    "give one of before, through, exactly, built_before, and `from` where it has a start",
                )
