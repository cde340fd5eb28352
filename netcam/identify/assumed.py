"""What a device is taken for where nothing it says tells: the badge from its maker, the kind from what its maker makes.

Each is a share of the maker's confidence and gives way to any claim.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from netcam.catalog import naming
from netcam.catalog.makers import Makers
from netcam.identify.registrant import named_registrant, registrant
from netcam.model import CAMERA_KINDS, PUBLISHED, Claim, Observation

BRAND = 0.6
"""How far the maker's own name is taken for the badge where no badge was seen: most of what a maker sells carries its name."""
KIND = 0.6
"""How far the usual kind of a maker's products is taken for the kind of one that tells none."""
HOUSE = 0.8
"""How far the numbering of another house is taken for its badge on a device that somebody else is known to have built."""
STREAMING_KIND = 0.4
"""How far a device of a maker of cameras that speaks RTSP, and tells nothing else of its kind, is taken for a camera."""
MAC_ALONE = 0.5
"""A maker known by its MAC prefix alone never exceeds this."""
MANY_BADGES = 4
"""Badges of others in a maker's file from which its platform alone says nothing of the badge: below, they are lines that it took over."""
_RTSP_PORTS = frozenset({"554", "8554", "10554"})
_KIT = frozenset({"rtsp.server", "rtsp.public", "rtsp.raw"})
"""Fields of a streaming server, which tell who wrote it and not whose badge is on the device."""
_DIALECTS = frozenset({"rtsp", "sadp", "dhip", "dahua5050", "xm", "tvt", "port"})
"""Protocols that a firmware keeps behind everybody's badge, and ports."""

_EVERYBODYS = ("snmp.sysobjectid", "snmp.oid.", "http.path.")
"""Beginnings of fields in which a firmware tells its maker's number, and its programming interface answers, behind everybody's badge too."""


def kit_field(one: Claim) -> bool:
    """Whether a claim rests on a streaming server and its session descriptions alone."""
    return all(seen.field in _KIT or seen.field.startswith("rtsp.sdp.") for seen in one.because)


def _writer(one: Claim) -> bool:
    """Whether a claim rests on the name of a streaming server or of the tool that wrote a session description; a session's own name is the
    device's."""
    return kit_field(one) and not all(seen.field in ("rtsp.sdp.s", "rtsp.sdp.i") for seen in one.because)


def _kit(one: Claim, makers: Makers) -> bool:
    """Whether a claim rests on what a kit or a firmware keeps behind every badge: a streaming server, and where the maker is known to build
    for others its protocols, its enterprise number and its versions. A name or a model in the maker's own numbering is more than that."""
    if "/named-" in one.by:
        return False
    if kit_field(one):
        return True
    others = "/models-" not in one.by and makers.builds_for_others(one.value)
    if others and one.by in makers.by_id and makers.by_id[one.by][1].field == "any.firmware":
        return True
    return others and all(seen.field.startswith(_EVERYBODYS) or seen.field.partition(".")[0] in _DIALECTS for seen in one.because)


def _folded(name: str) -> str:
    return re.sub(r"\W+", "", name).casefold()


_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}(?![0-9a-f])", re.IGNORECASE)


def _company(seen: Observation) -> str:
    """Registrant that another program names, or that of the MAC that a value is or ends with, as realms, names and UUIDs do."""
    if seen.field == "oui":
        return named_registrant(seen.value)
    found = _MAC.findall(seen.value[:MAX_READ])
    digits = re.sub(r"[:-]", "", found[-1]).lower() if found else ""
    return registrant(":".join(digits[at : at + 2] for at in range(0, 12, 2)))


def brand(
    maker: str, sure: float, claims: Sequence[Claim], observations: Sequence[Observation], makers: Makers
) -> tuple[str, float] | None:
    """The badge of a device whose `maker` is known, at `sure`, and whose badge nothing tells; None where anybody's may be on it.

    A maker that builds for few puts its own name on what it makes, whatever sign shows it, its card alone where it has no lines with names
    of their own. One that builds for many is told by
    something of its own (a page, a name, its numbering), or by its platform on a card of its own. Another camera company's card under a
    platform is the card of the badge where the platform is known to be sold under it, and says that the badge is not the maker's own.
    One that builds nearly everything for others bears its own name where the model is numbered as its own retail goods are.
    """
    house = _house(maker, claims, makers)
    if house is not None:
        return house
    own = _own(maker, claims, makers)
    neutral = makers.cautions.neutral(observations)
    few, lines = makers.badges(maker) < MANY_BADGES, makers.lines(maker)
    if own is None:
        return None
    if makers.makers[maker].odm:
        retail = any(one.slot == "model" and makers.retail(maker, one.value) for one in claims)
        return (own, sure * BRAND) if retail and not neutral else None
    mine = [one for one in claims if one.slot == "maker" and one.value == maker]
    card = [one for one in claims if one.slot == "maker" and one.origin == "mac"]
    signs = [one for one in mine if one.origin != "mac"]
    if not signs:
        # an owner of other companies has cards of theirs, and puts their names on
        named = any(_folded(own) in _folded(_company(seen)) for one in card for seen in one.because)
        return (own, sure * BRAND) if few and not lines and named else None
    if lines and all(seen.field.startswith("port.") for one in signs for seen in one.because):
        return None  # its lines listen there as well
    of_its_own = any(one.value == maker for one in card)
    other = next((one.value for one in card if makers.makers[one.value].makes_cameras), None)
    if other is not None and not of_its_own and not few:
        name = makers.own_brand(other)
        return (name, sure * BRAND) if name is not None and makers.builds(maker, name) else None
    shown = any(not _kit(one, makers) for one in signs)
    return (own, sure * BRAND) if shown or few or (of_its_own and not neutral) else None


