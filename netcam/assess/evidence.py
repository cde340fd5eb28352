"""How a device is tied to a corporate family, and how firmly: answers, badge, or nothing but the MAC prefix."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum

from netcam.catalog.families import BadgeRow, Families, Family, Strength, fold
from netcam.catalog.sources import Status
from netcam.model import PUBLISHED, Claim, Identity

SURE = 0.75
"""Confidence from which a slot may carry a finding at full weight: what two independent tells reach, or one unmistakable one."""
FAIR = 0.5
"""Confidence below which a slot is a hint."""
MAC_FIELDS = frozenset({"mac", "oui", "onvif.scope.mac", "dhcp.mac"})
"""Fields that give nothing but a MAC address: whose network chip it is."""


SUPPORT_ENDED = "support-ended"
"""Attribute of a device whose maker no longer mends its firmware, by a sourced statement or the keeper's word."""


class Grip(IntEnum):
    """How firmly a device is tied to a family, weakest first. Only SURE carries a finding above `review`."""

    PREFIX = 1
    """The MAC prefix and nothing else."""
    WEAK = 2
    ASKED = 3
    """A published relation of the badge that does not hold for every device: a question."""
    FAIR = 4
    SURE = 5


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What the keeper of a device knows of it and no scan can see."""

    bought: date | None = None
    attributes: frozenset[str] = frozenset()
    """Such as `default-password`, `support-ended`, `no-compliance-statement`; never found by trying."""


NO_RECORD = DeviceRecord()


def record_of(tags: Iterable[str]) -> DeviceRecord:
    """What a keeper's tags say: `bought=2021-05-01` a day of purchase, a bare word an attribute. A day that is none is passed over."""
    bought, attributes = None, set()
    for tag in tags:
        name, equals, value = tag.strip().partition("=")
        if not equals:
            attributes.add(name)
        elif name == "bought":
            with suppress(ValueError):
                bought = date.fromisoformat(value)
    return DeviceRecord(bought=bought, attributes=frozenset(attributes))


@dataclass(frozen=True, slots=True)
class View:
    """What the policies look at in an identity. Two devices with one view get one verdict."""

    kind: str | None
    maker: str | None
    brand: str | None
    component: str | None
    grip: Grip
    """How firmly the maker slot stands."""
    brand_grip: Grip
    badge_only: bool
    """The maker was read from the same signals as the badge: nothing of the maker's own showed."""
    registrant: str
    rows: tuple[bool | None, ...]
    """Whether each OEM row of the badge covers the model."""
    globs: tuple[bool, ...]
    """Whether each model pattern of the policies fits."""
    bought: date | None
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Tie:
    """One tie of a device to a family."""

    family: Family
    maker: str
    grip: Grip
    said: str
    """The sentence for the reader: what ties it, and how firmly."""
    relation: str
    """`made by`, `own badge`, `badge`, `MAC prefix`."""
    sources: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    """What would change this tie."""


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """All ties of a view, and the questions that do not come to one."""

    ties: tuple[Tie, ...] = ()
    questions: tuple[str, ...] = ()
    """What to ask the supplier; a question is no finding."""
    left: tuple[str, ...] = ()
    """Why a former affiliate is not matched."""
    settled: bool = False
    """The maker is known, whoever it is."""


@dataclass(slots=True)
class _Found:
    ties: list[Tie] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def mac_only(claims: Iterable[Claim]) -> bool:
    """Whether nothing but MAC prefixes supports the claims. No claims: False, there is not even a prefix."""
    seen = False
    for claim in claims:
        for one in claim.because:
            seen = True
            if one.field not in MAC_FIELDS:
                return False
    return seen


def grip_of(identity: Identity, slot: str, claims: list[Claim]) -> Grip:
    """How firmly a slot stands: by its confidence, and by whether anything besides the MAC prefix supports it."""
    if slot in identity.locked:
        return Grip.SURE  # the operator's word, recorded with name and reason
    if not claims or not any(claim.because for claim in claims):
        return Grip.WEAK
    if mac_only(claims):
        return Grip.PREFIX
    confidence = identity.confidence.get(slot, 0.0)
    return Grip.SURE if confidence >= SURE else Grip.FAIR if confidence >= FAIR else Grip.WEAK


