"""Telling devices apart over a scripted year: `python tests/bench/correlate.py [--devices 125,500,2000]` writes one JSON line a size.

Each line: how many devices are told rightly, the time, and that time beside one pass over the same observations that only
groups them by their keys (what could be done without any memory of the past).
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the script of the tests

from netcam.identify.correlate import correlate
from netcam.model.collector import paused
from tests.inventory.year import Year, score


def run(devices):
    year = Year(devices=devices)
    with paused():
        start = time.process_time()
        known = correlate(year.seen)
        spent = time.process_time() - start
        start = time.process_time()
        by_key = {}
        for one in year.seen:
            by_key.setdefault((one.site, one.key), []).append(one)
        plain = time.process_time() - start
    told = score(year, known.device_of)
    naive = score(year, lambda one: one.key)
    return {
        "scripted_devices": devices, **{name: round(value, 5) if isinstance(value, float) else value for name, value in told.items()},
        "cpu_s": round(spent, 2), "observations_per_cpu_s": round(len(year.seen) / spent), "times_grouping_by_key": round(spent / plain, 1),
        "right_when_grouped_by_key": round(naive["right"], 5), "events": year.events,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", default="125,500,2000")
    for devices in parser.parse_args().devices.split(","):
        sys.stdout.write(json.dumps(run(int(devices))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
