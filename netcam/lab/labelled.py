"""Labelled scenarios for the egress detectors: every way out on cameras of several makers, and healthy sites that look suspicious."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

import numpy as np

from netcam.egress.detect import DeviceRef, SiteRules
from netcam.egress.measure import Labelled, Truth
from netcam.flows.table import FlowTable
from netcam.lab.exfiltration import KINDS, OFFICE, STRANGER, Kind
from netcam.lab.habits import MAKERS, RESOLVER, Camera, Service, estate, normal, refs
from netcam.lab.trace import DAY, EPOCH, Trace

INTERNAL = (ip_network("10.20.0.0/16"),)
CAMERAS = 8
"""Cameras of a scenario's site besides the one that is watched."""
HISTORY = 3
"""Days of healthy life before the trouble."""
SEEDS = (11, 23)
"""Each way out is played on two sites: other makers, other rhythms."""


def scenarios(*, kinds: tuple[str, ...] | None = None) -> Iterator[Labelled]:
    """All labelled scenarios, in a fixed order; `kinds` picks some by name or by `healthy`."""
    for name, kind in KINDS.items():
        if kinds is not None and name not in kinds:
            continue
        for n, seed in enumerate(SEEDS):
            yield _attack(f"{name}-{n + 1}", kind, seed + 7 * len(name))
    for name, make in HEALTHY.items():
        if kinds is not None and "healthy" not in kinds and name not in kinds:
            continue
        yield make(name)


def _tables(trace: Trace, begin: float, end: float, step: float = 6 * 3600.0) -> Iterator[FlowTable]:
    """What the sensor sends, every `step` seconds."""
    at = begin
    while at < end:
        yield trace.table(at, min(end, at + step))
        at += step


def inventory(cameras: list[Camera]) -> Mapping[str, DeviceRef]:
    office = DeviceRef(device="office-pc", addresses=(OFFICE,), kind="computer", is_camera=False)
    return dict(refs(cameras)) | {office.device: office}


def _attack(name: str, kind: Kind, seed: int) -> Labelled:
    rng = np.random.default_rng(seed)
    trace = Trace(rng)
    offset = seed % len(MAKERS)
    makers = MAKERS[offset:] + MAKERS[:offset]
    if kind.name == "own-cloud-rise":
        makers = tuple(m for m in makers if m.services) or makers
    cameras = estate(CAMERAS + 1, rng, makers=makers)
    bad = cameras[0]
    history = max(HISTORY, kind.days)
    begins = history * DAY + 10 * 3600.0 + float(rng.uniform(0, 3600))
    end = begins + kind.lasts + 6 * 3600.0
    normal(trace, cameras, 0, int(np.ceil(end / DAY)))
    kind.make(trace, bad, begins, kind.lasts)
    truth = _truth(kind, bad, begins)
    rules = SiteRules(internal=INTERNAL, time_servers=(RESOLVER,), resolvers=(RESOLVER,))
    days = (CAMERAS + 1) * end / DAY
    return Labelled(
        name=name, tables=_tables(trace, 0, end), devices=inventory(cameras), rules=rules, truth=(truth,), camera_days=days, every=1
    )


