"""Cameras that give data away on real sockets, each by another way, beside healthy ones: the capture is judged as the scenario says."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from netcam.lab.scenario import load

pytestmark = [pytest.mark.lab, pytest.mark.slow]
EXPECTED = {
    "leak-by-names": ("high", "covert-channel", "dns-tunnel"), "leak-by-ping": ("high", "covert-channel", "icmp-tunnel"),
    "leak-in-portions": ("high", "bulk-transfer", "bulk-upload"), "leak-as-pictures": ("medium", "bulk-transfer", "media-upload"),
    "leak-as-the-maker": ("high", "live-view", "bulk-upload"), "leak-by-relay": ("high", "peer-to-peer-media", "peer-to-peer"),
    "upload": ("high", "live-view", "bulk-upload"), "beacon": ("low", "phone-home", "beacon"),
}  # fmt: skip
"""Story -> least severity, class and a detector that must name it."""
RANK = ("information", "low", "medium", "high")


def netcam(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "netcam", *words], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def begun_with_an_hour(path: Path) -> None:
    """Move a capture in time so that it begins a minute after a full hour: uploads are judged by the hour, and half a minute that lies in two
    hours has half of what it sent in each."""
    data, at = bytearray(path.read_bytes()), 24
    back = (struct.unpack_from("<I", data, at)[0] - 60) % 3600
    while at + 16 <= len(data):
        seconds, _, size = struct.unpack_from("<III", data, at)
        struct.pack_into("<I", data, at, seconds - back)
        at += 16 + size
    path.write_bytes(data)


def test_every_way_out_is_told_and_the_healthy_are_left_alone(tmp_path: Path) -> None:
    capture = str(tmp_path / "leaks.pcap")
    netcam("lab", "exec", "--scenario", "leaks", "--pcap", capture, "--", "sleep", "28")
    begun_with_an_hour(Path(capture))
    told = [
        json.loads(line)
        for line in netcam("egress", "analyse", capture, "--store", str(tmp_path / "no.db"), "--format", "jsonl").splitlines()
    ]
    found = [one for one in told if one["type"] == "finding"]
    scenario = load("leaks")
    for device in scenario.devices:
        mine = [one for one in found if one["device"] == scenario.address(device)]
        if device.traffic in EXPECTED:
            severity, category, rule = EXPECTED[device.traffic]
            right = [one for one in mine if one["category"] == category and RANK.index(one["severity"]) >= RANK.index(severity)]
            assert rule in {one["rule"] for one in right}, (
                device.name,
                [(o["rule"], o["severity"], o["category"], o["score"]) for o in mine],
            )
        else:
            assert {one["severity"] for one in mine} <= {"information"}, (device.name, mine)
