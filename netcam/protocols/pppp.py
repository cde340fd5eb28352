"""PPPP search (UDP 32108), which cameras of many cloud platforms answer. Answering it back would start a session; no encoder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import layout
from netcam.protocols.commands import Discovery, Question

PORT = 32108

_SEARCH = bytes.fromhex("f1300000")
_IDENTIFIER = (12, 24)
"""Number and suffix, which with the prefix connect anybody to the device: never kept."""
_PREFIX = re.compile(r"[A-Z0-9]{3,8}")


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast and to `{unicast}`."""
    for host in ("255.255.255.255", "{unicast}"):
        yield Question(_SEARCH, host, PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """The platform's prefix. Raises DecodeError for anything but an answer to the search."""
    if len(data) < 24 or data[:1] != b"\xf1" or data[1] not in (0x41, 0x42) or data[2:4] != b"\x00\x14":
        raise DecodeError("no answer to a PPPP search")
    prefix = layout.string(data[4:12])
    if not _PREFIX.fullmatch(prefix):
        raise DecodeError("a PPPP answer without a prefix")
    return [Fact("pppp.prefix", prefix)]


def redact(data: bytes) -> bytes:
    """An answer without the device's own part of the identifier."""
    return layout.blanked(data, _IDENTIFIER)


DISCOVERY = Discovery(
    name="pppp",
    questions=questions,
    parse=parse,
    fields=frozenset({"pppp."}),
    sends="the search of 4 bytes to UDP 32108, by broadcast and single addresses",
    profiles=frozenset({"standard", "deep"}),
    source="published clients (pmarrapese/iot, cam-reverse, lib32100); there is no open specification",
    redact=redact,
)
