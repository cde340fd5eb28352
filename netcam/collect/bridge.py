"""What the tables of a switch say: which MAC is behind which port, on which VLAN, with which power, and who the neighbour is. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netcam.protocols import decoding

Oid = tuple[int, ...]
Rows = Mapping[Oid, Any]

TABLES: Mapping[str, str] = {
    "sysDescr": "1.3.6.1.2.1.1.1",
    "sysName": "1.3.6.1.2.1.1.5",
    "ifDescr": "1.3.6.1.2.1.2.2.1.2",
    "ifType": "1.3.6.1.2.1.2.2.1.3",
    "ifPhysAddress": "1.3.6.1.2.1.2.2.1.6",
    "ifOperStatus": "1.3.6.1.2.1.2.2.1.8",
    "ifName": "1.3.6.1.2.1.31.1.1.1.1",
    "ifAlias": "1.3.6.1.2.1.31.1.1.1.18",
    "dot1dBaseBridgeAddress": "1.3.6.1.2.1.17.1.1",
    "dot1dBasePortIfIndex": "1.3.6.1.2.1.17.1.4.1.2",
    "dot1dTpFdbPort": "1.3.6.1.2.1.17.4.3.1.2",
    "dot1dTpFdbStatus": "1.3.6.1.2.1.17.4.3.1.3",
    "dot1qTpFdbPort": "1.3.6.1.2.1.17.7.1.2.2.1.2",
    "dot1qTpFdbStatus": "1.3.6.1.2.1.17.7.1.2.2.1.3",
    "dot1qVlanFdbId": "1.3.6.1.2.1.17.7.1.4.2.1.3",
    "dot1qPvid": "1.3.6.1.2.1.17.7.1.4.5.1.1",
    "pethPsePortAdminEnable": "1.3.6.1.2.1.105.1.1.1.3",
    "pethPsePortDetectionStatus": "1.3.6.1.2.1.105.1.1.1.6",
    "pethPsePortPowerClassifications": "1.3.6.1.2.1.105.1.1.1.10",
    "lldpLocPortId": "1.0.8802.1.1.2.1.3.7.1.3",
    "lldpLocPortDesc": "1.0.8802.1.1.2.1.3.7.1.4",
    "lldpRemChassisIdSubtype": "1.0.8802.1.1.2.1.4.1.1.4",
    "lldpRemChassisId": "1.0.8802.1.1.2.1.4.1.1.5",
    "lldpRemPortIdSubtype": "1.0.8802.1.1.2.1.4.1.1.6",
    "lldpRemPortId": "1.0.8802.1.1.2.1.4.1.1.7",
    "lldpRemSysName": "1.0.8802.1.1.2.1.4.1.1.9",
    "lldpRemSysDesc": "1.0.8802.1.1.2.1.4.1.1.10",
    "lldpRemSysCapEnabled": "1.0.8802.1.1.2.1.4.1.1.12",
    "vtpVlanState": "1.3.6.1.4.1.9.9.46.1.3.1.1.2",
}
"""Object -> OID: SNMPv2-MIB, IF-MIB (RFC 2863), BRIDGE-MIB (RFC 4188), Q-BRIDGE-MIB (RFC 4363), POWER-ETHERNET-MIB (RFC 3621),
LLDP-MIB (IEEE 802.1AB-2005), CISCO-VTP-MIB."""

BRIDGE, ACCESS_POINT, ROUTER, PHONE = 2, 3, 4, 5
"""Bits of LldpSystemCapabilitiesMap, from the left."""
LEARNED = 3
"""dot1dTpFdbStatus: learned; others are the switch's own, managed or gone."""
SHARED_FROM = 2
"""Addresses on a port from which on a small switch without management may stand behind it."""
CROWD = 12
"""Addresses on a port from which on it leads to another part of the network: an outlet with a small switch has eight sockets."""
_DELIVERING, _POE = 3, {1: "disabled", 2: "searching", 3: "delivering", 4: "fault", 5: "test", 6: "other fault"}
_LAG = 161


