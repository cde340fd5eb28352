"""The catalog on the command line: check, count, measure, propose, pack and install fingerprints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netcam.cli import output
from netcam.cli.content import put, told
from netcam.cli.scan import ContentOption, FormatOption, StoreOption, cache_folder

catalog = typer.Typer(
    help="Fingerprints: check, count, measure, propose, pack and install them.", no_args_is_help=True, rich_markup_mode=None
)


@catalog.command("check")
def catalog_check(content: ContentOption = None) -> None:
    """Check all fingerprints: every example behaves, no maker claims another's, nothing fires on what is no camera."""
    from netcam.catalog.home import content_root
    from netcam.identify.check import check

    told(check(content_root(content), cache=cache_folder()), "fingerprints")


@catalog.command("stats")
def catalog_stats(format_: FormatOption = output.Format.AUTO, content: ContentOption = None) -> None:
    """Count makers, brands and fingerprints by maker and status."""
    from netcam.pipeline import Content

    rows = [[str(cell) for cell in row] for row in Content(content).makers.stats()]
    columns = ("maker", "brands", "stable", "draft", "examples")
    if output.wants_table(format_):
        output.console().print(output.table("Catalog", columns, rows))
        return
    output.each(dict(zip(columns, row, strict=True)) for row in rows)


@catalog.command("measure")
def catalog_measure(
    corpus: Annotated[list[Path], typer.Argument(help="Folders of NAME.observations.jsonl with NAME.truth.jsonl, or files with both.")],
    recog: Annotated[Path | None, typer.Option("--recog", help="Folder of recog's XML files; default: where its gem puts them.")] = None,
    calibration: Annotated[Path | None, typer.Option("--write-calibration", help="Write the measured reliability to this file.")] = None,
    content: ContentOption = None,
) -> None:
    """Say how right the catalog is on labelled devices: precision and recall by slot and maker, calibration, confusions.

    A corpus has NAME.observations.jsonl (lines as `netcam identify` reads them: device, field, value) with NAME.truth.jsonl (one line per
    device: device, source, is_camera, kind, brand, maker, model, firmware), or files with one line per device that hold both:
    {"device": ..., "observations": [{"field": ..., "value": ...}], "truth": {...}}.

    A label that is left out, empty or `unknown` is not judged; null must stay unknown; a list names several that are right.
    Makers and brands may be written as their legal, former and short names.

    Where recog or nmap is installed, their answers to the same banners stand beside ours.
    """
    from netcam.catalog.calibration import Calibration, written
    from netcam.cli.devices import write_whole
    from netcam.identify import peers
    from netcam.identify.measure import lines, measure
    from netcam.pipeline import Content, wrongly_restricted

    loaded = Content(content, cache=cache_folder())
    measured = measure(corpus, loaded.matcher, [p for p in (peers.recog(recog), peers.nmap()) if p is not None])
    put(lines(measured))
    if calibration is not None:
        today = output.clock().date()
        write_whole(calibration, written(Calibration(today, sorted({p.name for p in corpus}), measured.devices, measured.calibration)))
    wrong = wrongly_restricted(measured.others, loaded, output.clock())
    put([f"{len(measured.others)} labelled as no cameras; {len(wrong)} of them flagged as restricted by a policy"])
    put(f"no camera, flagged as restricted: {device} by {rule}" for device, rule in wrong)


