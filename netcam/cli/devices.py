"""Questions to the inventory: `identify`, `devices`, `show`, `diff`, `report`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption, ContentOption, FailOnOption, FormatOption, StoreOption, cache_folder, show_findings
from netcam.errors import ConfigError, ContentError, StoreError, shown
from netcam.model import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from netcam.inventory.port import Inventory
    from netcam.model import Identity, Observation, ScanRecord


def read_observations(path: str) -> Iterator[Observation]:
    """Observations of a file or of standard input (`-`); broken lines are told on standard error, the rest goes on."""
    from netcam import wire

    def bounded(file: IO[bytes]) -> Iterator[bytes]:
        while chunk := file.readline(wire.MAX_LINE + 1):
            yield chunk
            while len(chunk) > wire.MAX_LINE and not chunk.endswith(b"\n"):
                chunk = file.readline(wire.MAX_LINE + 1)  # the rest of a line that is too long is the same line

    def lines() -> Iterator[bytes]:
        if path == "-":
            yield from bounded(sys.stdin.buffer)
            return
        try:
            with Path(path).open("rb") as file:
                yield from bounded(file)
        except OSError as error:
            raise ContentError(
                path, error.strerror or "cannot be read", "give a file of observations (JSON lines), or - for a pipe"
            ) from None

    told = kept = dropped = 0
    for thing in wire.observations(lines()):
        if isinstance(thing, wire.Problem):
            told += 1
            dropped += thing.dropped
            if told <= 50:
                output.say(f"{path}:{thing.line}: {thing.problem}{' (line dropped)' if thing.dropped else ''}")
            continue
        kept += 1
        yield thing
    if not kept:
        what = "no line of it is an observation" if dropped else "is empty: nothing was observed, and nothing is said"
        raise ContentError(path, what, "give JSON lines with field and value: netcam explain fields")
    if told > 50:
        output.say(f"{path}: {told - 50} further problems not shown")


def identify(
    file: Annotated[str, typer.Argument(help="Observations as JSON lines; - reads a pipe.")] = "-",
    format_: FormatOption = output.Format.AUTO,
    content: ContentOption = None,
    why_not: Annotated[str | None, typer.Option("--why-not", help="Say which signals of this maker are missing, per device.")] = None,
) -> None:
    """Name brand, true maker, model and firmware behind observations."""
    from netcam import wire
    from netcam.identify import identify as run
    from netcam.pipeline import Content

    loaded = Content(content, cache=cache_folder())
    identities = run(read_observations(file), loaded.matcher)
    if why_not is not None:
        from netcam.identify.explain import why_not as missing

        for one in identities:
            for text in missing(one, why_not, loaded.makers):
                typer.echo(output.escaped(text, limit=2000))
        return
    if output.wants_table(format_):
        output.console().print(output.devices_table(f"Devices in {file}", list(identities), ()))
        return
    for one in identities:
        output.line(wire.identity_record(one))


def devices(
    site: Annotated[str | None, typer.Option("--site")] = None,
    at: Annotated[str | None, typer.Option("--at", help="As of this date or time (RFC 3339); a date means its end.")] = None,
    maker: Annotated[str | None, typer.Option("--maker", help="Only this maker.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind, such as camera.")] = None,
    camera: Annotated[
        bool | None, typer.Option("--camera/--no-camera", help="Only cameras, recorders and encoders, or only others.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="COLUMN=TEXT, COLUMN!=TEXT or COLUMN~TEXT (contains), any case; TEXT empty: unknown. May be repeated: all must hold.",
        ),
    ] = None,
    network: Annotated[str | None, typer.Option("--network", help="Only devices with an address in this network.")] = None,
    not_seen_since: Annotated[str | None, typer.Option("--not-seen-since", help="Only devices last seen before this date.")] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only devices that the newest finished scan of their addresses did not see.")
    ] = False,
    sort: Annotated[list[str] | None, typer.Option("--sort", help="Column to sort by, -COLUMN for the other way; may be repeated.")] = None,
    columns: Annotated[str | None, typer.Option("--columns", help="Columns to show, with commas; `all` for every one.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
) -> None:
    """List the devices of the inventory."""
    from netcam import wire
    from netcam.cli import device_list
    from netcam.inventory import open_inventory

    filters = [device_list.parse_filter(text) for text in where or ()]
    filters += [device_list.Filter(name, "=", value) for name, value in (("maker", maker), ("kind", kind)) if value is not None]
    shown_columns = device_list.parse_columns(columns)
    order = device_list.parse_sort(sort or [])
    inventory = open_inventory(store)
    try:
        wanted = device_list.Wanted(
            site=site, at=instant(at) if at else None, camera=camera, filters=tuple(filters), missing=missing,
            network=device_list.parse_network(network) if network else None,
            not_seen_since=instant(not_seen_since) if not_seen_since else None,
            first=limit if not order else None,
        )  # fmt: skip
        table = output.wants_table(format_)
        whole_records = not table and columns is None
        shown_or_sorted = {*(() if whole_records else shown_columns), *(name for name, _ in order)}
        rows = device_list.select(inventory, wanted, shown=shown_or_sorted)
        rows = device_list.ordered(rows, order)[:limit]
        listed = {(row.site, row.device) for row in rows} if limit is not None else None
        whole = {(i.site, i.device): i for i in inventory.identities(at=wanted.at, site=site, only=listed)} if whole_records else {}
        everyone = len(rows) or inventory.count_devices(site=site)
    finally:
        inventory.close()
    if not rows:
        output.say(
            f"none of {everyone} devices fits" if everyone else "the inventory has no devices" + (f" of site {site}" if site else "")
        )
    if table:
        output.console().print(output.table("Devices", shown_columns, ([row.cell(name) for name in shown_columns] for row in rows)))
        return
    for row in rows:
        if columns is not None:
            output.line({"type": "device"} | {name: row.value(name) for name in shown_columns})
        else:
            output.line({"type": "device"} | wire.identity_record(whole[row.site, row.device]) | row.beside())


def show(
    address: Annotated[str, typer.Argument(help="Address, MAC or device key.")],
    site: Annotated[str | None, typer.Option("--site")] = None,
    why_same: Annotated[bool, typer.Option("--why-same", help="Say what ties its sightings to one device.")] = False,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
) -> None:
    """Show one device: its identity, its findings, what the operator says of it, and what was observed of it."""
    from netcam import wire
    from netcam.cli import device_list
    from netcam.inventory import corrections, open_inventory
    from netcam.pipeline import known_devices, observed_of

    inventory = open_inventory(store)
    try:
        light = find(inventory.identities(site=site, evidence=False), address)
        one = next(i for i in inventory.identities(site=light.site) if i.device == light.device)
        mine = inventory.findings(site=one.site, device=one.device)
        holds = corrections.read(inventory)
        remark = next((r for r in inventory.remarks(site=one.site) if r.device == one.device), None)
        if why_same:
            known = known_devices(inventory, [one.site], holds)
            ties, marks = known.devices().get((one.site, one.device), ()), known.marks(one.site, one.device)
            seen = observed_of(inventory, known, {(one.site, one.device)})
        else:
            seen = device_list.observed(inventory, one)
    finally:
        inventory.close()
    locks = holds.locks.get((one.site, one.device), ())
    if not output.wants_table(format_):
        output.line({"type": "device"} | wire.identity_record(one) | (device_list.remark_record(remark) if remark else {}))
        output.each({"type": "finding"} | wire.finding_record(f) for f in mine)
        output.each({"type": "lock", "number": k.number, "slot": k.slot, "value": k.value, "by": k.by, "reason": k.reason} for k in locks)
        if why_same:
            output.each(device_list.tie_record(tie) for tie in ties)
            output.line({"type": "marks", "device": one.device, "marks": list(marks)})
        output.each({"type": "observation"} | wire.observation_record(o) for o in seen)
        return
    console = output.console()
    console.print(output.devices_table(f"Device {one.device}", [one], mine))
    show_findings(mine, [one])
    if remark:
        told = [(name, str(value)) for name, value in device_list.remark_record(remark).items()]
        console.print(output.table("The operator says", ("field", "value"), told))
    if locks:
        rows = [[str(k.number), k.slot, k.value or "(unknown)", k.by, k.reason] for k in locks]
        console.print(output.table("Locked by the operator", ("number", "slot", "value", "by", "reason"), rows))
    if why_same:
        rows = [[rfc3339(tie.at, "seconds") if tie.at else "", tie.endpoint, tie.scan, tie.mark, tie.because] for tie in ties]
        console.print(output.table("Why this is one device", ("at", "seen at", "scan", "mark", "because"), rows))
        console.print(output.escaped("known by: " + ", ".join(marks), limit=2000))
    rows = [[rfc3339(o.at, "seconds") if o.at else "", o.via, o.endpoint, o.field, o.value] for o in seen]
    console.print(output.table("Observed", ("at", "via", "endpoint", "field", "value"), rows))


def find(identities: Iterable[Identity], wanted: str) -> Identity:
    """The device with this key, address or MAC. Raises ConfigError where none or several have it."""
    from netcam import wire

    mac = wire.normal_mac(wanted)
    everyone = list(identities)
    hits = [i for i in everyone if wanted in (i.device, *i.addresses) or (mac and mac in i.macs)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        sites = sorted({i.site for i in hits})
        if len(sites) > 1:
            raise ConfigError(shown(wanted), f"{len(hits)} devices have it, at sites {', '.join(sites)}", "say which with --site")
        keys = ", ".join(shown(i.device) for i in hits[:8])
        raise ConfigError(shown(wanted), f"{len(hits)} devices of site {sites[0]} have it", f"say which by its key: {keys}")
    raise ConfigError(
        shown(wanted),
        "no device of the inventory has this key, address or MAC",
        "`netcam devices` lists them" if everyone else "run `netcam scan` first",
    )


def instant(text: str) -> datetime:
    """A date or RFC 3339 time as UTC; a date means its end."""
    from datetime import UTC, datetime, time

    try:
        at = datetime.fromisoformat(text)
        if len(text) == 10:
            at = datetime.combine(at.date(), time.max)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError("--at", f"{shown(text)} is not a date or RFC 3339 time", "write 2026-03-01 or 2026-03-01T12:00:00Z") from None


def is_date(text: str) -> bool:
    """Whether a text begins as a date does: `2026-03-01`, or a time of that day."""
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", text) is not None


def pick_scan(inventory: Inventory, wanted: str, site: str | None) -> ScanRecord:
    """A scan by id, unique prefix, `last` or `previous`."""
    runs = sorted(inventory.scans(site), key=lambda s: s.started.timestamp() if s.started else 0.0)
    if wanted == "previous":
        if len(runs) < 2:
            raise ConfigError("previous", "the inventory has fewer than two scans", "run `netcam scan` again, then compare")
        return runs[-2]
    try:
        return inventory.scan(wanted, site=site)
    except StoreError as error:
        if error.where.startswith("scan "):  # the reference is wrong, not the store
            raise ConfigError(error.where, error.problem, error.cure) from None
        raise


def reidentify(
    site: Annotated[str | None, typer.Option("--site")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; store nothing.")] = False,
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Judge all stored observations by the present fingerprints, without a new sweep; both verdicts are kept."""
    from netcam.inventory import chosen, open_inventory
    from netcam.pipeline import Content
    from netcam.pipeline import reidentify as run

    inventory = open_inventory(store)
    try:
        loaded, target = Content(content, cache=cache_folder()), chosen(store)
        changed = list(run(inventory, loaded, site=site, now=output.clock(), keep=not dry_run, target=target))
        known = inventory.count_devices(site=site)
    finally:
        inventory.close()
    output.say(f"{known} devices judged anew, {len(changed)} seen differently")
    if output.wants_table(format_):
        rows = [[c.site, c.device, slot, old or "", new or ""] for c in changed for slot, (old, new) in c.differences().items()]
        output.console().print(output.table(f"{len(changed)} devices seen differently", ("site", "device", "slot", "before", "now"), rows))
        return
    for c in changed:
        told = {slot: {"before": old, "now": new} for slot, (old, new) in c.differences().items()}
        catalogs = {"before": c.before.catalog, "now": c.after.catalog}
        output.line({"type": "reidentified", "device": c.device, "site": c.site, "slots": told, "catalog": catalogs})


