"""Kills a process with SIGKILL at random moments of its work on the inventory, and holds what is left against what was acknowledged.

`python -m tests.inventory.kill_points --points 100 --seed 1 [MODE ...]` prints one JSON line a mode.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from netcam.collect.importers import source
from netcam.identify.correlate import correlate, correlate_sightings
from netcam.inventory import engine, folded, migrations, signing
from netcam.inventory.retention import Policy
from netcam.inventory.sql import SqlInventory
from netcam.model import Claim, Coverage, CoverageState, Finding, Identity, Observation, ScanRecord, Site
from netcam.pipeline import Content, judge, store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SITE = Site(id="hq")
HOSTS = 40


class Loss(AssertionError):
    """Something acknowledged is gone, doubled, or the chain does not hold."""


def demand(truth, what):
    if not truth:
        raise Loss(what)


def opened(path):
    store_ = SqlInventory(path)
    store_.check()
    demand(not (told := store_.verify()), f"the chain does not hold: {told[:3]}")
    demand(not (told := list(signing.check(store_))), f"a signed root does not hold: {told[:3]}")
    whole = correlate(store_.observations(site="hq"))
    short = correlate_sightings(folded.sightings(store_, "hq"))
    demand(short.devices() == whole.devices(), "what is kept in short tells other devices than everything that is kept")
    return store_


def seen(n, k, *, scan="s1", at=NOON):
    fields = ("http.server", "http.title", "sadp.DeviceSN", "mac", "rtsp.server")
    values = ("App-webs/", f"page {n}", f"DS-2CD2042WD-I2016{n:07}AAWR", f"44:19:b6:00:00:{n:02x}", "Rtsp/1.0")
    return Observation(
        field=fields[k], value=values[k], at=at, site="hq", sensor="s", endpoint=f"10.0.0.{n}:80", mac=f"44:19:b6:00:00:{n:02x}", via="http", scan=scan
    )  # fmt: skip


class Ingest:
    """A hub that takes batches of sensors, some of them twice."""

    def __init__(self, folder):
        self.path = folder / "ingest.sqlite"

    def fresh(self):
        remove(self.path)

    def work(self, acknowledge):
        held = SqlInventory(self.path)
        for n in range(60):
            batch = [Observation(field="f", value=f"{n}-{k}", at=NOON, site="hq", endpoint="10.0.0.1") for k in range(8)]
            held.record(batch)
            held.record(batch[:3])
            held.keep(b"raw %d" % n)
            held.save_identities(f"s{n}", [Identity(device="d", site="hq", slots={"model": str(n)})], NOON + timedelta(seconds=n))
            held.save_findings(
                f"s{n}", [Finding(rule="r", kind="policy", device="d", site="hq", title=str(n))], NOON + timedelta(seconds=n)
            )
            held.act("note", b"%d" % n, NOON, by="jo")
            acknowledge(n)
        held.close()

    def check(self, acknowledged):
        held = opened(self.path)
        values = [o.value for o in held.observations()]
        demand(len(values) == len(set(values)), "an observation stands twice")
        demand(set(values) >= {f"{n}-{k}" for n in acknowledged for k in range(8)}, "an observation is gone")
        models = [v.identity.get("model") for v in held.history("d")]
        demand(len(models) == len(set(models)), "an identity stands twice")
        demand(set(models) >= {str(n) for n in acknowledged}, "an identity is gone")
        notes = [a.body for a in held.actions(kind="note")]
        demand(len(notes) == len(set(notes)), "an action stands twice")
        demand(set(notes) >= {b"%d" % n for n in acknowledged}, "an action is gone")
        held.close()

    def finish(self):
        self.work(lambda n: None)
        held = opened(self.path)
        demand(len(list(held.observations())) == 480, "repeats after the kill were doubled or lost")
        held.close()


class Scan:
    """A sweep as the pipeline records it, with its judgement at the end; resumed after the kill."""

    def __init__(self, folder):
        self.path, self.content = folder / "scan.sqlite", Content()
        _ = self.content.matcher, self.content.policies, self.content.families, self.content.advisories

    def fresh(self):
        remove(self.path)

    def work(self, acknowledge):
        held = SqlInventory(self.path)
        if not any(s.id == "s1" for s in held.scans()):
            held.save_scan(ScanRecord(id="s1", site="hq", started=NOON))
        done = held.finished("s1")
        for n in range(HOSTS):
            if f"10.0.0.{n}" in done:
                continue
            raw = held.keep(b"answer of %d" % n)
            held.record(replace(seen(n, k), raw=raw) for k in range(5))
            held.cover("s1", [Coverage(address=f"10.0.0.{n}", state=CoverageState.ANSWERED)])
            acknowledge(n)
        held.save_scan(ScanRecord(id="s1", site="hq", started=NOON, finished=NOON, status="complete"))
        store(held, "s1", judge(held.observations(scan="s1"), self.content, SITE, NOON, inventory=held), NOON)
        acknowledge("judged")
        held.close()

    def check(self, acknowledged):
        held = opened(self.path)
        everything = list(held.observations())
        demand(len(everything) == len(set(everything)), "an observation stands twice")
        hosts = {n for n in acknowledged if n != "judged"}
        demand(set(held.finished("s1")) >= {f"10.0.0.{n}" for n in hosts}, "coverage is gone")
        for n in hosts:
            mine = [o for o in everything if o.address == f"10.0.0.{n}"]
            demand(len(mine) == 5, f"host {n} has {len(mine)} observations")
            demand(all(held.raw(o.raw) == b"answer of %d" % n for o in mine), "a raw answer is gone")
        if "judged" in acknowledged:
            demand(len(held.identities()) == HOSTS, "identities are gone")
        held.close()

    def finish(self):
        self.work(lambda n: None)
        held = opened(self.path)
        demand(len(list(held.observations())) == HOSTS * 5, "the resumed scan lost or doubled something")
        demand(len(held.identities()) == HOSTS == len(held.devices()), "the resumed scan has other devices")
        demand(all(len(held.history(i.device)) == 1 for i in held.identities()), "an identity stands twice")
        held.close()


class Import:
    """A file of another program, read by its importer and judged; begun anew after the kill."""

    def __init__(self, folder):
        self.path, self.file = folder / "import.sqlite", folder / "observations.jsonl"
        lines = [
            {"endpoint": f"10.0.{n // 200}.{n % 200}:80", "field": f, "value": f"{v} {n}", "at": "2026-03-01T12:00:00Z"}
            for n in range(400) for f, v in (("http.server", "App-webs/"), ("http.title", "page"), ("rtsp.server", "Rtsp"))
        ]  # fmt: skip
        self.file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.count = len(lines)

    def fresh(self):
        remove(self.path)

    def work(self, acknowledge):
        held = SqlInventory(self.path)
        batch = []
        read = source.read(self.file, wanted=None, columns={}, site="hq", scan="import-1", now=NOON + timedelta(days=1), problems=[])
        for n, one in enumerate(read, 1):
            batch.append(one)
            if len(batch) == 100:
                held.record(batch)
                batch = []
                acknowledge(n)
        held.record(batch)
        held.close()

    def check(self, acknowledged):
        held = opened(self.path)
        everything = list(held.observations())
        demand(len(everything) == len(set(everything)), "an observation stands twice")
        demand(len(everything) >= max(acknowledged, default=0), "an acknowledged batch is gone")
        held.close()

    def finish(self):
        self.work(lambda n: None)
        held = opened(self.path)
        demand(len(list(held.observations())) == self.count, "the second import lost or doubled something")
        held.close()


class Migration:
    """A store of the first schema with some thousand records, brought to the present one."""

    def __init__(self, folder):
        self.path, self.old = folder / "migration.sqlite", folder / "old.sqlite"
        made, _, _ = engine.create(self.old)
        with made.connect().execution_options(netcam_write=True) as connection, connection.begin():
            migrations.upgrade(connection, "0001")
            rows = [
                {"digest": os.urandom(16), "field": "f", "value": f"v{n}", "at": n, "site": "hq", "sensor": "", "endpoint": "", "mac": "", "via": "",
                 "device": "", "scan": "", "raw": "", "key": "", "address": ""} for n in range(8000)
            ]  # fmt: skip
            from netcam.inventory import schema
            from netcam.inventory.packing import instant, observation_digest

            for row in rows:
                row["digest"] = observation_digest(Observation(field="f", value=row["value"], at=instant(row["at"]), site="hq"))[:16]
            connection.execute(schema.observation.insert(), rows)
        made.dispose()

    def fresh(self):
        remove(self.path)
        shutil.copy(self.old, self.path)

    def work(self, acknowledge):
        SqlInventory(self.path).close()
        acknowledge(1)

    def check(self, acknowledged):
        held = opened(self.path)
        demand(len(list(held.observations())) == 8000, "an observation is gone")
        demand(sum(e.count for e in held.entries()) == 8000, "the chain does not hold everything")
        held.close()

    def finish(self):
        pass


class Retention:
    """Forty weeks of an estate, thinned out; gone on with after the kill."""

    def __init__(self, folder):
        self.path, self.whole = folder / "retention.sqlite", folder / "whole.sqlite"
        held = SqlInventory(self.whole)
        for week in range(40):
            at, scan = NOON + timedelta(weeks=week), f"s{week}"
            some = [replace(seen(n, k, scan=scan, at=at), raw=held.keep(b"%d" % week)) for n in range(20) for k in (0, 3, 4)]
            held.record(some)
            claim = Claim(slot="kind", value="camera", weight=0.9, by="b", because=(some[0],))
            phone = Identity(device="da:a1:19:00:00:01", site="hq", macs=("da:a1:19:00:00:01",))
            held.save_identities(
                scan, [Identity(device="d", site="hq", slots={"kind": "camera"}, because=(claim,)), *([phone] if week < 3 else [])], at
            )
            if week < 3:
                held.record([Observation(field="mac", value=phone.device, mac=phone.device, at=at, site="hq", scan=scan)])
        held.close()
        self.now = NOON + timedelta(weeks=40)
        self.fresh()
        self.work(lambda n: None)
        done = opened(self.path)
        self.left = set(done.observations())
        done.close()

    def fresh(self):
        remove(self.path)
        shutil.copy(self.whole, self.path)

    def work(self, acknowledge):
        held = SqlInventory(self.path)
        held.retain(Policy(), self.now, by="jo")
        acknowledge(1)
        held.close()

    def check(self, acknowledged):
        held = opened(self.path)
        demand(set(held.observations()) >= self.left, "something went that the policy keeps")
        demand(not acknowledged or set(held.observations()) == self.left, "something stayed after it was done")
        demand(held.identities()[0] is not None, "identities are gone")
        held.close()

    def finish(self):
        self.work(lambda n: None)
        held = opened(self.path)
        demand(set(held.observations()) == self.left, "the run after the kill left something else")
        demand([i.device[:6] for i in held.identities()] == ["d", "hashed"], "people's devices are not hashed once")
        held.close()


MODES = {"ingest": Ingest, "scan": Scan, "import": Import, "migration": Migration, "retention": Retention}


def remove(path):
    for left in path.parent.glob(path.name + "*"):
        left.unlink()


def child(mode, pipe):
    """Do the work in this forked process and write each acknowledgement to the pipe."""
    code = 1
    try:
        mode.work(lambda what: os.write(pipe, json.dumps(what).encode() + b"\n"))
        code = 0
    finally:
        os._exit(code)


def once(mode, delay):
    """One kill after `delay` seconds; returns what was acknowledged before, and whether the work had ended already."""
    mode.fresh()
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        child(mode, write)
    os.close(write)
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    told = b""
    while select.select([read], [], [], 1)[0] and (some := os.read(read, 65536)):
        told += some
    os.close(read)
    demand(os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work failed by itself")
    return {json.loads(line) for line in told.splitlines(keepends=True) if line.endswith(b"\n")}, not os.WIFSIGNALED(status)


def timed(mode):
    """Seconds that the work takes unharmed."""
    mode.fresh()
    start = time.perf_counter()
    mode.work(lambda what: None)
    return time.perf_counter() - start


def run(name, points, seed):
    """Kill one mode's work at so many points; returns what was seen. Raises Loss."""
    dice = random.Random(f"{name}-{seed}")
    with tempfile.TemporaryDirectory() as folder:
        mode = MODES[name](Path(folder))
        timed(mode)  # the first time loads modules
        length = timed(mode)
        tries = killed = acknowledged = 0
        while killed < points:
            tries += 1
            demand(tries < 5 * points + 20, "the work is over before it can be killed")
            told, over = once(mode, dice.uniform(0, length))
            killed += not over
            acknowledged += len(told)
            mode.check(told)
            mode.finish()
    return {
        "mode": name,
        "points": points,
        "tries": tries,
        "acknowledged": acknowledged,
        "lost": 0,
        "doubled": 0,
        "length_s": round(length, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modes", nargs="*", default=list(MODES))
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    for name in given.modes:
        sys.stdout.write(json.dumps(run(name, given.points, given.seed)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
