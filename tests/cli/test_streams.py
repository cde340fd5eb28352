"""Where the output goes: a locale without a camera's characters, and a disk that is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MODEL = "cam\u00e9ra \U0001f4f7"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def netcam(*argv: str, env: dict[str, str], out: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "netcam", *argv]
    return subprocess.run(line, stdout=out, stderr=subprocess.PIPE, env={**os.environ, **env}, timeout=300, check=False)


def test_what_a_locale_cannot_write_is_told_as_json_escapes(tmp_path: Path) -> None:
    seen = tmp_path / "seen.jsonl"
    facts = [{"field": "onvif.model", "value": MODEL, "endpoint": "192.0.2.5"}, {"field": "x.y", "value": "z", "endpoint": "192.0.2.5"}]
    seen.write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    plain, narrow = (netcam("identify", str(seen), env=env | {"NETCAM_HOME": str(tmp_path)}) for env in ({}, ASCII))
    assert (plain.returncode, narrow.returncode) == (0, 0), narrow.stderr
    assert narrow.stdout.isascii()
    assert not plain.stdout.isascii()
    assert json.loads(narrow.stdout) == json.loads(plain.stdout)
    assert MODEL in json.dumps(json.loads(narrow.stdout), ensure_ascii=False)


def test_a_full_disk_behind_the_output_is_one_line_and_no_success() -> None:
    with Path("/dev/full").open("wb") as full:
        done = netcam("explain", "detectors", env={}, out=full.fileno())
    assert done.returncode == 1
    assert done.stderr.decode().startswith("netcam: standard output: No space left on device")
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
