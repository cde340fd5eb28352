"""People may accept what a camera does: a finding with an exception is still told, with who accepted it, and no longer counts."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from netcam.cli.app import app


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.stdout


def test_viewing_peer_to_peer_that_somebody_accepts_is_told_with_his_name_and_counts_no_more(tmp_path: Path) -> None:
    capture, seen, store = str(tmp_path / "life.pcap"), str(tmp_path / "seen.jsonl"), str(tmp_path / "estate.db")
    run("lab", "traffic", "turn-relay", "--out", capture, "--observations", seen)
    run("import", seen, "--store", store)
    analyse = ("egress", "analyse", capture, "--store", store, "--format", "jsonl", "--fail-on", "low")
    found = [json.loads(line) for line in run(*analyse, code=10).splitlines()]
    mine = [one for one in found if one["type"] == "finding"]
    assert "peer-to-peer" in {one["rule"] for one in mine}
    for rule in {one["rule"] for one in mine}:
        reason = ("--reason", "the guard watches from home", "--approver", "M. Keeper", "--until", "2027-06-30")
        run("policy", "except", "10.20.1.1", rule, *reason, "--store", store)
    again = [json.loads(line) for line in run(*analyse).splitlines()]
    told = [one for one in again if one["type"] == "finding"]
    assert {(one["rule"], one["severity"]) for one in told} == {(one["rule"], one["severity"]) for one in mine}
    assert all(any("M. Keeper" in line and "the guard watches from home" in line for line in one["evidence"]) for one in told)
