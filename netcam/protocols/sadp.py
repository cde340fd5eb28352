"""Hikvision SADP over UDP: the inquiry and its answers. No other verb of the protocol has an encoder, most of them change a device."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, markup
from netcam.protocols.commands import Discovery, Question

GROUP = "239.255.255.250"
PORT = 37020
MAX_ELEMENTS = 150
"""Elements of an answer that are kept: real answers have under 80."""

_TYPES = ("inquiry", "inquiry_v32")
_ANSWERS = ("inquiry", "inquiry_v32", "hello")
_NOT_KEPT = frozenset({"Uuid", "Types", "Salt", "SafeCode"})
"""Echo of the question, and what serves account recovery: never stored."""
_SECRET = re.compile(rb"<(Salt|SafeCode)>[^<]{0,4096}", re.IGNORECASE)
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def inquiry(nonce: str, types: str = "inquiry") -> bytes:
    """One inquiry. Raises ValueError for any other verb."""
    if types not in _TYPES:
        raise ValueError(f"SADP verb {types!r} is not an inquiry")
    number = str(uuid.UUID(nonce)).upper()
    return f'<?xml version="1.0" encoding="utf-8"?><Probe><Uuid>{number}</Uuid><Types>{types}</Types></Probe>'.encode("ascii")


def questions(nonce: str) -> Iterator[Question]:
    """Both inquiries to the group, to broadcast and to `{unicast}`; answers come to us or to the group's port."""
    for host in (GROUP, "255.255.255.255", "{unicast}"):
        for types in _TYPES:
            yield Question(inquiry(nonce, types), host, PORT, join=(GROUP,), listen_port=PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of a ProbeMatch or Hello, one per element. Raises DecodeError for anything else, inquiries included."""
    document = markup.read(data)
    root = document.root
    if root.name not in ("ProbeMatch", "Hello"):
        raise DecodeError("no SADP answer")
    types = root.value("Types").lower()
    if types and types not in _ANSWERS:
        raise DecodeError("a SADP message that answers no inquiry")
    facts = decoding.Facts()
    for element in root.children[:MAX_ELEMENTS]:
        if element.children or element.name in _NOT_KEPT or not _TAG.fullmatch(element.name):
            continue
        value = decoding.line(element.text, 512)
        facts.add(f"sadp.{element.name}", "false" if value.lower() == "flase" else value)
    found = facts.done()
    if not {fact.field for fact in found} & {"sadp.DeviceSN", "sadp.DeviceDescription", "sadp.DeviceType", "sadp.MAC"}:
        raise DecodeError("a SADP answer that names no device")
    return found


def redact(data: bytes) -> bytes:
    """An answer without the elements that serve account recovery."""
    return _SECRET.sub(rb"<\1>", data)


DISCOVERY = Discovery(
    name="sadp",
    questions=questions,
    parse=parse,
    fields=frozenset({"sadp."}),
    sends="inquiry and inquiry_v32 to UDP 37020, by group, broadcast and single addresses",
    source="published captures and clients of the Search Active Device Protocol; there is no open specification",
    mac_fields=("sadp.MAC", "sadp.WifiMAC"),
    redact=redact,
)
