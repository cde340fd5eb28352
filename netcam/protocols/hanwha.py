"""Hanwha (Samsung Wisenet) device search (UDP 7701, answers on 7711)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

PORT = 7701
ANSWER_PORT = 7711

_LEAST = 0x85 + 39


def search() -> bytes:
    """The search of 262 bytes: type 1, zeros."""
    return b"\x01" + bytes(261)


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast. Whether a single address answers is not known."""
    yield Question(search(), "255.255.255.255", PORT, listen_port=ANSWER_PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer (type 0x0b). Raises DecodeError for anything else."""
    if data[:1] != b"\x0b" or len(data) < _LEAST:
        raise DecodeError("no Hanwha answer")
    facts = decoding.Facts()
    facts.add("hanwha.mac", layout.string(data[0x13 : 0x13 + 18]))
    facts.add("hanwha.ip", layout.string(data[0x25 : 0x25 + 16]))
    facts.add("hanwha.model", layout.string(data[0x6D : 0x6D + 10]))
    facts.add("hanwha.url", layout.string(data[0x85 : 0x85 + 39]))
    found = facts.done()
    if not {fact.field for fact in found} & {"hanwha.mac", "hanwha.model"}:
        raise DecodeError("a Hanwha answer that names no device")
    return found


DISCOVERY = Discovery(
    name="hanwha",
    questions=questions,
    parse=parse,
    fields=frozenset({"hanwha."}),
    sends="the search of 262 bytes to UDP 7701, by broadcast",
    source="a published client with its test data (UniversalScanner); there is no open specification",
    mac_fields=("hanwha.mac",),
)
