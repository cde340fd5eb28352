"""What traffic shows opens, changes and closes under one key; only a whole day in which the device was seen can close it."""

import dataclasses
import json
import sqlite3
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.sinks import dispatch
from netcam.sinks.lifecycle import COVERED_HOURS, Look, settle_traffic
from netcam.sinks.outbox import Outbox
from netcam.sinks.teller import Teller
from tests.sinks.queueing import outbox
from tests.sinks.samples import CAMERA, EGRESS, FINISHED, POLICY, UPLOAD

DAY = datetime(2026, 3, 1, tzinfo=UTC)
DEVICES = {CAMERA.device: CAMERA}


def seen(finding, day, hour=12):
    """The finding as traffic of one hour of a day shows it."""
    at = DAY + timedelta(days=day, hours=hour)
    return dataclasses.replace(finding, window=((at - timedelta(hours=1)).isoformat(), at.isoformat()))


def look(day, *findings, hours=24, source="span0", length=24):
    start = DAY + timedelta(days=day)
    return Look(source=source, start=start, end=start + timedelta(hours=length), findings=findings, hours={CAMERA.device: hours})


def told(box, looks, day=None, excepted=()):
    """The findings' events that these looks make, as rule, state and why."""
    before = box.newest()
    now = DAY + timedelta(days=day) if day is not None else max(one.end for one in looks)
    teller = Teller(box, {"jsonl": dispatch.formats()["jsonl"]}, sensor="s", version="1")
    assert teller.traffic(looks, now, site="hq", devices=DEVICES, excepted=excepted) == ""
    events = [json.loads(item.body) for item in box.latest(1000) if item.seq > before]
    return [(one["finding"]["rule"], one["state"], one.get("ended", "")) for one in events if "finding" in one]


def test_it_opens_once_changes_with_its_level_and_closes_after_a_day_without_it(tmp_path):
    box = outbox(tmp_path)
    assert told(box, [look(0, seen(UPLOAD, 0))]) == [("bulk-upload", "opened", "")]
    assert told(box, [look(1, seen(UPLOAD, 1))]) == []
    assert told(box, [look(2, dataclasses.replace(seen(UPLOAD, 2), severity="medium"))]) == [("bulk-upload", "updated", "")]
    assert told(box, [look(3)]) == [("bulk-upload", "closed", "not found again")]
    assert told(box, [look(4)]) == []
    assert box.told("hq") == {}
    assert told(box, [look(5, seen(UPLOAD, 5))]) == [("bulk-upload", "opened", "")]


def test_only_a_look_that_could_have_found_it_closes_it(tmp_path):
    box = outbox(tmp_path)
    told(box, [look(0, seen(UPLOAD, 0))])
    assert told(box, [look(1, hours=COVERED_HOURS - 1)]) == [], "a device that was out of sight was not watched"
    assert told(box, [look(1, source="span1")]) == [], "another place of capture sees other traffic"
    assert told(box, [look(1, length=12)]) == [], "half a day is no rhythm"
    assert told(box, [look(0.4)]) == [], "the traffic that showed it is in this window too"
    assert told(box, [dataclasses.replace(look(1), hours={})]) == []
    assert told(box, [look(1)]) == [("bulk-upload", "closed", "not found again")]


def test_the_last_place_that_showed_it_closes_it(tmp_path):
    box = outbox(tmp_path)
    told(box, [look(0, seen(UPLOAD, 0))])
    told(box, [look(1, seen(UPLOAD, 1), source="span1")])
    assert told(box, [look(2)]) == []
    assert told(box, [look(2, source="span1")]) == [("bulk-upload", "closed", "not found again")]


def test_an_exception_closes_it_and_its_end_opens_it_with_new_traffic_only(tmp_path):
    box = outbox(tmp_path)
    told(box, [look(0, seen(UPLOAD, 0))])
    assert told(box, [look(1, seen(UPLOAD, 1))], excepted={UPLOAD.key}) == [("bulk-upload", "closed", "suppressed")]
    assert told(box, [look(2, seen(UPLOAD, 2))], excepted={UPLOAD.key}) == []
    assert told(box, [look(0, seen(UPLOAD, 0))], day=3) == []
    assert told(box, [look(3, seen(UPLOAD, 3))]) == [("bulk-upload", "opened", "")]


def test_what_nobody_could_look_at_for_a_month_expires_and_is_not_resolved(tmp_path):
    box = outbox(tmp_path)
    told(box, [look(0, seen(UPLOAD, 0))])
    assert told(box, [look(20, hours=0)]) == []
    assert told(box, [look(31, hours=0)]) == [("bulk-upload", "closed", "expired")]


def test_an_old_capture_that_is_read_today_is_news_today(tmp_path):
    box = outbox(tmp_path)
    assert told(box, [look(0, seen(UPLOAD, 0))], day=200) == [("bulk-upload", "opened", "")]
    assert told(box, [look(0, seen(UPLOAD, 0))], day=229) == []
    assert told(box, [look(0, seen(UPLOAD, 0))], day=231) == [("bulk-upload", "closed", "expired")]
    assert told(box, [look(0, seen(UPLOAD, 0))], day=232) == []


