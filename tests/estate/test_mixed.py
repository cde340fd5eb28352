"""A mixed estate (IPv4, IPv6, two VLANs that come tagged, a routed subnet, the wrong range) over links that lose every tenth packet each way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from recall import Swept, legs, sweep, told

from netcam.lab.scenario import load

pytestmark = [pytest.mark.lab, pytest.mark.slow]
SCENARIO = str(Path(__file__).with_name("mixed_small.yaml"))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    return sweep(SCENARIO, tmp_path_factory.mktemp("mixed"), loss=True, timeout=900)


def test_every_device_of_every_shape_of_network_is_found_once(swept: Swept) -> None:
    assert len(swept.dropped) == 8
    assert all(swept.dropped), "every port lost packets both ways"
    assert swept.missing() == []
    assert swept.doubles() == []
    assert swept.merged() == []
    assert swept.strange(legs(load(SCENARIO))) == []


def test_nearly_every_slot_that_a_device_tells_is_read(swept: Swept) -> None:
    wanted = [(t, slot) for t in swept.truth if t["is_camera"] for slot in told(t)]
    wrong = [(t["address"], slot) for t, slot in wanted if swept.of(t) and swept.of(t)[0][slot] != t[slot]]
    assert len(wrong) <= len(wanted) * 0.05, wrong


def test_a_device_of_both_families_is_one_device_with_both_addresses(swept: Swept) -> None:
    scenario = load(SCENARIO)
    both = [d for d in scenario.devices if d.families == "46"]
    assert len(both) == 12
    for device in both:
        (one,) = [d for d in swept.devices if device.mac in d["macs"]]
        assert {scenario.address(device), scenario.address6(device)} & set(one["addresses"])


def test_cameras_of_the_wrong_range_are_reported_as_such(swept: Swept) -> None:
    assert swept.scan["totals"]["off subnet"] == 4
    assert swept.scan["scope_id"] == "mixed estate"
