"""The judge at work: flows a second through join, ledger and all detectors, and the memory of a month of state.

Usage: detect.py [CAMERAS] [DAYS]. The flows are made here, a day at a time (not timed). The limit named in the output is the rate at which
1,000 such cameras send flows: the ratio says how many thousand cameras one core can judge, every hour over a rolling day.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from netcam.catalog import destinations
from netcam.egress.detect import Explainer, SiteRules, Stream, over, run
from netcam.egress.registry import detectors
from netcam.lab.habits import estate, normal
from netcam.lab.labelled import INTERNAL, inventory
from netcam.lab.trace import DAY, Trace


def main() -> None:
    cameras = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    known = destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")
    rng = np.random.default_rng(1)
    made = estate(cameras, rng)
    devices = inventory(made)
    stream, explainer = Stream(site="bench", internal=INTERNAL), Explainer(known, SiteRules(internal=INTERNAL))
    flows, judged, joined, closed, windows = 0, 0.0, 0.0, 0.0, 0
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for day in range(days):
        trace = Trace(np.random.default_rng((1, day)))
        normal(trace, made, day, day + 1)
        table = trace.table(day * DAY, (day + 1) * DAY)
        flows += len(table)
        began = time.perf_counter()
        stream.add(table, devices)
        joined += time.perf_counter() - began
        began = time.perf_counter()
        for _ in run(stream, explainer):
            windows += 1
        judged += time.perf_counter() - began
    began = time.perf_counter()
    over(stream, explainer, stream.closed)
    once = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        stream.save(Path(folder) / "state")
        closed = time.perf_counter() - began
        size = (Path(folder) / "state").stat().st_size / 1e6
    total = joined + judged
    thousand = 1000 / cameras
    need = flows * thousand / (days * DAY)
    print(f"{cameras} cameras, {days} days, {flows} flows, {windows} hourly windows, {len(detectors())} detectors")
    print(
        f"{flows / total:,.0f} flows/s through join, ledger and all detectors (join alone {flows / joined:,.0f}); one window {judged / max(windows, 1) * 1000:.0f} ms"
    )
    day_flows = flows / days
    print(f"{day_flows / (once + joined / days):,.0f} flows/s where a day is judged once, as egress analyse does")
    print(
        f"1,000 cameras send {need:.1f} flows/s: ratio {flows / total / need:,.0f}; CPU of 1,000 cameras {100 * need * total / flows:.2f} % of one core"
    )
    print(
        f"state {stream.ledger.bytes() * thousand / 1e6:.0f} MB in memory and {size * thousand:.0f} MB on disk per 1,000 cameras for {min(days, 30)} days "
        f"(saved in {closed:.2f} s); process peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB, {base} MB before"
    )


if __name__ == "__main__":
    main()
