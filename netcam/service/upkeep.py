"""Once a day: what the settings do not keep goes, and the hash chain is signed. In a child process, at the pace of this service's own clock."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from netcam.service.processes import last_words
from netcam.service.state import State

EVERY = timedelta(hours=24)
AGAIN = timedelta(hours=1)
"""After one that failed, and while the disk is nearly full: soon, but not over and over."""
LONGEST = timedelta(hours=6)
"""A pass that takes longer is ended; every step of it is whole, and the next pass goes on."""
LOW = 512 * 1024 * 1024
"""Free bytes on the inventory's disk below which upkeep does not wait for its day: eight times what writing itself leaves free."""

_DONE, _TRIED, _FULL = "upkeep done", "upkeep tried", "upkeep disk"


class Upkeep:
    """`tell(message, failed)` is called for what somebody should know."""

    def __init__(
        self, state: State, command: Sequence[str], inventory: Path | None, log: Path, *, tell: Callable[[str, bool], None]
    ) -> None:
        """`command` does one pass; `inventory` is the file that it is for, None where the store is elsewhere."""
        self._state, self._command, self._inventory, self._log, self._tell = state, list(command), inventory, log, tell
        self._child: subprocess.Popen[bytes] | None = None
        self._began = datetime.min.replace(tzinfo=UTC)

    def step(self, now: datetime) -> None:
        """Start a pass that is due, and take note of one that has ended."""
        if self._child is not None:
            self._finish(self._child, now)
        elif self._inventory is None or self._inventory.exists():
            low = self._disk()
            done, tried = self._state.moment(_DONE), self._state.moment(_TRIED)
            # a clock that ran backwards must not put it off
            due = low or done is None or not timedelta(0) <= now - done < EVERY
            if due and (tried is None or not timedelta(0) <= now - tried < AGAIN):
                self._start(now)

    def stop(self) -> None:
        """End a pass that goes on; what it has done stays done."""
        if self._child is not None:
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10)
            if self._child.poll() is None:
                self._child.kill()
                self._child.wait()
            self._child = None

    def _start(self, now: datetime) -> None:
        self._state.note(_TRIED, now.isoformat())
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("wb") as log:
                self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own program
        except OSError as error:
            self._tell(f"Upkeep of the inventory could not be started: {error.strerror}", True)
        self._began = now

    def _finish(self, child: subprocess.Popen[bytes], now: datetime) -> None:
        code = child.poll()
        if code is None:
            if now - self._began > LONGEST:
                child.terminate()
            return
        self._child = None
        if code == 0:
            self._state.note(_DONE, now.isoformat())
        else:
            self._tell(f"Upkeep of the inventory failed: {last_words(self._log) or f'it ended with {code}'}", True)

    def _disk(self) -> bool:
        """Whether the disk is nearly full; told when that begins and when it ends."""
        if self._inventory is None:
            return False
        try:
            disk = shutil.disk_usage(self._inventory.parent)
        except OSError:
            return False
        low = disk.free < min(LOW, disk.total // 10)
        if low != (self._state.fact(_FULL) == "low"):
            self._state.note(_FULL, "low" if low else "")
            self._tell(
                f"The disk of the inventory is nearly full: {disk.free} bytes are free. Free some, or set max_megabytes under [retention]"
                if low
                else "The disk of the inventory has room again",
                low,
            )
        return low


def command(config: str, store: str | None) -> list[str]:
    """The command line of one pass."""
    options = [word for name, value in (("--config", config), ("--store", store)) if value for word in (name, value)]
    return [sys.executable, "-m", "netcam", "inventory", "upkeep", *options]
