"""A store that is newer, damaged, read-only, full or busy says so in one line with a cure, and nothing is lost."""

import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from netcam import config
from netcam.cli.app import app
from netcam.errors import ConfigError, StoreError
from netcam.inventory import chosen, default_path, engine, open_inventory
from netcam.inventory.sql import SqlInventory
from netcam.model import Identity, Observation
from tests.inventory import kill_points

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seen(n, size=10):
    return Observation(field="http.server", value=f"{n}" + "x" * size, at=NOON, endpoint=f"10.0.{n // 250}.{n % 250}:80")


def told(error):
    """Where, problem and cure of a StoreError: never empty, one line each."""
    assert error.where
    assert error.problem
    assert error.cure
    assert len(str(error).splitlines()) == 2
    assert error.exit_code == 1
    return error.problem


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "netcam.sqlite"
    store = SqlInventory(path)
    store.record(seen(n) for n in range(500))
    store.save_identities("s", [Identity(device=f"d{n}", slots={"kind": "camera"}) for n in range(50)], NOON)
    store.close()
    return path


def test_a_newer_schema_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        SqlInventory(path)
    assert "newer netcam (schema 9999)" in told(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes, which are longer than the header of a database by some way " * 20)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        SqlInventory(path)
    assert "not an inventory" in told(caught.value)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE observation (x)")
    connection.close()
    with pytest.raises(StoreError) as caught:
        SqlInventory(path)
    told(caught.value)


def test_a_corrupted_page_is_found_on_open(path):
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096, 3):
        data[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        SqlInventory(path)
    assert "damaged" in told(caught.value)


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.99])
def test_a_truncated_file_is_found_on_open(path, keep):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(StoreError) as caught:
        SqlInventory(path)
    told(caught.value)


def test_a_damaged_record_is_named_and_does_not_hide_behind_a_guess(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE identity SET claims = x'00' WHERE device = 'd7'")
        connection.execute("UPDATE device SET brief = x'7b' WHERE device = 'd8'")
    connection.close()
    store = SqlInventory(path)
    with pytest.raises(StoreError, match="identity of d7 is damaged"):
        store.identities()
    assert len(store.identities(evidence=False)) == 50
    with pytest.raises(StoreError, match="identity of d8 is damaged"):
        store.devices()
    store.close()


def test_a_raw_answer_that_was_altered_is_not_given_out(path):
    store = SqlInventory(path)
    digest, other = store.keep(b"one answer"), store.keep(b"another")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE raw SET body = (SELECT body FROM raw WHERE digest = ?)", (bytes.fromhex(other),))
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        store.raw(digest)
    assert store.raw(other) == b"another"
    store.close()


def test_a_full_disk_is_told_and_what_was_stored_is_still_there(path):
    store = SqlInventory(path)

    @sa.event.listens_for(store._engine, "begin")
    def bound(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(StoreError) as caught:
        store.record(seen(n, 3000) for n in range(1000, 2000))
    assert told(caught.value) == "the disk is full"
    sa.event.remove(store._engine, "begin", bound)
    assert len(list(store.observations())) == 500
    store.close()
    again = SqlInventory(path)
    again._engine.connect().exec_driver_sql("PRAGMA max_page_count = 1000000").close()
    assert again.record([seen(9999)]) == 1
    again.check()
    again.close()


def test_a_read_only_store_can_be_read_and_says_so_when_written(path, tmp_path):
    # root may write everywhere, so the refusal is made by SQLite itself
    store = SqlInventory(path)

    @sa.event.listens_for(store._engine, "begin")
    def forbid(connection):
        connection.exec_driver_sql("PRAGMA query_only = ON")

    assert len(list(store.observations())) == 500
    with pytest.raises(StoreError) as caught:
        store.record([seen(7777)])
    assert told(caught.value) == "the store is read-only"
    store.close()


def test_a_second_writer_waits_and_then_says_who_is_in_the_way(path, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.2)
    store = SqlInventory(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert len(list(store.observations())) == 500
    with pytest.raises(StoreError) as caught:
        store.record([seen(7777)])
    assert "another process" in told(caught.value)
    other.execute("COMMIT")
    other.close()
    assert store.record([seen(7777)]) == 1
    store.close()


def test_two_writers_at_once_lose_and_double_nothing(path):
    stores = [SqlInventory(path), SqlInventory(path)]
    counts = []

    def write(store):
        counts.append(sum(store.record([seen(n)]) for n in range(1000, 1100)))

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100
    assert len(list(stores[0].observations())) == 600
    for store in stores:
        store.close()


def test_a_folder_or_a_place_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path, tmp_path / "file" / "netcam.sqlite"):
        with pytest.raises(StoreError) as caught:
            SqlInventory(wrong)
        told(caught.value)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("mysql://user@host/db", "is not a store"),
        ("postgresql://user:secret@127.0.0.1:1/db?connect_timeout=2", "does not answer"),
        ("postgresql://host:port/db", "does not parse"),
    ],
)
def test_a_database_that_is_not_there_is_told_without_its_password(address, problem):
    with pytest.raises(StoreError) as caught:
        SqlInventory(address)
    assert problem in told(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("table", ["notes", "alembic_version"])
def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path, table):
    path = tmp_path / "other.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(f"create table {table} (version_num text)")
        other.execute(f"insert into {table} values ('0001')")
        other.commit()
    before = path.read_bytes()
    for make in (False, True):
        with pytest.raises(StoreError, match="another program"):
            open_inventory(path, make=make)
    assert table == "alembic_version" or path.read_bytes() == before


