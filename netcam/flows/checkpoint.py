"""What a running watch knows, on disk: open conversations, names heard, and which archive files belong to it. Survives a kill.

Order of writing: archive files under temporary names, then the checkpoint that lists them, then their names. A kill before the checkpoint
leaves temporary files, which the next start removes; a kill after it leaves listed ones, which the next start names. So no flow is
archived twice, and only packets since the last checkpoint are lost.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from netcam.errors import StoreError
from netcam.flows import rows as r
from netcam.flows.archive import Archive, publish
from netcam.flows.build import Assembly
from netcam.flows.table import FlowTable

VERSION = 1
"""Of the layout; another version is not read."""
MAX_SIZE = 1 << 30
"""Bytes of a checkpoint: a full table of 184 MB, its names and answers."""
CURE = "move the file away to begin anew; open conversations are lost, archived flows are not"


class _State(msgspec.Struct, frozen=True):
    """The end of a checkpoint; the rows stand before it as raw bytes."""

    version: int
    layout: str
    sequence: int
    serial: int
    rows: int
    names: dict[str, Any]
    pending: list[tuple[str, str]]


def _layout() -> str:
    return f"{r.WIDTH} {r.CAPACITY} {r.S_BASE_IN}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state behind one window: its rows are in the file already."""

    rows: int
    serial: int
    names: dict[str, Any]


class Keeper:
    """Writes windows and checkpoints of one watch in step."""

    def __init__(self, path: Path, archive: Archive | None, site: str, sensor: str) -> None:
        self._path, self._archive, self._site, self._sensor = path, archive, site, sensor
        self.sequence = 0

    def restore(self, assembly: Assembly) -> str:
        """Take up what the last run left; returns a sentence about it. Raises StoreError where the file is damaged."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = self._path.read_bytes()
        except FileNotFoundError:
            self._sweep([])
            return ""
        except OSError as error:
            raise StoreError(str(self._path), error.strerror or "cannot be read", CURE) from None
        try:
            if len(content) > MAX_SIZE:
                raise ValueError("too large")
            size = int.from_bytes(content[-8:], "big")
            if size > len(content) - 8:
                raise ValueError("cut")
            state = msgspec.msgpack.decode(content[-8 - size : -8], type=_State)
            if state.version != VERSION or state.layout != _layout():
                raise ValueError(f"version {state.version}, layout {state.layout}")
            if len(content) - 8 - size != state.rows * r.WIDTH * 8 or not 0 <= state.rows <= r.CAPACITY:
                raise ValueError("rows are missing")
            rows = np.frombuffer(content, np.int64, state.rows * r.WIDTH).reshape(-1, r.WIDTH)
            assembly.walk.restore(rows, state.serial)
            assembly.namer.restore(state.names)
        except (ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
            raise StoreError(str(self._path), f"is no checkpoint of this netcam: {error}", CURE) from None
        self.sequence = state.sequence
        self._sweep(state.pending)
        return f"{state.rows} open conversations were taken up from the last run"

    def _sweep(self, pending: list[tuple[str, str]]) -> None:
        """Name the files that belong to the checkpoint and remove those that do not."""
        if self._archive is None:
            return
        root = self._archive.root.resolve()
        for temporary, final in pending:
            if not all((root / name).resolve().is_relative_to(root) for name in (temporary, final)):
                raise StoreError(str(self._path), "names files outside the archive", CURE)
            if (root / temporary).exists():
                publish(root / temporary, root / final)
        for left in root.glob(f"*/site={self._site}/day=*/.{self._sensor}-*.tmp"):
            left.unlink()

    def _beside(self) -> Path:
        return self._path.with_suffix(self._path.suffix + ".part")

    def snapshot(self, assembly: Assembly) -> Snapshot:
        """Write the open rows beside the checkpoint; called where the table stands still. Raises StoreError."""
        count = 0
        try:
            with self._beside().open("wb", buffering=0) as file:
                for part in assembly.walk.open_rows():
                    file.write(np.ascontiguousarray(part).data)
                    count += len(part)
        except OSError as error:
            raise StoreError(str(self._path), error.strerror or "cannot be written", "check the folder and the space on it") from None
        return Snapshot(count, assembly.walk.serial, assembly.namer.snapshot())

    def keep(self, snapshot: Snapshot, table: FlowTable) -> None:
        """Archive a window and make the state behind it the checkpoint. Raises StoreError."""
        prepared: list[tuple[Path, Path]] = []
        root = self._path.parent
        if self._archive is not None:
            root = self._archive.root
            prepared = self._archive.prepare(table, self._site, stem=f"{self._sensor}-{self.sequence:08d}")
            for temporary, _ in prepared:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
        self.sequence += 1
        pending = [(str(a.relative_to(root)), str(b.relative_to(root))) for a, b in prepared]
        end = msgspec.msgpack.encode(_State(VERSION, _layout(), self.sequence, snapshot.serial, snapshot.rows, snapshot.names, pending))
        try:
            with self._beside().open("ab") as file:
                file.write(end + len(end).to_bytes(8, "big"))
                file.flush()
                os.fsync(file.fileno())
            self._beside().replace(self._path)
        except OSError as error:
            raise StoreError(str(self._path), error.strerror or "cannot be written", "check the folder and the space on it") from None
        for temporary, final in prepared:
            publish(temporary, final)
