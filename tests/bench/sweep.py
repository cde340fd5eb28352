"""A sweep of the virtual estate against arp-scan, nmap -sn and nmap -sV on the same estate in the same run: found, seconds, packets.

Run by `make bench`; it enters the virtual estate by itself. Packets are what the bridge's own port sent, by the kernel's counter.
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
from pathlib import Path

NETWORK = "10.77.0.0/24"
INSIDE = "NETCAM_BENCH_INSIDE"


def sent() -> int:
    """Frames that this namespace's bridge port has sent."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("br-lab:"):
            return int(line.split(":")[1].split()[9])
    raise SystemExit("no br-lab here")


def run(name: str, argv: list[str], found: str) -> tuple[float, int]:
    if shutil.which(argv[0]) is None:
        print(f"{name:12} is not installed here")
        return 0.0, 0
    frames, began = sent(), time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    seconds, frames = time.perf_counter() - began, sent() - frames
    count = len(set(re.findall(found, done.stdout)))
    print(f"{name:12} {count:4} devices  {seconds:7.1f} s  {frames:7} frames sent")
    return seconds, frames


def main() -> None:
    if not os.environ.get(INSIDE):
        argv = [sys.executable, "-m", "netcam", "lab", "exec", "--no-traffic", "--", sys.executable, __file__]
        raise SystemExit(subprocess.run(argv, env={**os.environ, INSIDE: "1"}, check=False).returncode)
    with tempfile.TemporaryDirectory() as home:
        os.environ["NETCAM_HOME"] = home
        netcam = [sys.executable, "-m", "netcam", "scan", NETWORK, "--profile", "standard", "--format", "jsonl"]
        ours, packets = run("netcam scan", netcam, r'"type":"device","device":"([^"]+)"')
        named = subprocess.run([sys.executable, "-m", "netcam", "devices", "--format", "jsonl"], capture_output=True, text=True, check=True)
        cameras = [json.loads(line) for line in named.stdout.splitlines()]
        print(
            f"             {sum(bool(c['is_camera']) for c in cameras)} of them cameras, {sum(bool(c['model']) for c in cameras)} with a model"
        )
        run("arp-scan", ["arp-scan", "--interface=br-lab", NETWORK], r"(?m)^(10\.77\.0\.\d+)\s")
        run("nmap -sn", ["nmap", "-n", "-sn", NETWORK], r"report for (10\.77\.0\.\d+)")
        # the answer of a closed print port must stay the lab's business: nmap would touch 9100 without -p
        theirs, more = run(
            "nmap -sV",
            ["nmap", "-n", "-sV", "-p", "21-23,25,80-82,88,443,554,2020,5000,8000,8080,8081,8443,8554,8899,10554,49152", NETWORK],
            r"report for (10\.77\.0\.\d+)",
        )
        if theirs:
            print(
                f"netcam took 1/{theirs / ours:.1f} of the time of nmap -sV on the same ports, and {packets / max(more, 1):.2f} of its frames"
            )


if __name__ == "__main__":
    main()