@pytest.mark.parametrize(
    ("free", "problem"), [(0, "the disk is full"), (10**9, "the disk fails to read or write"), (None, "the disk fails")]
)
def test_an_io_error_on_a_full_disk_is_told_as_a_full_disk(monkeypatch, free, problem):
    # SQLite says so to a reader that finds no room for the log's index
    monkeypatch.setattr(engine, "free_bytes", lambda where: free)
    with pytest.raises(StoreError, match=problem), engine.guarded("s.sqlite"):
        raise sa.exc.OperationalError("select", None, sqlite3.OperationalError("disk I/O error"))


def test_an_empty_file_is_no_inventory_to_read(tmp_path):
    path = tmp_path / "empty.sqlite"
    path.touch()
    with pytest.raises(ConfigError, match="there is no inventory"):
        open_inventory(path)
    open_inventory(path, make=True).close()
    open_inventory(path).close()


def test_the_store_is_for_its_owner_alone(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_default_place_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    assert default_path() == tmp_path / "home" / "netcam.sqlite"
    monkeypatch.delenv("NETCAM_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store = open_inventory(make=True)
    store.close()
    assert (tmp_path / "state" / "netcam" / "netcam.sqlite").is_file()


def test_a_backup_made_while_open_restores(path, tmp_path):
    store = SqlInventory(path)
    store.record([seen(5000)])
    store.backup(tmp_path / "backup.sqlite")
    store.record([seen(5001)])
    store.close()
    again = SqlInventory(tmp_path / "backup.sqlite")
    assert len(list(again.observations())) == 501
    again.check()
    again.close()
    with pytest.raises(StoreError, match="already there"):
        again.backup(tmp_path / "backup.sqlite")


@pytest.mark.parametrize("mode", kill_points.MODES)
def test_killed_at_any_moment_nothing_acknowledged_is_lost_or_doubled_and_the_chain_holds(mode):
    # a process of its own, which forks: `python -m tests.inventory.kill_points` tries more moments
    command = [sys.executable, "-m", "tests.inventory.kill_points", mode, "--points", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["points"], told["lost"], told["doubled"]) == (2, 0, 0)


@pytest.mark.lab
def test_a_disk_that_is_really_full_is_told_and_recovers(tmp_path):
    script = f"""
set -e
mount -t tmpfs -o size=2m tmpfs {tmp_path}
exec {sys.executable} - {tmp_path}/netcam.sqlite <<'END'
import os, sys
from datetime import UTC, datetime
from netcam.errors import StoreError
from netcam.inventory.sql import SqlInventory
from netcam.model import Observation
store = SqlInventory(sys.argv[1])
kept = 0
try:
    for n in range(100000):
        kept += store.record([Observation(field="f", value=f"{{n}}" + "x" * 2000, endpoint="10.0.0.1")])
except StoreError as error:
    print(error.problem)
assert len(list(store.observations())) == kept > 20
store.close()
again = SqlInventory(sys.argv[1])
again.check()
assert len(list(again.observations())) == kept
print("kept")
END
"""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    full, kept = done.stdout.split("\n")[:2]
    assert full.startswith("the disk is full"), done.stderr
    assert kept == "kept", done.stderr


@pytest.mark.lab
def test_a_disk_that_is_really_read_only_is_told_and_recovers(tmp_path):
    script = f"""
set -e
mount -t tmpfs tmpfs {tmp_path}
cat > {tmp_path}/../work.py <<'END'
import sys
from netcam.errors import StoreError
from netcam.inventory import open_inventory
from netcam.model import Observation
try:
    store = open_inventory(sys.argv[1], make=True)
    print(store.record([Observation(field="f", value=sys.argv[2], endpoint="10.0.0.1")]), len(list(store.observations())))
    store.close()
except StoreError as error:
    print("told:", error.problem, "|", error.cure)
END
{sys.executable} {tmp_path}/../work.py {tmp_path}/netcam.sqlite a
mount -o remount,ro {tmp_path}
{sys.executable} {tmp_path}/../work.py {tmp_path}/netcam.sqlite b
mount -o remount,rw {tmp_path}
{sys.executable} {tmp_path}/../work.py {tmp_path}/netcam.sqlite c
"""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    first, told, last = done.stdout.splitlines()
    assert (first, last) == ("1 1", "1 2"), done.stderr
    assert told.startswith("told: "), done.stderr
    assert "is read-only | make it writable" in told


def test_the_inventory_that_the_settings_name_is_the_one_that_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NETCAM_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "netcam.toml").write_text('inventory = "kept/estate.sqlite"\n')
    (tmp_path / "other.toml").write_text('inventory = "postgresql://netcam@db/netcam"\n')
    open_inventory(make=True).close()
    assert (tmp_path / "kept" / "estate.sqlite").is_file()
    assert chosen("given.sqlite") == "given.sqlite"
    assert chosen(None, config.load(tmp_path / "other.toml")) == "postgresql://netcam@db/netcam"
    done = CliRunner().invoke(app, ["inventory", "backup", "copy.sqlite"])
    assert (done.exit_code, (tmp_path / "copy.sqlite").is_file()) == (0, True)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "netcam.toml").write_text("[retention]\nrepeats_days = 30\n")
    upkeep = ["inventory", "upkeep", "--config", "more/netcam.toml"]
    assert isinstance(CliRunner().invoke(app, upkeep).exception, ConfigError), (
        "settings that name none: the default place, where none is yet"
    )
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "copy.sqlite").rename(tmp_path / "home" / "netcam.sqlite")
    done = CliRunner().invoke(app, upkeep)
    assert done.exit_code == 0, done.output
