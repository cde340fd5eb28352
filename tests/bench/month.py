"""A month of a healthy estate of twelve makers through the judge, with slow leaks beside it: false findings, time to detect, time, memory.

Usage: month.py [CAMERAS] [DAYS]. The flows are made here, a day at a time, and judged every hour as a sensor would. Limits, printed beside
what was found: less than one false finding of severity high per 1,000 camera-days; each leak within the window stated for its kind
(netcam/lab/exfiltration.py). Leaves with 1 where one is not kept.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from netcam.catalog import destinations
from netcam.egress.measure import play
from netcam.flows.table import FlowTable
from netcam.lab.habits import MAKERS
from netcam.lab.labelled import LEAKS, Labelled, month

MAX_FALSE_HIGH = 1.0
"""False findings of severity high per 1,000 camera-days: more, and nobody reads them."""


def main() -> int:
    cameras = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    known = destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")
    made = {"flows": 0.0, "seconds": 0.0}

    def timed(tables: Iterator[FlowTable]) -> Iterator[FlowTable]:
        while True:
            began = time.process_time()
            table = next(tables, None)
            made["seconds"] += time.process_time() - began
            if table is None:
                return
            made["flows"] += len(table)
            yield table

    one: Labelled = month(cameras, days, every=1, leaks=LEAKS)
    began = time.process_time()
    told = play(replace(one, tables=timed(iter(one.tables))), known)
    judged = time.process_time() - began - made["seconds"]
    false = {severity: len(told.false.get(severity, ())) for severity in ("high", "medium", "low")}
    rate = 1000 * false["high"] / told.camera_days
    print(
        f"{cameras} healthy cameras of {len(MAKERS)} makers, {days} days ({told.camera_days:,.0f} camera-days), {made['flows']:,.0f} flows"
    )
    print(
        f"false findings: high {false['high']} ({rate:.2f} per 1,000 camera-days, limit {MAX_FALSE_HIGH:.0f}), medium {false['medium']} "
        f"({1000 * false['medium'] / told.camera_days:.1f}), low {false['low']} ({1000 * false['low'] / told.camera_days:.1f})"
    )
    for line in sorted(told.false.get("high", ())):
        print(f"  false: {line}")
    rules: dict[str, int] = {}
    for line in told.false.get("medium", ()):
        rule = line.split(" ", 2)[1]
        rules[rule] = rules.get(rule, 0) + 1
    print("  medium by detector: " + ", ".join(f"{rule} {count}" for rule, count in sorted(rules.items(), key=lambda r: -r[1])))
    late = 0
    for truth in told.truth:
        hours = told.found[truth.kind]
        kept = told.in_time[truth.kind]
        late += not kept
        how = "never" if hours is None else f"after {hours:.1f} h ({hours / truth.hours:.2f} of the limit)"
        print(f"{truth.kind}: found {how}, stated window {truth.hours:g} h, least severity {truth.severity}")
    hours_judged = days * 24
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"processor {judged:.0f} s for {hours_judged} hourly windows ({1000 * judged / hours_judged:.0f} ms each; "
        f"{100 * judged / (days * 86400) * 1000 / cameras:.2f} % of one core per 1,000 cameras), {made['seconds']:.0f} s to make the flows; "
        f"peak {peak} MB; load {os.getloadavg()[0]:.1f}"
    )
    return int(rate >= MAX_FALSE_HIGH or late > 0)


if __name__ == "__main__":
    sys.exit(main())
