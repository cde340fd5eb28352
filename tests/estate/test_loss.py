"""A sweep over a link that loses every tenth packet each way still finds every device and names nearly all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netcam.lab.scenario import load

SCRIPT = """
set -e
for port in lab0 lab1; do
  nft add table netdev $port
  for hook in ingress egress; do
    nft "add chain netdev $port $hook { type filter hook $hook device \\"$port\\" priority 0; }"
    nft "add rule netdev $port $hook numgen random mod 10 0 counter drop"
  done
done
$NETCAM scan 10.77.0.0/24 --profile standard --store s.sqlite --format jsonl > out.jsonl
nft list ruleset > dropped.txt
"""


@pytest.mark.lab
def test_a_link_that_loses_every_tenth_packet_hides_no_device(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "NETCAM_HOME": str(tmp_path),
        "NETCAM": f"{sys.executable} -m netcam",
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
    }
    argv = [sys.executable, "-m", "netcam", "lab", "exec", "--no-traffic", "--", "sh", "-c", SCRIPT]
    run = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=900, check=False)
    assert run.returncode == 0, run.stderr
    drops = [int(line.split("packets ")[1].split()[0]) for line in (tmp_path / "dropped.txt").read_text().splitlines() if "drop" in line]
    assert len(drops) == 4
    assert all(drops), "the link did lose packets, both ways, on both ports"
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    found = {address: r for r in records if r["type"] == "device" for address in r["addresses"]}
    truth = load("default").truth()
    assert [t["address"] for t in truth if t["address"] not in found] == []
    wanted = [(t, slot) for t in truth if t["is_camera"] and t["tells"] for slot in ("brand", "maker", "model", "firmware") if t[slot]]
    wrong = [(t["address"], slot) for t, slot in wanted if found[t["address"]][slot] != t[slot]]
    assert len(wrong) <= len(wanted) * 0.05, wrong
    assert not [t["address"] for t in truth if not t["is_camera"] and found[t["address"]]["is_camera"]]
