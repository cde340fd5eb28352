"""Policies as content: a published text, whom it binds, what it names, what it says of a device, and its own cases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from string import Formatter
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from netcam.catalog import families as corporate
from netcam.catalog import sources as citing
from netcam.catalog import text
from netcam.catalog.families import Families
from netcam.catalog.sources import Sources, Status
from netcam.errors import ContentError, shown
from netcam.model import JURISDICTIONS, KINDS, LINKS, SITE_CLASSES, Verdict

_FORBIDDEN = re.compile(r"\b(illegal|unlawful|criminal)\w*", re.IGNORECASE)
"""What a tool must not say of a device: that is for a court."""
_PLACEHOLDERS = frozenset({"maker", "family", "badge", "listed", "listed_as", "place", "class", "component"})


class PolicyKind(StrEnum):
    """What sort of text it is; the reader must not take a survey for a law."""

    INSTRUCTION = "government instruction"
    PROCUREMENT_LAW = "procurement law"
    IMPORT_LAW = "import and marketing law"
    EXPORT_CONTROL = "export control"
    DEFENCE_LIST = "defence list"
    INVESTMENT = "investment restriction"
    SURVEY = "survey concern"
    STATUTORY_CODE = "statutory code"
    GUIDANCE = "guidance"
    PRODUCT_REGULATION = "product regulation"
    TELECOMS_DIRECTION = "telecoms direction"
    DIVESTMENT_ORDER = "divestment order"
    PROGRAMME = "replacement programme"
    LOCAL = "local policy"


class PolicyStatus(StrEnum):
    """`stable` policies raise findings; `draft` and `empty` ones are shown and raise none."""

    STABLE = "stable"
    DRAFT = "draft"
    EMPTY = "empty"
    """A list that the operator has to fill from the published one."""


class Said(StrEnum):
    """Verdicts that a policy file may give."""

    RESTRICTED = "restricted"
    REVIEW = "review"
    ADVISORY = "advisory"
    INFORMATION = "information"
    NOTHING = "nothing"
    """It says nothing of devices on such a site."""

    @property
    def verdict(self) -> Verdict:
        """The verdict on a device that is surely matched."""
        return Verdict.NOT_MATCHED if self is Said.NOTHING else Verdict(self.value)


class Milestone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A date in the life of the text."""

    date: date
    event: str
    sources: tuple[str, ...] = ()
    status: Status


class Effective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From when to when the text holds."""

    start: date
    start_status: Status = Status.CONFIRMED
    end: date | None = None
    milestones: tuple[Milestone, ...] = ()


class Reach(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the text speaks. A site elsewhere hears of it as information, unless a link is recorded."""

    home: tuple[str, ...]
    """Jurisdictions; `gb` covers `gb-eng`. `any` is everywhere."""
    binding_classes: tuple[str, ...] = ()
    """Site classes that the text binds. Empty: it binds nobody who runs cameras at home."""
    unset: Literal["home", "elsewhere"] = "elsewhere"
    """How a site without a recorded jurisdiction is read."""
    links: dict[str, Said] = {}
    """Recorded ties that bring a site elsewhere into reach."""


class Severity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a sure match comes to."""

    default: Said
    """At home, for a class that `by_site` does not name or that is not set."""
    by_site: dict[str, Said] = {}
    elsewhere: Said = Said.INFORMATION


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that the text names. Exactly one of family, headquarters, badge, component, attribute, every."""

    family: str = ""
    headquarters: str = ""
    """Country code: every family directed from there."""
    badge: str = ""
    """A badge by name, whoever makes the device; for local policies."""
    model: str = ""
    """Glob that narrows `badge` or `family`."""
    component: str = ""
    attribute: str = ""
    """A recorded or sourced attribute of the device, such as `support-ended`."""
    every: str = ""
    """`camera`: every camera, recorder and encoder."""
    listed_as: str = ""
    listed: date | None = None
    until: date | None = None
    products: tuple[str, ...] = ()
    """Kinds inside the text's words; empty takes the policy's."""
    question: tuple[str, ...] | None = None
    """Kinds of which the words leave it open; never above `review`."""
    severity: Said | None = None
    """Where this entry says less than the policy does."""
    sources: tuple[str, ...] = ()
    status: Status
    note: str = ""

    @property
    def target(self) -> tuple[str, str]:
        """What kind of thing it names, and which."""
        for name in ("family", "headquarters", "badge", "component", "attribute", "every"):
            if value := getattr(self, name):
                return name, value
        return "", ""


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A firm that the text names and that makes no camera known here; shown, never matched."""

    name: str
    listed: str = ""
    sources: tuple[str, ...] = ()
    status: Status


class Exclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the text does not reach. With `family` or `badge` it also holds back a match."""

    what: str
    family: str = ""
    badge: str = ""
    kinds: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question that the text puts to the keeper of a camera."""

    ask: str
    about: Literal["", "connected", "records", "sends", "reached"] = ""
    """Where a look can answer a part of it: what it is connected to, what it records, where it sends, who can reach it."""


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By when the facts must be read again, and why."""

    by: date
    reason: str


class CaseDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A device of a case."""

    kind: str = ""
    brand: str = ""
    maker: str = ""
    model: str = ""
    component: str = ""
    evidence: Literal["strong", "fair", "weak", "mac", "badge"] = "strong"
    """`mac`: the maker rests on the MAC prefix; `badge`: brand and maker rest on one signal."""
    registrant: str = ""
    bought: date | None = None
    attributes: tuple[str, ...] = ()


class CaseSite(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A site of a case."""

    site_class: str = msgspec.field(name="class", default="unset")
    jurisdiction: str = "unset"
    links: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A device on a site, and what the policy must say of it."""

    name: str
    device: CaseDevice
    site: CaseSite = CaseSite()
    on: date | None = None
    expect: Verdict
    says: tuple[str, ...] = ()
    """Words that the finding must hold."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One policy; one file."""

    id: str
    version: str
    status: PolicyStatus
    jurisdiction: str
    """For the reader."""
    kind: PolicyKind
    title: str
    legal_basis: str
    citations: tuple[str, ...]
    effective: Effective
    good_for: date
    """The date for which the facts were checked."""
    binds: tuple[str, ...]
    does_not_bind: tuple[str, ...]
    site_definition: str = ""
    reach: Reach
    products: tuple[str, ...] = ("camera", "recorder", "encoder")
    question: tuple[str, ...] = ()
    match: tuple[Match, ...] = ()
    also_named: tuple[Named, ...] = ()
    not_found: tuple[str, ...] = ()
    """Firms that were looked for in the text and not found."""
    exclusions: tuple[Exclusion, ...] = ()
    severity: Severity
    sentences: dict[str, str] = {}
    """By verdict word; `{maker}`, `{family}`, `{badge}`, `{listed}`, `{listed_as}`, `{place}`, `{class}`, `{component}` are filled."""
    action: dict[str, str] = {}
    checklist: tuple[Question, ...] = ()
    """Questions that the text puts to the keeper of every camera, whatever its make."""
    review: Review
    cases: tuple[Case, ...] = ()
    note: str = ""

    def stale(self, on: date) -> bool:
        """Whether the facts are past their review date."""
        return on > self.review.by

    def in_force(self, on: date) -> bool:
        """Whether the text holds on a day."""
        return self.effective.start <= on and (self.effective.end is None or on <= self.effective.end)

    @property
    def judges(self) -> bool:
        """Whether it raises findings: a draft, an empty list or a list of questions does not."""
        return self.status is PolicyStatus.STABLE and bool(self.match)


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies by id, in order of id."""

    policies: Mapping[str, Policy]
    sources: Sources
    digest: str
    documents: Mapping[str, text.Document]


def load(root: Path, *, families: Families | None = None, local: Path | None = None) -> Policies:
    """Read `policies/*.yaml`, and the site's own `*.yaml` in `local`, which may fill a shipped list that is empty.

    Raises ContentError with file, line and cure; nothing is judged by content that is wrong.
    """
    families = families or corporate.load(root)
    found: dict[str, Policy] = {}
    documents: dict[str, text.Document] = {}
    if local is not None:
        families = _with_local_sources(families, local)
    for path in sorted((root / "policies").glob("*.yaml")):
        _read(path, f"{root.name}/policies/{path.name}", families, found, documents, shipped=True)
    for path in sorted(local.glob("*.yaml")) if local is not None else ():
        if path.name != "sources.yaml":
            _read(path, str(path), families, found, documents, shipped=False)
    digest = citing.digest(root, "policies", "families", "sources.yaml")
    if local is not None:
        digest = hashlib.sha256(f"{digest}\n{citing.digest(local.parent, local.name)}".encode()).hexdigest()
    return Policies(dict(sorted(found.items())), families.sources, digest, documents)


def _read(
    path: Path, name: str, families: Families, found: dict[str, Policy], documents: dict[str, text.Document], *, shipped: bool
) -> None:
    document = text.read(path, name=name)
    policy = text.typed(document, Policy)
    if policy.id != path.stem:
        raise ContentError(document.at("id"), f"id {shown(policy.id)} is not the name of the file", f"call it {path.stem}")
    if policy.id in found and found[policy.id].status is not PolicyStatus.EMPTY:
        first = documents[policy.id].where
        raise ContentError(
            document.at("id"), f"{policy.id} is also {first}", "only a list that ships empty may be filled; choose another id"
        )
    checked = _Check(policy, document, families)
    checked.all()
    if shipped:
        checked.second_source()
    found[policy.id], documents[policy.id] = policy, document


def _with_local_sources(families: Families, local: Path) -> Families:
    """The families with the sources of the site's own policies beside the shipped ones."""
    if not local.is_dir():
        raise ContentError(str(local), "is no folder", "create it, or take `policies` out of the settings")
    own = citing.load(local)
    for source_id in own.by_id:
        if source_id in families.sources.by_id:
            raise ContentError(f"{own.where}: {source_id}", f"source {shown(source_id)} is shipped already", "choose another id")
    return replace(families, sources=Sources({**families.sources.by_id, **own.by_id}, families.sources.where))


