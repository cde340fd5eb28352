"""The observation file and what leaves as JSON: broken lines are told, hostile text stays text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from netcam import wire
from netcam.model import Claim, Identity, Observation

GOOD = (
    b'{"field":"http.server","value":"App-webs/","endpoint":"192.0.2.10:80","mac":"44-19-B6-00-00-01","at":"2026-05-01T10:00:00+01:00"}\n'
)


def read(*lines: bytes) -> tuple[list[Observation], list[wire.Problem]]:
    things = list(wire.observations(lines))
    return [t for t in things if isinstance(t, Observation)], [t for t in things if isinstance(t, wire.Problem)]


def test_a_line_becomes_an_observation_with_normal_mac_and_utc_time() -> None:
    (one,), problems = read(GOOD)
    assert (one.mac, one.address, one.at.isoformat() if one.at else "") == ("44:19:b6:00:00:01", "192.0.2.10", "2026-05-01T09:00:00+00:00")
    assert problems == []


def test_a_broken_line_is_told_and_the_rest_goes_on() -> None:
    good, problems = read(b'{"field":"http.ser', GOOD, b"\xff\xfe\n", b'{"field":"a b","value":""}', b"[]", b'{"field":"x.y"}')
    assert len(good) == 1
    assert [p.line for p in problems] == [1, 3, 4, 5, 6]


def test_only_field_and_value_are_required() -> None:
    (one,), problems = read(b'{"field":"telnet.banner","value":"login:"}')
    assert (one.key, problems) == ("", [])


def test_a_megabyte_value_is_cut_and_the_cut_is_told() -> None:
    (one,), (problem,) = read(json.dumps({"field": "http.body", "value": "x" * 1_000_000}).encode())
    assert len(one.value) == wire.MAX_VALUE
    assert not problem.dropped


def test_link_local_and_bracketed_endpoints_give_their_address() -> None:
    assert Observation(field="mac", value="", endpoint="[fe80::1%eth0]:80").address == "fe80::1%eth0"
    assert Observation(field="mac", value="", endpoint="2001:db8::1").address == "2001:db8::1"


@given(st.text(max_size=200))
def test_what_leaves_is_one_line_without_controls(text: str) -> None:
    line = wire.dumps({"value": text})
    assert not any(c < " " or "\x7f" <= c <= "\x9f" or c in "\u2028\u2029\u202e\u2066" for c in line)
    assert json.loads(line) == {"value": text.encode("utf-8", "replace").decode()}


@given(st.binary(max_size=300))
def test_any_line_gives_observations_or_problems(data: bytes) -> None:
    for thing in wire.observations([data]):
        assert isinstance(thing, Observation | wire.Problem)


def test_an_identity_is_null_where_unknown(obs: Any) -> None:
    claim = Claim(slot="maker", value="Hikvision", weight=0.9, by="hikvision/x", because=(obs(),))
    record = wire.identity_record(Identity(device="d", slots={"maker": "Hikvision"}, confidence={"maker": 0.9}, because=(claim,)))
    assert (record["is_camera"], record["brand"], record["maker"]) == (None, None, "Hikvision")
    assert record["because"] == [
        {"slot": "maker", "value": "Hikvision", "fingerprint": "hikvision/x", "field": "http.server", "observed": "x", "weight": 0.9}
    ]
