"""Walks that were recorded from switches, read from the snmpsim-data package."""

from __future__ import annotations

import bz2
from functools import cache
from typing import Any

from netcam.collect.bridge import TABLES
from tests import peers

Oid = tuple[int, ...]
ROOTS = tuple(tuple(int(part) for part in base.split(".")) for base in TABLES.values())
KINDS = {"2": "integer", "4": "octet", "66": "gauge", "65": "counter", "67": "timeticks"}


@cache
def recorded(name: str) -> list[tuple[Oid, str, bytes]]:
    """OID, type and value of every row that netcam asks for, in order."""
    path = peers.folder() / "snmpsim_data" / "data" / "network" / "switch" / f"{name}.snmprec.bz2"
    rows: list[tuple[Oid, str, bytes]] = []
    with bz2.open(path, "rt", errors="replace") as file:
        for line in file:
            oid, _, rest = line.rstrip("\n").partition("|")
            tag, _, value = rest.partition("|")
            if not oid.replace(".", "").isdigit():
                continue  # some begin with a remark
            at = tuple(int(part) for part in oid.split("."))
            if any(at[: len(root)] == root for root in ROOTS) and tag.rstrip("xe") in KINDS:
                rows.append((at, KINDS[tag.rstrip("xe")], bytes.fromhex(value) if tag.endswith("x") else value.encode()))
    return sorted(rows)


def tables(name: str) -> dict[str, dict[Oid, Any]]:
    """The same as the reader's tables."""
    found: dict[str, dict[Oid, Any]] = {table: {} for table in TABLES}
    for at, kind, value in recorded(name):
        for table, root in zip(TABLES, ROOTS, strict=True):
            if at[: len(root)] == root:
                found[table][at[len(root) :]] = value if kind == "octet" else int(value)
    return found
