"""What a running watch knows, on disk: open conversations, names heard, and which archive files belong to it. Survives a kill.

Order of writing: archive files under temporary names, then the checkpoint that lists them, then their names. A kill before the checkpoint
leaves temporary files, which the next start removes; a kill after it leaves listed ones, which the next start names. So no flow is
archived twice, and only packets since the last checkpoint are lost.
"""

from __future__ import annotations

import os
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
"""Bytes of a checkpoint: a full table of 200 MB, its names and answers."""


class _State(msgspec.Struct, frozen=True):
    """The head of a checkpoint; the rows follow as raw bytes."""

    version: int
    layout: str
    sequence: int
    serial: int
    rows: int
    counters: dict[str, int]
    names: dict[str, Any]
    pending: list[tuple[str, str]]


def _layout() -> str:
    return f"{r.WIDTH} {r.CAPACITY} {r.S_BASE_IN}"


class Keeper:
    """Writes windows and checkpoints of one watch in step."""

    def __init__(self, path: Path, archive: Archive | None, site: str, sensor: str) -> None:
        self._path, self._archive, self._site, self._sensor = path, archive, site, sensor
        self.sequence = 0

    def restore(self, assembly: Assembly) -> str:
        """Take up what the last run left; returns a sentence about it. Raises StoreError where the file is damaged."""
        cure = "move the file away to begin anew; open conversations are lost, archived flows are not"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            self._sweep([])
            return ""
        except OSError as error:
            raise StoreError(str(self._path), error.strerror or "cannot be read", cure) from None
        try:
            size = int.from_bytes(content[:8], "big")
            if len(content) > MAX_SIZE:
                raise ValueError("too large")
            state = msgspec.msgpack.decode(content[8 : 8 + size], type=_State)
            if state.version != VERSION or state.layout != _layout():
                raise ValueError(f"version {state.version}, layout {state.layout}")
            rows = np.frombuffer(content[8 + size :], np.int64)
            if len(rows) != state.rows * r.WIDTH or state.rows > r.CAPACITY:
                raise ValueError("rows are missing")
            assembly.walk.restore(rows.reshape(-1, r.WIDTH), state.serial)
            assembly.namer.restore(state.names)
        except (ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
            raise StoreError(str(self._path), f"is no checkpoint of this netcam: {error}", cure) from None
        self.sequence = state.sequence
        self._sweep(state.pending)
        return f"{state.rows} open conversations were taken up from the last run"

    def _sweep(self, pending: list[tuple[str, str]]) -> None:
        """Name the files that belong to the checkpoint and remove those that do not."""
        if self._archive is None:
            return
        root = self._archive.root
        for temporary, final in pending:
            if (root / temporary).exists():
                publish(root / temporary, root / final)
        for left in root.glob(f"*/site={self._site}/day=*/.{self._sensor}-*.tmp"):
            left.unlink()

    def keep(self, assembly: Assembly, table: FlowTable) -> None:
        """Archive a window and write down what is still open. Raises StoreError."""
        prepared = []
        if self._archive is not None:
            prepared = self._archive.prepare(table, self._site, stem=f"{self._sensor}-{self.sequence:08d}")
            for temporary, _ in prepared:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
        self.sequence += 1
        root = self._archive.root if self._archive is not None else self._path.parent
        rows, serial = assembly.walk.snapshot()
        state = _State(
            VERSION, _layout(), self.sequence, serial, len(rows), table.counters, assembly.namer.snapshot(),
            [(str(a.relative_to(root)), str(b.relative_to(root))) for a, b in prepared],
        )  # fmt: skip
        head = msgspec.msgpack.encode(state)
        beside = self._path.with_suffix(".part")
        try:
            with beside.open("wb") as file:
                file.write(len(head).to_bytes(8, "big") + head)
                file.write(rows.tobytes())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise StoreError(str(self._path), error.strerror or "cannot be written", "check the folder and the space on it") from None
        for temporary, final in prepared:
            publish(temporary, final)
