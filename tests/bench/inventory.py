"""Rates of the SQLite inventory: `python tests/bench/inventory.py [--scale 1,4,16]` writes one JSON line a scale, and one of retention.

Scale 16 is a million observations of 100,000 devices; 1 and 4 show the slope. Retention works on `--retain` observations (a million),
of which nine in ten repeat earlier ones; its seconds stand beside those of recording the same, its memory beside that of opening the store. `cpu_` figures count this process's processor
time alone, for a machine that does other work besides.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from netcam.inventory.diff import diff
from netcam.inventory.retention import Policy
from netcam.inventory.sql import SqlInventory
from netcam.model import Claim, Coverage, CoverageState, Identity, Observation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICES = 6_250
OBSERVATIONS_EACH = 10
MOST = 20_000
"""Devices above which a list is asked for page by page, as nobody reads it whole."""
PAGE, RUNS = 1_000, 9
MAKERS = ("hikvision", "dahua", "axis", "hanwha", "bosch", "uniview", "vivotek", "tiandy")
FIELDS = ("http.server", "http.title", "http.realm", "onvif.scope.hardware", "onvif.scope.name", "rtsp.server", "tls.subject", "port.open")


def address(n):
    return f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def mac(n):
    return f"44:19:b6:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"


def site(n):
    return f"site-{n // 500:03d}"


def seen(n, k):
    field = FIELDS[k % len(FIELDS)]
    return Observation(
        field=field, value=f"{MAKERS[n % 8]} DS-2CD{n % 97}-{k} build {n % 31}", at=NOON + timedelta(microseconds=n * 16 + k), site=site(n),
        sensor="s1", endpoint=f"{address(n)}:80", mac=mac(n), via="http", scan="scan-1",
    )  # fmt: skip


def identity(n):
    maker = MAKERS[n % 8]
    claims = tuple(
        Claim(slot=slot, value=maker, weight=0.9 - k / 10, by=f"{maker}/rule-{k}", origin="web", because=(seen(n, k),))
        for k, slot in enumerate(("maker", "brand", "model", "kind"))
    )
    slots = {"kind": "camera", "brand": maker, "maker": maker, "model": f"M{n % 97}", "firmware": f"5.{n % 31}"}
    return Identity(
        device=mac(n),
        site=site(n), slots=slots, confidence=dict.fromkeys(slots, 0.93), because=claims, addresses=(address(n),),
        macs=(mac(n),),
        catalog="c" * 64,
    )  # fmt: skip


class Spent(float):
    """Seconds of the clock, with the processor's beside."""

    cpu: float


def timed(work):
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    spent = Spent(time.perf_counter() - start)
    spent.cpu = max(1e-9, time.process_time() - cpu)
    return spent, result


