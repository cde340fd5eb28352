"""Ways out as packets: written by one hand, read by another, judged as what they are."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from netcam.catalog import destinations
from netcam.cli.app import app
from netcam.egress.detect import SiteRules, detect
from netcam.egress.score import RANK
from netcam.flows import capture
from netcam.flows.table import TELLS
from netcam.lab import packets
from netcam.lab.exfiltration import KINDS
from netcam.lab.habits import estate, normal, refs
from netcam.lab.trace import Trace

INSIDE = (ip_network("10.20.0.0/16"),)


def analysed(folder: Path, kind: str, *more: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What `netcam lab traffic` says is true of its capture, and what `netcam egress analyse` finds in it, the cameras being known."""
    capture, truth, seen, store = (folder / name for name in ("life.pcap", "truth.json", "seen.jsonl", "estate.db"))
    for words in (
        ["lab", "traffic", kind, "--out", str(capture), "--truth", str(truth), "--observations", str(seen), *more],
        ["import", str(seen), "--store", str(store)],
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
    told = CliRunner().invoke(app, ["egress", "analyse", str(capture), "--store", str(store), "--format", "jsonl"])
    assert told.exit_code == 0, told.output
    records = [json.loads(line) for line in told.stdout.splitlines()]
    return json.loads(truth.read_text("utf-8")), [r for r in records if r["type"] == "finding"]


@pytest.mark.parametrize("kind", [name for name, one in KINDS.items() if not one.days])
def test_a_way_out_is_known_by_its_packets(tmp_path: Path, kind: str) -> None:
    """Kinds that need days of history besides are played as columns only (test_measure)."""
    truth, found = analysed(tmp_path, kind)
    mine = [f for f in found if truth["to"] in f["subject"] and (not truth["rules"] or f["rule"] in truth["rules"])]
    assert any(RANK[f["severity"]] >= RANK[truth["severity"]] and f["category"] in truth["classes"] for f in mine), [
        (f["rule"], f["severity"], f["category"], f["subject"]) for f in found
    ]
    assert len({f["device"] for f in found}) == 1


def test_a_healthy_day_as_packets_holds_what_cameras_do(tmp_path: Path) -> None:
    truth, found = analysed(tmp_path, "healthy", "--hours", "24", "--cameras", "12", "--seed", "2")
    assert {f["severity"] for f in found} <= {"information", "low", "medium"}
    table = capture.read(tmp_path / "life.pcap", internal=INSIDE)
    names = {text for text, _ in table.names.values()}
    addresses = {device: int(ip_address(text)) for device, text in truth["cameras"].items()}
    lives: dict[str, set[int]] = {}
    for device, words in truth["behaviour"].items():
        for word in words:
            lives.setdefault(word, set()).add(addresses[device])
    a, b, tells = table["a_lo"], table["b_lo"], table["tells"]

    def of(behaviour: str, rows: Any, end: Any) -> None:
        assert lives[behaviour] <= set(end[rows].tolist()), behaviour

    def named(*words: str) -> Any:
        picked = [n for n, (text, _) in table.names.items() if text.startswith(words)]
        return np.isin(np.arange(len(table)), picked)

    of("recorded by the site's recorder", (tells & TELLS["rtsp"] != 0) & (table["b_port"] == 554), b)
    of("keeps in touch with its maker's cloud", np.isin(np.arange(len(table)), list(table.names)), a)
    of("asks a time server outside", (tells & TELLS["ntp"] != 0) & ~inside(b), a)
    of("asks the site's time server", (tells & TELLS["ntp"] != 0) & inside(b), a)
    of("checks for updates", named("download.", "devices-apis.", "upgrade.", "update.", "logreport-v2."), a)
    of("push at motion", named("pushx.", "alarmeu.", "devaccess."), a)
    of("clips at motion", named("clips-eu.", "alarm.eu.", "s3.us-west"), a)
    of("pings its gateway", table["proto"] == 1, a)
    of("has resolvers of its own", (table["b_port"] == 53) & ~inside(b), a)
    assert {"viewed through the maker's relay", "viewed peer to peer"} <= set(lives)
    assert any(name.startswith(("eu.hik", "cmgw-", "eu1.", "euw1-", "relay.")) for name in names)
    assert ((tells & TELLS["dahua_p2p"] != 0) & (table["payload_out"] > 100_000)).any()
    hours = (table["start"][named("pushx.", "alarmeu.", "devaccess.")] // (3600 * 10**9)) % 24
    assert np.isin(hours, range(9, 18)).sum() > 2 * np.isin(hours, [22, 23, 0, 1, 2, 3, 4, 5, 6]).sum()


def inside(ends: Any) -> Any:
    return (ends >> np.uint64(16)) == np.uint64(10 << 8 | 20)


def test_an_hour_of_healthy_cameras_as_packets_makes_no_high_finding(tmp_path: Path) -> None:
    trace = Trace(np.random.default_rng(5))
    cameras = estate(12, trace.rng)
    normal(trace, cameras, 0, 1)
    trace.quieten(200_000)  # the recorder's streams alone are 900 MB an hour and camera
    path = tmp_path / "life.pcap"
    written, cut = packets.write(trace, path, 0, 3 * 3600.0)
    assert written > 1000
    assert not cut
    known = destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")
    found = detect(capture.read(path, internal=INSIDE), dict(refs(cameras)), known, rules=SiteRules(internal=INSIDE), site="lab")
    assert {f.severity for f in found} <= {"information", "low", "medium"}
    assert "maker-cloud" in {f.rule for f in found}
