"""LLDP as it is heard on a link (IEEE 802.1AB): who a device says it is. Nothing is sent."""

from __future__ import annotations

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout

ETHERTYPE = 0x88CC
MAX_TLVS = 128
"""TLVs of one frame: real ones have under 30."""

FIELDS = frozenset(
    {
        "lldp.chassis", "lldp.port", "lldp.port_description", "lldp.system_name", "lldp.system_description", "lldp.capabilities",
        "lldp.management", "lldp.vlan", "lldp.hardware", "lldp.firmware", "lldp.software", "lldp.serial", "lldp.manufacturer", "lldp.model",
        "mac",
    }
)  # fmt: skip
_TEXT = {4: "lldp.port_description", 5: "lldp.system_name", 6: "lldp.system_description"}
_CHASSIS_MAC, _PORT_MAC = 4, 3
CAPABILITIES = ("other", "repeater", "bridge", "wlan access point", "router", "telephone", "docsis", "station", "c-vlan", "s-vlan", "relay")
"""Bits of the capabilities TLV, lowest first (802.1AB table 8-4)."""
_PORT_VLAN = bytes.fromhex("0080c201")
"""IEEE 802.1 organizationally specific TLV: port VLAN id (802.1Q annex D)."""

_MED = bytes.fromhex("0012bb")
_INVENTORY = {
    5: "lldp.hardware", 6: "lldp.firmware", 7: "lldp.software", 8: "lldp.serial", 9: "lldp.manufacturer", 10: "lldp.model"
}  # fmt: skip
"""Inventory TLVs of LLDP-MED (ANSI/TIA-1057 section 10.2.6): subtype -> what it tells, in at most 32 characters."""


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
        elif kind == 7 and size == 4:
            enabled = layout.number(value, 2, 2)
            facts.add("lldp.capabilities", ",".join(name for bit, name in enumerate(CAPABILITIES) if enabled >> bit & 1))
        elif kind == 8 and size > 6:
            # length of what follows, the kind of address (1: IPv4, 2: IPv6), the address
            address = value[2 : 1 + value[0]]
            written = layout.ipv4(address) if value[1:2] == b"\x01" and len(address) == 4 else ""
            facts.add("lldp.management", written or (layout.ipv6(address) if value[1:2] == b"\x02" and len(address) == 16 else ""))
        elif kind == 127 and value.startswith(_PORT_VLAN) and size == 6:
            facts.add("lldp.vlan", str(layout.number(value, 4, 2)))
        elif kind == 127 and value.startswith(_MED) and len(value) > 4 and value[3] in _INVENTORY:
            facts.add(_INVENTORY[value[3]], decoding.line(decoding.decoded(value[4:]), 32))
        if at >= len(data):
            # the end mark is not always sent
            break
    if order[:3] != [1, 2, 3]:
        raise DecodeError("no LLDP frame")
    return facts.done()
