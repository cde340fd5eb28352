"""`netcam removal`: the programme that takes devices out, step by step, with its progress."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.decide import ByOption, SiteOption, author
from netcam.cli.devices import find, pick_scan
from netcam.cli.policy import day
from netcam.cli.scan import FormatOption, StoreOption
from netcam.errors import ConfigError, nearest, shown
from netcam.model import Verdict, verdict_rank

if TYPE_CHECKING:
    from netcam.assess.removal import Item, Items
    from netcam.inventory.port import Inventory

app = typer.Typer(help="The removal programme: who has to go, how far it is, and who answers.", no_args_is_help=True, rich_markup_mode=None)

RuleOption = Annotated[str | None, typer.Option("--rule", help="Policy id, where the device has to go under several.")]
OwnerOption = Annotated[str, typer.Option("--owner", help="Who answers for it.")]
DueOption = Annotated[str | None, typer.Option("--due", help="By when it has to be gone.")]
NoteOption = Annotated[str, typer.Option("--note", help="What else an auditor should know.")]


@app.command("open")
def removal_open(
    address: Annotated[str | None, typer.Argument(help="A device; without one, every device with such a verdict.")] = None,
    rule: RuleOption = None,
    verdict: Annotated[str, typer.Option("--verdict", help="Without an address: verdicts from here on.")] = "restricted",
    owner: OwnerOption = "",
    due: DueOption = None,
    note: NoteOption = "",
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Take devices into the programme by their findings; a finding under exception is left out."""
    from netcam.assess import removal
    from netcam.inventory import open_inventory
    from netcam.inventory.decided import decisions, removals

    words = [str(one) for one in Verdict]
    if verdict not in words:
        raise ConfigError("--verdict", f"{shown(verdict)} is no verdict", nearest(verdict, words))
    now = output.clock()
    until = day("--due", due) if due else None
    inventory = open_inventory(store)
    try:
        held, stands = removals(inventory), decisions(inventory)
        one = find(inventory.identities(site=site), address) if address else None
        found = inventory.findings(site=one.site if one else site, device=one.device if one else None)
        wanted = [f for f in found if f.kind == "policy" and f.verdict and (rule is None or f.rule == rule)]
        if one is None:
            wanted = [
                f for f in wanted if f.verdict and verdict_rank(f.verdict) >= verdict_rank(verdict) and stands.of(f, now.date()).raised
            ]
        elif not wanted:
            raise ConfigError(shown(address or ""), "no policy finding of this rule", "see `netcam policy why` for its findings")
        elif rule is None:
            wanted = [max(wanted, key=lambda f: f.rank)]
        fresh = [f for f in wanted if (f.site, f.device, f.rule) not in held]
        for f in fresh:
            inventory.act(
                removal.REMOVAL,
                removal.opening(f.site, f.device, f.rule, on=now.date(), owner=owner, due=until, note=note),
                now,
                by=author(by),
            )
    finally:
        inventory.close()
    output.say(f"{len(fresh)} devices taken into the programme, {len(wanted) - len(fresh)} were in it already")
    if not wanted:
        levels = Counter(str(f.verdict) for f in found if f.kind == "policy" and f.verdict)
        told = ", ".join(f"{count} {level}" for level, count in levels.items())
        output.say(f"no policy finding stands at {verdict} or above; there are: {told or 'none at all'}. --verdict names another level")


def item_of(inventory: Inventory, held: Items, address: str, rule: str | None, site: str | None) -> Item:
    """The item of a device, which may have left the list of devices. Raises ConfigError."""
    try:
        one = find(inventory.identities(site=site), address)
        place: tuple[str | None, str] = (one.site, one.device)
    except ConfigError:
        place = (site, address)
    mine = [i for i in held.values() if i.device == place[1] and place[0] in (None, i.site) and rule in (None, i.rule)]
    if len(mine) == 1:
        return mine[0]
    if not mine:
        raise ConfigError(shown(address), "is not in the removal programme", "take it in with `netcam removal open`")
    raise ConfigError(shown(address), f"has to go under {', '.join(i.rule for i in mine)}", "say which with --rule")


