"""Maker files (fingerprints/makers/): who a maker is, what it sells under which brands, and how its devices are recognised."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from netcam.catalog import calibration, cautions, naming, relations
from netcam.catalog.calibration import Calibration
from netcam.catalog.cautions import Cautions
from netcam.catalog.text import Document, nearest, read, typed
from netcam.catalog.versions import SCHEMES
from netcam.errors import ContentError, shown
from netcam.model import KINDS, SLOTS
from netcam.protocols.fields import FIELDS, known

MAX_MATCHED = 16_384
"""Characters of a value that patterns see: login pages name themselves in their first kilobytes."""
MAX_PATTERN = 400
"""Characters of a pattern; longer ones are lists that belong into several fingerprints."""
MAX_MODEL = 80
"""Characters of a model that is looked up in its maker's table."""
STATUSES = ("stable", "draft", "retired")
DRAFT_FACTOR = 0.8
"""A draft fingerprint rests on documentation or on composed examples: it weighs less than one seen on a device."""
MAC_WEIGHT = 0.4
"""A MAC prefix names whose network chip it is: alone it stays under 0.5 and never makes a kind."""


COMPANY_WORDS = frozenset(
    {
        "ab", "ag", "bv", "co", "company", "corp", "corporation", "digital", "electronic", "electronics", "gmbh", "group",
        "holdings", "inc", "incorporated", "international", "limited", "llc", "ltd", "network", "networks", "sa", "security",
        "solutions", "sro", "srl", "spa", "systems", "tech", "technologies", "technology", "vision", "communications",
        "innovation",
    }
)  # fmt: skip
"""Words that follow a company's name and may be left out."""
ORIGINS = {
    "onvif.manufacturer": "onvif-information", "onvif.model": "onvif-information",
    "onvif.firmware": "onvif-information", "ssdp": "upnp", "hostname": "dhcp",
}  # fmt: skip
"""Fields that one answer carries: what it says in several places counts once. Others have their protocol as origin."""


