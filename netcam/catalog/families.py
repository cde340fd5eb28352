"""Corporate families: who owns whom, which badges are their own, which are made for others, and who has left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from pathlib import Path

import msgspec

from netcam.catalog import sources as citing
from netcam.catalog import text
from netcam.catalog.sources import Sources, Status
from netcam.errors import ContentError, shown


class Strength(StrEnum):
    """How far a relation carries: `high` states a maker, `medium` asks at the model, `low` only asks the supplier."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Party(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A legal person in or above the family."""

    name: str
    relation: str
    """`owner`, `subsidiary`, `joint venture`, `chip arm` ..."""
    sources: tuple[str, ...]
    status: Status
    since: str = ""
    note: str = ""


class OwnBrand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A badge that belongs to the family."""

    brand: str
    sources: tuple[str, ...]
    status: Status
    scope: str = ""


class Oem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody else's badge on devices that the family makes, all or some of them."""

    brand: str
    also: tuple[str, ...] = ()
    """Other spellings of the badge."""
    scope: str
    strength: Strength
    sources: tuple[str, ...]
    status: Status
    models: tuple[str, ...] = ()
    """Globs; where given, the row holds for these models only."""
    since: date | None = None
    until: date | None = None
    period: str = ""
    """What the source says of the time, in words."""
    note: str = ""


