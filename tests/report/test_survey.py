"""The survey return: what is known is counted, what is not known says so, and nothing in a cell computes or runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from netcam import pipeline
from netcam.assess import removal
from netcam.config import Settings
from netcam.inventory import decided
from netcam.inventory.memory import MemoryInventory
from netcam.model import Finding, Identity, ScanRecord, Site, Verdict
from netcam.pipeline import Content
from netcam.report import csv
from netcam.report.survey import COLUMNS, Look, Survey, render_csv, render_html, survey

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SITES = {"hq": Site(id="hq", name="Headquarters", site_class="force-estate"), "b1": Site(id="b1")}
CONCERN = {"uk-obscc-survey": "Makers named with concern"}


def camera(device: str, maker: str | None = "Hikvision", site: str = "hq", **slots: str) -> Identity:
    told = {"kind": "camera", "brand": "LTS", **slots} | ({"maker": maker} if maker else {})
    return Identity(device=device, site=site, slots=told)


def named(device: str, site: str = "hq") -> Finding:
    return Finding(rule="uk-obscc-survey", kind="policy", device=device, site=site, title="t", verdict=Verdict.INFORMATION)


def counted(**more: object) -> Survey:
    told = {
        "identities": [camera("a"), camera("b"), camera("c", site="b1"), camera("d", None), Identity(device="e"), Identity(device="f", slots={"kind": "printer"})],
        "findings": [named("a"), named("b"), named("c", "b1")],
        "generated_at": NOON, "sites": SITES, "concerns": CONCERN,
        "tags": {("hq", "a"): ("use=anpr", "due-diligence=REF-1"), ("hq", "b"): ("use=anpr",)},
        "looks": [Look(site="hq", scan=ScanRecord(id="s1", site="hq", status="complete", finished=NOON)), Look(site="b2", scan=None)],
    } | more  # fmt: skip
    return survey(**told)  # type: ignore[arg-type]


def test_rows_count_by_use_maker_badge_and_class() -> None:
    rows = {(row.use, row.maker, row.site_class): row for row in counted().rows}
    anpr = rows["anpr", "Hikvision", "force-estate"]
    assert (anpr.number, anpr.sites, anpr.concerns, anpr.diligence) == (2, ("Headquarters",), ("Makers named with concern",), 1)
    assert rows["not known", "Hikvision", "not known"].sites == ("b1",)
    assert counted().total == 4 and counted().unidentified == 1


def test_what_is_not_known_says_so_and_is_no_all_clear() -> None:
    cells = {row.maker: dict(zip(COLUMNS, row.cells(), strict=True)) for row in counted().rows if row.use == "not known"}
    assert cells["not known"]["known concerns"] == "not known" and cells["not known"]["due diligence noted"] == "not known"
    named_none = counted(findings=[], identities=[camera("x", "Axis")]).rows[0]
    assert dict(zip(COLUMNS, named_none.cells(), strict=True))["known concerns"] == "none known"


def test_the_table_has_every_row_then_what_was_not_identified_or_looked_at() -> None:
    read = csv.read(render_csv(counted()))
    assert [row["number"] for row in read if row["kind"] == "camera"] == ["2", "1", "1"] or sum(
        int(r["number"]) for r in read if r["kind"] == "camera"
    ) == 4
    assert any(row["kind"] == "not identified" and row["number"] == "1" for row in read)
    assert any("b2: never looked at." in row["sites"] for row in read)


def test_the_page_can_be_signed_and_tells_its_limits() -> None:
    page = render_html(counted())
    for words in ("Signature", "Name and post", "b2: never looked at.", "restricts nothing by itself", "not known", "Headquarters"):
        assert words in page
    assert render_html(counted()) == page
    assert "No camera is in the inventory" in render_html(counted(identities=[]))


def test_an_incomplete_run_is_a_warning() -> None:
    scan = ScanRecord(id="s1", site="hq", status="interrupted", finished=NOON)
    assert '<li class="warn">hq: scan s1' in render_html(counted(looks=[Look(site="hq", scan=scan, missed=3)]))
    assert "3 addresses were not reached" in Look(site="hq", scan=replace(scan, status="complete"), missed=3).says


@settings(deadline=None)
@example("", "0\x85=")
@example("", "0\u2028=1")
@given(st.text(max_size=40), st.text(max_size=40))
def test_hostile_names_stay_text(brand: str, use: str) -> None:
    told = counted(identities=[camera("a", brand=f"<script>{brand}"), camera("b", "=cmd()|x")], tags={("hq", "a"): (f"use={use}",)})
    page = render_html(told)
    assert "<script>" not in page
    assert all(not cell.startswith(("=", "+", "-", "@")) for line in render_csv(told).splitlines() for cell in line.strip('"').split('","'))


def test_what_was_removed_is_not_in_use_and_what_was_missed_is_said() -> None:
    told = counted(removed={("hq", "a")}, missing={("hq", "b"), ("hq", "e")})
    assert (told.total, told.removed, told.missing) == (3, 1, 1)
    read = {row["kind"]: row["number"] for row in csv.read(render_csv(told)) if not row["use"]}
    assert read["removed, and in no row"] == read["of the rows, not seen by the last sweep of their addresses"] == "1"
    page = render_html(told)
    assert "1 more were removed and are not counted" in page
    assert "1 of the cameras were not seen by the last sweep" in page
    assert "removed" not in render_csv(counted())


def test_a_file_that_was_read_is_no_look_at_a_site() -> None:
    """A site whose second floor could not be reached, and into which a list was imported since; and one that was never swept."""
    inventory = MemoryInventory()

    def run(name: str, day: int, site: str, targets: str, profile: str, status: str = "complete", missed: int = 0) -> None:
        at = NOON + timedelta(days=day)
        totals = {"not reached": missed}
        inventory.save_scan(
            ScanRecord(id=name, site=site, targets=(targets,), profile=profile, status=status, started=at, finished=at, totals=totals)
        )

    run("s1", 0, "hq", "10.0.1.0/24", "standard")
    run("s2", 1, "hq", "10.0.2.0/24", "standard", "failed", 254)
    run("s3", 2, "hq", "list.csv", "import")
    run("s4", 2, "b1", "list.csv", "import")
    inventory.save_identities("s4", [camera("a"), camera("c", site="b1")], NOON)
    inventory.act(removal.REMOVAL, removal.opening("b1", "c", "uk-2022", on=NOON.date()), NOON, by="ann")
    item = decided.removals(inventory)["b1", "c", "uk-2022"]
    inventory.act(removal.REMOVAL, removal.stepping(item, "removed", on=NOON.date(), today=NOON.date()), NOON, by="ann")
    told = pipeline.survey(inventory, Settings(), Content(), NOON + timedelta(days=3))
    assert (told.total, told.removed) == (1, 1)
    assert [(look.site, look.scan.id if look.scan else "", look.whole) for look in told.looks] == [
        ("b1", "s4", False), ("hq", "s2", False), ("hq", "s1", True),
    ]  # fmt: skip
    page = render_html(told)
    assert "b1: never swept. The last run, s4" in page
    assert "hq (10.0.2.0/24): scan s2" in page and "254 addresses were not reached" in page
