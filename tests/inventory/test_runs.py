"""A run, where it looked and what it sent stand in the chain; a clock that ran backwards and a cut end are told."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from netcam.errors import StoreError
from netcam.inventory import open_inventory, runs, signing
from netcam.model import Coverage, CoverageState, Observation, ScanRecord

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def closed(inventory, tmp_path, scan="s1", status="complete"):
    inventory.save_scan(ScanRecord(id=scan, site="hq", sensor="north", started=NOON, finished=NOON, status=status))
    inventory.cover(
        scan, [Coverage(address="10.0.0.5", state=CoverageState.SILENT), Coverage(address="10.0.0.6", state=CoverageState.ANSWERED)]
    )
    audit = tmp_path / f"{scan}.jsonl"
    audit.write_text('{"sent":1}\n')
    return runs.close(inventory, scan, NOON, audit=audit), audit


def test_a_run_its_coverage_and_its_audit_log_are_held_against_the_chain(inventory, tmp_path):
    action, audit = closed(inventory, tmp_path)
    assert (action.kind, action.by) == ("scan", "north")
    assert list(runs.check(inventory)) == []
    audit.write_text('{"sent":0}\n')
    assert [(one.kind, one.record) for one in runs.check(inventory)] == [("audit", 1)]
    audit.unlink()  # an audit log that was removed on its own schedule is no damage
    assert list(runs.check(inventory)) == []
    inventory.cover("s1", [Coverage(address="10.0.0.5", state=CoverageState.ANSWERED)])
    assert [one.problem for one in runs.check(inventory)] == ["the coverage of run s1 was altered"]
    inventory.save_scan(ScanRecord(id="s1", site="hq", targets=("other",), status="complete"))
    assert [one.problem for one in runs.check(inventory)] == ["the record of run s1 was altered"]


def test_a_resumed_run_is_held_against_its_last_word(inventory, tmp_path):
    closed(inventory, tmp_path, status="interrupted")
    inventory.cover("s1", [Coverage(address="10.0.0.7", state=CoverageState.SILENT)])
    assert list(runs.check(inventory)) == []
    closed(inventory, tmp_path)
    assert list(runs.check(inventory)) == []


def test_a_clock_that_stands_before_the_last_run_is_told_with_a_cure(inventory, tmp_path):
    assert runs.clock_behind(inventory, NOON) == ""
    closed(inventory, tmp_path)
    assert runs.clock_behind(inventory, NOON - timedelta(minutes=5)) == ""
    assert "timedatectl" in runs.clock_behind(inventory, NOON - timedelta(days=400))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM chain WHERE number = 2", "cut off or rewritten"),
        ("UPDATE chain SET hash = 'x' WHERE number = 2", "was altered"),
        ("UPDATE chain SET root = 'x' WHERE number = 2", "was altered"),
        ("UPDATE signed SET body = x'00'", "last signed root is damaged"),
    ],
)
def test_an_end_that_was_cut_or_rewritten_is_told_when_the_store_is_opened(tmp_path, statement, told):
    path = tmp_path / "netcam.sqlite"
    inventory = open_inventory(path, make=True)
    inventory.record([Observation(field="f", value="v")])
    inventory.act("note", b"{}", NOON, by="jo")
    signing.sign_root(inventory, signing.own_key(inventory), NOON)
    inventory.close()
    open_inventory(path, make=True).close()
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=told):
        open_inventory(path, make=True)
    open_inventory(path, check_end=False, make=True).close()