def record(store, devices):
    """Rates of recording new observations, and a tenth of them again."""
    everything = [seen(n, k) for n in range(devices) for k in range(OBSERVATIONS_EACH)]
    spent, new = timed(lambda: store.record(everything))
    assert new == len(everything)
    told = {"observations_per_second": round(new / spent), "cpu_observations_per_second": round(new / spent.cpu)}
    spent, new = timed(lambda: store.record(everything[: len(everything) // 10]))
    assert new == 0
    return told | {"repeats_per_second": round(len(everything) // 10 / spent)}


def lists(store, devices):
    """Milliseconds at the median of every pair of filters: the whole list, or of what is most of an estate its first page with the count."""
    one = identity(devices // 2 // 8 * 8 + 2)
    filters = {name: {"slots": {name: one.slots[name]}} for name in ("kind", "brand", "maker", "model", "firmware")}
    filters |= {"serial": {"slots": {"serial": "none"}}, "camera": {"camera": True}, "site": {"site": one.site}}
    told = {}
    for a, b in itertools.combinations(filters, 2):
        wanted = {**filters[a], **filters[b], "slots": {**filters[a].get("slots", {}), **filters[b].get("slots", {})}}
        count = store.count_devices(**wanted)
        if count > MOST:
            spans = [timed(lambda wanted=wanted: (store.count_devices(**wanted), store.devices(**wanted, limit=PAGE))) for _ in range(RUNS)]
        else:
            spans = [timed(lambda wanted=wanted: store.devices(**wanted)) for _ in range(RUNS)]
            assert len(spans[0][1]) == count
        cpu, wall = (round(statistics.median(some) * 1000, 1) for some in ([s.cpu for s, _ in spans], [s for s, _ in spans]))
        told[f"{a}+{b}"] = {"rows": count, "paged": count > MOST, "ms": wall, "cpu_ms": cpu}
    three = {"camera": True, "slots": {"kind": "camera", "maker": one.slots["maker"]}}
    spans = [timed(lambda: store.devices(**three)) for _ in range(RUNS)]
    cpu, wall = (round(statistics.median(some) * 1000, 1) for some in ([s.cpu for s, _ in spans], [s for s, _ in spans]))
    told["camera+kind+maker"] = {"rows": len(spans[0][1]), "paged": False, "ms": wall, "cpu_ms": cpu}
    return {"lists": told, "slowest_list_ms": max(one["ms"] for one in told.values()), "limit_ms": 200}


def run(scale, folder):
    """Measure one scale; returns the numbers, seconds unless the name says otherwise."""
    devices = DEVICES * scale
    path = Path(folder) / f"bench-{scale}.sqlite"
    store = SqlInventory(path)
    told = {"scale": scale, "devices": devices, "observations": devices * OBSERVATIONS_EACH}
    told |= record(store, devices)
    first = [identity(n) for n in range(devices)]
    spent, _ = timed(lambda: store.save_identities("scan-1", first, NOON))
    told["identities_per_second"], told["cpu_identities_per_second"] = round(devices / spent), round(devices / spent.cpu)
    second = [replace(i, slots={**i.slots, "firmware": "9"}) if n % 10 == 0 else i for n, i in enumerate(first) if n % 100]
    spent, _ = timed(lambda: store.save_identities("scan-2", second, NOON + timedelta(days=7)))
    told["identities_again_per_second"] = round(len(second) / spent)
    lines = [Coverage(address=address(n), state=CoverageState.ANSWERED) for n in range(devices)]
    spent, _ = timed(lambda: store.cover("scan-2", lines))
    told["coverage_per_second"] = round(devices / spent)
    told |= lists(store, devices)
    told["list_all_s"] = round(timed(store.devices)[0], 3)
    told["seen_until_s"] = round(timed(lambda: store.seen_until(NOON))[0], 3)
    told["as_of_s"] = round(timed(lambda: store.identities(NOON, evidence=False))[0], 3)

    def compare():
        before, after = store.identities(scan="scan-1", evidence=False), store.identities(scan="scan-2", evidence=False)
        return diff(before, after, coverage_after=store.coverage("scan-2"))

    spent, changes = timed(compare)
    told["diff_with_reading_s"], told["cpu_diff_with_reading_s"] = round(spent, 3), round(spent.cpu, 3)
    spent, again = timed(lambda: diff(first, second, coverage_after=lines))
    assert again == changes
    told["diff_s"], told["changes"] = round(spent, 3), len(changes)
    told["read_with_evidence_per_second"] = round(devices / timed(store.identities)[0])
    spent, damages = timed(store.verify)
    assert damages == []
    told["verify_chain_s"], told["cpu_verify_chain_s"] = round(spent, 3), round(spent.cpu, 3)
    store.close()
    told["bytes_per_observation_with_all"] = round(path.stat().st_size / told["observations"])
    path.unlink()
    return told


RUNS_KEPT, DAYS_APART = 10, 30
"""Sightings of each fact in the store that retention thins out, and how many days lie between two."""


def retention(observations, folder):
    """Seconds and peak memory of a dry run and of a removal, each in a process of its own, as `netcam inventory retain` is."""
    path = Path(folder) / "retain" / "inventory.sqlite"
    store = SqlInventory(path)
    devices = observations // OBSERVATIONS_EACH // RUNS_KEPT
    first = [identity(n) for n in range(devices)]
    recorded = 0.0
    for night in range(RUNS_KEPT):
        later = timedelta(days=night * DAYS_APART)
        some = [
            replace(seen(n, k), at=seen(n, k).at + later, scan=f"scan-{night}") for n in range(devices) for k in range(OBSERVATIONS_EACH)
        ]
        recorded += timed(lambda some=some: store.record(some))[0]
        store.save_identities(f"scan-{night}", first, NOON + later)
    store.close()
    told = {"retained_of": observations, "record_s": round(recorded, 2), "bytes": path.stat().st_size}
    for name, words in (("opening", "nothing"), ("dry_run", "dry"), ("removal", "remove"), ("again", "remove")):
        run = subprocess.run([sys.executable, __file__, "--retain-step", words, str(path)], capture_output=True, text=True, check=True)
        told[name] = json.loads(run.stdout)
    assert told["dry_run"]["observations"] == told["removal"]["observations"] > observations // 2
    assert told["again"]["observations"] == 0
    told["removal_to_record"] = round(told["removal"]["s"] / recorded, 2)
    return told


def retain_step(what, path):
    """One step of `retention`: seconds, peak memory in MB, what went."""
    store = SqlInventory(path)
    told = {}
    if what != "nothing":
        now = NOON + timedelta(days=RUNS_KEPT * DAYS_APART)
        spent, gone = timed(lambda: store.retain(Policy(), now, by="bench", dry_run=what == "dry"))
        told = {"s": round(spent, 2), "cpu_s": round(spent.cpu, 2), "observations": gone.observations, "identities": gone.identities}
        told["megabytes_after"] = gone.bytes_after >> 20
    store.close()
    # not ru_maxrss, which begins with what the parent had
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return told | {"peak_mb": int(status["VmHWM"].split()[0]) >> 10}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="1,4,16")
    parser.add_argument("--folder", default=None, help="where the store is made; default: a temporary folder")
    parser.add_argument("--retain", type=int, default=1_000_000, help="observations of the store that retention thins out; 0: none")
    parser.add_argument("--retain-step", nargs=2, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.retain_step:
        sys.stdout.write(json.dumps(retain_step(*given.retain_step)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for scale in filter(None, given.scale.split(",")):
            sys.stdout.write(json.dumps(run(int(scale), folder)) + "\n")
            sys.stdout.flush()
        if given.retain:
            sys.stdout.write(json.dumps(retention(given.retain, folder)) + "\n")


if __name__ == "__main__":
    main()
