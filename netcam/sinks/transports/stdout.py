"""Lines on standard output, for a container whose runtime collects them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from netcam.config.sinks import StdoutSink
from netcam.errors import SinkError
from netcam.sinks.transport import Item, Opening, Outcome, Transport


class StdoutReceiver:
    """Writes to standard output."""

    def __init__(self, settings: StdoutSink, opening: Opening) -> None:
        self._head = opening.head

    def send(self, items: Sequence[Item]) -> Outcome:
        """Write the lines and flush."""
        try:
            sys.stdout.buffer.write(self._head + b"".join(item.body + b"\n" for item in items))
            sys.stdout.buffer.flush()
        except OSError as error:
            raise SinkError("standard output", error.strerror or "cannot be written", "is its reader still there?") from None
        self._head = b""
        return Outcome()

    def close(self) -> None:
        """Nothing to give back."""


TRANSPORT = Transport(types=("stdout",), format="jsonl", open=StdoutReceiver)
