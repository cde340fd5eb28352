"""The old Dahua device search (UDP 5050): one fixed question, its binary answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

PORT = 5050
MAX_LINES = 32
"""Lines of the last section: real answers have four."""

_FIXED = 0x78
_KEYS = {"Name": "dahua5050.name", "Device": "dahua5050.model", "SerialNo": "dahua5050.serial", "IPv6Addr": "dahua5050.ipv6"}
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


def search() -> bytes:
    """The 32 bytes of the search."""
    return bytes.fromhex("a3010001") + bytes(12) + bytes.fromhex("02000000") + bytes(12)


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast; the answer comes to the port asked. Whether a single address answers is not known."""
    yield Question(search(), "255.255.255.255", PORT, bind_port=PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer: fixed part, MAC and model, then `Key:Value` lines. Raises DecodeError for anything else."""
    if data[:1] != b"\xb3":
        raise DecodeError("no answer to the old Dahua search")
    second, third = layout.number(data, 0x02, 1), layout.number(data, 0x14, 2, little=True)
    if second < 17 or layout.number(data, 0x10, 4, little=True) != 2:
        raise DecodeError("an old Dahua answer of an unknown form")
    names = layout.part(data, _FIXED, second)
    rest = layout.part(data, _FIXED + second, third)
    address = layout.string(names[:17]).lower()
    if not _MAC.fullmatch(address):
        raise DecodeError("an old Dahua answer without a MAC")
    facts = decoding.Facts()
    facts.add("dahua5050.mac", address)
    facts.add("dahua5050.model", layout.string(names[17:]))
    facts.add("dahua5050.device_type", layout.string(layout.part(data, 0x28, 16)))
    facts.add("dahua5050.ip", layout.ipv4(layout.part(data, 0x38, 4)))
    facts.add("dahua5050.port", str(layout.number(data, 0x62, 2, little=True)))
    for line in rest.split(b"\r\n")[:MAX_LINES]:
        key, _, value = line.partition(b":")
        if field := _KEYS.get(layout.string(key)):
            facts.add(field, layout.string(value).partition("/")[0] if field.endswith("ipv6") else layout.string(value))
    return facts.done()


DISCOVERY = Discovery(
    name="dahua5050",
    questions=questions,
    parse=parse,
    fields=frozenset({"dahua5050."}),
    sends="the search of 32 bytes to UDP 5050, by broadcast",
    source="published clients (UniversalScanner, mcw0 PoC, OpenIPC python-dvr); there is no open specification",
    mac_fields=("dahua5050.mac",),
)
