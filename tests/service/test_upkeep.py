"""The daily pass: when it is due, what becomes of one that fails, hangs or is cut short, and a disk that fills."""

import json
import subprocess
import sys
import time
from collections import namedtuple
from datetime import UTC, datetime, timedelta

import pytest

from netcam.inventory import open_inventory, signing
from netcam.model import Observation
from netcam.service import upkeep
from netcam.service.state import State
from netcam.service.upkeep import AGAIN, EVERY, LONGEST, Upkeep

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Disk = namedtuple("Disk", "total used free")


class Service:
    """An Upkeep whose passes write a line each, with the words that it said."""

    def __init__(self, folder, script="pass", *, inventory=True):
        self.folder, self.told, self.marks = folder, [], folder / "passes"
        self.store = folder / "estate.sqlite"
        if inventory:
            self.store.touch()
        self.state = State(folder / "service.sqlite")
        code = f"open({str(self.marks)!r}, 'a').write('x'); {script}"
        self.upkeep = Upkeep(
            self.state, [sys.executable, "-c", code], self.store, folder / "runs" / "upkeep.log", tell=lambda *told: self.told.append(told)
        )

    @property
    def passes(self):
        return len(self.marks.read_text()) if self.marks.exists() else 0

    def step(self, now):
        """One step, and where it started a pass, its end."""
        self.upkeep.step(now)
        child = self.upkeep._child
        if child is not None:
            child.wait(120)
            self.upkeep.step(now)


def test_a_pass_a_day_by_the_services_own_clock_and_across_restarts(tmp_path):
    service = Service(tmp_path)
    for hours in range(48):
        service.step(NOON + hours * HOUR)
        assert service.passes == 1 + hours // 24
    service.state.close()
    again = Service(tmp_path)
    again.step(NOON + 2 * EVERY - HOUR)
    assert again.passes == 2
    again.step(NOON + 2 * EVERY)
    assert again.passes == 3
    again.step(NOON - 30 * EVERY)
    assert again.passes == 4, "a clock that ran backwards does not put it off"
    assert again.told == []


def test_nothing_is_done_where_there_is_no_inventory_yet(tmp_path):
    service = Service(tmp_path, inventory=False)
    service.step(NOON)
    assert service.passes == 0
    service.store.touch()
    service.step(NOON)
    assert service.passes == 1


def test_one_that_fails_is_told_in_its_own_words_and_tried_again_after_an_hour(tmp_path):
    service = Service(tmp_path, "import sys; sys.exit('netcam: estate.sqlite: the disk is full')")
    service.step(NOON)
    service.step(NOON + AGAIN / 2)
    assert service.told == [("Upkeep of the inventory failed: estate.sqlite: the disk is full", True)]
    service.step(NOON + AGAIN)
    assert (service.passes, len(service.told)) == (2, 2)


def test_one_that_cannot_be_started_is_told(tmp_path):
    service = Service(tmp_path)
    service.upkeep._command = [str(tmp_path / "nothing")]
    service.step(NOON)
    assert service.told == [("Upkeep of the inventory could not be started: No such file or directory", True)]


def test_one_that_hangs_is_ended_and_the_service_never_waits_for_it(tmp_path):
    service = Service(tmp_path, "import time; time.sleep(600)")
    start = time.monotonic()
    service.upkeep.step(NOON)
    service.upkeep.step(NOON + LONGEST)
    assert time.monotonic() - start < 60  # of the 600 that it would take
    service.step(NOON + LONGEST + HOUR)
    assert service.told == [("Upkeep of the inventory failed: it ended with -15", True)]
    service.upkeep.step(NOON + EVERY)
    service.upkeep.stop()
    assert service.upkeep._child is None
    service.upkeep.stop()


def test_a_disk_that_fills_is_told_once_and_upkeep_does_not_wait_for_its_day(tmp_path, monkeypatch):
    service, free = Service(tmp_path), [10**12]
    monkeypatch.setattr(upkeep.shutil, "disk_usage", lambda _: Disk(10**13, 0, free[0]))
    service.step(NOON)
    free[0] = 10**8
    service.step(NOON + HOUR)
    service.step(NOON + HOUR * 1.5)
    assert service.passes == 2
    assert [failed for _, failed in service.told] == [True]
    assert "100000000 bytes are free" in service.told[0][0]
    free[0] = 10**12
    service.step(NOON + 2 * HOUR)
    service.step(NOON + 3 * HOUR)
    assert service.passes == 2
    assert [failed for _, failed in service.told] == [True, False]


def test_the_real_pass_retains_signs_and_leaves_a_sound_inventory(tmp_path, monkeypatch):
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path))
    path = tmp_path / "netcam.sqlite"
    store = open_inventory(path, make=True)
    for year in (2001, 2002, 2003):
        store.record([Observation(field="http.server", value="App-webs/", at=NOON.replace(year=year), site="hq", endpoint="10.0.0.5")])
    store.close()
    done = subprocess.run(upkeep.command("", str(path)), capture_output=True, text=True, check=False)
    retained, signed = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, retained["observations"]) == (0, 1), done.stderr
    store = open_inventory(path, make=True)
    assert signed["entry"] == store.entries()[-1].number
    assert store.verify() == list(signing.check(store)) == []
    store.close()


@pytest.mark.parametrize("broken", ["newer", "rot"])
def test_a_pass_over_a_store_that_cannot_be_used_says_why(tmp_path, monkeypatch, broken):
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path))
    path = tmp_path / "estate.sqlite"
    open_inventory(path, make=True).close()
    if broken == "newer":
        store = open_inventory(path, make=True)
        with store._write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        store.close()
    else:
        data = bytearray(path.read_bytes())
        data[4096 * 3 : 4096 * 4] = b"\xff" * 4096
        path.write_bytes(data)
    service = Service(tmp_path)
    service.upkeep._command = upkeep.command("", str(path))
    service.step(NOON)
    ((message, failed),) = service.told
    assert failed
    assert {"newer": "written by a newer netcam (schema 9999)", "rot": "damaged"}[broken] in message
