"""A list of cameras as CSV, such as a recorder or a management system exports; which column means what is told or guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netcam.collect.importers import source
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.errors import ConfigError, nearest
from netcam.model import Fact
from netcam.protocols import decoding

ROLES = {
    "address": ("address", "ip", "ip address", "ipaddress", "ipv4 address", "ip addr", "host", "hardwareaddress", "camera ip", "device ip"),
    "mac": ("mac", "mac address", "macaddress", "physical address", "hardware address"),
    "port": ("port", "http port"),
    "hostname": ("hostname", "host name", "dns name"),
    "name": ("name", "camera", "camera name", "device name", "channel name", "hardwarename"),
    "maker": ("maker", "manufacturer", "vendor", "brand", "make"),
    "model": ("model", "device model", "modelname", "model name", "type", "device type"),
    "firmware": ("firmware", "firmware version", "software version", "version"),
    "serial": ("serial", "sn", "serial no.", "serialnumber", "serial number", "device serial no."),
    "time": ("time", "last seen", "date"),
    "id": ("id", "asset", "asset tag", "asset id", "asset number", "inventory number", "tag"),
}
"""Role -> headings under which it is found without a map."""
_KEPT = ("name", "maker", "model", "firmware", "serial")
MAX_COLUMNS = 200
"""Columns of one row."""


def rows(file: Source) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells by role of each row; an empty line is no row.

    Raises ConfigError where the map names a column that is not there, or no address and no MAC is found.
    """
    lines = file.lines()
    _, raw = next(lines, (0, b""))
    head = decoding.decoded(raw).lstrip("\ufeff")
    separator = max(",;\t|", key=head.count)
    names = [cell.strip() for cell in source.cells(head, separator)][:MAX_COLUMNS]
    where = _roles(file, names)
    for number, raw in lines:
        if raw.strip():
            cells = source.cells(decoding.decoded(raw), separator)
            yield number, {role: cells[at].strip() for role, at in where.items() if at < len(cells)}


def read(file: Source) -> Iterator[Record]:
    """Records row by row. Raises ConfigError like `rows`."""
    for number, row in rows(file):
        address, mac = source.address(row.get("address", "")), source.mac(row.get("mac", ""))
        if not address and not mac:
            file.problems.append(Problem(number, "a row without an address or a MAC"))
            continue
        at = source.instant(row["time"]) if row.get("time") else None
        facts = [Fact("mac", mac)] if mac else []
        facts += [Fact("hostname", row["hostname"])] if row.get("hostname") else []
        facts += [Fact(f"list.{role}", row[role]) for role in _KEPT if row.get(role)]
        for fact in facts or [Fact("list.listed", "yes")]:
            yield Record(number, fact, address, source.port(row.get("port", "")), mac, at)


def _roles(file: Source, names: list[str]) -> dict[str, int]:
    """Role -> column, by the operator's map first."""
    found: dict[str, int] = {}
    for role, column in file.columns.items():
        if role not in ROLES:
            raise ConfigError("--column", f"no role {role!r}", nearest(role, ROLES))
        if column not in names:
            raise ConfigError(f"{file.path}", f"no column {column!r}", nearest(column, names))
        found[role] = names.index(column)
    plain = [re.sub(r"[\s_]+", " ", name).strip().lower() for name in names]
    for role, headings in ROLES.items():
        if role not in found:
            at = next((plain.index(heading) for heading in headings if heading in plain), None)
            if at is not None:
                found[role] = at
    if not {"address", "mac"} & set(found):
        raise ConfigError(str(file.path), "no column for the address or the MAC", "name it, as in: --column address='IP of camera'")
    return found


def recognises(head: bytes, name: str) -> bool:
    """A heading line with a column for the address or the MAC."""
    first = decoding.decoded(head.split(b"\n", 1)[0]).lstrip("\ufeff").lower()
    separator = max(",;\t|", key=first.count)
    plain = {re.sub(r"[\s_]+", " ", cell).strip(' "\r') for cell in first.split(separator)}
    known = {heading for role in ("address", "mac") for heading in ROLES[role]}
    return (separator in first and bool(plain & known)) or name.lower().endswith(".csv")


IMPORTER = Importer(name="csv", title="camera list as CSV", recognises=recognises, read=read, rank=9)
