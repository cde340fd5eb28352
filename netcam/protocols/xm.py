"""Xiongmai device search (UDP 34569): the empty search and its answer. No other message has an encoder; 1532 would set the network."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, jsontext
from netcam.protocols.commands import Discovery, Question

PORT = 34569

_HEADER = struct.Struct("<BBHIIBBHI")
_SEARCH, _ANSWER = 1530, 1531
_NOT_KEPT = frozenset({"SN", "SessionID", "Ret"})
"""SN is the id under which the maker's cloud connects anybody to the device; the others belong to the exchange."""
_ADDRESSES = frozenset({"HostIP", "Submask", "GateWay"})
_HEX = re.compile(r"0[xX]([0-9A-Fa-f]{8})")
_SECRET = re.compile(rb'("SN"\s{0,8}:\s{0,8}")[^"]{0,256}')


def search() -> bytes:
    """The search: a header without a body. Devices of this maker are reported to crash on bodies of a wrong type."""
    return _HEADER.pack(0xFF, 0, 0, 0, 0, 0, 0, _SEARCH, 0)


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast and to `{unicast}`; the answer comes to the port asked, whatever port we ask from."""
    for host in ("255.255.255.255", "{unicast}"):
        yield Question(search(), host, PORT, bind_port=PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer: members of NetWork.NetCommon by name, addresses as dotted text. Raises DecodeError for anything else."""
    if len(data) < _HEADER.size:
        raise DecodeError("shorter than a Xiongmai header")
    head, _, _, _, _, _, _, message, length = _HEADER.unpack_from(data)
    if head != 0xFF or message != _ANSWER:
        raise DecodeError("no answer to a Xiongmai search")
    if length > len(data) - _HEADER.size:
        raise DecodeError("Xiongmai body cut short")
    found = jsontext.read(data[_HEADER.size : _HEADER.size + length])
    common = jsontext.inner(found, "NetWork.NetCommon") or jsontext.inner(found, "NetWork", "NetCommon")
    facts = decoding.Facts()
    jsontext.members(facts, "xm.", {key: _dotted(key, value) for key, value in common.items()}, _NOT_KEPT)
    told = facts.done()
    if not told:
        raise DecodeError("a Xiongmai answer that names no device")
    return told


def _dotted(key: str, value: object) -> object:
    """`0x0101A8C0` is 192.168.1.1 in little-endian hex; some firmware writes dotted text."""
    if key in _ADDRESSES and isinstance(value, str) and (found := _HEX.fullmatch(value)):
        return ".".join(map(str, bytes.fromhex(found[1])[::-1]))
    return value


def redact(data: bytes) -> bytes:
    """An answer without the cloud id."""
    return _SECRET.sub(rb"\1", data)


DISCOVERY = Discovery(
    name="xm",
    questions=questions,
    parse=parse,
    fields=frozenset({"xm."}),
    sends="the empty search (message 1530) to UDP 34569, by broadcast and single addresses",
    source="published clients and captures (OpenIPC python-dvr, Besder camera investigation); there is no open specification",
    mac_fields=("xm.MAC",),
    redact=redact,
)
