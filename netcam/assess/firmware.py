"""What published advisories say of a device's firmware, from its model and version alone: nothing is ever tried on the device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from netcam.catalog.advisories import Advisories, Ended, Fact, ModelRow, RangeKind, Span
from netcam.catalog.families import fold
from netcam.catalog.sources import Sources, Status
from netcam.catalog.versions import compare
from netcam.model import Citation, Finding, Identity

MAX_MEMO = 100_000
"""Combinations of maker, badge, model and version kept with their results."""
MIN_MODEL_CONFIDENCE = 0.5
"""Below this the model is a hint and no result is better than `possibly`."""


MAX_SISTERS = 12
"""Sister ids named in a finding; the content file holds all."""


class Result(StrEnum):
    """What an advisory says of a device."""

    VULNERABLE = "vulnerable"
    POSSIBLY = "possibly"
    FIXED = "fixed"
    CANNOT_TELL = "cannot tell"


_ORDER = (Result.VULNERABLE, Result.POSSIBLY, Result.CANNOT_TELL, Result.FIXED)
_SEVERITY = {
    (Result.VULNERABLE, True): "high",
    (Result.VULNERABLE, False): "medium",
    (Result.POSSIBLY, True): "medium",
    (Result.POSSIBLY, False): "low",
    (Result.CANNOT_TELL, True): "low",
    (Result.CANNOT_TELL, False): "information",
    (Result.FIXED, True): "none",
    (Result.FIXED, False): "none",
}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A result with the sentence that carries it."""

    fact: Fact
    result: Result
    why: str


def results(advisories: Advisories, *, maker: str, brand: str | None, model: str | None, firmware: str | None) -> list[Outcome]:
    """Every advisory that speaks of the model, with its result. An unknown model has none; see `assess`."""
    found = []
    for fact in advisories.by_maker.get(fold(maker), ()):
        if fact.brands and (not brand or fold(brand) not in fact.brands):
            continue
        told = _fact(fact, model, firmware)
        if told is not None:
            found.append(_another_badge(told, maker, brand) if not fact.brands else told)
    return found


def _fact(fact: Fact, model: str | None, firmware: str | None) -> Outcome | None:
    """What an advisory says of a version: the worst of its rows that speak of the model and of its line of firmware."""
    rows = [row for row in fact.rows if row.covers(model) is True]
    if not rows:
        return None
    told = [_row(fact, row, firmware) for row in rows if row.speaks_of(firmware)]
    if not told:
        return Outcome(fact, Result.CANNOT_TELL, f"the record speaks of other lines of firmware than {firmware}; check the maker's notice.")
    return min(told, key=lambda outcome: _ORDER.index(outcome.result))


def _another_badge(told: Outcome, maker: str, brand: str | None) -> Outcome:
    """A device with somebody else's badge may count its versions otherwise: nothing is certain of it."""
    if not brand or fold(brand) == fold(maker):
        return told
    said = f"{told.why} The badge is {brand}, whose versions may count otherwise."
    if told.result is Result.VULNERABLE:
        return Outcome(told.fact, Result.POSSIBLY, said)
    if told.result is Result.FIXED:
        return Outcome(told.fact, Result.CANNOT_TELL, said)
    return told


def _row(fact: Fact, row: ModelRow, firmware: str | None) -> Outcome:
    """What one row of an advisory says of a version."""
    kind = fact.advisory.range
    if kind is RangeKind.ALL_VERSIONS and fact.advisory.status is Status.CONFIRMED:
        return Outcome(fact, Result.POSSIBLY if row.row.some else Result.VULNERABLE, "every version of this model is affected.")
    if kind is not RangeKind.EXPLICIT or fact.advisory.status is not Status.CONFIRMED:
        return Outcome(fact, Result.CANNOT_TELL, "the published range is not exact enough to compare; check the maker's notice.")
    if not firmware:
        return Outcome(fact, Result.CANNOT_TELL, "the device does not tell its version.")
    return _spans(fact, row, firmware)


