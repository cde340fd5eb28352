"""How a sweep is written: together, raw answers before what rests on them, an address done last, all of it in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from netcam.cli.scan import last_interrupted
from netcam.errors import ConfigError
from netcam.inventory import open_inventory
from netcam.inventory.memory import MemoryInventory
from netcam.model import Coverage, CoverageState, Observation, ScanRecord
from netcam.pipeline import sweeping

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Watched(MemoryInventory):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def keep_all(self, raws: Any) -> list[str]:
        self.calls.append(("keep", len(raws)))
        return super().keep_all(raws)

    def record(self, observations: Any) -> int:
        told = list(observations)
        self.calls.append(("record", len(told)))
        return super().record(told)

    def cover(self, scan: str, coverage: Any) -> None:
        told = list(coverage)
        self.calls.append(("cover", len(told)))
        super().cover(scan, told)


def device(number: int, raw: str) -> list[Observation]:
    return [Observation(field="http.server", value=f"cam {number}", at=NOON, endpoint=f"10.1.0.{number}:80", scan="s", raw=raw)]


@pytest.fixture
def store() -> Watched:
    made = Watched()
    made.save_scan(ScanRecord(id="s", site="hq"))
    return made


def test_devices_are_written_together_and_an_address_is_done_last(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WRITE_EVERY", 3600.0)
    writing = sweeping.Writing(store, "s")
    for number in range(1, 4):
        writing.record(device(number, writing.keep(b"the same page")))
        writing.cover(Coverage(address=f"10.1.0.{number}", state=CoverageState.ANSWERED))
    assert store.calls == []
    writing.flush()
    assert store.calls == [("keep", 1), ("record", 3), ("cover", 3)]
    assert {store.raw(one.raw) for one in store.observations()} == {b"the same page"}
    writing.flush()
    assert len(store.calls) == 3


@pytest.mark.parametrize(("bound", "what"), [("OBSERVATION_BATCH", "record"), ("COVERAGE_BATCH", "cover")])
def test_no_more_waits_than_the_bound(store: Watched, monkeypatch: pytest.MonkeyPatch, bound: str, what: str) -> None:
    monkeypatch.setattr(sweeping, "WRITE_EVERY", 3600.0)
    monkeypatch.setattr(sweeping, bound, 2)
    writing = sweeping.Writing(store, "s")
    for number in range(1, 6):
        if what == "record":
            writing.record(device(number, ""))
        else:
            writing.cover(Coverage(address=f"10.1.0.{number}", state=CoverageState.SILENT))
    assert store.calls == [(what, 2), (what, 2)]


def test_what_has_waited_long_enough_is_written(store: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WRITE_EVERY", 0.0)
    writing = sweeping.Writing(store, "s")
    writing.record(device(1, writing.keep(b"page")))
    assert [name for name, _ in store.calls] == ["keep", "record"]


def test_a_run_that_went_on_began_when_its_first_part_did_and_counts_all_its_parts() -> None:
    """What was looked at on Monday is no newer because the run ended on Wednesday: else a removal on Tuesday would be seen again."""
    monday, wednesday = NOON, NOON + timedelta(days=2)
    first = ScanRecord(
        id="a", site="hq", started=monday, finished=monday, status="interrupted", targets=("10.0.0.0/24",),
        totals={"answered": 2, "silent": 1, "not reached": 7, "sent.arp.packets": 40, "sent.device.most": 60, "sent.network.10.0.0.0/24": 90},
    )  # fmt: skip
    last = ScanRecord(
        id="a", site="hq", started=wednesday, finished=wednesday, status="complete", targets=("10.0.0.0/24",),
        totals={"answered": 1, "silent": 6, "not reached": 0, "sent.arp.packets": 14, "sent.device.most": 50, "sent.network.10.0.0.0/24": 33},
    )  # fmt: skip
    states = [*["answered"] * 3, *["silent"] * 7]
    coverage = [Coverage(address=f"10.0.0.{n}", state=CoverageState(state)) for n, state in enumerate(states, 1)]
    whole = sweeping.carried_on(first, last, coverage)
    assert (whole.started, whole.finished, whole.status) == (monday, wednesday, "complete")
    told = {name: count for name, count in whole.totals.items() if count}
    assert told == {
        "answered": 3, "silent": 7, "sent.arp.packets": 54, "sent.device.most": 60, "sent.network.10.0.0.0/24": 123,
    }  # fmt: skip


def test_a_run_whose_networks_were_swept_since_is_not_gone_on_with(tmp_path: Path) -> None:
    inventory = open_inventory(tmp_path / "s.sqlite", make=True)
    for day, scan, net, status in ((0, "old", 1, "interrupted"), (1, "other", 2, "complete")):
        at = NOON + timedelta(days=day)
        inventory.save_scan(ScanRecord(id=scan, site="hq", targets=(f"10.0.{net}.0/24",), started=at, finished=at, status=status))
    assert last_interrupted(inventory, "hq", None)[0] == "old"
    at = NOON + timedelta(days=2)
    inventory.save_scan(ScanRecord(id="new", site="hq", targets=("10.0.1.0/24",), started=at, finished=at, status="complete"))
    with pytest.raises(ConfigError, match="new has swept its networks since"):
        last_interrupted(inventory, "hq", None)
    inventory.close()
