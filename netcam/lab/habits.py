"""What healthy cameras of twelve makers do all day and all night: recording, keeping in touch, time, updates, motion, viewers, reboots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from netcam.egress.join import DeviceRef
from netcam.lab.trace import DAY, Array, Trace

RESOLVER = "10.20.0.1"
"""The site's router, resolver and time server."""
RECORDER = "10.20.0.10"


@dataclass(frozen=True, slots=True)
class Service:
    """One thing a maker's cameras keep in touch with."""

    name: str
    address: str
    port: int
    proto: str = "tcp"
    every: float = 0.0
    """Seconds between contacts; 0: one connection that stays open."""
    up: float = 200
    down: float = 120
    jitter: float = 0.05
    tells: str = "tls"


@dataclass(frozen=True, slots=True)
class Habits:
    """A maker's cameras as they behave. Names are those of fingerprints/destinations, where the maker has any."""

    maker: str
    models: tuple[str, ...]
    firmware: tuple[str, ...]
    services: tuple[Service, ...] = ()
    push: Service | None = None
    """Called at motion."""
    store: Service | None = None
    """Takes pictures or clips at motion, for the share of cameras with a subscription."""
    clip_bytes: float = 60_000
    relay: Service | None = None
    """Carries a viewer's live picture."""
    update: Service | None = None
    peer_to_peer: str = ""
    """Payload mark of the maker's peer-to-peer, where viewers use it."""
    time: str = ""
    """Name of the time server; empty: the site's own."""
    resolvers: tuple[str, ...] = ()
    """Hard-coded ones."""
    ping: bool = False


MAKERS: tuple[Habits, ...] = (
    Habits(
        "Hikvision", ("DS-2CD2143G2-I", "DS-2CD2347G2-LU", "DS-2DE4425IW"), ("V5.7.1", "V5.7.3"),
        services=(Service("litedev.hik-connect.com", "203.0.113.11", 8666, every=1800), Service("dev.hik-connect.com", "203.0.113.12", 8555)),
        push=Service("alarmeu.ezvizlife.com", "203.0.113.20", 443), store=Service("alarm.eu.s3.amazonaws.com", "203.0.113.30", 443),
        relay=Service("eu.hik-connect.com", "203.0.113.13", 443), time="time.ys7.com", ping=True,
    ),
    Habits(
        "Dahua", ("IPC-HFW2431T-ZS", "IPC-HDW2831T-ZS-S2"), ("2.820.0", "2.840.0"),
        services=(Service("www.easy4ipcloud.com", "203.0.113.11", 8800, "udp", every=25, up=420, down=160, tells="dahua_p2p"),),
        push=Service("devaccess.easy4ipcloud.com", "203.0.113.12", 443), relay=Service("cmgw-sg.easy4ipcloud.com", "203.0.113.13", 443),
        update=Service("logreport-v2.easy4ipcloud.com", "203.0.113.14", 443), peer_to_peer="dahua_p2p",
    ),
    Habits(
        "Axis", ("P3265-LVE", "M3086-V"), ("11.8.61", "11.11.73"),
        services=(Service("dispatcher-st.axis.com", "203.0.113.11", 443), Service("prod.adm.connect.axis.com", "203.0.113.12", 443, every=3600)), time="2.pool.ntp.org",
    ),
    Habits(
        "Reolink", ("RLC-810A", "RLC-520A"), ("v3.1.0.2368",),
        services=(Service("p2p3.reolink.com", "203.0.113.11", 9999, "udp", every=60, up=300, down=200, tells=""),),
        push=Service("pushx.reolink.com", "203.0.113.12", 443), store=Service("clips-eu.s3.eu-west-1.amazonaws.com", "203.0.113.30", 443), clip_bytes=900_000,
        update=Service("devices-apis.reolink.com", "203.0.113.13", 443), time="pool.ntp.org", ping=True,
    ),
    Habits(
        "Uniview", ("IPC3614LE", "IPC2124SB"), ("B1216",), services=(Service("en.ezcloud.uniview.com", "203.0.113.11", 443, every=60, up=600, down=400),),
        relay=Service("eu1.ezcloud.uniview.com", "203.0.113.12", 443),
    ),
    Habits(
        "Xiongmai", ("XM530",), ("V5.00.R02",),
        services=(
            Service("access-dss.secu100.net", "203.0.113.11", 80, every=120, up=700, down=200, tells="http"),
            Service("logsvr.xmcsrv.net", "203.0.113.12", 80, every=1800, up=900, down=150, tells="http"),
        ),
        update=Service("upgrade.secu100.net", "203.0.113.13", 443), resolvers=("114.114.114.114", "8.8.8.8"),
    ),
    Habits(
        "TP-Link", ("C320WS", "VIGI C340"), ("1.3.2",), services=(Service("n-devs-dcipc.tplinkcloud.com", "203.0.113.11", 443),),
        relay=Service("euw1-relay-dcipc.i.tplinkcloud.com", "203.0.113.12", 443), update=Service("download.tplinkcloud.com", "203.0.113.13", 443), time="time.google.com",
    ),
    Habits(
        "Hanwha", ("XNV-8083R", "QNO-8080R"), ("2.21.02",),
        services=(Service("mqtt.prod.wra1.wisenetcloud.com", "203.0.113.11", 5000), Service("api.prod.wra1.wisenetcloud.com", "203.0.113.12", 443, every=7200)),
    ),
    Habits("Bosch", ("NDE-5503-A",), ("8.90.0036",), services=(Service("api.remote.boschsecurity.com", "203.0.113.11", 443, every=900),)),
    Habits(
        "Verkada", ("CD52", "CB61-E"), ("2025.10",),
        services=(Service("api.control.verkada.com", "203.0.113.11", 443), Service("index.control.verkada.com", "203.0.113.12", 443, every=300, up=4000, down=900)),
        store=Service("s3.us-west-004.backblazeb2.com", "203.0.113.30", 443), clip_bytes=400_000, relay=Service("relay.control.verkada.com", "203.0.113.13", 443),
        update=Service("update.control.verkada.com", "203.0.113.14", 443), time="time.control.verkada.com",
    ),
    Habits("Tiandy", ("TC-C34XS",), ("V4.1",), services=(Service("easylive.tiandy-cloud.example", "203.0.113.11", 443, every=300, up=350, down=200),)),
    Habits("Milesight", ("MS-C5366",), ("63.8.0.5",), time="2.pool.ntp.org"),
)  # fmt: skip
"""Twelve makers; the last two have no documented destination, and one of them calls home all the same."""


