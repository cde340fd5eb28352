"""Findings, what operators say and do, and the hash chain over all of it, the same in every store."""

import dataclasses
from datetime import timedelta

import pytest

from netcam.assess import removal
from netcam.errors import ConfigError, StoreError
from netcam.inventory import corrections, decided, merkle, verify
from netcam.inventory.chain import START
from netcam.inventory.memory import MemoryInventory
from netcam.inventory.port import MAX_ACTION, MAX_NOTE, Remark
from netcam.model import Coverage, CoverageState, Finding, ScanRecord, Verdict
from tests.inventory.records import HOSTILE, HOUR, NOON, finding, identity, seen


def test_findings_round_trip_and_keep_their_history(inventory):
    first, second = finding(), finding(verdict=Verdict.RESTRICTED)
    egress = Finding(rule="beacon", kind="egress", device="d2", title="t", severity="high", subject="203.0.113.9")
    assert inventory.save_findings("s1", [first, egress], NOON) == 2
    assert inventory.save_findings("s1", [first], NOON) == 0
    assert inventory.save_findings("s2", [second], NOON + HOUR) == 1
    assert inventory.findings() == [egress, second]
    assert inventory.findings(NOON) == [egress, first]
    assert inventory.findings(scan="s1") == [egress, first]
    assert inventory.findings(scan="s2") == [second]
    assert inventory.findings(device="d1") == inventory.findings(site="hq") == [second]
    assert inventory.findings(NOON - HOUR) == []


def test_what_the_operator_says_stands_apart_and_is_replaced_whole(inventory):
    inventory.save_identities(None, [identity()], NOON)
    inventory.remark(Remark(device="d1", site="hq", owner="Estates", tags=("gate",), notes="loose\x00", at=NOON, by="jo"))
    inventory.remark(Remark(device="d0", site="hq", location="Roof"))
    inventory.remark(Remark(device="d1", site="hq", owner="IT"))
    assert inventory.remarks() == [Remark(device="d0", site="hq", location="Roof"), Remark(device="d1", site="hq", owner="IT")]
    assert inventory.remarks(site="north") == []
    assert inventory.identities() == [identity()]


def test_a_remark_that_is_a_document_is_refused(inventory):
    with pytest.raises(StoreError, match="write less"):
        inventory.remark(Remark(device="d1", notes="x" * (MAX_NOTE + 1)))


def test_actions_are_numbered_kept_in_order_and_read_by_kind_and_time(inventory):
    told = [
        inventory.act("exception", b'{"device":"d1"}', NOON, by="jo"),
        inventory.act("dispute", b"{}", NOON + HOUR, by="\x00\ud800"),
        inventory.act("exception", b"\x00\xff", NOON - HOUR, by=""),
    ]
    assert [action.number for action in told] == [1, 2, 3]
    assert list(inventory.actions()) == told
    assert list(inventory.actions(kind="exception")) == [told[0], told[2]]
    assert list(inventory.actions(since=NOON)) == told[:2]
    assert list(inventory.actions(kind="exception", after=1)) == [told[2]]
    assert list(inventory.actions(kind="nothing")) == []


def test_an_action_that_is_a_file_or_has_no_kind_is_refused(inventory):
    with pytest.raises(StoreError, match="do less"):
        inventory.act("note", b"x" * (MAX_ACTION + 1), NOON, by="jo")
    with pytest.raises(ValueError, match="not an action kind"):
        inventory.act("Not A Kind", b"{}", NOON, by="jo")
    with pytest.raises(ValueError, match="zone"):
        inventory.act("note", b"{}", NOON.replace(tzinfo=None), by="jo")
    assert list(inventory.actions()) == []


def test_every_remark_leaves_an_action(inventory):
    inventory.remark(Remark(device="d1", owner="Estates", at=NOON, by="jo"))
    inventory.remark(Remark(device="d1", owner="IT", at=NOON + HOUR, by="mo"))
    assert [(a.by, a.at, b"IT" in a.body) for a in inventory.actions(kind="remark")] == [("jo", NOON, False), ("mo", NOON + HOUR, True)]


def filled(inventory):
    """One of everything that enters the chain."""
    inventory.record([seen(text, at=NOON + n * HOUR) for n, text in enumerate(HOSTILE)])
    inventory.save_identities("s1", [identity("d1"), identity("d\x00", site="\ud800")], NOON)
    inventory.save_identities("s2", [identity("d1", model="B")], NOON + HOUR)
    inventory.save_findings("s1", [finding("d1"), finding("d\x00", site="\ud800", text="\ud800")], NOON)
    inventory.remark(Remark(device="d1", owner="Estates", at=NOON, by="jo"))


