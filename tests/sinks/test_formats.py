"""Every kind of event in every format: golden files, the published schemas, and hostile text in every place.

NETCAM_WRITE_GOLDEN=1 writes the golden files anew; look at the difference before it is committed.
"""

import csv as plain_csv
import dataclasses
import io
import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam import plugins
from netcam.sinks import cef
from netcam.sinks import published as validators
from netcam.sinks.event import MAX_TEXT, EventKind
from netcam.sinks.format import Format
from tests.sinks.samples import AT, CAMERA, EVENTS, HOSTILE, hostile

GOLDEN = Path(__file__).parent / "golden"
FORMATS = {form.name: form for form in plugins.load("netcam.sinks", Format, name="FORMAT").values()}
JSON = ("jsonl", "ecs", "ocsf")
MAX_EVENT = 256 * 1024


def test_every_format_is_in_the_registry():
    assert set(FORMATS) == {"jsonl", "ecs", "ocsf", "cef", "csv"}


def test_every_kind_of_event_has_a_sample():
    assert {event.kind for event in EVENTS.values()} == set(EventKind)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_golden_file_holds(form):
    told = b"".join([FORMATS[form].head, *(FORMATS[form].encode(event) + b"\n" for event in EVENTS.values())])
    path = GOLDEN / f"{form}.txt"
    if os.environ.get("NETCAM_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(told)
    assert path.read_bytes() == told


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_ecs_documents_keep_to_the_published_fields(name):
    assert validators.ecs(json.loads(FORMATS["ecs"].encode(EVENTS[name]))) == []


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_ocsf_events_keep_to_the_published_classes(name):
    assert validators.ocsf(json.loads(FORMATS["ocsf"].encode(EVENTS[name]))) == []


def test_the_validators_do_find_what_is_wrong():
    good = json.loads(FORMATS["ecs"].encode(EVENTS["device-discovered"]))
    assert validators.ecs(good | {"asset": {"id": "x"}}) == ["asset.id: no such field"]
    assert validators.ecs(good | {"host": {"ip": "192.0.2.1"}}) == ["host.ip: array or not"]
    assert validators.ecs(good | {"host": {"mac": ["aa:bb:cc:dd:ee:ff"]}})[0].startswith("host.mac")
    event = json.loads(FORMATS["ocsf"].encode(EVENTS["device-discovered"]))
    assert validators.ocsf(event | {"severity_id": 17}) == ["severity_id: 17 is not in the enumeration"]
    assert validators.ocsf(event | {"maker": "x"}) == ["maker: no such attribute"]
    assert validators.ocsf({key: value for key, value in event.items() if key != "device"}) == ["device: missing"]
    assert validators.ocsf(event | {"type_uid": 1}) == ["type_uid: not class_uid * 100 + activity_id"]
    double = json.loads(FORMATS["ocsf"].encode(EVENTS["firmware-opened"]))
    double["vulnerabilities"][0]["advisory"] = {"uid": "a"}
    assert validators.ocsf(double)[0].startswith("vulnerabilities.: just_one")


def parse_cef(line):
    """An independent reading of one CEF line: header fields and extension."""
    fields = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    assert len(fields) == 8, line
    extension = {}
    for found in re.finditer(r"(\w+)=((?:\\.|[^=\\])*?)(?=\s\w+=|$)", fields[7], re.DOTALL):
        assert found[1] not in extension, found[1]
        extension[found[1]] = re.sub(r"\\(.)", lambda c: {"n": "\n", "r": "\r"}.get(c[1], c[1]), found[2])
    return fields[:7], extension


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_cef_reads_back_with_each_key_once_and_each_label_with_its_value(name):
    event = EVENTS[name]
    header, extension = parse_cef(FORMATS["cef"].encode(event).decode())
    assert header[:4] == ["CEF:0", "netcam", "netcam", "1.0.0"]
    assert header[4] == event.kind.value
    assert 0 <= int(header[6]) <= 10
    assert extension["externalId"] == event.id[:40]
    assert extension["flexString1"] == event.id
    assert extension["rt"] == str(int(event.at.timestamp() * 1000))
    for key in extension:
        if key.endswith("Label"):
            assert key.removesuffix("Label") in extension
    assert "." in extension.get("src", "192.0.2.1")


def test_cef_tells_maker_and_badge_apart_and_ipv6_under_its_own_key():
    _, told = parse_cef(FORMATS["cef"].encode(EVENTS["device-discovered"]).decode())
    assert (told["cs1Label"], told["cs1"], told["cs2"], told["src"]) == ("Maker", "Example Works", "ExampleCam EC-8", "192.0.2.5")
    assert told["c6a2"] == "fe80::5"
    _, far = parse_cef(FORMATS["cef"].encode(EVENTS["egress-to-ipv6"]).decode())
    assert far["c6a3"] == "2001:db8::77"
    assert "dst" not in far


def test_an_unknown_maker_is_never_told_as_a_pass():
    event = EVENTS["policy-unknown"]
    assert json.loads(FORMATS["ocsf"].encode(event))["compliance"]["status"] == "Warning"
    assert json.loads(FORMATS["ecs"].encode(event))["event"]["kind"] == "alert"
    assert json.loads(FORMATS["ocsf"].encode(EVENTS["policy-clear"]))["compliance"]["status"] == "Pass"
    assert b"cs1=unknown" in FORMATS["cef"].encode(event)


def test_equal_facts_have_equal_ids_and_the_id_ignores_how_it_was_sent():
    event = EVENTS["device-discovered"]
    assert event.id == dataclasses.replace(event, sequence=7, version="2.0").id
    others = [
        dataclasses.replace(event, at=AT + timedelta(seconds=1)), dataclasses.replace(event, site="north"),
        dataclasses.replace(event, device=dataclasses.replace(CAMERA, slots={**CAMERA.slots, "firmware": "6"})),
    ]  # fmt: skip
    assert len({event.id, *(other.id for other in others)}) == 4
    assert len({event.id for event in EVENTS.values()}) == len(EVENTS)


def one_line(form, encoded):
    """What every line keeps to, whatever was in the event."""
    text = encoded.decode("utf-8")
    assert len(text.splitlines()) == 1, text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]", text)
    assert len(encoded) < MAX_EVENT
    if form in JSON:
        json.loads(text)
    if form == "cef":
        parse_cef(text)


