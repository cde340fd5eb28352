"""`netcam events validate`: good files pass, each kind of damage is told with its line, nothing breaks the reader."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.errors import ContentError
from netcam.sinks import dispatch, validate
from tests.sinks.samples import EVENTS, HOSTILE, hostile

GOLDEN = Path(__file__).parent / "golden"
NAMES = {"jsonl": "netcam.event/1", "ecs": "ECS 9.4.0", "ocsf": "OCSF 1.8.0", "cef": "CEF 0", "csv": "netcam events CSV"}


def written(tmp_path, form, events):
    path = tmp_path / f"events.{form}"
    encode = dispatch.formats()[form]
    path.write_bytes(encode.head + b"".join(encode.encode(event) + b"\n" for event in events))
    return path


@pytest.mark.parametrize("form", sorted(NAMES))
def test_every_golden_file_is_what_it_says(form):
    result = validate.check_file(GOLDEN / f"{form}.txt")
    assert (result.schema, result.problems) == (NAMES[form], [])
    assert result.records == len(EVENTS)


@pytest.mark.parametrize("form", sorted(NAMES))
def test_hostile_text_in_every_place_still_keeps_to_the_schema(form, tmp_path):
    result = validate.check_file(written(tmp_path, form, hostile(HOSTILE)))
    assert result.problems == []


@pytest.mark.parametrize(
    ("form", "old", "new", "told"),
    [
        ("jsonl", '"severity":1', '"severity":9', "9 is greater than the maximum"),
        ("jsonl", '"kind":"scan-started"', '"kind":"scan-begun"', "is not one of"),
        ("jsonl", "192.0.2.0/28", "192.0.2.0/29", "id: is not that of this content"),
        ("ecs", '"kind":"event"', '"kind":"incident"', "event.kind: 'incident' is not allowed"),
        ("ecs", '"message"', '"massage"', "massage: no such field"),
        ("ocsf", '"severity_id":1', '"severity_id":17', "severity_id: 17 is not in the enumeration"),
        ("cef", "rt=", "msg=twice rt=", "msg: stands twice"),
        ("cef", "|scan-started|", "|scan-started", "no CEF header"),
        ("csv", '"scan-started"', '"=1+1"', "could start a formula"),
    ],
)
def test_damage_is_told_with_its_line(form, old, new, told, tmp_path):
    path = written(tmp_path, form, EVENTS.values())
    lines = path.read_text().splitlines()
    row = 1 if form == "csv" else 0
    assert old in lines[row]
    lines[row] = lines[row].replace(old, new, 1)
    path.write_text("\n".join(lines) + "\n")
    result = validate.check_file(path)
    assert [problem.line for problem in result.problems][:1] == [row + 1]
    assert told in result.problems[0].text


def test_a_file_of_something_else_and_one_that_is_not_there_are_told(tmp_path):
    (tmp_path / "x").write_text("hello")
    for name, told in (("x", "names no schema"), ("y", "No such file")):
        with pytest.raises(ContentError, match=told):
            validate.check_file(tmp_path / name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        [
            b"",
            b"CEF:0|",
            b"<134>1 ",
            b'{"schema":"netcam.event/1"',
            b'{"ecs":{"version":"9.4.0"}',
            b'{"bomFormat":"CycloneDX"',
            b'"id","at"',
        ]
    ),
    st.binary(max_size=200),
)
def test_no_bytes_break_the_reader(tmp_path, begin, rest):
    path = tmp_path / "any"
    path.write_bytes(begin + rest)
    try:
        result = validate.check_file(path)
    except ContentError:
        return
    assert result.records >= 0


def test_deep_and_odd_json_is_told_and_not_followed(tmp_path):
    path = tmp_path / "odd"
    lines = [
        '{"ecs":{"version":"9.4.0"},"event":' + "[" * 3000 + "]" * 3000 + "}", '{"ecs":{"version":"9.4.0"},"event":{"category":[1],"type":5}}',
        '{"metadata":{"version":"1.8.0"}}', "[]",
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    assert {problem.line for problem in validate.check_file(path).problems} == {1, 2, 3, 4}
    path.write_text(json.dumps({"metadata": {"version": "1.8.0"}, "class_uid": 2003, "device": 5}, separators=(",", ":")))
    assert validate.check_file(path).problems