def test_everything_that_is_stored_enters_the_chain_and_the_chain_verifies(inventory):
    assert inventory.verify() == [] == inventory.entries()
    filled(inventory)
    entries = inventory.entries()
    assert [(e.kind, e.count) for e in entries] == [
        ("observation", len(HOSTILE)),
        ("identity", 2),
        ("identity", 1),
        ("finding", 2),
        ("action", 1),
    ]
    assert [e.previous for e in entries] == [START, *(e.hash for e in entries[:-1])]
    assert inventory.verify() == []
    inventory.record([seen("\x00")])
    inventory.save_identities("s9", [identity("d1", model="B")], NOON + HOUR)
    assert inventory.entries() == entries  # what was there already adds nothing
    assert inventory.entries(after=3) == entries[3:]


def test_a_record_is_found_in_the_chain_with_the_proof_that_it_is_there(inventory):
    filled(inventory)
    for record in (*inventory.observations(), *inventory.identities(), *inventory.findings()):
        sealed = inventory.sealed(record)
        entry = inventory.entry_of(sealed.kind, sealed.number)
        leaves = [leaf.digest for leaf in inventory.leaves(entry)]
        place = sealed.number - entry.first
        assert leaves[place] == sealed.leaf
        assert verify.proves(sealed.leaf, place, entry.count, merkle.path(leaves, place), bytes.fromhex(entry.root))
    assert inventory.sealed(seen("never seen")) is None
    assert inventory.sealed(identity("d1", model="Z")) is None
    assert inventory.sealed(finding("d9")) is None
    assert inventory.entry_of("observation", 10**6) is None


def test_all_stores_say_the_same_leaves(inventory):
    filled(inventory)
    twin = MemoryInventory()
    filled(twin)
    assert inventory.entries() == twin.entries()


def test_signatures_are_kept_once_an_entry_in_order(inventory):
    inventory.save_signed(7, b"b")
    inventory.save_signed(3, b"a")
    inventory.save_signed(7, b"other")
    assert inventory.signed() == [b"a", b"b"]


def test_a_retired_device_leaves_the_list_from_then_on_and_its_history_stays(inventory):
    inventory.save_identities("s", [identity("d1"), identity("d2"), identity("d2", site="north")], NOON)
    inventory.save_findings("s", [finding("d1"), finding("d2")], NOON)
    inventory.retire("hq", {"d2": "d1"}, NOON + HOUR, by="netcam")
    inventory.retire("hq", {}, NOON + HOUR, by="netcam")
    assert [(d.site, d.device) for d in inventory.devices()] == [("hq", "d1"), ("north", "d2")]
    assert [(i.site, i.device) for i in inventory.identities()] == [("hq", "d1"), ("north", "d2")]
    assert [f.device for f in inventory.findings()] == ["d1"]
    assert len(inventory.identities(NOON)) == 3 == len(inventory.identities(scan="s"))
    assert len(inventory.findings(NOON)) == 2
    assert len(inventory.identities(NOON + HOUR)) == 2
    assert len(inventory.findings(NOON + HOUR)) == 1
    assert len(inventory.history("d2", site="hq")) == 1
    (action,) = inventory.actions(kind="retire")
    assert (action.by, action.at, b'"d2":"d1"' in action.body) == ("netcam", NOON + HOUR, True)
    # a split brings it back
    assert inventory.save_identities(None, [identity("d2")], NOON + 2 * HOUR) == 1
    inventory.save_findings(None, [finding("d2")], NOON + 2 * HOUR)
    assert len(inventory.devices()) == 3
    assert len(inventory.findings()) == 2
    assert len(inventory.identities(NOON + HOUR)) == 2
    assert len(inventory.identities(NOON + 2 * HOUR)) == 3
    assert inventory.verify() == []


def test_locks_joins_and_splits_hold_until_they_are_withdrawn(inventory):
    first = corrections.lock(inventory, "hq", "d1", "maker", "axis", NOON, by="jo", reason="opened it")
    corrections.lock(inventory, "hq", "d1", "model", "", NOON, by="mo")
    corrections.lock(inventory, "hq", "d1", "model", "P3", NOON, by="mo")
    join = corrections.tie(inventory, "join", "hq", ["mac:44:19:b6:00:00:01", "address:10.0.0.9"], NOON, by="jo")
    inventory.act("lock", b"not json", NOON, by="x")
    holds = corrections.read(inventory)
    assert [(one.slot, one.value, one.by) for one in holds.locks["hq", "d1"]] == [("maker", "axis", "jo"), ("model", "P3", "mo")]
    assert [(one.kind, one.marks, one.number) for one in holds.ties] == [
        ("join", ("mac:44:19:b6:00:00:01", "address:10.0.0.9"), join.number)
    ]
    corrections.withdraw(inventory, first.number, NOON, by="jo")
    corrections.withdraw(inventory, join.number, NOON, by="jo")
    holds = corrections.read(inventory)
    assert [one.slot for one in holds.locks["hq", "d1"]] == ["model"]
    assert holds.ties == ()
    for wrong in (0, -1, 99, holds.locks["hq", "d1"][0].number + 99):
        with pytest.raises(ConfigError, match="is no lock, join or split"):
            corrections.withdraw(inventory, wrong, NOON, by="jo")
    with pytest.raises(ConfigError, match="did you mean 'model'"):
        corrections.lock(inventory, "hq", "d1", "modell", "x", NOON, by="jo")
    with pytest.raises(ConfigError, match="not a kind"):
        corrections.lock(inventory, "hq", "d1", "kind", "cam era", NOON, by="jo")


