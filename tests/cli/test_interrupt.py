"""Ctrl-C ends a sweep with what was found; --resume goes on and asks nothing twice; sweeping again changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from netcam.cli import egress, passive
from netcam.cli.content import EXIT_CODES
from netcam.collect.gate import StopSwitch
from netcam.errors import StoreError
from netcam.inventory import open_inventory
from netcam.model import ScanRecord
from netcam.pipeline import interrupted_by_signal, interruptible, stopped_by_signal, stopping, unfinished
from tests.conditions import until

if TYPE_CHECKING:
    from netcam.inventory.port import Inventory

ROOT = Path(__file__).resolve().parent.parent.parent

SCRIPT = """
$NETCAM scan 10.77.0.0/24 --store s.sqlite --format jsonl > first.jsonl & pid=$!
$PYTHON wait_for_devices.py s.sqlite; kill -INT $pid; wait $pid; echo "first $?"
$NETCAM scan --resume --store s.sqlite --format jsonl > second.jsonl; echo "second $?"
$NETCAM scan 10.77.0.0/24 --store s.sqlite --format jsonl > third.jsonl; echo "third $?"
$NETCAM diff previous last --store s.sqlite --format jsonl > diff.jsonl; echo "diff $?"
"""

WAIT = """
import contextlib, sqlite3, sys, time

for _ in range(3000):
    time.sleep(0.1)
    with contextlib.suppress(sqlite3.Error):
        store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
        if store.execute("select count(*) from observation").fetchone()[0] >= 20:
            break
