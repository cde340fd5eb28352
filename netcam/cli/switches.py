"""`netcam switches`: which switch, port, VLAN and power each camera hangs on, read over SNMP; the list for the person with the ladder."""

from __future__ import annotations

import asyncio
import platform
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.owner import CredentialsOption
from netcam.cli.scan import ConfigOption, FormatOption, ScopeOption, StoreOption, state_folder
from netcam.errors import ConfigError, shown

if TYPE_CHECKING:
    from netcam.collect.bridge import Placement
    from netcam.collect.switches import Outcome
    from netcam.model import Identity

LADDER = ("port", "description", "VLAN", "power", "address", "MAC", "kind", "maker", "model", "note")


def switches(
    addresses: Annotated[list[str] | None, typer.Argument(help="Switches; default: the single addresses of the credentials file.")] = None,
    site: Annotated[str, typer.Option("--site", help="Site id, as in the settings.")] = "default",
    everything: Annotated[
        bool, typer.Option("--all", help="List every device of the inventory, not cameras and unknown ones alone.")
    ] = False,
    credentials: CredentialsOption = None,
    scope: ScopeOption = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="UDP port of SNMP.")] = 161,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Read switches over SNMP (read access of yours) and say on which port each camera hangs, as a list per switch."""
    try:
        from netcam.collect import switches as reader
    except ImportError as error:
        raise ConfigError("switches", f"the SNMP library is not installed: {error.name}", "pip install 'netcam[switches]'") from None
    from netcam import config as settings_file
    from netcam.collect import bridge, interfaces
    from netcam.collect import credentials as owners
    from netcam.collect import scope as scopes
    from netcam.collect.gate import Gate, StopSwitch
    from netcam.collect.plan import PROFILES
    from netcam.inventory import open_inventory
    from netcam.pipeline import SWITCHES, stopped_by_signal

    settings = settings_file.load(config)
    given = owners.load(credentials or settings.credentials_path(site))
    wanted = list(addresses or ()) or [str(n.network_address) for one in given.snmp for n in one.reach.networks if n.num_addresses == 1]
    if not wanted:
        raise ConfigError("switches", "no switch is named", "name them: netcam switches 192.0.2.2, or list them in the credentials file")
    wanted_scope = scope or settings.scope_path(site)
    authorised = scopes.load(wanted_scope, now=output.clock()) if wanted_scope else None
    attached = [n for link in interfaces.attached(()) for n in link.networks]
    networks, sensor, stop = scopes.decide(wanted, authorised, attached), settings.sensor or platform.node() or "sensor", StopSwitch()
    inventory = open_inventory(store, settings=settings)
    try:
        known = [one for one in inventory.identities(site=site, evidence=False) if one.macs]
        # no run of its own in the list of scans: a look at switches is no look at the cameras, and must not be anybody's `last`
        gate = Gate(
            networks=networks,
            scope=authorised,
            rates=PROFILES["standard"].rates.limited(settings.rates.bounds()),
            stop=stop,
            audit=state_folder() / "audit" / f"{uuid.uuid4().hex[:12]}.jsonl",
        )
        outcomes: list[Outcome] = []

        def done(one: Outcome) -> None:
            outcomes.append(one)
            output.say(f"{one.address}: {one.problem or f'{len(one.switch.ports) if one.switch else 0} ports'}")

        try:
            with stopped_by_signal(stop):
                found = asyncio.run(reader.read(wanted, given, gate, site=site, stop=stop, done=done, port=port))
        finally:
            gate.close()
        places = bridge.place((mac for one in known for mac in one.macs), found)
        inventory.record(reader.observations(places.values(), at=output.clock(), site=site, sensor=sensor, scan=SWITCHES))
    finally:
        inventory.close()
    shown_ones = [one for one in known if everything or one.is_camera is not False]
    _show(shown_ones, places, outcomes, format_)
    if stop.is_set():
        output.say(f"interrupted: {len(outcomes)} of {len(wanted)} switches were read")
        raise typer.Exit(output.INTERRUPTED_EXIT)
    if not found:
        raise ConfigError("switches", f"none of {shown(wanted)} answered", "check address, read access and the switch's access list")


def _show(known: Sequence[Identity], places: dict[str, Placement], outcomes: Iterable[Outcome], format_: output.Format) -> None:
    rows = [(places[mac], one) for one in known for mac in one.macs if mac in places]
    lost = [one for one in known if not any(mac in places for mac in one.macs)]
    rows.sort(key=lambda row: (row[0].switch, _natural(row[0].port), row[0].mac))
    if not output.wants_table(format_):
        for outcome in outcomes:
            output.line({"type": "switch", "address": outcome.address, "problem": outcome.problem} | _switch(outcome))
        for where, one in rows:
            output.line({"type": "place", "device": one.device, "address": _first(one)} | _record(where) | _what(one))
        for one in lost:
            output.line({"type": "unplaced", "device": one.device, "address": _first(one), "macs": list(one.macs)} | _what(one))
        return
    for switch in dict.fromkeys(where.switch for where, _ in rows):
        mine = [(where, one) for where, one in rows if where.switch == switch]
        cells = [
            [
                where.port, where.alias, str(where.vlan or ""), " ".join(filter(None, (where.poe, where.poe_class))), _first(one), where.mac,
                one.get("kind") or "unknown", one.get("maker") or "unknown", one.get("model") or "", _note(where),
            ]
            for where, one in mine
        ]  # fmt: skip
        output.console().print(output.table(f"Switch {mine[0][0].switch_name or switch} ({switch})", LADDER, cells))
    if lost:
        cells = [[_first(one), ", ".join(one.macs), one.get("kind") or "unknown", one.get("maker") or "unknown"] for one in lost]
        output.console().print(output.table("On none of the switches that were read", ("address", "MAC", "kind", "maker"), cells))


def _switch(outcome: Outcome) -> dict[str, object]:
    one = outcome.switch
    if one is None:
        return {}
    uplinks = [{"port": p.name, "why": p.uplink} for p in one.ports.values() if p.uplink]
    return {"name": one.name, "ports": len(one.ports), "learned": sum(len(p.macs) for p in one.ports.values()), "uplinks": uplinks}


def _record(where: Placement) -> dict[str, object]:
    from dataclasses import asdict

    return {key: value for key, value in asdict(where).items() if value not in ("", 0)}


def _what(one: Identity) -> dict[str, object]:
    return {"kind": one.get("kind"), "maker": one.get("maker"), "model": one.get("model")}


def _first(one: Identity) -> str:
    return one.addresses[0] if one.addresses else ""


def _note(where: Placement) -> str:
    notes = []
    if where.beyond:
        notes.append(f"somewhere beyond this port: {where.beyond}")
    elif where.others:
        notes.append(f"shares the port with {where.others} more: a small switch stands in between")
    if where.neighbour:
        notes.append(f"neighbour {where.neighbour}" + (f" (its port {where.neighbour_port})" if where.neighbour_port else ""))
    return "; ".join(notes)


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    import re

    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|\D+", name))