def _truth(kind: Kind, camera: Camera, begins: float) -> Truth:
    """What is wrong with `camera` from `begins` on (seconds since EPOCH); some kinds wait for their hour."""
    first = begins
    if kind.name == "night-clip":
        first = np.floor(begins / DAY) * DAY + DAY + 2.4 * 3600
    if kind.name == "beacon-daily":
        first = np.floor(begins / DAY) * DAY + 3.3 * 3600
    return Truth(
        kind=kind.name, device=camera.ref.device, to=kind.to, classes=kind.classes, severity=kind.severity, rules=kind.rules,
        begins=int((EPOCH + first) * 1e9), hours=kind.hours,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """A healthy site."""

    days: int = 5
    cameras: int = 9
    makers: tuple[str, ...] = ()
    change: Callable[[Trace, list[Camera]], None] = lambda trace, cameras: None
    declared: tuple[str, ...] = ()
    seed: int = 5

    def __call__(self, name: str) -> Labelled:
        rng = np.random.default_rng(self.seed + len(name))
        trace = Trace(rng)
        makers = tuple(m for m in MAKERS if not self.makers or m.maker in self.makers)
        cameras = estate(self.cameras, rng, makers=makers)
        self.change(trace, cameras)
        normal(trace, cameras, 0, self.days)
        rules = SiteRules(internal=INTERNAL, declared=self.declared, time_servers=(RESOLVER,), resolvers=(RESOLVER,))
        return Labelled(
            name=name,
            tables=_tables(trace, 0, self.days * DAY),
            devices=inventory(cameras),
            rules=rules,
            camera_days=float(self.cameras * self.days),
            every=3,
        )


def _firmware_day(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        one = camera.habits.update
        if one is not None:
            trace.add(
                camera.address,
                one.address,
                one.port,
                3 * DAY + trace.rng.uniform(0, 7200),
                up=400_000,
                down=45_000_000,
                seconds=200,
                name=one.name,
                tells="tls",
            )


def _storm(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        camera.busy, camera.night, camera.subscription = 6.0, 1.0, camera.habits.store is not None


def _watched(how: str) -> Callable[[Trace, list[Camera]], None]:
    def change(trace: Trace, cameras: list[Camera]) -> None:
        for camera in cameras:
            camera.viewer = how if (camera.habits.relay if how == "relay" else camera.habits.peer_to_peer) else ""

    return change


def _rebooting(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        for service in camera.habits.services[:2]:
            at = 2 * DAY + np.sort(trace.rng.uniform(0, 6 * 3600, 40))
            trace.add(
                camera.address,
                service.address,
                service.port,
                at,
                up=1_500,
                down=2_500,
                seconds=1.5,
                name=service.name,
                proto=service.proto,
                tells=service.tells,
            )


def _installed(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras[: len(cameras) // 2]:
        camera.since = 2 * DAY + 3600.0


def _remote_recorder(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        trace.add(
            camera.address,
            "198.18.200.10",
            554,
            np.arange(5) * DAY + 600,
            up=2_000_000_000,
            down=9_000_000,
            seconds=DAY - 1200,
            tells="rtsp",
        )


def _mail(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras[:3]:
        at = np.sort(trace.rng.uniform(0, 5 * DAY, 60))
        trace.add(
            camera.address,
            "198.18.25.25",
            587,
            at,
            up=trace.rng.normal(45_000, 5_000, 60),
            down=1_800,
            seconds=3,
            name="mail.force.example",
            tells="tls",
        )


def _subscribed(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        one = camera.habits.store
        if one is not None:
            at = 3 * DAY + np.sort(trace.rng.uniform(0, 2 * DAY, 150))
            trace.add(
                camera.address,
                one.address,
                one.port,
                at,
                up=trace.rng.lognormal(np.log(700_000), 0.4, 150),
                down=9_000,
                seconds=4,
                name=one.name,
                tells="tls",
            )


def _updated(trace: Trace, cameras: list[Camera]) -> None:
    fresh = Service("fota.example-camera-updates.com", "198.18.40.4", 443, every=86400.0, up=2_000, down=5_000)
    for camera in cameras:
        camera.habits = replace(camera.habits, services=(*camera.habits.services, fresh))


def _ping_heavy(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        trace.add(
            camera.address, RESOLVER, 0, np.arange(5 * 48) * 1800.0, up=64 * 360, down=64 * 360, seconds=1790, proto="icmp", packet=64
        )


def _blocked(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        trace.add(camera.address, STRANGER, 8555, np.arange(5 * 288) * 300.0, up=0, down=0, seconds=0.1, answered=False, blocked=True)


def _visited(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        trace.add(OFFICE, camera.address, 80, np.arange(5) * DAY + 40_000.0, up=9_000, down=400_000, seconds=60, tells="http")


def _probed(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        at = np.sort(trace.rng.uniform(0, 5 * DAY, 200))
        trace.add("198.18.99.9", camera.address, 23, at, up=0, down=0, seconds=0.1, answered=False)


def _telemetry(trace: Trace, cameras: list[Camera]) -> None:
    for camera in cameras:
        at = np.arange(5 * 24) * 3600.0 + 99
        trace.add(
            camera.address,
            "198.18.44.4",
            443,
            at,
            up=trace.rng.normal(2_400, 60, len(at)),
            down=900,
            seconds=1,
            name="stats.camera-vendor.example",
            tells="tls",
        )


HEALTHY: Mapping[str, Site] = {
    **{f"healthy-{m.maker.lower().replace(' ', '-')}": Site(makers=(m.maker,), cameras=6, days=4) for m in MAKERS},
    "mixed-site": Site(cameras=24), "mixed-site-2": Site(cameras=24, seed=91), "firmware-day": Site(change=_firmware_day), "motion-storm": Site(change=_storm),
    "cloud-viewers": Site(change=_watched("relay"), cameras=12), "peer-viewers": Site(makers=("Dahua",), change=_watched("peer")),
    "reboots": Site(change=_rebooting), "new-cameras": Site(change=_installed), "remote-recorder": Site(change=_remote_recorder, declared=("198.18.200.0/24",)),
    "event-mail": Site(change=_mail, declared=("mail.force.example",)), "new-subscription": Site(change=_subscribed), "new-firmware-service": Site(change=_updated),
    "gateway-ping": Site(change=_ping_heavy), "firewalled": Site(change=_blocked), "office-visits": Site(change=_visited), "probed-from-outside": Site(change=_probed),
    "undocumented-telemetry": Site(change=_telemetry),
}  # fmt: skip
"""Sites on which nothing is wrong, each with something that looks as if."""


LEAKS = ("slow-5kB", "beacon-daily", "dns-tunnel", "dns-drip")
"""What leaks beside the healthy month: the slow ones, which a busy estate could hide."""


def month(cameras: int = 500, days: int = 30, *, seed: int = 2025, every: int = 6, leaks: tuple[str, ...] = ()) -> Labelled:
    """A month of a large healthy estate of twelve makers; beside it one further camera for each of `leaks`, from the middle on."""
    rng = np.random.default_rng(seed)
    made = estate(cameras + len(leaks), rng)
    trouble, begins = Trace(np.random.default_rng((seed, days))), (days // 2) * DAY + 10 * 3600.0
    for name, camera in zip(leaks, made[cameras:], strict=True):
        KINDS[name].make(trouble, camera, begins, KINDS[name].lasts)

    def tables() -> Iterator[FlowTable]:
        for day in range(days):
            trace = Trace(np.random.default_rng((seed, day)))  # a day at a time: a month of conversations need not stand in memory
            normal(trace, made, day, day + 1)
            end = (day + 1) * DAY + (DAY if day == days - 1 else 0)
            trace.take(trouble, day * DAY, end)
            yield from _tables(trace, day * DAY, end, DAY)

    rules = SiteRules(internal=INTERNAL, time_servers=(RESOLVER,), resolvers=(RESOLVER,))
    truth = tuple(_truth(KINDS[name], camera, begins) for name, camera in zip(leaks, made[cameras:], strict=True))
    return Labelled(
        name=f"month-{cameras}", tables=tables(), devices=inventory(made), rules=rules, truth=truth, camera_days=float(cameras * days), every=every
    )  # fmt: skip
