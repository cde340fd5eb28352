"""Times leave netcam in one form, RFC 3339 in UTC with `Z`; those it reads may have any offset."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from netcam import wire
from netcam.cli.app import app
from netcam.inventory import open_inventory
from netcam.model import Identity, Observation, ScanRecord, rfc3339

ROOT = Path(__file__).resolve().parent.parent.parent
FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}(\d{3})?)?Z")
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1900, 1, 1), datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001 - the zones are drawn
def test_what_is_written_is_read_and_so_is_any_other_offset(at: datetime) -> None:
    text = rfc3339(at, "microseconds")
    assert FORM.fullmatch(text)
    assert wire.instant(text) == at
    assert wire.instant(text.replace("Z", "+00:00")) == at
    assert wire.instant(at.isoformat()) == at
    assert FORM.fullmatch(rfc3339(at)) and FORM.fullmatch(rfc3339(at, "seconds"))


def test_no_module_writes_times_in_a_form_of_its_own() -> None:
    own = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "netcam").rglob("*.py"))
        if path.name != "times.py"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r'"\+00:00"|isoformat\(timespec="(seconds|milli|micro)', line)
    ]
    assert own == []


@pytest.mark.parametrize("command", [["devices"], ["devices", "--columns", "address,first_seen,last_seen"], ["show", "10.0.0.5", "--why-same"], ["timeline", "10.0.0.5"], ["leftovers"]])  # fmt: skip
def test_the_commands_write_times_in_one_form(tmp_path: Path, command: list[str]) -> None:
    store, at = str(tmp_path / "s.sqlite"), datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    inventory = open_inventory(store, make=True)
    inventory.save_scan(ScanRecord(id="a1", site="hq", profile="standard", started=at, finished=at, status="complete"))
    mac = "44:19:b6:00:00:01"
    inventory.record([Observation(field="http.title", value="x", at=at, site="hq", endpoint="10.0.0.5:80", mac=mac, scan="a1")])
    inventory.save_identities("a1", [Identity(device=mac, site="hq", slots={}, confidence={}, addresses=("10.0.0.5",), macs=(mac,))], at)
    inventory.close()
    run = CliRunner().invoke(app, [*command, "--store", store, "--format", "jsonl"])
    assert run.exit_code == 0, run.output
    told = re.findall(r'"(\d{4}-\d\d-\d\d[T ][^"]*)"', run.stdout)
    assert told or command[0] == "leftovers"
    assert [one for one in told if not FORM.fullmatch(one)] == []
    assert all(json.loads(line) for line in run.stdout.splitlines())
    assert not told or any(one.startswith("2026-03-01T12:30:00") for one in told)


def test_a_time_in_utc_stays_as_it_is() -> None:
    assert rfc3339(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "seconds") == "9999-12-31T23:59:59Z"
