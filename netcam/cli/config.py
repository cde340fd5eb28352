"""`netcam config`: is the settings file right, what is in force, and its schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption
from netcam.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="The settings file: check it, show what is in force, its schema for editors.")


@app.command("check")
def check(
    file: Annotated[Path | None, typer.Argument(help="Default: the file that netcam would use.")] = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Also read every secret that is referred to (none is shown).")] = False,
) -> None:
    """Check the settings file: every error with file, line, key and the nearest word that would be right."""
    from netcam import config as settings_file

    settings = settings_file.load(file)
    if not settings.path:
        raise ConfigError("netcam.toml", "there is no settings file here", "name one, or set NETCAM_CONFIG")
    if secrets:
        settings_file.read_secrets(settings)
    counts = ", ".join(f"{len(getattr(settings, name))} {name}" for name in ("sites", "schedules", "sinks"))
    output.say(f"{settings.path}: {counts}; no error")


@app.command("show")
def show(
    effective: Annotated[
        bool, typer.Option("--effective", help="With every default; without it only what differs from the defaults.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """The settings in force, as JSON. Secrets are references and stay so."""
    from netcam import config as settings_file

    settings = settings_file.load(config)
    told = settings_file.effective(settings) if effective else settings_file.differing(settings)
    typer.echo(json.dumps(told, indent=2, ensure_ascii=True))


@app.command("schema")
def schema() -> None:
    """JSON Schema of the settings file, for editors (Taplo and Even Better TOML read it)."""
    from netcam import config as settings_file

    typer.echo(json.dumps(settings_file.json_schema(), indent=2, ensure_ascii=True))
