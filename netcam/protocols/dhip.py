"""Dahua device search (DHIP over UDP 37810): the search and its answers. No other method of the channel has an encoder."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding
from netcam.protocols.commands import Discovery, Question

GROUP = "239.255.255.251"
PORT = 37810
MAX_DEPTH = 8
"""Nesting of the JSON body: real answers reach 4."""
MAX_BODY = 16_384
"""Bytes of the JSON body: real answers are under 1 kB."""
MAX_MEMBERS = 150
"""Members that are kept: real answers have under 40."""

_HEADER = struct.Struct("<I4s6I")
_SEARCH = b'{ "method" : "DHDiscover.search", "params" : { "mac" : "", "uni" : 1 } }\n'
_NOT_KEPT = frozenset({"random", "method"})


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
    body = decoding.decoded(data[_HEADER.size : _HEADER.size + length].rstrip(b"\x00\r\n \t"))
    if _depth(body) > MAX_DEPTH:
        raise DecodeError("JSON nested too deep")
    try:
        answer = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        raise DecodeError("no JSON in DHIP") from None
    params = answer.get("params") if isinstance(answer, dict) else None
    if not isinstance(params, dict) or answer.get("method") != "client.notifyDevInfo":
        raise DecodeError("no DHIP device information")
    info = params.get("deviceInfo")
    facts = decoding.Facts()
    _members(facts, "", {key: value for key, value in answer.items() if key not in _NOT_KEPT | {"params"}})
    _members(facts, "", info if isinstance(info, dict) else {})
    found = facts.done()[:MAX_MEMBERS]
    if not found:
        raise DecodeError("a DHIP answer that names no device")
    return found


def _depth(text: str) -> int:
    """Deepest nesting of brackets outside strings; counts without recursion."""
    deepest = depth = 0
    inside = escape = False
    for character in text:
        if escape:
            escape = False
        elif inside:
            escape = character == "\\"
            inside = character != '"'
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


def _members(facts: decoding.Facts, prefix: str, members: dict[str, object]) -> None:
    for key, value in members.items():
        name = f"{prefix}{decoding.tail(key)}"
        if isinstance(value, dict):
            _members(facts, f"{name}.", value)
        elif isinstance(value, bool):
            facts.add(f"dhip.{name}", "true" if value else "false")
        elif isinstance(value, str | int | float):
            facts.add(f"dhip.{name}", decoding.line(str(value), 512))


DISCOVERY = Discovery(
    name="dhip",
    questions=questions,
    parse=parse,
    fields=frozenset({"dhip."}),
    sends="DHDiscover.search to UDP 37810, by group, broadcast and single addresses",
    source="published captures and clients of the device search; there is no open specification",
    address_fields=("dhip.IPv4Address.IPAddress", "dhip.IPv6Address.IPAddress", "dhip.IPv6Address.LinkLocalAddress"),
    mac_fields=("dhip.mac",),
)