@catalog.command("new")
def catalog_new(
    file: Annotated[str | None, typer.Argument(help="Observations as JSON lines, - reads a pipe; default: the inventory.")] = None,
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder for the drafts.")] = Path("drafts"),
    maker: Annotated[str, typer.Option("--maker", help="Name of the maker, where you know it.")] = "",
    site: Annotated[str | None, typer.Option("--site")] = None,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Propose fingerprints for devices that nobody recognises: one draft for each banner that several of them share."""
    from netcam.cli.devices import read_observations
    from netcam.identify import cluster, correlate, group, identities, latest
    from netcam.inventory import open_inventory
    from netcam.pipeline import Content

    matcher = Content(content, cache=cache_folder()).matcher
    if file is not None:
        seen = list(read_observations(file))
    else:
        inventory = open_inventory(store)
        try:
            seen = list(inventory.observations(site=site))
        finally:
            inventory.close()
    devices = correlate(seen)
    groups = {key: list(devices.own(latest(told_))) for key, told_ in group(seen, devices).items()}
    told = list(identities(((key[1], seen_) for key, seen_ in groups.items()), matcher))
    found = cluster.clusters(groups, told)
    for one, path in cluster.write(found, out, maker):
        put([f"{path}: {len(one.devices)} devices say {one.field} = {one.seen[0].value}"])
    unknown = sum(cluster.unidentified(i) and i.is_camera is not False for i in told)
    covered = sum(len(one.devices) for one in found)
    output.say(f"{unknown} devices without a maker; {covered} of them share a banner: {len(found)} drafts in {out}")


@catalog.command("pack")
def catalog_pack(
    version: Annotated[str, typer.Argument(help="Version, such as 2026.11.25.")],
    key: Annotated[Path, typer.Option("--key", help="Ed25519 private key (PEM) of the publisher.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    content: ContentOption = None,
) -> None:
    """Make a signed catalog pack of the content, for sites without a network."""
    from netcam.catalog import packs
    from netcam.catalog.home import content_root
    from netcam.cli.devices import write_whole_bytes

    signer = packs.key(key)
    root = content_root(content)
    _refuse_errors(root)
    write_whole_bytes(out, packs.pack(root, version, output.clock().date().isoformat(), signer))
    put([f"{out}: catalog {version}, signed by {packs.public(signer)}"])


@catalog.command("install")
def catalog_install(
    file: Annotated[Path, typer.Argument(help="A catalog pack.")],
    signer: Annotated[str, typer.Option("--signer", help="Publisher's public key (hex) to trust from now on.")] = "",
) -> None:
    """Install a signed catalog pack, check it, and judge by it from now on; no network is needed."""
    from netcam.catalog import packs
    from netcam.errors import ContentError

    one = packs.read(file, packs.trusted(signer))
    before = packs.current()
    versions = packs.installed()
    if versions and packs.order(one.header.version) < packs.order(versions[-1]):
        raise ContentError(
            str(file),
            f"version {one.header.version} is older than {versions[-1]}, which is installed",
            "netcam catalog rollback VERSION goes back",
        )
    root = packs.put(one)
    try:
        _refuse_errors(root)
        packs.use(one.header.version)
    except BaseException:
        packs.remove(one.header.version)  # what does not pass its own check is not kept
        raise
    put([f"catalog {one.header.version} of {one.header.made} is in use; before: {before}; signed by {one.header.key}"])


@catalog.command("packs")
def catalog_packs() -> None:
    """List the catalogs that are installed, and which one is in use."""
    from netcam.catalog import packs
    from netcam.catalog.home import SHIPPED

    now = packs.current()
    put(f"{'in use ' if version == now else '       '} {version}" for version in (SHIPPED, *packs.installed()))


@catalog.command("rollback")
def catalog_rollback(version: Annotated[str, typer.Argument(help="An installed version, or: shipped.")]) -> None:
    """Go back to an installed catalog, or to the one that came with netcam."""
    from netcam.catalog import packs

    before = packs.current()
    packs.use(version)
    put([f"catalog {version} is in use; before: {before}; netcam reidentify shows what that changes"])


def _refuse_errors(root: Path) -> None:
    """Raise ContentError where the content does not pass its own check."""
    from netcam.errors import ContentError
    from netcam.identify.check import check

    wrong = [one for one in check(root, cache=cache_folder()) if one.is_error]
    if wrong:
        raise ContentError(wrong[0].where, f"{wrong[0].problem} ({len(wrong)} errors in all)", wrong[0].cure)
