"""The command tree."""

from __future__ import annotations

from typing import Annotated

import typer

from netcam import __version__
from netcam.cli import (
    catalog,
    config,
    content,
    decide,
    devices,
    edit,
    egress,
    estate,
    events,
    evidence,
    export,
    history,
    inventory,
    leftovers,
    owner,
    passive,
    policy,
    reconcile,
    removal,
    scan,
    service,
    survey,
    switches,
)

app = typer.Typer(
    name="netcam",
    help="Find every camera on the networks you are authorised to sweep, who really made it, and where it calls.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"netcam {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    """Find every camera on the networks you are authorised to sweep, who really made it, and where it calls."""


app.command("demo")(estate.demo)
app.command("scan")(scan.scan)
app.command("listen")(passive.listen)
app.command("import")(passive.import_)
app.command("ask")(owner.ask)
app.command("switches")(switches.switches)
app.command("reconcile")(reconcile.reconcile)
app.command("leftovers")(leftovers.leftovers)
app.command("identify")(devices.identify)
app.command("devices")(devices.devices)
app.command("show")(devices.show)
app.command("explain")(content.explain)
app.command("diff")(history.diff)
app.command("timeline")(history.timeline)
app.add_typer(edit.app, name="edit")
app.command("reidentify")(devices.reidentify)
app.command("report")(devices.report)
app.command("survey")(survey.survey)
app.add_typer(egress.app, name="egress")
app.add_typer(evidence.app, name="evidence")
app.add_typer(inventory.app, name="inventory")
policy.policy.command("except")(decide.policy_except)
policy.policy.command("dispute")(decide.policy_dispute)
policy.policy.command("end")(decide.policy_end)
policy.policy.command("decisions")(decide.policy_decisions)
app.add_typer(policy.policy, name="policy")
app.add_typer(removal.app, name="removal")
app.add_typer(catalog.catalog, name="catalog")
app.command("export")(export.export)
app.command("run")(service.run)
app.add_typer(service.app, name="schedule")
app.add_typer(events.app, name="events")
app.add_typer(config.app, name="config")
app.add_typer(estate.lab, name="lab")
