"""SNMP version 2c: one question for three objects of the system group, with a community that the operator gives (RFC 3416, RFC 3418)."""

from __future__ import annotations

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import ber, decoding
from netcam.protocols.commands import Discovery, Question

PORT = 161
OBJECTS = {
    "1.3.6.1.2.1.1.1.0": "snmp.sysdescr",
    "1.3.6.1.2.1.1.2.0": "snmp.sysobjectid",
    "1.3.6.1.2.1.1.5.0": "snmp.sysname",
}
"""Object -> field. No other object is asked; nothing is ever set."""

FIELDS = frozenset({*OBJECTS.values(), "snmp.oid."})
_GET, _RESPONSE = 0xA0, 0xA2
_GONE = frozenset({0x80, 0x81, 0x82})
"""noSuchObject, noSuchInstance, endOfMibView."""


def question(community: str, number: int) -> bytes:
    """A GetRequest for OBJECTS. Raises ValueError without a community: none is ever guessed."""
    if not community:
        raise ValueError("no community was given, and none is guessed")
    bindings = b"".join(ber.made(ber.SEQUENCE, ber.oid(name) + ber.made(ber.NULL, b"")) for name in OBJECTS)
    pdu = ber.integer(number & 0x7FFFFFFF) + ber.integer(0) + ber.integer(0) + ber.made(ber.SEQUENCE, bindings)
    return ber.made(ber.SEQUENCE, ber.integer(1) + ber.made(ber.OCTETS, community.encode()) + ber.made(_GET, pdu))


def parse(data: bytes) -> list[Fact]:
    """Facts of a response. Raises DecodeError for anything else, requests included. The community is not read."""
    tag, message, _ = ber.read(data)
    found = list(ber.parts(message)) if tag == ber.SEQUENCE else []
    if len(found) != 3 or [kind for kind, _ in found] != [ber.INTEGER, ber.OCTETS, _RESPONSE] or found[0][1] not in (b"\x00", b"\x01"):
        raise DecodeError("no SNMP response of version 1 or 2c")
    pdu = list(ber.parts(found[2][1]))
    if [kind for kind, _ in pdu] != [ber.INTEGER, ber.INTEGER, ber.INTEGER, ber.SEQUENCE]:
        raise DecodeError("an SNMP response of an unknown form")
    facts = decoding.Facts()
    for kind, binding in ber.parts(pdu[3][1]):
        pair = list(ber.parts(binding)) if kind == ber.SEQUENCE else []
        if len(pair) != 2 or pair[0][0] != ber.OID or pair[1][0] in _GONE:
            continue
        name = ber.dotted(pair[0][1])
        facts.add(OBJECTS.get(name) or f"snmp.oid.{name}"[:80], _text(*pair[1]))
    if not facts.done():
        raise DecodeError("an SNMP response without a value")
    return facts.done()


def _text(kind: int, value: bytes) -> str:
    if kind == ber.OID:
        return ber.dotted(value)
    if kind == ber.OCTETS:
        return decoding.line(decoding.decoded(value), 512)
    return str(int.from_bytes(value, "big")) if kind in (ber.INTEGER, 0x41, 0x42, 0x43) and len(value) <= 8 else ""


def redact(data: bytes) -> bytes:
    """Nothing of an answer: every SNMP message carries the community in clear."""
    return data[:0]


SENDS = "one GetRequest for sysDescr, sysObjectID and sysName, only with a community that the operator gives"


def discovery(community: str) -> Discovery:
    """The question to single devices, with the community that the operator gave. Raises ValueError without one."""
    asked = question(community, 1)
    return Discovery(
        name="snmp",
        questions=lambda _nonce: (Question(asked, "{unicast}", PORT),),
        parse=parse,
        fields=FIELDS,
        sends=SENDS,
        source="RFC 3416, RFC 3418",
        redact=redact,
    )
