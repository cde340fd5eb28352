"""Claims to an identity: independent signals strengthen each other, contradictions weaken, and the losing claims stay visible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netcam.catalog.makers import Makers
from netcam.identify.registrant import registrant
from netcam.model import SLOTS, Claim, Identity, Observation
from netcam.protocols.fields import known

CEILING = 0.99
"""Nothing read from a network is certain: any answer can be forged."""
ASSUMED_BRAND = 0.6
"""How far the maker's own name is taken for the badge where no badge was seen: most of what a maker sells carries its name."""
ASSUMED_KIND = 0.6
"""How far the usual kind of a maker's products is taken for the kind of one that tells none."""
STREAMING_KIND = 0.4
"""How far a device of a maker of cameras that speaks RTSP, and tells nothing else of its kind, is taken for a camera."""
_RTSP_PORTS = frozenset({"554", "554/tcp", "8554", "8554/tcp", "10554"})
_KIT = frozenset({"rtsp.server", "rtsp.public", "rtsp.raw"})
"""Fields of a streaming server, which tell who wrote it and not whose badge is on the device."""
_DIALECTS = frozenset({"rtsp", "sadp", "dhip", "dahua5050", "xm", "tvt"})
"""Protocols that a firmware keeps behind everybody's badge."""
MAC_ALONE = 0.5
"""A maker known by its MAC prefix alone never exceeds this."""


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


def _kit_field(one: Claim) -> bool:
    """Whether a claim rests on a streaming server and its session descriptions alone."""
    return all(seen.field in _KIT or seen.field.startswith("rtsp.sdp.") for seen in one.because)


def _kit(one: Claim, makers: Makers) -> bool:
    """Whether a claim rests on what a kit or a firmware keeps behind every badge: a streaming server, and where the maker is known to build
    for others its protocols and its enterprise number. A name or a model in the maker's own numbering is more than that."""
    if "/named-" in one.by:
        return False
    if _kit_field(one):
        return True
    others = "/models-" not in one.by and makers.builds_for_others(one.value)
    return others and all(seen.field == "snmp.sysobjectid" or seen.field.partition(".")[0] in _DIALECTS for seen in one.because)


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


def _streams(observations: Iterable[Observation]) -> bool:
    """Whether a device speaks RTSP."""
    return any(one.field.startswith("rtsp.") or (one.field == "port.open" and one.value in _RTSP_PORTS) for one in observations)


def resolve(device: str, observations: Sequence[Observation], claims: Sequence[Claim], makers: Makers) -> Identity:
    """The identity that `claims` amount to. The order of observations and claims does not matter."""
    slots: dict[str, str] = {}
    confidence: dict[str, float] = {}
    agree: list[Claim] = []
    disputed: list[Claim] = []
    everything = sorted(claims, key=lambda c: (-c.weight, c.by, c.slot, c.value))
    for slot in SLOTS:
        mine = [c for c in everything if c.slot == slot]
        if not mine:
            continue
        values: dict[str, list[Claim]] = {}
        for one in mine:
            values.setdefault(one.value, []).append(one)
        scored = sorted(
            ((strength(v), value) for value, v in values.items()), key=lambda item: (-item[0], _part_number(values[item[1]]), item[1])
        )
        if slot == "maker":
            scored = _behind_the_badge(scored, values, makers)
        top, value = scored[0]
        against = scored[1][0] if len(scored) > 1 else 0.0
        # a MAC of another company is common on cameras (modules, rebrands) and contradicts nobody
        if slot == "maker" and len(scored) > 1 and all(c.origin == "mac" for c in values[scored[1][1]]):
            against = 0.0
        sure = min(CEILING, top * (1 - 0.5 * against))
        if slot == "maker" and all(c.origin == "mac" for c in values[value]):
            sure = min(sure, MAC_ALONE)
        if makers.calibration is not None:
            sure = makers.calibration.capped(sure)
        slots[slot], confidence[slot] = value, round(sure, 4)
        agree += values[value]
        disputed += [c for c in mine if c.value != value]
    maker = slots.get("maker")
    if (
        maker
        and "brand" not in slots
        and any(c.slot == "maker" and c.value == maker and c.origin != "mac" and not _kit(c, makers) for c in agree)
    ):
        own = makers.own_brand(maker)
        if own is not None and not makers.makers[maker].odm:
            slots["brand"], confidence["brand"] = own, round(confidence["maker"] * ASSUMED_BRAND, 4)
    file = makers.makers.get(maker) if maker else None
    if file is not None and file.usual_kind and "kind" not in slots and confidence["maker"] > MAC_ALONE:
        slots["kind"], confidence["kind"] = file.usual_kind, round(confidence["maker"] * ASSUMED_KIND, 4)
    of_cameras = file is not None and file.makes_cameras and any(m.kind == "camera" for m in file.models)
    # a maker's name in the server's header alone may be that of a server program
    besides = any(c.slot == "maker" and not ("/named-" in c.by and _kit_field(c)) for c in agree)
    if of_cameras and besides and "kind" not in slots and _streams(observations):
        slots["kind"], confidence["kind"] = "camera", STREAMING_KIND
    macs = tuple(
        sorted({o.mac for o in observations if o.mac} | {o.value for o in observations if o.field == "mac" and len(o.value) == 17})
    )
    return Identity(
        device=device,
        slots=slots,
        confidence=confidence,
        because=tuple(agree),
        disputed=tuple(disputed),
        addresses=tuple(sorted({o.address for o in observations if o.address}, key=_order)),
        macs=macs,
        site=min((o.site for o in observations if o.site), default=""),
        mac_registrant=next((r for mac in macs if (r := registrant(mac))), ""),
        unknown_fields=tuple(sorted({o.field for o in observations if not known(o.field)})),
        catalog=makers.digest,
    )


def _order(address: str) -> tuple[int, bytes, str]:
    from ipaddress import ip_address

    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return 9, b"", address
    return ip.version, ip.packed, address
