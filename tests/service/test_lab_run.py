"""In the virtual estate: a scheduled run and a sweep by hand after it, and what a SIEM hears of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from netcam.sinks import validate

SETTINGS = """
sensor = "sensor-1"
[sites.hq]
class = "force-estate"
jurisdiction = "gb-eng"
timezone = "Europe/London"
networks = ["10.77.0.0/24"]
[schedules.nightly]
cron = "0 2 29 2 *"
[sinks.log]
type = "file"
path = "events.jsonl"
[sinks.lake]
type = "file"
path = "events.ocsf"
format = "ocsf"
"""
SCRIPT = """
$NETCAM schedule start all
$NETCAM run --store s.sqlite & pid=$!
for i in $(seq 300); do $NETCAM schedule list --format jsonl > list.jsonl; grep -q '"result":"complete"' list.jsonl && break; sleep 0.5; done
kill $pid; wait $pid; echo "run $?"
$NETCAM scan 10.77.0.0/24 --site hq --store s.sqlite --format jsonl > second.jsonl; echo "scan $?"
$NETCAM events validate events.jsonl events.ocsf; echo "validate $?"
"""


@pytest.mark.lab
def test_a_scheduled_run_tells_everything_once_and_the_next_sweep_only_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "netcam.toml").write_text(SETTINGS)
    env = {**os.environ, "NETCAM_HOME": str(tmp_path / "home"), "NETCAM": f"{sys.executable} -m netcam"}
    argv = [sys.executable, "-m", "netcam", "lab", "exec", "--no-traffic", "--", "bash", "-c", SCRIPT]
    run = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=900, check=False)
    assert run.stdout.split() == ["run", "0", "scan", "0", "validate", "0"], run.stderr[-3000:]
    listed = json.loads((tmp_path / "list.jsonl").read_text().splitlines()[0])
    assert (listed["result"], listed["found"], listed["next"]) == ("complete", 40, "2028-02-29T02:00:00Z")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    kinds = Counter(event["kind"] for event in events)
    assert kinds["device-discovered"] == 40
    assert kinds["scan-started"] == kinds["scan-finished"] == kinds["digest"] == 2
    keys = Counter(event["finding"]["key"] for event in events if "finding" in event)
    assert keys
    assert set(keys.values()) == {1}, "a finding that stands is told once"
    second = events[-1]["scan_id"]
    assert {event["kind"] for event in events if event.get("scan_id") == second} == {"scan-started", "scan-finished", "digest"}
    assert any(event["kind"] == "operator-action" and event["message"].endswith(": run") for event in events)
    assert len((tmp_path / "events.ocsf").read_text().splitlines()) == len(events)
    assert validate.check_file(tmp_path / "events.ocsf").schema == "OCSF 1.8.0"
