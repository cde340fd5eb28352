"""Ways in which data leaves a camera, or somebody gets in: each as conversations beside the camera's healthy life, with its truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from netcam.lab.habits import RESOLVER, Camera
from netcam.lab.trace import DAY, Trace

STRANGER = "198.18.66.6"
"""Somebody outside (RFC 2544 network), of whom no file knows anything."""
OFFICE = "10.20.9.9"
"""A workstation of the site."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way, and how it shows."""

    name: str
    make: Callable[[Trace, Camera, float, float], None]
    """Adds conversations from a time on, for so many seconds."""
    classes: frozenset[str]
    """Classes that call it rightly."""
    severity: str
    """Least severity that counts as found."""
    hours: float
    """Within which it must be found: the window that netcam states."""
    to: str
    """Part of the destination or subject by which a finding is matched."""
    lasts: float = DAY
    """Seconds it goes on in a scenario."""
    days: int = 0
    """Days of history that it needs besides; 0: none."""
    rules: frozenset[str] = frozenset()
    """Detectors whose word counts; empty: any."""


def _bulk(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 443, at, up=300_000_000, down=2_000_000, seconds=900, tells="tls")


def _stream(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 8443, at, up=400_000 / 8 * 3600, down=300_000, seconds=3600, tells="tls")


def _slow(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 443, at, up=5_000 * seconds, down=60 * seconds, seconds=seconds, tells="tls")


def _chunked(t: Trace, c: Camera, at: float, seconds: float) -> None:
    starts = at + np.sort(t.rng.uniform(0, 6 * 3600, 1000))
    t.add(c.address, STRANGER, 443, starts, up=t.rng.normal(90_000, 9_000, 1000), down=1_500, seconds=2, tells="tls")


def _spread(t: Trace, c: Camera, at: float, seconds: float) -> None:
    ends = (198 << 24 | 19 << 16) + 256 * np.arange(50, dtype=np.uint64) + 7
    t.add(c.address, ends, 443, at + np.arange(50) * 600, up=t.rng.normal(1_300_000, 90_000, 50), down=5_000, seconds=60, tells="tls")


def _dns(t: Trace, c: Camera, at: float, seconds: float) -> None:
    count = 2000
    names = [f"{_hex(t, 50)}.{_hex(t, 40)}.t.exfil-example.net" for _ in range(count)]
    t.ask(c.address, RESOLVER, names, at + np.sort(t.rng.uniform(0, 1800, count)), kind=10)


