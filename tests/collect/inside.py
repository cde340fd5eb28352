"""Runs one sweep of the small estate inside fresh namespaces and prints what came of it: `unshare ... python inside.py JSON`."""

from __future__ import annotations

import asyncio
import ctypes
import json
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from netcam.collect import scope as scopes
from netcam.collect.gate import StopSwitch
from netcam.collect.sweep import Progress, SweepRequest, prepare, sweep
from netcam.errors import NetcamError
from netcam.lab.estate import Estate, ip
from netcam.lab.scenario import load
from netcam.model import Coverage, Observation
from tests.conditions import until

SENSOR = ip_address("10.66.0.2").packed


def said(path: Path, sensor: bytes = SENSOR) -> list[str]:
    """What the sensor sent over TCP and UDP, each payload once, as hex."""
    data, at = path.read_bytes(), 24
    found = set()
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] != b"\x08\x00" or frame[26:30] != sensor or frame[23] not in (6, 17):
            continue
        packet = frame[14 : 14 + struct.unpack_from(">H", frame, 16)[0]]
        head = (packet[0] & 15) * 4
        payload = packet[head + (8 if packet[9] == 17 else (packet[head + 12] >> 4) * 4) :]
        if payload:
            found.add(payload.hex())
    return sorted(found)


def frames_to(path: Path) -> dict[str, dict[str, int]]:
    """Of the capture: frames from the sensor by destination address, as unicast, and TCP/UDP destination ports."""
    data, at = path.read_bytes(), 24
    to: Counter[str] = Counter()
    ports: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\x00" and frame[26:30] == SENSOR:
            where = str(ip_address(frame[30:34]))
            to[where] += 1
            head = 14 + (frame[14] & 15) * 4
            ports[str(struct.unpack_from(">H", frame, head + 2)[0])] += frame[23] in (6, 17)
        elif frame[12:14] == b"\x08\x06" and frame[28:32] == SENSOR and frame[21] == 1:
            asked[str(ip_address(frame[38:42]))] += 1
    return {"to": dict(to), "ports": dict(ports), "arp": dict(asked)}