def report(
    scan: Annotated[str, typer.Argument(help="Scan id (or its beginning), last, or a date: the site as it stood at its end.")] = "last",
    out: Annotated[Path, typer.Option("--output", "-o", help="File to write; .html or .csv.")] = Path("netcam-report.html"),
    site: Annotated[str | None, typer.Option("--site")] = None,
    store: StoreOption = None,
    fail_on: FailOnOption = None,
    content: ContentOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a page (HTML) or a table (CSV) of a scan's result, or of a site or all sites at a date.

    A finding under exception is shown, and does not count for --fail-on.
    """
    from netcam import config as settings_file
    from netcam.inventory import open_inventory
    from netcam.pipeline import Content, snapshot, snapshot_of
    from netcam.report import csv, html

    writers = {".html": html.render, ".csv": csv.render}
    if out.suffix not in writers:
        raise ConfigError(str(out), f"no report format {shown(out.suffix)}", "name the file .html or .csv")
    inventory = open_inventory(store)
    try:
        now = output.clock()
        asked = Content(content, local=settings_file.load(config).policies_path())
        if is_date(scan) and not any(one.id.startswith(scan) for one in inventory.scans(site)):
            taken = snapshot_of(inventory, site=site, at=min(instant(scan), now), generated_at=now, content=asked)
        else:
            taken = snapshot(inventory, pick_scan(inventory, scan, site), generated_at=now, content=asked)
    finally:
        inventory.close()
    write_whole(out, writers[out.suffix](taken))
    output.say(f"wrote {out}")
    raise typer.Exit(output.fail_code(taken.raised(), fail_on))


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all. Raises ConfigError."""
    write_whole_bytes(path, text.encode("utf-8", "replace"))


def write_whole_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises ConfigError."""
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(str(path), error.strerror or "cannot be written", "choose another file with --output") from None
