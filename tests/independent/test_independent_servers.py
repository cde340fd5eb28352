"""netcam against servers that nobody here wrote: what they say is read, and none that is no camera is called one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import peers

HERE = Path(__file__).resolve().parent
pytestmark = [pytest.mark.lab, pytest.mark.slow]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("servers")
    (folder / "community").write_text("sesame\n")
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    command += [sys.executable, str(HERE / "serve.py"), str(folder), sys.executable, "-m", "netcam"]
    command += ["scan", "192.0.2.0/24", "--profile", "standard", "--nmap", "--snmp-community", str(folder / "community")]
    command += ["--format", "jsonl", "--store", str(folder / "store.sqlite")]
    env = {**os.environ, "NETCAM_HOME": str(folder / "home"), "PYTHONPATH": str(peers.folder())}
    run = subprocess.run(command, capture_output=True, text=True, env=env, timeout=900, check=False)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def seen(records: list[dict[str, Any]], host: int) -> dict[str, Any]:
    (device,) = [r for r in records if r["type"] == "device" and f"192.0.2.{host}" in r["addresses"]]
    assert device["macs"] == [f"02:00:00:00:00:{host}"]
    return device


def test_five_hosts_are_found_each_once_and_only_the_camera_is_called_one(records: list[dict[str, Any]]) -> None:
    devices = [r for r in records if r["type"] == "device"]
    assert len(devices) == 5
    assert {d["addresses"][0]: d["is_camera"] is True for d in devices} == {
        "192.0.2.20": False, "192.0.2.30": True, "192.0.2.40": False, "192.0.2.50": False, "192.0.2.60": False,
    }  # fmt: skip
    (scan,) = [r for r in records if r["type"] == "scan"]
    assert scan["status"] == "complete"
    assert scan["totals"]["answered"] == 5
    assert not [
        r for r in records if r["type"] == "finding" and r["kind"] == "policy" and r["verdict"] in ("restricted", "review", "advisory")
    ]


def test_avahi_lighttpd_and_wsdd_are_read(records: list[dict[str, Any]]) -> None:
    told = seen(records, 20)["observed"]
    assert told["http.server"][0].startswith("lighttpd/")
    assert told["http.title"] == ["Records archive"]
    assert "archive.local" in " ".join(told["mdns.host"])
    assert any("Computer" in value for value in told["onvif.types"]), "wsdd says that it is a computer"


def test_wsdd2_which_reads_no_xml_is_heard(records: list[dict[str, Any]]) -> None:
    told = seen(records, 60)["observed"]
    assert any("Computer" in value for value in told["onvif.types"])
    assert told["onvif.xaddr"][0].startswith("http://192.0.2.60:3702/")


def test_an_onvif_camera_of_somebody_else_tells_maker_model_firmware_and_serial(records: list[dict[str, Any]]) -> None:
    camera = seen(records, 30)
    told = camera["observed"]
    assert told["onvif.manufacturer"] == ["Example Maker"]
    assert (told["onvif.model"], told["onvif.firmware"], told["onvif.serial"]) == (["IPY-1"], ["1.2.3"], ["SN42"])
    assert any("NetworkVideoTransmitter" in value for value in told["onvif.types"])
    assert (camera["model"], camera["firmware"]) == ("IPY-1", "1.2.3")


def test_an_rtsp_server_of_debian_is_read(records: list[dict[str, Any]]) -> None:
    told = seen(records, 30)["observed"]
    assert "554" in told["port.open"]
    assert "DESCRIBE" in told["rtsp.public"][0]


def test_nginx_its_certificate_snmpd_sshd_and_pure_ftpd_are_read(records: list[dict[str, Any]]) -> None:
    told = seen(records, 40)["observed"]
    assert told["http.server"][0].startswith("nginx")
    assert "CN=doorbook,O=Records office" in told["tls.subject"]
    assert told["snmp.sysdescr"] == ["Door book appliance 4.2"]
    assert told["snmp.sysname"] == ["doorbook"]
    assert told["ssh.banner"][0].startswith("SSH-2.0-OpenSSH_")
    assert told["ftp.banner"][0].startswith("220-Door book drop box")


def test_nmap_gives_a_second_opinion_on_what_stays_unknown(records: list[dict[str, Any]]) -> None:
    told = seen(records, 40)["observed"]
    assert {"Pure-FTPd", "OpenSSH", "nginx"} <= set(told["nmap.product"])


def test_a_upnp_daemon_of_debian_and_its_description_are_read(records: list[dict[str, Any]]) -> None:
    told = seen(records, 50)["observed"]
    assert "MiniDLNA" in told["ssdp.server"][0]
    assert told["upnp.friendly_name"] == ["Training films"]
    assert told["upnp.model_name"] == ["Film shelf"]


def test_the_community_stands_nowhere_in_what_is_kept(records: list[dict[str, Any]]) -> None:
    assert "sesame" not in json.dumps(records)
