"""Sony device search (UDP 2380): the inquiry for everything and its answer. The verbs that set something have no encoder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding
from netcam.protocols.commands import Discovery, Question

PORT = 2380
MAX_UNITS = 64
"""`name:value` units of an answer: real ones have 17."""

_NAME = re.compile(r"[A-Z][A-Z0-9]{1,31}")


def search() -> bytes:
    """The inquiry: STX, text, unit separator, ETX."""
    return b"\x02ENQ:allinfo\xff\x03"


def questions(_nonce: str) -> Iterator[Question]:
    """The inquiry to broadcast; the answer comes to our own port. Whether a single address answers is not known."""
    yield Question(search(), "255.255.255.255", PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer, one per unit. Raises DecodeError for anything else, the inquiry included."""
    if data[:1] != b"\x02" or not data.rstrip(b"\x00").endswith(b"\x03"):
        raise DecodeError("no Sony message")
    facts = decoding.Facts()
    for unit in data[1:].rstrip(b"\x00")[:-1].split(b"\xff")[:MAX_UNITS]:
        name, _, value = decoding.decoded(unit).partition(":")
        if _NAME.fullmatch(name) and name not in ("ENQ", "INFO"):
            facts.add(f"sony.{name}", decoding.line(value, 255))
    found = facts.done()
    if not {fact.field for fact in found} & {"sony.MAC", "sony.MODEL", "sony.SERIAL"}:
        raise DecodeError("a Sony answer that names no device")
    return found


DISCOVERY = Discovery(
    name="sony",
    questions=questions,
    parse=parse,
    fields=frozenset({"sony."}),
    sends="ENQ:allinfo to UDP 2380, by broadcast",
    source="a published client with its test data (UniversalScanner); there is no open specification",
    mac_fields=("sony.MAC",),
)
