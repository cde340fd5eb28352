"""The detectors on labelled scenarios, a part of them; `netcam egress measure` runs all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from netcam.catalog import destinations
from netcam.catalog.destinations import Destinations
from netcam.egress.measure import Outcome, play, summary
from netcam.lab.exfiltration import KINDS
from netcam.lab.habits import MAKERS
from netcam.lab.labelled import HEALTHY, SEEDS, month, scenarios


@cache
def known() -> Destinations:
    return destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")


def played(*kinds: str) -> list[Outcome]:
    return [play(one, known()) for one in scenarios(kinds=kinds)]


def test_there_are_eighty_scenarios_of_eight_kinds_and_twelve_makers() -> None:
    assert len(KINDS) * len(SEEDS) + len(HEALTHY) >= 80
    assert len(KINDS) >= 8
    assert len({m.maker for m in MAKERS}) == 12


@pytest.mark.parametrize("kind", ["slow-5kB", "dns-drip", "icmp", "turn-relay", "look-alike", "spread", "shell"])
def test_a_leak_is_found_within_its_window_and_named_rightly(kind: str) -> None:
    for one in played(kind):
        assert one.in_time == {kind: True}, (one.name, one.found)
        assert one.classed == {kind: True}
        assert not one.false["high"], one.false["high"]


@pytest.mark.slow
def test_a_call_once_a_day_is_found_on_the_fourth_day_and_accuses_nobody() -> None:
    for one in played("beacon-daily"):
        assert one.in_time == {"beacon-daily": True}, one.found
        assert all(score < 70 for score, _ in one.scores)


@pytest.mark.parametrize("name", ["motion-storm", "cloud-viewers", "peer-viewers", "new-cameras", "firmware-day", "undocumented-telemetry"])
def test_healthy_sites_that_look_suspicious_make_no_high_finding(name: str) -> None:
    (one,) = played(name)
    assert one.false["high"] == set()


def test_a_week_of_a_healthy_estate_makes_no_high_finding() -> None:
    one = play(month(24, 7, every=12), known())
    assert one.camera_days == 24 * 7
    assert one.false["high"] == set()


def test_slow_leaks_are_found_beside_a_healthy_estate() -> None:
    """The whole month of 500 cameras: tests/bench/month.py."""
    one = play(month(24, 5, every=1, leaks=("slow-5kB", "dns-tunnel", "dns-drip")), known())
    assert one.in_time == {"slow-5kB": True, "dns-tunnel": True, "dns-drip": True}, one.found
    assert one.false["high"] == set()


def test_the_summary_counts() -> None:
    told = summary([*played("bulk"), *played("healthy-axis")])
    assert told["kinds"]["bulk"]["recall"] == 1.0
    assert told["precision_high"] == 1.0
    assert told["calibration"][3]["share_true"] == 1.0
    assert told["false_high_per_1000_camera_days"] == 0.0
