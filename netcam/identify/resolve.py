"""Claims to an identity: independent signals strengthen each other, contradictions weaken, and the losing claims stay visible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from netcam.catalog.makers import Makers
from netcam.identify import assumed, beside, lines
from netcam.identify.registrant import registrant
from netcam.model import CAMERA_KINDS, SLOTS, Claim, Identity, Observation
from netcam.protocols.fields import known

ORDER = sorted(SLOTS, key=lambda slot: (slot == "kind", slot == "maker"))
"""Slots in the order in which they are settled: badge and model before the maker, on which published relations have their say, and both
before the kind, which the maker's table may tell."""
CEILING = 0.99
"""Nothing read from a network is certain: any answer can be forged."""
NUMBERED = 0.9
"""How far the kind that a maker's table gives a model is taken, as a share of what is known of maker and model."""
MAX_BEFORE = 300
"""Characters of a text in which a model is looked for."""


def strength(claims: Iterable[Claim]) -> float:
    """Confidence of claims that say the same: the best of each origin, combined as independent (noisy or)."""
    best: dict[str, float] = {}
    for one in claims:
        best[one.origin] = max(best.get(one.origin, 0.0), one.weight)
    doubt = 1.0
    for weight in best.values():
        doubt *= 1 - weight
    return 1 - doubt


def _part_number(claims: Iterable[Claim]) -> bool:
    """Whether only a UPnP model number says it: makers write part numbers there, and the product's name into the model name."""
    return all(seen.field == "upnp.model_number" for one in claims for seen in one.because)


def _behind_the_badge(scored: list[tuple[float, str]], values: Mapping[str, Sequence[Claim]], makers: Makers) -> list[tuple[float, str]]:
    """The makers in order, a platform before a name: where the device says one maker's name and works like another's, which is known to
    build for that name, the name is the badge."""

    def platform(maker: str) -> bool:
        return any("/named-" not in one.by and one.origin not in ("mac", "host-name") for one in values[maker])

    first = scored[0][1]
    if len(scored) < 2 or platform(first):
        return scored
    behind = next((one for one in scored[1:] if platform(one[1]) and makers.builds(one[1], first)), None)
    return scored if behind is None else [behind, *(one for one in scored if one is not behind)]


def _contradicts(maker: str, other: Sequence[Claim], makers: Makers) -> bool:
    """Whether claims for another maker speak against one: a MAC of another company is common on cameras (modules, rebrands), and the house
    that a maker builds for bears its own names and numbers."""
    if all(one.origin == "mac" for one in other):
        return False
    name = makers.own_brand(other[0].value)
    return name is None or not makers.builds(maker, name)


def _of_a_thing(one: Claim) -> bool:
    """Whether a claim says maker or kind of a camera or recorder by nothing but a number or a word in a UPnP description."""
    if one.slot not in ("maker", "kind") or (one.slot == "kind" and one.value not in CAMERA_KINDS):
        return False
    return ("/models-" in one.by or one.origin == "usual-kind") and all(seen.field.startswith("upnp.") for seen in one.because)


def _neighbour_on_the_web(one: Claim) -> bool:
    """Whether a web server or page says of itself that it is no camera's: a router's, a printer's."""
    other = one.slot == "kind" and one.value not in CAMERA_KINDS and one.value != "intercom"
    return other and "/models-" not in one.by and all(seen.field in _WEB for seen in one.because)


def _number_on_the_web(one: Claim) -> bool:
    """Whether a claim rests on nothing but a number in a page's title or a realm, which another company's may look like."""
    return "/models-" in one.by and all(seen.field in _WEB for seen in one.because)


_WEB = frozenset({"http.title", "http.server", "http.realm", "http.heading"})
_REVISION = re.compile(r"[ -]?Mk\.? ?(?:I{1,3}|IV|\d)\Z", re.IGNORECASE)


