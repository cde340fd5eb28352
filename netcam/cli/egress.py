"""`netcam egress`: where the devices of a network call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption, ContentOption, FailOnOption, FormatOption, StoreOption, show_findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcam.flows.table import FlowTable
    from netcam.model import Finding, Identity

app = typer.Typer(help="Flows of devices, named and judged.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def analyse(
    files: Annotated[list[Path], typer.Argument(help="Captures: pcap or pcapng, also .gz and .zst.")],
    site: Annotated[str, typer.Option("--site")] = "default",
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    flows: Annotated[bool, typer.Option("--flows", help="Print every flow too.")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
) -> None:
    """Read captures, name the flows, and say which camera sends data where."""
    from netcam import config as settings_file
    from netcam.flows import capture
    from netcam.pipeline import Content, egress

    settings = settings_file.load(config)
    internal = settings.internal(site)
    identities = known_devices(store, site)
    loaded = Content(content)
    everything: list[Finding] = []
    for file in files:
        table = capture.read(file, internal=internal)
        found = egress(table, identities, loaded, site=site, declared=settings.declared(site), internal=internal)
        everything += found
        show_flows(str(file), table, found, identities, format_, flows)
    raise typer.Exit(output.fail_code(everything, fail_on))


@app.command()
def watch(
    interface: Annotated[str, typer.Option("--interface", "-i", help="Interface that sees the traffic (SPAN port, bridge).")],
    seconds: Annotated[float | None, typer.Option("--seconds", help="Stop after this time; default: Ctrl-C.")] = None,
    site: Annotated[str, typer.Option("--site")] = "default",
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    flows: Annotated[bool, typer.Option("--flows", help="Print every flow too.")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
) -> None:
    """Listen on an interface (no packet is sent) and say which camera sends data where."""
    from netcam import config as settings_file
    from netcam.flows import live
    from netcam.pipeline import Content, egress

    settings = settings_file.load(config)
    internal = settings.internal(site)
    identities = known_devices(store, site)
    loaded = Content(content)
    table = live.watch(interface, seconds=seconds, internal=internal)
    found = egress(table, identities, loaded, site=site, declared=settings.declared(site), internal=internal)
    show_flows(interface, table, found, identities, format_, flows)
    raise typer.Exit(output.fail_code(found, fail_on))


def known_devices(store: str | None, site: str) -> Sequence[Identity]:
    """The inventory's devices of the site; none where there is no inventory yet."""
    from netcam.inventory import open_inventory

    inventory = open_inventory(store)
    try:
        return list(inventory.identities(site=site))
    finally:
        inventory.close()


def show_flows(
    where: str, table: FlowTable, found: Sequence[Finding], identities: Sequence[Identity], format_: output.Format, flows: bool
) -> None:
    """Findings, the counters of the reading, and on demand every flow."""
    from netcam import wire

    if not output.wants_table(format_):
        if flows:
            output.each({"type": "flow"} | flow.record() for flow in table)
        output.each({"type": "finding"} | wire.finding_record(f) for f in found)
        output.line({"type": "capture", "source": where, "flows": len(table), "counters": dict(table.counters), "notes": list(table.notes)})
        return
    console = output.console()
    if flows:
        records = [f.record() for f in table]
        columns = ("start", "source", "destination", "protocol", "name", "bytes_out", "bytes_in", "packets")
        rows = [[str(r.get(c, "")) for c in columns] for r in records]
        console.print(output.table(f"Flows in {where}", columns, rows))
    show_findings(found, identities, heading=f"Egress findings in {where}")
    console.print(output.escaped(f"{where}: {len(table)} flows; " + ", ".join(f"{k} {v}" for k, v in table.counters.items()), limit=2000))
    for note in table.notes:
        console.print(output.escaped(f"note: {note}", limit=2000))
