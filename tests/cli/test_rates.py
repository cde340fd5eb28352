"""The settings' bounds of what is sent hold for everything that asks devices."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from netcam.cli.app import app
from netcam.inventory.sql import SqlInventory
from netcam.model import Identity

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RATES = "[rates]\nconversations_per_second = 3\nhalf_open = 2\nframes_per_second = 1e6\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    (tmp_path / "netcam.toml").write_text(RATES)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_sweep_is_no_faster_than_the_settings_say_and_they_raise_nothing() -> None:
    done = CliRunner().invoke(app, ["scan", "192.0.2.0/28", "--dry-run", "--format", "jsonl"])
    budget = json.loads(done.stdout.splitlines()[-1])
    assert (budget["conversations_per_second"], budget["frames_per_second"]) == (3, 1000)


@pytest.mark.parametrize("words", [["switches", "192.0.2.2"], ["ask", "192.0.2.3"]])
def test_asking_with_the_owners_accounts_is_no_faster_than_the_settings_say(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    made: list[Any] = []

    class Met(Exception):
        pass

    def gate(**told: Any) -> None:
        made.append(told["rates"])
        raise Met

    monkeypatch.setattr("netcam.collect.gate.Gate", gate)
    store = SqlInventory(folder / "home" / "netcam.sqlite")
    store.save_identities(None, [Identity(device="192.0.2.3", site="default", slots={"kind": "camera"}, addresses=("192.0.2.3",))], NOON)
    store.close()
    scope = folder / "scope.toml"
    scope.write_text('id = "op"\nauthoriser = "Estates"\nnetworks = ["192.0.2.0/28"]\n')
    done = CliRunner().invoke(app, [*words, "--scope", str(scope), "--store", str(folder / "home" / "netcam.sqlite")])
    assert isinstance(done.exception, Met), done.exception
    assert (made[0].conversations_per_second, made[0].half_open) == (3, 2)
