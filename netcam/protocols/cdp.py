"""CDP as it is heard on a link: who a device says it is, and on which of its ports the link is. Nothing is sent."""

from __future__ import annotations

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout

SNAP = bytes.fromhex("aaaa0300000c2000")
"""LLC and SNAP header in front of the message."""
MAX_TLVS = 128
"""TLVs of one frame: real ones have under 30."""

FIELDS = frozenset({"cdp.device_id", "cdp.port", "cdp.platform", "cdp.version", "cdp.address", "cdp.capabilities", "cdp.vlan"})
_TEXT = {1: "cdp.device_id", 3: "cdp.port", 5: "cdp.version", 6: "cdp.platform"}
CAPABILITIES = ("router", "transparent bridge", "source route bridge", "switch", "host", "igmp", "repeater", "phone")
"""Bits of the capabilities TLV, lowest first."""
_IPV4 = bytes.fromhex("0101cc0004")
"""One IPv4 address of the address TLV: NLPID, one byte, IP, four bytes."""


def parse(data: bytes) -> list[Fact]:
    """Facts of the payload of an 802.3 frame, SNAP header included. Raises DecodeError."""
    if not data.startswith(SNAP) or layout.number(data, len(SNAP), 1) not in (1, 2):
        raise DecodeError("no CDP frame")
    facts = decoding.Facts()
    at = len(SNAP) + 4
    for _ in range(MAX_TLVS):
        if at + 4 > len(data):
            break
        kind, size = layout.number(data, at, 2), layout.number(data, at + 2, 2)
        if size < 4:
            # the length counts its own header
            raise DecodeError("CDP length that cannot be")
        value = layout.part(data, at + 4, size - 4)
        at += size
        if kind in _TEXT:
            facts.add(_TEXT[kind], decoding.line(decoding.decoded(value.rstrip(b"\x00")), 512))
        elif kind == 2 and value[4:9] == _IPV4:
            facts.add("cdp.address", layout.ipv4(layout.part(value, 9, 4)))
        elif kind == 4 and len(value) == 4:
            bits = layout.number(value, 0, 4)
            facts.add("cdp.capabilities", ",".join(name for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1))
        elif kind == 10 and len(value) == 2:
            facts.add("cdp.vlan", str(layout.number(value, 0, 2)))
    found = facts.done()
    if not found:
        raise DecodeError("a CDP frame that names no device")
    return found
