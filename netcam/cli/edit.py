"""What the operator says of devices: `netcam edit remark`, `lock`, `join`, `split`, `withdraw`, `list`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import device_list, output
from netcam.cli.devices import find
from netcam.cli.inventory import ByOption, who
from netcam.cli.scan import ContentOption, StoreOption, cache_folder
from netcam.errors import ConfigError, shown

if TYPE_CHECKING:
    from netcam.inventory.port import Inventory

app = typer.Typer(
    help="Your own word on devices: remarks beside the facts, and corrections that hold over them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AddressArgument = Annotated[str, typer.Argument(help="Address, MAC or device key.")]
SiteOption = Annotated[str | None, typer.Option("--site")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with it.")]


@app.command("remark")
def remark(
    address: AddressArgument,
    owner: Annotated[str | None, typer.Option("--owner")] = None,
    location: Annotated[str | None, typer.Option("--location")] = None,
    contract: Annotated[str | None, typer.Option("--contract")] = None,
    notes: Annotated[str | None, typer.Option("--notes", help="Replaces the notes; an empty text takes them away.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Add a tag; may be repeated.")] = None,
    untag: Annotated[list[str] | None, typer.Option("--untag", help="Take a tag away; may be repeated.")] = None,
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Write owner, location, contract, notes and tags of a device. They stand beside what was observed and change none of it."""
    from netcam.inventory import open_inventory
    from netcam.inventory.port import Remark

    inventory = open_inventory(store)
    try:
        one = find(inventory.identities(site=site, evidence=False), address)
        known = next((r for r in inventory.remarks(site=one.site) if r.device == one.device), Remark(device=one.device, site=one.site))
        given = {"owner": owner, "location": location, "contract": contract, "notes": notes}
        tags = tuple(dict.fromkeys(t for t in (*known.tags, *(tag or ())) if t and t not in (untag or ())))
        told = replace(known, **{k: v for k, v in given.items() if v is not None}, tags=tags, at=output.clock(), by=who(by))
        inventory.remark(told)
    finally:
        inventory.close()
    output.line({"type": "remark", "device": one.device, "site": one.site} | device_list.remark_record(told))