def rests_on_badge(maker: list[Claim], brand: list[Claim]) -> bool:
    """Whether every signal for the maker is one that names the badge, or a published relation of the badge: then the maker is the badge's, not
    the device's own tell."""
    badge = {(o.field, o.value) for claim in brand for o in claim.because}
    own = [claim for claim in maker if claim.origin != PUBLISHED]
    return bool(badge) and all((o.field, o.value) in badge or o.field in MAC_FIELDS for claim in own for o in claim.because)


def ties(view: View, families: Families) -> Ties:
    """Every family that the view points to, and how firmly."""
    found = _Found()
    family = families.of_maker(view.maker) or (own[0] if (own := families.of_brand(view.maker)) else None)
    rows = families.badge_rows(view.brand)
    if view.maker is not None and family is not None:
        _made_by(view, family, rows, families, found)
    if view.maker is None:
        _badge(view, rows, families, found)
        if not found.ties and (registrant := families.of_registrant(view.registrant)) is not None:
            found.ties.append(_prefix(view, registrant, view.registrant))
    elif view.brand and (view.badge_only or fold(view.maker) == fold(view.brand)):
        others = tuple((n, row) for n, row in enumerate(rows) if row.family is not family)
        _rows(view, tuple(row for _, row in others), found, stated=False, index=tuple(n for n, _ in others))
    settled = view.maker is not None and view.grip is not Grip.PREFIX
    return Ties(tuple(found.ties), tuple(dict.fromkeys(found.questions)), tuple(found.left), settled)


def _prefix(view: View, family: Family, told: str) -> Tie:
    return Tie(
        family, family.makers[0], Grip.PREFIX,
        f"Only the MAC prefix points to {family.makers[0]}: it tells who registered the address block of the network chip,"
        " not who made the device.",
        "MAC prefix",
        change=("any answer of the device that names its maker (web page, ONVIF, RTSP, certificate) instead of the MAC prefix alone",),
    )  # fmt: skip


def _made_by(view: View, family: Family, rows: tuple[BadgeRow, ...], families: Families, found: _Found) -> None:
    """The maker slot names the family."""
    maker = family.makers[0]
    if view.grip is Grip.PREFIX:
        found.ties.append(_prefix(view, family, view.maker or ""))
        return
    badge = view.brand if view.brand and families.of_brand(view.brand) is None and fold(view.brand) != fold(view.maker or "") else None
    mine = [(n, row) for n, row in enumerate(rows) if row.family is family]
    gone = [one for owner, one in families.divested.get(fold(view.brand or ""), ()) if owner is family]
    if gone and (view.bought is None or view.bought > gone[0].until):
        _left(view, family, gone[0].name, gone[0].until, gone[0].owner, gone[0].sources, found)
        return
    if badge and mine and view.badge_only:
        _rows(view, tuple(row for _, row in mine), found, stated=True, index=tuple(n for n, _ in mine))
        return
    if badge and view.badge_only:
        found.ties.append(
            Tie(
                family, maker, min(view.grip, Grip.FAIR),
                f"Devices like this one with the badge {badge} are published as made by {maker}. Nothing of {maker}'s own showed on this one.",
                "badge",
                change=(f"a second tell of {maker}'s own on the device", "the supplier's statement of who made it"),
            )
        )  # fmt: skip
        return
    firm = {
        Grip.SURE: f"Its answers identify {maker} as the maker",
        Grip.FAIR: f"Its answers point to {maker} as the maker, not beyond doubt",
    }.get(view.grip, f"Little points to {maker} as the maker")
    said = f"{firm}; the badge is {badge}." if badge else f"{firm}."
    change = (
        ("proof that somebody else made it (the supplier's statement, an invoice, a label), recorded as a correction",)
        if view.grip is Grip.SURE
        else (f"a further answer that names {maker}, or one that names another maker",)
    )
    sources = tuple(dict.fromkeys(s for _, row in mine for s in row.row.sources))
    found.ties.append(Tie(family, maker, view.grip, said, "made by", sources, change))


