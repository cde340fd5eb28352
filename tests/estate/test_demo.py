"""The main job end to end, on real packets: the virtual estate is swept and the result compared with its truth, device by device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.lab


def netcam(*argv: str, home: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NETCAM_HOME": str(home)}
    return subprocess.run([sys.executable, "-m", "netcam", *argv], capture_output=True, text=True, env=env, timeout=900, check=False)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("demo")
    argv = (
        "demo",
        "--format",
        "jsonl",
        "--fail-on",
        "advisory",
        "--report",
        str(home / "report.html"),
        "--store",
        str(home / "demo.sqlite"),
    )
    run = netcam(*argv, "--pcap", str(home / "estate.pcap"), home=home)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    truth = [json.loads(line) for line in netcam("lab", "truth", home=home).stdout.splitlines()]
    return {"run": run, "records": records, "truth": truth, "home": home}


def of_type(result: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r for r in result["records"] if r["type"] == kind]


def by_address(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {address: r for r in of_type(result, "device") for address in r["addresses"]}


def test_the_estate_is_as_large_and_as_mixed_as_it_should_be(result: dict[str, Any]) -> None:
    cameras = [t for t in result["truth"] if t["is_camera"] and t["tells"]]
    assert len(cameras) >= 25
    assert len({t["maker"] for t in cameras}) >= 12
    assert len([t for t in cameras if t["brand"] != t["maker"]]) >= 5
    assert len([t for t in result["truth"] if not t["is_camera"]]) >= 8
    assert [t for t in cameras if t["kind"] == "recorder"]


def test_the_demo_ends_with_findings_and_no_difference_to_the_truth(result: dict[str, Any]) -> None:
    assert of_type(result, "truth")[0]["misses"] == []
    assert result["run"].returncode == 10, result["run"].stderr


def test_every_device_is_found_under_its_own_address_and_mac(result: dict[str, Any]) -> None:
    found = by_address(result)
    assert {t["address"] for t in result["truth"]} == set(found)
    for wanted in result["truth"]:
        assert wanted["mac"] in found[wanted["address"]]["macs"], wanted["address"]


def test_every_camera_is_named_with_brand_maker_model_and_firmware_where_it_tells(result: dict[str, Any]) -> None:
    found = by_address(result)
    for wanted in (t for t in result["truth"] if t["is_camera"] and t["tells"]):
        for slot in ("brand", "maker", "model", "firmware"):
            if wanted.get(slot):
                assert found[wanted["address"]][slot] == wanted[slot], (wanted["address"], slot)


def test_nothing_that_is_no_camera_is_called_one(result: dict[str, Any]) -> None:
    found = by_address(result)
    assert [t["address"] for t in result["truth"] if not t["is_camera"] and found[t["address"]]["is_camera"]] == []


def test_named_makers_are_flagged_with_citation_and_reach_and_nobody_else(result: dict[str, Any]) -> None:
    flagged = [f for f in of_type(result, "finding") if f["kind"] == "policy" and f["verdict"] in ("restricted", "review", "advisory")]
    makers = {r["device"]: r["maker"] for r in of_type(result, "device")}
    assert {makers[f["device"]] for f in flagged} >= {"Hikvision", "Dahua"}
    for finding in flagged:
        assert finding["citations"], finding["title"]
        assert finding["reach"]
        assert finding["would_change"]
        assert "illegal" not in finding["text"].lower()
    assert not {makers[f["device"]] for f in flagged} & {"Axis", "Bosch", "Hanwha", "Vivotek", "Mobotix"}
    assert "restricted" not in {f["verdict"] for f in flagged}, "in a force's own estate these texts advise"


def test_a_mac_prefix_alone_is_never_sure_and_never_restricted(result: dict[str, Any]) -> None:
    (silent,) = [t for t in result["truth"] if not t["tells"]]
    device = by_address(result)[silent["address"]]
    assert device["is_camera"] is None
    assert device["confidence"]["maker"] <= 0.5
    assert not [f for f in of_type(result, "finding") if f["device"] == device["device"] and f["verdict"] == "restricted"]


def test_the_uploading_and_the_beaconing_camera_are_found_and_the_recorder_only_one_is_not(result: dict[str, Any]) -> None:
    roles = {t["traffic"]: t for t in result["truth"] if t.get("traffic")}
    found = by_address(result)
    calls = [f for f in of_type(result, "finding") if f["kind"] == "egress"]
    device = {role: found[t["address"]]["device"] for role, t in roles.items()}
    rules = {role: {f["rule"] for f in calls if f["device"] == key} for role, key in device.items()}
    assert any("upload" in rule for rule in rules["upload"])
    assert any("beacon" in rule for rule in rules["beacon"])
    assert rules["recorder-only"] == set()
    assert {f["device"] for f in calls if f["severity"] in ("medium", "high")} <= {device["upload"], device["beacon"]}


def test_the_page_and_the_capture_of_the_demo_are_whole(result: dict[str, Any]) -> None:
    page = (result["home"] / "report.html").read_text()
    for wanted in (t for t in result["truth"] if t["is_camera"]):
        assert wanted["address"] in page
    run = netcam("egress", "analyse", str(result["home"] / "estate.pcap"), "--format", "jsonl", "--site", "demo", "--store",
                 str(result["home"] / "demo.sqlite"), home=result["home"])  # fmt: skip
    rules = {json.loads(line).get("rule") for line in run.stdout.splitlines()}
    assert any(rule and "upload" in rule for rule in rules), run.stderr


def test_explain_prints_the_chain_from_badge_to_maker(result: dict[str, Any]) -> None:
    rebrand = next(t for t in result["truth"] if t["is_camera"] and t["maker"] == "Hikvision" and t["brand"] not in (None, "Hikvision"))
    run = netcam("explain", rebrand["address"], "--store", str(result["home"] / "demo.sqlite"), home=result["home"])
    assert run.returncode == 0, run.stderr
    assert rebrand["brand"] in run.stdout
    assert "Hikvision" in run.stdout
    assert "hikvision/" in run.stdout, "the fingerprint is named"


def test_a_second_scan_of_the_same_estate_records_the_same_devices(result: dict[str, Any]) -> None:
    scans = [r for r in result["records"] if r["type"] == "scan"]
    assert scans[0]["status"] == "complete"
    assert scans[0]["totals"]["answered"] == len(result["truth"])
    assert sum(v for k, v in scans[0]["totals"].items() if not k.startswith("sent.")) >= 254
