"""`netcam reconcile`: the owner's register against what is on the network."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.owner import CredentialsOption
from netcam.cli.passive import Told, column
from netcam.cli.scan import ConfigOption, ContentOption, FormatOption, StoreOption, cache_folder
from netcam.errors import ConfigError, ContentError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from netcam.collect.credentials import Credentials, Secret
    from netcam.collect.importers.source import Problem
    from netcam.collect.registers.compare import Line, Looked
    from netcam.collect.registers.entry import Entry
    from netcam.inventory.port import Inventory
    from netcam.model import ScanRecord
    from netcam.pipeline import Content

MAX_ROWS = 2_000
"""Rows of one table; the rest is counted. JSON lines have no such end."""
MAX_LOOKED = 1 << 20
"""Addresses whose last fate is held in memory: a /12."""
TOKEN_VARIABLE = "NETCAM_NETBOX_TOKEN"  # noqa: S105 - the name of the variable
SWEEPS = frozenset({"polite", "standard", "deep"})
COLUMNS = ("result", "register", "name", "address", "device", "maker", "model", "why", "evidence")


def reconcile(
    list_: Annotated[str, typer.Argument(metavar="LIST", help="CSV file (also .gz), or the address of a NetBox.")],
    site: Annotated[str, typer.Option("--site", help="Site id, as in the settings.")] = "default",
    columns: Annotated[list[str] | None, typer.Option("--column", help="For CSV: ROLE=HEADING, such as address='Camera IP'.")] = None,
    query: Annotated[list[str] | None, typer.Option("--query", help="For NetBox: KEY=VALUE, such as role=camera.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show what agrees as well.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 10 where register and network do not agree.")] = False,
    credentials: CredentialsOption = None,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
) -> None:
    """Hold an asset register (CSV, NetBox) against the network: unknown to the register, not on the network, maker or model differs."""
    from netcam import config as settings_file
    from netcam.collect import credentials as owners
    from netcam.collect.registers import compare, listed, netbox
    from netcam.inventory import open_inventory
    from netcam.inventory.history import missing_at
    from netcam.pipeline import Content

    settings, loaded = settings_file.load(config), Content(content, cache=cache_folder())
    problems: list[Problem] = []
    entries: Iterator[Entry]
    if list_.startswith(("http://", "https://")):
        token = _token(owners.load(credentials or settings.credentials_path(site)), list_)
        fetch = netbox.fetcher(list_, token, clear=settings.credentials_in_clear(site))
        entries = netbox.entries(fetch, [column(text, "--query") for text in query or ()], problems)
    else:
        entries = listed.entries(Path(list_), dict(column(text, "--column") for text in columns or ()), problems)
    told = Told(list_, problems)
    inventory = open_inventory(store, settings=settings)
    try:
        devices = inventory.identities(site=site)
        if not devices:
            raise ContentError(
                "reconcile", f"nothing is known of site {shown(site)}", "run `netcam scan` first: an empty inventory proves nothing"
            )
        seen, present = presence(inventory, site)
        gone = frozenset(missing_at(inventory, site, devices))
        lines = compare.compare(
            told.watching(entries),
            devices,
            last_seen=seen,
            present=present - gone,
            gone=gone,
            looked=looked(inventory, site),
            aliases=aliases(loaded),
        )
        counts: Counter[str] = Counter()
        _show(compare.totals(lines, counts), everything, format_)
    finally:
        inventory.close()
    summary = {name.value: counts[name.value] for name in compare.Result if counts[name.value]}
    if output.wants_table(format_):
        output.say("; ".join(f"{count} {name}" for name, count in summary.items()) or "the register has no entries")
    else:
        output.line({"type": "reconciled", "register": list_, "site": site, "problems": told.count, **summary})
    wrong = (compare.Result.UNREGISTERED, compare.Result.ABSENT, compare.Result.DIFFERS, compare.Result.TWICE)
    raise typer.Exit(output.FINDINGS_EXIT if fail and any(counts[one.value] for one in wrong) else 0)


def _token(given: Credentials, url: str) -> Secret:
    import os

    from netcam.collect import credentials

    for register in given.registers:
        if url.rstrip("/").startswith(register.url.rstrip("/")):
            return register.token
    if os.environ.get(TOKEN_VARIABLE):
        return credentials.Secret(os.environ[TOKEN_VARIABLE])
    raise ConfigError("NetBox", "no token is given", f"set {TOKEN_VARIABLE}, or write [[register]] into the credentials file")


def presence(inventory: Inventory, site: str) -> tuple[dict[str, datetime | None], frozenset[str]]:
    """When each device was seen last, and which the last sweep of the site, or of its network, saw (without a sweep: all)."""
    seen = {one.device: one.last_seen for one in inventory.devices(site=site)}
    sweeps = [one for one in inventory.scans(site) if one.profile in SWEEPS and one.status == "complete" and one.started]
    if not sweeps:
        return seen, frozenset(seen)
    begun = max(one.started for one in sweeps if one.started)
    newest = {one.targets: one.id for one in sorted(sweeps, key=lambda one: one.started.timestamp() if one.started else 0.0)}
    swept = {one.device for scan in newest.values() for one in inventory.identities(scan=scan, evidence=False)}
    return seen, frozenset(device for device, at in seen.items() if at is None or at >= begun or device in swept)


def looked(inventory: Inventory, site: str) -> Callable[[str], Looked | None]:
    """What the last sweep that covered an address made of it."""
    from netcam.collect.registers.compare import Looked

    fates: dict[str, Looked] = {}
    sweeps: list[ScanRecord] = [one for one in inventory.scans(site) if one.profile in SWEEPS]
    for scan in sorted(sweeps, key=lambda one: one.started.timestamp() if one.started else 0.0):
        for one in inventory.coverage(scan.id):
            if len(fates) < MAX_LOOKED or one.address in fates:
                fates[one.address] = Looked(state=one.state.value, at=scan.finished or scan.started)
    return fates.get


def aliases(content: Content) -> Callable[[str], frozenset[str]]:
    """The folded names of a maker: its own, its group's legal name, and every badge of that group."""
    from functools import cache

    from netcam.catalog.families import fold

    @cache
    def names(name: str) -> frozenset[str]:
        found = {fold(name)}
        family = content.families.of_maker(name)
        brand = content.families.of_brand(name)
        for group in (family, brand[0] if brand else None):
            if group is not None:
                found |= {fold(group.name), *(fold(maker) for maker in group.makers)}
        for word in (" technology", " co.", " ltd", " inc", " gmbh", " digital"):
            # "Hikvision Digital Technology Co., Ltd." in a register is Hikvision
            if word in name.lower():
                found.add(fold(name.lower().partition(word)[0]))
        return frozenset(found)

    return names


def _show(lines: Iterator[Line], everything: bool, format_: output.Format) -> None:
    from netcam.collect.registers.compare import Result, record

    rows: list[list[str]] = []
    left = 0
    for one in lines:
        if one.result is Result.AGREES and not everything:
            continue
        if not output.wants_table(format_):
            output.line(record(one))
            continue
        if len(rows) >= MAX_ROWS:
            left += 1
            continue
        entry, device = one.entry, one.device
        rows.append(
            [
                one.result.value, entry.where if entry else "", entry.name if entry else "",
                entry.address if entry and entry.address else ", ".join(device.addresses[:2]) if device else "",
                device.device if device else "", (device.get("maker") or "" if device else ""), (device.get("model") or "" if device else ""),
                one.why, "; ".join(one.evidence[:2]),
            ]
        )  # fmt: skip
    if output.wants_table(format_):
        output.console().print(output.table("Register against network", COLUMNS, rows))
        if left:
            output.say(f"{left} further rows not shown; --format jsonl has them all")
