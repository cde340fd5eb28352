"""The outbox: what is queued stays until it is delivered, and what was told is known in one step with it."""

import contextlib
import json
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.errors import StoreError
from netcam.sinks import lifecycle
from netcam.sinks.lifecycle import Settled
from netcam.sinks.outbox import Outbox
from tests.sinks.queueing import FORMATS, Clock, changes, outbox
from tests.sinks.samples import AT, HOSTILE, POLICY, hostile


def test_events_are_numbered_in_order_and_an_event_is_queued_once(tmp_path):
    box = outbox(tmp_path)
    box.sink("siem")
    assert box.put(changes(5), FORMATS) == 5
    assert box.put(changes(7), FORMATS) == 2
    waiting = box.waiting("siem", "jsonl", 100)
    assert [item.seq for item in waiting] == [1, 2, 3, 4, 5, 6, 7]
    assert [json.loads(item.body)["sequence"] for item in waiting] == [1, 2, 3, 4, 5, 6, 7]
    assert all(json.loads(item.body)["id"] == item.id for item in waiting)


def test_numbers_are_not_used_again_after_everything_was_pruned(tmp_path):
    clock = Clock()
    box = outbox(tmp_path, clock)
    box.sink("siem")
    box.put(changes(3), FORMATS)
    box.settle("siem", done=[1, 2, 3], delivered=3, refused={}, cursor=3)
    clock.now += 100
    assert box.prune(50, ["siem"]) == 3
    box.put(changes(1, start=10), FORMATS)
    assert box.newest() == 4


def test_events_stay_until_the_slowest_sink_has_them_and_for_the_time_of_a_replay(tmp_path):
    clock = Clock()
    box = outbox(tmp_path, clock)
    for name in ("quick", "slow"):
        box.sink(name)
    box.put(changes(4), FORMATS)
    box.settle("quick", done=[1, 2, 3, 4], delivered=4, refused={}, cursor=4)
    box.settle("slow", done=[1, 2], delivered=2, refused={}, cursor=2)
    assert box.prune(60, ["quick", "slow"]) == 0
    clock.now += 61
    assert box.prune(60, ["quick", "slow"]) == 2
    assert [item.seq for item in box.waiting("slow", "jsonl", 10)] == [3, 4]
    assert box.prune(60, ["quick"]) == 2, "a sink that is no longer in the settings keeps nothing"


def test_a_new_sink_begins_with_what_comes_next_and_can_be_told_what_stands(tmp_path):
    box = outbox(tmp_path)
    settled = lifecycle.settle({}, [POLICY], AT, judged={POLICY.device}, kinds={"policy"}, devices={})
    box.put(settled.events, FORMATS, settled=settled, site="hq", devices={"d": "present"})
    assert box.sink("new").cursor == 1
    assert box.restate() == 1
    assert (box.told("hq"), box.devices("hq")) == ({}, {})


def test_what_was_told_in_the_words_of_another_version_is_told_anew(tmp_path):
    box = outbox(tmp_path)
    settled = lifecycle.settle({}, [POLICY], AT, judged={POLICY.device}, kinds={"policy"}, devices={})
    box.put(settled.events, FORMATS, settled=settled, site="hq")
    box._db.execute("UPDATE told SET finding = replace(finding, 'restricted', 'forbidden')")
    assert box.told("hq") == {}


def test_a_full_outbox_gives_up_the_oldest_and_counts_them(tmp_path):
    box = outbox(tmp_path, max_events=1000)
    box.sink("siem")
    box.put(changes(1000), {})
    box.put(changes(300, start=1000), {})
    state = box.sink("siem")
    assert state.lost == 300
    assert [item.seq for item in box.waiting("siem", "jsonl", 1)] == [301]


def test_what_was_told_and_its_events_are_kept_together_or_not_at_all(tmp_path):
    box = outbox(tmp_path)
    settled = lifecycle.settle({}, [POLICY], AT, judged={POLICY.device}, kinds={"policy"}, devices={})

    def broken():
        yield from settled.events
        raise RuntimeError("the scan dies here")

    with pytest.raises(RuntimeError):
        box.put(broken(), FORMATS, settled=settled, site="hq")
    assert (box.newest(), box.told("hq")) == (0, {})
    box.put(settled.events, FORMATS, settled=settled, site="hq", devices={"d": "present"}, facts={"a": "b"})
    assert box.told("hq")[POLICY.key].finding == POLICY
    assert (box.devices("hq"), box.fact("a"), box.fact("z")) == ({"d": "present"}, "b", "")
    again = Outbox(box.path)
    assert again.told("hq").keys() == {POLICY.key}
    box.put((), FORMATS, settled=Settled(closed=frozenset({POLICY.key})))
    assert again.told("hq") == {}


def test_hostile_text_in_every_place_is_queued_and_read_back_as_one_line(tmp_path):
    box = outbox(tmp_path)
    box.sink("siem")
    events = list(hostile(HOSTILE))
    findings = [event.finding for event in events if event.finding]
    settled = lifecycle.settle({}, findings, AT, judged=(), kinds=(), devices={})
    assert box.put(events, FORMATS, settled=settled, site=HOSTILE) == len(events)
    for name in FORMATS:
        for item in box.waiting("siem", name, 100):
            assert len(item.body.decode().splitlines()) == 1
    assert box.told(HOSTILE)


def test_a_file_that_is_no_outbox_or_of_a_newer_netcam_is_told(tmp_path):
    (tmp_path / "text.sqlite").write_text("this is no database" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        Outbox(tmp_path / "text.sqlite")
    box = outbox(tmp_path)
    box.close()
    db = sqlite3.connect(tmp_path / "outbox.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer netcam"):
        Outbox(tmp_path / "outbox.sqlite")
    with pytest.raises(StoreError, match="cannot be used"):
        Outbox(tmp_path / "text.sqlite" / "below")


def test_a_scan_does_not_wait_for_a_locked_outbox_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("netcam.sinks.outbox.BUSY_SECONDS", 0.1)
    box = outbox(tmp_path)
    other = sqlite3.connect(box.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        box.put(changes(1), FORMATS)
    other.execute("ROLLBACK")
    other.close()
    assert box.put(changes(1), FORMATS) == 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["put", "deliver", "prune", "reopen"]), max_size=12))
def test_no_order_of_events_loses_one(tmp_path_factory, steps):
    path, clock = tmp_path_factory.mktemp("box"), Clock()
    box, queued, got = outbox(path, clock), 0, []
    box.sink("siem")
    for step in steps:
        clock.now += 10
        if step == "put":
            queued += box.put(changes(3, start=queued), FORMATS)
        elif step == "deliver":
            waiting = box.waiting("siem", "jsonl", 2)
            got += [item.seq for item in waiting]
            if waiting:
                box.settle("siem", done=[i.seq for i in waiting], delivered=len(waiting), refused={}, cursor=waiting[-1].seq)
        elif step == "prune":
            box.prune(5, ["siem"])
        else:
            box.close()
            box = outbox(path, clock)
    got += [item.seq for item in box.waiting("siem", "jsonl", 1000)]
    box.close()
    assert got == list(range(1, queued + 1))


@pytest.mark.parametrize("version", [0, 7])
def test_a_database_of_something_else_is_not_written_into(tmp_path, version):
    """As where the settings name the inventory, or a file of another program, as the outbox."""
    path = tmp_path / "outbox.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute(f"PRAGMA user_version = {version}")
        other.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="something else"):
        outbox(tmp_path)
    assert path.read_bytes() == before
    assert not path.with_name("outbox.sqlite-wal").exists()
