"""`netcam export`: the inventory for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from netcam.cli import output
from netcam.cli.devices import write_whole
from netcam.cli.scan import StoreOption
from netcam.errors import ConfigError


class Kind(StrEnum):
    """What to write."""

    CSV = "csv"
    FINDINGS = "findings"
    CYCLONEDX = "cyclonedx"
    STIX = "stix"
    NETBOX = "netbox"


def export(
    kind: Annotated[Kind, typer.Argument(help="csv (devices), findings (CSV), cyclonedx 1.7, stix 2.1, netbox (a folder of CSV).")],
    out: Annotated[Path, typer.Option("--output", "-o", help="File, or folder for netbox.")],
    site: Annotated[str | None, typer.Option("--site", help="Only this site.")] = None,
    store: StoreOption = None,
) -> None:
    """Write the inventory for other programs: asset registers, vulnerability management, threat sharing."""
    from netcam import __version__
    from netcam.inventory import open_inventory
    from netcam.report import csv, cyclonedx, netbox, stix
    from netcam.report.snapshot import Snapshot

    inventory = open_inventory(store)
    try:
        taken = Snapshot.of(inventory, generated_at=output.clock(), site=site)
    finally:
        inventory.close()
    if kind is Kind.NETBOX:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(str(out), error.strerror or "cannot be made", "choose another folder with --output") from None
        for name, text in netbox.tables(taken.identities).items():
            write_whole(out / name, text)
    else:
        texts = {
            Kind.CSV: lambda: csv.devices(taken.identities), Kind.FINDINGS: lambda: csv.findings(taken.findings),
            Kind.CYCLONEDX: lambda: cyclonedx.render(taken, version=__version__), Kind.STIX: lambda: stix.render(taken),
        }  # fmt: skip
        write_whole(out, texts[kind]())
    output.say(f"wrote {len(taken.identities)} devices to {out}")