def test_the_operators_word_wins_is_shown_as_such_and_leaves_what_was_claimed_visible():
    lock = corrections.Lock(slot="maker", value="axis", by="jo", at=NOON, number=1)
    told = corrections.locked(identity(), [lock])
    assert (told.get("maker"), told.confidence["maker"], told.locked) == ("axis", 1.0, ("maker",))
    assert [(c.value, c.by) for c in told.because if c.slot == "maker"] == [("axis", "operator/jo")]
    assert {c.value for c in told.disputed} == {"hikvision", "dahua"}
    unknown = corrections.locked(identity(), [dataclasses.replace(lock, value="")])
    assert (unknown.get("maker"), unknown.get("model"), unknown.locked) == (None, "DS-2", ("maker",))
    assert corrections.locked(identity(), []) == identity()


def test_when_a_device_was_seen_is_what_was_observed_and_judging_it_anew_is_no_sighting(inventory):
    span = {("hq", "d1"): (NOON - 9 * HOUR, NOON - 2 * HOUR)}
    inventory.save_identities("s1", [identity()], NOON, seen=span)
    (device,) = inventory.devices()
    assert (device.first_seen, device.last_seen) == (NOON - 9 * HOUR, NOON - 2 * HOUR)
    inventory.save_identities(None, [identity(maker="dahua")], NOON + HOUR, seen={})
    inventory.save_identities(None, [identity(maker="dahua")], NOON + 2 * HOUR, seen={})
    inventory.save_identities(None, [identity("d2")], NOON + 2 * HOUR, seen={})  # nobody says when: the time of the judging is all there is
    assert [(d.first_seen, d.last_seen) for d in inventory.devices()] == [
        (NOON - 9 * HOUR, NOON - 2 * HOUR),
        (NOON + 2 * HOUR, NOON + 2 * HOUR),
    ]
    inventory.save_identities("s2", [identity(maker="dahua")], NOON + 3 * HOUR, seen={("hq", "d1"): (NOON - 20 * HOUR, NOON - HOUR)})
    inventory.save_identities("s3", [identity()], NOON - 30 * HOUR, seen={("hq", "d1"): (NOON - 40 * HOUR, NOON - 40 * HOUR)})
    device = inventory.devices()[0]
    assert (device.first_seen, device.last_seen, device.slots["maker"]) == (NOON - 40 * HOUR, NOON - HOUR, "dahua")


def test_a_removed_device_that_is_part_of_another_one_is_there_while_that_one_is(inventory):
    """Its key left the list and is in no scan any more: that is no absence."""
    removed = ("confirmed", "isolated", "removed")
    inventory.save_identities("s1", [identity("d1"), identity("d2", addresses=("10.0.0.6",), macs=())], NOON)
    inventory.act(removal.REMOVAL, removal.opening("hq", "d1", "uk-2022", on=NOON.date()), NOON, by="ann")
    for step in removed:
        item = decided.removals(inventory)["hq", "d1", "uk-2022"]
        inventory.act(removal.REMOVAL, removal.stepping(item, step, on=NOON.date(), today=NOON.date()), NOON, by="ann")
    inventory.retire("hq", {"d1": "d2"}, NOON + HOUR, by="netcam")
    later = NOON + timedelta(days=2)
    sweep = ScanRecord(id="s2", site="hq", status="complete", started=later, finished=later + HOUR)
    inventory.save_scan(sweep)
    inventory.cover("s2", [Coverage(address=f"10.0.0.{n}", state=CoverageState.ANSWERED) for n in (5, 6)])
    inventory.save_identities("s2", [identity("d2", addresses=("10.0.0.6",), macs=())], later)
    assert decided.removals(inventory)["hq", "d1", "uk-2022"].state is removal.Step.REOPENED
    ((_, said),) = decided.verify_removals(inventory, sweep, later)
    assert said.looked is removal.Looked.PRESENT
    assert removal.fold(inventory.actions())["hq", "d1", "uk-2022"].state is removal.Step.REOPENED
