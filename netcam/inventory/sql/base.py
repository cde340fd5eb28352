"""One store's connections: transactions for reading and writing, backup, and the check of its pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from netcam.errors import StoreError
from netcam.inventory import engine as opening
from netcam.inventory.packing import decode

BATCH = 20_000
"""Observations of one transaction: a commit costs a disk flush, a long one holds up other writers."""
LOOK_UP = 400
"""Keys of one query, under SQLite's old limit of 999 parameters."""
PAGE = 5_000
"""Rows read at once, so that a reader holds no transaction open while its caller works."""
MAX_BODY = 64 * 1024 * 1024
"""Bytes of one stored finding: a broken store must not unpack into all memory."""

T = TypeVar("T")


class Store:
    """The store behind a path or a database address."""

    def __init__(self, target: str | Path) -> None:
        """Open `target`, made or migrated where needed. Raises StoreError."""
        self._engine, self.where = opening.open_store(target)
        sqlite_file = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        self.home: Path | None = Path(sqlite_file).parent if sqlite_file else None
        self._freeing = False
        self._insert: Any = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert

    @contextlib.contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        if not self._freeing:
            opening.check_room(self.where)
        with opening.guarded(self.where), self._engine.connect().execution_options(netcam_write=True) as connection, connection.begin():
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(opening.WRITER_LOCK)))
            yield connection

    @contextlib.contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with opening.guarded(self.where), self._engine.connect() as connection, connection.begin():
            yield connection

    def _broken(self, what: str, error: Exception) -> StoreError:
        return StoreError(self.where, f"{what} is damaged: {str(error)[:200]}", "restore the last backup")

    def _decoded(self, body: bytes, kind: type[Any], what: str) -> Any:
        try:
            return decode(body, kind)
        except ValueError as error:
            raise self._broken(what, error) from None

    def check(self) -> None:
        """Check every page of a SQLite store. Raises StoreError where one is damaged."""
        opening.check(self._engine, self.where)

    def backup(self, target: Path) -> None:
        """Copy a SQLite store, whole and at one moment, while others write. Raises StoreError."""
        if self._engine.dialect.name != "sqlite":
            raise StoreError(self.where, "is a PostgreSQL database", "back it up with pg_dump")
        if target.exists():
            raise StoreError(str(target), "is already there", "give another file")
        if not target.parent.is_dir():
            raise StoreError(str(target), "its folder is not there", "make the folder, or give another file")
        with opening.guarded(self.where):
            opening.copy(self._engine, target)
        target.chmod(0o600)

    def close(self) -> None:
        """See Inventory.close."""
        self._engine.dispose()


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Pieces of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
