"""Opening a SQL store: the SQLite settings, the schema revision, and every failure of the machine as one StoreError."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

from netcam.errors import StoreError
from netcam.inventory.schema import REVISIONS, alembic_version, metadata

BUSY_SECONDS = 30
"""How long a writer waits for another process: longer than any one batch takes on a slow disk."""
CHECKED_BELOW = 64 * 1024 * 1024
"""Bytes of a SQLite file that is checked whole on every open (under 0.2 s); a larger one by `check`."""
CACHE_KIB = 65_536
"""Page cache of SQLite: holds the index pages that a batch of a large store touches."""
MIN_FREE = 64 * 1024 * 1024
"""Bytes that stay free on the disk (a fiftieth of a small one): room for retention to work in, and for the rest of the machine."""
NO_ROOM = 1024 * 1024
"""Bytes free below which a disk that fails is held for full."""
WRITER_LOCK = 0x6E657463
"""Advisory lock of PostgreSQL that makes writers queue, as SQLite's file lock does."""

_CURES = (
    ("disk is full", "the disk is full", "free space on it, then repeat; what was stored before is unharmed"),
    ("no space left", "the disk is full", "free space on it, then repeat; what was stored before is unharmed"),
    ("readonly database", "the store is read-only", "check the owner and permissions of the file and its folder"),
    ("database is locked", "another process has been writing for too long", "wait for the other netcam to end, then repeat"),
    ("malformed", "the store is damaged", "restore the last backup, or run `sqlite3 FILE .recover` on a copy"),
    ("not a database", "the file is not an inventory", "give another path, or restore the last backup"),
    ("file is encrypted", "the file is not an inventory", "give another path, or restore the last backup"),
    ("unable to open", "the store cannot be opened", "check that the folder exists and may be written"),
    ("disk i/o error", "the disk fails to read or write", "check the disk, then restore the last backup if needed"),
    ("password authentication", "the database refuses the user or password", "check the address and PGPASSWORD"),
    ("failed to resolve", "the host of the database is not known", "check its address"),
    ("connection", "the database does not answer", "check that it runs and that its address is right"),
)


@contextlib.contextmanager
def guarded(where: str) -> Iterator[None]:
    """Turn what the machine refuses into a StoreError; a broken statement is a bug and goes through."""
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig).lower()
        if "disk i/o error" in text and (free := free_bytes(where)) is not None and free < NO_ROOM:
            text = "disk is full"  # readers need some room too, for the index of the log, and SQLite calls it an I/O error
        for sign, problem, cure in _CURES:
            if sign in text:
                raise StoreError(where, problem, cure) from error
        if isinstance(error, OperationalError):
            raise StoreError(where, str(error.orig).strip().splitlines()[0], "check the database, then repeat") from error
        raise


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the begin listener opens transactions, so that a writer locks at once
    cursor = connection.cursor()
    try:
        for setting in (
            f"busy_timeout={BUSY_SECONDS * 1000}",
            "journal_mode=WAL",
            "synchronous=FULL",  # what was acknowledged outlives a power cut, not only a kill
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
            "trusted_schema=OFF",
            "cell_size_check=ON",
        ):
            cursor.execute(f"PRAGMA {setting}")
    finally:
        cursor.close()


