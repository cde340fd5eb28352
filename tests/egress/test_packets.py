"""Ways out as packets: written by one hand, read by another, judged as what they are."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import numpy as np
import pytest

from netcam.catalog import destinations
from netcam.egress.detect import SiteRules, detect
from netcam.egress.score import RANK
from netcam.flows import capture
from netcam.lab import packets
from netcam.lab.exfiltration import KINDS
from netcam.lab.habits import estate, normal, refs
from netcam.lab.trace import DAY, Trace

INSIDE = (ip_network("10.20.0.0/16"),)


def read(tmp_path: Path, trace: Trace, end: float) -> tuple[int, int, Path]:
    path = tmp_path / "life.pcap"
    written, cut = packets.write(trace, path, 0, end)
    return written, cut, path


@pytest.mark.parametrize(
    "kind",
    [
        "dns-tunnel",
        "icmp",
        "gre",
        "wireguard",
        "turn-relay",
        "look-alike",
        "snapshots",
        "fetched",
        "web-from-outside",
        "scan",
        "neighbour",
        "night-clip",
    ],
)
def test_a_way_out_is_known_by_its_packets(tmp_path: Path, kind: str) -> None:
    trace = Trace(np.random.default_rng(5))
    cameras = estate(2, trace.rng)
    one = KINDS[kind]
    one.make(trace, cameras[0], 3600.0, 4 * 3600.0)
    _, cut, path = read(tmp_path, trace, 2 * DAY)
    assert not cut
    known = destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")
    found = detect(capture.read(path, internal=INSIDE), dict(refs(cameras)), known, rules=SiteRules(internal=INSIDE), site="lab")
    mine = [f for f in found if one.to in f.subject and f.device == cameras[0].ref.device]
    assert any(RANK[f.severity] >= RANK[one.severity] and f.category in one.classes for f in mine), [
        (f.rule, f.severity, f.category, f.subject) for f in found
    ]


def test_an_hour_of_healthy_cameras_as_packets_makes_no_high_finding(tmp_path: Path) -> None:
    trace = Trace(np.random.default_rng(5))
    cameras = estate(12, trace.rng)
    normal(trace, cameras, 0, 1)
    trace.quieten(200_000)  # the recorder's streams alone are 900 MB an hour and camera
    written, cut, path = read(tmp_path, trace, 3 * 3600.0)
    assert written > 1000
    assert not cut
    known = destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")
    found = detect(capture.read(path, internal=INSIDE), dict(refs(cameras)), known, rules=SiteRules(internal=INSIDE), site="lab")
    assert {f.severity for f in found} <= {"information", "low", "medium"}
    assert "maker-cloud" in {f.rule for f in found}
