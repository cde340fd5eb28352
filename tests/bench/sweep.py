"""A sweep of a virtual estate against arp-scan, nmap -sn and nmap -sV on the same estate in the same run: found, frames, bytes, seconds.

`sweep.py [SCENARIO] [HOSTS]`: HOSTS (a network) is what nmap -sV looks at, where the whole estate would take it hours; its time and
frames are then told per device. Frames and bytes are what the bridge's own port sent, by the kernel's counters. nmap -sV is ended after
NMAP_LIMIT seconds, which is told.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from netcam.lab.scenario import load

INSIDE = "NETCAM_BENCH_INSIDE"
NMAP_LIMIT = float(os.environ.get("NMAP_LIMIT", "3600"))
PORTS = "21-23,25,80-82,88,443,554,2020,5000,8000,8080,8081,8443,8554,8899,10554,49152"
"""Ports that netcam asks; without -p nmap would touch 9100, and a printer would print it."""


@dataclass
class Cost:
    """What one program took."""

    found: int
    seconds: float
    frames: int
    size: int
    ended: bool = False
    """Whether it was ended before it was done: its time is then a lower bound."""


def sent() -> tuple[int, int]:
    """Frames and bytes that this namespace's bridge port has sent (proc(5), /proc/net/dev)."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("br-lab:"):
            words = line.split(":")[1].split()
            return int(words[9]), int(words[8])
    raise SystemExit("no br-lab here")


def run(name: str, argv: list[str], found: str, *, limit: float | None = None) -> Cost:
    if shutil.which(argv[0]) is None:
        raise SystemExit(f"{argv[0]} is missing: make system-test installs it")
    before, began = sent(), time.perf_counter()
    ended = False
    try:
        text = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, timeout=limit).stdout
    except subprocess.TimeoutExpired as late:
        text, ended = (late.stdout or b"").decode(), True
    after = sent()
    cost = Cost(len(set(re.findall(found, text))), time.perf_counter() - began, after[0] - before[0], after[1] - before[1], ended)
    told = "  ended before it was done" if ended else ""
    print(f"{name:12} {cost.found:5} devices {cost.seconds:8.1f} s {cost.frames:8} frames {cost.size:10} bytes sent{told}", flush=True)
    return cost


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "default"
    hosts = sys.argv[2] if len(sys.argv) > 2 else ""
    if not os.environ.get(INSIDE):
        argv = [
            sys.executable,
            "-m",
            "netcam",
            "lab",
            "exec",
            "--scenario",
            name,
            "--no-traffic",
            "--",
            sys.executable,
            __file__,
            *sys.argv[1:],
        ]
        raise SystemExit(subprocess.run(argv, env={**os.environ, INSIDE: "1"}, check=False).returncode)
    scenario = load(name)
    network, address = scenario.network, r"(?m)(?:^|report for )(\d+\.\d+\.\d+\.\d+)\b"
    with tempfile.TemporaryDirectory() as home:
        os.environ["NETCAM_HOME"] = home
        Path(home, "scope.toml").write_text(f'id = "bench"\nauthoriser = "bench"\nnetworks = ["{network}"]\n')
        netcam = [
            sys.executable,
            "-m",
            "netcam",
            "scan",
            network,
            "--profile",
            "standard",
            "--scope",
            f"{home}/scope.toml",
            "--format",
            "jsonl",
        ]
        ours = run("netcam scan", netcam, r'"type":"device","device":"([^"]+)"')
        argv = [sys.executable, "-m", "netcam", "devices", "--format", "jsonl"]
        named = [json.loads(line) for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()]
        found = {a: one for one in named for a in one["addresses"]}
        truth = [t for t in scenario.truth() if t["is_camera"] and t["tells"]]
        slots = [(t, slot) for t in truth for slot in ("brand", "maker", "model", "firmware") if t[slot]]
        right = sum(t["address"] in found and found[t["address"]][slot] == t[slot] for t, slot in slots)
        print(
            f"{'':12} {len(truth)} cameras in truth, {sum(t['address'] in found for t in truth)} found, {right} of {len(slots)} slots right",
            flush=True,
        )
        run("arp-scan", ["arp-scan", "--interface=br-lab", network], address)
        run("nmap -sn", ["nmap", "-n", "-sn", network], address)
        theirs = run("nmap -sV", ["nmap", "-n", "-sV", "-p", PORTS, hosts or network], address, limit=NMAP_LIMIT)
        each = [(c.seconds / max(c.found, 1), c.frames / max(c.found, 1)) for c in (ours, theirs)]
        print(f"per device: netcam {each[0][0]:.3f} s and {each[0][1]:.0f} frames, nmap -sV {each[1][0]:.3f} s and {each[1][1]:.0f} frames")
        least = "at most " if theirs.ended else ""
        print(f"netcam took {least}1/{theirs.seconds / ours.seconds:.1f} of the time of nmap -sV on {hosts or network}")


if __name__ == "__main__":
    main()
