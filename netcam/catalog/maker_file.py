"""A maker's file (fingerprints/makers/): what may stand in it, and what must not."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from netcam.catalog import naming, relations
from netcam.catalog.text import Document, nearest
from netcam.catalog.versions import SCHEMES
from netcam.errors import ContentError, shown
from netcam.model import KINDS, SLOTS
from netcam.protocols.fields import FIELDS, known, prefix

MAX_PATTERN = 400
"""Characters of a pattern; longer ones are lists that belong into several fingerprints."""
STATUSES = ("stable", "draft", "retired")
DRAFT_FACTOR = 0.8
"""A draft fingerprint rests on documentation or on composed examples: it weighs less than one seen on a device."""

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
    retail: bool = False
    """Of a maker that builds for others: its own retail goods are numbered so, and bear its name where no other is seen."""
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
    recorder_ports: list[str] = []
    """Those on which its recorders listen and its cameras do not."""
    rtsp_tells: bool = True
    """Whether RTSP on a card of its own shows a camera; `false` where its routers and access points answer there as well."""
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


def check(file: MakerFile, document: Document, stem: str) -> None:
    """Raise ContentError, with file and line, where a maker's file asks for what cannot be; `stem` is the name of the file."""
    for n, fingerprint in enumerate(file.fingerprints):
        _check(fingerprint, document, ("fingerprints", n), stem)
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
        if not known(field) and not prefix(field) and field not in naming.CLASSES:
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