class _Check:
    """What must hold in a policy file besides its types."""

    def __init__(self, policy: Policy, document: text.Document, families: Families) -> None:
        self.policy, self.document, self.families = policy, document, families

    def all(self) -> None:
        """Raises ContentError at the first thing that is wrong."""
        self.citations()
        self.dates()
        self.words()
        self.kinds()
        for number, match in enumerate(self.policy.match):
            self.match(number, match)
        for number, out in enumerate(self.policy.exclusions):
            self.excluded(number, out)
        self.overlaps()

    def wrong(self, problem: str, cure: str, *path: str | int) -> ContentError:
        """The error at a line of the file."""
        return ContentError(self.document.at(*path), problem, cure)

    def citations(self) -> None:
        policy = self.policy
        if not policy.citations:
            raise self.wrong("cites no source", "name at least one id of sources.yaml", "citations")
        citing.known(self.families.sources, policy.citations, self.document, "citations")
        for number, milestone in enumerate(policy.effective.milestones):
            if milestone.status is Status.CONFIRMED and not milestone.sources:
                raise self.wrong(
                    "a confirmed milestone names no source", "cite one, or mark it to_verify", "effective", "milestones", number
                )
            citing.known(self.families.sources, milestone.sources, self.document, "effective", "milestones", number, "sources")
        for number, named in enumerate(policy.also_named):
            citing.known(self.families.sources, named.sources, self.document, "also_named", number, "sources")

    def second_source(self) -> None:
        """A policy that ships and judges was read in two places; what one place alone says stays a draft."""
        if not self.policy.judges:
            return
        places = {urlsplit(url).hostname for cited in self.policy.citations for url in self.families.sources.by_id[cited].urls}
        if len(places) < 2:
            raise self.wrong("is stable and rests on one place alone", "cite a second public source, or mark it draft", "citations")

    def dates(self) -> None:
        policy = self.policy
        if policy.effective.end and policy.effective.end < policy.effective.start:
            raise self.wrong("ends before it starts", "swap start and end", "effective", "end")
        if policy.review.by < policy.good_for:
            raise self.wrong("the review date lies before the date the facts are good for", "set a later review date", "review", "by")
        for number, match in enumerate(policy.match):
            if match.listed and match.until and match.until < match.listed:
                raise self.wrong("taken off the list before it was put on", "swap listed and until", "match", number)

    def words(self) -> None:
        valid = {said.value for said in Said if said is not Said.NOTHING} | {"unknown", "unset"}
        texts: list[tuple[tuple[str, ...], str]] = [(("title",), self.policy.title), (("site_definition",), self.policy.site_definition)]
        for part, told in (("sentences", self.policy.sentences), ("action", self.policy.action)):
            for word, sentence in told.items():
                if word not in valid:
                    raise self.wrong(f"{shown(word)} is no verdict", text.nearest(word, valid), part, word)
                texts.append(((part, word), sentence))
        for path, sentence in texts:
            if found := _FORBIDDEN.search(sentence):
                raise self.wrong(f"says {shown(found[0])}", "say what the text asks and of whom; a court says the rest", *path)
            if path[0] == "sentences":
                self.placeholders(sentence, path)

    def placeholders(self, sentence: str, path: tuple[str, ...]) -> None:
        try:
            names = [name for _, name, _, _ in Formatter().parse(sentence) if name is not None]
        except ValueError as error:
            raise self.wrong(f"braces do not close: {error}", "write {{ for a brace that is meant", *path) from None
        for name in names:
            if name not in _PLACEHOLDERS:
                raise self.wrong(f"unknown placeholder {shown(name)}", text.nearest(name, _PLACEHOLDERS), *path)

    def kinds(self) -> None:
        policy = self.policy
        lists: list[tuple[tuple[str | int, ...], Iterable[str]]] = [(("products",), policy.products), (("question",), policy.question)]
        for number, match in enumerate(policy.match):
            lists += [(("match", number, "products"), match.products), (("match", number, "question"), match.question or ())]
        for number, out in enumerate(policy.exclusions):
            lists.append((("exclusions", number, "kinds"), out.kinds))
        for path, kinds in lists:
            for kind in kinds:
                if kind not in KINDS:
                    raise self.wrong(f"{shown(kind)} is no kind of device", text.nearest(kind, KINDS), *path)
        classes: list[tuple[tuple[str, ...], Iterable[str]]] = [
            (("severity", "by_site"), policy.severity.by_site),
            (("reach", "binding_classes"), policy.reach.binding_classes),
        ]
        for place, names in classes:
            for name in names:
                if name not in SITE_CLASSES:
                    raise self.wrong(f"{shown(name)} is no site class", text.nearest(name, SITE_CLASSES), *place, name)
        for home in policy.reach.home:
            if home != "any" and home not in JURISDICTIONS:
                raise self.wrong(f"{shown(home)} is no jurisdiction", text.nearest(home, JURISDICTIONS), "reach", "home")
        for link in policy.reach.links:
            if link not in LINKS and not link.startswith("local-"):
                raise self.wrong(f"{shown(link)} is no link", f"{text.nearest(link, LINKS)}; or local-<word>", "reach", "links", link)
        for number, case in enumerate(policy.cases):
            at = ("cases", number, "site")
            if case.site.site_class not in SITE_CLASSES:
                raise self.wrong(f"{shown(case.site.site_class)} is no site class", text.nearest(case.site.site_class, SITE_CLASSES), *at)
            if case.site.jurisdiction not in JURISDICTIONS:
                raise self.wrong(
                    f"{shown(case.site.jurisdiction)} is no jurisdiction", text.nearest(case.site.jurisdiction, JURISDICTIONS), *at
                )

    def match(self, number: int, match: Match) -> None:
        named = [n for n in ("family", "headquarters", "badge", "component", "attribute", "every") if getattr(match, n)]
        if len(named) != 1:
            raise self.wrong(
                f"an entry names {len(named)} things",
                "name one of family, headquarters, badge, component, attribute, every",
                "match",
                number,
            )
        if match.family and match.family not in self.families.by_id:
            raise self.wrong(
                f"no corporate family {shown(match.family)}", text.nearest(match.family, self.families.by_id), "match", number, "family"
            )
        if match.every and match.every != "camera":
            raise self.wrong(f"{shown(match.every)} is not `camera`", "every: camera", "match", number, "every")
        if not match.sources and match.status is Status.CONFIRMED:
            raise self.wrong("a confirmed entry names no source", "cite one, or mark it to_verify", "match", number)
        citing.known(self.families.sources, match.sources, self.document, "match", number, "sources")

    def excluded(self, number: int, out: Exclusion) -> None:
        if out.family and out.family not in self.families.by_id:
            raise self.wrong(
                f"no corporate family {shown(out.family)}", text.nearest(out.family, self.families.by_id), "exclusions", number, "family"
            )
        for match in self.policy.match:
            if out.family and not out.kinds and match.family == out.family and match.until is None:
                raise self.wrong(
                    f"family {shown(out.family)} is both matched and excluded", "keep one of the two", "exclusions", number, "family"
                )

    def overlaps(self) -> None:
        """Two entries for one thing, at one time and for one kind of device, must not say different things."""
        for number, one in enumerate(self.policy.match):
            for other in self.policy.match[:number]:
                if one.target != other.target or one.model != other.model:
                    continue
                kinds = set(one.products or self.policy.products) & set(other.products or self.policy.products)
                apart = (one.until and other.listed and one.until <= other.listed) or (
                    other.until and one.listed and other.until <= one.listed
                )
                if kinds and not apart:
                    raise self.wrong(
                        f"two entries for {one.target[0]} {shown(one.target[1])} overlap ({', '.join(sorted(kinds))})",
                        "give them periods or kinds that do not meet, or keep one",
                        "match",
                        number,
                    )