class Also(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A further field that must (or must not) match on the same device."""

    field: str
    match: str


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A value as it was seen, what must be said of it, and where it was seen."""

    see: str
    source: str
    says: dict[str, str] = {}
    also: dict[str, str] = {}
    """Further fields of the same device, where the fingerprint wants them."""


class Miss(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A value that looks alike and must not match."""

    see: str
    source: str = ""
    also: dict[str, str] = {}


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One way to recognise something: exactly one of match, equals, prefix, contains (all but match: case does not matter)."""

    id: str
    field: str
    says: dict[str, str]
    weight: float
    examples: list[Example]
    near_misses: list[Miss] = []
    match: str = ""
    equals: str = ""
    prefix: str = ""
    contains: str = ""
    all_of: list[Also] = []
    unless: list[Also] = []
    origin: str = ""
    status: str = "stable"
    note: str = ""

    @property
    def strength(self) -> float:
        """The weight that a claim of it carries."""
        return self.weight * (DRAFT_FACTOR if self.status == "draft" else 1.0)

    @property
    def group(self) -> str:
        """Claims of one group come from one origin and do not strengthen each other."""
        return self.origin or self.field.partition(".")[0]

    def origin_of(self, field: str) -> str:
        """The origin of a claim that was read from `field`, for fingerprints over many fields."""
        if self.origin or not self.field.startswith("any."):
            return self.group
        start = field.partition(".")[0]
        if field.startswith("onvif.scope."):
            return "ws-discovery"
        return ORIGINS.get(field, ORIGINS.get(start, start))


class Brand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A name on the badge."""

    name: str
    own: bool = False
    """The maker's own name for its products."""
    scope: str = ""
    source: str = ""
    strength: str = ""
    period: str = ""
    also: list[str] = []
    """Other spellings that devices use; case, spaces and hyphens need none."""
    tells: str = ""
    """`maker` where the badge stands on products of this maker only, `brand` where it names no maker; by default an own brand tells the maker."""
    word: bool = True
    """Distinct enough to be looked for in running text and host names; `false` for words that have a meaning of their own."""
    noun: bool = True
    """Told in running text where a camera noun follows (`Pelco Network Camera`); `false` for words that tell what a camera does or where."""
    not_before: str = ""
    """A regular expression that must not follow the name: another company's longer name."""
    words: list[str] = []
    """Longer spellings that are distinct enough for running text where the name is not."""
    mac_registrants: list[str] = []
    """Beginnings of company names in the IEEE registry whose cards are in devices with this badge."""
    seek: bool = True
    """Looked for at all; `false` for names that fields of others hold too."""


class ModelScheme(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One row of a maker's model table: how its models of one kind are numbered."""

    scheme: str
    """A regular expression of the whole model, without anchors."""
    examples: list[str]
    source: str
    kind: str = ""
    family: str = ""
    brand: str = ""
    shared: bool = False
    """Other makers number alike: says the model, its kind and badge only in fields that cameras alone fill (`any.camera`), and no maker."""
    word: bool = True
    """Distinct enough to be looked for in running text and host names."""
    misses: list[str] = []
    weight: float = 0.0
    status: str = "draft"


class MakerFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One maker."""

    maker: str
    legal: list[str] = []
    country: str = ""
    owner: str = ""
    makes_cameras: bool = True
    brands: list[Brand] = []
    mac_registrants: list[str] = []
    """Beginnings of the company name in the IEEE registry."""
    mac_sources: str = ""
    ports: list[str] = []
    """TCP ports of its own protocols: on a card of the maker's, what listens there is one of its video devices."""
    version_scheme: str = ""
    odm: bool = False
    """Builds nearly everything for others' badges: its own name is never assumed for the badge."""
    usual_kind: str = ""
    """What nearly all its products are; assumed where a device names the maker and no kind."""
    source: str = ""
    """Where the names of this file were read, if not said at each."""
    also_called: list[str] = []
    """Former and short names of the maker."""
    models: list[ModelScheme] = []
    lines: list[relations.Line] = []
    """Others' badges on its devices, by model line."""
    fingerprints: list[Fingerprint] = []


@dataclass(frozen=True)
class Makers:
    """All maker files."""

    makers: dict[str, MakerFile]
    fingerprints: tuple[Fingerprint, ...]
    digest: str
    places: dict[str, str]
    """Fingerprint id -> file:line."""
    calibration: Calibration | None = None
    """What was measured of the confidences."""
    stems: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Maker -> name of its file, with which its ids begin."""
    spelt_out: tuple[tuple[str, Fingerprint], ...] = ()
    """Maker and fingerprint, of those that names and model schemes were spelt out into."""
    cautions: Cautions = dataclasses.field(default_factory=Cautions)
    """What is not taken at its word."""

    @cached_property
    def relations(self) -> relations.Relations:
        """What is published of badges and the makers behind them."""
        return relations.Relations(self.makers, self.stems)

    @cached_property
    def owned(self) -> tuple[tuple[str, Fingerprint], ...]:
        """Every fingerprint with the maker whose file holds it."""
        return (*((name, f) for name, m in self.makers.items() for f in m.fingerprints), *self.spelt_out)

    @cached_property
    def by_id(self) -> dict[str, tuple[MakerFile, Fingerprint]]:
        """Fingerprint id -> its maker and itself."""
        return {f.id: (self.makers[name], f) for name, f in self.owned}

    @cached_property
    def registrants(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """Beginning of a company name in the IEEE registry, in small letters -> what its MAC prefixes say: a maker, a badge or both."""
        found: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        for file in self.makers.values():
            found += [(start.lower(), (("maker", file.maker),)) for start in file.mac_registrants]
            for brand in file.brands:
                says = (("brand", brand.name), *((("maker", file.maker),) if brand.tells == "maker" and file.makes_cameras else ()))
                found += [(start.lower(), says) for start in brand.mac_registrants]
        return tuple(found)

    @cached_property
    def _numbering(self) -> dict[str, tuple[tuple[re.Pattern[str], ModelScheme, str], ...]]:
        ids: dict[str, list[str]] = {}
        for maker, one in self.spelt_out:
            if one.field == "any.model" and "/models-" in one.id:
                ids.setdefault(maker, []).append(one.id)
        return {
            maker: tuple(
                (re.compile(row.scheme, re.IGNORECASE), row, told)
                for row, told in zip(self.makers[maker].models, rows, strict=True)
                if row.kind
            )
            for maker, rows in ids.items()
        }

    def numbered(self, maker: str, model: str) -> tuple[ModelScheme, str] | None:
        """The row with a kind that a maker's own table has for a model, and the id of the fingerprint that it was spelt out into, or None."""
        rows = self._numbering.get(maker, ()) if len(model) <= MAX_MODEL else ()
        return next(((row, told) for scheme, row, told in rows if scheme.fullmatch(model)), None)

    def told_by(self, badge: str) -> str | None:
        """The one maker of cameras whose own name on the badge says who made the device, None where there is none or several."""
        wanted = _bare(badge)
        found = {
            file.maker
            for file in self.makers.values()
            for brand in file.brands
            if brand.own and brand.tells in ("", "maker") and file.makes_cameras and wanted in map(_bare, (brand.name, *brand.also))
        }
        return found.pop() if len(found) == 1 else None

    def own_brand(self, maker: str) -> str | None:
        """The brand that a maker puts on its own products, or None."""
        file = self.makers.get(maker)
        return next((b.name for b in file.brands if b.own), None) if file else None

    def builds(self, maker: str, badge: str) -> bool:
        """Whether a maker's file lists a badge, by whatever spelling, as one of others on its devices."""
        names = {_bare(badge), *(_bare(name) for name in self.names_of(badge))}
        file = self.makers.get(maker)
        if file is None:
            return False
        lines = any(_bare(line.brand) in names for line in file.lines)
        return lines or any(not b.own and names & {_bare(n) for n in (b.name, *b.also)} for b in file.brands)

    def badges(self, maker: str) -> int:
        """How many badges of others a maker's file knows on its devices."""
        return self._badges.get(maker, 0)

    def lines(self, maker: str) -> bool:
        """Whether a maker's file knows lines of its own with names of their own."""
        file = self.makers.get(maker)
        return file is not None and any(b.tells == "maker" and not b.own for b in file.brands)

    def builds_for_others(self, maker: str) -> bool:
        """Whether a maker's file knows badges of others on its devices."""
        return self.badges(maker) > 0

    @cached_property
    def _badges(self) -> dict[str, int]:
        return {name: sum(not b.own and b.tells != "maker" for b in file.brands) for name, file in self.makers.items()}

    @cached_property
    def _spellings(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for file in self.makers.values():
            for brand in file.brands:
                for name in (brand.name, *brand.also):
                    found.setdefault(_bare(name), brand.name)
            found.setdefault(_bare(file.maker), file.maker)
        # a maker's own spelling of its own brand wins over the one in another maker's list
        found |= {_bare(n): b.name for file in self.makers.values() for b in file.brands if b.own for n in (b.name, *b.also)}
        return found

    def spelt(self, name: str) -> str:
        """A brand as its maker's file spells it, where upper and lower case, spaces and hyphens are all that differs."""
        return self._spellings.get(_bare(name), name)

    @cached_property
    def _called(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for file in self.makers.values():
            own = [n for b in file.brands if b.own for n in (b.name, *b.also)]
            for name in (file.maker, *own, *file.also_called, *file.legal):
                found.setdefault(_bare(name), file.maker)
        for file in self.makers.values():  # and without company words, where nobody is called so
            words = file.maker.split()
            while len(words) > 1 and _bare(words[-1]) in COMPANY_WORDS:
                words.pop()
                found.setdefault(_bare(" ".join(words)), file.maker)
        return found

    def names_of(self, maker: str) -> list[str]:
        """Every name of a maker and of its own brands."""
        file = self.makers.get(self.called(maker))
        if file is None:
            return [maker]
        own = [n for b in file.brands if b.own for n in (b.name, *b.also)]
        return [file.maker, *own, *file.also_called, *file.legal]

    def same_brand(self, maker: str, brand: str) -> bool:
        """Whether a brand is the maker's own, under any of its spellings."""
        return _bare(self.own_brand(maker) or maker) == _bare(brand) or self._called.get(_bare(brand)) == maker

    def is_name(self, word: str) -> bool:
        """Whether a word is the name of a brand or maker."""
        return _bare(word) in self._spellings or _bare(word) in self._called

    def called(self, name: str) -> str:
        """A maker by the name of its file, else as given.

        `name` is its legal, former or short name, with or without company words and the place in front, or several names with a slash.
        """
        return next((found for one in _shortened(name) if (found := self._called.get(_bare(one))) is not None), name)

    def maker_of(self, name: str) -> str:
        """A maker by a name as `called` takes it or by the name of a line that only this maker sells, else as given."""
        found = self.called(name)
        if found in self.makers:
            return found
        badge = _bare(self.badge(name))
        lines = {file.maker for file in self.makers.values() for one in file.brands if one.tells == "maker" and _bare(one.name) == badge}
        return lines.pop() if len(lines) == 1 else name

    def badge(self, name: str) -> str:
        """A brand as its maker's file spells it: by any spelling, with or without company words, or by a name of the maker; else as given."""
        found = next((spelt for one in _shortened(name) if (spelt := self._spellings.get(_bare(one))) is not None), None)
        if found is not None:
            return found
        return self.own_brand(self.called(name)) or name

    def brand(self, maker: str, name: str) -> Brand | None:
        """What the maker's file says of a brand."""
        file = self.makers.get(maker)
        return next((b for b in file.brands if b.name == name), None) if file else None

    def stats(self) -> list[tuple[str, int, int, int, int]]:
        """Rows of maker, brands, stable, draft, examples."""
        rows = []
        mine: dict[str, list[Fingerprint]] = {name: [] for name in self.makers}
        for name, one in self.owned:
            mine[name].append(one)
        for name, file in sorted(self.makers.items(), key=lambda item: item[0].lower()):
            stable = sum(f.status == "stable" for f in mine[name])
            draft = sum(f.status == "draft" for f in mine[name])
            rows.append((name, len(file.brands), stable, draft, sum(len(f.examples) for f in mine[name])))
        return rows


def _shortened(name: str) -> Iterator[str]:
    """A company's name as it is, then without what stands in brackets, the place in front and company words; each part between slashes."""
    for part in (name, *(p for p in name.split("/") if len(_bare(p)) > 1)):
        words = re.sub(r"\([^)]*\)", " ", part).replace(",", " ").split()
        for start in range(2 if len(words) > 1 and re.fullmatch(naming.PLACES, words[0]) else 1):
            for end in range(len(words), start, -1):
                yield " ".join(words[start:end])
                if _bare(words[end - 1]) not in COMPANY_WORDS:
                    break


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def load(root: Path) -> Makers:
    """Read all maker files. Raises ContentError with file, line and cure."""
    makers: dict[str, MakerFile] = {}
    expanded: list[tuple[str, Fingerprint]] = []
    places: dict[str, str] = {}
    stems: dict[str, str] = {}
    digest = hashlib.sha256()
    for path in sorted((root / "makers").glob("*.yaml")):
        document = read(path, name=f"makers/{path.name}")
        file = typed(document, MakerFile)
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
        if file.maker in makers:
            raise ContentError(document.at("maker"), f"maker {shown(file.maker)} has a file already", "one file per maker")
        for n, fingerprint in enumerate(file.fingerprints):
            _check(fingerprint, document, ("fingerprints", n), path.stem)
            if fingerprint.id in places:
                raise ContentError(
                    document.at("fingerprints", n, "id"),
                    f"id {shown(fingerprint.id)} stands at {places[fingerprint.id]} too",
                    "ids are unique",
                )
            places[fingerprint.id] = document.at("fingerprints", n)
        if file.version_scheme and file.version_scheme not in SCHEMES:
            raise ContentError(
                document.at("version_scheme"), f"no version scheme {shown(file.version_scheme)}", nearest(file.version_scheme, SCHEMES)
            )
        for n, brand in enumerate(file.brands):
            if brand.tells not in ("", "maker", "brand"):
                raise ContentError(document.at("brands", n, "tells"), f"no {shown(brand.tells)}", "write maker or brand")
            _compiles(brand.not_before, document, ("brands", n, "not_before"))
        for n, model in enumerate(file.models):
            _check_model(model, document, ("models", n))
        relations.check(file.lines, (b.name for b in file.brands if b.own), document)
        spelt_out = list(naming.expand(file, path.stem))
        for fingerprint in spelt_out:
            if fingerprint.field not in naming.CLASSES:
                raise ValueError(f"no class of fields {fingerprint.field}")  # a mistake of ours in naming.py
            if fingerprint.id in places:
                raise ContentError(document.where, f"{shown(fingerprint.id)} comes of two entries", "name each brand and family once")
            places[fingerprint.id] = document.at("models" if "/models-" in fingerprint.id else "brands")
            expanded.append((file.maker, fingerprint))
        makers[file.maker], stems[file.maker] = file, path.stem
    everything = (*(f for m in makers.values() for f in m.fingerprints), *(f for _, f in expanded))
    measured = calibration.load(root)
    if measured is not None:
        digest.update(msgspec.json.encode(measured))
    wary = cautions.load(root)
    digest.update(msgspec.json.encode(wary.file))
    return Makers(makers, everything, digest.hexdigest(), places, measured, stems, tuple(expanded), wary)


def _compiles(pattern: str, document: Document, path: tuple[Any, ...]) -> int:
    """Number of groups of a pattern. Raises ContentError where it is none."""
    try:
        return re.compile(pattern).groups
    except re.error as error:
        raise ContentError(document.at(*path), f"pattern does not compile: {error}", "test it with python -m re") from None


def _check_model(one: ModelScheme, document: Document, path: tuple[Any, ...]) -> None:
    groups = _compiles(one.scheme, document, (*path, "scheme"))
    if groups or len(one.scheme) > MAX_PATTERN:
        raise ContentError(document.at(*path, "scheme"), "scheme captures or is too long", "use (?:...) and split long lists")
    if not one.examples or not one.source.strip():
        raise ContentError(document.at(*path), "a scheme has no example or no source", "add a model and where it was read")
    if one.kind and one.kind not in KINDS:
        raise ContentError(document.at(*path, "kind"), f"no kind {shown(one.kind)}", nearest(one.kind, KINDS))
    if one.status not in STATUSES:
        raise ContentError(document.at(*path, "status"), f"no status {shown(one.status)}", nearest(one.status, STATUSES))


def _check(one: Fingerprint, document: Document, path: tuple[Any, ...], stem: str) -> None:
    at = document.at
    if not one.id.startswith(f"{stem}/"):
        raise ContentError(at(*path, "id"), f"id {shown(one.id)} does not begin with the file's name", f"write {stem}/...")
    for field, where in ((one.field, (*path, "field")), *((a.field, (*path, "all_of", n, "field")) for n, a in enumerate(one.all_of))):
        if not known(field) and field not in naming.CLASSES:
            raise ContentError(at(*where), f"no protocol produces field {shown(field)}", nearest(field, FIELDS))
    if sum(bool(x) for x in (one.match, one.equals, one.prefix, one.contains)) != 1:
        raise ContentError(
            at(*path), "give exactly one of match, equals, prefix, contains", "match is a regular expression, the others are text"
        )
    if one.status not in STATUSES:
        raise ContentError(at(*path, "status"), f"no status {shown(one.status)}", nearest(one.status, STATUSES))
    if not 0 < one.weight <= 1:
        raise ContentError(
            at(*path, "weight"), f"weight {one.weight} is not within 0..1", "0.9 for what one maker alone says, 0.4 for a hint"
        )
    if not one.examples and one.status != "retired":
        raise ContentError(at(*path), "has no example", "add one with its source")
    groups: set[str] = set()
    for pattern, where in (
        (one.match, (*path, "match")),
        *((a.match, (*path, "all_of", n)) for n, a in enumerate((*one.all_of, *one.unless))),
    ):
        if len(pattern) > MAX_PATTERN:
            raise ContentError(at(*where), f"pattern longer than {MAX_PATTERN} characters", "split it")
        try:
            groups |= set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ContentError(at(*where), f"pattern does not compile: {error}", "test it with python -m re") from None
    if not one.says:
        raise ContentError(at(*path, "says"), "says nothing", "say a slot, such as maker: Name")
    for slot, value in one.says.items():
        if slot not in SLOTS:
            raise ContentError(at(*path, "says", slot), f"no slot {shown(slot)}", nearest(slot, SLOTS))
        for name in re.findall(r"\{(\w+)\}", value):
            if name not in groups:
                raise ContentError(
                    at(*path, "says", slot),
                    f"no capture {shown(name)} in the pattern",
                    nearest(name, groups) if groups else "name a group (?P<name>...)",
                )
        if slot == "kind" and value not in KINDS:
            raise ContentError(at(*path, "says", slot), f"no kind {shown(value)}", nearest(value, KINDS))
