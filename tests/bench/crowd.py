"""A host that answers ARP and HTTP for 14,336 addresses and floods with datagrams from forged ones: seconds of the sweep, against a limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NETWORK = "10.80.0.0/18"
CROWD = ("10.80.8.0/21", "10.80.16.0/20", "10.80.32.0/19")
"""14,336 addresses that the host takes for its own."""
LIMIT = 300.0
"""Seconds; asking 16,382 devices at the standard profile's rate would take half an hour."""
INSIDE = "NETCAM_BENCH_INSIDE"
FLOOD = """
import random, socket, struct, time
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
answer = b"<ProbeMatch><Types>inquiry</Types><DeviceSN>%d</DeviceSN></ProbeMatch>"
while True:
    body = answer % random.getrandbits(30)
    source = bytes([10, random.choice([80, 81]), random.getrandbits(8), random.getrandbits(8)])
    udp = struct.pack(">HHHH", 37020, 37020, 8 + len(body), 0) + body
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, bytes([10, 80, 0, 2]))
    raw.sendto(head + udp, ("10.80.0.2", 0))
    time.sleep(0.0005)
"""


def inside() -> None:
    holder = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    time.sleep(0.5)
    there = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    for words in (
        "link set lo up", f"link add here0 type veth peer name far0 netns {holder.pid}", "addr add 10.80.0.2/18 dev here0", "link set here0 up",
    ):  # fmt: skip
        subprocess.run(["ip", *words.split()], check=True)
    for words in (
        "link set lo up",
        "addr add 10.80.0.1/18 dev far0",
        "link set far0 up",
        *(f"route add local {part} dev lo" for part in CROWD),
    ):
        subprocess.run([*there, "ip", *words.split()], check=True)
    others = [
        subprocess.Popen([*there, sys.executable, "-m", "http.server", "80"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
        subprocess.Popen([*there, sys.executable, "-c", FLOOD]),
    ]
    try:
        with tempfile.TemporaryDirectory() as home:
            began = time.monotonic()
            argv = [
                sys.executable,
                "-m",
                "netcam",
                "scan",
                NETWORK,
                "--profile",
                "standard",
                "--format",
                "jsonl",
                "--store",
                f"{home}/s.sqlite",
            ]
            with Path(home, "out").open("wb") as out:
                done = subprocess.run(argv, env={**os.environ, "NETCAM_HOME": home}, stdout=out, check=False)
            seconds = time.monotonic() - began
            scan = next(r for r in map(json.loads, Path(home, "out").read_text().splitlines()) if r["type"] == "scan")
            audit = next(Path(home, "audit").glob("*.jsonl")).read_text().splitlines()
        hosts = {json.loads(line)["host"] for line in audit}
        outside = {h for h in hosts if h.startswith("10.81.")}
        states = {k: v for k, v in scan["totals"].items() if not k.startswith("sent.")}
        print(
            f"{seconds:.0f} s (limit {LIMIT:.0f}), exit {done.returncode}, {scan['status']}, {states}, packets to addresses outside the scope: {len(outside)}"
        )
        for note in scan["notes"]:
            print(f"  {note[:200]}")
        raise SystemExit(seconds > LIMIT or bool(outside))
    finally:
        for process in (*others, holder):
            process.terminate()


def main() -> None:
    if os.environ.get(INSIDE):
        return inside()
    space = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    raise SystemExit(subprocess.run([*space, sys.executable, __file__], env={**os.environ, INSIDE: "1"}, check=False).returncode)


if __name__ == "__main__":
    main()
