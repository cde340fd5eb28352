"""Exports hold to the published schemas as their own validators read them, and carry what devices say without harm."""

import csv
import dataclasses
import io
import json
import os
import re
from pathlib import Path

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.report import csv as tables
from netcam.report import cyclonedx, netbox, stix
from netcam.report.snapshot import Snapshot
from netcam.sinks import validate
from tests.sinks.samples import AT, CAMERA, COVERAGE, EGRESS, FIRMWARE, HOSTILE, MANY, POLICY, REACHED, UNKNOWN, UPLOAD, hostile

FINDINGS = (
    POLICY,
    FIRMWARE,
    EGRESS,
    COVERAGE,
    dataclasses.replace(EGRESS, subject="p2p.example.net", severity="low"),
    dataclasses.replace(EGRESS, subject="2001:db8::77"),
    UPLOAD,
    REACHED,
    MANY,
)
ESTATE = Snapshot(generated_at=AT, title="Camera inventory of hq", identities=(CAMERA, UNKNOWN), findings=FINDINGS)


SAME = Snapshot(
    generated_at=AT,
    identities=(dataclasses.replace(CAMERA, macs=("d2:fb:49:24:37:18",)),),
    findings=(dataclasses.replace(EGRESS, subject="198.51.100.3"), dataclasses.replace(EGRESS, subject="Example.com")),
)


def nasty(text):
    events = list(hostile(text))
    findings = tuple(
        dataclasses.replace(event.finding, kind=kind) for event in events if event.finding for kind in ("policy", "firmware", "egress")
    )
    return Snapshot(
        generated_at=AT,
        title=text,
        identities=(events[2].device, CAMERA),
        findings=(*findings, dataclasses.replace(FIRMWARE, subject=f"CVE-{text}")),
    )


NASTY = [HOSTILE, "'] OR [ipv4-addr:value = '192.0.2.1", '","evil":"x', "=cmd|' /C calc'!A0", "\ud800\x00\u202e", "x" * 5000]