def _spans(fact: Fact, row: ModelRow, firmware: str) -> Outcome:
    held = [(span, within(span, row.scheme, firmware)) for span in row.row.spans]
    fixed = f"; mended in {row.row.fixed}" if row.row.fixed else ""
    inside = [span for span, one in held if one is True]
    if inside:
        if row.row.some or all(span.some for span in inside):
            told = "which does not hold for every model or track"
            return Outcome(fact, Result.POSSIBLY, f"{firmware} lies in the published range, {told}{fixed}.")
        return Outcome(fact, Result.VULNERABLE, f"{firmware} lies in the published range{fixed}.")
    if any(one is None for _, one in held):
        return Outcome(
            fact, Result.CANNOT_TELL, f"{firmware} cannot be compared with the published range{fixed}; check the maker's notice."
        )
    if all(span.exactly for span in row.row.spans):
        # the record names the version that was looked at; it says nothing of the others
        return Outcome(fact, Result.CANNOT_TELL, f"the record speaks of another version than {firmware}{fixed}; check the maker's notice.")
    return Outcome(fact, Result.FIXED, f"{firmware} lies outside the published range{fixed}.")


def within(span: Span, scheme: str, firmware: str) -> bool | None:
    """Whether a version lies in a span; None where the two cannot be compared."""
    if span.built_before is not None:
        built = build_date(firmware)
        return None if built is None else built < span.built_before
    if span.exactly:
        if firmware.strip().casefold() == span.exactly.casefold():
            return True
        order = compare(scheme, firmware, span.exactly)
        return None if order is None else order == 0
    if span.start:
        order = compare(scheme, firmware, span.start)
        if order is None or order < 0:
            return None if order is None else False
    end = span.before or span.through
    if not end:
        return True
    order = compare(scheme, firmware, end)
    if order is None:
        # `before 5.2.6` leaves out every build of 5.2.6
        return False if span.before and _finer(firmware, end) else None
    if span.through and order > 0 and _finer(firmware, span.through):
        return None  # `through 11.8` does not say which of 11.8.1, 11.8.2 ... is the last
    return order < 0 if span.before else order <= 0


def _finer(firmware: str, end: str) -> bool:
    """Whether the version is one of those that a coarser end may mean: 11.8.20 where the text says 11.8."""
    left, right = firmware.strip().lstrip("vV"), end.lstrip("vV")
    return left.casefold().startswith(right.casefold()) and left[len(right) : len(right) + 1] in (".", "_", " ")


_DATES = (
    re.compile(r"(?<!\d)(20\d\d)[-/.](\d\d)[-/.](\d\d)(?!\d)"),
    re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)"),
    re.compile(r"(?i)(?:\bbuild|\.R\.|\.T\.|_)[ .:]*(\d\d)(\d\d)(\d\d)(?!\d)"),
)


def build_date(firmware: str) -> date | None:
    """The build date that a version string carries, as `2021-06-04`, `20210604`, `build 210604` or `R.210604`."""
    for pattern in _DATES:
        for year, month, day in pattern.findall(firmware[:256]):
            try:
                return date(int(year) if len(year) == 4 else 2000 + int(year), int(month), int(day))
            except ValueError:
                continue
    return None


class Reader:
    """All advisories and one day; reads a combination of maker, badge, model and version once."""

    def __init__(self, advisories: Advisories, on: date) -> None:
        self._advisories, self._on = advisories, on
        self._memo: dict[tuple[str, str | None, str | None, str | None, bool], tuple[_Told, ...]] = {}

    def findings(self, identity: Identity) -> Iterator[Finding]:
        """One finding per advisory that may hold, one where versions could not be compared at all, one for an ended support."""
        sure = min(identity.confidence.get("model", 0.0), identity.confidence.get("maker", 0.0))
        for told in self._known(identity, sure >= MIN_MODEL_CONFIDENCE):
            yield Finding(
                rule=told.rule, kind="firmware", device=identity.device, title=told.title, severity=told.severity, site=identity.site,
                subject=told.subject, text=told.text, confidence=sure, evidence=told.evidence, citations=told.citations,
                would_change=told.would_change, action=told.action,
            )  # fmt: skip

    def ended(self, identity: Identity) -> bool:
        """Whether the maker has ended the support of the device's model, as far as a source says so."""
        return any(told.rule == "support-ended" for told in self._known(identity, True))

    def _known(self, identity: Identity, sure: bool) -> tuple[_Told, ...]:
        slots = identity.slots
        maker = slots.get("maker")
        if maker is None or (identity.is_camera is False and slots.get("kind") not in ("access-control", "intercom", "nas")):
            return ()
        key = (maker, slots.get("brand"), slots.get("model"), slots.get("firmware"), sure)
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= MAX_MEMO:
                self._memo.clear()
            known = self._memo[key] = tuple(self._read(*key))
        return known

    def _read(self, maker: str, brand: str | None, model: str | None, firmware: str | None, sure: bool) -> Iterator[_Told]:
        sources = self._advisories.sources
        for outcome in results(self._advisories, maker=maker, brand=brand, model=model, firmware=firmware):
            if outcome.result is not Result.FIXED:
                yield _said(outcome, model, firmware, sources, sure=sure)
        if not model:
            if facts := self._advisories.by_maker.get(fold(maker)):
                yield _unread(len(facts))
            return
        for held in self._advisories.ended.get(fold(maker), ()):
            if (held.brands and (not brand or fold(brand) not in held.brands)) or not held.models.match(model.upper()):
                continue
            end = held.ended
            if end.status is Status.CONFIRMED and any(day is not None and day <= self._on for day in (end.sale, end.support)):
                yield _over(model, end, sources, self._on)


