"""Follows logs that are still written, as `tail -F` does: rotation, truncation and half-written lines are nothing special, and whoever
begins again goes on where reading stood."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import IO

from netcam.errors import ConfigError, StoreError
from netcam.flows.logs import WINDOW_RECORDS, window
from netcam.flows.records import Records
from netcam.flows.source import MAX_LINE, LogSource, Reading, sources
from netcam.flows.table import FlowTable

POLL = 0.5
"""Seconds between two looks at the files."""
PIECE = 4 << 20
"""Bytes read of one file before the others get their turn."""
HEAD = 256
"""Bytes at the beginning of a log by which it is known again: the number of a file that was deleted is given to another."""
HEADING = 1 << 16
"""Bytes at the beginning of a log in which Zeek tells its columns."""
MAX_PLACES = 1 << 16
"""Bytes of the file of places: six logs take 2 kB."""
MAX_LISTED = 10_000
"""Files beside a log among which its older self is looked for."""
_ZEEK = ("dns.log", "ssl.log", "quic.log", "http.log", "conn.log")
"""Zeek's logs, those that name connections first."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where reading of a log stood."""

    inode: int
    at: int
    """Bytes that were read, whole lines only."""
    head: str
    """SHA-256 of its first bytes, hex."""


class Places:
    """Where reading of each log stood when what it told was last taken on; one small file."""

    def __init__(self, path: Path) -> None:
        """A file that is damaged is as good as none: its logs are read from their beginning. Raises StoreError where it cannot be read."""
        self._path, self._told = path, dict[str, _Place]()
        try:
            with path.open("rb") as file:
                told = json.loads(file.read(MAX_PLACES))
            self._told = {str(name): _Place(int(inode), int(at), str(head)) for name, (inode, at, head) in told.items()}
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreError(str(path), error.strerror or "cannot be read", "check its owner and permissions") from None
        except (ValueError, TypeError, AttributeError):
            pass

    def of(self, path: Path) -> _Place | None:
        """Where reading of a log stood."""
        return self._told.get(str(path.absolute()))

    def save(self, followed: Sequence[_Followed]) -> None:
        """Write where reading stands now. Raises StoreError."""
        self._told |= {str(one.path.absolute()): place for one in followed if (place := one.place()) is not None}
        beside = self._path.with_name(f".{self._path.name}.part")
        try:
            with beside.open("w") as file:
                json.dump({name: (place.inode, place.at, place.head) for name, place in self._told.items()}, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise StoreError(str(self._path), error.strerror or "cannot be written", "check the folder and the space on it") from None


def _head(file: IO[bytes], at: int) -> str:
    """Digest of the first bytes of a file, of those before `at`; reading stands at their end then."""
    file.seek(0)
    return hashlib.sha256(file.read(min(HEAD, at))).hexdigest()


@dataclass(slots=True)
class _Followed:
    """One file: where reading stands, and the file behind the name."""

    path: Path
    source: LogSource
    begin: _Place | None = None
    """Where reading stood before this one."""
    file: IO[bytes] | None = None
    inode: int = 0
    rest: bytes = b""
    turned: bool = False
    """Another file has its name: what was still written to this one is read, then it is left."""
    heading: list[bytes] = field(default_factory=list)
    """Lines at the head of a log that say how to read the others, of one that is gone on with."""
    notes: list[str] = field(default_factory=list)

    def lines(self, records: Records) -> Iterator[bytes]:
        """Whole lines that came since the last call."""
        if self.file is None and not self._open():
            return
        assert self.file is not None
        yield from self.heading
        self.heading = []
        data = self.file.read(PIECE)
        if not data:
            self._turned(records)
            if self.file is None:
                yield from self.lines(records)  # the one that has its name now
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
        begin, self.begin = self.begin, None
        self.rest, self.turned = b"", False
        if begin is not None and self._go_on(begin):
            return True
        try:
            self.file = self.path.open("rb", buffering=0)
            self.inode = os.fstat(self.file.fileno()).st_ino
        except OSError:
            self.file = None
            self.begin = begin  # it may be there in a while
        return self.file is not None

    def _go_on(self, begin: _Place) -> bool:
        """Open the log that was read before, under whatever name it has now, where reading stood."""
        for path in (self.path, *self._beside(begin.inode)):
            with contextlib.suppress(OSError):
                file = path.open("rb", buffering=0)
                status = os.fstat(file.fileno())
                if status.st_ino == begin.inode and status.st_size >= begin.at and _head(file, begin.at) == begin.head:
                    file.seek(0)
                    lines = file.read(min(HEADING, begin.at)).split(b"\n")
                    self.heading = [line.rstrip(b"\r") for line in itertools.takewhile(lambda line: line.startswith(b"#"), lines)]
                    file.seek(begin.at)
                    self.file, self.inode = file, begin.inode
                    return True
                file.close()
        if self.path.exists():
            self.notes.append(
                f"{self.path}: the log that was read before is not there any more: what stood in it after byte {begin.at} was not read"
            )
        return False

    def _beside(self, inode: int) -> Iterator[Path]:
        """Files of the same folder with that number."""
        with contextlib.suppress(OSError), os.scandir(self.path.parent) as entries:
            for _, entry in zip(range(MAX_LISTED), entries, strict=False):
                if entry.inode() == inode and entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)

    def place(self) -> _Place | None:
        """Where reading stands."""
        if self.file is None:
            return self.begin
        at = self.file.tell()
        head = _head(self.file, at - len(self.rest))
        self.file.seek(at)
        return _Place(self.inode, at - len(self.rest), head)

    def _turned(self, records: Records) -> None:
        """At the end of the file: has another one taken its name, or was it cut?"""
        assert self.file is not None
        try:
            status = self.path.stat()
            if status.st_ino != self.inode:
                if self.turned:  # nothing more came since
                    records.count("rotations")
                    if self.rest:
                        records.count("half_lines")
                    self.close()
                self.turned = True
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
    places: Path | None = None,
) -> Iterator[FlowTable]:
    """Flows that a Zeek folder or a Suricata EVE file tells, from its beginning on, each `every` seconds and at the end.

    `places`: file that keeps where reading stands, so that whoever begins again takes nothing on twice; a window is done when the next
    one is asked for. Raises ConfigError where the folder or file is not there, StoreError where `places` cannot be read or written.
    """
    known_places = Places(places) if places is not None else None
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
    if known_places is not None:
        for one in followed:
            one.begin = known_places.of(one.path)

    def told() -> FlowTable:
        for one in followed:
            reading.records.notes += one.notes
            one.notes.clear()
        return window(reading)

    def done() -> None:
        if known_places is not None:
            known_places.save(followed)

    reading = Reading(Records(internal), time.time_ns())
    now = time.monotonic()
    end = now + seconds if seconds is not None else None
    cut = now + every if every is not None else None
    with contextlib.ExitStack() as files:
        for one in followed:
            files.callback(one.close)
        yield from _read(followed, reading, told, done, end, cut, every, stop)


def _read(
    followed: Sequence[_Followed], reading: Reading, told: Callable[[], FlowTable], done: Callable[[], None],
    end: float | None, cut: float | None, every: float | None, stop: threading.Event | None,
) -> Iterator[FlowTable]:  # fmt: skip
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
                yield told()
                done()
            if end is not None and time.monotonic() >= end:
                break
            if not read:
                time.sleep(POLL if end is None else max(0.0, min(POLL, end - time.monotonic())))
    except KeyboardInterrupt:
        pass  # what was read until now is the result
    yield told()
    done()
