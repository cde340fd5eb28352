"""Every detector fires on what it is for and stays quiet on what looks alike: cases from files, flows as columns."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netcam.catalog import destinations
from netcam.catalog.text import parse, read
from netcam.egress.detect import DeviceRef, detect
from netcam.egress.registry import detectors
from netcam.errors import ContentError
from netcam.flows.table import COLUMNS, FlowTable

CASES = Path(__file__).resolve().parent / "cases"
CONTENT = Path(__file__).resolve().parent.parent.parent / "fingerprints"
T0 = 1_764_000_000 * 10**9


def table(flows: list[dict[str, str]]) -> FlowTable:
    """A table from the flows of a case; `repeat` and `every` (seconds) unfold one flow into many."""
    rows: list[dict[str, int]] = []
    names: dict[int, tuple[str, str]] = {}
    for flow in flows:
        for n in range(int(flow.get("repeat", "1"))):
            start = T0 + int((float(flow.get("at", "0")) + n * float(flow.get("every", "0"))) * 1e9)
            if flow.get("jitter"):
                start += int(float(flow["jitter"]) * 1e9 * ((n * 7919) % 101 - 50) / 50)
            out, back = int(flow.get("out", "0")), int(flow.get("in", "0"))
            row = dict.fromkeys(COLUMNS, 0) | {
                "start": start, "end": start + int(float(flow.get("seconds", "1")) * 1e9), "a_lo": int(ip_address(flow["from"])),
                "b_lo": int(ip_address(flow["to"])), "a_port": 50000, "b_port": int(flow.get("port", "443")), "version": 4,
                "proto": 17 if flow.get("protocol") == "udp" else 6, "payload_out": out, "payload_in": back, "bytes_out": out + 400,
                "bytes_in": back + 400, "packets_out": 3 + out // 1400, "packets_in": 0 if flow.get("answered") == "no" else 3 + back // 1400,
            }  # fmt: skip
            if flow.get("name"):
                names[len(rows)] = (flow["name"], "sni")
            rows.append(row)
    columns = {name: np.array([r[name] for r in rows], kind) for name, kind in COLUMNS.items()}
    return FlowTable(columns, names)


def cases() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for case in read(path).data["cases"]:
            found.append(pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}"))
    return found


@pytest.mark.parametrize(("detector", "case"), cases())
def test_a_detector_fires_and_stays_quiet_as_its_cases_say(detector: str, case: dict[str, Any]) -> None:
    devices = {
        "cam": DeviceRef(
            device="cam", addresses=("10.0.0.5",), maker=case.get("maker", "Hikvision"), is_camera=case.get("camera", "yes") == "yes"
        )
    }
    known = destinations.load(CONTENT)
    found = detect(table(case["flows"]), devices, known, declared=case.get("declared", []), internal=[ip_network("10.0.0.0/8")], site="hq")
    mine = sorted((f.subject, f.severity) for f in found if f.rule == detector.replace("_", "-"))
    assert mine == sorted((e["subject"], e["severity"]) for e in case["expect"])


def test_every_detector_has_cases_that_fire_and_that_stay_quiet() -> None:
    for one in detectors():
        told = read(CASES / f"{one.replace('-', '_')}.yaml").data["cases"]
        assert any(case["expect"] for case in told), one
        assert any(not case["expect"] for case in told), one


def test_every_detector_explains_itself() -> None:
    for one in detectors().values():
        for heading in ("What it finds", "Why it matters", "Example", "Blind spots", "References"):
            assert heading in one.explain(), (one.id, heading)


def test_the_order_of_flows_does_not_change_the_findings() -> None:
    flows = [{"from": "10.0.0.5", "to": f"203.0.113.{n}", "out": "40000000", "seconds": "60"} for n in range(5)]
    one = detect(table(flows), {}, destinations.load(CONTENT), site="hq")
    other = detect(table(flows[::-1]), {}, destinations.load(CONTENT), site="hq")
    assert [(f.key, f.severity) for f in one] == [(f.key, f.severity) for f in other]
    assert len(one) == 10


def test_a_lookalike_domain_is_not_the_makers() -> None:
    known = destinations.load(CONTENT)
    assert known.match("evilhik-connect.com") is None
    assert known.match("hik-connect.com.example.net") is None
    found = known.match("eu.hik-connect.com")
    assert found is not None
    assert found.maker == "Hikvision"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{suffix: com, purpose: cloud_api, source: [a], confidence: high}", "wildcard or a suffix that many share"),
        ("{suffix: '*.example.com', purpose: cloud_api, source: [a], confidence: high}", "wildcard or a suffix"),
        ("{suffix: x.example.com, exact: y.example.com, purpose: cloud_api, source: [a], confidence: high}", "one of exact and suffix"),
        ("{suffix: x.example.com, purpose: clud_api, source: [a], confidence: high}", "no purpose"),
        ("{suffix: x.example.com, purpose: cloud_api, source: [b], confidence: high}", "no source"),
        ("{suffix: x.example.com, purpose: cloud_api, source: [a], confidence: sure}", "no confidence"),
    ],
)
def test_a_broken_destination_is_refused_with_its_line(tmp_path: Path, entry: str, problem: str) -> None:
    (tmp_path / "destinations").mkdir()
    (tmp_path / "destinations" / "x.yaml").write_text(f"maker: X\nsources: {{a: somewhere}}\ndestinations:\n- {entry}\n")
    with pytest.raises(ContentError, match=problem) as caught:
        destinations.load(tmp_path)
    assert "x.yaml:4" in str(caught.value)


def test_content_keeps_every_scalar_as_text() -> None:
    assert parse("a: 5.10\nb: no\nc: 44:19:06", "x").data == {"a": "5.10", "b": "no", "c": "44:19:06"}
