"""kill -9 at any time during delivery: nothing is lost, and what comes twice has the same id."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netcam import config
from netcam.config.sinks import FileSink
from netcam.errors import SinkError
from netcam.sinks import dispatch
from netcam.sinks.outbox import Outbox
from netcam.sinks.transports.file import FileReceiver
from tests.sinks import standins
from tests.sinks.queueing import changes
from tests.sinks.test_syslog import items_of, opening

ROOT = Path(__file__).parents[2]
DELIVER = (
    "import sys, time\nfrom netcam import config\nfrom netcam.sinks import dispatch\nfrom netcam.sinks.outbox import Outbox\n"
    "told = config.load(sys.argv[1])\nbox = Outbox(sys.argv[2])\nprint('ready', flush=True)\ndispatch.drain(told, box, 240.0)\n"
)


def deliver(told, box_path):
    process = subprocess.Popen([sys.executable, "-c", DELIVER, told.path, str(box_path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout.readline() == b"ready\n"
    return process


def test_kill_9_during_delivery_loses_nothing(tmp_path):
    chance = random.Random(3)
    with standins.serving(standins.Elastic()) as elastic:
        path = tmp_path / "netcam.toml"
        path.write_text(
            '[sinks.log]\ntype = "file"\npath = "events.jsonl"\nmax_bytes = 200000\nkeep = 1000\n'
            f'[sinks.siem]\ntype = "elasticsearch"\nurl = "{elastic.url}"\n'
        )
        told = config.load(path)
        box = Outbox(tmp_path / "outbox.sqlite")
        for name in told.sinks:
            box.sink(name)
        events = list(changes(3000, devices=500))
        for start in range(0, 3000, 1000):
            box.put(events[start : start + 1000], dispatch.queued_formats(told))
        killed = 0
        for _ in range(8):
            process = deliver(told, box.path)
            time.sleep(chance.uniform(0.0, 0.25))
            process.kill()
            killed += process.wait() == -signal.SIGKILL
            process.stdout.close()
        process = deliver(told, box.path)
        assert process.wait(300) == 0
        process.stdout.close()
        assert [box.sink(name).cursor for name in told.sinks] == [3000, 3000]
    assert killed >= 3, "it was killed while it delivered"
    wanted = [event.id for event in events]
    files = [*sorted(p for p in tmp_path.glob("events.jsonl.*") if p.suffix != ".sha256"), tmp_path / "events.jsonl"]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert list(dict.fromkeys(json.loads(line)["id"] for line in lines)) == wanted
    assert sorted(elastic.documents) == sorted(wanted)
    assert len(files) > 4
    for file in files[:-1]:
        assert file.with_name(f"{file.name}.sha256").read_text().split()[1] == file.name


def test_a_line_that_a_crash_cut_is_taken_off_before_the_next_is_written(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes(b'"id","at"\n"whole"\n"cut in the mid')
    receiver = FileReceiver(FileSink(type="file", path="events.csv"), opening(tmp_path, "csv"))
    receiver.send(list(items_of(changes(1), "csv")))
    receiver.close()
    lines = path.read_bytes().splitlines()
    assert lines[1] == b'"whole"'
    assert len(lines) == 3


def test_a_file_that_another_program_rotated_is_opened_anew_and_a_full_disk_takes_nothing_half(tmp_path):
    items = list(items_of(changes(4), "csv"))
    receiver = FileReceiver(FileSink(type="file", path="events.csv"), opening(tmp_path, "csv"))
    receiver.send(items[:2])
    (tmp_path / "events.csv").rename(tmp_path / "events.csv.1")
    receiver.send(items[2:])
    receiver.close()
    assert len((tmp_path / "events.csv").read_text().splitlines()) == 3, "heading and two"
    # a disk that is full in the middle of a batch, as the kernel's bound on the size of a file plays it
    receiver = FileReceiver(FileSink(type="file", path="events.csv"), opening(tmp_path, "csv"))
    before = (tmp_path / "events.csv").read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, usual[1]))
    try:
        with pytest.raises(SinkError, match="File too large"):
            receiver.send(items)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert (tmp_path / "events.csv").read_bytes() == before
    receiver.send(items)
    receiver.close()
    assert len((tmp_path / "events.csv").read_text().splitlines()) == 7
