"""Reads the tables of switches over SNMP, one after the other, and turns placements into observations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from netcam.collect import bridge, snmp
from netcam.collect.bridge import TABLES, Placement, Switch
from netcam.collect.credentials import Credentials
from netcam.collect.gate import Gate, StopSwitch
from netcam.model import Observation

MAX_VLANS = 128
"""VLANs of a switch that shows its tables one VLAN at a time."""
_PER_VLAN = ("dot1dBaseBridgeAddress", "dot1dBasePortIfIndex", "dot1dTpFdbPort", "dot1dTpFdbStatus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A switch that was read, or why not."""

    address: str
    switch: Switch | None = None
    problem: str = ""


async def read(
    addresses: Sequence[str], credentials: Credentials, gate: Gate, *, site: str, stop: StopSwitch, done: Callable[[Outcome], None], port: int = snmp.PORT
) -> list[Switch]:  # fmt: skip
    """The switches that answered. One that does not is told and left alone: the next one is read."""
    found: list[Switch] = []
    for address in addresses:
        if stop.is_set():
            break
        account = credentials.for_switch(address, site)
        if account is None:
            done(Outcome(address=address, problem="no read access is given for it"))
            continue
        try:
            async with snmp.opened(gate, address, account, port=port) as agent:
                switch = await _one(address, agent)
        except* (snmp.Unanswered, OSError) as failed:
            done(Outcome(address=address, problem=str(failed.exceptions[0])[:200]))
        else:
            found.append(switch)
            done(Outcome(address=address, switch=switch))
    return found


async def _one(address: str, agent: snmp.Agent) -> Switch:
    tables: dict[str, dict[snmp.Oid, Any]] = {}
    for name, base in TABLES.items():
        if name != "vtpVlanState":
            tables[name] = await agent.walk(base)
    per_vlan: dict[int, dict[str, dict[snmp.Oid, Any]]] = {}
    if not tables["dot1qTpFdbPort"]:
        # switches of one maker show the bridge table of one VLAN at a time, and name their VLANs in a table of their own
        for oid in list(await agent.walk(TABLES["vtpVlanState"]))[:MAX_VLANS]:
            vlan = oid[-1]
            if vlan in range(1002, 1006):
                continue  # FDDI and token ring
            try:
                per_vlan[vlan] = {name: await agent.walk(TABLES[name], vlan=vlan) for name in _PER_VLAN}
            except snmp.Unanswered:
                continue
    return bridge.read(address, tables, per_vlan)


def observations(places: Iterable[Placement], *, at: datetime, site: str, sensor: str, scan: str) -> Iterator[Observation]:
    """Each placement as observations of the device that has the MAC."""
    for one in places:
        told = {
            "switch.address": one.switch, "switch.name": one.switch_name, "switch.port": one.port, "switch.port_description": one.alias,
            "switch.vlan": str(one.vlan or ""), "switch.poe": " ".join(filter(None, (one.poe, one.poe_class))), "switch.neighbour": one.neighbour,
            "switch.neighbour_port": one.neighbour_port,
            "switch.others": str(one.others or ""), "switch.beyond": one.beyond,
        }  # fmt: skip
        for name, value in told.items():
            if value:
                yield Observation(field=name, value=value, at=at, site=site, sensor=sensor, mac=one.mac, via="snmp", scan=scan)