@dataclass(slots=True, kw_only=True)
class Port:
    """One port: how the switch names it, whom it learned behind it, and whether it leads on to another switch."""

    number: int
    """ifIndex where the switch has one, else the bridge's own number, negative."""
    name: str
    alias: str = ""
    up: bool = True
    pvid: int = 0
    poe: str = ""
    poe_class: str = ""
    neighbour: str = ""
    """Who speaks LLDP behind it: name, or chassis."""
    neighbour_port: str = ""
    """The neighbour's own name for its end."""
    uplink: str = ""
    """Why it is held for an uplink; empty: an access port."""
    macs: dict[str, int] = field(default_factory=dict)
    """MAC -> VLAN, 0 where the switch does not tell."""


@dataclass(slots=True, kw_only=True)
class Switch:
    """One switch and its ports."""

    address: str
    name: str = ""
    description: str = ""
    own: frozenset[str] = frozenset()
    """Its own MACs."""
    ports: dict[int, Port] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a MAC is on the wall."""

    mac: str
    switch: str
    switch_name: str
    port: str
    alias: str = ""
    vlan: int = 0
    poe: str = ""
    poe_class: str = ""
    neighbour: str = ""
    neighbour_port: str = ""
    others: int = 0
    """Further addresses behind the same port: a small switch stands in between."""
    beyond: str = ""
    """Why the port is only the way there: the device is behind a switch that was not read."""


def mac_of(oid: Oid) -> str:
    """Six numbers of an index as a MAC, empty for anything else."""
    return ":".join(f"{n:02x}" for n in oid) if len(oid) == 6 and all(0 <= n < 256 for n in oid) and not oid[0] & 1 else ""


def _bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return bytes(value.asOctets()) if hasattr(value, "asOctets") else str(value).encode("utf-8", "replace")


def _text(value: Any) -> str:
    return decoding.line(decoding.decoded(_bytes(value).rstrip(b"\x00")), 255)


def _mac(value: Any) -> str:
    raw = _bytes(value)
    return ":".join(f"{n:02x}" for n in raw) if len(raw) == 6 and any(raw) else ""


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1


def read(address: str, tables: Mapping[str, Rows], per_vlan: Mapping[int, Mapping[str, Rows]] | None = None) -> Switch:
    """The switch of walked `tables` (names of TABLES); `per_vlan` holds the bridge tables of switches that show one VLAN at a time."""

    tables = {name: {oid: value for oid, value in rows.items() if oid} for name, rows in tables.items()}
    per_vlan = {
        vlan: {name: {o: v for o, v in rows.items() if o} for name, rows in shown.items()} for vlan, shown in (per_vlan or {}).items()
    }

    def first(name: str) -> str:
        return next((_text(value) for value in tables.get(name, {}).values()), "")

    names = {oid[-1]: _text(v) for oid, v in tables.get("ifName", {}).items()} or {
        o[-1]: _text(v) for o, v in tables.get("ifDescr", {}).items()
    }
    aliases = {oid[-1]: _text(v) for oid, v in tables.get("ifAlias", {}).items()}
    status = {oid[-1]: _number(v) for oid, v in tables.get("ifOperStatus", {}).items()}
    kinds = {oid[-1]: _number(v) for oid, v in tables.get("ifType", {}).items()}
    made = Switch(address=address, name=first("sysName"), description=first("sysDescr"))
    own = {_mac(v) for v in (*tables.get("ifPhysAddress", {}).values(), *tables.get("dot1dBaseBridgeAddress", {}).values())}

    def port(base: int, bases: Mapping[int, int]) -> Port:
        # a bridge port without an interface keeps a number of its own
        index = bases.get(base, -base)
        if index not in made.ports:
            made.ports[index] = Port(
                number=index, name=names.get(index) or f"port {base}", alias=aliases.get(index, ""), up=status.get(index, 1) == 1,
                uplink="a bundle of ports" if kinds.get(index) == _LAG else "",
            )  # fmt: skip
        return made.ports[index]

    bases = _bases(tables)
    for base in bases:
        port(base, bases)
    for oid, value in tables.get("dot1qPvid", {}).items():
        if oid[-1] in bases:
            port(oid[-1], bases).pvid = max(_number(value), 0)
    for mac, vlan, base in _learned(tables):
        port(base, bases).macs[mac] = vlan
    for vlan, shown in per_vlan.items():
        theirs = _bases(shown) or bases
        own |= {_mac(v) for v in shown.get("dot1dBaseBridgeAddress", {}).values()}
        for mac, _, base in _learned(shown):
            port(base, theirs).macs[mac] = vlan
    made.own = frozenset(own - {""})
    for one in made.ports.values():
        for mac in [mac for mac in one.macs if mac in made.own]:
            del one.macs[mac]
    _power(made, tables, bases)
    _neighbours(made, tables, names)
    return made


def _bases(tables: Mapping[str, Rows]) -> dict[int, int]:
    """Bridge port -> ifIndex."""
    return {oid[-1]: _number(v) for oid, v in tables.get("dot1dBasePortIfIndex", {}).items() if oid and _number(v) > 0}


def _learned(tables: Mapping[str, Rows]) -> Iterable[tuple[str, int, int]]:
    """MAC, VLAN (0: not told), bridge port of every learned entry, Q-BRIDGE before BRIDGE."""
    # dot1qVlanFdbId is indexed by time mark and VLAN; where it is missing the FDB's number is the VLAN's
    vlans: dict[int, list[int]] = {}
    for oid, value in tables.get("dot1qVlanFdbId", {}).items():
        if oid[-1:]:
            vlans.setdefault(_number(value), []).append(oid[-1])
    states = tables.get("dot1qTpFdbStatus", {})
    seen: set[str] = set()
    for oid, value in tables.get("dot1qTpFdbPort", {}).items():
        mac, base = mac_of(oid[1:7]), _number(value)
        if len(oid) == 7 and mac and base > 0 and _number(states.get(oid, LEARNED)) == LEARNED:
            members = vlans.get(oid[0], [oid[0]])
            # one FDB shared by several VLANs (shared learning) does not say which of them; some makers' tables name other
            # numbers than their FDBs have: then the FDB's number is the VLAN's
            vlan = members[0] if len(members) == 1 else 0
            seen.add(mac)
            yield mac, vlan if 0 < vlan < 4095 else 0, base
    states = tables.get("dot1dTpFdbStatus", {})
    for oid, value in tables.get("dot1dTpFdbPort", {}).items():
        mac, base = mac_of(oid), _number(value)
        if mac and mac not in seen and base > 0 and _number(states.get(oid, LEARNED)) == LEARNED:
            yield mac, 0, base


def _power(made: Switch, tables: Mapping[str, Rows], bases: Mapping[int, int]) -> None:
    """PoE by port. RFC 3621 leaves open how its port numbers relate to interfaces: told only where one reading fits."""
    states = tables.get("pethPsePortDetectionStatus", {})
    classes = tables.get("pethPsePortPowerClassifications", {})
    groups = {oid[0] for oid in states if len(oid) == 2}
    by_tail: dict[tuple[str, ...], list[Port]] = {}
    for one in made.ports.values():
        if not one.uplink:
            by_tail.setdefault(tuple(re.findall(r"\d+", one.name)), []).append(one)
    for oid, value in states.items():
        if len(oid) != 2:
            continue
        group, index = oid
        # Gi2/0/7 and 2/7 are member and port; a switch that stands alone numbers its bridge ports or its interfaces
        named = [
            p for digits, ports in by_tail.items() if digits in ((str(group), "0", str(index)), (str(group), str(index))) for p in ports
        ]
        alone = [made.ports[n] for n in dict.fromkeys((bases.get(index, 0), index)) if n in made.ports] if len(groups) == 1 else []
        fits = named if len(named) == 1 else alone if len(alone) == 1 else alone[:1] if alone and index in bases else []
        if len(fits) == 1:
            fits[0].poe = _POE.get(_number(value), "")
            if _number(value) == _DELIVERING and _number(classes.get(oid)) > 0:
                fits[0].poe_class = f"class {_number(classes[oid]) - 1}"


def _neighbours(made: Switch, tables: Mapping[str, Rows], names: Mapping[int, str]) -> None:
    """LLDP neighbours by local port: by the name that LLDP gives the port, else by ifIndex."""
    by_name = {name: Port(number=index, name=name) for index, name in names.items()} | {one.name: one for one in made.ports.values()}
    local = {oid[-1]: _text(v) for oid, v in tables.get("lldpLocPortId", {}).items()}
    described = {oid[-1]: _text(v) for oid, v in tables.get("lldpLocPortDesc", {}).items()}
    enabled = tables.get("lldpRemSysCapEnabled", {})
    for oid in sorted({*tables.get("lldpRemChassisId", {}), *tables.get("lldpRemSysName", {})}):
        if len(oid) != 3:
            continue
        number = oid[1]
        port = by_name.get(local.get(number, "\0")) or by_name.get(described.get(number, "\0")) or made.ports.get(number)
        if port is None:
            continue
        made.ports.setdefault(port.number, port)
        name = _text(tables.get("lldpRemSysName", {}).get(oid, b""))
        chassis = tables.get("lldpRemChassisId", {}).get(oid, b"")
        port.neighbour = (
            name or (_mac(chassis) if _number(tables.get("lldpRemChassisIdSubtype", {}).get(oid)) == 4 else "") or _text(chassis)
        )
        end = tables.get("lldpRemPortId", {}).get(oid, b"")
        port.neighbour_port = (_mac(end) if _number(tables.get("lldpRemPortIdSubtype", {}).get(oid)) == 3 else "") or _text(end)
        bits = (_bytes(enabled.get(oid, b"")) + b"\x00")[0]
        does = {bit for bit in range(8) if bits & 0x80 >> bit}
        # a telephone with a socket for the computer is a bridge as well, and no way to another switch
        if does & {BRIDGE, ROUTER} and not does & {PHONE, ACCESS_POINT}:
            port.uplink = port.uplink or f"LLDP: {port.neighbour or 'a neighbour'} is a switch or router"


def mark_uplinks(switches: Iterable[Switch]) -> None:
    """Tell uplinks from access ports once all switches are known: a port that learned another switch leads to it."""
    everyone = list(switches)
    for one in everyone:
        others = {mac: other.name or other.address for other in everyone if other is not one for mac in other.own}
        for port in one.ports.values():
            led = next((others[mac] for mac in port.macs if mac in others), "")
            if led and not port.uplink:
                port.uplink = f"leads to {led}"
            if not port.uplink and len(port.macs) >= CROWD:
                port.uplink = f"{len(port.macs)} addresses behind it"


def place(macs: Iterable[str], switches: Iterable[Switch]) -> dict[str, Placement]:
    """Where each MAC is: the access port that learned it; else the uplink that leads there, which is said."""
    everyone = list(switches)
    mark_uplinks(everyone)
    found: dict[str, Placement] = {}
    for mac in sorted(set(macs)):
        seen = [(one, port) for one in everyone for port in one.ports.values() if mac in port.macs]
        if not seen:
            continue
        # the fewer share a port, the nearer it is to the device
        switch, port = min(seen, key=lambda at: (bool(at[1].uplink), len(at[1].macs), at[0].address, at[1].number))
        ties = Counter(len(p.macs) for _, p in seen if not p.uplink)
        beyond = port.uplink
        if not beyond and ties[len(port.macs)] > 1:
            beyond = "several switches learned it on ports of the same kind"
        found[mac] = Placement(
            mac=mac, switch=switch.address, switch_name=switch.name, port=port.name, alias=port.alias, vlan=port.macs[mac] or port.pvid,
            poe=port.poe, poe_class=port.poe_class, neighbour=port.neighbour, neighbour_port=port.neighbour_port, others=len(port.macs) - 1, beyond=beyond,
        )  # fmt: skip
    return found