"""
"""Until some facts are kept: then the sweep is in its middle, however slow the machine."""


@pytest.mark.lab
def test_an_interrupted_sweep_keeps_what_it_has_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "wait_for_devices.py").write_text(WAIT)
    env = {**os.environ, "NETCAM_HOME": str(tmp_path), "PYTHON": sys.executable, "NETCAM": f"{sys.executable} -m netcam"}
    argv = [sys.executable, "-m", "netcam", "lab", "exec", "--no-traffic", "--", "bash", "-c", SCRIPT]
    run = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=900, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["first", "130", "second", "0", "third", "0", "diff", "0"], run.stderr

    def read(name: str) -> dict[str, list[dict[str, object]]]:
        kinds: dict[str, list[dict[str, object]]] = {}
        for line in (tmp_path / name).read_text().splitlines():
            record = json.loads(line)
            kinds.setdefault(record["type"], []).append(record)
        return kinds

    first, second, third = read("first.jsonl"), read("second.jsonl"), read("third.jsonl")
    assert first["scan"][0]["status"] == "interrupted"
    assert 0 < len(first.get("device", [])) <= 40
    assert second["scan"][0]["id"] == first["scan"][0]["id"]
    assert second["scan"][0]["status"] == "complete"
    assert len(second["device"]) == len(third["device"]) == 40
    assert (tmp_path / "diff.jsonl").read_text() == "", "nothing changed between two sweeps of one estate"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_sweep_and_a_listener_stop_in_good_order_on(number: signal.Signals) -> None:
    async def sweeping() -> bool:
        stop = StopSwitch()
        with interruptible(stop):
            os.kill(os.getpid(), number)
            for _ in range(200):
                if stop.is_set():
                    break
                await asyncio.sleep(0.01)
        return stop.is_set()

    assert asyncio.run(sweeping())
    with stopped_by_signal(threading.Event()) as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(2.0)


def test_who_ignores_the_loss_of_the_terminal_outlives_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in stopping()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.SIGHUP in stopping()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_watch_that_is_told_to_stop_says_what_it_has(tmp_path: Path, number: signal.Signals) -> None:
    record = {
        "timestamp": "2026-01-01T00:00:00.000000+0000", "event_type": "flow", "src_ip": "10.0.0.5", "src_port": 50000,
        "dest_ip": "203.0.113.9", "dest_port": 443, "proto": "TCP",
        "flow": {"pkts_toserver": 9, "pkts_toclient": 9, "bytes_toserver": 9000, "bytes_toclient": 900,
                 "start": "2026-01-01T00:00:00.000000+0000", "end": "2026-01-01T00:00:09.000000+0000"},
    }  # fmt: skip
    (tmp_path / "eve.json").write_text(json.dumps(record) + "\n")
    argv = [sys.executable, "-m", "netcam", "egress", "watch", "--suricata", "eve.json", "--flows", "--every", "9999", "--format", "jsonl"]
    env = {**os.environ, "NETCAM_HOME": str(tmp_path)}
    watch = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=env)
    try:
        until(lambda: _read(watch.pid, "eve.json"), "the log is read")
        watch.send_signal(number)
        out, said = watch.communicate(timeout=60)
    finally:
        watch.kill()
        watch.wait()
    assert watch.returncode == 0, said
    assert next(one["type"] for one in map(json.loads, out.splitlines())) == "flow"
    assert "203.0.113.9" in out


def _read(pid: int, name: str) -> bool:
    """Whether a process has a file open and has read of it."""
    with contextlib.suppress(OSError):  # descriptors come and go meanwhile
        for one in Path(f"/proc/{pid}/fd").iterdir():
            if one.readlink().name == name:
                return "pos:\t0\n" not in Path(f"/proc/{pid}/fdinfo/{one.name}").read_text()
    return False


LINE = '{"field":"http.title","value":"x","at":"2026-01-01T00:00:00Z","mac":"44:19:b6:00:00:01","endpoint":"10.0.0.5:80","via":"http"}\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_import_is_told_and_is_no_sweep_to_resume(tmp_path: Path, number: signal.Signals) -> None:
    env = {**os.environ, "NETCAM_HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "netcam"]
    (tmp_path / "big.jsonl").write_text(LINE * 300_000)
    run = subprocess.Popen([*argv, "import", "big.jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=env)
    try:
        until(lambda: _running(tmp_path / "netcam.sqlite"), "the run has begun")
        run.send_signal(number)
        _, said = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 130, said
    assert "interrupted: what was read until then is kept and not judged" in said
    assert "netcam: interrupted" in said
    assert _statuses(tmp_path / "netcam.sqlite") == ["interrupted"]
    if number is signal.SIGINT:
        resumed = subprocess.run([*argv, "scan", "--resume"], capture_output=True, text=True, cwd=tmp_path, env=env, check=False)
        assert resumed.returncode == 2
        assert "has no interrupted run" in resumed.stderr
        listed = subprocess.run([*argv, "devices"], capture_output=True, text=True, cwd=tmp_path, env=env, check=False)
        assert "the inventory has no devices" in listed.stderr


@pytest.mark.parametrize(
    ("what", "raised", "status"),
    [
        ("netcam.cli.passive._record", KeyboardInterrupt, "interrupted"),
        ("netcam.pipeline.judge", KeyboardInterrupt, "interrupted"),
        ("netcam.pipeline.judge", ZeroDivisionError, "failed"),
    ],
)
@pytest.mark.parametrize("command", ["import", "listen"])
def test_what_cuts_a_run_off_is_kept_wherever_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, raised: type[BaseException], status: str, command: str
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(what, cut)
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path))
    (tmp_path / "one.jsonl").write_text(LINE)
    (tmp_path / "one.pcap").write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    arguments = {
        "import": ([tmp_path / "one.jsonl"], None, None),
        "listen": (tmp_path / "one.pcap", None, None),
    }[command]
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(raised):
        getattr(passive, {"import": "import_"}.get(command, command))(*arguments, store=str(tmp_path / "s.sqlite"))
    assert _statuses(tmp_path / "s.sqlite") == [status]
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_a_run_that_was_closed_keeps_its_end_and_an_inventory_that_cannot_keep_it_is_told() -> None:
    class Broken:
        def save_scan(self, record: ScanRecord) -> None:
            raise StoreError("s.sqlite", "the disk is full", "make room")

    run, said = (
        ScanRecord(id="a", site="hq", sensor="s", targets=(), profile="import", started=datetime(2026, 1, 1, tzinfo=UTC)),
        list[str](),
    )

    def cut(store: object, *, closed: bool) -> None:
        with unfinished(run, cast("Inventory", store), None, lambda: datetime(2026, 1, 2, tzinfo=UTC), said.append) as going:
            going.closed = closed
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut(Broken(), closed=True)
    assert said == []
    with pytest.raises(KeyboardInterrupt):
        cut(Broken(), closed=False)
    assert said == ["run a stays open in the inventory: the disk is full"]


@pytest.mark.parametrize("stop", [True, False])
def test_a_signal_after_the_first_does_what_it_did_before(stop: bool) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        if stop:
            with stopped_by_signal(threading.Event()) as switch:
                signal.raise_signal(signal.SIGTERM)
                assert switch.is_set() and not seen
                signal.raise_signal(signal.SIGTERM)
        else:
            with pytest.raises(KeyboardInterrupt), interrupted_by_signal():
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_after_a_sweep_signals_do_what_they_did_before() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))

    async def sweeping() -> None:
        with interruptible(StopSwitch()):
            await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)

    try:
        asyncio.run(sweeping())
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_readme_and_explain_say_the_same_of_exit_codes() -> None:
    (line,) = [one for one in (ROOT / "README.md").read_text().splitlines() if one.startswith("0 clean")]
    told = {one.split()[0]: one.partition(" ")[2] for one in line.split(" · ")}
    assert list(told) == [one.split()[0] for one in EXIT_CODES]
    assert "0 or 10" in told["130"]
    assert "0 or 10" in EXIT_CODES[-1]
    for command in (passive.listen, egress.watch):
        assert "until Ctrl-C, which is no interruption here" in str(
            inspect.signature(command, eval_str=True).parameters["seconds"].annotation.__metadata__[0].help
        )


def _statuses(store: Path) -> list[str]:
    one = open_inventory(str(store))
    try:
        return [run.status for run in one.scans()]
    finally:
        one.close()


def _running(store: Path) -> bool:
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as one:
        return bool(one.execute("select count(*) from scan").fetchone()[0])
    return False
