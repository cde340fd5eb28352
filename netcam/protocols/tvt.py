"""TVT device search (MHED, UDP 23456): command 1 and its answer. Commands 3 to 18 change a device and have no encoder."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

GROUP = "234.55.55.55"
ANSWERS = "234.55.55.56"
PORT = 23456

_PASSWORD = (84, 112)
"""Where answers carry a password: never read, never kept."""
_LENGTHS = (140, 240)
"""Bytes of an answer of version 13 and of version 14."""


def search() -> bytes:
    """The search of 140 bytes: magic, version 0x00010008, command 1, zeros."""
    return struct.pack("<4sII", b"MHED", 0x00010008, 1) + bytes(128)


def questions(_nonce: str) -> Iterator[Question]:
    """The search to the group and to `{unicast}`; answers come to the second group, older ones to the first."""
    for host in (GROUP, "{unicast}"):
        yield Question(search(), host, PORT, bind_port=PORT, join=(GROUP, ANSWERS))


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer or announcement (command 2). Raises DecodeError for anything else, the search included."""
    if data[:4] != b"MHED" or len(data) not in _LENGTHS:
        raise DecodeError("no TVT message")
    if layout.number(data, 8, 4, little=True) != 2:
        raise DecodeError("a TVT message that answers no search")
    facts = decoding.Facts()
    facts.add("tvt.name", layout.string(data[12:32]))
    facts.add("tvt.mac", layout.mac(data[32:38]))
    facts.add("tvt.port", str(layout.number(data, 38, 2, little=True)))
    facts.add("tvt.ip", layout.ipv4(data[40:44]))
    facts.add("tvt.firmware", ".".join(map(str, data[52:56][::-1])) if any(data[52:56]) else "")
    build = layout.number(data, 56, 4, little=True)
    facts.add("tvt.build", str(build) if 19990101 <= build <= 21001231 else "")
    facts.add("tvt.http_port", str(layout.number(data, 60, 2, little=True)))
    facts.add("tvt.rtsp_port", str(layout.number(data, 62, 2, little=True)))
    # two sources give this number different meanings, so it stays a number
    facts.add("tvt.device_type", str(layout.number(data, 64, 4, little=True)))
    facts.add("tvt.product_type", str(layout.number(data, 68, 4, little=True)))
    if len(data) == 240:
        facts.add("tvt.version_text", layout.string(data[156:164]))
        facts.add("tvt.customer", layout.string(data[164:188]))
        facts.add("tvt.model", layout.string(data[196:212]))
        facts.add("tvt.manufacturer", layout.string(data[212:228]))
    return facts.done()


def redact(data: bytes) -> bytes:
    """An answer without the password."""
    return layout.blanked(data, _PASSWORD)


DISCOVERY = Discovery(
    name="tvt",
    questions=questions,
    parse=parse,
    fields=frozenset({"tvt."}),
    sends="the search (command 1) to UDP 23456, by group 234.55.55.55 and single addresses",
    source="a published vendor header and an independent protocol description; there is no open specification",
    mac_fields=("tvt.mac",),
    redact=redact,
)
