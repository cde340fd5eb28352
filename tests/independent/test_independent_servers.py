"""netcam against servers that nobody here wrote: what they say is read, and none of them is called a camera."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.lab
def test_avahi_lighttpd_and_wsdd_appear_with_their_banners_and_none_is_called_a_camera(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    command += [sys.executable, str(HERE / "serve.py"), str(tmp_path), sys.executable, "-m", "netcam"]
    command += ["scan", "192.0.2.0/24", "--format", "jsonl", "--store", str(store)]
    env = {**os.environ, "NETCAM_HOME": str(tmp_path / "home")}
    run = subprocess.run(command, capture_output=True, text=True, env=env, timeout=110, check=False)
    assert run.returncode == 0, run.stderr
    records = [json.loads(line) for line in run.stdout.splitlines()]
    (device,) = [r for r in records if r["type"] == "device"]
    seen = device["observed"]
    assert device["addresses"] == ["192.0.2.20"]
    assert device["macs"] == ["02:00:00:00:00:20"]
    assert device["is_camera"] is not True
    assert seen["http.server"] == ["lighttpd/1.4.69"] or seen["http.server"][0].startswith("lighttpd/")
    assert seen["http.title"] == ["Records archive"]
    assert "archive.local" in " ".join(seen["mdns.host"])
    assert any("Computer" in value for value in seen["onvif.types"]), "wsdd says that it is a computer"
    (scan,) = [r for r in records if r["type"] == "scan"]
    assert scan["status"] == "complete"
    assert scan["totals"]["answered"] == 1
    assert not [r for r in records if r["type"] == "finding" and r["verdict"] in ("restricted", "review", "advisory")]
