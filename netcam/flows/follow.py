"""Follows logs that are still written, as `tail -F` does: rotation, truncation and half-written lines are nothing special."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import IO

from netcam.errors import ConfigError
from netcam.flows.logs import WINDOW_RECORDS, window
from netcam.flows.records import Records
from netcam.flows.source import MAX_LINE, LogSource, Reading, sources
from netcam.flows.table import FlowTable

POLL = 0.5
"""Seconds between two looks at the files."""
PIECE = 4 << 20
"""Bytes read of one file before the others get their turn."""
_ZEEK = ("dns.log", "ssl.log", "quic.log", "http.log", "conn.log")
"""Zeek's logs, those that name connections first."""


@dataclass(slots=True)
class _Followed:
    """One file: where reading stands, and the file behind the name."""

    path: Path
    source: LogSource
    file: IO[bytes] | None = None
    inode: int = 0
    rest: bytes = b""

    def lines(self, records: Records) -> Iterator[bytes]:
        """Whole lines that came since the last call."""
        if self.file is None and not self._open():
            return
        assert self.file is not None
        data = self.file.read(PIECE)
        if not data:
            self._turned(records)
            return
        *whole, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > MAX_LINE:
            records.count("long_lines")
            self.rest = b""
        for line in whole:
            if len(line) > MAX_LINE:
                records.count("long_lines")
            else:
                yield line.rstrip(b"\r")

    def _open(self) -> bool:
        try:
            self.file = self.path.open("rb", buffering=0)
            self.inode = self.path.stat().st_ino
        except OSError:
            self.file = None
        self.rest = b""
        return self.file is not None

    def _turned(self, records: Records) -> None:
        """At the end of the file: has another one taken its name, or was it cut?"""
        assert self.file is not None
        try:
            status = self.path.stat()
            if status.st_ino != self.inode:
                records.count("rotations")
                self.close()
            elif status.st_size < self.file.tell():
                records.count("rotations")
                self.file.seek(0)
                self.rest = b""
        except OSError:
            pass  # moved away, the next one is not there yet

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


def windows(
    *,
    zeek: Path | None = None,
    suricata: Path | None = None,
    seconds: float | None,
    every: float | None,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    stop: threading.Event | None = None,
) -> Iterator[FlowTable]:
    """Flows that a Zeek folder or a Suricata EVE file tells, from its beginning on, each `every` seconds and at the end.

    Raises ConfigError where the folder or file is not there.
    """
    followed: list[_Followed] = []
    known = sources()
    if zeek is not None:
        if not zeek.is_dir():
            raise ConfigError("--zeek", f"{str(zeek)!r} is no folder", "give the folder that Zeek writes conn.log into")
        followed += [_Followed(zeek / name, known["zeek"]) for name in _ZEEK]
    if suricata is not None:
        if not suricata.exists():
            raise ConfigError("--suricata", f"{str(suricata)!r} is not there", "give the path of eve.json")
        followed.append(_Followed(suricata, known["suricata"]))
    reading = Reading(Records(internal), time.time_ns())
    now = time.monotonic()
    end = now + seconds if seconds is not None else None
    cut = now + every if every is not None else None
    try:
        while not (stop is not None and stop.is_set()):
            read = 0
            reading.now = time.time_ns()
            for one in followed:
                assert one.source.line is not None
                for line in one.lines(reading.records):
                    read += 1
                    one.source.line(line, str(one.path), reading)
            if len(reading.records) >= WINDOW_RECORDS or (cut is not None and time.monotonic() >= cut):
                cut = time.monotonic() + every if every is not None else None
                yield window(reading)
            if end is not None and time.monotonic() >= end:
                break
            if not read:
                time.sleep(POLL if end is None else max(0.0, min(POLL, end - time.monotonic())))
    except KeyboardInterrupt:
        pass  # what was read until now is the result
    finally:
        for one in followed:
            one.close()
    yield window(reading)
