"""One SQLite file of ours: opened with its layout, written whole or not at all, its errors as StoreError."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netcam.errors import StoreError, shown


class StoreFile:
    """A file in WAL mode. `durable`: what was written is on disk when the call returns, even where the machine loses power."""

    def __init__(
        self, path: str | Path, layout: str, version: int, *, busy_seconds: float, durable: bool, upgrades: Mapping[int, str] | None = None
    ) -> None:
        """`upgrades`: layout number -> statements that make the next layout of it."""
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
            # looked at before anything is written: the inventory, or somebody else's file, may be meant by mistake
            tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            (made,) = self._db.execute("PRAGMA user_version").fetchone()  # after them: another process may make it this moment
            ours = set(re.findall(r"CREATE TABLE (\w+)", layout))
            if tables and (made == 0 or not tables & ours):
                self._db.close()
                raise StoreError(str(path), "is a database of something else", "give the path of a new file")
            self.path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with self._writing() as db:
                (found,) = db.execute("PRAGMA user_version").fetchone()
                steps = [layout] if found == 0 else [(upgrades or {})[number] for number in range(found, version)]
                for statement in ";".join(steps).split(";"):
                    db.execute(statement)
                if found < version:
                    db.execute(f"PRAGMA user_version = {version}")
        except (sqlite3.Error, OSError) as error:
            raise self._broken(error) from None
        if found > version:
            raise StoreError(str(path), f"was written by a newer netcam (layout {found})", "use that version")

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def _broken(self, error: Exception) -> StoreError:
        return StoreError(str(self.path), f"cannot be used: {shown(str(error))}", "check its folder, its owner and the free space")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction. Raises StoreError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a question. Raises StoreError."""
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._broken(error) from None
