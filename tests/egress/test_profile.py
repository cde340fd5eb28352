"""What a device needs: learnt, written for others to enforce, enforced for real, and held against later traffic."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.catalog import destinations
from netcam.egress import enforce, profile
from netcam.egress.detect import DeviceRef, Explainer, SiteRules, Stream, windows
from netcam.egress.profile import Profile, Rule
from netcam.egress.window import Window
from netcam.errors import ConfigError, StoreError
from tests.egress import flowcases

HERE = Path(__file__).resolve().parent
NOW = datetime(2025, 11, 25, tzinfo=UTC)
HEALTHY = [
    {"from": "10.0.0.50", "to": "10.0.0.5", "port": "554", "out": "3000", "in": "900000000", "seconds": "3600", "tells": "rtsp"},
    {
        "from": "10.0.0.5",
        "to": "203.0.113.9",
        "name": "dev.hik-connect.com",
        "port": "8555",
        "out": "1600",
        "in": "600",
        "repeat": "9",
        "every": "600",
    },
    {"from": "10.0.0.5", "to": "10.0.0.1", "port": "123", "protocol": "udp", "out": "48", "in": "48", "repeat": "9", "every": "600"},
]
LEAK = {"from": "10.0.0.5", "to": "198.51.100.66", "port": "443", "out": "90000000", "in": "90000", "seconds": "600"}


@cache
def known() -> destinations.Destinations:
    return destinations.load(HERE.parent.parent / "fingerprints")


def seen(flows: list[dict[str, str]], case: dict[str, str] | None = None) -> list[Window]:
    stream = Stream(site="hq", internal=(ip_network("10.0.0.0/8"),))
    stream.add(flowcases.table(flows), flowcases.devices(case or {}))
    return list(windows(stream, Explainer(known(), SiteRules(internal=stream.internal))))


def learnt(flows: list[dict[str, str]]) -> Profile:
    return profile.learn(seen(flows), "cam")


def test_a_profile_holds_what_is_explained_and_lists_the_rest_apart() -> None:
    one = learnt([*HEALTHY, LEAK])
    assert [(r.way, r.peer, r.port) for r in one.rules] == [
        ("from", "10.0.0.50", 554),
        ("to", "dev.hik-connect.com", 8555),
        ("to", "10.0.0.1", 123),
    ]
    assert [(r.peer, r.explained) for r in one.left_out] == [("198.51.100.66", False)]
    assert one.rules[1].addresses == ("203.0.113.9",)


def test_attempts_and_knocks_are_no_needs() -> None:
    flows = [
        *HEALTHY,
        {"from": "10.0.0.5", "to": "10.0.0.77", "port": "23", "answered": "no"},
        {"from": "10.0.0.99", "to": "10.0.0.5", "port": "23", "answered": "no"},
    ]
    assert learnt(flows) == learnt(HEALTHY)


def test_later_traffic_is_held_against_it() -> None:
    one = learnt(HEALTHY)
    (same,) = [profile.check(one, w) for w in seen(HEALTHY)]
    assert same == profile.Drift((), (), (), 0.0)
    (other,) = [profile.check(one, w) for w in seen([HEALTHY[0], LEAK])]
    assert other.outside_profile == ("198.51.100.66:443/tcp",)
    assert other.not_seen == ("to dev.hik-connect.com:8555", "to 10.0.0.1:123")
    assert other.share_outside == pytest.approx(0.0909, abs=0.001)


def test_a_profile_survives_being_written_and_rubbish_is_refused() -> None:
    one = learnt([*HEALTHY, LEAK])
    assert profile.loads(profile.dumps(one), "x") == one
    for text in ("", "{}", '{"format": 2}', "[1]", '{"format": 1, "device": 5}', profile.dumps(one).replace('"port"', '"prt"')):
        with pytest.raises(StoreError, match="x: is no profile"):
            profile.loads(text, "x")


def test_an_unknown_device_has_no_profile() -> None:
    with pytest.raises(ConfigError, match="no traffic of it is known"):
        profile.learn(seen(HEALTHY), "cam-9")


def test_what_most_devices_of_a_type_do_is_the_types_profile() -> None:
    several = [learnt(HEALTHY), learnt(HEALTHY), learnt(HEALTHY[:1])]
    one = profile.common(several)
    assert [r.peer for r in one.rules] == ["dev.hik-connect.com"]
    assert profile.common(several, share=0.9).rules == ()


def test_a_types_profile_is_learnt_from_all_of_it_and_holds_for_each() -> None:
    case = {"model": "DS-2CD2143G2-I", "firmware": "V5.7.1", "devices": [{"device": "cam-x", "address": "10.0.0.6", "model": "DS-2CD2143G2-I", "firmware": "V5.7.1"},
            {"device": "other", "address": "10.0.0.7", "model": "DS-2CD2347G2-LU", "firmware": "V5.7.1"}]}  # fmt: skip
    like = [f | {k: f[k].replace("10.0.0.5", "10.0.0.6") for k in ("from", "to") if f[k] == "10.0.0.5"} for f in HEALTHY[1:]]
    strange = [HEALTHY[1] | {"from": "10.0.0.7", "name": "litedev.hik-connect.com", "port": "8666"}]
    windows_ = seen([*HEALTHY, *like, *strange], case)
    one = profile.of_type(windows_, "cam")
    assert (one.device, one.addresses, [r.peer for r in one.rules]) == ("Hikvision DS-2CD2143G2-I", (), ["dev.hik-connect.com"])
    assert all(not profile.check(one, w, "cam-x").outside_profile for w in windows_)
    assert [profile.check(one, w, "other").outside_profile for w in windows_] == [("litedev.hik-connect.com:8666/tcp",)]
    with pytest.raises(StoreError, match="maker, model and firmware are not all known"):
        profile.of_type(seen(HEALTHY), "cam")


def test_the_mud_file_has_the_form_of_rfc_8520() -> None:
    told = json.loads(enforce.mud(learnt(HEALTHY), url="https://mud.example.org/cam.json", now=NOW))
    mud = told["ietf-mud:mud"]
    assert (mud["mud-version"], mud["mud-url"], mud["is-supported"]) == (1, "https://mud.example.org/cam.json", True)
    assert 1 <= mud["cache-validity"] <= 168
    lists = {one["name"]: one for one in told["ietf-access-control-list:acls"]["acl"]}
    for way in ("from", "to"):
        for used in mud[f"{way}-device-policy"]["access-lists"]["access-list"]:
            assert used["name"] in lists
    leaving = [ace["matches"] for ace in lists["mud-ipv4-fr"]["aces"]["ace"]]
    assert {
        "ipv4": {"protocol": 6, "ietf-acldns:dst-dnsname": "dev.hik-connect.com"},
        "tcp": {"destination-port": {"operator": "eq", "port": 8555}, "ietf-mud:direction-initiated": "from-device"},
    } in leaving
    arriving = [ace["matches"] for ace in lists["mud-ipv4-to"]["aces"]["ace"]]
    assert {
        "ipv4": {"protocol": 6},
        "ietf-mud:mud": {"local-networks": [None]},
        "tcp": {"destination-port": {"operator": "eq", "port": 554}, "ietf-mud:direction-initiated": "to-device"},
    } in arriving


def test_the_access_list_names_both_directions() -> None:
    text = enforce.cisco(learnt(HEALTHY))
    assert "permit tcp host 10.0.0.5 host 203.0.113.9 eq 8555" in text
    assert "permit tcp host 10.0.0.50 host 10.0.0.5 eq 554" in text
    assert "permit tcp host 10.0.0.5 eq 554 host 10.0.0.50 established" in text
    assert "deny ip host 10.0.0.5 any log" in text
    assert "198.51.100.66" not in text


def test_each_address_of_a_device_is_closed_and_what_is_turned_away_is_logged() -> None:
    text = enforce.cisco(dataclasses.replace(learnt(HEALTHY), addresses=("10.0.0.5", "10.0.0.6", "fe80::5%eth0")))
    for host in ("10.0.0.5", "10.0.0.6"):
        assert f"deny ip host {host} any log" in text
        assert f"deny ip any host {host} log" in text


def test_a_device_without_address_gets_no_rules() -> None:
    bare = Profile("cam", (), "", "", "", 1, ())
    for write in (enforce.nftables, enforce.cisco):
        with pytest.raises(ConfigError, match="no address"):
            write(bare)


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=40), st.text(max_size=60), st.integers(0, 65535), st.sampled_from([1, 6, 17, 47, 58]), st.sampled_from(["to", "from"])
)
def test_no_text_of_a_device_breaks_out_of_a_rule(device: str, peer: str, port: int, proto: int, way: str) -> None:
    one = Profile(
        device, ("10.0.0.5", "fe80::5"), peer, peer, peer, 1, (Rule(way, False, peer, port, proto, ("203.0.113.9", "2001:db8::9")),)
    )
    for line in enforce.nftables(one).splitlines():
        assert re.fullmatch(r"#[ -~]*|[\t -~]*", line)
        assert line.count('"') in (0, 2)
        assert line.count("{") <= 2
    for line in enforce.cisco(one).splitlines():
        assert re.fullmatch(r"[ -~]*", line)
    json.loads(enforce.mud(one, url="https://mud.example.org/x", now=NOW))


@pytest.mark.lab
def test_the_rules_keep_the_recorder_and_cut_the_leak(tmp_path: Path) -> None:
    argv = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    env = {**os.environ, "NETCAM_HOME": str(tmp_path)}
    run = subprocess.run(
        [*argv, sys.executable, str(HERE / "fenced.py"), str(tmp_path)], capture_output=True, text=True, timeout=900, env=env, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["before"] == {
        "recorder takes the picture": 2_000_000,
        "camera reports an event": 300,
        "stranger gets": 409_600,
        "stranger fetches": 2_000_000,
    }
    assert told["after"]["recorder takes the picture"] == 2_000_000
    assert told["after"]["camera reports an event"] == 300
    assert told["after"]["stranger gets"] == 0
    assert told["after"]["stranger fetches"] == 0
    assert told["leak_after_rules"] == 0  # the connection that ran already is cut too
    assert re.search(r"counter packets [1-9]", told["counted"])


def test_the_reference_of_a_profile_is_a_device_of_the_inventory() -> None:
    one = profile.learn(seen(HEALTHY, {"maker": "Hikvision", "model": "DS-2CD2143", "firmware": "V5.7.1"}), "cam")
    assert (one.maker, one.model, one.firmware) == ("Hikvision", "DS-2CD2143", "V5.7.1")
    assert DeviceRef(device="x").type == ("", "", "")
