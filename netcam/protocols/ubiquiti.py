"""Ubiquiti discovery (UDP 10001), versions 1 and 2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

GROUP = "233.89.188.1"
PORT = 10001

_V1 = bytes.fromhex("01000000")
_V2 = bytes.fromhex("02080000")
_ANSWERS = {(1, 0), (2, 6), (2, 9), (2, 11)}
_TEXT = {0x03: "ubiquiti.firmware", 0x0B: "ubiquiti.hostname", 0x0C: "ubiquiti.platform", 0x14: "ubiquiti.model", 0x15: "ubiquiti.model"}


def questions(_nonce: str) -> Iterator[Question]:
    """Both probes to the group, to broadcast and to `{unicast}`."""
    for host in (GROUP, "255.255.255.255", "{unicast}"):
        for probe in (_V1, _V2):
            yield Question(probe, host, PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer whose elements fill the length it claims. Raises DecodeError for anything else, probes included."""
    if len(data) < 5 or (data[0], data[1]) not in _ANSWERS or layout.number(data, 2, 2) != len(data) - 4:
        raise DecodeError("no Ubiquiti answer")
    facts = decoding.Facts()
    for kind, value in layout.elements(data[4:], 1, 2):
        if kind in _TEXT:
            facts.add(_TEXT[kind], layout.string(value))
        elif kind == 0x01:
            facts.add("ubiquiti.mac", layout.mac(value))
        elif kind == 0x02 and len(value) == 10:
            facts.add("ubiquiti.mac", layout.mac(value[:6]))
            facts.add("ubiquiti.ip", layout.ipv4(value[6:]))
        elif kind == 0x16:
            facts.add("ubiquiti.version", layout.string(value))
    found = facts.done()
    if not found:
        raise DecodeError("a Ubiquiti answer that names no device")
    return found


DISCOVERY = Discovery(
    name="ubiquiti",
    questions=questions,
    parse=parse,
    fields=frozenset({"ubiquiti."}),
    sends="the four-byte probes of both versions to UDP 10001, by group, broadcast and single addresses",
    profiles=frozenset({"standard", "deep"}),
    source="nmap ubiquiti-discovery, python-ubnt-discovery; there is no open specification",
    mac_fields=("ubiquiti.mac",),
)