def _own(maker: str, claims: Iterable[Claim], makers: Makers) -> str | None:
    """The maker's own badge: the one of several that its software names, else the first."""
    file = makers.makers.get(maker)
    named = {naming.named(one.by) for one in claims if one.slot == "maker" and one.value == maker}
    told = (one.name for one in file.brands if one.own and naming.slug(one.name) in named) if file else ()
    return next(iter(told), None) or makers.own_brand(maker)


def _house(maker: str, claims: Iterable[Claim], makers: Makers) -> tuple[str, float] | None:
    """The badge of another house whose numbers or names a device of `maker` bears, where the maker is known to build for it."""
    others = [one for one in claims if one.slot == "maker" and one.value != maker and one.origin not in ("mac", PUBLISHED)]
    for one in sorted(others, key=lambda one: (-one.weight, one.value)):
        name = makers.own_brand(one.value)
        if name is not None and makers.builds(maker, name):
            return name, one.weight * HOUSE
    return None


_DESCRIBED = naming.DESCRIBED | {"upnp.model_name", "upnp.model_description", "upnp.model_number", "upnp.friendly_name", "mdns.name"}
_OTHER = re.compile(
    r"(?<!video )(?<!camera )(?<!web )\bserver\b|management|\bcontrol(?:ler|[ -]?cent(?:er|re))\b|software|"
    r"(?<!door )(?<!entry )(?<!call )\bstation\b|vms\b|access control|cloud ?key|\b(?:switch|router|gateway|access point|ups|nas|cent(?:er|re)|connector|bridge|hub)\b",
    re.IGNORECASE,
)
"""Words in which something describes itself that is not the usual product of a maker of cameras: its software, its switches."""
_PROGRAM = re.compile(
    r"\bcontrol cent(?:er|re)\b|camera station|security cent(?:er|re)|\bvms\b|management (?:server|cent(?:er|re)|station|client|software)",
    re.IGNORECASE,
)
"""Words in a page's title that it is a program's; cameras have pages of management as well."""
MAX_READ = 300
"""Characters of a description that are read for them."""


def _says_other(seen: Observation) -> bool:
    """Whether a device describes itself as something else than a maker of cameras mostly sells."""
    words = _OTHER if seen.field in _DESCRIBED else _PROGRAM if seen.field == "http.title" else None
    return words is not None and words.search(seen.value[:MAX_READ]) is not None


def _listens(observations: Iterable[Observation], ports: Collection[str]) -> bool:
    return any(one.field == "port.open" and one.value.partition("/")[0] in ports for one in observations)


def _streams(observations: Sequence[Observation]) -> bool:
    """Whether a device speaks RTSP."""
    return any(one.field.startswith("rtsp.") for one in observations) or _listens(observations, _RTSP_PORTS)


def kind(
    maker: str | None, sure: float, claims: Sequence[Claim], observations: Sequence[Observation], makers: Makers
) -> tuple[str, float] | None:
    """The kind of a device that tells none: the usual one of its maker's products, or what streams on a card or platform of a maker of
    cameras. A MAC prefix alone makes no kind."""
    file = makers.makers.get(maker) if maker else None
    if file is None:
        # the card of a badge under which cameras are sold
        badge = any(one.slot == "brand" and one.origin == "mac" for one in claims)
        return ("camera", STREAMING_KIND) if badge and _streams(observations) else None
    if any(_says_other(one) for one in observations):
        return None
    if _listens(observations, file.recorder_ports):
        return "recorder", STREAMING_KIND
    if file.usual_kind and sure > MAC_ALONE:
        return file.usual_kind, sure * KIND
    usual = file.usual_kind if file.usual_kind in CAMERA_KINDS or file.usual_kind == "intercom" else ""
    of_cameras = file.makes_cameras and (usual or any(one.kind == "camera" for one in file.models))
    # a maker's name in the server's header alone may be that of a server program
    besides = [one for one in claims if one.slot == "maker" and one.value == maker and not ("/named-" in one.by and _writer(one))]
    if not of_cameras or not besides:
        return None
    told = file.rtsp_tells or any(one.origin != "mac" for one in besides)
    return (usual or "camera", STREAMING_KIND) if _listens(observations, file.ports) or (told and _streams(observations)) else None
