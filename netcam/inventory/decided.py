"""What the inventory holds of decisions: exceptions and disputes, the removal programme, and what keepers recorded of their devices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from heapq import merge
from typing import TYPE_CHECKING

from netcam.assess import decisions as held
from netcam.assess import removal
from netcam.assess.decisions import Decisions
from netcam.assess.evidence import DeviceRecord, record_of
from netcam.assess.removal import Item, Items, Verification

if TYPE_CHECKING:
    from netcam.inventory.port import Inventory
    from netcam.model import ScanRecord


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
    seen = {(one.site, one.device): one.last_seen for one in inventory.devices(site=site) if one.last_seen} if mine else {}
    return removal.seen_again(mine, seen)


def verify_removals(inventory: Inventory, scan: ScanRecord, now: datetime) -> list[tuple[Item, Verification]]:
    """Hold what was removed at the scan's site against it, and keep what it says: verified absent, or seen again."""
    items = removal.fold(inventory.actions(kind=removal.REMOVAL)).values()
    gone = [item for item in items if item.site == scan.site and item.state in removal.GONE]
    if not gone:
        return []
    coverage = {line.address: line for line in inventory.coverage(scan.id)}
    present = frozenset(one.device for one in inventory.identities(scan=scan.id, evidence=False))
    told = []
    for item in gone:
        ever = [address for version in inventory.history(item.device, site=item.site) for address in version.identity.addresses]
        said = removal.verify(item, scan, addresses=ever, coverage=coverage, present=present)
        day = (scan.started or now).date()
        if said.looked is removal.Looked.ABSENT:
            inventory.act(removal.REMOVAL, removal.verified(item, scan.id, day, ever), now, by="netcam")
        elif said.looked is removal.Looked.PRESENT:
            inventory.act(removal.REMOVAL, removal.found_again(item, scan.id, day), now, by="netcam")
        told.append((item, said))
    return told
