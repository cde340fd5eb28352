"""What published advisories say of a device's firmware, from its model and version alone: nothing is ever tried on the device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from netcam.catalog.advisories import Advisories, Fact, ModelRow, RangeKind, Span
from netcam.catalog.families import fold
from netcam.catalog.sources import Status
from netcam.catalog.versions import compare
from netcam.model import Finding, Identity

MAX_MEMO = 100_000
"""Combinations of maker, badge, model and version kept with their results."""
MIN_MODEL_CONFIDENCE = 0.5
"""Below this the model is a hint and no result is better than `possibly`."""


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


def assess(identities: Iterable[Identity], advisories: Advisories, on: date) -> Iterator[Finding]:
    """Findings on firmware: one per device and advisory that may hold, one where versions could not be compared at all."""
    memo: dict[tuple[str, str | None, str | None, str | None], tuple[tuple[Outcome, ...], int]] = {}
    for identity in identities:
        maker = identity.slots.get("maker")
        if maker is None or (identity.is_camera is False and identity.slots.get("kind") not in ("access-control", "intercom", "nas")):
            continue
        key = (maker, identity.slots.get("brand"), identity.slots.get("model"), identity.slots.get("firmware"))
        known = memo.get(key)
        if known is None:
            if len(memo) >= MAX_MEMO:
                memo.clear()
            told = results(advisories, maker=key[0], brand=key[1], model=key[2], firmware=key[3])
            open_facts = 0 if key[2] else len(advisories.by_maker.get(fold(maker), ()))
            known = memo[key] = (tuple(told), open_facts)
        yield from _findings(identity, known[0], known[1], advisories)
        yield from _ended(identity, advisories, on)


def _findings(identity: Identity, told: Iterable[Outcome], open_facts: int, advisories: Advisories) -> Iterator[Finding]:
    model, firmware = identity.slots.get("model"), identity.slots.get("firmware")
    sure = min(identity.confidence.get("model", 0.0), identity.confidence.get("maker", 0.0))
    for outcome in told:
        result = outcome.result
        if result is Result.FIXED:
            continue
        if result is Result.VULNERABLE and sure < MIN_MODEL_CONFIDENCE:
            result = Result.POSSIBLY
        advisory = outcome.fact.advisory
        since = (
            f" CISA lists it as exploited since {advisory.kev}." if advisory.kev else f" {advisory.exploited}" if advisory.exploited else ""
        )
        yield Finding(
            rule=advisory.id,
            kind="firmware",
            device=identity.device,
            title=f"{advisory.id}: {result.value}",
            severity=_SEVERITY[result, advisory.kev is not None],
            site=identity.site,
            subject=advisory.id,
            text=f"{result.value}: {advisory.about} {model}: {outcome.why}{since}",
            confidence=sure,
            evidence=tuple(f"{slot} {value}" for slot, value in (("model", model), ("firmware", firmware)) if value),
            citations=tuple(advisories.sources.citation(source) for source in advisory.sources),
            would_change=("a version read from the device's own page by its keeper", "the maker's notice for this model"),
            action=advisory.action or f"Compare with the maker's notice{': ' + outcome.fact.notices if outcome.fact.notices else ''}.",
        )
    if open_facts:
        yield Finding(
            rule="firmware-unread",
            kind="firmware",
            device=identity.device,
            title="Firmware not compared: the model is not known",
            severity="information",
            site=identity.site,
            subject="model",
            text=f"cannot tell: {open_facts} published advisories speak of devices of this maker; the model is not known, so none was compared.",
            would_change=("an answer that names the model", "the label of the device"),
            action="Find out model and version.",
        )


def _ended(identity: Identity, advisories: Advisories, on: date) -> Iterator[Finding]:
    model = identity.slots.get("model")
    brand = identity.slots.get("brand")
    if not model:
        return
    for held in advisories.ended.get(fold(identity.slots["maker"]), ()):
        if (held.brands and (not brand or fold(brand) not in held.brands)) or not held.models.match(model.upper()):
            continue
        end = held.ended
        if end.status is not Status.CONFIRMED:
            continue
        over = end.support is not None and end.support <= on
        if not over and not (end.sale and end.sale <= on):
            continue
        on_or_by = "by" if end.by else "on"
        when = f"The maker had ended support {on_or_by} {end.support}." if over else f"The maker had ended sale {on_or_by} {end.sale}."
        later = f" Support ends on {end.support}." if end.support and not over else ""
        yield Finding(
            rule="support-ended" if over else "sale-ended",
            kind="firmware",
            device=identity.device,
            title="Support has ended" if over else "No longer sold",
            severity="low" if over else "information",
            site=identity.site,
            subject=model,
            text=f"{model}: {when}{later} {end.note}".strip(),
            confidence=identity.confidence.get("model", 0.0),
            evidence=(f"model {model}",),
            citations=tuple(advisories.sources.citation(source) for source in end.sources),
            would_change=("a later statement of the maker",),
            action="Plan its replacement." if over else "Take it into the next renewal.",
        )
