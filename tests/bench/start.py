"""How long `netcam --help` takes, against an empty interpreter in the same run; the limit is 0.2 s."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15


def median(argv: list[str]) -> float:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


empty, start = median([sys.executable, "-c", "pass"]), median([sys.executable, "-m", "netcam", "--help"])
print(f"netcam --help: {start * 1000:.0f} ms, an empty interpreter {empty * 1000:.0f} ms, ratio {start / empty:.1f}; limit 200 ms")
