"""Files that other programs wrote here and now: nmap, masscan, dumpcap, dnsmasq, ISC dhcpd, Kea, the kernel's own tables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netcam.cli.app import app
from netcam.collect.importers import source
from netcam.collect.importers.source import Problem
from netcam.model import Observation

HERE = Path(__file__).parent
CAMERA = "44:19:b6:00:00:20"
NEEDED = ("nmap", "masscan", "dumpcap", "dnsmasq", "dhcpd", "kea-dhcp4", "dhclient")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the programs left their files."""
    missing = [one for one in NEEDED if not shutil.which(one, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    assert not missing, f"make system-test installs {missing}"
    folder = tmp_path_factory.mktemp("programs")
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *own, "--net", "--mount", "--propagation", "private", sys.executable, str(HERE / "programs.py"), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stderr
    return folder


def read(path: Path) -> list[Observation]:
    problems: list[Problem] = []
    now = datetime.now(UTC) + timedelta(minutes=1)  # noqa: TID251 - the programs wrote a moment ago
    found = list(source.read(path, wanted=None, columns={}, site="hq", scan="run", now=now, problems=problems))
    assert problems == []
    for one in found:
        if one.at is not None:
            assert timedelta() < now - one.at < timedelta(minutes=10), one
    return found


def facts(found: list[Observation]) -> set[tuple[str, str, str]]:
    return {(one.endpoint, one.field, one.value) for one in found}


@pytest.mark.lab
@pytest.mark.parametrize(
    ("name", "first"), [("dnsmasq.leases", "192.0.2.5"), ("dhcpd.leases", "192.0.2.6"), ("kea-leases4.csv", "192.0.2.7")]
)
def test_leases_of_three_servers(written: Path, name: str, first: str) -> None:
    found = read(written / name)
    assert {(one.mac, one.field, one.value) for one in found} >= {(CAMERA, "mac", CAMERA), (CAMERA, "dhcp.hostname", "cam-gate")}
    assert all(one.address.startswith(first) for one in found)
    assert (found[0].at is None) == name.startswith("dnsmasq")  # its file tells when a lease ends, not when it began
    assert all(one.sensor.startswith(f"{name}:") for one in found)


@pytest.mark.lab
def test_nmap_xml(written: Path) -> None:
    found = facts(read(written / "nmap.xml"))
    assert ("192.0.2.20", "mac", CAMERA) in found
    assert ("192.0.2.20:80", "port.open", "80") in found
    assert ("192.0.2.20:80", "http.title", "index") in found
    assert not any("443" in endpoint for endpoint, _, _ in found)


@pytest.mark.lab
@pytest.mark.parametrize("name", ["masscan.json", "masscan.ndjson"])
def test_masscan_in_both_forms(written: Path, name: str) -> None:
    assert facts(read(written / name)) == {("192.0.2.20:80", "port.open", "80")}


@pytest.mark.lab
@pytest.mark.parametrize("name", ["ip-neigh.txt", "proc-arp.txt"])
def test_the_kernels_own_tables_without_those_who_did_not_answer(written: Path, name: str) -> None:
    assert facts(read(written / name)) == {("192.0.2.20", "mac", CAMERA)}


@pytest.mark.lab
def test_what_dumpcap_caught_of_all_that(written: Path) -> None:
    path = written / "office.pcapng"
    found = read(path)
    told = {(one.mac, one.field, one.value) for one in found}
    assert told >= {
        (CAMERA, "dhcp.hostname", "cam-gate"), (CAMERA, "dhcp.vendor_class", "HIKVISION-IPC"), (CAMERA, "dhcp.params", "1,3,6,42"),
        (CAMERA, "http.server", "App-webs/"), (CAMERA, "http.title", "index"), (CAMERA, "port.open", "80"),
    }  # fmt: skip
    # the server gave three addresses to one camera, which is one device
    assert {one.address for one in found if one.mac == CAMERA and one.field == "mac"} >= {"192.0.2.20"}
    assert len({one.key for one in found if one.field == "dhcp.hostname"}) == 1


@pytest.mark.lab
def test_the_command_names_the_camera_from_these_files_together(written: Path, tmp_path: Path) -> None:
    files = [str(written / name) for name in ("nmap.xml", "masscan.json", "kea-leases4.csv", "ip-neigh.txt", "office.pcapng")]
    run = CliRunner().invoke(app, ["import", *files, "--format", "jsonl", "--store", str(tmp_path / "s.sqlite")])
    assert run.exit_code == 0, run.output
    records = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    camera = next(one for one in records if one["type"] == "device" and CAMERA in one["macs"])
    assert camera["maker"] == "Hikvision"
    assert camera["confidence"]["maker"] > 0.5
    assert "192.0.2.20" in camera["addresses"]
