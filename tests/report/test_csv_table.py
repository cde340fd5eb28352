"""CSV: safe in a spreadsheet, and the same when read back."""

import csv as plain
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.model import Citation, Claim, Finding, Identity, Verdict
from netcam.report import csv
from netcam.report.snapshot import Snapshot

WRITABLE = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize("start", [*"=+-@|%\t\r\n", "＝", "＠", " =", "\u00a0+", "\ufeff=", "x;=", "x\t=", "x\n=", "; -"])
def test_no_cell_starts_a_formula(start):
    guarded = csv.guard(start + "cmd|'/c calc'!A0")
    for cell in guarded.replace("\t", ";").replace("\r", ";").replace("\n", ";").split(";"):
        assert cell.lstrip(" \u00a0\ufeff")[:1] not in set("=+-@|%＝＋－＠") - {""}, guarded


def test_an_honest_cell_is_untouched():
    for cell in ("", "DS-2CD2143G0-I", "10.0.0.5; 10.0.0.6", "V5.5.82 build 190220", "fe80::1%eth0"):
        assert csv.guard(cell) == cell


@given(WRITABLE)
def test_a_guard_comes_off_again(cell):
    assert csv.unguard(csv.guard(cell)) == cell


@given(st.lists(st.tuples(WRITABLE, WRITABLE), max_size=5))
def test_a_table_reads_back_as_it_was_written(rows):
    assert csv.read(csv.table(("a", "b"), rows)) == [{"a": a, "b": b} for a, b in rows]


@given(st.text(st.characters()))
def test_any_text_gives_a_table_that_an_independent_reader_takes(cell):
    rows = list(plain.reader(io.StringIO(csv.table(("a",), [[cell]]), newline="")))
    assert [len(row) for row in rows] == [1, 1]
    csv.table(("a",), [[cell]]).encode("utf-8")


def test_devices_and_findings_are_told_in_columns():
    claim = Claim(slot="maker", value="hikvision", weight=0.9, by="hikvision/app-webs")
    who = Identity(
        device="d1", site="hq", slots={"kind": "camera", "maker": "hikvision", "firmware": "5.10"}, confidence={"maker": 0.9},
        because=(claim, claim), disputed=(Claim(slot="maker", value="=dahua", weight=0.1, by="x/y"),), addresses=("10.0.0.5", "10.0.0.6"),
    )  # fmt: skip
    unknown = Identity(device="d2")
    first, second = csv.read(csv.render(Snapshot(generated_at=datetime(2026, 3, 1, tzinfo=UTC), identities=(who, unknown))))
    assert (first["is_camera"], first["firmware"], first["maker_confidence"]) == ("true", "5.10", "0.900")
    assert (first["addresses"], first["fingerprints"], first["disputed"]) == ("10.0.0.5; 10.0.0.6", "hikvision/app-webs", "maker==dahua")
    assert (second["is_camera"], second["maker"], second["brand"]) == ("", "", "")
    told = Finding(
        rule="uk-2022", kind="policy", device="d1", title="t", verdict=Verdict.ADVISORY,
        citations=(Citation(id="a", title="A text", url="https://example.org/a"),),
    )  # fmt: skip
    (row,) = csv.read(csv.findings([told]))
    assert (row["key"], row["verdict"], row["urls"], row["stale"]) == (told.key, "advisory", "https://example.org/a", "false")
