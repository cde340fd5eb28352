"""LLDP as it is heard on a link (IEEE 802.1AB): who a device says it is. Nothing is sent."""

from __future__ import annotations

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout

ETHERTYPE = 0x88CC
MAX_TLVS = 128
"""TLVs of one frame: real ones have under 30."""

FIELDS = frozenset({"lldp.chassis", "lldp.port", "lldp.system_name", "lldp.system_description", "mac"})
_TEXT = {5: "lldp.system_name", 6: "lldp.system_description"}
_CHASSIS_MAC, _PORT_MAC = 4, 3


def parse(data: bytes) -> list[Fact]:
    """Facts of the payload of a frame, which must begin with chassis, port and lifetime (802.1AB section 9.2). Raises DecodeError."""
    facts = decoding.Facts()
    order: list[int] = []
    at = 0
    for _ in range(MAX_TLVS):
        head = layout.number(data, at, 2)
        kind, size = head >> 9, head & 0x1FF
        if kind == 0:
            break
        value = layout.part(data, at + 2, size)
        at += 2 + size
        order.append(kind)
        if kind in _TEXT:
            facts.add(_TEXT[kind], decoding.line(decoding.decoded(value), 512))
        elif kind in (1, 2) and size > 1:
            is_mac = value[0] == (_CHASSIS_MAC if kind == 1 else _PORT_MAC)
            name = layout.mac(value[1:]) if is_mac else decoding.line(decoding.decoded(value[1:]), 255)
            facts.add("lldp.chassis" if kind == 1 else "lldp.port", name)
            if kind == 1 and is_mac:
                facts.add("mac", name)
        if at >= len(data):
            # the end mark is not always sent
            break
    if order[:3] != [1, 2, 3]:
        raise DecodeError("no LLDP frame")
    return facts.done()
