"""A million stored observations judged by the present catalog again: seconds on two cores against the limit of ten.

Run: python tests/bench/reidentify.py [OBSERVATIONS]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

from netcam import wire
from netcam.identify import identify
from netcam.inventory import open_inventory
from netcam.model import Observation
from netcam.pipeline import Content, reidentify

LIMIT = 10.0
"""Seconds for a million observations."""
SITES = 10
OF_ONE_DEVICE = (
    "mac",
    "onvif.uuid",
    "onvif.serial",
    "sadp.DeviceSN",
    "sadp.MAC",
    "dhip.SerialNo",
    "dhip.mac",
    "ssdp.usn",
    "tls.serial",
    "upnp.serial",
)
"""What two devices never share; left out, so that a copy is a device of its own."""
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def estate(count: int) -> list[Observation]:
    """The devices of the virtual estate many times over, each with a MAC and an address of its own, at ten sites."""
    lines = (Path(__file__).resolve().parent.parent / "data" / "some.jsonl").read_bytes().splitlines()
    by_device: dict[str, list[Observation]] = {}
    for one in wire.observations(lines):
        if isinstance(one, Observation):
            by_device.setdefault(one.key, []).append(one)
    seen: list[Observation] = []
    for device, told in enumerate(cycle(by_device.values())):
        address = f"10.{device >> 16 & 255}.{device >> 8 & 255}.{device & 255}"
        mac = f"00:40:8c:{device >> 16 & 255:02x}:{device >> 8 & 255:02x}:{device & 255:02x}"
        for one in told:
            if one.field in OF_ONE_DEVICE:
                continue
            at = NOW + timedelta(milliseconds=len(seen))
            seen.append(
                replace(one, at=at, site=f"site-{device % SITES}", endpoint=address, mac=mac, device="", scan=f"run-{device % SITES}")
            )
            if len(seen) == count:
                return seen
    return seen


def used() -> float:
    """Processor seconds of this process and its children: other work on the machine does not count."""
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "estate.sqlite", Path(folder) / "cache"
        store = open_inventory(str(path), make=True)
        seen = estate(count)
        for start in range(0, len(seen), 20_000):
            store.record(seen[start : start + 20_000])
        content = Content(cache=cache)
        _ = content.matcher
        store.save_identities(None, identify(seen, content.matcher), NOW)
        print(f"{count:,} observations of {len(store.identities(evidence=False)):,} devices at {SITES} sites are stored")
        began, cpu = time.perf_counter(), used()
        changed = list(reidentify(store, content, site=None, now=NOW, keep=True, target=str(path)))
        spent = time.perf_counter() - began
        core = used() - cpu
        print(f"{count:,} observations in {spent:.1f} s, {core:.1f} s of processor time; {len(changed)} devices differ")
        print(f"on two cores of their own: {core / 2:.1f} s")
        print(f"ratio to the limit of {LIMIT * count / 1_000_000:.1f} s: {spent / (LIMIT * count / 1_000_000):.2f}")


if __name__ == "__main__":
    main()
