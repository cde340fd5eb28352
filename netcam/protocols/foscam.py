"""Foscam device search (MO_I over UDP 10000): opcode 0 and its answer. Opcode 2 sets the network and has no encoder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

PORT = 10000

_BODY = 0x17
_LENGTHS = (87, 88)
_MAC = re.compile(r"[0-9A-Fa-f]{12}")


def search() -> bytes:
    """The search of 27 bytes."""
    return b"MO_I" + bytes(11) + b"\x04" + bytes(7) + b"\x00\x00\x00\x01"


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast; the answer is a broadcast to the same port. Whether a single address answers is not known."""
    yield Question(search(), "255.255.255.255", PORT, bind_port=PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer (opcode 1), deciphered where its flag says so. Raises DecodeError for anything else."""
    if data[:4] != b"MO_I" or len(data) not in _LENGTHS or layout.number(data, 4, 2, little=True) != 1:
        raise DecodeError("no Foscam answer")
    if data[6]:
        key = data[7:15]
        data = data[:_BODY] + bytes(byte ^ key[at % 8] for at, byte in enumerate(data[_BODY:]))
    facts = decoding.Facts()
    serial = layout.string(data[0x17:0x24])
    if not _MAC.fullmatch(serial):
        raise DecodeError("a Foscam answer without a MAC")
    facts.add("foscam.mac", layout.mac(bytes.fromhex(serial)))
    facts.add("foscam.name", layout.string(data[0x24:0x39]))
    facts.add("foscam.ip", layout.ipv4(data[0x39:0x3D]))
    facts.add("foscam.device_type", data[0x49:0x4D].hex())
    facts.add("foscam.firmware", ".".join(map(str, data[0x4D:0x51])))
    facts.add("foscam.web_version", ".".join(map(str, data[0x51:0x55])))
    facts.add("foscam.port", str(layout.number(data, 0x55, 2)))
    return facts.done()


DISCOVERY = Discovery(
    name="foscam",
    questions=questions,
    parse=parse,
    fields=frozenset({"foscam."}),
    sends="the search (opcode 0) to UDP 10000, by broadcast",
    source="published clients (UniversalScanner, OpenIPC python-dvr); there is no open specification",
    mac_fields=("foscam.mac",),
)
