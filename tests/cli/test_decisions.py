"""Exceptions, disputes and the removal programme on the command line, on a real inventory: what is decided shows, counts, and comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netcam.cli import output
from netcam.cli.app import app
from netcam.inventory import open_inventory
from netcam.inventory.port import Remark
from netcam.model import Coverage, CoverageState, Observation, ScanRecord, Site
from netcam.pipeline import judge, store
from tests.identify import shipped

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SITE = Site(id="hq", site_class="sensitive-government", jurisdiction="gb-eng")
ADDRESS = "192.0.2.10"
CONTENT = shipped.content()
"""Read once: the catalog takes seconds."""


def look(path: str, at: datetime, scan: str, *, there: bool = True, state: CoverageState = CoverageState.ANSWERED) -> None:
    """A complete run that saw, or did not see, one Hikvision camera."""
    inventory = open_inventory(path, make=True)
    record = ScanRecord(id=scan, site="hq", status="complete", started=at, finished=at + timedelta(minutes=5), targets=(f"{ADDRESS}/32",))
    inventory.save_scan(record)
    mac = "00:00:5e:00:53:01"
    told = [
        ("onvif.manufacturer", "HIKVISION"),
        ("onvif.model", "DS-2CD2043G0-I"),
        ("onvif.firmware", "V5.5.82 build 190220"),
        ("http.server", "App-webs/"),
    ]
    if there:
        inventory.record(
            Observation(field=f, value=v, at=at, site="hq", endpoint=f"{ADDRESS}:80", mac=mac, via="onvif", scan=scan) for f, v in told
        )
    inventory.cover(scan, [Coverage(address=ADDRESS, state=state)])
    judged = judge(inventory.observations(scan=scan), CONTENT, SITE, at, inventory=inventory)
    store(inventory, scan, judged, at)
    inventory.close()


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(output, "clock", lambda: NOW)
    path = str(tmp_path / "i.sqlite")
    look(path, NOW - timedelta(hours=1), "s1")
    return path


def run(*words: str, code: int = 0) -> list[dict[str, str]]:
    """The JSON lines of a command."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False) if code == 0 else CliRunner().invoke(app, list(words))
    assert done.exit_code == code, (done.output, done.exception)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


UK = "uk-2022-sensitive-sites"


