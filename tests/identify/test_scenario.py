"""Every device of the default scenario is named as its truth says, from what the codecs read of its answers."""

from __future__ import annotations

import pytest

from netcam.identify import identify
from netcam.identify.matcher import Matcher
from netcam.lab import scenario
from netcam.model import CAMERA_KINDS, Identity
from tests.identify import scenario_answers

SCENARIO = scenario.load("default")
TELLING = [d for d in SCENARIO.devices if d.truth.tells]


def identity(device: scenario.Device, matcher: Matcher) -> Identity:
    found = list(identify(scenario_answers.observations(SCENARIO, device), matcher))
    assert [one.device for one in found] == [device.mac]
    return found[0]


@pytest.mark.parametrize("device", TELLING, ids=lambda d: f"{d.host} {d.name}")
def test_a_device_that_tells_is_named_as_it_truly_is(device: scenario.Device, matcher: Matcher) -> None:
    found = identity(device, matcher)
    assert found.is_camera is device.truth.is_camera
    wanted = {s: v for s in ("kind", "brand", "maker", "model", "firmware") if (v := getattr(device.truth, s)) is not None}
    assert {s: found.get(s) for s in wanted} == wanted


@pytest.mark.parametrize("device", TELLING, ids=lambda d: f"{d.host} {d.name}")
def test_what_is_named_is_sure_enough_and_says_why(device: scenario.Device, matcher: Matcher) -> None:
    found = identity(device, matcher)
    if device.truth.kind in CAMERA_KINDS:
        assert found.confidence["maker"] >= 0.6
        assert [c for c in found.because if c.slot == "maker" and c.origin != "mac"]
    for claim in (*found.because, *found.disputed):
        assert claim.because, claim.by


def test_a_device_that_only_shows_its_mac_prefix_gets_no_kind_and_at_most_half_a_maker(matcher: Matcher) -> None:
    silent = [d for d in SCENARIO.devices if not d.truth.tells]
    assert silent
    for device in silent:
        found = identity(device, matcher)
        assert found.get("kind") is None
        assert found.is_camera is None
        assert found.get("brand") is None
        assert found.confidence.get("maker", 0.0) <= 0.5


def test_the_order_of_the_observations_does_not_matter(matcher: Matcher) -> None:
    seen = [o for d in SCENARIO.devices for o in scenario_answers.observations(SCENARIO, d)]
    assert list(identify(seen, matcher)) == list(identify(reversed(seen), matcher))
