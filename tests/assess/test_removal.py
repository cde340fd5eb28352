"""The removal programme: steps in order, `verified absent` by a completed scan that looked, and what comes back is open again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.assess import removal
from netcam.assess.removal import Item, Looked, Step
from netcam.errors import ConfigError
from netcam.model import Coverage, CoverageState, ScanRecord

DAY = date(2026, 11, 1)
AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
KEY = ("hq", "00:00:5e:00:53:01", "uk-2022-sensitive-sites")


@dataclass(frozen=True)
class Act:
    number: int
    kind: str
    body: bytes
    at: datetime = AT
    by: str = "ann"


def programme(*steps: tuple[str, int]) -> list[Act]:
    """A device taken in on DAY with steps so many days later."""
    acts = [Act(1, removal.REMOVAL, removal.opening(*KEY, on=DAY, owner="Estates", due=DAY + timedelta(days=20)))]
    for number, (step, days) in enumerate(steps, 2):
        item = removal.fold(acts)[KEY]
        when = DAY + timedelta(days=days)
        acts.append(Act(number, removal.REMOVAL, removal.stepping(item, step, on=when, today=when), at=AT + timedelta(days=days)))
    return acts


def item(*steps: tuple[str, int]) -> Item:
    return removal.fold(programme(*steps))[KEY]


SCAN = ScanRecord(id="s2", site="hq", status="complete", started=AT + timedelta(days=12), finished=AT + timedelta(days=12, hours=1))
LOOKED = {"192.0.2.10": Coverage(address="192.0.2.10", state=CoverageState.SILENT)}


def gone() -> Item:
    return item(("confirmed", 2), ("isolated", 5), ("removed", 10))


def test_steps_carry_their_dates_and_who_took_them() -> None:
    held = gone()
    assert [(taken.step, taken.on, taken.by) for taken in held.steps] == [
        (Step.IDENTIFIED, DAY, "ann"),
        (Step.CONFIRMED, DAY + timedelta(days=2), "ann"),
        (Step.ISOLATED, DAY + timedelta(days=5), "ann"),
        (Step.REMOVED, DAY + timedelta(days=10), "ann"),
    ]
    assert held.owner == "Estates" and held.due == DAY + timedelta(days=20)
    assert held.state_on(DAY + timedelta(days=6)) is Step.ISOLATED and held.state_on(DAY - timedelta(days=1)) is None


def test_it_is_overdue_until_it_is_gone() -> None:
    late = DAY + timedelta(days=21)
    assert item().overdue(late) and not item().overdue(late - timedelta(days=1)) and not gone().overdue(late)


def test_only_a_completed_scan_that_looked_at_every_address_verifies() -> None:
    def look(**change: object) -> Looked:
        told = {"addresses": ["192.0.2.10"], "coverage": LOOKED, "present": frozenset[str]()} | change
        scan = told.pop("scan", SCAN)
        return removal.verify(gone(), scan, **told).looked  # type: ignore[arg-type]

    assert look() is Looked.ABSENT
    assert look(scan=replace(SCAN, status="interrupted")) is Looked.NOT_TOLD
    assert look(scan=replace(SCAN, started=AT + timedelta(days=3))) is Looked.NOT_TOLD
    assert look(scan=replace(SCAN, site="branch")) is Looked.NOT_TOLD
    assert look(coverage={}) is Looked.NOT_TOLD
    assert look(addresses=["192.0.2.10", "192.0.2.11"]) is Looked.NOT_TOLD
    assert look(addresses=[]) is Looked.NOT_TOLD
    for state in (CoverageState.NOT_REACHED, CoverageState.EXCLUDED, CoverageState.OFF_SUBNET):
        assert look(coverage={"192.0.2.10": Coverage(address="192.0.2.10", state=state)}) is Looked.NOT_TOLD
    assert look(present=frozenset({KEY[1]})) is Looked.PRESENT
    # a camera of both families: its link is asked as a whole
    assert look(addresses=["192.0.2.10", "fe80::10%eth0", "2001:db8::10"]) is Looked.NOT_TOLD
    both = replace(SCAN, targets=("192.0.2.0/24", "2001:db8::/64", "fe80::/64"))
    assert look(addresses=["192.0.2.10", "fe80::10%eth0", "2001:db8::10"], scan=both) is Looked.ABSENT
    assert look(addresses=["fe80::10%eth0"], scan=both) is Looked.NOT_TOLD


def test_what_was_not_removed_is_not_verified() -> None:
    told = removal.verify(item(("confirmed", 2)), SCAN, addresses=["192.0.2.10"], coverage=LOOKED, present=frozenset())
    assert told.looked is Looked.NOT_TOLD and "not removed" in told.why


def test_a_device_that_comes_back_is_open_again() -> None:
    acts = programme(("removed", 10))
    acts.append(Act(3, removal.REMOVAL, removal.verified(removal.fold(acts)[KEY], "s2", DAY + timedelta(days=12), ["192.0.2.10"])))
    items = removal.fold(acts)
    assert items[KEY].state is Step.VERIFIED
    assert removal.seen_again(items, {KEY[:2]: AT + timedelta(days=10)})[KEY].state is Step.VERIFIED  # the day of the removal itself
    back = removal.seen_again(items, {KEY[:2]: AT + timedelta(days=30)})[KEY]
    assert back.state is Step.REOPENED and back.steps[-1].on == DAY + timedelta(days=30)
    again = removal.stepping(back, "removed", on=DAY + timedelta(days=31), today=DAY + timedelta(days=31))
    assert again


@pytest.mark.parametrize(
    ("step", "on", "problem"),
    [
        ("verified absent", 11, "not recorded by hand"),
        ("isolatd", 11, "is no step"),
        ("isolated", 11, "removed already"),
        ("removed", 11, "removed already"),
    ],
)
def test_a_wrong_step_is_refused(step: str, on: int, problem: str) -> None:
    when = DAY + timedelta(days=on)
    with pytest.raises(ConfigError) as refused:
        removal.stepping(gone(), step, on=when, today=when)
    assert problem in refused.value.problem and refused.value.cure


def test_a_step_lies_neither_ahead_nor_before_the_last() -> None:
    for on, today in ((DAY + timedelta(days=9), DAY + timedelta(days=1)), (DAY - timedelta(days=1), DAY + timedelta(days=1))):
        with pytest.raises(ConfigError) as refused:
            removal.stepping(item(), "removed", on=on, today=today)
        assert refused.value.where == "--on"


def test_progress_by_site_and_estate_and_the_burn_down() -> None:
    other = Act(9, removal.REMOVAL, removal.opening("branch", "b", "r", on=DAY + timedelta(days=7)))
    items = removal.fold([*programme(("confirmed", 2), ("removed", 10)), other])
    rows = {row.site: row for row in removal.progress(items.values(), DAY + timedelta(days=30))}
    assert set(rows) == {"branch", "hq", ""}
    assert rows[""].total == 2 and rows[""].gone == 1 and rows["hq"].by_state == {Step.REMOVED: 1}
    burn = list(removal.burn_down(items.values(), DAY + timedelta(days=16)))
    assert [(b.day - DAY, b.standing, b.gone) for b in burn] == [
        (timedelta(days=0), 1, 0), (timedelta(days=7), 2, 0), (timedelta(days=14), 1, 1), (timedelta(days=16), 1, 1),
    ]  # fmt: skip
    assert list(removal.burn_down([], DAY)) == []


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_any_stored_bytes_fold_to_something(stored: list[bytes]) -> None:
    assert removal.fold([Act(n, removal.REMOVAL, body) for n, body in enumerate(stored, 1)]) == {}


@given(days=st.lists(st.integers(0, 60), min_size=1, max_size=3).map(sorted), look=st.integers(0, 100))
def test_the_burn_down_never_loses_a_device(days: list[int], look: int) -> None:
    steps = list(zip(("confirmed", "isolated", "removed"), days, strict=False))
    for burn in removal.burn_down([item(*steps)], DAY + timedelta(days=look)):
        assert burn.standing + burn.gone == 1
