"""Captures to flows: `netcam egress analyse` against `tshark -z conv,tcp` on the same file in the same run, start-up included.

Usage: egress.py [PACKETS]. The capture is made here: many short TCP conversations of 300 cameras, 900-byte packets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def make(path: Path, packets: int) -> int:
    """Write a pcap of `packets` packets in packets / 4 conversations; returns its conversations."""
    rng = np.random.default_rng(7)
    size = 16 + 14 + 20 + 20 + 846
    flows = packets // 4
    with path.open("wb") as file:
        file.write(np.array([0xA1B2C3D4, 0x00040002, 0, 0, 65535, 1], "<u4").tobytes())
        for start in range(0, packets, 100_000):
            n = min(100_000, packets - start)
            number = np.arange(start, start + n)
            flow = number // 4
            rows = np.zeros((n, size), np.uint8)
            at = 1_764_000_000 + number // 5000
            rows[:, 0:4] = at.astype("<u4").view(np.uint8).reshape(n, 4)
            rows[:, 4:8] = (number % 5000 * 200).astype("<u4").view(np.uint8).reshape(n, 4)
            rows[:, 8:16] = np.tile(np.array([size - 16] * 2, "<u4").view(np.uint8), (n, 1))
            rows[:, 16:28] = 2
            rows[:, 28:30] = (8, 0)
            ip = 30
            rows[:, ip] = 0x45
            rows[:, ip + 2 : ip + 4] = ((size - 30) >> 8, (size - 30) & 255)
            rows[:, ip + 8], rows[:, ip + 9] = 64, 6
            rows[:, ip + 12], rows[:, ip + 14] = 10, flow % 300 >> 8
            rows[:, ip + 15] = flow % 300 & 255
            rows[:, ip + 16 : ip + 19] = (203, 0, 113)
            rows[:, ip + 19] = flow % 250
            tcp = ip + 20
            rows[:, tcp : tcp + 2] = (20000 + flow // 300 % 40000).astype(">u2").view(np.uint8).reshape(n, 2)
            rows[:, tcp + 2 : tcp + 4] = (443 >> 8, 443 & 255)
            rows[:, tcp + 12] = 0x50
            rows[:, tcp + 13] = np.where(number % 4 == 0, 2, 0x18)
            rows[:, tcp + 20 :] = rng.integers(0, 256, size - tcp - 20, dtype=np.uint8)
            file.write(rows.tobytes())
    return flows


def timed(argv: list[str]) -> tuple[float, int]:
    """Seconds and peak memory (MB) of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, argv
    return time.perf_counter() - began, usage.ru_maxrss // 1024


def main() -> None:
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 4):
            path = Path(folder) / "a.pcap"
            flows = make(path, packets * times // 4)
            os.environ["NETCAM_HOME"] = folder
            ours = [sys.executable, "-m", "netcam", "egress", "analyse", str(path), "--format", "jsonl"]
            timed(ours)  # the first run compiles; users pay it once per version
            mine, memory = timed(ours)
            peer, peer_memory = timed(["tshark", "-r", str(path), "-q", "-z", "conv,tcp"])
            size = path.stat().st_size / 1e6
            print(
                f"{packets * times // 4} packets, {flows} flows, {size:.0f} MB: netcam {mine:.2f} s ({memory} MB), "
                f"tshark {peer:.2f} s ({peer_memory} MB), ratio {peer / mine:.1f}"
            )


if __name__ == "__main__":
    main()
