"""The archive keeps itself within its bounds: a watch thins it out when a day turns, the service's upkeep too, and neither trips over the other."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import frames
import pytest
from typer.testing import CliRunner

from netcam.cli import output
from netcam.cli.app import app
from netcam.config import load
from netcam.errors import ConfigError
from netcam.flows import archive, capture
from netcam.flows.archive import Archive
from netcam.flows.retention import Retention
from netcam.inventory import open_inventory

DAY = 86_400


def filled(root: Path, *days: str) -> Path:
    for day in days:
        at = int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()) * 10**9
        path = root.parent / "a.pcap"
        path.write_bytes(frames.pcap([(at, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(4000, 8800, b"x" * 50))))]))
        Archive(root).write(capture.read(path), "hq")
    return root


def days_of(root: Path) -> list[str]:
    return [row[0] for row in archive.query(root, "SELECT DISTINCT day::VARCHAR FROM flows ORDER BY 1")[1]]


def test_days_go_once_a_day_and_only_forward(tmp_path: Path) -> None:
    root = filled(tmp_path / "flows", "2026-01-01", "2026-01-02", "2026-01-03")
    kept = Retention(root, days=2, gigabytes=0)
    assert kept.turn(date(2026, 1, 3)) == []
    assert kept.turn(date(2026, 1, 4)) == ["flows/site=hq/day=2026-01-01"]
    filled(root, "2026-01-01")
    assert kept.turn(date(2026, 1, 4)) == kept.turn(date(2026, 1, 2)) == []
    assert kept.turn(date(2026, 1, 5)) == ["flows/site=hq/day=2026-01-01", "flows/site=hq/day=2026-01-02"]
    assert days_of(root) == ["2026-01-03"]
    assert Retention(root, days=0, gigabytes=0).turn(date(2030, 1, 1)) == []
    assert Retention(root, days=0, gigabytes=1e-9).turn(date(2026, 1, 5)) == ["flows/site=hq/day=2026-01-03"]


def test_a_file_that_is_being_written_keeps_its_day(tmp_path: Path) -> None:
    root = filled(tmp_path / "flows", "2026-01-01")
    writing = root / "flows" / "site=hq" / "day=2026-01-01" / ".eth0-00000001.7.tmp"
    writing.write_bytes(b"half")
    assert Retention(root, days=1, gigabytes=0).turn(date(2026, 2, 1)) == []
    assert writing.exists()


def settings(folder: Path, words: str) -> Path:
    path = folder / "netcam.toml"
    path.write_text(words + "\n[sites.hq]\nname = 'Headquarters'\n")
    return path


def test_upkeep_prune_and_watch_do_it_by_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    config = settings(tmp_path, "[egress]\narchive = 'flows'\narchive_days = 2")
    root, store = tmp_path / "flows", str(tmp_path / "inventory.sqlite")
    today = datetime(2026, 1, 3, 23, tzinfo=UTC)
    monkeypatch.setattr(output, "clock", lambda: today)

    def told(*words: str) -> list[dict[str, object]]:
        run = CliRunner().invoke(app, [*words, "--config", str(config)])
        assert run.exit_code == 0, run.output
        return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]

    open_inventory(store, make=True).close()
    filled(root, "2025-12-30", "2026-01-02")
    assert [one["folder"] for one in told("inventory", "upkeep", "--store", store) if one["type"] == "pruned"] == [
        "flows/site=hq/day=2025-12-30"
    ]
    filled(root, "2025-12-30")
    assert [one["folder"] for one in told("egress", "prune")] == ["flows/site=hq/day=2025-12-30"]
    filled(root, "2025-12-30")
    eve = tmp_path / "eve.json"
    at = "2026-01-03T22:00:00+00:00"
    flow = {"pkts_toserver": 1, "bytes_toserver": 60, "start": at, "end": at}
    eve.write_text(json.dumps({"timestamp": at, "flow_id": 1, "event_type": "flow", "src_ip": "10.0.0.5", "src_port": 5, "dest_ip": "203.0.113.9", "dest_port": 443, "proto": "TCP", "flow": flow}) + "\n")  # fmt: skip
    (capture_line,) = [one for one in told("egress", "watch", "--suricata", str(eve), "--seconds", "1", "--site", "hq", "--format", "jsonl") if one["type"] == "capture"]  # fmt: skip
    assert any("removed from the archive" in str(note) for note in capture_line["notes"])  # type: ignore[attr-defined]
    assert days_of(root) == ["2026-01-02", "2026-01-03"]
    assert [row["n"] for row in told("egress", "query", "SELECT count(*) AS n FROM flows", "--format", "jsonl")] == [2]


def test_settings_are_checked_and_a_missing_archive_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    for words in ("archive_days = -1", "archive_gigabytes = -0.5", "community_id_seed = 70000", "archive_day = 3"):
        with pytest.raises(ConfigError):
            load(settings(tmp_path, f"[egress]\n{words}"))
    run = CliRunner().invoke(app, ["egress", "top", "--config", str(settings(tmp_path, ""))])
    assert "no flow archive is named" in str(run.exception)