def _begin(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("netcam_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def create(target: str | Path) -> tuple[sa.Engine, str, Path | None]:
    """The engine of a path or database URL, the name to show in errors, and the file where there is one."""
    text = os.fspath(target)
    if "://" in text and not text.startswith("sqlite"):
        try:
            url = sa.make_url(text)
            if url.drivername in ("postgresql", "postgres"):
                url = url.set(drivername="postgresql+psycopg")
            if url.get_backend_name() != "postgresql":
                raise StoreError(
                    url.render_as_string(), f"{url.get_backend_name()} is not a store", "give a path or a postgresql:// address"
                )
            return sa.create_engine(url), url.render_as_string(hide_password=True), None
        except (sa.exc.ArgumentError, ValueError):
            raise StoreError("inventory", "the database address does not parse", "write postgresql://user@host/name") from None
        except ImportError:
            raise StoreError("inventory", "PostgreSQL support is not installed", "pip install 'netcam[postgres]'") from None
    path = Path(text.removeprefix("sqlite:///")).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.is_dir():
            raise StoreError(str(path), "is a folder", "give the path of a file")
        if not path.exists():
            path.touch(mode=0o600)  # it will name people's premises: for the owner alone
        elif not os.access(path, os.R_OK):
            raise StoreError(str(path), "the store may not be read", "check the owner and permissions of the file")
        elif not os.access(path.parent, os.W_OK):  # SQLite keeps its log beside the file, for readers too
            raise StoreError(
                str(path),
                "the disk or the folder is read-only",
                "make it writable, or copy the inventory to a folder that is, and give that",
            )
    except OSError as error:
        raise StoreError(str(path), error.strerror or "cannot be created", "check the folder and its permissions") from None
    if _foreign(path):
        raise StoreError(str(path), "is a database of another program", "give the path of an inventory, or of a new file")
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine, str(path), path


def _foreign(path: Path) -> bool:
    """Whether a SQLite file has tables and none of them is ours. Looked at without touching it: opening a store changes its file."""
    uri = f"file:{quote(str(path.absolute()))}?immutable=1"
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(uri, uri=True)) as one:
        tables = {name for (name,) in one.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return bool(tables) and not tables & {*metadata.tables, "alembic_version"}
    return False


def revision(connection: sa.Connection) -> str | None:
    """The schema revision of a store; None where it is empty. Raises StoreError where it is somebody else's."""
    tables = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in tables and "observation" not in tables:
        raise StoreError("inventory", "the database is another program's", "give the path of an inventory, or of a new file")
    if "alembic_version" not in tables:
        if tables & set(metadata.tables):
            raise StoreError("inventory", "the tables are there without a revision", "restore the last backup")
        return None
    return connection.execute(sa.select(alembic_version.c.version_num)).scalar()


def open_store(target: str | Path) -> tuple[sa.Engine, str]:
    """Open a store, made or migrated where needed. Raises StoreError, before anything is written, where it is newer or damaged."""
    engine, where, path = create(target)
    try:
        with guarded(where):
            if path is not None:
                _check_small(engine, where, path)
            with engine.connect() as connection:
                found = revision(connection)
            if found is not None and found not in REVISIONS:
                raise StoreError(where, f"written by a newer netcam (schema {found})", "upgrade netcam, or give another inventory")
            if found != REVISIONS[-1]:
                if path is not None and found is not None:
                    _set_aside(engine, path, found)
                _bring_up(engine, found)
    except BaseException:
        engine.dispose()
        raise
    return engine, where


def _check_small(engine: sa.Engine, where: str, path: Path) -> None:
    size = path.stat().st_size
    if 0 < size < CHECKED_BELOW:
        check(engine, where)


def check(engine: sa.Engine, where: str) -> None:
    """Check every page of a SQLite store. Raises StoreError where one is damaged."""
    if engine.dialect.name != "sqlite":
        return
    with guarded(where), engine.connect() as connection:
        told = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if told != "ok":
        found = " ".join(str(told).split())[:200]
        raise StoreError(where, f"the store is damaged: {found}", "restore the last backup, or run `sqlite3 FILE .recover` on a copy")


def _set_aside(engine: sa.Engine, path: Path, found: str) -> None:
    """Keep the store as it is before it is migrated, beside it."""
    target = path.with_name(f"{path.name}.schema-{found}")
    if not target.exists():
        copy(engine, target)
        target.chmod(0o600)


def _bring_up(engine: sa.Engine, found: str | None) -> None:
    with engine.connect().execution_options(netcam_write=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITER_LOCK)))
        if revision(connection) != found:  # another process was faster
            return
        if found is None:
            metadata.create_all(connection)
            connection.execute(alembic_version.insert().values(version_num=REVISIONS[-1]))
        else:
            from netcam.inventory.migrations import upgrade

            upgrade(connection)


def copy(engine: sa.Engine, target: Path) -> None:
    """Copy a SQLite store to a file that is not there yet, at one moment, while others read and write."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise OperationalError("VACUUM INTO", None, error) from error
    finally:
        connection.close()


def compact(engine: sa.Engine) -> None:
    """Give free pages of a SQLite file back to the disk."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("VACUUM")
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise OperationalError("VACUUM", None, error) from error
    finally:
        connection.close()


def check_room(where: str) -> None:
    """Raise StoreError where a disk is nearly full, before anything is written that would fill it."""
    try:
        disk = shutil.disk_usage(Path(where).parent)
    except OSError:
        return  # a database elsewhere, or a folder that went: the write itself will tell
    if disk.free < min(MIN_FREE, disk.total // 50):
        raise StoreError(
            where, f"the disk is full: {disk.free} bytes are free", "free space on it, or run `netcam inventory retain`; what is stored is unharmed"
        )  # fmt: skip


def free_bytes(where: str) -> int | None:
    """Bytes that are free on the disk of a store's file; None where it is no file here."""
    try:
        return shutil.disk_usage(Path(where).parent).free
    except OSError:
        return None


def copy_file(source: Path, target: Path) -> None:
    """Copy a closed SQLite file, and have it on disk. Raises StoreError."""
    try:
        with source.open("rb") as old, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
            shutil.copyfileobj(old, new, 1024 * 1024)
            new.flush()
            os.fsync(new.fileno())
    except OSError as error:
        raise StoreError(str(source), error.strerror or "cannot be copied", "check both paths and the room on the disk") from None


def put_in_place(fresh: Path, target: Path, aside: Path) -> None:
    """Make `fresh` the store at `target`; what stood there goes to `aside`. Raises StoreError while another process has it open."""
    if target.exists():
        other = sqlite3.connect(target, timeout=1, isolation_level=None)
        try:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("PRAGMA journal_mode=DELETE")  # refused while anybody else has the file open
            other.execute("BEGIN EXCLUSIVE")
            other.execute("COMMIT")
        except sqlite3.OperationalError:
            raise StoreError(str(target), "another process uses the store", "end it, then repeat") from None
        except sqlite3.DatabaseError:
            pass  # damaged, which is why it is replaced
        finally:
            other.close()
        target.replace(aside)
        for tail in ("-wal", "-shm"):
            left = target.with_name(target.name + tail)
            if left.exists():
                left.replace(aside.with_name(aside.name + tail))
    fresh.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