class Divested(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A former part. It is never matched as an affiliate after `until`."""

    name: str
    until: date
    owner: str
    """Who owns it since."""
    sources: tuple[str, ...]
    status: Status
    since: date | None = None
    note: str = ""


class Headquarters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the family is directed from, by ISO 3166 country code in lower case."""

    country: str
    place: str
    sources: tuple[str, ...]
    status: Status


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One corporate family; one file."""

    id: str
    name: str
    makers: tuple[str, ...]
    """Values of an identity's maker slot that mean this family."""
    headquarters: Headquarters
    registrants: tuple[str, ...] = ()
    """How the names of its IEEE MAC registrants begin."""
    no_maker_file: str = ""
    """Why no fingerprint file knows this family; empty where one does."""
    parties: tuple[Party, ...] = ()
    brands: tuple[OwnBrand, ...] = ()
    oem: tuple[Oem, ...] = ()
    divested: tuple[Divested, ...] = ()
    note: str = ""


MAX_NAME = 4096
"""Characters of a name that are compared; no badge is longer, and a device may tell anything."""
_SPACING = re.compile(r"[\W_]+")


@lru_cache(maxsize=16_384)
def fold(name: str) -> str:
    """A name for comparison: case, spaces and punctuation do not count."""
    return _SPACING.sub("", name[:MAX_NAME].casefold())


@dataclass(frozen=True, slots=True)
class BadgeRow:
    """An OEM row with the family it belongs to and its model globs compiled."""

    family: Family
    row: Oem
    models: re.Pattern[str] | None

    def covers(self, model: str | None) -> bool | None:
        """Whether the row holds for `model`; None where the row names models and the device tells none."""
        if self.models is None:
            return True
        return None if not model else self.models.match(model.upper()) is not None


@dataclass(frozen=True, slots=True)
class Families:
    """All families, with the ways to find one."""

    by_id: Mapping[str, Family]
    sources: Sources
    by_maker: Mapping[str, Family]
    by_brand: Mapping[str, tuple[Family, OwnBrand]]
    oem: Mapping[str, tuple[BadgeRow, ...]]
    divested: Mapping[str, tuple[tuple[Family, Divested], ...]]
    registrants: tuple[tuple[str, Family], ...]
    digest: str = ""
    where: Mapping[str, str] = field(default_factory=dict)

    def of_maker(self, maker: str | None) -> Family | None:
        """The family that an identity's maker value names."""
        return self.by_maker.get(fold(maker)) if maker else None

    def of_brand(self, brand: str | None) -> tuple[Family, OwnBrand] | None:
        """The family whose own, confirmed badge `brand` is."""
        return self.by_brand.get(fold(brand)) if brand else None

    def badge_rows(self, brand: str | None) -> tuple[BadgeRow, ...]:
        """OEM rows of a badge, in order of family."""
        return self.oem.get(fold(brand), ()) if brand else ()

    def of_registrant(self, registrant: str) -> Family | None:
        """The family to which a MAC prefix is registered: whose network chip it is, not who made the device."""
        folded = fold(registrant)
        return next((family for start, family in self.registrants if folded.startswith(start)), None) if folded else None

    def find(self, name: str) -> Family:
        """The family by id, maker, own brand or legal name. Raises ContentError with the nearest name."""
        folded = fold(name)
        if found := self.by_id.get(name) or self.by_maker.get(folded):
            return found
        if brand := self.by_brand.get(folded):
            return brand[0]
        for family in self.by_id.values():
            if fold(family.name) == folded or any(fold(p.name) == folded for p in family.parties):
                return family
        words = [*self.by_id, *(b.brand for f in self.by_id.values() for b in f.brands)]
        raise ContentError("policy family", f"no corporate family {shown(name)}", text.nearest(name, words))


def load(root: Path) -> Families:
    """Read `families/*.yaml`. Raises ContentError with file and line where it is wrong or contradicts itself."""
    sources = citing.load(root)
    families: dict[str, Family] = {}
    documents: dict[str, text.Document] = {}
    for path in sorted((root / "families").glob("*.yaml")):
        document = text.read(path, name=f"{root.name}/families/{path.name}")
        family = text.typed(document, Family)
        if family.id != path.stem:
            raise ContentError(document.at("id"), f"id {shown(family.id)} is not the name of the file", f"call it {path.stem}")
        _check_sources(family, document, sources)
        families[family.id], documents[family.id] = family, document
    return _indexed(families, documents, sources, citing.digest(root, "families", "sources.yaml"))


def _check_sources(family: Family, document: text.Document, sources: Sources) -> None:
    citing.known(sources, family.headquarters.sources, document, "headquarters", "sources")
    lists: dict[str, tuple[Party | OwnBrand | Oem | Divested, ...]] = {
        "parties": family.parties,
        "brands": family.brands,
        "oem": family.oem,
        "divested": family.divested,
    }
    for key, rows in lists.items():
        for number, row in enumerate(rows):
            if not row.sources and row.status is Status.CONFIRMED:
                raise ContentError(document.at(key, number), "a confirmed fact names no source", "cite one, or mark it to_verify")
            citing.known(sources, row.sources, document, key, number, "sources")
    for number, one in enumerate(family.oem):
        if one.since and one.until and one.since > one.until:
            raise ContentError(document.at("oem", number), "the period ends before it begins", "swap since and until")


def _indexed(families: Mapping[str, Family], documents: Mapping[str, text.Document], sources: Sources, digest: str) -> Families:
    by_maker: dict[str, Family] = {}
    by_brand: dict[str, tuple[Family, OwnBrand]] = {}
    oem: dict[str, list[BadgeRow]] = {}
    divested: dict[str, list[tuple[Family, Divested]]] = {}
    registrants: list[tuple[str, Family]] = []
    for family_id in sorted(families):
        family, document = families[family_id], documents[family_id]
        for number, maker in enumerate(family.makers):
            if (other := by_maker.setdefault(fold(maker), family)) is not family:
                raise ContentError(
                    document.at("makers", number), f"maker {shown(maker)} is also in {other.id}", "a maker belongs to one family"
                )
        for number, brand in enumerate(family.brands):
            if brand.status is not Status.CONFIRMED:
                continue
            held = by_brand.setdefault(fold(brand.brand), (family, brand))
            if held[0] is not family:
                raise ContentError(
                    document.at("brands", number),
                    f"badge {shown(brand.brand)} is also {held[0].id}'s own",
                    "a badge has one owner at a time",
                )
        for number, row in enumerate(family.oem):
            pattern = re.compile("|".join(translate(glob.upper()) for glob in row.models)) if row.models else None
            for name in (row.brand, *row.also):
                rows = oem.setdefault(fold(name), [])
                for other_row in rows:
                    _no_contradiction(other_row, family, row, document.at("oem", number))
                rows.append(BadgeRow(family, row, pattern))
        for one in family.divested:
            if one.status is Status.CONFIRMED:
                divested.setdefault(fold(one.name), []).append((family, one))
        registrants += [(fold(start), family) for start in family.registrants]
    return Families(
        by_id=dict(sorted(families.items())),
        sources=sources,
        by_maker=by_maker,
        by_brand=by_brand,
        oem={name: tuple(rows) for name, rows in oem.items()},
        divested={name: tuple(rows) for name, rows in divested.items()},
        registrants=tuple(sorted(registrants, key=lambda pair: (-len(pair[0]), pair[0]))),
        digest=digest,
        where={family_id: document.at("makers") for family_id, document in documents.items()},
    )


def _no_contradiction(held: BadgeRow, family: Family, row: Oem, where: str) -> None:
    """Two families cannot both surely make the same badge's same models at the same time."""
    if held.family is family or held.row.strength is not Strength.HIGH or row.strength is not Strength.HIGH:
        return
    apart = (held.row.until and row.since and held.row.until <= row.since) or (row.until and held.row.since and row.until <= held.row.since)
    if not apart and not (set(held.row.models) and set(row.models) and set(held.row.models).isdisjoint(row.models)):
        raise ContentError(
            where,
            f"badge {shown(row.brand)} is made with high strength by both {held.family.id} and {family.id} at one time",
            "give the rows periods or models that do not meet, or lower the strength of one",
        )
