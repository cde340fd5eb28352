"""TP-Link discovery: Kasa (UDP 9999, enciphered JSON) and Tapo, VIGI (UDP 20002, TDP)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, jsontext, layout
from netcam.protocols.commands import Discovery, Question

KASA_PORT = 9999
TDP_PORT = 20002
MAX_ANSWER = 8_192
"""Bytes of an answer: real ones are under 2 kB."""

_KEPT = frozenset(
    {
        "model", "dev_name", "mac", "mic_mac", "hw_ver", "sw_ver", "type", "mic_type", "device_model", "device_type", "firmware_version",
        "hardware_version", "ip", "factory_default", "protocol_version", "is_support_iot_cloud",
    }
)  # fmt: skip
"""Members that are kept; owner, names that people gave, positions, ids and keys are not."""
_KEY = 171


def kasa() -> bytes:
    """The read-only system information question."""
    return enciphered(b'{"system":{"get_sysinfo":{}}}')


def tdp() -> bytes:
    """The empty probe: version 2, operation 1, no body; its checksum is of the packet with a fixed number in its place."""
    head = bytes.fromhex("020000010000000000000000")
    return head + zlib.crc32(head + bytes.fromhex("5a6b7c8d")).to_bytes(4, "big")


def enciphered(plain: bytes) -> bytes:
    """Each byte XORed with the enciphered byte before it."""
    key, out = _KEY, bytearray()
    for byte in plain:
        key ^= byte
        out.append(key)
    return bytes(out)


def deciphered(data: bytes) -> bytes:
    """The reverse of `enciphered`."""
    return bytes(byte ^ before for byte, before in zip(data, bytes([_KEY]) + data, strict=False))


def questions(_nonce: str) -> Iterator[Question]:
    """Both questions to broadcast and to `{unicast}`."""
    for host in ("255.255.255.255", "{unicast}"):
        yield Question(kasa(), host, KASA_PORT)
        yield Question(tdp(), host, TDP_PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer of either form. Raises DecodeError for anything else, both questions included."""
    if not 16 < len(data) <= MAX_ANSWER:
        raise DecodeError("no TP-Link answer by its length")
    if data[:1] == b"\x02":
        found = jsontext.inner(jsontext.read(layout.part(data, 16, layout.number(data, 4, 2))), "result")
    else:
        found = jsontext.inner(jsontext.read(deciphered(data)), "system", "get_sysinfo")
    facts = decoding.Facts()
    jsontext.members(facts, "tplink.", {key: value for key, value in found.items() if key in _KEPT and not isinstance(value, dict)})
    told = facts.done()
    if not told:
        raise DecodeError("a TP-Link answer that names no device")
    return told


def redact(data: bytes) -> bytes:
    """Nothing of an answer: it names its owner and where it stands, partly enciphered."""
    return data[:0]


DISCOVERY = Discovery(
    name="tplink",
    questions=questions,
    parse=parse,
    fields=frozenset({"tplink."}),
    sends="get_sysinfo to UDP 9999 and the empty probe to UDP 20002, by broadcast and single addresses",
    profiles=frozenset({"standard", "deep"}),
    source="python-kasa; there is no open specification",
    mac_fields=("tplink.mac", "tplink.mic_mac"),
    redact=redact,
)
