"""How a sweep is written: together, raw answers before what rests on them, an address done last, all of it in the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

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