def assess(identities: Iterable[Identity], advisories: Advisories, on: date) -> Iterator[Finding]:
    """Findings on the firmware of devices."""
    reader = Reader(advisories, on)
    for identity in identities:
        yield from reader.findings(identity)


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """A finding but for the device: made once for every combination."""

    rule: str
    title: str
    severity: str
    text: str
    subject: str
    action: str
    evidence: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    would_change: tuple[str, ...] = ()


def _said(outcome: Outcome, model: str | None, firmware: str | None, sources: Sources, *, sure: bool) -> _Told:
    result = outcome.result if sure or outcome.result is not Result.VULNERABLE else Result.POSSIBLY
    advisory = outcome.fact.advisory
    since = f" CISA lists it as exploited since {advisory.kev}." if advisory.kev else f" {advisory.exploited}" if advisory.exploited else ""
    sisters = f" The same holds for {', '.join(advisory.also[:MAX_SISTERS])}" if advisory.also else ""
    more = f" and {len(advisory.also) - MAX_SISTERS} more." if len(advisory.also) > MAX_SISTERS else "." if sisters else ""
    note = f" {advisory.note[:1].upper()}{advisory.note[1:]}." if advisory.note else ""
    return _Told(
        rule=advisory.id,
        title=f"{advisory.id}: {result.value}",
        severity=_SEVERITY[result, advisory.kev is not None],
        subject=advisory.id,
        text=f"{result.value}: {advisory.about} {model}: {outcome.why}{since}{sisters}{more}{note}",
        evidence=tuple(f"{slot} {value}" for slot, value in (("model", model), ("firmware", firmware)) if value),
        citations=tuple(sources.citation(source) for source in advisory.sources),
        would_change=("a version read from the device's own page by its keeper", "the maker's notice for this model"),
        action=advisory.action or f"Compare with the maker's notice{': ' + outcome.fact.notices if outcome.fact.notices else ''}.",
    )


def _unread(open_facts: int) -> _Told:
    return _Told(
        rule="firmware-unread",
        title="Firmware not compared: the model is not known",
        severity="information",
        subject="model",
        text=f"cannot tell: {open_facts} published advisories speak of devices of this maker; the model is not known, so none was compared.",
        would_change=("an answer that names the model", "the label of the device"),
        action="Find out model and version.",
    )


def _over(model: str, end: Ended, sources: Sources, on: date) -> _Told:
    over = end.support is not None and end.support <= on
    day = "by" if end.by else "on"
    when = f"The maker had ended support {day} {end.support}." if over else f"The maker had ended sale {day} {end.sale}."
    later = f" Support ends on {end.support}." if end.support and not over else ""
    return _Told(
        rule="support-ended" if over else "sale-ended",
        title="Support has ended" if over else "No longer sold",
        severity="low" if over else "information",
        subject=model,
        text=f"{model}: {when}{later} {end.note}".strip(),
        evidence=(f"model {model}",),
        citations=tuple(sources.citation(source) for source in end.sources),
        would_change=("a later statement of the maker",),
        action="Plan its replacement." if over else "Take it into the next renewal.",
    )
