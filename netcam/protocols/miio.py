"""Xiaomi miIO hello (UDP 54321)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import layout
from netcam.protocols.commands import Discovery, Question

PORT = 54321

_HELLO = bytes.fromhex("21310020") + b"\xff" * 28
_TOKEN = (16, 32)
"""Where a device that is not set up yet puts its key: never read, never kept."""


def questions(_nonce: str) -> Iterator[Question]:
    """The hello to broadcast and to `{unicast}`."""
    for host in ("255.255.255.255", "{unicast}"):
        yield Question(_HELLO, host, PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """The device's number. Raises DecodeError for anything but an answer to a hello."""
    if len(data) != 32 or data[:4] != _HELLO[:4] or data[4:16] == b"\xff" * 12:
        raise DecodeError("no answer to a miIO hello")
    return [Fact("miio.device_id", str(layout.number(data, 8, 4)))]


def redact(data: bytes) -> bytes:
    """An answer without the key."""
    return layout.blanked(data, _TOKEN)


DISCOVERY = Discovery(
    name="miio",
    questions=questions,
    parse=parse,
    fields=frozenset({"miio."}),
    sends="the hello of 32 bytes to UDP 54321, by broadcast and single addresses",
    profiles=frozenset({"standard", "deep"}),
    source="python-miio; there is no open specification",
    redact=redact,
)
