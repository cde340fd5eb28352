"""The published texts that policies, corporate families and advisories rest on: `fingerprints/sources.yaml`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from netcam.catalog import text
from netcam.errors import ContentError, shown
from netcam.model import Citation


class SourceStrength(StrEnum):
    """How near a source is to the text itself."""

    PRIMARY = "primary"
    PRIMARY_MIRROR = "primary-mirror"
    OFFICIAL_ALLEGATION = "official-allegation"
    SECONDARY = "secondary"
    TRADE = "trade"
    VENDOR = "vendor"
    WEAK = "weak"


class Status(StrEnum):
    """Whether a fact was read in its source. What is `to_verify` raises no finding."""

    CONFIRMED = "confirmed"
    TO_VERIFY = "to_verify"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published text."""

    title: str
    published: str
    """Publisher and date, as printed."""
    urls: tuple[str, ...]
    strength: SourceStrength


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources by id."""

    by_id: Mapping[str, Source]
    where: str

    def citation(self, source_id: str) -> Citation:
        """The citation of a source. Raises KeyError where there is none: content that was loaded has all of its own."""
        source = self.by_id[source_id]
        return Citation(id=source_id, title=source.title, published=source.published, url=source.urls[0], strength=source.strength.value)


def load(root: Path) -> Sources:
    """Read `sources.yaml`. Raises ContentError; a folder without the file has no sources."""
    path = root / "sources.yaml"
    name = f"{root.name}/sources.yaml"
    if not path.is_file():
        return Sources({}, name)
    document = text.read(path, name=name)
    if document.data is None:
        return Sources({}, name)
    found = text.typed(document, dict[str, Source])
    for source_id, source in found.items():
        if not source.title.strip() or not source.published.strip() or not source.urls:
            raise ContentError(
                document.at(source_id), f"source {shown(source_id)} lacks title, date or address", "a citation needs all three"
            )
        for number, url in enumerate(source.urls):
            if not url.startswith(("https://", "http://")):
                raise ContentError(
                    document.at(source_id, "urls", number), f"{shown(url)} is no web address", "give an address with https://"
                )
    return Sources(found, name)


def known(sources: Sources, wanted: Iterable[str], document: text.Document, *path: str | int) -> None:
    """Refuse a citation that `sources.yaml` does not hold. Raises ContentError at the citing line."""
    for number, source_id in enumerate(wanted):
        if source_id not in sources.by_id:
            raise ContentError(
                document.at(*path, number), f"no source {shown(source_id)} in {sources.where}", text.nearest(source_id, sources.by_id)
            )


def digest(root: Path, *parts: str) -> str:
    """SHA-256 over names and bytes of the YAML files in folders or files `parts`, in order of name."""
    summed = hashlib.sha256()
    for part in sorted(parts):
        place = root / part
        for path in sorted(place.glob("*.yaml")) if place.is_dir() else [place] if place.is_file() else []:
            body = path.read_bytes()
            summed.update(f"{path.relative_to(root).as_posix()}\x1f{len(body)}\x1f".encode())
            summed.update(body)
    return summed.hexdigest()