@pytest.mark.parametrize("name", ["cyclonedx.json", "stix.json", "netbox.txt", "devices.csv", "findings.csv"])
def test_the_golden_export_holds(name):
    """NETCAM_WRITE_GOLDEN=1 writes it anew; look at the difference before it is committed."""
    told = {
        "cyclonedx.json": lambda: json.dumps(json.loads(cyclonedx.render(ESTATE, version="1.0.0")), indent=1) + "\n",
        "stix.json": lambda: json.dumps(stix.bundle(ESTATE), indent=1) + "\n",
        "netbox.txt": lambda: "".join(f"== {file}\n{text}" for file, text in netbox.tables(ESTATE.identities).items()),
        "devices.csv": lambda: tables.devices(ESTATE.identities),
        "findings.csv": lambda: tables.findings(ESTATE.findings),
    }[name]()
    path = Path(__file__).parent / "golden" / name
    if os.environ.get("NETCAM_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(told.encode())
    assert path.read_bytes().decode() == told


def checked(tmp_path, text, name):
    path = tmp_path / "export.json"
    path.write_text(text)
    result = validate.check_file(path)
    assert result.schema == name
    return [problem.text for problem in result.problems]


@pytest.mark.parametrize("estate", [ESTATE, Snapshot(generated_at=AT), *map(nasty, NASTY)])
def test_cyclonedx_holds_to_the_published_schema_and_to_the_small_one(estate, tmp_path):
    text = cyclonedx.render(estate, version="1.0")
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    assert checked(tmp_path, text, "CycloneDX 1.7") == []
    refs = re.findall(r'"bom-ref":"((?:[^"\\]|\\.)*)"', text)
    assert len(refs) == len(set(refs))


def test_cyclonedx_names_the_maker_the_firmware_and_what_it_rests_on_and_leaves_out_what_is_unknown():
    told = json.loads(cyclonedx.render(ESTATE))
    camera, unknown = told["components"]
    assert (camera["manufacturer"], camera["name"]) == ({"name": "Example Works"}, "EC-8")
    assert camera["components"][0]["version"] == "V5.5.82 build 190220"
    assert {"name": "netcam:policy:uk-2022", "value": "restricted"} in camera["properties"]
    assert "manufacturer" not in unknown
    assert unknown["name"] == "unknown device"
    (weak,) = told["vulnerabilities"]
    assert (weak["id"], weak["affects"], weak["analysis"]["state"]) == ("CVE-2021-0001", [{"ref": camera["bom-ref"]}], "in_triage")
    assert cyclonedx.render(ESTATE) == cyclonedx.render(ESTATE)
    assert JsonStrictValidator(SchemaVersion.V1_7).output_format is OutputFormat.JSON


def test_the_small_cyclonedx_schema_does_find_what_is_wrong(tmp_path):
    told = json.loads(cyclonedx.render(ESTATE))
    told["components"][0]["maker"] = "x"
    told["components"][1]["type"] = "camera"
    problems = checked(tmp_path, json.dumps(told), "CycloneDX 1.7")
    assert any("'maker'" in problem for problem in problems)
    assert any("'camera' is not one of" in problem for problem in problems)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estate", [ESTATE, Snapshot(generated_at=AT), *map(nasty, NASTY)])
def test_stix_holds_to_the_published_schemas_and_to_the_small_one(estate, tmp_path):
    import stix2validator

    text = stix.render(estate)
    # 103: ids of ours are version 5 on purpose; 221: a bundle may repeat
    result = stix2validator.validate_string(text, stix2validator.ValidationOptions(version="2.1", disabled="103,202,210,241"))
    assert result.is_valid, [str(error) for error in result.errors][:3]
    assert checked(tmp_path, text, "STIX 2.1") == []


def test_stix_tells_what_was_seen_and_what_to_look_for_and_never_calls_a_camera_infrastructure():
    told = stix.bundle(ESTATE)
    kinds = [one["type"] for one in told["objects"]]
    assert {
        "identity",
        "ipv4-addr",
        "ipv6-addr",
        "mac-addr",
        "domain-name",
        "network-traffic",
        "observed-data",
        "indicator",
        "sighting",
        "vulnerability",
    } == set(kinds)
    patterns = [one["pattern"] for one in told["objects"] if one["type"] == "indicator"]
    assert patterns == [
        "[ipv4-addr:value = '203.0.113.77']",
        "[ipv6-addr:value = '2001:db8::77']",
        "[domain-name:value = 'p2p.example.net']",
        "[ipv6-addr:value = '2001:db8::77']",
        "[ipv4-addr:value = '198.51.100.9']",
    ], "the weak finding makes none, and neither does what stays inside"
    upload = next(one for one in told["objects"] if one.get("dst_port") == 8883)
    assert (upload["protocols"], upload["src_byte_count"], upload["dst_byte_count"]) == (["ipv4", "tcp"], 412_316_860, 3_145_728)
    reached = next(one for one in told["objects"] if one.get("dst_port") == 80)
    assert (reached["src_byte_count"], reached["dst_byte_count"]) == (100, 900), "who began is the source"
    assert all(one["indicator_types"] == ["anomalous-activity"] for one in told["objects"] if one["type"] == "indicator")
    by_value = {one["value"]: one["id"] for one in stix.bundle(SAME)["objects"] if "value" in one}
    assert by_value["198.51.100.3"] == "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", "as OASIS's own library makes it"
    assert by_value["example.com"] == "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"
    assert by_value["d2:fb:49:24:37:18"] == "mac-addr--757b1725-9903-54f5-a855-1240691d7659"
    ids = {one["id"] for one in told["objects"]}
    for one in told["objects"]:
        for key, value in one.items():
            for ref in (value if isinstance(value, list) else [value]) if key.endswith(("_ref", "_refs")) else ():
                assert ref in ids
    assert stix.bundle(ESTATE) == told


def test_a_hostile_destination_cannot_leave_its_pattern():
    told = stix.bundle(nasty("'] OR [ipv4-addr:value = '192.0.2.1"))
    for one in told["objects"]:
        if one["type"] == "indicator":
            assert re.fullmatch(r"\[[a-z0-9-]+:value = '(?:[^'\\]|\\['\\])*'\]", one["pattern"])


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_no_text_breaks_an_export(text):
    estate = nasty(text)
    json.loads(cyclonedx.render(estate))
    json.loads(stix.render(estate))
    for name, told in netbox.tables(estate.identities).items():
        rows = tables.read(told)
        assert all(None not in row for row in rows), name
    assert [row["device"] for row in tables.read(tables.devices([CAMERA]))] == [CAMERA.device]


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80))
def test_a_csv_export_survives_the_round_trip(text):
    device = dataclasses.replace(CAMERA, slots={**CAMERA.slots, "model": text, "serial": text})
    finding = dataclasses.replace(POLICY, title=text, text=text)
    (row,) = tables.read(tables.devices([device]))
    assert (row["model"], row["serial"], row["addresses"]) == (text, text, "192.0.2.5; fe80::5%eth0")
    (row,) = tables.read(tables.findings([finding]))
    assert (row["title"], row["text"]) == (text, text)


def test_netbox_gets_its_columns_unique_slugs_and_names_that_fit():
    twin = dataclasses.replace(CAMERA, device="44:19:b6:00:00:02", slots={**CAMERA.slots, "model": "EC 8"}, addresses=("192.0.2.6",))
    long = dataclasses.replace(CAMERA, device="d" * 300, site="s" * 200)
    told = {
        name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in netbox.tables([CAMERA, twin, UNKNOWN, long]).items()
    }
    assert list(told) == sorted(told)
    types = told["2-device-types.csv"]
    assert len({row["slug"] for row in types}) == len(types)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,100}", row["slug"]) for name in list(told)[:4] for row in told[name])
    devices = told["5-devices.csv"]
    assert len({row["name"] for row in devices}) == 4
    assert all(len(row["name"]) <= 64 and len(row["description"]) <= 200 for row in devices)
    assert {row["manufacturer"] for row in devices} == {"Example Works", "unknown"}
    assert {row["manufacturer"] for row in devices} <= {row["name"] for row in told["1-manufacturers.csv"]}
    assert {(row["device_type"]) for row in devices} <= {row["model"] for row in types}
    addresses = told["8-ip-addresses.csv"]
    assert {row["address"] for row in addresses} == {"192.0.2.5/32", "192.0.2.6/32", "2001:db8::9/128"}, (
        "a link-local address says nothing without its link"
    )
    assert {row["device"] for row in addresses} <= {row["name"] for row in devices}
