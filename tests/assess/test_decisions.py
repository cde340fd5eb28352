"""Exceptions and disputes: a reason, an approver, an end; raised again on expiry or where the finding grows; never forgotten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.assess import decisions
from netcam.assess.decisions import Decisions, Standing
from netcam.errors import ConfigError
from netcam.model import Finding, Verdict

ON = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
FOUND = Finding(rule="uk-2022-sensitive-sites", kind="policy", device="00:00:5e:00:53:01", title="t", verdict=Verdict.ADVISORY, site="hq")


@dataclass(frozen=True)
class Act:
    number: int
    kind: str
    body: bytes
    at: datetime = AT
    by: str = "ann"


def excepted(until: date = ON + timedelta(days=30), finding: Finding = FOUND, number: int = 1) -> Act:
    body = decisions.exception(finding, reason="a shared car park", approver="the SIRO", until=until, on=ON)
    return Act(number, decisions.EXCEPTION, body)


def test_an_exception_suppresses_until_its_last_day_and_then_raises_again() -> None:
    held = decisions.fold([excepted()])
    last = ON + timedelta(days=30)
    assert held.of(FOUND, ON).standing is Standing.EXCEPTED and not held.of(FOUND, last).raised
    assert held.raised([FOUND], ON) == []
    after = held.of(FOUND, last + timedelta(days=1))
    assert after.standing is Standing.LAPSED and after.raised
    assert "the SIRO" in after.text and "a shared car park" in after.text and "ann" in after.text


def test_a_stronger_verdict_is_not_covered() -> None:
    stronger = replace(FOUND, verdict=Verdict.RESTRICTED)
    assert stronger.key == FOUND.key
    assert decisions.fold([excepted()]).of(stronger, ON).standing is Standing.OUTGROWN
    weaker = replace(FOUND, verdict=Verdict.INFORMATION)
    assert decisions.fold([excepted()]).of(weaker, ON).standing is Standing.EXCEPTED


def test_an_exception_covers_its_own_finding_only() -> None:
    held = decisions.fold([excepted()])
    for other in (replace(FOUND, device="other"), replace(FOUND, site="branch"), replace(FOUND, rule="us-ndaa-889")):
        assert held.of(other, ON).standing is Standing.OPEN and held.of(other, ON).text == ""


def test_an_ended_exception_raises_again_and_stays_in_the_list() -> None:
    acts = [excepted()]
    kind, body = decisions.ending(decisions.fold(acts), 1, reason="the partner left")
    held = decisions.fold([*acts, Act(2, kind, body, by="bob")])
    assert held.of(FOUND, ON).standing is Standing.OPEN
    assert len(held.all) == 1 and "bob: the partner left" in held.all[0].says()
    with pytest.raises(ConfigError, match="no exception or dispute with this number holds"):
        decisions.ending(held, 1, reason="again")


def test_a_newer_exception_replaces_an_older_one() -> None:
    newer = excepted(until=ON + timedelta(days=300), number=2)
    assert decisions.fold([excepted(), newer]).of(FOUND, ON + timedelta(days=200)).standing is Standing.EXCEPTED


def test_a_dispute_is_shown_and_still_counts() -> None:
    body = decisions.dispute(FOUND, slot="maker", value="Bosch", reason="invoice 2231", lock=7)
    stand = decisions.fold([Act(8, decisions.DISPUTE, body)]).of(FOUND, ON)
    assert stand.standing is Standing.DISPUTED and stand.raised
    assert "maker is Bosch" in stand.text and "invoice 2231" in stand.text


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"reason": " "}, "--reason"),
        ({"approver": ""}, "--approver"),
        ({"reason": "x" * 5000}, "--reason"),
        ({"until": ON}, "--until"),
        ({"until": ON + timedelta(days=900)}, "--until"),
    ],
)
def test_an_exception_without_what_it_needs_is_refused(change: dict[str, object], where: str) -> None:
    wanted = {"reason": "r", "approver": "a", "until": ON + timedelta(days=1), "on": ON} | change
    with pytest.raises(ConfigError) as refused:
        decisions.exception(FOUND, **wanted)  # type: ignore[arg-type]
    assert refused.value.where == where and refused.value.cure


@given(
    st.lists(
        st.tuples(st.sampled_from(["exception", "exception.end", "dispute", "dispute.end", "note"]), st.binary(max_size=60)), max_size=8
    )
)
def test_any_stored_bytes_fold_to_something(stored: list[tuple[str, bytes]]) -> None:
    held = decisions.fold([Act(n, kind, body) for n, (kind, body) in enumerate(stored, 1)])
    assert isinstance(held, Decisions) and held.of(FOUND, ON).standing is Standing.OPEN


@given(days=st.integers(1, 731), look=st.integers(0, 1000))
def test_no_exception_outlives_its_day(days: int, look: int) -> None:
    stand = decisions.fold([excepted(until=ON + timedelta(days=days))]).of(FOUND, ON + timedelta(days=look))
    assert stand.raised == (look > days)
