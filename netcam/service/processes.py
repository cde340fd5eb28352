"""Runs as child processes `netcam scan`: their own memory, their own end, and still there when the service is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from netcam.config import KEPT, Settings
from netcam.service.engine import Ended, Order
from netcam.service.state import Run

KILL_AFTER = timedelta(seconds=60)
"""A run that was asked to end and has not by then is killed; what it has stored stays, and it can be resumed."""
KEEP_LOGS = 200
MAX_REASON = 500
_TAIL = 1 << 20
"""Bytes of the end of an output that are looked at: the line of the scan is the last."""


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes] | None
    pid: int
    born: int | None
    stopped: datetime | None = None


def kept_settings(folder: Path) -> Path:
    """The copy of the settings that a service in this state folder works by, and its runs with it."""
    return folder / "runs" / "settings.toml"


class Processes:
    """Starts `netcam scan` for sites of the settings."""

    def __init__(self, settings: Settings, folder: Path, *, store: str | None = None, content: str | None = None) -> None:
        self.settings = settings
        self._folder, self._store, self._content = folder / "runs", store, content
        self._children: dict[int, _Child] = {}

    def command(self, order: Order) -> list[str]:
        """The command line of a run."""
        schedule = self.settings.schedules[order.schedule]
        targets = schedule.targets or self.settings.sites[order.site].networks
        options = ["--site", order.site, "--profile", schedule.profile, "--format", "jsonl"]
        for name, value in (("--config", self.settings.path), ("--store", self._store), ("--content", self._content)):
            options += [name, value] if value else []
        # a run that goes on keeps the targets that it had
        return [sys.executable, "-m", "netcam", "scan", *options, *(["--resume"] if order.resume else ["--", *targets])]

    def start(self, order: Order) -> tuple[int, int | None]:
        """Start a run in a session of its own. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = kept_settings(self._folder.parent)
        env = os.environ | ({KEPT: str(kept)} if kept.exists() else {})
        with (self._folder / f"{order.id}.out").open("wb") as out, (self._folder / f"{order.id}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                self.command(order), stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True, env=env
            )
        child = _Child(process, process.pid, born_of(process.pid))
        self._children[order.id] = child
        return child.pid, child.born

    def stop(self, id: int, now: datetime) -> None:
        """SIGTERM: the run ends with what it has, and can be resumed."""
        child = self._children.get(id)
        if child is not None and child.stopped is None:
            child.stopped = now
            self._signal(child, signal.SIGTERM)

    def _signal(self, child: _Child, number: int) -> None:
        if self._alive(child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, number)

    @staticmethod
    def _alive(child: _Child) -> bool:
        if child.process is not None:
            return child.process.poll() is None
        return child.born is not None and born_of(child.pid) == child.born

    def ended(self, now: datetime) -> Sequence[Ended]:
        """Runs that have ended, with what their last line says; one that does not end when asked is killed."""
        gone = []
        for id, child in list(self._children.items()):
            if self._alive(child):
                if child.stopped is not None and now - child.stopped > KILL_AFTER:
                    self._signal(child, signal.SIGKILL)
                continue
            code = child.process.returncode if child.process is not None else None
            del self._children[id]
            gone.append(self._result(id, code, asked=child.stopped is not None))
        return gone

    def adopt(self, run: Run) -> Ended | None:
        """Take over a run whose process still goes on; else how it ended."""
        child = _Child(None, run.pid or 0, run.born)
        if run.pid and self._alive(child):
            self._children[run.id] = child
            return None
        ended = self._result(run.id, None, asked=True)
        if ended.status == "failed" or not ended.scan:
            return Ended(id=run.id, status="interrupted", reason="netcam was stopped while it went on")
        return ended

    def _result(self, id: int, code: int | None, *, asked: bool) -> Ended:
        told = _last_scan(self._folder / f"{id}.out")
        (self._folder / f"{id}.out").unlink(missing_ok=True)
        self._tidy(id)
        if told:
            found = told.get("totals", {}).get("answered", 0) if isinstance(told.get("totals"), dict) else None
            status = str(told.get("status"))
            notes = told.get("notes") or []
            reason = "; ".join(str(note) for note in notes)[:MAX_REASON] if status != "complete" else ""
            return Ended(
                id=id,
                status=status if status in ("complete", "interrupted") else "failed",
                reason=reason,
                scan=str(told.get("id")),
                found=found,
            )
        if code is not None and code < 0 and asked:
            return Ended(id=id, status="interrupted", reason="killed: it did not end when asked")
        reason = last_words(self._folder / f"{id}.log") or (f"ended with {code}" if code is not None else "ended without a word")
        return Ended(id=id, status="failed", reason=reason)

    def _tidy(self, id: int) -> None:
        (self._folder / f"{id - KEEP_LOGS}.log").unlink(missing_ok=True)


def born_of(pid: int) -> int | None:
    """When a process began, in ticks since the kernel started; None where there is none, or none that still runs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _last_scan(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().splitlines()
        told = json.loads(lines[-1]) if lines else None
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and told.get("type") == "scan" else None


def last_words(path: Path) -> str:
    """What a program of ours said last on its standard error, without its name; empty where it said nothing."""
    try:
        lines = path.read_bytes()[-20_000:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    said = [line for line in lines if line.startswith("netcam: ")] or lines
    return said[-1].removeprefix("netcam: ")[:MAX_REASON] if said else ""
