"""What an observation holds of other fields: the title and copyright line of a page, a header under its name, a MAC used as realm or in a UUID.

netcam's own scan tells these apart; lists that others made often keep them together. A claim from what is implied rests on the
observation that was made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

from netcam.errors import DecodeError
from netcam.identify import headers, page, properties
from netcam.identify.registrant import registrant
from netcam.model import Fact, Observation
from netcam.protocols import http, markup, message, rtsp

MAX_READ = 65_536
"""Characters of a page or answer that are read again: a title stands in the head of a page, and no header field behind the first 64 KiB."""

MAX_COPYRIGHTS = 4
"""Copyright lines of a page that are read: the maker's and those of the libraries it uses."""


def _title(value: str) -> list[Fact]:
    return [Fact("http.title", markup.title(value[:MAX_READ]))] if any(tag in value for tag in ("<title", "<TITLE", "<Title")) else []


_COPYRIGHT = re.compile(
    r"(?:copyright|&copy;|©|\(c\)(?=[ \t]{0,3}(?:19|20)\d\d))(?:[ \t]|&nbsp;|&copy;|©|\(c\)|copyright|by\b|[-,0-9]){1,40}([A-Za-z][^<>\r\n\"';]{1,60})",
    re.IGNORECASE,
)
_COPYRIGHT_BEHIND = re.compile(
    r"(?<![\w.])(?!Copyright\b)([A-Z][A-Za-z0-9&.-]{1,30}(?:,? [A-Z][A-Za-z0-9&.]{1,30}){0,4})\s{0,3}(?:\(c\)|&copy;|©)\s{0,3}(?:19|20)\d\d"
)
_POWERED = re.compile(
    r"(?:powered|developed|manufactured|made|produced) by(?:[ \t]|&nbsp;|:){1,5}(?:<a [^<>]{0,300}>)?([A-Za-z][^<>\r\n\"';]{1,60})",
    re.IGNORECASE,
)


def _copyright(value: str) -> list[Fact]:
    """Who a page says holds its copyright: the maker of the firmware, whatever badge is on the product."""
    text = value[:MAX_READ]
    lines = (found for one in (_COPYRIGHT, _COPYRIGHT_BEHIND, _POWERED) for found in islice(one.finditer(text), MAX_COPYRIGHTS))
    return [Fact("http.copyright", " ".join(found[1].split())) for found in lines]


_MAC = re.compile(r"\A[0-9A-Fa-f]{2}(?:([:-]?)[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}\Z")


def _mac(value: str) -> list[Fact]:
    """A realm or a member of an answer that is the device's own MAC (universal and of one station); it says what a MAC says and no more."""
    if _MAC.match(value) is None or int(value[:2], 16) & 3:
        return []
    digits = re.sub(r"[:-]", "", value).lower()
    return [Fact("mac", ":".join(digits[at : at + 2] for at in range(0, 12, 2)))]


def _serial(value: str) -> list[Fact]:
    """A serial number that is the MAC; one of digits alone may be a date or a count."""
    return _mac(value) if len(value) == 12 and not value.isdigit() else []


_NAMED = re.compile(r"(?:\A|[-_ .(])([0-9A-F]{12}|[0-9a-f]{12})(?:\.local)?\)?\Z")


def _named(value: str) -> list[Fact]:
    """The MAC that a factory name ends with (`ipcamera_00626E55A1B2`)."""
    found = _NAMED.search(value[-64:])
    return _serial(found[1]) if found else []


def _client(value: str) -> list[Fact]:
    """A DHCP client identifier of type Ethernet (RFC 2132 section 9.14)."""
    return _mac(value[2:]) if len(value) == 14 and value.startswith("01") else []


_NODE = re.compile(
    r"(?:\A|uuid:)[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-([0-9A-Fa-f])[0-9A-Fa-f]{3}-[0-9A-Fa-f]{4}-((?:[0-9A-Fa-f]{2}[:-]?){6})(?<![:-])(?![0-9A-Za-z])"
)


def _node(value: str) -> list[Fact]:
    """The MAC at the end of a UUID, which many firmwares make their device's name of.

    In a time-based one a random node, which is no MAC, has its multicast bit set (RFC 9562 sections 5.1 and 6.10); a random one (version
    4) ends in none; what is neither is mostly a constant with the MAC behind it, where its prefix is registered.
    """
    found = _NODE.match(value.strip().removeprefix("urn:"))
    told = _mac(found[2]) if found else []
    return told if found and (found[1] == "1" or (told and found[1] != "4" and registrant(told[0].value))) else []


