"""All makers' files read: who a maker is, what it sells under which brands, and by which names one finds it."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from netcam.catalog import calibration, cautions, maker_file, naming, relations
from netcam.catalog.calibration import Calibration
from netcam.catalog.cautions import Cautions
from netcam.catalog.maker_file import Brand, Fingerprint, MakerFile, ModelScheme
from netcam.catalog.text import read, typed
from netcam.errors import ContentError, shown

MAX_MODEL = 80
"""Characters of a model that is looked up in its maker's table."""
COMPANY_WORDS = frozenset(
    {
        "ab", "ag", "bv", "co", "company", "corp", "corporation", "digital", "electronic", "electronics", "gmbh", "group",
        "holdings", "inc", "incorporated", "international", "limited", "llc", "ltd", "network", "networks", "sa", "security",
        "solutions", "sro", "srl", "spa", "systems", "tech", "technologies", "technology", "vision", "communications",
        "innovation",
    }
)  # fmt: skip
"""Words that follow a company's name and may be left out."""
THINGS = frozenset({"ip", "camera", "cameras", "ipcam", "ipc", "nvr", "dvr", "cctv", "product", "products"})
"""Words for the thing that some devices write behind the name of who sells it."""

_GOES_ON = re.compile(r"[\w-]")
"""What stands behind a number that is part of a longer word."""


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

    def number_at(self, maker: str, text: str, start: int) -> str | None:
        """The longest model of a maker's own table that stands at a place of a text, None where none does."""
        rows = self._numbering.get(maker, ())
        found = [
            hit[0] for scheme, _, _ in rows if (hit := scheme.match(text, start, start + MAX_MODEL)) and not _GOES_ON.match(text, hit.end())
        ]
        return max(found, key=len, default=None)

    def retail(self, maker: str, model: str) -> bool:
        """Whether a maker's own retail goods are numbered so."""
        rows = self.makers[maker].models if maker in self.makers and len(model) <= MAX_MODEL else ()
        return any(row.retail and re.fullmatch(row.scheme, model, re.IGNORECASE) for row in rows)

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
                for one in (one for name in (brand.name, *brand.also) for one in naming.variants(name)):
                    found.setdefault(_bare(one), brand.name)
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
        found = self._listed(name)
        if found is not None:
            return found
        return self.own_brand(self.called(name)) or name

    def _listed(self, name: str) -> str | None:
        """A brand that some file lists, by any spelling, with or without company words."""
        return next((spelt for one in _shortened(name) if (spelt := self._spellings.get(_bare(one))) is not None), None)

    def printed(self, name: str) -> str:
        """A badge by what stands in a field for companies: as its maker's file spells it, by a maker's name that begins so, else without the
        company words and the thing behind it. A maker's former names and owners are no badges."""
        found = self._listed(name)
        if found is not None:
            return found
        maker = self.called(name)
        if maker in self.makers and _bare(maker).startswith(_bare(name)):
            return self.own_brand(maker) or name
        words = re.split(r"[ _]+", name)
        kept = len(words)
        while kept > 1 and _bare(words[kept - 1]) in COMPANY_WORDS | THINGS:
            kept -= 1
        return " ".join(words[:kept]) if kept < len(words) else name

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
        maker_file.check(file, document, path.stem)
        for n, fingerprint in enumerate(file.fingerprints):
            if fingerprint.id in places:
                raise ContentError(
                    document.at("fingerprints", n, "id"),
                    f"id {shown(fingerprint.id)} stands at {places[fingerprint.id]} too",
                    "ids are unique",
                )
            places[fingerprint.id] = document.at("fingerprints", n)
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
