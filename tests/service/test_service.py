"""The service around the planner: operators' wishes, real child processes, and a restart in the middle of a run."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netcam import config
from netcam.config.schedules import ScheduleSettings
from netcam.errors import StoreError
from netcam.service import processes
from netcam.service.engine import Ended, Engine
from netcam.service.planner import Planner
from netcam.service.processes import Processes, born_of
from netcam.service.state import Run, State, Wish
from netcam.service.timetable import Timetable

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SETTINGS = '[sites.hq]\nnetworks = ["192.0.2.0/28"]\n[schedules.nightly]\ncron = "30 1 * * *"\nprofile = "standard"\n'


class Instant:
    """Runs that end when a test says so."""

    def __init__(self):
        self.orders, self.stopped, self.over, self.kept = [], [], [], set()

    def start(self, order):
        self.orders.append(order)
        return 1, 1

    def stop(self, id, now):
        self.stopped.append(id)

    def ended(self, now):
        over, self.over = self.over, []
        return over

    def adopt(self, run):
        return None if run.id in self.kept else Ended(id=run.id, status="interrupted", reason="netcam was stopped while it went on")


def engine(tmp_path, runner, now, **more):
    settings = ScheduleSettings(**({"cron": "0 * * * *", "grace_minutes": 30} | more))
    tables = {("hourly", "hq"): Timetable.of("hourly", "hq", settings, "UTC")}
    state, told = State(tmp_path / "service.sqlite"), []
    planner = Planner(timetables=tables, entries=state.entries(tables, now))
    made = Engine(
        planner, state, runner, tell=lambda *words: told.append(words), acted=lambda message, wish: told.append((message, wish.by))
    )
    made.recover(now)
    return made, state, told


def ask(state, what, now, by="jo"):
    state.wish(Wish(what=what, schedule="", site="", by=by, at=now))


def test_pause_stop_and_resume_do_what_they_say_and_are_kept_across_a_restart(tmp_path):
    runner = Instant()
    made, state, told = engine(tmp_path, runner, NOON)
    made.step(NOON + timedelta(hours=1))
    assert [order.resume for order in runner.orders] == [False]
    ask(state, "pause", NOON)
    ask(state, "stop", NOON)
    made.step(NOON + timedelta(hours=1, minutes=1))
    assert runner.stopped == [1]
    runner.over = [Ended(id=1, status="interrupted", scan="s1")]
    made.step(NOON + timedelta(hours=1, minutes=2))
    assert [(run.status, run.reason, run.scan) for run in state.runs()] == [("interrupted", "stopped by jo", "s1")]
    state.close()
    made, state, told = engine(tmp_path, runner, NOON + timedelta(hours=1, minutes=3))
    made.step(NOON + timedelta(hours=2))
    made.step(NOON + timedelta(hours=2, minutes=31))
    assert len(runner.orders) == 1, "it is still paused"
    assert state.runs()[-1].reason == "paused by jo"
    assert "was missed: paused by jo" in told[-1][0]
    ask(state, "resume", NOON)
    made.step(NOON + timedelta(hours=2, minutes=40))
    assert [order.resume for order in runner.orders] == [False, True], "it goes on with what was cut short"
    assert told[-1] == ("Schedule all at all sites: resume", "jo")


def test_a_run_that_cannot_go_on_begins_anew_once_and_a_failure_is_told(tmp_path):
    runner = Instant()
    made, _, told = engine(tmp_path, runner, NOON)
    made.step(NOON + timedelta(hours=1))
    runner.over = [Ended(id=1, status="interrupted")]
    made.step(NOON + timedelta(hours=2))
    runner.over = [Ended(id=2, status="failed", reason="--resume: site 'hq' has no interrupted run")]
    made.step(NOON + timedelta(hours=2, minutes=1))
    runner.over = [Ended(id=3, status="failed", reason="no interface")]
    made.step(NOON + timedelta(hours=2, minutes=2))
    made.step(NOON + timedelta(hours=2, minutes=3))
    assert [order.resume for order in runner.orders] == [False, True, False]
    assert told[-1] == ("Run of schedule hourly at hq failed: no interface", "hq", True)


def test_start_by_hand_and_a_process_that_cannot_be_started(tmp_path):
    runner = Instant()
    made, state, told = engine(tmp_path, runner, NOON, jitter_minutes=50)
    ask(state, "run", NOON)
    made.step(NOON + timedelta(minutes=7))
    assert len(runner.orders) == 1, "at once, without jitter"
    runner.over = [Ended(id=1, status="complete", found=4)]

    def broken(order):
        raise OSError(12, "Cannot allocate memory")

    runner.start = broken
    made.step(NOON + timedelta(hours=1))
    made.step(NOON + timedelta(hours=1, minutes=51))
    assert [(run.status, run.found) for run in state.runs()] == [("complete", 4), ("failed", None)]
    assert "Cannot allocate memory" in told[-1][0]


def test_a_state_file_of_a_newer_netcam_or_none_at_all_is_told(tmp_path):
    (tmp_path / "text").write_text("no database" * 1000)
    with pytest.raises(StoreError):
        State(tmp_path / "text")
    state = State(tmp_path / "s.sqlite")
    state._db.execute("PRAGMA user_version = 9")
    state.close()
    with pytest.raises(StoreError, match="newer netcam"):
        State(tmp_path / "s.sqlite")


class Scripted(Processes):
    """Children that run a line of Python in place of a sweep."""

    code = ""

    def command(self, order):
        return [sys.executable, "-c", self.code]


DONE = "import json; print('{}'); print(json.dumps({'type': 'scan', 'id': 'abc', 'status': 'complete', 'totals': {'answered': 7}}))"
OBEYS = (
    "import json, signal, sys, time\n"
    "def end(*_):\n print(json.dumps({'type': 'scan', 'id': 'abc', 'status': 'interrupted', 'notes': ['stopped early']})); sys.exit(130)\n"
    "signal.signal(signal.SIGTERM, end); print('up', file=sys.stderr, flush=True); time.sleep(60)"
)
STUBBORN = (
    "import signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', file=sys.stderr, flush=True); time.sleep(60)"
)


def children(tmp_path, code):
    path = tmp_path / "netcam.toml"
    path.write_text(SETTINGS)
    made = Scripted(config.load(path), tmp_path)
    made.code = code
    return made


class Order:
    id, schedule, site, resume = 1, "nightly", "hq", False


def wait_for(made, now=NOON, seconds=90):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if ended := made.ended(now):
            return ended[0]
        time.sleep(0.02)
    raise AssertionError("it does not end")


def up(tmp_path):
    until = time.monotonic() + 90
    while time.monotonic() < until and not (tmp_path / "runs/1.log").read_bytes():
        time.sleep(0.02)


def test_the_command_line_of_a_run_is_that_of_a_sweep(tmp_path):
    path = tmp_path / "netcam.toml"
    path.write_text(SETTINGS)
    made = Processes(config.load(path), tmp_path, store="estate.sqlite")
    line = made.command(Order)
    assert line[1:4] == ["-m", "netcam", "scan"]
    assert line[4:] == [
        "--site", "hq", "--profile", "standard", "--format", "jsonl", "--config", str(path), "--store", "estate.sqlite", "--", "192.0.2.0/28",
    ]  # fmt: skip
    dry = subprocess.run([*line[:4], "--dry-run", *line[4:]], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert dry.returncode in (0, 3), dry.stderr


def test_a_child_says_in_its_last_line_how_it_went(tmp_path):
    made = children(tmp_path, DONE)
    pid, born = made.start(Order)
    assert born == born_of(pid) or born_of(pid) is None
    assert wait_for(made) == Ended(id=1, status="complete", scan="abc", found=7)
    assert not (tmp_path / "runs/1.out").exists()


def test_a_child_that_is_asked_ends_and_one_that_does_not_is_killed(tmp_path):
    made = children(tmp_path, OBEYS)
    made.start(Order)
    up(tmp_path)
    made.stop(1, NOON)
    ended = wait_for(made)
    assert (ended.status, ended.reason) == ("interrupted", "stopped early")
    (tmp_path / "x").mkdir()
    made = children(tmp_path / "x", STUBBORN)
    made.start(Order)
    up(tmp_path / "x")
    made.stop(1, NOON)
    assert made.ended(NOON + processes.KILL_AFTER) == []
    made.ended(NOON + processes.KILL_AFTER + timedelta(seconds=1))
    ended = wait_for(made)
    assert ended.status == "interrupted"
    assert "killed" in ended.reason


def test_a_child_that_fails_is_told_in_its_own_words(tmp_path):
    made = children(tmp_path, "import sys; sys.stderr.write('noise\\nnetcam: site hq: no interface\\n  help: plug one in\\n'); sys.exit(2)")
    made.start(Order)
    assert wait_for(made) == Ended(id=1, status="failed", reason="site hq: no interface")
    made = children(tmp_path, "raise SystemExit(1)")
    made.start(Order)
    assert wait_for(made).reason == "ended with 1"


def test_a_service_that_was_killed_takes_up_the_run_that_went_on_and_one_that_did_not(tmp_path):
    made = children(tmp_path, OBEYS)
    pid, born = made.start(Order)
    up(tmp_path)
    again = children(tmp_path, "")
    run = Run(id=1, schedule="nightly", site="hq", planned=NOON, started=NOON, pid=pid, born=born)
    assert again.adopt(run) is None, "its process goes on"
    again.stop(1, NOON)
    assert wait_for(again).status == "interrupted"
    made.ended(NOON)  # the first one was its parent, which a killed service no longer is
    third = children(tmp_path, "")
    assert third.adopt(run).status == "interrupted"
    reused = Run(id=2, schedule="nightly", site="hq", planned=NOON, started=NOON, pid=os.getpid(), born=1)
    assert third.adopt(reused).status == "interrupted", "that process is somebody else"


def test_settings_are_read_anew_when_asked_and_a_wrong_file_changes_nothing(tmp_path):
    path, home = tmp_path / "netcam.toml", tmp_path / "home"
    first = '[sites.hq]\nnetworks = ["192.0.2.0/28"]\n[sinks.log]\ntype = "file"\npath = "events.jsonl"\n'
    path.write_text(first)
    env = {**os.environ, "NETCAM_HOME": str(home)}
    argv = [sys.executable, "-m", "netcam", "run", "--config", str(path)]

    def asked(process, text):
        path.write_text(text)
        process.send_signal(signal.SIGHUP)
        return process.stderr.readline()

    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=env) as process, contextlib.ExitStack() as ending:
        ending.callback(process.kill)  # a failure here must not wait for a service
        assert "runs 0 schedules" in process.stderr.readline()
        wrong = asked(process, first + '[schedules.nightly]\ncron = "0 2 * *"\n')
        assert "the old ones hold" in wrong
        assert "netcam.toml:7" in wrong, "file and line"
        assert (home / "runs/settings.toml").read_text() == first
        good = first + '[schedules.nightly]\ncron = "0 2 * * *"\n[sinks.more]\ntype = "file"\npath = "more.jsonl"\n'
        assert "read anew: 1 schedules at 1 sites" in asked(process, good)
        assert "events.outbox" in asked(process, good + '[events]\noutbox = "other.sqlite"\n')
        path.write_text("this is no file of settings")
        # a run that starts now goes by what the service goes by
        kept = {**env, config.KEPT: str(home / "runs/settings.toml")}
        line = [sys.executable, "-m", "netcam", "config", "check", str(path)]
        assert subprocess.run(line, env=kept, capture_output=True, check=False).returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    failed = [one["message"] for one in told if one["detail"].get("status") == "failed"]
    assert len(failed) == 2
    assert all("the old ones hold" in text for text in failed)
    assert "read anew" in (tmp_path / "more.jsonl").read_text()


def test_the_service_ends_when_asked_and_leaves_no_process(tmp_path):
    path = tmp_path / "netcam.toml"
    path.write_text('[sinks.log]\ntype = "file"\npath = "events.jsonl"\n')
    env = {**os.environ, "NETCAM_HOME": str(tmp_path / "home")}
    argv = [sys.executable, "-m", "netcam", "run", "--config", str(path)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert "netcam" in process.stderr.readline()
        second = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
        assert second.returncode == 2
        assert "another `netcam run`" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    kinds = [json.loads(line)["message"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert kinds[0].endswith("runs 0 schedules at 0 sites")
