"""Events as netcam's own JSON lines: everything the event holds."""

from __future__ import annotations

from typing import Any

from netcam import wire
from netcam.sinks.event import Event, content
from netcam.sinks.format import Format


def record(event: Event) -> dict[str, Any]:
    """The JSON object of an event."""
    told = content(event)
    return {"schema": told.pop("schema"), "id": event.id} | told


def encode(event: Event) -> bytes:
    """One line."""
    return wire.dumps(record(event)).encode()


FORMAT = Format(name="jsonl", media_type="application/x-ndjson", encode=encode)
