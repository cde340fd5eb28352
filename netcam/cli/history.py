"""What happened when: `timeline` and `diff`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import output
from netcam.cli.devices import find, instant, is_date, pick_scan
from netcam.cli.scan import FormatOption, StoreOption
from netcam.errors import ConfigError, shown
from netcam.model import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcam.inventory.diff import Change
    from netcam.inventory.history import Event
    from netcam.inventory.port import Inventory


def timeline(
    address: Annotated[str, typer.Argument(help="Address, MAC or device key; of an address also who had it before.")],
    site: Annotated[str | None, typer.Option("--site")] = None,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
) -> None:
    """Everything that happened to a device: changes by field, findings, absences, what operators did; of an address, who had it."""
    from netcam.inventory import open_inventory

    inventory = open_inventory(store)
    try:
        events = _events(inventory, address, site)
    finally:
        inventory.close()
    if output.wants_table(format_):
        rows = [
            [rfc3339(e.at, "seconds"), e.site, e.device, e.what, e.field, e.old or "", e.new or "", e.scan, e.source]
            for e in events
        ]  # fmt: skip
        console, columns = output.console(), ("at", "site", "device", "what", "field", "old", "new", "scan", "source")
        console.print(output.table(f"Timeline of {output.escaped(address)}", columns, rows))
        return
    for e in events:
        output.line(
            {"type": "event", "at": rfc3339(e.at), "what": e.what, "device": e.device, "site": e.site, "field": e.field, "old": e.old,
             "new": e.new, "scan": e.scan, "source": e.source}
        )  # fmt: skip


def _events(inventory: Inventory, wanted: str, site: str | None) -> Sequence[Event]:
    """Of the devices that have or had the address, MAC or key. Raises ConfigError where nobody ever had."""
    from netcam import wire
    from netcam.inventory.history import timeline as run

    mac = wire.normal_mac(wanted)
    here = inventory.identities(site=site, evidence=False)
    who = {(i.site, i.device) for i in here if wanted in (i.device, *i.addresses) or (mac and mac in i.macs)}
    bearers: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for one in here:
        for mark in (one.device, *one.macs):
            bearers.setdefault((one.site, mark), set()).add((one.site, one.device))
    for seen in inventory.observations(address=wanted, site=site):  # whoever had it before
        for mark in {seen.key, seen.mac}:
            who |= bearers.get((seen.site, mark), set())
    who |= {(v.identity.site, v.identity.device) for v in inventory.history(wanted, site=site)}
    if not who:
        find(here, wanted)  # says what is near
    return sorted((e for place, device in who for e in run(inventory, place, device)), key=lambda e: (e.at, e.site, e.device))


def diff(
    before: Annotated[str, typer.Argument(help="Scan id (or its beginning), `previous`, or a date.")] = "previous",
    after: Annotated[str, typer.Argument(help="Scan id (or its beginning), `last`, or a date.")] = "last",
    site: Annotated[str | None, typer.Option("--site")] = None,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
) -> None:
    """Compare two scans, or two dates: new, changed, missing, returned and not covered. A date means its end."""
    from netcam.inventory import open_inventory

    inventory = open_inventory(store)
    try:
        dates = [is_date(text) and not any(s.id.startswith(text) for s in inventory.scans(site)) for text in (before, after)]
        changes = _between(inventory, before, after, site) if any(dates) else _of_scans(inventory, before, after, site)
    finally:
        inventory.close()
    if output.wants_table(format_):
        rows = [[str(c.kind), c.site, c.device, c.field, c.old or "", c.new or "", c.reason] for c in changes]
        columns = ("change", "site", "device", "field", "old", "new", "why")
        output.console().print(output.table(f"From {before} to {after}", columns, rows))
        return
    for c in changes:
        output.line(_record(c))


def _record(c: Change) -> dict[str, Any]:
    told = {"type": "change", "kind": str(c.kind), "device": c.device, "site": c.site, "field": c.field, "old": c.old, "new": c.new}
    return told | ({"reason": c.reason} if c.reason else {})


def _of_scans(inventory: Inventory, before: str, after: str, site: str | None) -> list[Change]:
    from netcam.inventory.diff import diff as compare
    from netcam.inventory.history import known_before

    old, new = pick_scan(inventory, before, site), pick_scan(inventory, after, site)
    return compare(
        inventory.identities(scan=old.id, evidence=False),
        inventory.identities(scan=new.id, evidence=False),
        coverage_after=inventory.coverage(new.id) if new.status == "complete" else None,
        seen_earlier=known_before(inventory, old.started, new.site),
        targets=new.targets,
        coverage_before=inventory.coverage(old.id) if old.status == "complete" else (),
        targets_before=old.targets,
    )


def _between(inventory: Inventory, before: str, after: str, site: str | None) -> list[Change]:
    from netcam.inventory.history import between

    def when(text: str) -> datetime:
        if is_date(text):
            return instant(text)
        if text == "last":
            return output.clock()
        scan = pick_scan(inventory, text, site)
        at = scan.finished or scan.started
        if at is None:
            raise ConfigError(shown(text), "is a scan without a time", "give a date")
        return at

    earlier, later = when(before), when(after)
    if later < earlier:
        raise ConfigError("diff", "the second date lies before the first", "give the earlier one first")
    return between(inventory, earlier, later, site=site)