def _with_revision(scored: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """The models in order, one with its revision (`Mk II`) before the same without, which somebody else's numbering may read."""
    first = scored[0][1]
    whole = next((one for one in scored[1:] if one[1].startswith(first) and _REVISION.fullmatch(one[1], len(first))), None)
    return scored if whole is None else [whole, *(one for one in scored if one[1] not in (whole[1], first))]


def _numbered(maker: str, model: str, sure: float, told: Sequence[Claim], kinds: Sequence[Claim], makers: Makers) -> list[Claim]:
    """The kind by the maker's own table of what was `told` to be the model, where no claim rests on the table already.

    A number that others have as well counts only where it stands alone or behind the maker's name: an `Archer C7` is no C7.
    """
    if any("/models-" in one.by for one in kinds):
        return []
    found = makers.numbered(maker, model)
    if found is None:
        return []
    row, by = found
    seen = tuple(dict.fromkeys(one for claim in told for one in claim.because))
    if row.shared and not any(_alone(one.value, model, makers) for one in seen):
        return []
    return [Claim(slot="kind", value=row.kind, weight=round(NUMBERED * sure, 4), by=by, origin=told[0].origin, because=seen)]


def _alone(text: str, model: str, makers: Makers) -> bool:
    """Whether nothing but names stands before a model in a text."""
    before, found, _ = text[:MAX_BEFORE].partition(model)
    words = re.findall(r"\w+", before)
    return bool(found) and (not words or makers.is_name(" ".join(words)) or makers.is_name(words[-1]))


def resolve(device: str, observations: Sequence[Observation], claims: Sequence[Claim], makers: Makers) -> Identity:
    """The identity that `claims` amount to. The order of observations and claims does not matter."""
    slots: dict[str, str] = {}
    confidence: dict[str, float] = {}
    settled: dict[str, tuple[list[Claim], list[Claim]]] = {}
    told: dict[str, list[Claim]] = {}
    everything = sorted(claims, key=lambda c: (-c.weight, c.by, c.slot, c.value))
    if any(_of_a_thing(one) for one in everything) and makers.cautions.neighbour(observations):
        everything = [one for one in everything if not _of_a_thing(one)]
    if any(_neighbour_on_the_web(one) for one in everything):
        everything = [one for one in everything if not _number_on_the_web(one)]
    for one in everything:
        told.setdefault(one.slot, []).append(one)
    if "model" not in told and "brand" in told:
        told["model"] = list(beside.models(told["brand"], makers))
    if not told.get("model"):
        told["model"] = list(beside.things(observations))
    if "firmware" not in told and told.get("model"):
        told["firmware"] = list(beside.firmware(told["model"]))
    for slot in ORDER:
        mine = told.get(slot, [])
        if slot == "maker":
            mine = [*mine, *lines.published(told, slots, makers)]
        elif slot == "kind" and "maker" in slots and "model" in slots:
            sure = min(confidence["maker"], confidence["model"])
            mine = [*mine, *_numbered(slots["maker"], slots["model"], sure, settled["model"][0], mine, makers)]
        if not mine:
            continue
        values: dict[str, list[Claim]] = {}
        for one in mine:
            values.setdefault(one.value, []).append(one)
        scored = sorted(
            ((strength(v), value) for value, v in values.items()), key=lambda item: (-item[0], _part_number(values[item[1]]), item[1])
        )
        if slot == "maker":
            scored = lines.before_number(_behind_the_badge(scored, values, makers), values, slots.get("brand"), makers)
        elif slot == "kind":
            # what most devices with a sign are gives way to what this one says of itself
            scored.sort(key=lambda item: all(c.origin == "usual-kind" for c in values[item[1]]))
        elif slot == "brand":
            scored = lines.before_name(scored, values, makers)
        elif slot == "model":
            scored = _with_revision(scored)
        top, value = scored[0]
        others = [one for one in scored[1:] if slot != "maker" or _contradicts(value, values[one[1]], makers)]
        against = others[0][0] if others else 0.0
        sure = min(CEILING, top * (1 - 0.5 * against))
        if slot == "maker" and all(c.origin == "mac" for c in values[value]):
            sure = min(sure, assumed.MAC_ALONE)
        if makers.calibration is not None:
            sure = makers.calibration.capped(sure)
        slots[slot], confidence[slot] = value, round(sure, 4)
        settled[slot] = (values[value], [c for c in mine if c.value != value])
    slots = {slot: slots[slot] for slot in SLOTS if slot in slots}
    agree = [c for slot in slots for c in settled[slot][0]]
    disputed = [c for slot in slots for c in settled[slot][1]]
    maker = slots.get("maker")
    sure = confidence.get("maker", 0.0)
    if maker is not None and "brand" not in slots and (badge := assumed.brand(maker, sure, everything, observations, makers)):
        slots["brand"], confidence["brand"] = badge[0], round(badge[1], 4)
    if "kind" not in slots and (usual := assumed.kind(maker, sure, everything, observations, makers)):
        slots["kind"], confidence["kind"] = usual[0], round(usual[1], 4)
    macs = tuple(
        sorted({o.mac for o in observations if o.mac} | {o.value.lower() for o in observations if o.field == "mac" and len(o.value) == 17})
    )
    return Identity(
        device=device,
        slots=slots,
        confidence=confidence,
        because=tuple(agree),
        disputed=tuple(disputed),
        # few endpoints and fields, many observations
        addresses=tuple(sorted({o.address for o in {o.endpoint: o for o in observations}.values() if o.address}, key=_order)),
        macs=macs,
        site=min((o.site for o in observations if o.site), default=""),
        mac_registrant=next((r for mac in macs if (r := registrant(mac))), ""),
        unknown_fields=tuple(sorted(field for field in {o.field for o in observations} if not known(field))),
        catalog=makers.digest,
    )


def _order(address: str) -> tuple[int, bytes, str]:
    from ipaddress import ip_address

    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return 9, b"", address
    return ip.version, ip.packed, address