def six(pid: int) -> None:
    """Give the sensor, one device and a new one that has no IPv4 address IPv6, with a web server on the new one."""
    (Path("/proc/sys/net/ipv6/conf/br-lab/disable_ipv6")).write_text("0")
    ip("addr add fd66::2/64 dev br-lab nodad\n")
    script = f"""
        set -e
        echo 0 > /proc/sys/net/ipv6/conf/d0/disable_ipv6
        ip link add link eth0 name d99 address 02:66:00:00:00:99 type macvlan mode bridge
        echo 0 > /proc/sys/net/ipv6/conf/d99/disable_ipv6
        for link in d0 d99; do echo 0 > /proc/sys/net/ipv6/conf/$link/accept_dad; done
        ip link set d99 up
        ip addr add fd66::99/64 dev d99 nodad
        exec {sys.executable} -m http.server --bind fd66::99 80
    """
    subprocess.Popen(["nsenter", "-t", str(pid), "-n", "sh", "-c", script], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    bound = ip_address("fd66::99").packed
    there = "".join(f"{int.from_bytes(bound[k : k + 4], sys.byteorder):08X}" for k in range(0, 16, 4)) + ":0050"
    until(lambda: there in Path(f"/proc/{pid}/net/tcp6").read_text(), "the web server on IPv6 listens")


def in_a_while(seconds: float, action: Callable[[], None]) -> None:
    """Call `action` in `seconds`, in a thread that does not hold the process up."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


def give_up_raw() -> None:
    """Take CAP_NET_RAW out of the bounding set, so that the link helper starts without it (capabilities(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(24, 13, 0, 0, 0) == 0  # PR_CAPBSET_DROP, CAP_NET_RAW


def answered(path: Path) -> bool:
    """Whether in the capture a device sent the sensor something over TCP."""
    data, at = path.read_bytes(), 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\x00" and frame[30:34] == SENSOR and frame[23] == 6:
            head = 14 + (frame[14] & 15) * 4
            if 14 + struct.unpack_from(">H", frame, 16)[0] > head + (frame[head + 12] >> 4) * 4:
                return True
    return False


def cut_off(pcap: Path) -> None:
    """Take the bridge port of the devices down after the first answer came: the device has died."""
    while not answered(pcap):
        time.sleep(0.05)
    ip("link set lab0 down\n")


def main() -> None:
    told: dict[str, Any] = json.loads(sys.argv[1])
    here = Path(__file__).parent
    folder = Path(told["folder"])
    pcap = folder / "wire.pcap"
    seen: list[Observation] = []
    covered: list[Coverage] = []
    scope = None
    if told.get("scope"):
        path = folder / "scope.toml"
        path.write_text(told["scope"])
        scope = scopes.load(path, now=datetime.now(UTC))  # noqa: TID251 - real runs against real packets
        if told.get("closes_after"):
            scope = replace(scope, until=datetime.now(UTC) + timedelta(seconds=told["closes_after"]))  # noqa: TID251 - as above
    stop = StopSwitch()
    result: dict[str, Any] = {}

    def keep(raw: bytes) -> str:
        return sha256(raw).hexdigest()

    with Estate(load(str(here / "small.yaml")), traffic=False, pcap=pcap) as estate:
        if told.get("commands"):
            ip(told["commands"])
        if told.get("six"):
            six(estate._children[0].pid)
        request = SweepRequest(
            site="hq", sensor="s", scan=told.get("scan", "one"), targets=tuple(told.get("targets", ())), scope=scope,
            profile=told.get("profile", "polite"), interfaces=tuple(told.get("interfaces", ())), done=frozenset(told.get("done", ())),
            state_dir=folder / "state", excluded=told.get("excluded", {}),
        )  # fmt: skip
        plan = prepare(request)
        if told.get("codecs") is not None:
            plan = replace(
                plan,
                conversations=tuple(c for c in plan.conversations if c.name in told["codecs"]),
                discoveries=tuple(d for d in plan.discoveries if d.name in told["codecs"]),
                paths=(),
            )
        if told.get("without_raw"):
            give_up_raw()
        if told.get("dies_after_first_answer"):
            threading.Thread(target=cut_off, args=(pcap,), daemon=True).start()
        stopped_at: list[float] = []
        lag: list[float] = [0.0]

        def later() -> None:
            stopped_at.append(time.monotonic())
            stop.set()
            while True:  # how late this machine wakes who sleeps, which is no fault of the switch
                begin = time.monotonic()
                time.sleep(0.02)
                lag[0] += max(0.0, time.monotonic() - begin - 0.03)

        def progress(now: Progress) -> None:
            if now.phase == told.get("stop_phase") and now.done == 0:
                in_a_while(told["stop_after"], later)
            if now.phase == told.get("plugged_in_when") and now.done == 0:
                ip("link set lab0 up\n")

        def after_arp() -> None:
            # many runs share the machine: the helper may take seconds to start
            while not frames_to(pcap)["arp"]:
                time.sleep(0.1)
            in_a_while(told["stop_after"], later)

        if told.get("stop_after") and not told.get("stop_phase"):
            threading.Thread(target=after_arp, daemon=True).start()

        async def run() -> Any:
            first = asyncio.ensure_future(sweep(plan, record=seen.extend, cover=covered.append, keep=keep, progress=progress, stop=stop))
            if told.get("second"):
                await asyncio.sleep(0.3)
                try:
                    await sweep(plan, record=seen.extend, cover=covered.append, keep=keep, progress=lambda _: None, stop=StopSwitch())
                except NetcamError as error:
                    result["second"] = str(error)
            return await first

        begin = time.monotonic()
        scan = asyncio.run(run())
        result["seconds"] = time.monotonic() - begin
        result["stop_seconds"] = time.monotonic() - stopped_at[0] - lag[0] if stopped_at else None
        time.sleep(0.3)
        result["tripped"] = estate.tripped()
    audit = (folder / "state" / "audit" / f"{request.scan}.jsonl").read_text().splitlines()
    result |= {
        "status": scan.status, "totals": dict(scan.totals), "notes": list(scan.notes), "wire": frames_to(pcap), "said": said(pcap),
        "coverage": {c.address: [c.state.value, c.reason] for c in covered}, "coverage_lines": len(covered),
        "observations": [[o.address, o.mac, o.via, o.field, o.value[:300]] for o in seen], "audit": audit,
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