def test_an_exception_is_kept_shown_and_in_the_chain(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(
        "policy",
        "except",
        ADDRESS,
        UK,
        "--reason",
        "lease ends",
        "--approver",
        "SIRO",
        "--until",
        "2027-01-31",
        "--by",
        "ann",
        "--store",
        inventory,
    )
    (told,) = run("policy", "decisions", "--store", inventory)
    assert told["standing"] == "excepted" and told["approver"] == "SIRO" and told["by"] == "ann" and "lease ends" in told["says"]
    monkeypatch.setattr(output, "clock", lambda: NOW + timedelta(days=90))
    (told,) = run("policy", "decisions", "--store", inventory)
    assert told["standing"] == "exception lapsed"
    held = open_inventory(inventory, make=True)
    assert held.verify() == [] and [action.kind for action in held.actions(kind="exception")] == ["exception"]
    held.close()


def test_an_exception_that_is_ended_counts_again(inventory: str) -> None:
    run("policy", "except", ADDRESS, UK, "--reason", "r", "--approver", "a", "--until", "2027-01-31", "--store", inventory)
    (told,) = run("policy", "decisions", "--store", inventory)
    run("policy", "end", told["number"], "--reason", "moved", "--store", inventory)
    assert run("policy", "decisions", "--store", inventory)[0]["standing"] == "ended"


def test_a_dispute_locks_the_slot_and_the_next_look_judges_by_it(inventory: str) -> None:
    run("policy", "dispute", ADDRESS, UK, "maker", "Bosch", "--reason", "invoice 2231", "--by", "ann", "--store", inventory)
    assert run("policy", "decisions", "--store", inventory)[0]["standing"] == "disputed"
    look(inventory, NOW, "s2")
    held = open_inventory(inventory, make=True)
    (one,) = held.identities(scan="s2")
    assert one.get("maker") == "Bosch" and any(claim.value == "Hikvision" for claim in one.disputed)
    assert UK not in {f.rule for f in held.findings(scan="s2") if f.verdict == "restricted"}
    held.close()


def test_a_wrong_rule_or_day_is_refused_with_a_cure(inventory: str) -> None:
    for words in (("uk-2022-sensitive-site", "--until", "2027-01-31"), (UK, "--until", "soon"), (UK, "--until", "2026-01-01")):
        done = CliRunner().invoke(app, ["policy", "except", ADDRESS, *words, "--reason", "r", "--approver", "a", "--store", inventory])
        assert done.exit_code != 0 and getattr(done.exception, "cure", "")


def test_the_removal_programme_from_the_finding_to_absence_and_back(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("removal", "open", "--owner", "Estates", "--due", "2026-12-24", "--store", inventory)
    (told,) = run("removal", "list", "--store", inventory)
    assert (told["state"], told["owner"], told["rule"]) == ("identified", "Estates", UK)
    run("removal", "step", ADDRESS, "confirmed", "--store", inventory)
    run("removal", "step", ADDRESS, "removed", "--on", "2026-11-25", "--note", "skip 4", "--store", inventory)
    look(inventory, NOW + timedelta(days=1), "s2", there=False, state=CoverageState.NOT_REACHED)
    monkeypatch.setattr(output, "clock", lambda: NOW + timedelta(days=2))
    assert run("removal", "verify", "--store", inventory)[0]["looked"] == "not told"
    assert run("removal", "list", "--store", inventory)[0]["state"] == "removed"
    look(inventory, NOW + timedelta(days=2), "s3", there=False, state=CoverageState.SILENT)
    assert run("removal", "verify", "--store", inventory)[0]["looked"] == "absent"
    assert run("removal", "list", "--store", inventory)[0]["state"] == "verified absent"
    told = {row["site"]: row for row in run("removal", "progress", "--store", inventory) if row["type"] == "progress"}["estate"]  # type: ignore[assignment]
    assert (told["gone_percent"], told["verified absent"]) == (100, 1)
    look(inventory, NOW + timedelta(days=9), "s4")
    monkeypatch.setattr(output, "clock", lambda: NOW + timedelta(days=10))
    assert run("removal", "list", "--store", inventory)[0]["state"] == "reopened"
    assert run("removal", "verify", "--store", inventory)[0]["looked"] == "present"


def test_a_finding_under_exception_is_not_taken_into_the_programme(inventory: str) -> None:
    run("policy", "except", ADDRESS, UK, "--reason", "r", "--approver", "a", "--until", "2027-01-31", "--store", inventory)
    run("removal", "open", "--store", inventory)
    assert run("removal", "list", "--store", inventory) == []


def test_the_survey_counts_what_the_inventory_holds(inventory: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["survey", "--store", inventory])
    assert done.exit_code == 0 and "Hikvision" in done.stdout and "not known" in done.stdout and "scan s1" in done.stdout
    page = tmp_path / "return.html"
    run("survey", "--output", str(page), "--store", inventory)
    assert "Signature" in page.read_text("utf-8")
    assert CliRunner().invoke(app, ["survey", "--output", "return.doc", "--store", inventory]).exception


def test_what_a_keeper_records_of_a_device_is_judged_at_the_next_look(inventory: str) -> None:
    held = open_inventory(inventory, make=True)
    (one,) = held.identities(site="hq")
    held.remark(Remark(device=one.device, site="hq", tags=("default-password", "bought=2021-05-01"), at=NOW, by="ann"))
    held.close()
    look(inventory, NOW, "s2")
    held = open_inventory(inventory, make=True)
    found = {f.rule: f for f in held.findings(scan="s2")}
    held.close()
    assert found["uk-psti"].verdict == "advisory" and "question to the supplier" in found["uk-psti"].text
