"""What the inventory holds of decisions: exceptions and disputes, the removal programme, and what keepers recorded of their devices."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from heapq import merge
from typing import TYPE_CHECKING

import msgspec

from netcam.assess import decisions as held
from netcam.assess import removal
from netcam.assess.decisions import Decisions
from netcam.assess.evidence import DeviceRecord, record_of
from netcam.assess.removal import Item, Items, Verification
from netcam.inventory.corrections import parsed
from netcam.inventory.port import RETIRE

if TYPE_CHECKING:
    from netcam.inventory.port import Inventory
    from netcam.model import ScanRecord


class _Retired(msgspec.Struct):
    site: str
    into: dict[str, str]


def device_records(inventory: Inventory, sites: Iterable[str]) -> dict[tuple[str, str], DeviceRecord]:
    """What the keepers of devices recorded of them, by (site, device): days of purchase and attributes, as tags."""
    return {
        (site, remark.device): record_of(remark.tags)
        for site in sorted(set(sites))
        for remark in inventory.remarks(site=site)
        if remark.tags
    }


def decisions(inventory: Inventory) -> Decisions:
    """The exceptions and disputes of the inventory."""
    kinds = (held.EXCEPTION, held.EXCEPTION_END, held.DISPUTE, held.DISPUTE_END)
    return held.fold(merge(*(inventory.actions(kind=kind) for kind in kinds), key=lambda action: action.number))


def removals(inventory: Inventory, site: str | None = None) -> Items:
    """The removal programme of the inventory; what was seen after it was removed is open again."""
    items = removal.fold(inventory.actions(kind=removal.REMOVAL))
    mine = {key: item for key, item in items.items() if site is None or item.site == site}
    if not mine:
        return {}
    seen = {(one.site, one.device): one.last_seen for one in inventory.devices(site=site) if one.last_seen}
    part_of = absorbed(inventory, seen.keys())
    for place, device in {(place, device) for place, device, _ in mine}:
        if (last := seen.get((place, part_of.get((place, device), device)))) is not None:
            seen[place, device] = last
    return removal.seen_again(mine, seen)


def absorbed(inventory: Inventory, live: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(site, device) that left the list -> the device of it that it turned out to be part of: what is seen of that one is seen of it."""
    into: dict[tuple[str, str], str] = {}
    for action in inventory.actions(kind=RETIRE):
        told = parsed(action, _Retired)
        if told is not None:
            into |= {(told.site, old): new for old, new in told.into.items()}
    found: dict[tuple[str, str], str] = {}
    for site, old in into:
        name, met = old, {old}
        while (site, name) not in live and (new := into.get((site, name))) and new not in met:
            met.add(new)
            name = new
        if name != old and (site, name) in live:
            found[site, old] = name
    return found


def verify_removals(inventory: Inventory, scan: ScanRecord, now: datetime) -> list[tuple[Item, Verification]]:
    """Hold what was removed at the scan's site against it, and keep what it says: verified absent, or seen again."""
    items = removal.fold(inventory.actions(kind=removal.REMOVAL)).values()
    gone = [item for item in items if item.site == scan.site and item.state in removal.GONE]
    if not gone:
        return []
    coverage = {line.address: line for line in inventory.coverage(scan.id)}
    seen = {one.device for one in inventory.identities(scan=scan.id, evidence=False)}
    part_of = absorbed(inventory, {(one.site, one.device) for one in inventory.devices(site=scan.site)})
    present = frozenset(seen | {old for (_, old), new in part_of.items() if new in seen})
    told = []
    for item in gone:
        names = dict.fromkeys((item.device, part_of.get((item.site, item.device), item.device)))
        ever = [a for name in names for version in inventory.history(name, site=item.site) for a in version.identity.addresses]
        said = removal.verify(item, scan, addresses=ever, coverage=coverage, present=present)
        day = (scan.started or now).date()
        if said.looked is removal.Looked.ABSENT:
            inventory.act(removal.REMOVAL, removal.verified(item, scan.id, day, ever), now, by="netcam")
        elif said.looked is removal.Looked.PRESENT:
            inventory.act(removal.REMOVAL, removal.found_again(item, scan.id, day), now, by="netcam")
        told.append((item, said))
    return told