def _dns_drip(t: Trace, c: Camera, at: float, seconds: float) -> None:
    count = int(seconds // 300)
    names = [f"{_hex(t, 48)}.x.exfil-example.net" for _ in range(count)]
    t.ask(c.address, RESOLVER, names, at + np.arange(count) * 300.0, kind=1)


def _dns_blind(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, "198.18.53.53", 53, at + np.arange(20) * 60, up=18_000, down=30_000, seconds=50, proto="udp", tells="dns", packet=160)


def _icmp(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 0, at, up=400_000, down=400_000, seconds=1700, proto="icmp", packet=900)


def _gre(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 0, at, up=30_000_000, down=2_000_000, seconds=1700, proto="gre")


def _wireguard(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 51820, at, up=9_000_000, down=1_000_000, seconds=7200, proto="udp", tells="wireguard")


def _turn(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 3478, at, up=60_000 * 300, down=900_000, seconds=300, proto="udp", tells="stun turn", packet=1100)


def _lookalike(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 443, at, up=90_000_000, down=400_000, seconds=1200, name="eu.evilhik-connect.com", tells="tls")


def _foreign_cloud(t: Trace, c: Camera, at: float, seconds: float) -> None:
    name = "relay.control.verkada.com" if c.habits.maker != "Verkada" else "eu.hik-connect.com"
    t.add(c.address, STRANGER, 443, at, up=90_000_000, down=400_000, seconds=1200, name=name, tells="tls")


def _bucket(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(
        c.address,
        "198.18.70.7",
        443,
        at,
        up=120_000_000,
        down=900_000,
        seconds=1500,
        name="drop-box-77.s3.eu-north-1.amazonaws.com",
        tells="tls",
    )


def _night(t: Trace, c: Camera, at: float, seconds: float) -> None:
    first = np.floor(at / DAY) * DAY + DAY + 2.4 * 3600
    t.add(c.address, STRANGER, 443, first, up=30_000_000, down=200_000, seconds=700, tells="tls")


def _snapshots(t: Trace, c: Camera, at: float, seconds: float) -> None:
    starts = at + np.sort(t.rng.uniform(0, seconds, 120))
    t.add(c.address, STRANGER, 80, starts, up=t.rng.normal(38_000, 6_000, 120), down=400, seconds=1, tells="http jpeg")


def _rtmp(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 1935, at, up=100_000 * 1200, down=300_000, seconds=1200, tells="rtmp")


def _fetched(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(STRANGER, c.address, 554, at, up=20_000, down=150_000 * 900, seconds=900, tells="rtsp")


def _web_from_outside(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(STRANGER, c.address, 80, at + np.arange(6) * 40, up=2_000, down=30_000, seconds=5, tells="http")


def _beacon(t: Trace, c: Camera, at: float, seconds: float) -> None:
    count = int(seconds // 600)
    t.add(c.address, STRANGER, 443, at + np.arange(count) * 600 + t.rng.uniform(-6, 6, count), up=340, down=220, seconds=0.6, tells="tls")


def _daily(t: Trace, c: Camera, at: float, seconds: float) -> None:
    days = int(seconds // DAY)
    first = np.floor(at / DAY) * DAY + 3.3 * 3600
    t.add(
        c.address, STRANGER, 443, first + np.arange(days) * DAY + t.rng.uniform(-60, 60, days), up=2_100, down=900, seconds=1.5, tells="tls"
    )


def _shell(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 4444, at, up=400_000, down=300_000, seconds=14 * 3600, packet=120)


def _scan(t: Trace, c: Camera, at: float, seconds: float) -> None:
    ends = (10 << 24 | 20 << 16) + np.arange(1, 240, dtype=np.uint64)
    t.add(c.address, ends, 23, at + np.arange(239) * 2.0, up=0, down=0, seconds=0.1, answered=False)


def _neighbour(t: Trace, c: Camera, at: float, seconds: float) -> None:
    other = "10.20.1.2" if c.address != "10.20.1.2" else "10.20.1.3"
    t.add(c.address, other, 23, at + np.arange(5) * 20, up=900, down=1_400, seconds=4)


def _office(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, OFFICE, 445, at + np.arange(5) * 60, up=9_000, down=90_000, seconds=20)


def _ntp(t: Trace, c: Camera, at: float, seconds: float) -> None:
    count = 1500
    t.add(c.address, STRANGER, 123, at + np.arange(count) * 8.0, up=440, down=48, seconds=0.1, proto="udp", packet=460)


def _dot(t: Trace, c: Camera, at: float, seconds: float) -> None:
    t.add(c.address, STRANGER, 853, at + np.arange(30) * 300, up=2_000_000, down=90_000, seconds=60, tells="tls")


def _baseline(t: Trace, c: Camera, at: float, seconds: float) -> None:
    one = c.habits.relay or c.habits.store or c.habits.services[0]
    t.add(
        c.address, one.address, one.port, at + np.arange(24) * 3600, up=30_000_000, down=300_000, seconds=1500, name=one.name, tells="tls"
    )


def _hex(t: Trace, count: int) -> str:
    return t.rng.bytes((count + 1) // 2).hex()[:count]


MOVED = frozenset({"live-view", "bulk-transfer", "event-upload", "peer-to-peer-media"})
COVERT = frozenset({"covert-channel"})
LATERAL = frozenset({"lateral-movement"})
QUIET = frozenset({"phone-home", "service"})
KINDS: Mapping[str, Kind] = {
    k.name: k
    for k in (
        Kind("bulk", _bulk, MOVED, "high", 2, STRANGER),
        Kind("stream", _stream, MOVED, "high", 2, STRANGER),
        Kind("slow-5kB", _slow, MOVED, "high", 6, STRANGER),
        Kind("chunked", _chunked, MOVED, "high", 12, STRANGER),
        Kind("spread", _spread, MOVED, "high", 12, "many destinations"),
        Kind("dns-tunnel", _dns, COVERT, "high", 2, "exfil-example.net"),
        Kind("dns-drip", _dns_drip, COVERT, "high", 12, "exfil-example.net"),
        Kind("dns-unread", _dns_blind, COVERT, "high", 3, "198.18.53.53"),
        Kind("icmp", _icmp, COVERT, "high", 2, STRANGER),
        Kind("gre", _gre, COVERT, "high", 2, STRANGER),
        Kind("wireguard", _wireguard, COVERT, "high", 3, STRANGER),
        Kind("ntp-covert", _ntp, COVERT, "high", 6, STRANGER),
        Kind("turn-relay", _turn, MOVED, "high", 2, STRANGER),
        Kind("look-alike", _lookalike, MOVED, "high", 2, "evilhik-connect.com"),
        Kind("foreign-cloud", _foreign_cloud, MOVED, "high", 2, "."),
        Kind("hosted-bucket", _bucket, MOVED, "medium", 3, "drop-box-77"),
        Kind("night-clip", _night, MOVED, "high", 30, STRANGER),
        Kind("snapshots", _snapshots, MOVED, "medium", 6, STRANGER),
        Kind("rtmp", _rtmp, MOVED, "high", 2, STRANGER),
        Kind("fetched", _fetched, frozenset({"inbound-view"}), "high", 2, STRANGER),
        Kind("web-from-outside", _web_from_outside, frozenset({"inbound-view"}), "medium", 2, STRANGER),
        Kind("beacon-10min", _beacon, QUIET, "low", 24, STRANGER, rules=frozenset({"beacon"})),
        Kind("beacon-daily", _daily, QUIET, "low", 4 * 24, STRANGER, lasts=7 * DAY, rules=frozenset({"scheduled-contact"})),
        Kind("shell", _shell, QUIET | MOVED, "low", 4, STRANGER, rules=frozenset({"long-connection"})),
        Kind("scan", _scan, LATERAL, "medium", 2, "port 23"),
        Kind("neighbour", _neighbour, LATERAL, "medium", 2, "10.20.1."),
        Kind("office", _office, LATERAL, "medium", 2, OFFICE),
        Kind("over-tls-dns", _dot, MOVED | QUIET, "medium", 12, STRANGER),
        Kind(
            "own-cloud-rise",
            _baseline,
            MOVED | {"signalling", "telemetry", "update"},
            "low",
            12,
            ".",
            days=5,
            rules=frozenset({"own-baseline"}),
        ),
    )
}
