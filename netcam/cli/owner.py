"""`netcam ask`: the owner's own account asks the owner's own devices what they tell nobody else."""

from __future__ import annotations

import asyncio
import platform
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption, ContentOption, FormatOption, ScopeOption, StoreOption, cache_folder, state_folder
from netcam.errors import ConfigError, ContentError, ScopeError, shown

if TYPE_CHECKING:
    from netcam.collect.accounts import Asked, Known
    from netcam.collect.scope import Network, Scope
    from netcam.inventory.port import Inventory
    from netcam.model import Identity

CredentialsOption = Annotated[
    Path | None, typer.Option("--credentials", help="File of accounts that only you can read (chmod 600); default: the site's, or the environment.")
]  # fmt: skip
COLUMNS = ("address", "result", "maker", "model", "firmware", "accounts", "discovery", "remote", "channels", "note")
ASKED = "ask"
"""Observations of this command carry it as their run: it is no scan of the site, and must not be anybody's `last`."""
REMOTE = ("onvif.remote_discovery_mode", "onvif.remote_proxy", "onvif.dynamic_dns", "onvif.uplink")


def ask(
    addresses: Annotated[
        list[str] | None, typer.Argument(help="Devices of the inventory by address, MAC or key; default: all that speak ONVIF.")
    ] = None,
    site: Annotated[str, typer.Option("--site", help="Site id, as in the settings.")] = "default",
    credentials: CredentialsOption = None,
    again: Annotated[bool, typer.Option("--again", help="Try the named devices again although they refused an account before.")] = False,
    scope: ScopeOption = None,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
) -> None:
    """Ask cameras and recorders with the owner's account over ONVIF: what they are, their network, a recorder's channels."""
    if again and not addresses:
        raise ConfigError("--again", "no device is named", "name the devices whose account was mended: netcam ask 192.0.2.10 --again")
    try:
        from netcam.collect import accounts
    except ImportError as error:
        raise ConfigError("ask", f"the ONVIF library is not installed: {error.name}", "pip install 'netcam[owner]'") from None
    from netcam import config as settings_file
    from netcam.collect import credentials as owners
    from netcam.collect import scope as scopes
    from netcam.collect.gate import Gate, StopSwitch
    from netcam.collect.plan import PROFILES
    from netcam.collect.sweep import one_run_per_site
    from netcam.inventory import open_inventory
    from netcam.pipeline import Content, judge, stopped_by_signal
    from netcam.pipeline import store as keep

    settings = settings_file.load(config)
    given = owners.load(credentials or settings.credentials_path(site))
    refusals = owners.Refusals(state_folder() / "refusals.json")
    loaded = Content(content, cache=cache_folder(), local=settings.policies_path())
    inventory = open_inventory(store, settings=settings)
    try:
        known = list(devices(inventory, site, addresses or ()))
        if not known:
            raise ContentError("ask", f"no device of site {shown(site)} to ask", "run `netcam scan` first, or name a device")
        refusals.check()
        if again:
            for one in known:
                refusals.lift(site, one.mac or one.address)
        wanted_scope = scope or settings.scope_path(site)
        authorised = scopes.load(wanted_scope, now=output.clock()) if wanted_scope else None
        networks, known = authorised_of(known, authorised)
        sensor, stop = settings.sensor or platform.node() or "sensor", StopSwitch()
        run = uuid.uuid4().hex[:12]
        gate = Gate(
            networks=networks,
            scope=authorised,
            rates=PROFILES["polite"].rates.limited(settings.rates.bounds()),
            stop=stop,
            audit=state_folder() / "audit" / f"{run}.jsonl",
        )
        results: list[Asked] = []

        def done(one: Asked) -> None:
            inventory.record(accounts.observations(one, site=site, sensor=sensor, scan=ASKED))
            results.append(one)
            output.say(f"{one.known.address}: {one.told.status}{': ' + one.told.note if one.told.note else ''}")

        try:
            with stopped_by_signal(stop), one_run_per_site(site, state_folder()):
                asyncio.run(
                    accounts.ask(
                        known,
                        given,
                        refusals,
                        gate,
                        site=site,
                        clear=settings.credentials_in_clear(site),
                        clock=output.clock,
                        stop=stop,
                        done=done,
                    )
                )
        finally:
            gate.close()
        # what a device told before counts as well: its owner's word comes on top
        keys = {one.known.device for one in results} | {f"{one.known.device}#{c.number}" for one in results for c in one.told.channels}
        seen = (o for key in sorted(keys) for o in inventory.observations(device=key, site=site))
        judged = judge(seen, loaded, settings.site(site), output.clock(), inventory=inventory, part=True)
        keep(inventory, None, judged, output.clock())
    finally:
        inventory.close()
    _show(results, {one.device: one for one in judged.identities}, format_)
    if stop.is_set():
        output.say(f"interrupted: {len(results)} of {len(known)} devices were asked")
        raise typer.Exit(output.INTERRUPTED_EXIT)


