"""Other people's tunnels, calls and healthy programs, recorded: what carries data away is told so, what services do is not (recorded/README.md)."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network
from pathlib import Path

import pytest

from netcam.catalog import destinations
from netcam.catalog.destinations import Destinations
from netcam.egress.detect import SiteRules, detect
from netcam.flows import files
from netcam.model import Finding

HERE = Path(__file__).resolve().parent
INSIDE = (ip_network("10.1.0.0/16"),)
LEAVING = {
    "turn_call": "peer-to-peer-media", "iodine_null": "covert-channel", "iodine_txt": "covert-channel", "dns2tcp": "covert-channel",
    "ptunnel": "covert-channel", "icmptx": "covert-channel", "openvpn_udp": "covert-channel", "openvpn_tcp443": "covert-channel",
    "openvpn_auth": "covert-channel", "openvpn_crypt": "covert-channel", "openvpn_crypt2": "covert-channel",
    "wireguard": "covert-channel", "ssh_forward": "covert-channel", "vxlan": "covert-channel", "tls_nameless": "bulk-transfer",
    "http_put": "bulk-transfer",
}  # fmt: skip
"""Recordings that must score 70 and more, and their class."""
HEALTHY = ("chrony", "mqtt_platform", "mqtt_unknown", "update_check", "stun_check", "https_reports", "syslog", "names")
"""Recordings of programs that every camera may run: no movement of data is to be seen in them."""


@cache
def known() -> Destinations:
    return destinations.load(HERE.parent.parent / "fingerprints")


def judged(name: str) -> list[Finding]:
    """What is found with no inventory at all: the device's kind and maker are unknown."""
    path = HERE / "recorded" / f"{name}.pcap.gz"
    (table,) = files.windows(path, internal=INSIDE)
    return detect(table, {}, known(), rules=SiteRules(internal=INSIDE), site="lab")


@pytest.mark.parametrize(("name", "category"), LEAVING.items())
def test_what_carries_data_away_scores_high(name: str, category: str) -> None:
    found = judged(name)
    strongest = max(found, key=lambda f: f.score or 0)
    assert (strongest.score or 0) >= 70
    assert (strongest.severity, strongest.category, strongest.device) == ("high", category, "10.1.0.5")


def test_a_tunnel_without_any_mark_is_told_by_its_volume() -> None:
    found = judged("shadowsocks")
    assert {(f.severity, f.category) for f in found if f.rule == "bulk-upload"} == {("medium", "bulk-transfer")}
    assert all(45 <= (f.score or 0) < 70 for f in found)


@pytest.mark.parametrize("name", HEALTHY)
def test_what_services_do_is_not_called_data_leaving(name: str) -> None:
    for finding in judged(name):
        assert (finding.score or 0) < 45, finding
        assert finding.category in ("service", "signalling", "phone-home", "update", "open-door")


def test_documented_services_stay_below_review() -> None:
    for name in ("mqtt_platform", "update_check", "names"):
        assert all((f.score or 0) < 25 for f in judged(name)), name


def test_every_recording_is_judged() -> None:
    assert {p.name.removesuffix(".pcap.gz") for p in (HERE / "recorded").glob("*.pcap.gz")} == {*LEAVING, *HEALTHY, "shadowsocks"}