def _cookie(value: str) -> list[Fact]:
    return [Fact("http.cookie", value.partition("=")[0].strip())] if "=" in value else []


def _answer(parse: Callable[[bytes], list[Fact]]) -> Callable[[str], list[Fact]]:
    def read(value: str) -> list[Fact]:
        try:
            return parse(value[:MAX_READ].encode("utf-8", "replace"))
        except DecodeError:
            return []

    return read


def _same(field: str) -> Callable[[str], list[Fact]]:
    return lambda value: [Fact(field, value)]


def _realms(field: str) -> Callable[[str], list[Fact]]:
    return lambda value: [Fact(field, realm) for realm in message.challenge_realms(value[:MAX_READ])]


OWN_MACS = (
    "sadp.MAC", "sadp.WifiMAC", "dhip.mac", "dahua5050.mac", "xm.MAC", "tvt.mac", "hanwha.mac", "vivotek.mac", "foscam.mac",
    "panasonic.mac", "sony.MAC", "bosch.mac", "bosch.physAddress", "ubiquiti.mac", "reolink.mac", "tplink.mac", "tplink.mic_mac",
    "gvcp.mac", "onvif.scope.mac", "onvif.scope.macaddress", "onvif.scope.macaddr", "onvif.interface.mac", "mdns.txt.mac",
    "mdns.txt.macaddress", "mdns.txt.macaddr", "lldp.chassis",
)  # fmt: skip
"""Fields in which a device tells its own MAC; a test holds that those that the searches declare are among them."""

_PROPERTIES = ("http.property.model", lambda value: list(properties.told(value)))
_VERSION = ("http.property.version", lambda value: list(properties.version(value)))

_HOLDS: Mapping[str, tuple[tuple[str, Callable[[str], list[Fact]]], ...]] = MappingProxyType(
    {
        "http.body": (
            ("http.title", _title),
            ("http.copyright", _copyright),
            ("http.link", lambda value: list(page.said(value))),
            _PROPERTIES,
            _VERSION,
        ),
        "http.path.": (_PROPERTIES, _VERSION),
        "http.realm": (("mac", _mac),),
        "rtsp.realm": (("mac", _mac),),
        **dict.fromkeys(OWN_MACS, (("mac", _mac),)),
        **dict.fromkeys(("hostname", "dhcp.hostname", "mdns.host", "mdns.name", "upnp.friendly_name"), (("mac", _named),)),
        "onvif.serial": (("mac", _serial),),
        "upnp.serial": (("mac", _serial),),
        "dhcp.client_id": (("mac", _client),),
        "onvif.uuid": (("mac", _node),),
        "onvif.hardware": (("mac", _node),),
        "ssdp.usn": (("mac", _node),),
        "http.header.server": (("http.server", _same("http.server")),),
        "http.header.location": (("http.location", _same("http.location")),),
        "http.header.www-authenticate": (("http.realm", _realms("http.realm")),),
        "http.header.set-cookie": (("http.cookie", _cookie),),
        "http.raw": (("http.status", _answer(http.parse_response)),),
        "rtsp.header.server": (("rtsp.server", _same("rtsp.server")),),
        "rtsp.header.www-authenticate": (("rtsp.realm", _realms("rtsp.realm")),),
        "rtsp.header.public": (("rtsp.public", _same("rtsp.public")),),
        "rtsp.raw": (("rtsp.status", _answer(rtsp.parse)),),
    }
)
"""Field -> the field whose presence shows that the facts were told apart already, and how the facts that a value holds besides are read."""


def implied(observations: Sequence[Observation]) -> dict[Observation, Observation]:
    """Observation that one device's observations imply and do not hold themselves -> the one that implies it."""
    own = list(headers.told(observations))
    holding = [one for one in observations if one.field in _HOLDS or one.field.startswith("http.path.")]
    if not holding and not own:
        return {}
    told = {one.field for one in observations}
    readers = [(one, read) for one in holding for field, read in _HOLDS.get(one.field, _HOLDS["http.path."]) if field not in told]
    facts = [*((one, fact) for one, read in readers for fact in read(one.value) if fact.value), *own]
    known: set[tuple[str, str]] = set()
    found: dict[Observation, Observation] = {}
    for one, fact in facts:
        if (fact.field, fact.value) not in known:
            known.add((fact.field, fact.value))
            found[replace(one, field=fact.field, value=fact.value)] = one
    return found
