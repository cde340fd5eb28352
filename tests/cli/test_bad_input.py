"""An operator's mistake: one clear line with a cure and the right exit code, nothing half written."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest


def netcam(*argv: str, home: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NETCAM_HOME": str(home)}
    run = subprocess.run(
        [sys.executable, "-m", "netcam", *argv], capture_output=True, env=env, input=stdin, timeout=900, cwd=home, check=False
    )
    return subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())


CASES = {
    "a word that is no address": (["scan", "not-an-address"], 2),
    "a mask that is none": (["scan", "10.0.0.0/99"], 2),
    "a public address without a scope file": (["scan", "8.8.8.8"], 3),
    "a scope file that is not there": (["scan", "10.77.0.0/24", "--scope", "absent.toml"], 2),
    "a scope file that does not parse": (["scan", "10.77.0.0/24", "--scope", "broken.toml"], 2),
    "an interface that is not there": (["scan", "--interface", "nosuch0"], 2),
    "a profile that is none": (["scan", "--profile", "polte"], 2),
    "nothing to resume": (["scan", "--resume", "10.77.0.0/24"], 2),
    "an unknown policy": (["policy", "show", "uk-nothing"], 2),
    "a device that nobody saw": (["show", "192.0.2.99"], 2),
    "a topic that is none": (["explain", "feilds"], 2),
    "a capture that is not there": (["egress", "analyse", "absent.pcap"], 2),
    "a file that is no capture": (["egress", "analyse", "broken.toml"], 2),
    "an interface to watch that is not there": (["egress", "watch", "--interface", "nosuch0", "--seconds", "1"], 2),
    "observations that are not there": (["identify", "absent.jsonl"], 2),
    "a settings file with an unknown key": (["scan", "10.77.0.0/24", "--config", "settings.toml"], 2),
    "a report of no known format": (["report", "--output", "report.docx"], 2),
    "a report before the first scan": (["report"], 2),
    "observations that are none": (["identify", "broken.toml"], 2),
    "observations of nothing, as of a pipe whose beginning failed": (["identify", "-"], 2),
    "a question to a folder without an archive": (["egress", "query", "select 1", "--archive", "nosuch"], 2),
    "content that is not there": (["catalog", "check", "--content", "nowhere"], 2),
    "a scenario that is none": (["lab", "truth", "--scenario", "defualt"], 2),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_gets_one_clear_message_with_a_cure(name: str, tmp_path: Path) -> None:
    argv, code = CASES[name]
    (tmp_path / "broken.toml").write_text("networks = [unclosed")
    (tmp_path / "settings.toml").write_text("[[site]]\nid = 'hq'\nclas = 'force-estate'\n")
    run = netcam(*argv, home=tmp_path)
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    assert "help: " in run.stderr
    assert len(run.stderr.splitlines()) <= 3, run.stderr
    assert run.stdout == ""
    assert not list(tmp_path.glob("*.part"))


def test_an_import_of_which_nothing_can_be_read_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "bomb.xml").write_text('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><nmaprun>&a;</nmaprun>')
    run = netcam("import", "bomb.xml", "--format", "jsonl", home=tmp_path)
    assert run.returncode == 2
    assert "bomb.xml:1: " in run.stderr
    assert "nothing could be read" in run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["status"] == "failed"


def test_the_nearest_valid_word_is_proposed(tmp_path: Path) -> None:
    assert "did you mean 'polite'?" in netcam("scan", "--profile", "polte", home=tmp_path).stderr
    assert "did you mean 'default'?" in netcam("lab", "truth", "--scenario", "defualt", home=tmp_path).stderr
    assert "did you mean 'fields'?" in netcam("explain", "feilds", home=tmp_path).stderr


def test_a_truncated_capture_is_read_as_far_as_it_goes_and_said_so(tmp_path: Path) -> None:
    frame = bytes(12) + b"\x08\x00" + bytes(46)
    whole = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 1, 0, 60, 60) + frame
    (tmp_path / "cut.pcap").write_bytes(whole + struct.pack("<IIII", 2, 0, 1500, 1500) + b"\x00" * 10)
    run = netcam("egress", "analyse", "cut.pcap", "--format", "jsonl", home=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "truncated" in run.stdout


def test_a_broken_content_file_is_named_with_its_line(tmp_path: Path) -> None:
    root = tmp_path / "content" / "makers"
    root.mkdir(parents=True)
    (root / "acme.yaml").write_text("maker: Acme\nmaker: Acme\n")
    run = netcam("catalog", "check", "--content", str(root.parent), home=tmp_path)
    assert run.returncode == 2
    assert "acme.yaml:2" in run.stderr + run.stdout


def test_hostile_text_reaches_the_terminal_escaped(tmp_path: Path) -> None:
    hostile = '{"field":"onvif.scope.name","value":"HIKVISION \\u001b[2J\\u202edrawkcab\\r\\n","endpoint":"192.0.2.7"}\n'
    run = netcam("identify", "-", "--format", "table", home=tmp_path, stdin=hostile.encode() * 2)
    assert run.returncode == 0, run.stderr
    assert not any(ord(c) < 32 and c != "\n" for c in run.stdout)
    assert "\u202e" not in run.stdout


def test_broken_lines_of_observations_are_reported_by_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = b'{"field":"sadp.DeviceDescription","value":"DS-2CD2143G0-I","endpoint":"192.0.2.7"}\n{"fie\n'
    run = netcam("identify", "-", home=tmp_path, stdin=lines)
    assert run.returncode == 0
    assert "-:2:" in run.stderr
    assert '"maker":"Hikvision"' in run.stdout


def test_every_kind_of_bad_line_is_told_by_its_number_and_the_rest_is_judged(tmp_path: Path) -> None:
    good = b'{"field":"sadp.DeviceDescription","value":"DS-2CD2143G0-I","device":"good"}'
    lines = [
        good,
        b'{"field":"http.server","value":"a\\u001b[2Jb","device":"control"}',
        b'{"field":"http.body","value":"' + b"A" * 1_200_000 + b'","device":"megabyte"}',
        b'{"field":"http.title","value":"\xff\xfe caf\xe9","device":"encoding"}',
        b'{"field":"http.title","value":"\\u202egpj.exe","device":"bidi"}',
        b'{"field":"http.title","value":"x","device":"two","mac":"02:00:00:00:00:01"}',
        b'{"field":"http.title","value":"x","device":"two","mac":"02:00:00:00:00:02"}',
        b'{"field":"http.title","val',
        b'{"field":"http.title","value":"' + b"B" * (5 * 1024 * 1024) + b'"}',
        b'{"field":"http.title","value":"\\ud800","device":"surrogate"}',
        good.replace(b"good", b"last"),
    ]
    run = netcam("identify", "-", home=tmp_path, stdin=b"\n".join(lines) + b"\n")
    assert run.returncode == 0, run.stderr
    told = {int(text.split(":")[1]) for text in run.stderr.splitlines() if text.startswith("-:")}
    assert told == {2, 3, 4, 5, 7, 8, 9, 10}, run.stderr[:2000]
    assert "two devices under one key" in run.stderr
    assert run.stdout.count('"maker":"Hikvision"') == 2
    table = netcam("identify", "-", "--format", "table", home=tmp_path, stdin=b"\n".join(lines) + b"\n")
    for text in (run.stdout, run.stderr, table.stdout, table.stderr):
        assert not any((ord(c) < 32 and c not in "\n\t") or c in "\u202e\x7f\x9b" for c in text)


def test_an_import_says_which_lines_it_dropped_on_stderr_and_in_the_result(tmp_path: Path) -> None:
    good = {"field": "http.title", "value": "x", "endpoint": "192.0.2.1:80"}
    lines = [json.dumps(good), '{"field": "\\u001b[31mx y", "value": "x"}', json.dumps(good | {"mac": "zz"})] + ["{broken"] * 60
    (tmp_path / "o\x1b[1mwn.jsonl").write_text("\n".join(lines) + "\n")
    run = netcam("import", "o\x1b[1mwn.jsonl", "--format", "jsonl", home=tmp_path)
    assert run.returncode == 0, run.stderr
    told = run.stderr.splitlines()
    assert any("wn.jsonl:2: dropped: field" in one for one in told)
    assert any("wn.jsonl:3: mac 'zz' is not a MAC address" in one for one in told)
    assert told[-2].endswith("12 further problems not shown")
    assert told[-1].endswith("wn.jsonl: 61 dropped, 1 taken with a change")
    assert "\x1b" not in run.stderr + run.stdout
    (scan,) = [one for one in map(json.loads, run.stdout.splitlines()) if one["type"] == "scan"]
    assert scan["totals"] == {"records": 1, "repeats": 1, "problems": 62, "dropped": 61}
    (note,) = scan["notes"]
    assert "61 dropped, 1 taken with a change: line 2: dropped: field" in note
    assert "; line 3: mac 'zz'" in note
    assert note.count("; line ") == 4
    assert note.endswith("; ...")
    assert len(note) < 1500