@app.command("lock")
def lock(
    address: AddressArgument,
    values: Annotated[list[str], typer.Argument(help="SLOT=VALUE, such as maker=Axis; an empty value says that it is not known.")],
    reason: ReasonOption = "",
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Say what a slot of a device is, whatever fingerprints say. Shown as your word; `withdraw` takes it back."""
    from netcam.inventory import corrections, open_inventory

    pairs = [text.partition("=") for text in values]
    for text, (_, found, _) in zip(values, pairs, strict=True):
        if not found:
            raise ConfigError(shown(text), "is not SLOT=VALUE", "write maker=Axis")
    inventory = open_inventory(store)
    try:
        one = find(inventory.identities(site=site, evidence=False), address)
        for slot, _, value in pairs:
            told = corrections.lock(inventory, one.site, one.device, slot.strip(), value.strip(), output.clock(), by=who(by), reason=reason)
            output.line({"type": "lock", "number": told.number, "device": one.device, "site": one.site, "slot": slot, "value": value})
        _judge_again(inventory, one.site, by, content)
    finally:
        inventory.close()


@app.command("join")
def join(
    addresses: Annotated[list[str], typer.Argument(help="Addresses, MACs or device keys that are one device.")],
    reason: ReasonOption = "",
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Say that several devices of one site are one."""
    from netcam.inventory import corrections, open_inventory
    from netcam.pipeline import known_devices

    inventory = open_inventory(store)
    try:
        everyone = inventory.identities(site=site, evidence=False)
        ones = [find(everyone, address) for address in addresses]
        if len({(one.site, one.device) for one in ones}) < 2:
            raise ConfigError("join", "these are one device already", "name two devices")
        if len({one.site for one in ones}) > 1:
            raise ConfigError("join", "devices of two sites are never one", "name devices of one site")
        known = known_devices(inventory, [ones[0].site], corrections.read(inventory))
        marks = [mark for one in ones for mark in _strongest(known.marks(ones[0].site, one.device), one.addresses)]
        told = corrections.tie(inventory, corrections.JOIN, ones[0].site, dict.fromkeys(marks), output.clock(), by=who(by), reason=reason)
        output.line({"type": "join", "number": told.number, "site": ones[0].site, "marks": list(dict.fromkeys(marks))})
        _judge_again(inventory, ones[0].site, by, content)
    finally:
        inventory.close()


def _strongest(marks: tuple[str, ...], addresses: tuple[str, ...]) -> list[str]:
    """What a device is known by for good: serial numbers and MACs, else identifiers, else its addresses."""
    for kinds in (("serial:", "mac:"), ("uuid:", "certificate:", "key:")):
        found = [mark for mark in marks if mark.startswith(kinds)]
        if found:
            return found
    return [f"address:{address}" for address in addresses]


@app.command("split")
def split(
    address: Annotated[str, typer.Argument(help="MAC or address that is a device of its own.")],
    reason: ReasonOption = "",
    site: SiteOption = None,
    by: ByOption = None,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Say that what was seen under a MAC or an address is a device of its own."""
    from netcam import wire
    from netcam.inventory import corrections, open_inventory

    inventory = open_inventory(store)
    try:
        one = find(inventory.identities(site=site, evidence=False), address)
        mac = wire.normal_mac(address)
        mark = f"mac:{mac}" if mac else f"address:{address}"
        told = corrections.tie(inventory, corrections.SPLIT, one.site, [mark], output.clock(), by=who(by), reason=reason)
        output.line({"type": "split", "number": told.number, "site": one.site, "marks": [mark]})
        _judge_again(inventory, one.site, by, content)
    finally:
        inventory.close()


@app.command("withdraw")
def withdraw(
    number: Annotated[int, typer.Argument(help="Number of a lock, join or split (`netcam edit list`).")],
    reason: ReasonOption = "",
    by: ByOption = None,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Take a lock, join or split back; that it was there stays in the chain."""
    import msgspec

    from netcam.inventory import corrections, open_inventory

    inventory = open_inventory(store)
    try:
        corrections.withdraw(inventory, number, output.clock(), by=who(by), reason=reason)
        body = next(a.body for a in inventory.actions(after=number - 1))
        _judge_again(inventory, msgspec.json.decode(body)["site"], by, content)
    finally:
        inventory.close()


@app.command("list")
def list_(site: SiteOption = None, store: StoreOption = None) -> None:
    """List the corrections that hold, with their numbers."""
    from netcam.inventory import corrections, open_inventory

    inventory = open_inventory(store)
    try:
        holds = corrections.read(inventory)
    finally:
        inventory.close()
    for (place, device), locks in sorted(holds.locks.items()):
        if site in (None, place):
            for k in locks:
                output.line(
                    {"type": "lock", "number": k.number, "device": device, "site": place, "slot": k.slot, "value": k.value, "by": k.by}
                    | ({"given": k.given} if k.given != device else {})
                )
    for tie in holds.ties:
        if site in (None, tie.site):
            output.line({"type": tie.kind, "number": tie.number, "site": tie.site, "marks": list(tie.marks)})


def _judge_again(inventory: Inventory, site: str, by: str | None, content: str | None) -> None:
    """What is stored of the site, judged by the corrections that hold now."""
    from netcam import config
    from netcam.model import Site
    from netcam.pipeline import Content, rejudge

    settings = config.load()
    loaded = Content(content, cache=cache_folder(), local=settings.policies_path())
    where = settings.site(site) if site in settings.sites else Site(id=site)
    for changed in rejudge(inventory, loaded, where, output.clock(), by=who(by)):
        for slot, (old, new) in changed.differences().items():
            output.line({"type": "changed", "device": changed.device, "site": site, "slot": slot, "old": old, "new": new})
