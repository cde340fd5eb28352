"""`netcam policy except`, `dispute`, `end` and `decisions`: what people decide on findings, kept for ever."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.devices import find
from netcam.cli.policy import day, policy
from netcam.cli.scan import FormatOption, StoreOption
from netcam.errors import ConfigError, nearest, shown

if TYPE_CHECKING:
    from netcam.inventory.port import Inventory
    from netcam.model import Finding, Identity

SiteOption = Annotated[str | None, typer.Option("--site", help="Site id, where two sites have the address.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who records it; default: the user who runs netcam.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in a sentence for an auditor.")]


def author(by: str | None) -> str:
    """Who acts: as given, else the user of this process."""
    return by if by and by.strip() else getpass.getuser()


def device_and_finding(inventory: Inventory, address: str, rule: str, site: str | None) -> tuple[Identity, Finding]:
    """A device and its finding under a rule. Raises ConfigError with the rules that there are."""
    one = find(inventory.identities(site=site), address)
    mine = inventory.findings(site=one.site, device=one.device)
    wanted = [finding for finding in mine if rule in (finding.rule, finding.key)]
    if len(wanted) == 1:
        return one, wanted[0]
    if wanted:
        keys = ", ".join(f"{finding.key} ({finding.subject})" for finding in wanted[:8])
        raise ConfigError(shown(rule), f"{len(wanted)} findings of this rule on {shown(address)}", f"give the key of one: {keys}")
    known = sorted({finding.rule for finding in mine})
    raise ConfigError(shown(rule), f"no finding of this rule on {shown(address)}", nearest(rule, known) if known else "it has no findings")


@policy.command("except")
def policy_except(
    address: str,
    rule: Annotated[str, typer.Argument(help="Policy or advisory id, or the key of the finding.")],
    reason: ReasonOption,
    approver: Annotated[str, typer.Option("--approver", help="Who approved it.")],
    until: Annotated[str, typer.Option("--until", help="Last day; then the finding is raised again.")],
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Suppress one finding until a day, with reason and approver. It stays in every report, marked."""
    from netcam.assess import decisions
    from netcam.inventory import open_inventory

    now = output.clock()
    inventory = open_inventory(store)
    try:
        _, finding = device_and_finding(inventory, address, rule, site)
        body = decisions.exception(finding, reason=reason, approver=approver, until=day("--until", until), on=now.date())
        told = inventory.act(decisions.EXCEPTION, body, now, by=author(by))
    finally:
        inventory.close()
    output.say(f"exception {told.number}: {finding.rule} on {address} until {until}")


@policy.command("dispute")
def policy_dispute(
    address: str,
    rule: Annotated[str, typer.Argument(help="Policy or advisory id, or the key of the finding.")],
    slot: Annotated[str, typer.Argument(help="Which slot is wrong: maker, brand, model, firmware, kind ...")],
    value: Annotated[str, typer.Argument(help="What it is; empty for: not known.")],
    reason: ReasonOption,
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Dispute a finding: lock a slot of the device to what you know it is. The program's own claim stays visible beside it."""
    from netcam.assess import decisions
    from netcam.inventory import corrections, open_inventory

    now, who = output.clock(), author(by)
    inventory = open_inventory(store)
    try:
        one, finding = device_and_finding(inventory, address, rule, site)
        decisions.dispute(finding, slot=slot, value=value, reason=reason, lock=0)  # refused before anything is written
        lock = corrections.lock(inventory, one.site, one.device, slot, value, now, by=who, reason=reason)
        body = decisions.dispute(finding, slot=slot, value=value, reason=reason, lock=lock.number)
        told = inventory.act(decisions.DISPUTE, body, now, by=who)
    finally:
        inventory.close()
    output.say(f"dispute {told.number}: {slot} of {address} is {value or 'not known'}; the next look judges it so")


@policy.command("end")
def policy_end(
    number: Annotated[int, typer.Argument(help="Number of the exception or dispute, as `policy decisions` shows it.")],
    reason: ReasonOption,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """End an exception or a dispute before its day; the finding counts again, and a disputed slot is free again."""
    from netcam.assess import decisions
    from netcam.inventory import corrections, open_inventory
    from netcam.inventory.decided import decisions as read

    now, who = output.clock(), author(by)
    inventory = open_inventory(store)
    try:
        held = read(inventory)
        kind, body = decisions.ending(held, number, reason=reason)
        locked = next((one.lock for one in held.all if one.number == number and one.lock), 0)
        if locked and any(lock.number == locked for locks in corrections.read(inventory).locks.values() for lock in locks):
            corrections.withdraw(inventory, locked, now, by=who, reason=reason)
        inventory.act(kind, body, now, by=who)
    finally:
        inventory.close()
    output.say(f"{kind.removesuffix('.end')} {number} ended")


@policy.command("decisions")
def policy_decisions(site: SiteOption = None, format_: FormatOption = output.Format.AUTO, store: StoreOption = None) -> None:
    """List every exception and dispute with who, why and until when, and where it stands today."""
    from netcam.assess.decisions import Standing
    from netcam.inventory import open_inventory
    from netcam.inventory.decided import decisions as read

    today = output.clock().date()
    inventory = open_inventory(store)
    try:
        held = read(inventory)
        findings = {finding.key: finding for finding in inventory.findings(site=site)}
    finally:
        inventory.close()
    rows = []
    for one in held.all:
        if site is not None and one.site != site:
            continue
        finding = findings.get(one.key)
        stand = held.of(finding, today) if finding is not None else None
        newest = one in (held.exceptions.get(one.key), held.disputes.get(one.key))
        standing = "ended" if one.ended else "replaced" if not newest else stand.standing.value if stand else "no such finding any more"
        if standing == Standing.OPEN.value:
            standing = "ended"
        rows.append(
            [str(one.number), one.kind, one.site, one.device, one.rule, standing, str(one.until or ""), one.approver, one.by, one.says()]
        )
    columns = ("number", "kind", "site", "device", "rule", "standing", "until", "approver", "by", "says")
    if output.wants_table(format_):
        output.console().print(output.table("Decisions on findings", columns, rows, limit=400))
        return
    output.each(dict(zip(columns, row, strict=True)) for row in rows)
