"""The audit log of everything the gate lets out: append-only, one JSON line each, chained by hash."""

from __future__ import annotations

import hashlib
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from netcam.model import rfc3339

MAX_AUDIT_LINE = 4096
"""Bytes of the longest audit line: a protocol, an address and two digests."""
AUDIT_FLUSH = 1.0
"""Seconds after which audit lines are on disk at the latest."""


class Audit:
    """Append-only log of what was sent: one JSON line each, with a hash chain so that a removed line shows."""

    def __init__(self, path: Path | None, scope: str = "") -> None:
        """`scope` is the id of the signed-off scope, which stands in every line."""
        self._file: IO[str] | None = None
        self._scope = scope
        self._last, self._flushed = "", time.monotonic()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():  # a run that goes on continues the chain
                with path.open("rb") as before:
                    before.seek(max(0, path.stat().st_size - MAX_AUDIT_LINE))
                    lines = before.read().splitlines()
                self._last = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8")

    def write(self, **told: Any) -> None:
        """Add one line; `previous` is the SHA-256 of the line before."""
        if self._file is None:
            return
        at = rfc3339(datetime.now(UTC))  # noqa: TID251 - the log's own clock
        line = json.dumps({"at": at, "scope": self._scope, **told, "previous": self._last}, separators=(",", ":"))
        self._last = hashlib.sha256(line.encode()).hexdigest()
        self._file.write(line + "\n")
        if time.monotonic() - self._flushed > AUDIT_FLUSH:
            self._file.flush()
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Write out what is left."""
        if self._file is not None:
            self._file.close()
            self._file = None
