"""Vivotek device search (UDP 10000): a header, answered by tagged elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

PORT = 10000

_MAGIC = bytes.fromhex("4a5d8f1c")
_END, _LONG, _MAC, _IPV4, _BARE, _PORT, _SHORT = 0, 1, 2, 3, 4, 6, 9


def search(session: int = 2) -> bytes:
    """The search: a session number of one byte and the magic."""
    return bytes([session & 0xFF]) + _MAGIC


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast; the answer comes to our own port. Whether a single address answers is not known."""
    yield Question(search(), "255.255.255.255", PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer. Raises DecodeError for anything else, the search included."""
    if data[1:5] != _MAGIC or len(data) < 7:
        raise DecodeError("no Vivotek answer")
    facts = decoding.Facts()
    at = 5
    for _ in range(layout.MAX_ELEMENTS):
        if at >= len(data) or data[at] == _END:
            break
        kind = data[at]
        size = layout.number(data, at + 1, 1)
        if kind == _BARE:
            # this one has no length: the byte after its type is its value
            at += 2
            continue
        value = layout.part(data, at + 2, size)
        at += 2 + size
        if kind == _LONG:
            facts.add("vivotek.name", layout.string(value))
        elif kind == _MAC:
            facts.add("vivotek.mac", layout.mac(value))
        elif kind == _IPV4:
            facts.add("vivotek.ip", layout.ipv4(value))
        elif kind == _PORT and size == 2:
            facts.add("vivotek.port", str(int.from_bytes(value, "little")))
        elif kind == _SHORT:
            facts.add("vivotek.model", layout.string(value))
    found = facts.done()
    if not found:
        raise DecodeError("a Vivotek answer that names no device")
    return found


DISCOVERY = Discovery(
    name="vivotek",
    questions=questions,
    parse=parse,
    fields=frozenset({"vivotek."}),
    sends="the search of 5 bytes to UDP 10000, by broadcast",
    source="a published client with a sample answer (UniversalScanner); there is no open specification",
    mac_fields=("vivotek.mac",),
)
