"""Hikvision SADP on the link (EtherType 0x8033): the inquiry, announcements and answers. Other operations change a device; no encoder."""

from __future__ import annotations

import struct

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout

ETHERTYPE = 0x8033
MAX_FRAME = 500
"""Bytes of a payload; longer ones are not of this protocol."""

FIELDS = frozenset({"sadp."})
_HEADER = 0x26
_DATA = 208
_ONLINE, _INQUIRY, _ANSWER = 2, 3, 4


def inquiry(mac: bytes, ip: bytes, sequence: int) -> bytes:
    """The payload of an inquiry to everybody; `mac` and `ip` (4 bytes) are the asker's."""
    size = _HEADER + 28
    head = struct.pack(
        ">BBBBIBBBBH6s4s6s4s4s", 0x21, 2, 1, size, sequence & 0xFFFFFFFF, 6, 4, _INQUIRY, 0, 0, mac, ip, b"\xff" * 6, bytes(4), bytes(4)
    )
    frame = head + bytes(28)
    return frame[:0x0C] + struct.pack(">H", checksum(frame)) + frame[0x0E:]


def checksum(frame: bytes) -> int:
    """Complement of the sum of the frame's 16-bit little-endian words, its own field zero; two implementations agree on it."""
    data = frame[:0x0C] + b"\x00\x00" + frame[0x0E:]
    total = sum(int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return ~total & 0xFFFF


def parse(data: bytes) -> list[Fact]:
    """Facts of an announcement or an answer; the checksum is not required. Raises DecodeError for anything else, inquiries included."""
    if not _HEADER + _DATA <= len(data) <= MAX_FRAME or data[0] != 0x21 or data[2] != 1 or data[8:10] != b"\x06\x04":
        raise DecodeError("no SADP frame of a device")
    if data[0x0A] not in (_ONLINE, _ANSWER):
        raise DecodeError("a SADP frame that is no announcement and no answer")
    body = data[_HEADER : _HEADER + _DATA]
    facts = decoding.Facts()
    facts.add("sadp.DeviceSN", layout.string(body[:48]))
    facts.add("sadp.DeviceType", str(layout.number(body, 48, 4)))
    facts.add("sadp.CommandPort", str(layout.number(body, 52, 4)))
    facts.add("sadp.EncoderChannelNum", str(layout.number(body, 56, 4)))
    facts.add("sadp.DiskNumber", str(layout.number(body, 60, 4)))
    facts.add("sadp.SoftwareVersion", layout.string(body[64:112]))
    facts.add("sadp.DSPVersion", layout.string(body[112:160]))
    facts.add("sadp.BootTime", layout.string(body[160:208]))
    facts.add("sadp.MAC", layout.mac(data[0x0E:0x14]))
    facts.add("sadp.IPv4Address", layout.ipv4(data[0x14:0x18]))
    return facts.done()
