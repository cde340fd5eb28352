"""What is changed, removed or added behind the program's back is found in a SQL store, and where."""

import sqlite3
from datetime import UTC, datetime

import pytest

from netcam.inventory.sql import SqlInventory
from netcam.model import Finding, Identity, Observation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "netcam.sqlite"
    store = SqlInventory(path)
    for batch in range(3):
        store.record(Observation(field="f", value=f"{batch}-{n}", at=NOON, endpoint="10.0.0.5:80") for n in range(20))
        store.save_identities(f"s{batch}", [Identity(device=f"d{n}", slots={"model": str(batch)}) for n in range(5)], NOON)
        store.save_findings(f"s{batch}", [Finding(rule="r", kind="policy", device=f"d{n}", title=str(batch)) for n in range(5)], NOON)
        store.act("exception", b'{"n":%d}' % batch, NOON, by="jo")
    assert store.verify() == []
    store.close()
    return path


def altered(path, *statements):
    """What verify says after the statements."""
    connection = sqlite3.connect(path)
    for statement in statements:
        assert connection.execute(statement).rowcount > 0, statement
    connection.commit()
    connection.close()
    store = SqlInventory(path)
    told = store.verify()
    store.close()
    return told


@pytest.mark.parametrize(
    "column", ["field", "value", "at", "site", "sensor", "endpoint", "mac", "via", "device", "scan", "raw", "key", "address"]
)
def test_a_changed_column_of_an_observation_is_located(path, column):
    new = "1" if column == "at" else "'x'"
    (one,) = altered(path, f"UPDATE observation SET {column} = {new} WHERE seq = 25")
    assert (one.kind, one.record, one.problem) == ("observation", 25, "the record was altered")


@pytest.mark.parametrize(
    ("statement", "kind", "record"),
    [
        ("UPDATE identity SET brief = replace(brief, 'd3', 'd4') WHERE seq = 4", "identity", 4),
        ("UPDATE identity SET claims = (SELECT brief FROM identity WHERE seq = 1) WHERE seq = 4", "identity", 4),
        ("UPDATE identity SET digest = x'00' WHERE seq = 9", "identity", 9),
        ("UPDATE finding SET body = (SELECT body FROM finding WHERE seq = 2) WHERE seq = 7", "finding", 7),
        ("UPDATE finding SET device = 'd9' WHERE seq = 7", "finding", 7),
        ("UPDATE finding SET body = x'00' WHERE seq = 7", "finding", 7),
        ("UPDATE identity SET site = 'x' WHERE seq = 4", "identity", None),
        ("UPDATE identity SET at = 5 WHERE seq = 4", "identity", None),
        ("UPDATE identity SET scan = 'x' WHERE seq = 4", "identity", None),
        ("UPDATE finding SET at = 5 WHERE seq = 7", "finding", None),
        ("UPDATE finding SET key = 'x' WHERE seq = 7", "finding", None),
        ("UPDATE action SET body = x'7b7d' WHERE seq = 2", "action", None),
        ("UPDATE action SET by = 'mo' WHERE seq = 2", "action", None),
        ("UPDATE action SET kind = 'mo' WHERE seq = 2", "action", None),
        ("UPDATE action SET at = 1 WHERE seq = 2", "action", None),
        ("DELETE FROM observation WHERE seq = 30", "observation", None),
        ("DELETE FROM finding WHERE seq BETWEEN 6 AND 10", "finding", None),
        ("DELETE FROM action WHERE seq = 3", "action", None),
        ("INSERT INTO action VALUES (9, 0, 'jo', 'exception', x'7b7d')", "action", 9),
        ("UPDATE observation SET seq = 9999 WHERE seq = 60", "observation", None),
    ],
)
def test_changed_removed_and_added_records_are_located(path, statement, kind, record):
    told = altered(path, statement)
    assert (kind, record) in {(one.kind, one.record) for one in told}
    entries = {one.entry for one in told}
    assert len(entries) <= 2


@pytest.mark.parametrize("column", ["kind", "first", "last", "count", "root", "previous", "hash"])
def test_a_changed_entry_is_located(path, column):
    new = {"first": 22, "last": 39, "count": 19, "kind": "'finding'"}.get(column, f"'{'a' * 64}'")
    told = altered(path, f"UPDATE chain SET {column} = {new} WHERE number = 5")
    assert 5 in {one.entry for one in told} or 6 in {one.entry for one in told}


def test_a_missing_entry_and_a_shortened_chain_are_told(path):
    assert any(one.problem == "an entry is missing" for one in altered(path, "DELETE FROM chain WHERE number = 5"))
    told = altered(path, "DELETE FROM chain WHERE number > 10")
    assert any("outside the chain" in one.problem for one in told)


def test_records_that_were_cut_off_with_their_entries_are_not_seen_by_the_chain_alone(path):
    # which is why roots are signed: a signature over a later entry names what is gone
    assert altered(path, "DELETE FROM action WHERE seq = 3", "DELETE FROM chain WHERE number = 12") == []
