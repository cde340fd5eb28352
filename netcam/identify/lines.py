"""What published relations of a badge say, by model line: no more than a product's papers would, since nothing of the maker's own showed.

They count once however often badge and model are read, and never as firmly as a tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netcam.catalog import naming
from netcam.catalog.makers import Makers
from netcam.catalog.relations import Held
from netcam.model import PUBLISHED, Claim, Observation

WEIGHTS = {"high": 0.7, "medium": 0.6}
"""Weight of a relation by its strength: below what carries a finding (assess/evidence.py SURE), whatever says it."""
MAX_SEEN = 4
"""Observations that a claim names: badge and model stand in a few places, and `explain` prints the first."""
_Scored = list[tuple[float, str]]


def published(told: Mapping[str, Sequence[Claim]], slots: Mapping[str, str], makers: Makers) -> list[Claim]:
    """What published relations of the badge and model in `slots` say of the maker; none where two makers come into question."""
    brand, model = slots.get("brand"), slots.get("model")
    badges = [one for one in told.get("brand", ()) if one.value == brand and one.origin != "mac"]
    if brand is None or not badges:
        return []
    fitting: dict[str, Held] = {}
    for held in makers.relations.lines(brand):
        if model is not None and held.fits(model):
            fitting.setdefault(held.maker, held)
    if fitting:
        held = next(iter(fitting.values()))
        numbers = [one for one in told.get("model", ()) if one.value == model]
        return [_claim(held.maker, held.id, held.line.strength, (*badges, *numbers))] if len(fitting) == 1 else []
    own = makers.relations.teller(brand)
    return [_claim(own.maker, own.id, own.brand.strength, badges)] if own is not None else []


def before_name(scored: _Scored, values: Mapping[str, Sequence[Claim]], makers: Makers) -> _Scored:
    """The badges in order, a line of the maker's own before the maker's name: firmware that serves both keeps the maker's name where the
    badge has another, and the model is numbered as that line alone is."""
    for one in scored[1:]:
        line = makers.relations.teller(one[1])
        if line is not None and makers.same_brand(line.maker, scored[0][1]) and any("/models-" in c.by for c in values[one[1]]):
            # the maker's own name says the same, and is no contradiction
            return [one, *(o for o in scored if o is not one and not makers.same_brand(line.maker, o[1]))]
    return _product_before_software(_printed_before_number(scored, values, makers), values, makers)


_SOFTWARE = frozenset({*naming.CLASSES["any.made"], "http.body", "http.realm", "rtsp.realm", "http.location"})
"""Fields in which the software of a device names who wrote it, whatever badge is on the device."""


def _product_before_software(scored: _Scored, values: Mapping[str, Sequence[Claim]], makers: Makers) -> _Scored:
    """The badges in order, one that the maker is on record to build for before the maker's own name that only its software bears."""
    own = scored[0][1]
    first = values[own]
    maker = next((makers.by_id[one.by][0].maker for one in first if one.by in makers.by_id), None)
    if len(scored) < 2 or maker is None or not makers.same_brand(maker, own):
        return scored
    if not all(seen.field in _SOFTWARE for one in first for seen in one.because):
        return scored

    def named(brand: str) -> bool:
        """Whether the device says it of itself, where products are named."""
        return makers.builds(maker, brand) and any(
            one.origin != "mac" and any(seen.field not in _SOFTWARE for seen in one.because) for one in values[brand]
        )

    badge = next((one for one in scored[1:] if named(one[1])), None)
    # the software's name is its writer's, and contradicts no badge
    return scored if badge is None else [badge, *(one for one in scored if one is not badge and one[1] != own)]


def _printed_before_number(scored: _Scored, values: Mapping[str, Sequence[Claim]], makers: Makers) -> _Scored:
    """The badges in order, a name that the device gives as its manufacturer's before the badge of another house that numbers alike."""
    first = values[scored[0][1]]
    if len(scored) < 2 or not all("/models-" in one.by for one in first):
        return scored
    houses = [file for one in first if one.by in makers.by_id for file in (makers.by_id[one.by][0],)]

    def printed(brand: str) -> bool:
        """Whether the device gives it as its manufacturer, and it is no badge of a house that numbers so."""
        given = any("/named-" in one.by and one.by.endswith("-maker") for one in values[brand])
        return given and not any(makers.same_brand(file.maker, brand) or makers.builds(file.maker, brand) for file in houses)

    named = next((one for one in scored[1:] if printed(one[1])), None)
    return scored if named is None else [named, *(one for one in scored if one is not named)]


def before_number(scored: _Scored, values: Mapping[str, Sequence[Claim]], brand: str | None, makers: Makers) -> _Scored:
    """The makers in order, what is published of badge and line before a number alone, since another badge's numbers look like this maker's
    too, and before the house whose badge it is where nothing but its name and numbers tells of it."""

    def unproven(maker: str) -> bool:
        own = brand is not None and makers.same_brand(maker, brand)
        return all("/models-" in one.by or (own and ("/named-" in one.by or one.origin == "mac")) for one in values[maker])

    behind = next((one for one in scored[1:] if any(c.origin == PUBLISHED for c in values[one[1]])), None)
    if behind is None or not unproven(scored[0][1]):
        return scored
    return [behind, *(one for one in scored if one is not behind and not unproven(one[1]))]


def _claim(maker: str, by: str, strength: str, told: Sequence[Claim]) -> Claim:
    seen: tuple[Observation, ...] = tuple(dict.fromkeys(seen for one in told for seen in one.because))[:MAX_SEEN]
    return Claim(slot="maker", value=maker, weight=WEIGHTS.get(strength, WEIGHTS["medium"]), by=by, origin=PUBLISHED, because=seen)
