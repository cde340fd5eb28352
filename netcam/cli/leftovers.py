"""`netcam leftovers`: cameras that a sweep alone does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.scan import FormatOption, StoreOption
from netcam.model import rfc3339

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("what", "device", "address", "kind", "maker", "model", "first seen", "last seen", "detail")


def leftovers(
    site: Annotated[str, typer.Option("--site", help="Site id, as in the settings.")] = "default",
    format_: FormatOption = output.Format.AUTO,
    store: StoreOption = None,
) -> None:
    """List what was seen only by DHCP or ARP, what is gone, and what moved, with dates."""
    from netcam.inventory import leftovers as found
    from netcam.inventory import open_inventory

    inventory = open_inventory(store)
    try:
        lines = list(found.leftovers(inventory, site))
    finally:
        inventory.close()
    if not output.wants_table(format_):
        for one in lines:
            output.line(
                {"type": "leftover", "what": one.what.value, "device": one.device.device, "addresses": list(one.device.addresses)}
                | {
                    "macs": list(one.device.macs),
                    "kind": one.device.get("kind"),
                    "maker": one.device.get("maker"),
                    "model": one.device.get("model"),
                }
                | {"first_seen": _iso(one.first), "last_seen": _iso(one.last), "detail": one.detail}
                | {"stays": [{"place": s.place, "first": _iso(s.first), "last": _iso(s.last)} for s in one.stays]}
            )
        return
    rows = [
        [
            one.what.value, one.device.device, one.device.addresses[0] if one.device.addresses else "", one.device.get("kind") or "unknown",
            one.device.get("maker") or "unknown", one.device.get("model") or "", _day(one.first), _day(one.last), one.detail,
        ]
        for one in lines
    ]  # fmt: skip
    output.console().print(output.table("Leftovers", COLUMNS, rows))
    output.say("; ".join(f"{count} {what}" for what, count in found.counted(lines).items()))


def _iso(at: datetime | None) -> str | None:
    return rfc3339(at, "seconds") if at else None


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""