def _left(view: View, family: Family, name: str, until: date, owner: str, sources: tuple[str, ...], found: _Found) -> None:
    """The badge belonged to the family and has left it; the device's own answers may still name the family."""
    maker = family.makers[0]
    if view.bought is not None and view.badge_only:
        found.left.append(f"{name} left the {maker} group on {until} ({owner} since) and the device was bought on {view.bought}.")
        return
    when = "The date of purchase is not recorded." if view.bought is None else f"It was bought on {view.bought}."
    found.ties.append(
        Tie(
            family, maker, Grip.ASKED,
            f"The badge {name} belonged to the {maker} group until {until} ({owner} since). {when}"
            " Who made this device, and when was it bought?",
            "badge", sources,
            ("the date of purchase: a device bought after that day is not matched by its badge", "the supplier's statement of who made it"),
        )
    )  # fmt: skip


def _badge(view: View, rows: tuple[BadgeRow, ...], families: Families, found: _Found) -> None:
    """No maker is known; the badge may tell."""
    own = families.of_brand(view.brand)
    if own is not None:
        family, row = own
        found.ties.append(
            Tie(
                family, family.makers[0], view.brand_grip,
                f"The badge {view.brand} is {family.makers[0]}'s own ({row.scope or 'all products'}).", "own badge", row.sources,
                ("proof that the badge is not what the device is",),
            )
        )  # fmt: skip
        others = tuple((n, row) for n, row in enumerate(rows) if row.family is not family)
        _rows(view, tuple(row for _, row in others), found, stated=False, index=tuple(n for n, _ in others))
        return
    for family, one in families.divested.get(fold(view.brand or ""), ()):
        if view.bought is None or view.bought > one.until:
            found.left.append(f"{one.name} left the {family.makers[0]} group on {one.until}; {one.owner} since.")
    _rows(view, rows, found, stated=True)


def _rows(view: View, rows: tuple[BadgeRow, ...], found: _Found, *, stated: bool, index: tuple[int, ...] | None = None) -> None:
    """What the published relations of the badge come to."""
    for number, held in enumerate(rows):
        row, maker = held.row, held.family.makers[0]
        covers = view.rows[index[number] if index else number] if view.rows else None
        if row.status is not Status.CONFIRMED or covers is False or not _within(row.since, row.until, view.bought):
            continue
        which = f"{row.brand} ({row.scope})"
        if row.strength is Strength.LOW:
            found.questions.append(f"Who made this {row.brand}? Sources too weak to state a maker connect the badge with {maker}.")
        elif covers is None:
            found.questions.append(f"Which model is it? Some {which} are made by {maker}.")
        elif row.strength is Strength.MEDIUM or not stated:
            found.ties.append(
                Tie(
                    held.family, maker, Grip.ASKED, f"Some devices with this badge are made by {maker}: {which}. Is this one of them?",
                    "badge", row.sources, ("an answer of the device that names its maker", "the supplier's statement for this model"),
                )
            )  # fmt: skip
        elif row.until is not None and view.bought is None:
            found.ties.append(
                Tie(
                    held.family, maker, Grip.ASKED, f"Until {row.until} devices with this badge were made by {maker}: {which}. When was it bought?",
                    "badge", row.sources, (f"the date of purchase: after {row.until} the badge is not matched",),
                )
            )  # fmt: skip
        else:
            found.ties.append(
                Tie(
                    held.family, maker, min(view.brand_grip, Grip.FAIR),
                    f"Devices with this badge are made by {maker}: {which}. Nothing of {maker}'s own showed on this one.",
                    "badge", row.sources, (f"a second tell of {maker}'s own on the device", "the supplier's statement of who made it"),
                )
            )  # fmt: skip


def _within(since: date | None, until: date | None, bought: date | None) -> bool:
    """Whether a purchase lies in a period; an unknown date may."""
    return bought is None or ((since is None or since <= bought) and (until is None or bought <= until))
