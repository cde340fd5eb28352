"""Dahua device search (DHIP over UDP 37810): the search and its answers. No other method of the channel has an encoder."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, jsontext
from netcam.protocols.commands import Discovery, Question

GROUP = "239.255.255.251"
PORT = 37810
MAX_BODY = 16_384
"""Bytes of the JSON body: real answers are under 1 kB."""
MAX_MEMBERS = 150
"""Members that are kept: real answers have under 40."""

_HEADER = struct.Struct("<I4s6I")
_SEARCH = b'{ "method" : "DHDiscover.search", "params" : { "mac" : "", "uni" : 1 } }\n'
_NOT_KEPT = frozenset({"random", "method", "params"})


def search() -> bytes:
    """The search: header of 32 bytes with the body's length twice, little endian, then the body."""
    return _HEADER.pack(32, b"DHIP", 0, 0, len(_SEARCH), 0, len(_SEARCH), 0) + _SEARCH


def questions(_nonce: str) -> Iterator[Question]:
    """The search to the group, to broadcast and to `{unicast}`."""
    for host in (GROUP, "255.255.255.255", "{unicast}"):
        yield Question(search(), host, PORT, join=(GROUP,))


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of client.notifyDevInfo: top members and those of deviceInfo by name, nested ones joined by a dot.

    Raises DecodeError for anything else, the search included.
    """
    if len(data) < _HEADER.size:
        raise DecodeError("shorter than a DHIP header")
    size, magic, _, _, length, _, again, _ = _HEADER.unpack_from(data)
    if size != _HEADER.size or magic != b"DHIP":
        raise DecodeError("no DHIP header")
    if length != again or length > len(data) - _HEADER.size or length > MAX_BODY:
        raise DecodeError("DHIP lengths that do not agree")
    answer = jsontext.read(data[_HEADER.size : _HEADER.size + length])
    params = answer.get("params")
    if not isinstance(params, dict) or answer.get("method") != "client.notifyDevInfo":
        raise DecodeError("no DHIP device information")
    info = params.get("deviceInfo")
    facts = decoding.Facts()
    jsontext.members(facts, "dhip.", answer, _NOT_KEPT)
    jsontext.members(facts, "dhip.", info if isinstance(info, dict) else {})
    found = facts.done()[:MAX_MEMBERS]
    if not found:
        raise DecodeError("a DHIP answer that names no device")
    return found


DISCOVERY = Discovery(
    name="dhip",
    questions=questions,
    parse=parse,
    fields=frozenset({"dhip."}),
    sends="DHDiscover.search to UDP 37810, by group, broadcast and single addresses",
    source="published captures and clients of the device search; there is no open specification",
    mac_fields=("dhip.mac",),
)