def authorised_of(known: list[Known], scope: Scope | None) -> tuple[tuple[Network, ...], list[Known]]:
    """The networks that may be asked, and the devices in them; those outside are told. Raises ScopeError where none is inside."""
    from ipaddress import ip_address

    from netcam.collect import interfaces
    from netcam.collect import scope as scopes

    networks = scopes.decide((), scope, [n for link in interfaces.attached(()) for n in link.networks])
    inside = [one for one in known if scopes.inside(ip_address(one.address.partition("%")[0]), networks)]
    for one in known:
        if one not in inside:
            output.say(f"{one.address}: outside the scope, not asked")
    if not inside:
        raise ScopeError("ask", "none of the devices is inside the scope", "give --scope FILE with the networks you are authorised to ask")
    return networks, inside


def devices(inventory: Inventory, site: str, wanted: Iterable[str]) -> Iterator[Known]:
    """The devices to ask: the named ones, else every camera and recorder and whatever else speaks ONVIF."""
    from netcam.cli.devices import find
    from netcam.collect.accounts import Known

    everyone = inventory.identities(site=site, evidence=False)
    chosen: list[Identity] = [find(everyone, text) for text in wanted] or everyone
    for one in chosen:
        if not one.addresses or "#" in one.device:
            continue
        xaddrs, ports = list[str](), list[int]()
        for seen in inventory.observations(device=one.device, site=site):
            if seen.field == "onvif.xaddr":
                xaddrs += seen.value.split()
            elif seen.field == "port.open" and seen.value.isascii() and seen.value.isdigit():
                ports.append(int(seen.value))
        if wanted or one.is_camera or xaddrs:
            yield Known(
                device=one.device, address=one.addresses[0], mac=one.macs[0] if one.macs else "", macs=one.macs, xaddrs=tuple(dict.fromkeys(xaddrs)),
                ports=tuple(dict.fromkeys(ports)),
            )  # fmt: skip


def _show(results: list[Asked], identities: dict[str, Identity], format_: output.Format) -> None:
    from netcam import wire

    results.sort(key=lambda one: one.known.address)

    def told(one: Asked, name: str) -> str:
        return ", ".join(fact.value for fact in one.told.facts if fact.field == name)

    if not output.wants_table(format_):
        for one in results:
            output.line(
                {"type": "asked", "device": one.known.device, "address": one.known.address, "result": one.told.status.value}
                | ({"note": one.told.note} if one.told.note else {})
                | {"facts": [[fact.field, fact.value] for fact in one.told.facts]}
                | {
                    "channels": [
                        {"number": c.number, "name": c.name, "address": c.address, "location": c.location} for c in one.told.channels
                    ]
                }
            )
        output.each({"type": "device"} | wire.identity_record(one) for one in identities.values())
        return
    rows = []
    for one in results:
        identity = identities.get(one.known.device)
        maker, model, firmware = ((identity.get(slot) or "" if identity else "") for slot in ("maker", "model", "firmware"))
        remote = "; ".join(f"{name.rpartition('.')[2]} {value}" for name in REMOTE if (value := told(one, name)))
        rows.append(
            [
                one.known.address, one.told.status.value, maker, model, firmware, told(one, "onvif.users"), told(one, "onvif.discovery_mode"),
                remote, str(len(one.told.channels) or ""), one.told.note,
            ]
        )  # fmt: skip
    output.console().print(output.table("Asked with the owner's account", COLUMNS, rows))
    behind = [[one.known.address, str(c.number), c.name, c.address, c.location] for one in results for c in one.told.channels]
    if behind:
        output.console().print(output.table("Cameras behind recorders", ("recorder", "channel", "name", "address", "location"), behind))
