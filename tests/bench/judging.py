"""What a run waits for before it is judged: `python tests/bench/judging.py [OBSERVATIONS]`, at one site, 38 of each device a weekly run.

Prints the time in which the site's devices are told after one more run, beside that of reading everything that was ever seen there.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from netcam.identify import correlate
from netcam.inventory import corrections, open_inventory
from netcam.model import Observation
from netcam.model.collector import paused
from netcam.pipeline import known_devices

BEGAN = datetime(2025, 3, 3, 2, tzinfo=UTC)
DEVICES = 300
TELLING = (("onvif.serial", "DS-2CD20160101AAWR{n:05}"), ("onvif.model", "DS-2CD2143G2"), ("mac", "44:19:b6:00:{a:02x}:{b:02x}"))
FIELDS = [f"http.header.x{k}" for k in range(35)]


def run(week: int) -> list[Observation]:
    """What one weekly run sees."""
    told = []
    for n in range(DEVICES):
        a, b = divmod(n, 256)
        facts = [(field, text.format(n=n, a=a, b=b)) for field, text in TELLING] + [(field, f"{field} of {n % 9}") for field in FIELDS]
        for k, (field, value) in enumerate(facts):
            at = BEGAN + timedelta(weeks=week, seconds=n, milliseconds=k)
            told.append(
                Observation(
                    field=field,
                    value=value,
                    at=at,
                    site="hq",
                    sensor="s",
                    endpoint=f"10.0.{a}.{b}:80",
                    mac=f"44:19:b6:00:{a:02x}:{b:02x}",
                    via="http",
                    scan=f"run-{week}",
                )
            )
    return told


def main() -> None:
    """Print one JSON line."""
    weeks = (int(sys.argv[1]) if len(sys.argv) > 1 else 600_000) // (DEVICES * 38)
    with tempfile.TemporaryDirectory() as folder:
        store = open_inventory(str(Path(folder) / "estate.sqlite"))
        holds = corrections.read(store)
        for week in range(weeks):
            store.record(run(week))
        start = time.process_time()
        known_devices(store, ["hq"], holds)
        first = time.process_time() - start
        newest = run(weeks)
        store.record(newest)
        start = time.process_time()
        short = known_devices(store, ["hq"], holds)
        spent = time.process_time() - start
        start = time.process_time()
        with paused():
            whole = correlate(list(store.observations(site="hq")), holds.ties)
        plain = time.process_time() - start
        assert all(short.device_of(one) == whole.device_of(one) for one in newest)
        assert short.devices() == whole.devices()
        told = {
            "observations": (weeks + 1) * DEVICES * 38,
            "runs": weeks + 1,
            "cpu_s": round(spent, 2),
            "reading_everything_cpu_s": round(plain, 2),
        }
        sys.stdout.write(json.dumps(told | {"first_time_cpu_s": round(first, 2), "times_faster": round(plain / spent, 1)}) + "\n")


if __name__ == "__main__":
    main()