def test_a_sweep_expires_it_too_and_says_suppressed_of_what_is_excepted(tmp_path):
    box = outbox(tmp_path)
    teller = Teller(box, {"jsonl": dispatch.formats()["jsonl"]})
    told(box, [look(0, seen(UPLOAD, 0))])
    run = dataclasses.replace(FINISHED, id="a")
    known = {"identities": [CAMERA], "known": DEVICES, "differences": []}
    teller.finished(run, DAY + timedelta(days=2), findings=[POLICY], **known)
    before = box.newest()
    teller.finished(dataclasses.replace(run, id="b"), DAY + timedelta(days=40), findings=[], excepted={POLICY.key}, **known)
    events = [json.loads(item.body) for item in box.latest(100) if item.seq > before]
    ended = {one["finding"]["rule"]: one["ended"] for one in events if one.get("state") == "closed"}
    assert ended == {"bulk-upload": "expired", "uk-2022": "suppressed"}
    assert box.told("hq") == {}


def test_the_same_traffic_twice_sends_nothing_twice(tmp_path):
    box = outbox(tmp_path)
    file = [look(0, seen(UPLOAD, 0), seen(EGRESS, 0))]
    assert len(told(box, file, day=10)) == 2
    assert told(box, file, day=11) == []
    newer = [look(1)]
    assert [ended for _, _, ended in told(box, newer, day=12)] == ["not found again"] * 2
    assert told(box, file, day=13) == [], "old traffic does not open again what later traffic closed"
    ids = [item.id for item in box.latest(1000)]
    other = outbox(tmp_path / "another")
    told(other, file, day=20)
    told(other, newer, day=21)
    assert [item.id for item in other.latest(1000)] == ids, "the ids follow from the traffic, not from when it was read"


def test_an_older_file_read_later_changes_nothing_that_is_newer(tmp_path):
    box = outbox(tmp_path)
    told(box, [look(5, seen(UPLOAD, 5))])
    assert told(box, [look(0, dataclasses.replace(seen(UPLOAD, 0), severity="low"))], day=6) == []
    assert next(iter(box.told("hq").values())).finding.severity == "high"


def test_a_clock_in_the_future_tells_the_present(tmp_path):
    box = outbox(tmp_path)
    told(box, [look(90_000, seen(UPLOAD, 90_000))], day=1)
    events = [json.loads(item.body) for item in box.latest(10) if "finding" in json.loads(item.body)]
    assert [one["at"] for one in events] == ["2026-03-02T00:00:00.000Z"]
    assert told(box, [look(2)]) == [("bulk-upload", "closed", "not found again")]


def test_it_comes_with_the_traffic_that_it_rests_on(tmp_path):
    box = outbox(tmp_path)
    told(box, [look(0, seen(UPLOAD, 0), dataclasses.replace(seen(UPLOAD, 0), rule="beacon"))])
    events = [json.loads(item.body) for item in box.latest(100)]
    kinds = [one["kind"] for one in events]
    assert kinds == ["network-traffic", "network-traffic", "egress-finding", "egress-finding"], (
        "two findings on the same flows: the flows once"
    )
    assert events[0]["traffic"]["name"] == "p2p.example.net"
    ocsf = dispatch.formats()["ocsf"]
    settled = settle_traffic({}, [look(0, seen(UPLOAD, 0))], DAY + timedelta(days=1), devices=DEVICES, quiet={})
    made = [json.loads(ocsf.encode(event)) for event in settled.events]
    assert [one["class_uid"] for one in made] == [4001, 4001, 2004]
    related = [one["uid"] for one in made[2]["finding_info"]["related_events"]]
    assert related == [one["metadata"]["uid"] for one in made[:2]]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.lists(st.sampled_from(["a", "b"]), max_size=2), st.integers(0, 24), st.booleans()), max_size=12))
def test_whatever_is_seen_a_receiver_that_folds_by_key_knows_what_stands(days):
    before, quiet, folded = {}, {}, {}
    for day, (subjects, hours, suppressed) in enumerate(days):
        found = [seen(dataclasses.replace(UPLOAD, subject=name), day) for name in subjects]
        excepted = {dataclasses.replace(UPLOAD, subject="a").key} if suppressed else set()
        now = DAY + timedelta(days=day + 1)
        made = settle_traffic(before, [look(day, *found, hours=hours)], now, devices=DEVICES, quiet=quiet, excepted=excepted)
        for event in made.events:
            if event.finding is None:
                continue
            if event.state.value == "closed":
                assert folded.pop(event.finding.key)
                assert event.ended
            else:
                assert (event.finding.key in folded) == (event.state.value == "updated")
                folded[event.finding.key] = event.finding
        before = {key: one for key, one in {**before, **made.told}.items() if key not in made.closed}
        quiet |= made.quiet
        assert folded.keys() == before.keys()
        assert not (suppressed and dataclasses.replace(UPLOAD, subject="a").key in folded)


def test_an_outbox_of_before_is_taken_over(tmp_path):
    path = tmp_path / "outbox.sqlite"
    box = outbox(tmp_path)
    teller = Teller(box, {"jsonl": dispatch.formats()["jsonl"]})
    assert teller.traffic([look(0, seen(UPLOAD, 0))], DAY + timedelta(days=1), site="hq", devices=DEVICES) == ""
    box.close()
    with sqlite3.connect(path) as db:  # as layout 1 had it
        db.executescript(
            "ALTER TABLE told DROP COLUMN source; ALTER TABLE told DROP COLUMN seen; DROP TABLE quiet; PRAGMA user_version = 1;"
        )
    db.close()
    again = Outbox(path)
    assert [one.finding.rule for one in again.told("hq").values()] == ["bulk-upload"]
    assert told(again, [look(1)]) == [], "nobody knows where it was captured"
    assert told(again, [look(40)]) == [("bulk-upload", "closed", "expired")]
    again.close()
