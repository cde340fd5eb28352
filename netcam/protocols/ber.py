"""Tag, length, value of the Basic Encoding Rules (X.690), definite lengths only: what SNMP and certificates are made of."""

from __future__ import annotations

from collections.abc import Iterator

from netcam.errors import DecodeError

SEQUENCE, SET, INTEGER, OCTETS, NULL, OID = 0x30, 0x31, 0x02, 0x04, 0x05, 0x06
MAX_PARTS = 512
"""Elements read of one constructed value: a certificate has under 20, an answer to netcam three."""
MAX_ARCS = 128
"""Arcs of an object identifier (RFC 2578 section 3.5)."""


def read(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """Tag, value and end of the element at `at`. Raises DecodeError for tags of several bytes and for an overrun."""
    if at + 2 > len(data):
        raise DecodeError("BER element cut short")
    tag, length, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise DecodeError("BER tag of several bytes")
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > len(data):
            raise DecodeError("BER length that cannot be read")
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    if start + length > len(data):
        raise DecodeError("BER element longer than what holds it")
    return tag, data[start : start + length], start + length


def parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements in a constructed value. Raises DecodeError."""
    at = 0
    for _ in range(MAX_PARTS):
        if at >= len(data):
            return
        tag, value, at = read(data, at)
        yield tag, value


def made(tag: int, value: bytes) -> bytes:
    """An element."""
    size = len(value)
    length = (
        bytes([size]) if size < 0x80 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    )
    return bytes([tag]) + length + value


def integer(number: int) -> bytes:
    """An INTEGER element of a number that is not negative."""
    return made(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER element."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    out = bytearray()
    for arc in (first * 40 + second, *rest):
        piece = [arc & 0x7F]
        while arc := arc >> 7:
            piece.append(0x80 | arc & 0x7F)
        out += bytes(reversed(piece))
    return made(OID, bytes(out))


def dotted(value: bytes) -> str:
    """An object identifier's value as text. Raises DecodeError for one that is empty, cut or too long."""
    arcs: list[int] = []
    arc = 0
    for byte in value:
        arc = arc << 7 | byte & 0x7F
        if arc >= 1 << 35 or len(arcs) >= MAX_ARCS:
            raise DecodeError("object identifier too long")
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs or value[-1] & 0x80:
        raise DecodeError("object identifier that cannot be read")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
