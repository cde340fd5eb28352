"""What a run was asked, where it looked and what it sent, as one word in the chain: its record, its coverage and its audit log by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from netcam.inventory.chain import Damage
from netcam.inventory.packing import encode
from netcam.inventory.port import Action, Inventory
from netcam.inventory.verify import words
from netcam.model import Coverage

SCAN = "scan"
"""Action kind."""
CLOCK_SLACK = timedelta(minutes=10)
"""How far the clock may stand before the last run: time servers step it by less."""


class _Body(msgspec.Struct):
    id: str
    site: str
    record: str
    """SHA-256 of the run's record, hex."""
    coverage: str
    """SHA-256 of what became of each address, hex."""
    audit: str = ""
    """SHA-256 of the audit log, hex; empty where none was kept."""
    audit_file: str = ""


def close(inventory: Inventory, scan: str, now: datetime, *, audit: Path | None = None) -> Action:
    """Write a run that is over into the chain."""
    record = inventory.scan(scan)
    kept = audit is not None and audit.is_file()
    body = _Body(
        id=record.id,
        site=record.site,
        record=hashlib.sha256(encode(record)).hexdigest(),
        coverage=_coverage(inventory.coverage(record.id)),
        audit=_file(audit) if kept and audit is not None else "",
        audit_file=str(audit) if kept else "",
    )
    return inventory.act(SCAN, msgspec.json.encode(body), now, by=record.sensor)


def _coverage(lines: list[Coverage]) -> str:
    told = hashlib.sha256()
    for line in lines:
        told.update(words((line.address, line.state.value, line.reason)))
    return told.hexdigest()


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(inventory: Inventory) -> Iterator[Damage]:
    """Hold runs, their coverage and their audit logs against what the chain says of them; what retention took is passed over."""
    last: dict[str, tuple[Action, _Body]] = {}
    for action in inventory.actions(kind=SCAN):
        try:
            body = msgspec.json.decode(action.body, type=_Body)
        except msgspec.DecodeError:
            continue
        last[body.id] = (action, body)
    scans = {scan.id: scan for scan in inventory.scans()}
    for action, body in last.values():
        scan, problem = scans.get(body.id), ""
        if scan is None:
            problem = f"the run {body.id} is gone"
        elif scan.status == "complete":  # another may be going on again this moment
            lines = inventory.coverage(body.id)
            if hashlib.sha256(encode(scan)).hexdigest() != body.record:
                problem = f"the record of run {body.id} was altered"
            elif lines and _coverage(lines) != body.coverage:
                problem = f"the coverage of run {body.id} was altered"
        if problem:
            yield Damage(entry=0, kind="scan", record=action.number, problem=problem)
        path = Path(body.audit_file) if body.audit_file else None
        if path is not None and path.is_file() and _file(path) != body.audit:
            yield Damage(entry=0, kind="audit", record=action.number, problem=f"the audit log {path.name} was altered after its run")


def clock_behind(inventory: Inventory, now: datetime) -> str:
    """What to tell the operator where the clock stands before the end of the last run; empty where it does not."""
    ends = [at for scan in inventory.scans() if (at := scan.finished or scan.started) is not None]
    last = max(ends, default=None)
    if last is None or now >= last - CLOCK_SLACK:
        return ""
    return (
        f"the clock says {now:%Y-%m-%d %H:%M} and the last run ended {last:%Y-%m-%d %H:%M}: check it (timedatectl). "
        "What is recorded now is kept, and stands before that run in history"
    )
