"""A finding is told when it opens, when it changes and when it closes; what nobody looked at stays open."""

import dataclasses
import json
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.assess import coverage
from netcam.model import Coverage, CoverageState, Verdict
from netcam.sinks import dispatch
from netcam.sinks.lifecycle import settle
from netcam.sinks.teller import Teller
from tests.sinks.queueing import camera, outbox
from tests.sinks.samples import AT, CAMERA, CLEAR, EGRESS, FINISHED, FIRMWARE, POLICY, UNJUDGED


def look(before, findings, judged=None, kinds=("policy", "firmware")):
    devices = {CAMERA.device: CAMERA}
    result = settle(before, findings, AT, judged=judged if judged is not None else {CAMERA.device}, kinds=kinds, devices=devices)
    after = {key: one for key, one in {**before, **result.told}.items() if key not in result.closed}
    return [(event.finding.rule, event.state.value) for event in result.events], after, result


def test_it_opens_once_and_is_counted_from_then_on():
    events, told, _ = look({}, [POLICY])
    assert events == [("uk-2022", "opened")]
    events, told, result = look(told, [POLICY])
    assert (events, dict(result.unchanged)) == ([], {"uk-2022 restricted": 1})
    assert told.keys() == {POLICY.key}


def test_confidence_and_counters_are_no_news_but_a_verdict_or_a_new_source_is():
    _, told, _ = look({}, [POLICY, EGRESS], kinds=("policy", "egress"))
    same = [dataclasses.replace(POLICY, confidence=0.5, evidence=("x",)), dataclasses.replace(EGRESS, title="Calls every 61 s", text="61")]
    assert look(told, same, kinds=("policy", "egress"))[0] == []
    weaker = dataclasses.replace(POLICY, verdict=Verdict.REVIEW)
    events, told, result = look(told, [weaker, EGRESS], kinds=("policy", "egress"))
    assert events == [("uk-2022", "updated")]
    _, _, escalated = look(told, [POLICY, EGRESS], kinds=("policy", "egress"))
    assert escalated.events[0].severity > result.events[0].severity
    cited = dataclasses.replace(POLICY, citations=(dataclasses.replace(POLICY.citations[0], published="2026-01-01"),))
    assert look(told, [cited, EGRESS], kinds=("policy", "egress"))[0] == [("uk-2022", "updated")]


def test_it_closes_when_its_device_was_judged_and_it_is_gone_or_no_longer_weighs():
    _, told, _ = look({}, [POLICY, FIRMWARE])
    events, after, _ = look(told, [POLICY])
    assert events == [("example-2021", "closed")]
    assert after.keys() == {POLICY.key}
    clear = dataclasses.replace(POLICY, verdict=Verdict.NOT_MATCHED)
    assert look(told, [clear, FIRMWARE])[0] == [("uk-2022", "closed")]


def test_it_stays_open_where_nobody_looked():
    _, told, _ = look({}, [POLICY, EGRESS], kinds=("policy", "egress"))
    assert look(told, [], judged=set())[0] == []
    assert look(told, [])[0] == [("uk-2022", "closed")], "a sweep cannot close what traffic showed"


def test_unknown_is_told_and_a_pass_is_only_counted():
    events, _, result = look({}, [UNJUDGED, CLEAR])
    assert events == [("uk-2022", "opened")]
    assert dict(result.unchanged) == {"uk-2022 not matched": 1}


def test_it_can_open_again_after_it_closed():
    _, told, _ = look({}, [POLICY])
    _, told, _ = look(told, [])
    assert told == {}
    assert look(told, [POLICY])[0] == [("uk-2022", "opened")]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([POLICY, FIRMWARE, CLEAR, UNJUDGED, dataclasses.replace(POLICY, verdict=Verdict.REVIEW)]), max_size=6),
        max_size=8,
    )
)
def test_whatever_is_found_a_receiver_that_folds_by_key_knows_what_stands(looks):
    told, folded = {}, {}
    for findings in looks:
        judged = {finding.device for finding in findings} | {CAMERA.device}
        result = settle(told, findings, AT, judged=judged, kinds=("policy", "firmware"), devices={})
        for event in result.events:
            if event.state.value == "closed":
                assert folded.pop(event.finding.key), "only what is open closes"
            else:
                assert (event.finding.key in folded) == (event.state.value == "updated")
                folded[event.finding.key] = event.finding
        told = {key: one for key, one in {**told, **result.told}.items() if key not in result.closed}
        assert folded.keys() == told.keys()
        assert all(folded[key].rank == one.finding.rank for key, one in told.items())


