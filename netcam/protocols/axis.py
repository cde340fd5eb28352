"""Axis properties that are open without login (VAPIX basicdeviceinfo, getAllUnrestrictedProperties). A 401 ends it."""

from __future__ import annotations

import json
import re

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, jsontext, message
from netcam.protocols.commands import Exchange, Send, Target

PATH = "/axis-cgi/basicdeviceinfo.cgi"
FIELDS = frozenset({"axis."})
"""Fields that `properties` may yield; it is asked only where a device has shown itself to be of this maker."""

SENDS = f"POST {PATH} with getAllUnrestrictedProperties, without credentials, once"
SIGNS = re.compile(r"axis[_ -]|axis communications|/axis-cgi/|accc8e|b8a44f|00408c|e82725", re.IGNORECASE)
"""What a web server of this maker says before login: its realm, paths, certificate, or a serial number that is its MAC."""

_KEPT = (
    "Brand",
    "BuildDate",
    "HardwareID",
    "ProdFullName",
    "ProdNbr",
    "ProdShortName",
    "ProdType",
    "ProdVariant",
    "SerialNumber",
    "Version",
)


def request(target: Target) -> bytes:
    """The one question, without credentials."""
    body = json.dumps({"apiVersion": "1.0", "method": "getAllUnrestrictedProperties"}).encode("ascii")
    host = target.host if target.port in (80, 443) else f"{target.host}:{target.port}"
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (compatible; netcam)\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode("ascii") + body


def properties(target: Target) -> Exchange:
    """Ask once. Raises DecodeError where the answer is not HTTP or holds no properties, as a 401 or 404 does not."""
    yield Send(request(target))
    data = yield from message.receive(jsontext.MAX_BYTES)
    answer = message.parse(data)
    if answer.status != 200:
        raise DecodeError(f"status {answer.status}")
    return parse(answer.body)


def parse(body: bytes) -> list[Fact]:
    """Facts of the answer's body. Raises DecodeError."""
    found = jsontext.inner(jsontext.read(body), "data", "propertyList")
    facts = decoding.Facts()
    jsontext.members(facts, "axis.", {key: found[key] for key in _KEPT if key in found})
    if not facts.done():
        raise DecodeError("no properties of an Axis device")
    return facts.done()
