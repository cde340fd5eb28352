"""What a format is: a name, a media type, and a pure function from an event to bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netcam.sinks.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. `encode` gives one record without its line end; `head` what goes before the first."""

    name: str
    media_type: str
    encode: Callable[[Event], bytes]
    head: bytes = b""
