"""What stands directly beside a name or a model in one text: a number behind a maker's name is the model, a version behind a model the firmware.

Texts that a firmware writes name the product so (`MOBOTIX M16B`, `FD8169A, firmware 0100a`), whether or not a numbering scheme is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from netcam.catalog import naming
from netcam.catalog.makers import Makers
from netcam.identify.pattern import FLAGS
from netcam.model import Claim, Observation

MODEL, FIRMWARE, THING = 0.5, 0.55, 0.4
"""Weights: the place in the text tells what it is, and nothing else does."""
MAX_TEXT = 300
"""Characters of a text that are looked at: a name and its number stand near its beginning."""
MAX_TEXTS = 20
"""Texts of a device that are looked at for one slot; a real one has a few."""

_CALLED_IN = frozenset({"http.title", "http.realm", "rtsp.realm"})
CALLED = "what it calls itself"
"""What a claim of a model is made by that no fingerprint made."""
_WRITTEN = frozenset(
    {
        "http.title", "http.realm", "http.heading", "http.server", "http.meta.description", "http.meta.application-name", "rtsp.realm",
        "rtsp.server", "rtsp.sdp.s", "rtsp.sdp.i", "upnp.friendly_name", "upnp.model_name", "upnp.model_description", "onvif.scope.name",
        "snmp.sysdescr", "lldp.system_description", "ftp.banner", "telnet.banner", "sip.user_agent", "sip.server", "mdns.name", "tls.subject",
    }
)  # fmt: skip
"""Fields of running text that a firmware fills: names of makers and models stand there as it writes them."""
_GAP = re.compile(r"[ _:-]{1,3}")
_THING = re.compile(
    r"(?:(?:Network |IP |Dome |Bullet |PTZ |Mini |Fixed )?(?:Camera|Dome|NVR|DVR|Recorder|Encoder|Video Server|Intercom)[ :_-]{1,3})?"
    r"(?:[Mm]odel[ :]{1,3})?"
)
"""What stands between a name and a number, and words for the thing that may stand there too."""
_NUMBER = re.compile(
    r"(?P<model>(?=[A-Z0-9/-]{0,16}\d[A-Z0-9/-]{0,8}\d)[A-Z][A-Za-z]{0,5}-?[A-Z0-9][A-Z0-9]{1,12}(?:[-/][A-Z0-9]{1,8}){0,4}[a-z]?)(?![\w./-]{1,3}\w)"
)
"""A number behind a name: written in capitals, with two digits at least."""
_NO_NUMBER = re.compile(
    r"(?:CAM|CAMERA|CH|CHANNEL|IPC?|IPCAM|NVR|DVR|XVR|ROOM|FLOOR|LOBBY|GATE|DOOR|UNIT|SITE|ZONE|HALL|PORT|NO|ID|VER|REV|V|R|SN|FW|HW|PTZ|PROFILE|STREAM|"
    r"H|MPEG|MP|HTTP|UTF|ISO|SHA|MD|WPA|WIFI|IEEE|RFC|CVE|G|P|W|HD|FHD|UHD|QHD|USB|POE|LAN|TCP|UDP|RTSP|RTP|SSL|TLS|WIN|PRO|X)-?\d{1,8}[A-Z]?"
    r"|[0-9A-F]{6,32}|[A-Z]-?\d{6,}|\d+[A-Z]?"
)
"""What is written like a model and is a place, a codec, a port, a serial number or a MAC."""
_VERSION = re.compile(
    r"[ ,;:(_/-]{1,3}(?P<word>(?:firmware|fw|f/w|software|sw)(?:[ _-]?(?:version|ver\.?|rev(?:ision)?\.?|build))?[ :=]{0,3}|"
    r"ver(?:sion)?\.?[ :]{0,2}|build[ :]{1,2})?(?P<version>v?\d{1,4}(?:\.\d{1,10}){1,6}(?:\.[A-Z]{1,3})?(?:\.\d{1,3})?[a-z]?(?:,? ?build[ _]?\d{6,8})?)"
    r"(?![\w.]*\w)",
    re.IGNORECASE,
)
"""A version behind a model."""
_ADDRESS = re.compile(r"(?:1?\d?\d|2[0-4]\d|25[0-5])(?:\.(?:1?\d?\d|2[0-4]\d|25[0-5])){3}")

_PROGRAMS = ("sip.", "http.server", "rtsp.server")
"""Beginnings of fields in which a program gives its name and version, and no address."""
_YEAR = re.compile(r"\d{4}\.")
_BEHIND = re.compile(
    r"(?:/v?\d{1,3}(?:\.\w{1,10}){2,6}|[ _/-]v\d{1,3}(?:\.\d{1,10}){2,6}(?:\.\w{1,4}){0,2})(?:,? build[ _]?\d{6,8})?\Z"
    r"|[ ,;:(/]{1,3}(?:firmware|f/?w|software|s/w|serial|s/?n|ver(?:sion)?)(?!\w).{0,200}\Z",
    re.IGNORECASE,
)
"""A version, or words that announce one or a serial number, behind a model."""


_CATEGORY = re.compile(
    r"(?:\d{1,3}[ -]?ch(?:annels?)?[ -]?)?(?:(?:embedded|net(?:work)?|digital|ip|hd|hybrid|turbo|video|smart|ptz|speed|dome|bullet|fixed|mini)[ _-]?){0,4}"
    r"(?:camera|recorder|nvr|dvr|xvr|hvr|dvs|ipc|dome|bullet|encoder|decoder|server|device)s?",
    re.IGNORECASE,
)
"""Words for a kind of thing, which some devices give as their model."""


def bare(model: str) -> str:
    """A model without the version and the serial number that a text has behind it; empty for words that only say what kind of thing it is."""
    if _CATEGORY.fullmatch(model):
        return ""
    behind = _BEHIND.search(model, 1)
    return model[: behind.start()] if behind is not None else model


@lru_cache(maxsize=2048)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, FLAGS)


def models(names: Sequence[Claim], makers: Makers) -> Iterator[Claim]:
    """The model of a device whose badges are `names`, where a number stands directly behind one."""
    for claim, text in _texts(names):
        if "/named-" not in claim.by or claim.by not in makers.by_id:
            continue
        name = _expression(makers.by_id[claim.by][1].match).search(text)
        gap = _GAP.match(text, name.end()) if name is not None else None
        if gap is None:
            continue
        maker = makers.by_id[claim.by][0].maker
        thing = _THING.match(text, gap.end())
        start = thing.end() if thing is not None else gap.end()
        told = makers.number_at(maker, text, gap.end()) or makers.number_at(maker, text, start)
        if told is None and (found := _NUMBER.match(text, start)) and not _NO_NUMBER.fullmatch(found["model"]):
            told = found["model"]
        if told is not None:
            yield Claim(slot="model", value=told, weight=MODEL, by=claim.by, origin=claim.origin, because=claim.because[:1])


_CALLED = re.compile(
    _NUMBER.pattern.removesuffix(r"(?![\w./-]{1,3}\w)")
    + r"[ _-]{1,3}(?:(?:SIP|IP|Network|Video|Internet|Dome|PTZ|HD|Wireless|Outdoor|Indoor)[ _-]){0,3}"
    r"(?:Door[ _-]?(?:Station|Phone)|Camera|IPCam|Video Recorder|Video Server|Encoder|NVR|DVR|Intercom)\b"
)
"""A number that a page or a challenge begins with, and the thing it is the number of."""


def things(observations: Sequence[Observation]) -> Iterator[Claim]:
    """The model of a device whose page or challenge begins `DS07P-LP SIP Door Station`, whoever made it."""
    for seen in observations:
        found = _CALLED.match(seen.value[:MAX_TEXT]) if seen.field in _CALLED_IN else None
        if found is not None and not _NO_NUMBER.fullmatch(found["model"]):
            yield Claim(slot="model", value=found["model"], weight=THING, by=CALLED, origin="http", because=(seen,))


def firmware(told: Sequence[Claim]) -> Iterator[Claim]:
    """The firmware of a device whose models are `told`, where a version stands directly behind one."""
    for claim, text in _texts(told):
        start = text.find(claim.value)
        found = _VERSION.match(text, start + len(claim.value)) if start >= 0 else None
        if found is None:
            continue
        version = found["version"]
        # one point may be a lens, four numbers an address, four digits a year
        if not found["word"] and (version.count(".") < 2 or _YEAR.match(version)):
            continue
        if not found["word"] and _ADDRESS.fullmatch(version) and not claim.because[0].field.startswith(_PROGRAMS):
            continue
        yield Claim(slot="firmware", value=version, weight=FIRMWARE, by=claim.by, origin=claim.origin, because=claim.because[:1])


def _texts(claims: Sequence[Claim]) -> Iterator[tuple[Claim, str]]:
    """Claims that rest on a text that the firmware wrote or on a field of models, each with that text."""
    left = MAX_TEXTS
    for claim in claims:
        seen = claim.because[0]
        if left and (seen.field in _WRITTEN or (claim.slot == "model" and "any.model" in naming.classes(seen.field))):
            left -= 1
            yield claim, seen.value[:MAX_TEXT]
