"""A device per protocol: each is found once, by what that protocol tells of it, whatever port the answer comes to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from netcam.lab.scenario import load
from netcam.protocols import registry

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
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    home = tmp_path_factory.mktemp("protocols")
    script = f"{sys.executable} -m netcam scan 10.77.0.0/24 --profile standard --store s.sqlite --format jsonl > out.jsonl"
    argv = [sys.executable, "-m", "netcam", "lab", "exec", "--scenario", "protocols", "--no-traffic", "--", "sh", "-c", script]
    env = {**os.environ, "NETCAM_HOME": str(home)}
    done = subprocess.run(argv, capture_output=True, text=True, cwd=home, env=env, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
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
