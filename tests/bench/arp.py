"""ARP over a /16 by the link helper against a plain raw socket that hears and does not read, on the same veth in the same run: frames a second, and who was missed.

The far side answers for every address of the network. The two run by turns and the best of each counts, by the clock and by processor time:
other work on the machine only ever makes a run slower, and the clock most. The limit, 0.9 of the plain socket's rate, holds for one of them.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time

NETWORK, FIRST, LAST = "10.81.0.0/16", (10 << 24) + (81 << 16) + (1 << 8), (10 << 24) + (81 << 16) + 65534
INSIDE = "NETCAM_BENCH_INSIDE"
LIMIT = 0.9
ROUNDS = 5


def plain(mac: bytes) -> tuple[float, float]:
    """Seconds, and seconds of processor time, in which a loop over a raw socket, bound to ARP as any sweeper's is, sends one request to each address."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind(("here0", 0x0806))
        head = b"\xff" * 6 + mac + bytes.fromhex("08060001080006040001") + mac + socket.inet_aton("10.81.0.2") + bytes(6)
        began, computed = time.perf_counter(), time.process_time()
        for number in range(FIRST, LAST + 1):
            wire.send(head + struct.pack(">I", number) + bytes(18))
        return time.perf_counter() - began, time.process_time() - computed


def helper() -> tuple[tuple[float, float], int, int]:
    """Seconds and processor seconds of the helper's first round, addresses found after all rounds, frames sent."""
    argv = [sys.executable, "-m", "netcam.collect.link", "here0", "10.81.0.2", "1000000000", "4", "1.4"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        asked.stdin.write(f"{FIRST} {LAST}\n")
        asked.stdin.close()
        found, took, sent = set(), (0.0, 0.0), 0
        for line in asked.stdout:
            told = json.loads(line)
            if told.get("done"):
                sent, took = told["sent"], (told["first_round"], told["processor"])
            elif "address" in told:
                found.add(told["address"])
    return took, len(found), sent


def inside() -> None:
    holder = subprocess.Popen(["unshare", "--net", "sleep", "300"])
    time.sleep(0.5)
    there = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    try:
        for words in (
            "link set lo up", f"link add here0 type veth peer name far0 netns {holder.pid}", "addr add 10.81.0.2/16 dev here0", "link set here0 up",
        ):  # fmt: skip
            subprocess.run(["ip", *words.split()], check=True)
        # the sensor's own /24 is left out: for the far side it must not be its own address
        parts = [f"10.81.{1 << n}.0/{24 - n}" for n in range(8)]
        for words in (
            "link set lo up",
            "addr add 10.81.0.1/16 dev far0",
            "link set far0 up",
            *(f"route add local {p} dev lo" for p in parts),
        ):
            subprocess.run([*there, "ip", *words.split()], check=True)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
            wire.bind(("here0", 0))
            mac = wire.getsockname()[4]
        total = LAST - FIRST + 1
        runs: dict[str, list[tuple[float, float]]] = {"plain socket": [], "link helper": []}
        missed = 0
        for _ in range(ROUNDS):
            runs["plain socket"].append(plain(mac))
            time.sleep(1.0)
            took, found, sent = helper()
            runs["link helper"].append(took)
            missed = max(missed, total - found)
            told = "   ".join(
                f"{name} {total / all_[-1][0]:7.0f} frames/s, {total / all_[-1][1]:7.0f} by processor" for name, all_ in runs.items()
            )
            print(f"{told}   found {found} of {total}, {sent} frames", flush=True)
        best = {name: [min(one) for one in zip(*all_, strict=True)] for name, all_ in runs.items()}
        ratios = [ours and alone / ours for alone, ours in zip(best["plain socket"], best["link helper"], strict=True)]
        print(f"best of {ROUNDS}: ratio {ratios[0]:.2f} by the clock, {ratios[1]:.2f} by processor time (limit {LIMIT}), missed {missed}")
        raise SystemExit(max(ratios) < LIMIT or missed > 0)
    finally:
        holder.terminate()


def main() -> None:
    if os.environ.get(INSIDE):
        return inside()
    space = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    raise SystemExit(subprocess.run([*space, sys.executable, __file__], env={**os.environ, INSIDE: "1"}, check=False).returncode)


if __name__ == "__main__":
    main()
