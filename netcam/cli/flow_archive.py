"""`netcam egress flows`, `query`, `top`, `prune`: the flow archive on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption, FormatOption, StoreOption
from netcam.model import rfc3339

if TYPE_CHECKING:
    from netcam.config import Settings
    from netcam.flows.archive import Archive
    from netcam.flows.retention import Retention

PIECE = 30_000
"""Flows written at a time: nobody judges them together, so small pieces keep memory small."""
ArchiveArgument = Annotated[Path, typer.Option("--archive", help="Folder of the flow archive.")]
ArchiveChoice = Annotated[Path | None, typer.Option("--archive", help="Folder of the flow archive; default: the one in the settings.")]


class By(StrEnum):
    """What `top` sums over."""

    DEVICE = "device"
    MAKER = "maker"
    DESTINATION = "destination"
    COUNTRY = "country"
    OPERATOR = "operator"
    PORT = "port"
    SITE = "site"


def register(app: typer.Typer) -> None:
    """Add the commands to `netcam egress`."""
    for command in (flows, query, top, prune):
        app.command()(command)


def chosen(archive: Path | None, settings: Settings) -> Path:
    """The folder of the archive: given, or of the settings. Raises ConfigError where neither names one."""
    from netcam.errors import ConfigError

    found = archive or settings.flow_archive
    if found is None:
        raise ConfigError("--archive", "no flow archive is named", "give --archive DIR, or archive under [egress] in netcam.toml")
    return found


def retention(root: Path, settings: Settings) -> Retention:
    """Keeps an archive within the bounds of the settings."""
    from netcam.flows.retention import Retention

    return Retention(root, days=settings.egress.archive_days, gigabytes=settings.egress.archive_gigabytes)


def checked_site(site: str) -> str:
    """The site, where it can name a folder of the archive. Raises ConfigError."""
    from netcam.flows.archive import site_folder

    site_folder(site)
    return site


def flows(
    files: Annotated[list[Path], typer.Argument(help="Captures and flow logs, as for analyse.")],
    archive: ArchiveArgument,
    site: Annotated[str, typer.Option("--site")] = "default",
    idle: Annotated[float, typer.Option("--idle-timeout", help="Seconds of silence that end a flow; 0: never.")] = 300.0,
    active: Annotated[float, typer.Option("--active-timeout", help="Seconds after which a long flow is told in parts; 0: never.")] = 0.0,
    config: ConfigOption = None,
) -> None:
    """Make flows of captures and logs and archive them, without judging them."""
    from netcam import config as settings_file
    from netcam.flows import files as reading

    internal = settings_file.load(config).internal(site)
    kept: Archive | None = None
    for file in files:
        counters: dict[str, int] = {}
        notes: list[str] = []
        stamp = int(file.stat().st_mtime_ns) if file.exists() else 0
        tables = reading.windows(file, internal=internal, idle=idle, active=active, now=stamp, window_rows=PIECE)
        if kept is None:
            from netcam.flows.archive import Archive  # imported while the first capture is being read

            checked_site(site)
            kept = Archive(archive)
        before = kept.rows
        kept.begin(reading.fingerprint(file))
        for table in tables:
            kept.write(table, site)
            for name, count in table.counters.items():
                counters[name] = counters.get(name, 0) + count
            notes += table.notes[:100]
        kept.settle(site)
        output.line({"type": "capture", "source": str(file), "flows": kept.rows - before, "counters": counters, "notes": notes})


def query(
    sql: Annotated[str, typer.Argument(help="A question in SQL over the views flows, lookups, minutes and devices.")],
    archive: ArchiveChoice = None,
    format_: FormatOption = output.Format.AUTO,
    site: Annotated[str | None, typer.Option("--site", help="Devices of this site only.")] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask the flow archive in SQL; nothing but the archive can be read."""
    from netcam import config as settings_file
    from netcam.flows.archive import query as ask

    settings = settings_file.load(config)
    answer = ask(chosen(archive, settings), sql, _devices(store, site), seed=settings.egress.community_id_seed)
    _show(*answer, format_, "Answer")


def top(
    archive: ArchiveChoice = None,
    by: Annotated[By, typer.Option("--by")] = By.DEVICE,
    site: Annotated[str | None, typer.Option("--site")] = None,
    days: Annotated[int | None, typer.Option("--days", help="The newest so many days; default: all.")] = None,
    limit: Annotated[int, typer.Option("--limit")] = 20,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """The devices, makers, destinations or countries to which most bytes went."""
    from netcam import config as settings_file
    from netcam.flows.archive import top as ask

    root = chosen(archive, settings_file.load(config))
    _show(*ask(root, by.value, site=site, days=days, limit=limit, devices=_devices(store, site)), format_, f"Top by {by.value}")


def prune(
    archive: ArchiveChoice = None,
    max_days: Annotated[int | None, typer.Option("--max-days", help="Delete days that are older.")] = None,
    max_gigabytes: Annotated[
        float | None, typer.Option("--max-gigabytes", help="Delete the oldest days until the archive is that small.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Delete old days of the flow archive, by default what the settings do not keep. `watch` and `netcam run` do it by themselves."""
    from netcam import config as settings_file
    from netcam.flows.archive import must_hold_days
    from netcam.flows.archive import prune as delete

    settings = settings_file.load(config)
    root, today = chosen(archive, settings), output.clock().date()
    must_hold_days(root)
    if max_days is None and max_gigabytes is None:
        gone = retention(root, settings).turn(today)
    else:
        gone = delete(root, max_days=max_days, max_bytes=int(max_gigabytes * 1e9) if max_gigabytes is not None else None, today=today)
    for folder in gone:
        output.line({"type": "pruned", "folder": folder})


def _devices(store: str | None, site: str | None) -> list[Mapping[str, str | None]]:
    from netcam.cli.egress import known_devices

    return [
        {"device": one.device, "maker": one.get("maker"), "brand": one.get("brand"), "model": one.get("model"), "kind": one.get("kind")}
        for one in known_devices(store, site)
    ]


def _show(columns: Sequence[str], rows: Sequence[Sequence[Any]], format_: output.Format, heading: str) -> None:
    texts = [[rfc3339(value) if isinstance(value, datetime) else value for value in row] for row in rows]
    if not output.wants_table(format_):
        output.each(dict(zip(columns, [_plain(v) for v in row], strict=True)) for row in texts)
        return
    shown = [["" if value is None else str(value) for value in row] for row in texts]
    output.console().print(output.table(heading, tuple(columns), shown))


def _plain(value: Any) -> Any:
    """A value as JSON has one."""
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
