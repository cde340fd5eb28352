"""Upkeep of the inventory: `netcam inventory check`, `backup`, `restore`, `retain`, `upkeep`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import StoreOption
from netcam.errors import ConfigError

if TYPE_CHECKING:
    from netcam.config.retention import RetentionSettings
    from netcam.inventory.retention import Policy

app = typer.Typer(help="Check, back up, restore and thin out the inventory.", no_args_is_help=True, rich_markup_mode=None)

ByOption = Annotated[str | None, typer.Option("--by", help="Who does it; default: the name you are logged in by.")]


def who(by: str | None) -> str:
    """The operator's name: given, or of the login."""
    import getpass

    try:
        return by or getpass.getuser()
    except (KeyError, OSError):
        return "unnamed"


def _file(store: str | None) -> Path:
    from netcam.inventory import chosen

    where = chosen(store)
    if "://" in where:
        raise ConfigError("the inventory", "is a database elsewhere", "use pg_dump and pg_restore for PostgreSQL")
    return Path(where).expanduser()


@app.command("check")
def check(store: StoreOption = None) -> None:
    """Read everything: every page, every record against the hash chain, the chain against its signed roots. Exit code 1 where one fails."""
    from netcam.inventory import open_inventory, runs, signing

    inventory = open_inventory(store, check_end=False)
    try:
        inventory.check()
        found = [*inventory.verify(), *signing.check(inventory), *runs.check(inventory)]
        entries, roots = len(inventory.entries()), len(signing.roots(inventory))
    finally:
        inventory.close()
    for one in found:
        output.line({"type": "damage"} | asdict(one))
    output.say(f"{entries} entries, {roots} signed roots, {len(found)} places where they do not hold")
    if found:
        raise typer.Exit(1)


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; must not be there yet.")],
    store: StoreOption = None,
) -> None:
    """Copy the inventory, whole and at one moment, while others use it. The keys beside it are yours to keep elsewhere."""
    from netcam.inventory import open_inventory

    inventory = open_inventory(store)
    try:
        inventory.backup(file)
    finally:
        inventory.close()
    output.say(f"wrote {file}; keep evidence.key, which lies beside the inventory, in another safe place")


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    store: StoreOption = None,
) -> None:
    """Check a backup whole and put it in the inventory's place; what stood there is kept beside it."""
    from netcam.inventory.restore import restore as run

    target = _file(store)
    aside = run(file, target, output.clock())
    output.say(f"restored {target}" + (f"; what stood there is now {aside}" if aside else ""))


@app.command("retain")
def retain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")] = False,
    max_megabytes: Annotated[
        int | None, typer.Option("--max-megabytes", min=1, help="Take repeats and whole answers earlier above this size.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings file; its [retention] says how long what is kept.")] = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Remove what [retention] in netcam.toml does not keep: repeats, whole answers, addresses of people's devices."""
    from netcam import config as settings_file
    from netcam.inventory import open_inventory

    settings = settings_file.load(config)
    policy = _policy(settings.retention, max_megabytes)
    inventory = open_inventory(store, settings=settings)
    try:
        gone = inventory.retain(policy, output.clock(), by=who(by), dry_run=dry_run)
    finally:
        inventory.close()
    output.line({"type": "retention", "dry_run": dry_run} | asdict(gone))
    for note in gone.notes:
        output.say(note)


def _policy(told: RetentionSettings, max_megabytes: int | None = None) -> Policy:
    """The [retention] of the settings, and a size where one is given."""
    from netcam.inventory.retention import Policy

    limit = max_megabytes if max_megabytes is not None else told.max_megabytes
    return Policy(
        repeats_days=told.repeats_days or None,
        facts_days=told.facts_days or None,
        raw_days=told.raw_days or None,
        coverage_days=told.coverage_days or None,
        people_days=told.people_days or None,
        max_bytes=limit * 1024 * 1024 if limit else None,
    )


@app.command("upkeep")
def upkeep(
    config: Annotated[Path | None, typer.Option("--config", help="Settings file; its [retention] says how long what is kept.")] = None,
    by: ByOption = None,
    store: StoreOption = None,
) -> None:
    """Do what a day needs: `retain`, sign the hash chain, and thin out the flow archive of the settings. `netcam run` does it by itself, else a daily timer."""
    from netcam import config as settings_file
    from netcam.cli.flow_archive import retention
    from netcam.inventory import open_inventory, signing

    settings = settings_file.load(config)
    policy = _policy(settings.retention)
    inventory = open_inventory(store, settings=settings)
    try:
        gone = inventory.retain(policy, output.clock(), by=who(by))
        root = signing.sign_root(inventory, signing.own_key(inventory), output.clock())
    finally:
        inventory.close()
    output.line({"type": "retention", "dry_run": False} | asdict(gone))
    output.line({"type": "signed", "entry": root.number if root is not None else None})
    for note in gone.notes:
        output.say(note)
    if settings.flow_archive is not None and settings.flow_archive.is_dir():
        for folder in retention(settings.flow_archive, settings).turn(output.clock().date()):
            output.line({"type": "pruned", "folder": folder})