@app.command("step")
def removal_step(
    address: str,
    step: Annotated[str, typer.Argument(help="confirmed, isolated or removed.")],
    on: Annotated[str | None, typer.Option("--on", help="When it was done; default: today.")] = None,
    note: NoteOption = "",
    rule: RuleOption = None,
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Record a step: confirmed on site, isolated, removed. That a device is gone for sure is for `verify` to say."""
    from netcam.assess import removal
    from netcam.inventory import open_inventory
    from netcam.inventory.decided import removals

    now = output.clock()
    when = day("--on", on) if on else now.date()
    inventory = open_inventory(store)
    try:
        item = item_of(inventory, removals(inventory), address, rule, site)
        inventory.act(removal.REMOVAL, removal.stepping(item, step, on=when, today=now.date(), note=note), now, by=author(by))
    finally:
        inventory.close()
    output.say(f"{address}: {step} on {when} ({item.rule})")


@app.command("assign")
def removal_assign(
    address: str,
    owner: OwnerOption = "",
    due: DueOption = None,
    rule: RuleOption = None,
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Give an item an owner, a due day, or both."""
    from netcam.assess import removal
    from netcam.inventory import open_inventory
    from netcam.inventory.decided import removals

    now = output.clock()
    inventory = open_inventory(store)
    try:
        item = item_of(inventory, removals(inventory), address, rule, site)
        body = removal.assigning(item, on=now.date(), owner=owner, due=day("--due", due) if due else None)
        inventory.act(removal.REMOVAL, body, now, by=author(by))
    finally:
        inventory.close()
    output.say(f"{address}: owner {owner or item.owner or 'not named'}, due {due or item.due or 'not set'}")


@app.command("verify")
def removal_verify(
    scan: Annotated[str, typer.Argument(help="Scan id (or its beginning), or last.")] = "last",
    site: SiteOption = None,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
) -> None:
    """Hold what was removed against a completed scan: absent, seen again, or not told because its addresses were not looked at."""
    from netcam.assess import removal
    from netcam.inventory import open_inventory
    from netcam.inventory.decided import verify_removals

    inventory = open_inventory(store)
    try:
        chosen = pick_scan(inventory, scan, site)
        told = verify_removals(inventory, chosen, output.clock())
    finally:
        inventory.close()
    rows = [[item.device, item.rule, said.looked.value, said.why] for item, said in told]
    columns = ("device", "rule", "looked", "why")
    if output.wants_table(format_):
        output.console().print(output.table(f"Removed devices, by scan {chosen.id}", columns, rows, limit=400))
    else:
        output.each(dict(zip(columns, row, strict=True)) for row in rows)
    if any(said.looked is removal.Looked.PRESENT for _, said in told):
        output.say("a removed device was seen again: it is open again")


@app.command("list")
def removal_list(site: SiteOption = None, format_: FormatOption = output.Format.AUTO, store: StoreOption = None) -> None:
    """List every item with its state, owner and due day; what was seen after its removal is open again."""
    today, held = _read(store, site)
    rows = [
        [
            i.site,
            i.device,
            i.rule,
            i.state.value,
            i.owner,
            str(i.due or ""),
            "overdue" if i.overdue(today) else "",
            str(i.opened),
            str(i.steps[-1].on),
        ]
        for i in held.values()
    ]
    columns = ("site", "device", "rule", "state", "owner", "due", "overdue", "opened", "since")
    if output.wants_table(format_):
        output.console().print(output.table("Removal programme", columns, rows))
        return
    output.each(dict(zip(columns, row, strict=True)) for row in rows)


@app.command("progress")
def removal_progress(site: SiteOption = None, format_: FormatOption = output.Format.AUTO, store: StoreOption = None) -> None:
    """Show how far each site and the estate are, and the burn-down by week."""
    from netcam.assess import removal

    today, held = _read(store, site)
    columns = ("site", "total", *(step.value for step in removal.Step), "overdue", "gone")
    rows: list[tuple[str | int | None, ...]] = [
        (
            row.site or "estate",
            row.total,
            *(row.by_state.get(step, 0) for step in removal.Step),
            row.overdue,
            100 * row.gone // row.total if row.total else None,
        )
        for row in removal.progress(held.values(), today)
    ]
    burn = removal.burn_down(held.values(), today)
    if output.wants_table(format_):
        cells = [[*map(str, row[:-1]), "-" if row[-1] is None else f"{row[-1]} %"] for row in rows]
        output.console().print(output.table("Progress", columns, cells))
        days = [[str(b.day), str(b.standing), str(b.gone)] for b in burn]
        output.console().print(output.table("Burn-down", ("day", "standing", "gone"), days))
        return
    output.each({"type": "progress"} | dict(zip((*columns[:-1], "gone_percent"), row, strict=True)) for row in rows)
    output.each({"type": "burn", "day": str(b.day), "standing": b.standing, "gone": b.gone} for b in burn)


def _read(store: str | None, site: str | None) -> tuple[date, Items]:
    from netcam.inventory import open_inventory
    from netcam.inventory.decided import removals

    inventory = open_inventory(store)
    try:
        return output.clock().date(), removals(inventory, site)
    finally:
        inventory.close()
