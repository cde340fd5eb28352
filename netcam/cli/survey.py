"""`netcam survey`: the return for a regulator's survey, as a table and as a page to sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netcam.cli import output
from netcam.cli.devices import write_whole
from netcam.cli.policy import loaded
from netcam.cli.scan import ConfigOption, ContentOption, StoreOption
from netcam.errors import ConfigError, shown


def survey(
    out: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; .csv or .html. Default: CSV to the pipe.")] = None,
    site: Annotated[str | None, typer.Option("--site", help="Only this site; default: the whole estate.")] = None,
    store: StoreOption = None,
    content: ContentOption = None,
    config: ConfigOption = None,
) -> None:
    """Answer a regulator's survey: systems by use, maker, number and class of site, known concerns, due diligence; not known says so."""
    from netcam.inventory import open_inventory
    from netcam.pipeline import survey as count
    from netcam.report.survey import render_csv, render_html

    writers = {".csv": render_csv, ".html": render_html}
    if out is not None and out.suffix not in writers:
        raise ConfigError(str(out), f"no survey format {shown(out.suffix)}", "name the file .csv or .html")
    settings, judged = loaded(content, config)
    inventory = open_inventory(store)
    try:
        told = count(inventory, settings, judged, output.clock(), site=site)
    finally:
        inventory.close()
    if out is None:
        typer.echo(render_csv(told), nl=False)
        return
    write_whole(out, writers[out.suffix](told))
    output.say(f"wrote {out}: {told.total} cameras and recorders, {told.unidentified} devices not identified")
