"""Every released schema migrates to the present one, which is the one a fresh store gets."""

import gzip
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from netcam.inventory import engine, migrations, signing
from netcam.inventory.schema import REVISIONS, metadata
from netcam.inventory.sql import SqlInventory
from netcam.model import Observation, address_order


def script():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def test_the_revisions_the_program_names_are_those_it_ships_in_order():
    shipped = [revision.revision for revision in script().walk_revisions()]
    assert tuple(reversed(shipped)) == REVISIONS


def told(store):
    """Tables, columns, keys and indexes as the database tells them."""
    inspector = sa.inspect(store)
    schema = {}
    for table in sorted(inspector.get_table_names()):
        columns = {(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)}
        indexes = {(i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in inspector.get_indexes(table)}
        schema[table] = (columns, tuple(inspector.get_pk_constraint(table)["constrained_columns"]), indexes)
    return schema


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """Where a store can be made."""
    return tmp_path / "migrated.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_database")


def test_a_migrated_store_has_the_schema_of_a_fresh_one(address, tmp_path):
    made, _, _ = engine.create(address)
    with made.connect().execution_options(netcam_write=True) as connection, connection.begin():
        migrations.upgrade(connection)
    migrated = told(made)
    if made.dialect.name == "sqlite":
        fresh = SqlInventory(tmp_path / "fresh.sqlite")
        assert told(fresh._engine) == migrated
        with fresh._engine.connect() as a, made.connect() as b:
            query = sa.text("SELECT name, sql LIKE '%WITHOUT ROWID%', sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table'")
            assert set(map(tuple, a.execute(query))) == set(map(tuple, b.execute(query)))
        fresh.close()
    assert set(migrated) == set(metadata.tables)
    made.dispose()
    store = SqlInventory(address)
    assert store.record([Observation(field="f", value="v")]) == 1
    store.close()


def test_a_fresh_store_needs_no_migration_and_opens_again_unchanged(tmp_path):
    SqlInventory(tmp_path / "a.sqlite").close()
    before = (tmp_path / "a.sqlite").read_bytes()
    SqlInventory(tmp_path / "a.sqlite").close()
    assert (tmp_path / "a.sqlite").read_bytes() == before


GOLDEN = Path(__file__).parent / "golden"


def test_every_released_schema_has_a_golden_store():
    assert {path.name.partition(".")[0] for path in GOLDEN.glob("*.sqlite.gz")} == set(REVISIONS)


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.sqlite.gz")))
def test_a_golden_store_migrates_with_everything_in_it_and_is_kept_aside(name, tmp_path):
    path = tmp_path / "old.sqlite"
    path.write_bytes(gzip.decompress((GOLDEN / name).read_bytes()))
    before = rows(path)
    store = SqlInventory(path)
    after = rows(path)
    for table in before:
        if table not in ("alembic_version", "sqlite_sequence"):
            # a column that came later is filled by its migration and checked where it is used
            kept = [{key: row[key] for key in old} for old, row in zip(before[table], after[table], strict=True)]
            assert kept == before[table], table
    places = {row["device"]: row["place"] for row in after["device"]}
    assert places == {one.device: address_order(next(iter(one.addresses), None)) for one in store.devices()}
    assert store.verify() == []
    held = sum(len(after[kind]) for kind in ("observation", "identity", "finding", "action"))
    assert sum(entry.count for entry in store.entries()) >= held > 10
    assert list(signing.check(store)) == []
    assert store.observations and store.identities() and store.findings() and store.scans()
    assert store.record([Observation(field="f", value="new")]) == 1
    assert store.verify() == []
    store.close()
    revision = name.partition(".")[0]
    assert path.with_name(f"old.sqlite.schema-{revision}").exists() is (revision != REVISIONS[-1])


def rows(path):
    """Everything in the tables, but for the digests of identities, which are made anew."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    told = {}
    for name in names:
        kept = [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
        if name in ("identity", "device"):
            kept = [{key: value for key, value in row.items() if key != "digest"} for row in kept]
        told[name] = kept
    connection.close()
    return told
