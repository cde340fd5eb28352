"""Better fingerprints re-identify what is stored, without a sweep; both verdicts stay."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from netcam import wire
from netcam.catalog import makers
from netcam.identify import identify
from netcam.identify.matcher import Matcher
from netcam.inventory import open_inventory
from netcam.model import Observation

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_new_fingerprint_changes_last_years_verdict_and_keeps_the_old_one(tmp_path: Path) -> None:
    seen = [o for o in wire.observations((ROOT / "tests" / "data" / "some.jsonl").read_bytes().splitlines()) if isinstance(o, Observation)]
    poor = tmp_path / "content"
    shutil.copytree(ROOT / "fingerprints", poor)
    (poor / "makers" / "hikvision.yaml").unlink()
    inventory = open_inventory(tmp_path / "s.sqlite", make=True)
    inventory.record(seen)
    inventory.save_identities(None, identify(seen, Matcher(makers.load(poor), engine="re")), datetime(2026, 1, 1, tzinfo=UTC))
    inventory.close()
    argv = [sys.executable, "-m", "netcam", "reidentify", "--store", str(tmp_path / "s.sqlite"), "--format", "jsonl"]
    env = {**os.environ, "NETCAM_HOME": str(tmp_path)}
    first = subprocess.run(argv, capture_output=True, text=True, env=env, check=True)
    changed = {r["device"]: r for r in map(json.loads, first.stdout.splitlines())}
    assert changed["14:2f:fd:00:00:0d"]["slots"]["maker"] == {"before": None, "now": "Hikvision"}
    assert changed["14:2f:fd:00:00:0d"]["catalog"]["before"] != changed["14:2f:fd:00:00:0d"]["catalog"]["now"]
    again = subprocess.run(argv, capture_output=True, text=True, env=env, check=True)
    assert again.stdout == ""
    inventory = open_inventory(tmp_path / "s.sqlite", make=True)
    history = inventory.history("14:2f:fd:00:00:0d")
    inventory.close()
    assert [v.identity.get("maker") for v in history] == [None, "Hikvision"]