@dataclass(slots=True)
class Camera:
    """One camera of a trace."""

    ref: DeviceRef
    address: str
    habits: Habits
    viewer: str = ""
    """How people watch it from afar: empty, `relay` or `peer`."""
    subscription: bool = False
    busy: float = 1.0
    """Motion events an hour at noon, per this times ten."""
    night: float = 0.2
    """Share of the motion at night."""
    since: float = 0.0
    """Seconds since EPOCH at which it was installed."""
    extra: list[Callable[[Trace], None]] = field(default_factory=list)


def estate(count: int, rng: np.random.Generator, *, makers: tuple[Habits, ...] = MAKERS, first: int = 0) -> list[Camera]:
    """`count` cameras of these makers, in turn, at addresses from 10.20.1.1 on."""
    cameras = []
    for n in range(count):
        habits = makers[n % len(makers)]
        number = first + n
        address = f"10.20.{1 + number // 250}.{1 + number % 250}"
        ref = DeviceRef(
            device=f"cam-{number:04d}", addresses=(address,), maker=habits.maker, brand=habits.maker, model=habits.models[n // len(makers) % len(habits.models)],
            firmware=habits.firmware[n // len(makers) % len(habits.firmware)], kind="camera", is_camera=True,
        )  # fmt: skip
        draw = rng.random()
        viewer = "relay" if habits.relay and draw < 0.3 else "peer" if habits.peer_to_peer and draw > 0.7 else ""
        cameras.append(
            Camera(
                ref, address, habits, viewer=viewer, subscription=bool(habits.store) and rng.random() < 0.4, busy=float(rng.gamma(2.0, 0.5)),
                night=float(rng.uniform(0.05, 0.6)),
            )
        )  # fmt: skip
    return cameras


def behaviours(camera: Camera) -> tuple[str, ...]:
    """What `camera` does by day and night, in words; motion, and with it push and clips, follows light and people."""
    habits = camera.habits
    found = {
        "recorded by the site's recorder": True, "reboots now and then": True, "keeps in touch with its maker's cloud": bool(habits.services),
        "push at motion": habits.push is not None, "clips at motion": habits.store is not None and camera.subscription,
        "viewed through the maker's relay": camera.viewer == "relay", "viewed peer to peer": camera.viewer == "peer",
        "checks for updates": habits.update is not None, "asks a time server outside": bool(habits.time), "asks the site's time server": not habits.time,
        "has resolvers of its own": bool(habits.resolvers), "pings its gateway": habits.ping,
    }  # fmt: skip
    return tuple(name for name, holds in found.items() if holds)


def observations(cameras: list[Camera]) -> list[dict[str, str]]:
    """What a sweep would have seen of `cameras`, for an inventory (`netcam import`)."""
    told = []
    for camera in cameras:
        for field_, value in (("manufacturer", camera.ref.maker), ("model", camera.ref.model), ("firmware", camera.ref.firmware)):
            told.append(
                {
                    "device": camera.ref.device,
                    "endpoint": f"{camera.address}:80",
                    "via": "onvif",
                    "field": f"onvif.{field_}",
                    "value": value or "",
                }
            )
    return told


def normal(trace: Trace, cameras: list[Camera], begin: int, end: int) -> None:
    """Days `begin` to `end` (exclusive) of healthy life."""
    for camera in cameras:
        for day in range(begin, end):
            if (day + 1) * DAY > camera.since:
                _day(trace, camera, day)
    for camera in cameras:
        for habit in camera.extra:
            habit(trace)


def _day(trace: Trace, camera: Camera, day: int) -> None:
    rng, habits, me = trace.rng, camera.habits, camera.address
    start = max(day * DAY, camera.since)
    rest = (day + 1) * DAY - start
    # a recorder of the site takes the stream all day
    rate = 250_000 * (1 + 0.3 * np.sin(np.arange(48) / 48 * 2 * np.pi))
    trace.add(RECORDER, me, 554, start + np.arange(48) * rest / 48, up=3_000, down=rate * rest / 48, seconds=rest / 48 - 0.1, tells="rtsp")
    booted = [start + 5.0] if camera.since > day * DAY else []
    if rng.random() < 0.02:  # a power cut or a watchdog
        booted.append(start + rng.uniform(0, rest))
    for service in habits.services:
        _keep(trace, me, service, start, rest, booted)
    for at in booted:
        for service in habits.services[:2]:
            trace.add(
                me,
                service.address,
                service.port,
                at + 20,
                up=1_500,
                down=2_500,
                seconds=1.5,
                name=service.name,
                proto=service.proto,
                tells=service.tells,
            )
    _time(trace, me, habits, start, rest)
    _names(trace, camera, start, rest, booted)
    if habits.ping:
        trace.add(
            me, RESOLVER, 0, start + np.arange(24) * rest / 24, up=64 * 120, down=64 * 120, seconds=rest / 24 - 1, proto="icmp", packet=64
        )
    if habits.update is not None and rng.random() < 0.9:
        one = habits.update
        trace.add(
            me,
            one.address,
            one.port,
            start + (hash_time(me) + rng.normal(0, 400)) % rest,
            up=1_800,
            down=4_200,
            seconds=2,
            name=one.name,
            tells="tls",
        )
        if rng.random() < 0.01:
            trace.add(
                me,
                one.address,
                one.port,
                start + rng.uniform(0, rest),
                up=300_000,
                down=32_000_000,
                seconds=120,
                name=one.name,
                tells="tls",
            )
    motion = events(rng, camera, start, rest)
    if habits.push is not None and len(motion):
        one = habits.push
        trace.add(
            me, one.address, one.port, motion + 0.5, up=rng.normal(1_400, 100, len(motion)), down=900, seconds=1, name=one.name, tells="tls"
        )
    if habits.store is not None and camera.subscription and len(motion):
        one = habits.store
        sizes = rng.lognormal(np.log(habits.clip_bytes), 0.4, len(motion))
        trace.add(
            me,
            one.address,
            one.port,
            motion + 2,
            up=sizes,
            down=900 + sizes / 90,
            seconds=np.clip(sizes / 300_000, 0.5, 60),
            name=one.name,
            tells="tls",
        )
    _viewers(trace, camera, start, rest)


def _keep(trace: Trace, me: str, service: Service, start: float, rest: float, booted: list[float]) -> None:
    """Contacts with one service: one a time, or a connection that stays open and is opened anew after a boot."""
    rng = trace.rng
    if service.every:
        count = int(rest // service.every)
        at = start + (np.arange(count) + 0.5) * service.every + rng.uniform(-service.jitter, service.jitter, count) * service.every
        if service.every < 300:
            # the same socket: an exporter sends one record per active timeout
            count = max(1, int(rest // 1800))
            beats = 1800 / service.every
            trace.add(
                me, service.address, service.port, start + np.arange(count) * 1800.0, up=service.up * beats * rng.normal(1, 0.02, count), down=service.down * beats, seconds=1790, name=service.name,
                proto=service.proto, tells=service.tells, packet=int(service.up) + 1,
            )  # fmt: skip
            return
        trace.add(
            me, service.address, service.port, at, up=rng.normal(service.up, service.up * 0.03, count), down=service.down, seconds=0.4, name=service.name,
            proto=service.proto, tells=service.tells,
        )  # fmt: skip
        return
    edges = [start, *booted, start + rest]
    for a, b in pairwise(edges):
        if b - a > 60:
            minutes = (b - a) / 60
            trace.add(
                me,
                service.address,
                service.port,
                a,
                up=service.up * minutes / 2,
                down=service.down * minutes / 2,
                seconds=b - a - 1,
                name=service.name,
                tells=service.tells,
                packet=220,
            )


def _time(trace: Trace, me: str, habits: Habits, start: float, rest: float) -> None:
    at = start + np.arange(24) * rest / 24 + trace.rng.uniform(0, 30)
    to, name = (RESOLVER, "") if not habits.time else ("198.51.100.123", habits.time)
    trace.add(me, to, 123, at, up=48, down=48, seconds=0.05, name=name, proto="udp", tells="ntp", packet=90)


def _names(trace: Trace, camera: Camera, start: float, rest: float, booted: list[float]) -> None:
    habits, rng = camera.habits, trace.rng
    wanted = [s.name for s in (*habits.services, habits.push, habits.update, habits.store, habits.relay) if s is not None] + [
        n for n in (habits.time,) if n
    ]
    if not wanted:
        return
    count = 24 + 4 * len(booted)
    at = np.sort(start + rng.uniform(0, rest, count))
    names = [wanted[int(n)] for n in rng.integers(0, len(wanted), count)]
    trace.ask(camera.address, RESOLVER, names, at)
    for resolver in habits.resolvers:
        trace.ask(camera.address, resolver, names[:8], at[:8])


def events(rng: np.random.Generator, camera: Camera, start: float, rest: float) -> Array:
    """Times of motion: many by day, some by night, less at the weekend."""
    hours = (start + np.arange(0, rest, 600)) % DAY / 3600
    weekend = int(start // DAY) % 7 >= 5
    light = np.where((hours > 6) & (hours < 21), np.exp(-(((hours - 13) / 5) ** 2)), camera.night * 0.3)
    expected = 10 * camera.busy * light / 6 * (0.4 if weekend else 1.0)
    counts = rng.poisson(expected)
    base = start + np.repeat(np.arange(0, rest, 600), counts)
    return np.sort(base + rng.uniform(0, 600, len(base)))


def hash_time(address: str) -> float:
    """A time of day that belongs to an address: update checks are spread by makers so that their servers live."""
    return float(sum(int(p) * m for p, m in zip(address.split("."), (1, 257, 7919, 3571), strict=True)) * 37 % int(DAY))


def _viewers(trace: Trace, camera: Camera, start: float, rest: float) -> None:
    rng, habits, me = trace.rng, camera.habits, camera.address
    if not camera.viewer:
        return
    for _ in range(int(rng.poisson(1.5))):
        at, length = start + rng.uniform(0, max(1.0, rest - 1300)), float(rng.uniform(20, 1200))
        rate = float(rng.uniform(25_000, 180_000))
        if camera.viewer == "relay" and habits.relay is not None:
            one = habits.relay
            trace.add(me, one.address, one.port, at, up=rate * length, down=rate * length / 60, seconds=length, name=one.name, tells="tls")
        elif habits.services:
            door = habits.services[0]
            peer = f"198.18.{int(rng.integers(0, 255))}.{int(rng.integers(1, 255))}"
            trace.add(me, door.address, door.port, at, up=900, down=700, seconds=3, name=door.name, proto=door.proto, tells=door.tells)
            trace.add(
                me,
                peer,
                int(rng.integers(20000, 60000)),
                at + 4,
                up=rate * length,
                down=rate * length / 50,
                seconds=length,
                proto="udp",
                tells=habits.peer_to_peer,
                packet=1100,
            )


def refs(cameras: list[Camera]) -> Mapping[str, DeviceRef]:
    """The inventory of a trace: its cameras and the recorder."""
    recorder = DeviceRef(
        device="recorder", addresses=(RECORDER,), maker="Hikvision", brand="Hikvision", model="DS-7732NI", kind="recorder", is_camera=True
    )
    return {recorder.device: recorder} | {c.ref.device: c.ref for c in cameras}
