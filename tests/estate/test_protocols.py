"""A device per protocol: each is found once, by what that protocol tells of it, whatever port the answer comes to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from netcam.collect.sent import BESIDES
from netcam.lab.scenario import load
from netcam.protocols import never, registry
from tests.collect.inside import said

pytestmark = pytest.mark.lab
TOLD = {
    "xm": "xm.MAC", "dahua5050": "dahua5050.serial", "tvt": "tvt.model", "hanwha": "hanwha.model", "vivotek": "vivotek.mac",
    "foscam": "foscam.firmware", "panasonic": "panasonic.serial", "sony": "sony.MODEL", "bosch": "bosch.serialNumber",
    "ubiquiti": "ubiquiti.firmware", "reolink": "reolink.mac", "miio": "miio.device_id", "pppp": "pppp.prefix", "gvcp": "gvcp.serial",
    "kasa": "tplink.model", "tapo": "tplink.firmware_version", "sadp": "sadp.DeviceSN", "sadp on the link": "sadp.SoftwareVersion",
    "dhip": "dhip.SerialNo", "wsdiscovery and onvif": "onvif.serial", "mdns": "mdns.txt.macaddress", "ssdp and description": "upnp.serial",
    "http and axis properties": "axis.Version", "https and ja4s": "tls.ja4s", "rtsp": "rtsp.realm", "greetings": "telnet.banner",
}  # fmt: skip
"""Device of the scenario -> a field that only its protocol yields."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep with its records, its audit log and a capture of the wire."""
    home = tmp_path_factory.mktemp("protocols")
    script = f"{sys.executable} -m netcam scan 10.77.0.0/24 --profile standard --store s.sqlite --format jsonl > out.jsonl"
    argv = [
        sys.executable,
        "-m",
        "netcam",
        "lab",
        "exec",
        "--scenario",
        "protocols",
        "--no-traffic",
        "--pcap",
        str(home / "wire.pcap"),
        "--",
        "sh",
        "-c",
        script,
    ]
    env = {**os.environ, "NETCAM_HOME": str(home)}
    done = subprocess.run(argv, capture_output=True, text=True, cwd=home, env=env, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def records(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "out.jsonl").read_text().splitlines()]


def test_every_device_is_found_once_by_what_its_protocol_tells(records: list[dict[str, Any]]) -> None:
    wrong = {}
    for one in load("protocols").truth():
        found = [r for r in records if r["type"] == "device" and one["address"] in r["addresses"]]
        if len(found) != 1 or one["mac"] not in found[0]["macs"] or TOLD.get(one["name"], "mac") not in found[0]["observed"]:
            wrong[one["name"]] = [r["observed"] for r in found]
    assert wrong == {}


def test_every_search_of_the_registry_has_its_device(records: list[dict[str, Any]]) -> None:
    seen = {field.partition(".")[0] for r in records if r["type"] == "device" for field in r["observed"]}
    asked = {name for name in registry.discoveries() if not name.startswith("wsdiscovery")}
    assert asked <= seen | {"onvif_pre_auth"}


def test_a_camera_that_only_a_frame_reaches_is_told_of_as_off_the_subnet(records: list[dict[str, Any]]) -> None:
    scan = next(r for r in records if r["type"] == "scan")
    assert scan["totals"]["off subnet"] == 1
    assert scan["status"] == "complete"


def test_the_report_of_the_run_tells_packets_per_device_and_per_network(records: list[dict[str, Any]]) -> None:
    totals = next(r for r in records if r["type"] == "scan")["totals"]
    assert 0 < totals["sent.device.mean"] <= totals["sent.device.most"]
    assert totals["sent.network.10.77.0.0/24"] >= totals["sent.device.most"]


POSTED = {b"/onvif/device_service", b"/axis-cgi/basicdeviceinfo.cgi"}
"""Where a message with a body goes: questions that read."""
SECRET = re.compile(
    rb"(?i)authorization|usernametoken|wsse|password|/current_config|rpc2|global.login|weblanguage|[?&]auth=|usercheck|main-cgi|dologin|device.rsp"
)


def test_nothing_of_the_never_list_is_on_the_wire_of_a_recorded_sweep(home: Path) -> None:
    payloads = [bytes.fromhex(p) for p in said(home / "wire.pcap", ip_address("10.77.0.2").packed)]
    assert len(payloads) > 60
    for payload in payloads:
        assert never.refuses(payload) is None, payload[:200]
        assert not SECRET.search(payload), payload[:200]
        first = payload.split(b"\r\n", 1)[0].split(b" ")
        if len(first) == 3 and first[2].startswith((b"HTTP/", b"RTSP/")):
            assert first[0] in (b"GET", b"POST", b"OPTIONS", b"DESCRIBE", b"M-SEARCH"), payload[:200]
            assert first[0] != b"POST" or first[1] in POSTED, payload[:200]


def test_everything_that_was_sent_is_explained_and_stands_in_the_audit_log(home: Path, records: list[dict[str, Any]]) -> None:
    totals = next(r for r in records if r["type"] == "scan")["totals"]
    sent = {name.split(".")[1] for name in totals if name.startswith("sent.")} - {"device", "network"}
    explained = {*registry.discoveries(), *registry.conversations(), *BESIDES}
    assert sent - {"tls"} <= explained  # the handshake of a conversation that is listed with its TLS ports
    (audit,) = (home / "audit").glob("*.jsonl")
    logged = [json.loads(line) for line in audit.read_text().splitlines()]
    assert {one["protocol"] for one in logged} == sent
    packets = Counter[str]()
    for one in logged:
        packets[one["protocol"]] += one["packets"]
    assert packets == {name: totals[f"sent.{name}.packets"] for name in sent}
