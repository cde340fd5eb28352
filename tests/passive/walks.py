"""Walks that were recorded from switches, read from the snmpsim-data package; as a program, snmpd's pass_persist child that serves one."""

from __future__ import annotations

import bisect
import bz2
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from netcam.collect.bridge import TABLES  # noqa: E402
from tests import peers  # noqa: E402

Oid = tuple[int, ...]
ROOTS = tuple(tuple(int(part) for part in base.split(".")) for base in TABLES.values())
KINDS = {"2": "integer", "4": "octet", "66": "gauge", "65": "counter", "67": "timeticks"}


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


def serve(name: str) -> None:
    """The pass_persist protocol of snmpd.conf(5)."""
    rows = recorded(name)
    oids = [at for at, _, _ in rows]
    while line := sys.stdin.readline():
        word = line.strip()
        if word == "PING":
            print("PONG", flush=True)
        elif word in ("get", "getnext"):
            asked = tuple(int(part) for part in sys.stdin.readline().strip().strip(".").split("."))
            at = bisect.bisect_right(oids, asked) if word == "getnext" else bisect.bisect_left(oids, asked)
            if at >= len(rows) or (word == "get" and oids[at] != asked):
                print("NONE", flush=True)
                continue
            oid, kind, value = rows[at]
            shown = " ".join(f"{byte:02x}" for byte in value) if kind == "octet" else value.decode()
            print("." + ".".join(map(str, oid)) + f"\n{kind}\n{shown}", flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
