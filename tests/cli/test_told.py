"""What commands other than a sweep find is told to the sinks of the settings, once; a part of a look takes nothing away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def netcam(*argv: str, home: Path) -> subprocess.CompletedProcess[str]:
    """With the machine's own cache: what is compiled there is compiled once."""
    line = [sys.executable, "-m", "netcam", *argv]
    return subprocess.run(
        line, capture_output=True, text=True, env={**os.environ, "NETCAM_HOME": str(home)}, timeout=900, cwd=home, check=False
    )


SETTINGS = """
[sites.default]
class = "force-estate"
jurisdiction = "gb-eng"
[sinks.file]
type = "file"
path = "events.jsonl"
format = "jsonl"
"""
MAC = "44:19:b6:00:00:01"
WHOLE = [
    {"via": "http", "endpoint": "192.0.2.5:80", "field": "http.server", "value": "App-webs/"},
    {"via": "sadp", "field": "sadp.DeviceDescription", "value": "DS-2CD2143G0-I"},
    {"via": "sadp", "field": "sadp.SoftwareVersion", "value": "V5.5.82build 190220"},
]
LEASE = [{"via": "dhcp", "field": "dhcp.hostname", "value": "yard-3"}]


def observations(path: Path, facts: list[dict[str, str]], day: int) -> str:
    lines = [{"mac": MAC, "endpoint": "192.0.2.5", "at": f"2026-03-{day:02}T00:00:00Z"} | fact for fact in facts]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "netcam.toml").write_text(SETTINGS)
    return tmp_path


def events(home: Path) -> list[dict[str, object]]:
    path = home / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def ran(home: Path, *argv: str) -> list[dict[str, object]]:
    """The records that a command prints."""
    done = netcam(*argv, "--store", "s.sqlite", "--format", "jsonl", home=home)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_import_tells_what_is_new_once_and_a_list_of_leases_takes_nothing_away(home: Path) -> None:
    whole, lease = observations(home / "whole.jsonl", WHOLE, 2), observations(home / "lease.jsonl", LEASE, 3)
    before = observations(home / "before.jsonl", [WHOLE[2] | {"value": "V5.4.0build 170101"}], 1)
    ran(home, "import", whole)
    kinds = [one["kind"] for one in events(home)]
    assert kinds == ["scan-started", "device-discovered", "policy-finding", "firmware-finding", "digest", "scan-finished"]
    assert events(home)[0]["message"].startswith("Import ")
    for again in (whole, lease, before):
        told = len(events(home))
        (device, *_) = ran(home, "import", again)
        assert (device["maker"], device["model"], device["firmware"]) == ("Hikvision", "DS-2CD2143G0-I", "V5.5.82 build 190220"), again
        assert [one["kind"] for one in events(home)[told:]] == ["scan-started", "digest", "scan-finished"], again
    assert netcam("events", "validate", "events.jsonl", home=home).returncode == 0


def test_newer_firmware_in_an_import_is_told_as_a_change(home: Path) -> None:
    ran(home, "import", observations(home / "a.jsonl", WHOLE, 2))
    told = len(events(home))
    ran(home, "import", observations(home / "b.jsonl", [WHOLE[2] | {"value": "V5.7.3build 220112"}], 3))
    (change,) = [one for one in events(home)[told:] if one["kind"] == "device-changed"]
    assert change["change"] == {"field": "firmware", "old": "V5.5.82 build 190220", "new": "V5.7.3 build 220112"}


def test_nothing_is_told_where_the_operator_says_so(home: Path) -> None:
    whole = observations(home / "whole.jsonl", WHOLE, 2)
    ran(home, "import", whole, "--no-events")
    assert events(home) == []


def test_a_capture_analysed_twice_tells_its_findings_and_their_flows_once(home: Path) -> None:
    with (home / "netcam.toml").open("a") as file:
        file.write('[sinks.lake]\ntype = "file"\npath = "ocsf.jsonl"\nformat = "ocsf"\n')
    made = netcam("lab", "traffic", "ntp-covert", "--out", "leak.pcap", home=home)
    assert made.returncode == 0, made.stderr
    found = [one for one in ran(home, "egress", "analyse", "leak.pcap") if one["type"] == "finding"]
    told = events(home)
    assert {one["kind"] for one in told} == {"egress-finding", "network-traffic"}
    assert {one["state"] for one in told if "finding" in one} == {"opened"}, "a capture of long ago is news when it is read"
    loud = {one["key"] for one in found if one["severity"] in ("low", "medium", "high")}
    assert {one["finding"]["key"] for one in told if "finding" in one} == loud
    ran(home, "egress", "analyse", "leak.pcap")
    assert events(home) == told
    classes = [json.loads(line)["class_uid"] for line in (home / "ocsf.jsonl").read_text().splitlines()]
    assert set(classes) == {2004, 4001}
    assert netcam("events", "validate", "ocsf.jsonl", "events.jsonl", home=home).returncode == 0
