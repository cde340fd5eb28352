"""Panasonic and i-PRO Easy IP Setup (UDP 10670, answers on 10669): the search and its answer. Opcodes 2 and 4 set a device; no encoder."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout
from netcam.protocols.commands import Discovery, Question

PORT = 10670
ANSWER_PORT = 10669

_CONSTANT = bytes.fromhex("20111e11231f1e1913")
_SEARCH, _ANSWER = 0x000D, 0x000E
_HEADER = 0x30
_WANTED = (0x20, 0x21, 0x22, 0x23, 0x25, 0x28, 0x40, 0x41, 0x42, 0x44, 0xA5, 0xA6, 0xA7, 0xA8, 0xAD, 0xB3, 0xB4, 0xB7, 0xB8)
_TEXT = {
    0xA7: "panasonic.name",
    0xA8: "panasonic.model",
    0xA9: "panasonic.firmware",
    0xAA: "panasonic.firmware2",
    0xD1: "panasonic.serial",
}


def search(mac: bytes = b"\xff" * 6, ip: bytes = bytes(4)) -> bytes:
    """The search for the elements that the official tool asks; `mac` and `ip` are the asker's and are echoed."""
    wanted = struct.pack(f">HH{len(_WANTED)}H", 0xFFF0, 2 * len(_WANTED), *_WANTED)
    head = struct.pack(">HHH6s6s4sH", 1, len(wanted), _SEARCH, bytes(6), mac, ip, 0) + _CONSTANT + b"\x00\x00\x02\x01" + bytes(11)
    frame = head + wanted + b"\xff\xff"
    return frame + struct.pack(">H", checksum(frame))


def checksum(frame: bytes) -> int:
    """The sum of all bytes before it plus one, 16 bit; worked out from published captures, all of which agree."""
    return (sum(frame) + 1) & 0xFFFF


def questions(_nonce: str) -> Iterator[Question]:
    """The search to broadcast; the answer is a broadcast to another port. Whether a single address answers is not known."""
    yield Question(search(), "255.255.255.255", PORT, listen_port=ANSWER_PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer. Raises DecodeError for anything else, searches and settings included."""
    if len(data) < _HEADER + 4 or data[:2] != b"\x00\x01" or data[0x18:0x21] != _CONSTANT:
        raise DecodeError("no Easy IP Setup message")
    if layout.number(data, 4, 2) != _ANSWER:
        raise DecodeError("an Easy IP Setup message that answers no search")
    size = layout.number(data, 2, 2)
    region = layout.part(data, _HEADER, size)
    facts = decoding.Facts()
    facts.add("panasonic.mac", layout.mac(data[6:12]))
    facts.add("panasonic.password_set", {1: "false", 2: "true"}.get(data[0x25], ""))
    for tag, value in layout.elements(region, 2, 2):
        if tag in _TEXT:
            facts.add(_TEXT[tag], layout.string(value))
        elif tag == 0x20:
            facts.add("panasonic.ip", layout.ipv4(value))
        elif tag == 0x40:
            facts.add("panasonic.ipv6", layout.ipv6(value))
        elif tag == 0x25 and len(value) == 2:
            facts.add("panasonic.port", str(int.from_bytes(value, "big")))
        elif tag == 0xC0 and len(value) <= 4:
            # only recorders send it
            facts.add("panasonic.channels", str(int.from_bytes(value, "big")))
    found = facts.done()
    if not found:
        raise DecodeError("an Easy IP Setup answer that names no device")
    return found


DISCOVERY = Discovery(
    name="panasonic",
    questions=questions,
    parse=parse,
    fields=frozenset({"panasonic."}),
    sends="the Easy IP Setup search (opcode 0x000d) to UDP 10670, by broadcast",
    source="published captures and clients (Easy_IP, PanasonicEasyIPsetupCore, UniversalScanner); there is no open specification",
    mac_fields=("panasonic.mac",),
)
