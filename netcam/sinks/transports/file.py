"""Lines in a file: whole lines, on disk before they count, rotated by size with a SHA-256 beside each finished file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from netcam.config.sinks import FileSink
from netcam.errors import SinkError
from netcam.sinks.transport import Item, Opening, Outcome, Transport

_TAIL = 1 << 20
"""Bytes looked at for the last line end of a file that a crash left in the middle of a line."""


class FileReceiver:
    """Appends to one file."""

    def __init__(self, settings: FileSink, opening: Opening) -> None:
        self._path, self._head = opening.path(settings.path), opening.head
        self._max, self._keep = settings.max_bytes, settings.keep
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._opened()
        except OSError as error:
            raise self._broken(error) from None

    def _broken(self, error: OSError) -> SinkError:
        return SinkError(str(self._path), error.strerror or "cannot be written", "check its folder, its owner and the free space")

    def _opened(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        size = os.fstat(descriptor).st_size
        if size:
            tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
            if not tail.endswith(b"\n"):  # a crash in the middle of a line: that event comes again
                os.ftruncate(descriptor, size - len(tail) + tail.rfind(b"\n") + 1)
        elif self._head:
            os.write(descriptor, self._head)
        return descriptor

    def send(self, items: Sequence[Item]) -> Outcome:
        """Append the lines; returns when they are on disk. What could not be written whole is taken back."""
        try:
            if not self._path.exists() or self._path.stat().st_ino != os.fstat(self._file).st_ino:  # somebody else rotated it
                os.close(self._file)
                self._file = self._opened()
            size = os.fstat(self._file).st_size
            data = b"".join(item.body + b"\n" for item in items)
            if self._max and size > len(self._head) and size + len(data) > self._max:
                self._rotate()
                size = os.fstat(self._file).st_size
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, size)
                raise
        except OSError as error:
            raise self._broken(error) from None
        return Outcome()

    def _rotate(self) -> None:
        os.close(self._file)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")  # noqa: TID251 - the name of a finished file
        finished = self._path.with_name(f"{self._path.name}.{stamp}")
        self._path.rename(finished)
        with finished.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        finished.with_name(f"{finished.name}.sha256").write_text(f"{digest}  {finished.name}\n")
        old = sorted(p for p in self._path.parent.glob(f"{self._path.name}.*Z") if p.suffix.endswith("Z"))
        for path in old[: max(0, len(old) - self._keep)]:
            path.unlink()
            path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
        self._file = self._opened()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


TRANSPORT = Transport(types=("file",), format="jsonl", open=FileReceiver)
