"""The flow archive is kept within its bounds while it is written: whole days go when a day turns."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from netcam.flows.archive import prune

GIGABYTE = 1_000_000_000
"""Bytes."""


class Retention:
    """Removes once a day what is older or more than the bounds allow."""

    def __init__(self, root: Path, *, days: int, gigabytes: float) -> None:
        """`days` and `gigabytes` 0: no bound."""
        self._root, self._days, self._bytes = root, days or None, int(gigabytes * GIGABYTE) or None
        self._done: date | None = None

    def turn(self, today: date) -> list[str]:
        """Where `today` (UTC) has not been seen to yet: the folders that went. A clock that runs backwards changes nothing."""
        if (self._days is None and self._bytes is None) or (self._done is not None and today <= self._done):
            return []
        self._done = today
        return prune(self._root, max_days=self._days, max_bytes=self._bytes, today=today)
