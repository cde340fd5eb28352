"""What every store does with what was observed and concluded: one suite on memory, SQLite and PostgreSQL."""

import hashlib
from datetime import timedelta, timezone

import pytest

from netcam.errors import StoreError
from netcam.inventory.port import MAX_RAW
from netcam.model import Coverage, CoverageState, Identity, ScanRecord
from tests.inventory.records import HOSTILE, HOUR, NOON, finding, identity, seen


def test_recorded_observations_come_back_in_order_of_arrival(inventory):
    told = [seen("a", at=NOON + HOUR), seen("b"), seen("c", at=None), seen("d", mac="44:19:b6:00:00:01", sensor="s", scan="x", raw="ab")]
    assert inventory.record(told) == 4
    assert list(inventory.observations()) == told


def test_an_observation_recorded_again_is_not_new(inventory):
    told = [seen("a"), seen("b")]
    assert inventory.record([*told, told[0]]) == 2
    assert inventory.record([*told, seen("c")]) == 1
    assert inventory.record([]) == 0
    assert [o.value for o in inventory.observations()] == ["a", "b", "c"]


def test_the_same_instant_in_another_zone_is_the_same_observation(inventory):
    inventory.record([seen(at=NOON)])
    assert inventory.record([seen(at=NOON.astimezone(timezone(timedelta(hours=5))))]) == 0


def test_a_time_without_a_zone_is_refused(inventory):
    with pytest.raises(ValueError, match="zone"):
        inventory.record([seen(at=NOON.replace(tzinfo=None))])
    with pytest.raises(ValueError, match="zone"):
        inventory.save_identities(None, [identity()], NOON.replace(tzinfo=None))


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_comes_back_as_it_was(inventory, text):
    told = seen(text, field=f"http.header.{text}", device=text, sensor=text)
    assert inventory.record([told]) == 1
    assert list(inventory.observations(device=told.key)) == [told]
    who = identity(text or "d", maker=text, model=text, addresses=(text,), unknown_fields=(text,), because=())
    inventory.save_identities("s", [who], NOON)
    assert inventory.identities() == [who] == inventory.identities(scan="s")
    assert [d.slots for d in inventory.devices(slots={"maker": text})] == [who.slots]
    inventory.save_findings(None, [finding(text or "d", subject=text, text=text)], NOON)
    assert inventory.findings(device=text or "d")[0].text == text


def test_texts_that_differ_only_by_the_escape_stay_apart(inventory):
    assert inventory.record([seen("\x00"), seen("\x1a0;"), seen("\x1a"), seen("\x1a1a;")]) == 4
    assert [o.value for o in inventory.observations()] == ["\x00", "\x1a0;", "\x1a", "\x1a1a;"]


def test_fields_cannot_run_into_each_other_in_the_identity_of_an_observation(inventory):
    assert inventory.record([seen("b", field="a1:"), seen("1:b", field="a")]) == 2


def test_observations_are_filtered_by_device_address_site_scan_and_time(inventory):
    a = seen("a", mac="44:19:b6:00:00:01", scan="s1")
    b = seen("b", endpoint="[fe80::1%eth0]:80", site="north", at=NOON + HOUR, scan="s2")
    c = seen("c", device="cam-7", at=None)
    inventory.record([a, b, c])
    for wanted, found in (
        ({"device": "44:19:b6:00:00:01"}, [a]),
        ({"device": "fe80::1%eth0"}, [b]),
        ({"device": "cam-7"}, [c]),
        ({"address": "10.0.0.5"}, [a, c]),
        ({"site": "north"}, [b]),
        ({"scan": "s1"}, [a]),
        ({"since": NOON + HOUR}, [b]),
        ({"until": NOON + HOUR}, [a]),
        ({"since": NOON, "until": NOON + 2 * HOUR}, [a, b]),
        ({"device": "nobody"}, []),
    ):
        assert list(inventory.observations(**wanted)) == found, wanted


def test_a_reader_may_write_while_it_reads(inventory):
    inventory.record([seen(str(n)) for n in range(10)])
    for one in inventory.observations():
        inventory.record([seen(one.value + "!")])
    assert len(list(inventory.observations())) >= 20


def test_raw_answers_are_kept_once_by_their_digest(inventory):
    body = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 100
    digest = inventory.keep(body)
    assert inventory.keep(body) == digest
    assert inventory.raw(digest) == body
    assert inventory.raw(inventory.keep(b"")) == b""
    assert inventory.raw("00" * 32) is None
    assert inventory.raw("not hex") is None


def test_many_raw_answers_are_kept_at_once_by_their_digests(inventory):
    first = inventory.keep(b"one")
    digests = inventory.keep_all([b"one", b"two", b"two", b""])
    assert digests[0] == first
    assert digests[1] == digests[2]
    assert [inventory.raw(digest) for digest in digests] == [b"one", b"two", b"two", b""]
    assert inventory.keep_all([]) == []


def test_a_raw_answer_above_the_bound_is_refused(inventory):
    with pytest.raises(StoreError, match="more than"):
        inventory.keep(b"x" * (MAX_RAW + 1))
    with pytest.raises(StoreError, match="more than"):
        inventory.keep_all([b"small", b"x" * (MAX_RAW + 1)])
    assert inventory.raw(hashlib.sha256(b"small").hexdigest()) is None