def kinds_of(box, after):
    return [item.kind for item in box.latest(1000) if item.seq > after]


class Diff:
    def __init__(self, kind, device, field="", old=None, new=None):
        self.kind, self.device, self.field, self.old, self.new = kind, device, field, old, new


def test_a_site_over_four_scans(tmp_path):
    box = outbox(tmp_path)
    teller = Teller(box, {"jsonl": dispatch.formats()["jsonl"]}, sensor="s", version="1")
    one, two = camera(1), camera(2)
    finding = dataclasses.replace(POLICY, device=one.device)

    def scan(day, identities, known, differences, findings):
        after = box.newest()
        run = dataclasses.replace(FINISHED, id=f"scan-{day}")
        at = AT + timedelta(days=day)
        teller.finished(run, at, identities=identities, known={i.device: i for i in known}, differences=differences, findings=findings)
        return kinds_of(box, after)

    assert scan(0, [one, two], [], [], [finding]) == ["device-discovered", "device-discovered", "policy-finding", "scan-finished"]
    newer = dataclasses.replace(one, slots={**one.slots, "firmware": "V9"})
    changed = Diff("changed", one.device, "firmware", "V5", "V9")
    gone = Diff("missing", two.device)
    assert scan(1, [newer], [one, two], [changed, gone], [finding]) == ["device-changed", "device-missing", "digest", "scan-finished"]
    assert scan(2, [newer], [newer, two], [gone], [finding]) == ["digest", "scan-finished"], "missing is told once"
    assert scan(3, [newer, two], [newer, two], [], []) == ["device-returned", "policy-finding", "scan-finished"]


def test_content_is_told_when_it_changes_and_not_when_it_is_first_seen(tmp_path):
    box = outbox(tmp_path)
    teller = Teller(box, {"jsonl": dispatch.formats()["jsonl"]})
    assert teller.content({"makers": "a", "policies": "b"}, AT) == 0
    assert teller.content({"makers": "a", "policies": "b"}, AT) == 0
    assert teller.content({"makers": "a", "policies": "c"}, AT) == 1
    assert kinds_of(box, 0) == ["content-updated"]


def test_what_was_told_of_a_device_that_turned_out_to_be_part_of_another_ends(tmp_path):
    box = outbox(tmp_path)
    teller = Teller(box, {"jsonl": dispatch.formats()["jsonl"]})
    old, new = camera(1), camera(2)
    finding = dataclasses.replace(POLICY, device=old.device)
    run = dataclasses.replace(FINISHED, scope_id="scope-7")
    teller.finished(run, AT, identities=[old], known={}, differences=[], findings=[finding])
    moved = dataclasses.replace(POLICY, device=new.device)
    after = box.newest()
    teller.finished(
        dataclasses.replace(run, id="b"),
        AT + timedelta(days=1),
        identities=[new],
        known={new.device: new},
        differences=[],
        findings=[moved],
    )
    events = [json.loads(item.body) for item in box.latest(100) if item.seq > after]
    assert [(one["finding"]["device"], one["state"]) for one in events if "finding" in one] == [
        (new.device, "opened"),
        (old.device, "closed"),
    ]
    assert {one.get("scope_id") for one in events} == {"scope-7"}


def test_a_network_that_was_out_of_reach_is_closed_when_a_scan_has_looked_at_as_much_of_it(tmp_path):
    def lines(states):
        return [Coverage(address=f"192.0.2.{number}", state=state) for number, state in enumerate(states, 1)]

    box = outbox(tmp_path)
    teller = Teller(box, {"jsonl": dispatch.formats()["jsonl"]})
    first = lines([CoverageState.SILENT] * 6 + [CoverageState.NOT_REACHED] * 4)
    teller.finished(FINISHED, AT, identities=[], known={}, differences=[], findings=coverage.unreached("hq", first))

    def again(day, states):
        told = [one.finding for one in box.told("hq").values()]
        now = lines(states)
        run = dataclasses.replace(FINISHED, id=f"scan-{day}")
        found = coverage.unreached("hq", now)
        after = box.newest()
        teller.finished(
            run, AT + timedelta(days=day), identities=[], known={}, differences=[], findings=found, reached=coverage.reached(told, now)
        )
        return [json.loads(item.body).get("state") for item in box.latest(50) if item.seq > after and "finding" in json.loads(item.body)]

    assert again(1, [CoverageState.SILENT] * 6 + [CoverageState.NOT_REACHED] * 4) == []
    assert again(2, [CoverageState.SILENT] * 5) == [], "half of it is not the whole"
    assert again(3, [CoverageState.SILENT] * 10) == ["closed"]
