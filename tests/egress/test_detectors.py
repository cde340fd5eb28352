"""Every detector fires on what it is for and stays quiet on what looks alike: cases from files, flows as columns."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from netcam.catalog import destinations
from netcam.catalog.destinations import Destinations
from netcam.catalog.text import parse, read
from netcam.egress.detect import detect
from netcam.egress.registry import Detector, detectors
from netcam.errors import ContentError
from tests.egress import flowcases

CASES = Path(__file__).resolve().parent / "cases"
CONTENT = Path(__file__).resolve().parent.parent.parent / "fingerprints"


@cache
def known() -> Destinations:
    return destinations.load(CONTENT)


def cases() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for case in read(path).data["cases"]:
            found.append(pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}"))
    return found


@pytest.mark.parametrize(("detector", "case"), cases())
def test_a_detector_fires_and_stays_quiet_as_its_cases_say(detector: str, case: dict[str, Any]) -> None:
    table = flowcases.table(case.get("flows", []), case.get("asked"))
    found = detect(table, flowcases.devices(case), known(), rules=flowcases.rules(case), site="hq")
    mine = sorted((f.subject, f.severity) for f in found if f.rule == detector.replace("_", "-"))
    assert mine == sorted((e["subject"], e["severity"]) for e in case["expect"])


def test_every_detector_has_cases_that_fire_and_that_stay_quiet() -> None:
    for one in detectors():
        path = CASES / f"{one.replace('-', '_')}.yaml"
        assert path.is_file(), f"{one} has no cases"
        told = read(path).data["cases"]
        assert any(case["expect"] for case in told), one
        assert any(not case["expect"] for case in told), one


def test_every_detector_explains_itself_with_its_numbers() -> None:
    for one in detectors().values():
        for heading in ("What it finds", "Why it matters", "Example", "Blind spots", "References", "Counts towards"):
            assert heading in one.explain(), (one.id, heading)
    told = detectors()["bulk-upload"].explain()
    assert "BULK_BYTES = 50000000" in told.replace("_000_000", "000000").replace("50_000_000", "50000000")


def test_a_detector_without_a_known_component_is_refused() -> None:
    with pytest.raises(TypeError, match="no component 'magic'"):
        Detector(id="x", title="x", component="magic", detect=lambda w: iter(()))


def test_the_order_of_flows_does_not_change_the_findings() -> None:
    flows = [{"from": "10.0.0.5", "to": f"203.0.{n}.9", "out": "40000000", "seconds": "60"} for n in range(5)]
    one = detect(flowcases.table(flows), {}, known(), site="hq")
    other = detect(flowcases.table(flows[::-1]), {}, known(), site="hq")
    assert one == other
    assert sum(f.severity == "high" for f in one) >= 5


def test_a_finding_says_what_it_rests_on() -> None:
    flows = [
        {"from": "10.0.0.5", "to": "203.0.113.9", "name": "media-store.example.net", "out": "25000000", "in": "30000", "seconds": "26"}
    ]
    first = detect(flowcases.table(flows), flowcases.devices({}), known(), site="hq")[0]
    assert (first.rule, first.severity, first.category) == ("bulk-upload", "high", "live-view")
    assert first.window == ("2025-11-24T00:00:00Z", "2025-11-24T00:00:26Z")
    assert any("25.0 MB payload up" in line for line in first.evidence)
    assert any(line.startswith(f"score {first.score} of 100") and "media 1.00" in line for line in first.evidence)
    assert first.would_change
    assert first.action


def test_a_lookalike_domain_is_not_the_makers() -> None:
    assert known().match("evilhik-connect.com") is None
    assert known().match("hik-connect.com.example.net") is None
    found = known().match("eu.hik-connect.com")
    assert found is not None
    assert found.maker == "Hikvision"
    assert known().match("p2p7.reolink.com") is not None
    assert known().match("p2p.x.reolink.com") is None


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{suffix: com, purposes: [cloud_api], source: [a], confidence: high}", "wildcard or a bare word"),
        ("{suffix: co.uk, purposes: [cloud_api], source: [a], confidence: high}", "a suffix that many share"),
        ("{suffix: amazonaws.com, purposes: [cloud_api], source: [a], confidence: high}", "a suffix that many share"),
        ("{suffix: github.io, purposes: [cloud_api], source: [a], confidence: high}", "a suffix that many share"),
        ("{pattern: 'p2p*.com', purposes: [cloud_api], source: [a], confidence: high}", "wildcard over a public suffix"),
        ("{pattern: '*.co.uk', purposes: [cloud_api], source: [a], confidence: high}", "wildcard over a public suffix"),
        ("{pattern: 'a*.b*.example.com', purposes: [cloud_api], source: [a], confidence: high}", "over whole labels"),
        ("{exact: s3.us-west-2.amazonaws.com, purposes: [cloud_storage], source: [a], confidence: high}", "a host that many share"),
        ("{suffix: '*.example.com', purposes: [cloud_api], source: [a], confidence: high}", "wildcard or a bare word"),
        ("{suffix: x.example.com, exact: y.example.com, purposes: [cloud_api], source: [a], confidence: high}", "one of exact, suffix"),
        ("{suffix: x.example.com, purposes: [clud_api], source: [a], confidence: high}", "no purpose"),
        ("{suffix: x.example.com, purposes: [cloud_api], source: [b], confidence: high}", "no source"),
        ("{suffix: x.example.com, purposes: [cloud_api], source: [a], confidence: sure}", "no confidence"),
        ("{suffix: x.example.com, purposes: [cloud_api], source: [a], confidence: high, ports: [443]}", "is no port"),
    ],
)
def test_a_broken_destination_is_refused_with_its_line(tmp_path: Path, entry: str, problem: str) -> None:
    (tmp_path / "destinations").mkdir()
    (tmp_path / "destinations" / "x.yaml").write_text(f"maker: X\nsources: {{a: somewhere}}\ndestinations:\n- {entry}\n")
    with pytest.raises(ContentError, match=problem) as caught:
        destinations.load(tmp_path)
    assert "x.yaml:4" in str(caught.value)


def test_a_service_without_port_and_address_and_a_jurisdiction_without_source_are_refused(tmp_path: Path) -> None:
    (tmp_path / "destinations").mkdir()
    path = tmp_path / "destinations" / "x.yaml"
    path.write_text("maker: X\nsources: {a: s}\ndestinations: []\nservices:\n- {purposes: [push], source: [a], confidence: low}\n")
    with pytest.raises(ContentError, match="neither ports nor addresses"):
        destinations.load(tmp_path)
    path.write_text("maker: X\njurisdiction: cn\nsources: {a: s}\ndestinations: []\n")
    with pytest.raises(ContentError, match="without its source"):
        destinations.load(tmp_path)


def test_flows_that_end_before_they_begin_are_counted_and_left_out() -> None:
    table = flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "90000000", "seconds": "-5"}])
    assert detect(table, {}, known(), internal=[ip_network("10.0.0.0/8")]) == []
    assert table.counters["egress negative durations"] == 1


def test_content_keeps_every_scalar_as_text() -> None:
    assert parse("a: 5.10\nb: no\nc: 44:19:06", "x").data == {"a": "5.10", "b": "no", "c": "44:19:06"}