def test_a_scan_is_found_by_id_beginning_and_last(inventory):
    one = ScanRecord(id="2026-03-01-aa", site="hq", started=NOON, targets=("10.0.0.0/24",), totals={"answered": 3}, notes=("no IPv6",))
    two = ScanRecord(id="2026-03-01-ab", site="north")
    inventory.save_scan(one)
    inventory.save_scan(two)
    assert inventory.scans() == [one, two]
    assert inventory.scans("north") == [two]
    assert inventory.scan("last") == two
    assert inventory.scan("last", site="hq") == one
    assert inventory.scan("2026-03-01-aa") == one
    assert inventory.scan("2026-03-01-ab") == two
    for wrong, told in (("2026", "2 scans begin so"), ("2027", "no such scan"), ("", "no such scan")):
        with pytest.raises(StoreError, match=told):
            inventory.scan(wrong)


def test_a_scan_saved_again_replaces_itself_and_keeps_its_place(inventory):
    inventory.save_scan(ScanRecord(id="a", site="hq"))
    inventory.save_scan(ScanRecord(id="b", site="hq"))
    inventory.save_scan(ScanRecord(id="a", site="hq", status="complete"))
    assert [(s.id, s.status) for s in inventory.scans()] == [("a", "complete"), ("b", "running")]


def test_last_without_any_scan_says_what_to_do(inventory):
    with pytest.raises(StoreError, match="netcam scan"):
        inventory.scan("last")


def test_coverage_holds_the_last_word_on_each_address(inventory):
    states = list(CoverageState)
    inventory.cover("s", [Coverage(address=f"10.0.0.{n}", state=state, reason="r\x00") for n, state in enumerate(states)])
    inventory.cover(
        "s", [Coverage(address="10.0.0.0", state=CoverageState.NOT_REACHED), Coverage(address="10.0.0.0", state=CoverageState.SILENT)]
    )
    inventory.cover("s", [])
    told = inventory.coverage("s")
    assert [line.state for line in told] == [CoverageState.SILENT, *states[1:]]
    assert told[1].reason == "r\x00"
    assert inventory.coverage("other") == []


def test_a_resumed_scan_asks_only_what_was_not_reached(inventory):
    inventory.cover("s", [Coverage(address=state.value, state=state) for state in CoverageState])
    assert inventory.finished("s") == {state.value for state in CoverageState} - {"not reached"}
    assert inventory.finished("other") == frozenset()


def test_identities_round_trip_exactly(inventory):
    told = [identity("d1"), identity("d2", site=""), Identity(device="d3")]
    assert inventory.save_identities("s", told, NOON) == 3
    assert inventory.identities() == sorted(told, key=lambda i: (i.site, i.device))
    assert inventory.identities(site="hq") == [told[0]]
    light = inventory.identities(site="hq", evidence=False)[0]
    assert (light.slots, light.because, light.disputed) == (told[0].slots, (), ())


def test_the_latest_identity_as_of_a_time_holds(inventory):
    old, new = identity(model="A"), identity(model="B")
    inventory.save_identities("s1", [old, identity("d2")], NOON)
    inventory.save_identities("s2", [new], NOON + HOUR)
    assert [i.get("model") for i in inventory.identities(site="hq")] == ["B", "DS-2"]
    assert [i.get("model") for i in inventory.identities(NOON)] == ["A", "DS-2"]
    assert inventory.identities(NOON - HOUR) == []
    assert inventory.identities(scan="s1") == [old, identity("d2")]
    assert inventory.identities(scan="s2") == [new]


def test_saving_the_same_identity_again_is_no_change_but_belongs_to_both_scans(inventory):
    assert inventory.save_identities("s1", [identity()], NOON) == 1
    assert inventory.save_identities("s2", [identity()], NOON + HOUR) == 0
    assert inventory.identities(scan="s1") == inventory.identities(scan="s2") == [identity()]
    (device,) = inventory.devices()
    assert (device.first_seen, device.last_seen) == (NOON, NOON + HOUR)


def test_new_evidence_for_the_same_conclusion_is_kept_but_is_no_change(inventory):
    later = identity(at=NOON + HOUR)
    assert inventory.save_identities("s1", [identity()], NOON) == 1
    assert inventory.save_identities("s2", [later], NOON + HOUR) == 0
    assert inventory.identities() == [later]
    assert inventory.identities(scan="s1") == [identity()]
    assert [version.scan for version in inventory.history("d1")] == ["s1"]


def test_history_tells_every_conclusion_with_its_scan(inventory):
    for n, model in enumerate(["A", "B", "B", "A"]):
        inventory.save_identities(f"s{n}", [identity(model=model)], NOON + n * HOUR)
    told = inventory.history("d1")
    assert [(v.identity.get("model"), v.scan, v.at) for v in told] == [
        ("A", "s0", NOON),
        ("B", "s1", NOON + HOUR),
        ("A", "s3", NOON + 3 * HOUR),
    ]
    assert inventory.history("d1", site="north") == []


def test_a_clock_that_ran_backwards_does_not_replace_the_present(inventory):
    inventory.save_identities("s1", [identity(model="B")], NOON)
    inventory.save_identities("s2", [identity(model="A")], NOON - HOUR)
    assert inventory.identities()[0].get("model") == "B"
    assert [v.identity.get("model") for v in inventory.history("d1")] == ["A", "B"]
    (device,) = inventory.devices()
    assert (device.first_seen, device.last_seen, device.slots["model"]) == (NOON - HOUR, NOON, "B")