@pytest.mark.parametrize("form", ["jsonl", "ecs", "ocsf", "cef"])
def test_hostile_text_in_every_place_stays_one_line_and_one_record(form):
    for event in hostile(HOSTILE):
        one_line(form, FORMATS[form].encode(event))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=80))
def test_no_text_breaks_a_line_of_any_format(text):
    for event in hostile(text):
        for form in ("jsonl", "ecs", "ocsf", "cef"):
            one_line(form, FORMATS[form].encode(event))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=200))
def test_a_cef_value_reads_back_as_it_was(text):
    _, extension = parse_cef(f"CEF:0|a|b|c|d|e|1|msg={cef.value(text.strip())} end=1")
    assert extension == {"msg": text.strip(), "end": "1"}


def test_hostile_text_cannot_make_up_a_key_or_a_header_field():
    event = next(iter(hostile("x|y cs1=forged src=203.0.113.9\nCEF:0|")))
    header, extension = parse_cef(FORMATS["cef"].encode(event).decode())
    assert header[4] == "scan-started"
    assert "src" not in extension
    assert extension["cs4"] == "x|y cs1=forged src=203.0.113.9\nCEF:0|"


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_an_oversize_text_is_cut_with_a_mark_and_stays_inside_the_bound(form):
    for event in hostile("x" * 60_000):
        assert len(FORMATS[form].encode(event)) < MAX_EVENT


def test_a_cut_text_carries_the_hash_of_the_whole():
    event = dataclasses.replace(EVENTS["sensor-health"], message="y" * (MAX_TEXT + 1))
    told = json.loads(FORMATS["jsonl"].encode(event))["message"]
    assert re.search(r"…\[cut, 2049 characters, sha256 [0-9a-f]{64}\]$", told)


def test_csv_lines_have_the_columns_of_the_head_and_no_formula():
    form = FORMATS["csv"]
    lines = b"".join([form.head, *(form.encode(event) + b"\n" for event in [*EVENTS.values(), *hostile("=1+1"), *hostile(HOSTILE)])])
    rows = list(plain_csv.reader(io.StringIO(lines.decode(), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == 1 + len(EVENTS) + 2 * len(list(hostile("")))
    for row in rows:
        assert not [cell for cell in row if cell[:1] in {"=", "+", "-", "@"}]
