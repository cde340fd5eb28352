"""Reolink device search (UDP 2000, answers on 3000). The messages of UDP 2015 and 2018 start a session and have no encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

PORT = 2000
ANSWER_PORT = 3000

_SEARCH = bytes.fromhex("aaaa0000")
_LENGTH = 388
_UID = (228, 260)
"""The id under which the maker's cloud connects anybody to the device: never read, never kept."""


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast; the answer comes to another port. Whether a single address answers is not known."""
    yield Question(_SEARCH, "255.255.255.255", PORT, listen_port=ANSWER_PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer, which echoes the search at a fixed place. Raises DecodeError for anything else."""
    if len(data) != _LENGTH or data[104:108] != _SEARCH:
        raise DecodeError("no Reolink answer")
    facts = decoding.Facts()
    facts.add("reolink.identifier", layout.string(data[58:76]))
    facts.add("reolink.mac", layout.mac(data[80:86]))
    facts.add("reolink.ip", layout.string(data[108:128]))
    facts.add("reolink.name", layout.string(data[132:164]))
    found = facts.done()
    if not found:
        raise DecodeError("a Reolink answer that names no device")
    return found


def redact(data: bytes) -> bytes:
    """An answer without the cloud id."""
    return layout.blanked(data, _UID)


DISCOVERY = Discovery(
    name="reolink",
    questions=questions,
    parse=parse,
    fields=frozenset({"reolink."}),
    sends="the search of 4 bytes to UDP 2000, by broadcast",
    source="published clients and the dissector notes of neolink; there is no open specification",
    mac_fields=("reolink.mac",),
    redact=redact,
)
