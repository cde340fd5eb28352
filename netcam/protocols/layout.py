"""Parts of fixed binary layouts: addresses, padded strings, slices that refuse to be short."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address

from netcam.errors import DecodeError
from netcam.protocols import decoding

MAX_ELEMENTS = 256
"""Tagged elements read of one message: real ones have under 60."""


def part(data: bytes, at: int, size: int) -> bytes:
    """`size` bytes at `at`. Raises DecodeError where the message is shorter: a cut structure is refused, never filled up."""
    if at < 0 or size < 0 or at + size > len(data):
        raise DecodeError("message cut short")
    return data[at : at + size]


def number(data: bytes, at: int, size: int, *, little: bool = False) -> int:
    """An unsigned number of `size` bytes, big endian unless `little`. Raises DecodeError."""
    return int.from_bytes(part(data, at, size), "little" if little else "big")


def string(data: bytes, limit: int = 255) -> str:
    """Text up to the first NUL, in one line."""
    return decoding.line(decoding.decoded(data.split(b"\x00", 1)[0]), limit)


def mac(data: bytes) -> str:
    """A link-layer address, lower case with colons; empty where it is none or all bits are alike."""
    return ":".join(f"{byte:02x}" for byte in data) if len(data) == 6 and set(data) not in ({0}, {255}) else ""


def ipv4(data: bytes) -> str:
    """An IPv4 address in network order; empty where it is unset."""
    return ".".join(map(str, data)) if len(data) == 4 and any(data) else ""


def ipv6(data: bytes) -> str:
    """An IPv6 address; empty where it is unset."""
    return str(IPv6Address(data)) if len(data) == 16 and any(data) else ""


def elements(data: bytes, tag: int, length: int) -> Iterator[tuple[int, bytes]]:
    """Elements of a type of `tag` bytes, a length of `length` bytes (both big endian) and a value. Raises DecodeError for an overrun."""
    at = 0
    for _ in range(MAX_ELEMENTS):
        if at >= len(data):
            return
        kind = number(data, at, tag)
        size = number(data, at + tag, length)
        yield kind, part(data, at + tag + length, size)
        at += tag + length + size


def blanked(data: bytes, *spans: tuple[int, int]) -> bytes:
    """`data` with the bytes from start to end of each span made zero."""
    made = bytearray(data)
    for start, end in spans:
        end = min(end, len(made))
        if start < end:
            made[start:end] = bytes(end - start)
    return bytes(made)
