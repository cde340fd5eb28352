"""How netcam writes a time: RFC 3339 in UTC with `Z`. What it reads may have any offset (`wire.instant`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal


def rfc3339(at: datetime, precision: Literal["seconds", "milliseconds", "microseconds"] = "milliseconds") -> str:
    """`2026-11-26T13:45:00.000Z`. A time without a zone is taken as the machine's, as everywhere in Python."""
    return at.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"
