"""SSDP searches and announcements, and the UPnP device description they point to (UPnP Device Architecture 1.1, sections 1 and 2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, http, markup, message
from netcam.protocols.commands import Discovery, Exchange, Question, Send, Target

GROUP = "239.255.255.250"
GROUP_V6 = "ff02::c"
PORT = 1900
MAX_DEVICES = 8
"""Devices embedded in one description: a gateway has four, a camera one."""

TARGETS = (
    "upnp:rootdevice",
    "ssdp:all",
    "urn:axis-com:service:BasicService:1",
    "urn:schemas-upnp-org:device:DigitalSecurityCamera:1",
    "urn:schemas-upnp-org:device:EmbeddedNetDevice:1",
    "urn:schemas-upnp-org:service:EmbeddedNetDeviceControl:1",
    "urn:schemas-upnp-org:device:nvcdevice",
)
"""Search targets, each asked in a datagram of its own."""

_START = re.compile(rb"(HTTP/1\.\d[ \t]+200\b|NOTIFY[ \t]+\*[ \t]+HTTP/1\.\d)", re.IGNORECASE)
_DESCRIPTION = {
    "manufacturer": "upnp.manufacturer",
    "manufacturerURL": "upnp.manufacturer_url",
    "modelURL": "upnp.model_url",
    "modelName": "upnp.model_name",
    "modelNumber": "upnp.model_number",
    "modelDescription": "upnp.model_description",
    "friendlyName": "upnp.friendly_name",
    "deviceType": "upnp.device_type",
    "serialNumber": "upnp.serial",
    "firmwareVersion": "upnp.firmware",
    "softwareVersion": "upnp.firmware",
}


_RESULT = {
    "devName": "upnp.friendly_name",
    "productModel": "upnp.model_name",
    "productSeries": "upnp.model_description",
    "softwareVer": "upnp.firmware",
}
"""Elements of the multicastSearchResult that TVT devices put into their answer instead of pointing to a description."""


def search(target: str, host: str = GROUP) -> bytes:
    """An M-SEARCH for one target; MX bounds by how many seconds a device may delay its answer."""
    lines = ("M-SEARCH * HTTP/1.1", f"HOST: {host}:{PORT}", 'MAN: "ssdp:discover"', "MX: 2", f"ST: {target}", "", "")
    return "\r\n".join(lines).encode("ascii")


def questions(_nonce: str) -> Iterator[Question]:
    """Every target to the IPv4 group; root devices only to the IPv6 group and to `{unicast}`."""
    for target in TARGETS:
        yield Question(search(target), GROUP, PORT, join=(GROUP,), listen_port=PORT)
    yield Question(search(TARGETS[0], f"[{GROUP_V6}]"), GROUP_V6, PORT)
    yield Question(search(TARGETS[0]), "{unicast}", PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer to a search or of a NOTIFY. Raises DecodeError for anything else, searches included."""
    if not _START.match(data):
        raise DecodeError("no SSDP answer")
    head = re.split(rb"\r?\n\r?\n", data[: message.MAX_HEAD], maxsplit=1)[0]
    facts = decoding.Facts()
    for name, value in message.fields(re.split(rb"\r\n|\n|\r", head)[1:]):
        if name in ("server", "usn", "location"):
            facts.add(f"ssdp.{name}", value)
        elif name in ("st", "nt"):
            facts.add("ssdp.st", value)
    start = data.find(b"<multicastSearchResult", 0, message.MAX_HEAD)
    if start >= 0:
        facts.extend(_search_result(data[start:]))
    found = facts.done()
    if not found:
        raise DecodeError("an SSDP answer that says nothing")
    return found


def _search_result(data: bytes) -> list[Fact]:
    """Facts of a multicastSearchResult; one that cannot be read has none, since the header fields stand by themselves."""
    facts = decoding.Facts()
    try:
        document = markup.read(data)
    except DecodeError:
        return []
    for name, field in _RESULT.items():
        facts.add(field, decoding.line(document.root.value(name), 512))
    mac = decoding.line(document.root.value("macAddr"), 32).lower().replace("-", ":")
    if re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", mac):
        facts.add("mac", mac)
    return facts.done()


def parse_description(data: bytes) -> list[Fact]:
    """Facts of a UPnP device description. Raises DecodeError."""
    document = markup.read(data)
    devices = [document.root] if document.lenient else list(document.root.every("device"))[:MAX_DEVICES]
    facts = decoding.Facts()
    for device in devices:
        for child in device.children:
            if not child.children and child.name in _DESCRIPTION:
                facts.add(_DESCRIPTION[child.name], decoding.line(child.text, 512))
    found = facts.done()
    if not found:
        raise DecodeError("no UPnP device description")
    return found


def describe(target: Target, path: str) -> Exchange:
    """GET a description and read it (UPnP Device Architecture 1.1, section 2.11)."""
    yield Send(http.request(target, path))
    data = yield from message.receive()
    return parse_description(message.parse(data).body)


DESCRIPTION_FIELDS = frozenset(_DESCRIPTION.values())
"""Fields that `parse_description` may yield."""

DISCOVERY = Discovery(
    name="ssdp",
    questions=questions,
    parse=parse,
    fields=frozenset({"ssdp.server", "ssdp.st", "ssdp.usn", "ssdp.location", "mac", *_RESULT.values()}),
    sends="M-SEARCH for root devices and the device types of cameras, to the groups and to single addresses",
    source="UPnP Device Architecture 1.1 sections 1.2 and 1.3",
    mac_fields=("mac",),
)
