"""What every store does: one suite on memory, SQLite and PostgreSQL."""

import dataclasses
import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from netcam.assess import removal
from netcam.errors import ConfigError, StoreError
from netcam.inventory import corrections, decided, merkle, remarks, verify
from netcam.inventory.chain import START
from netcam.inventory.memory import MemoryInventory
from netcam.inventory.port import MAX_ACTION, MAX_NOTE, MAX_RAW, Remark
from netcam.inventory.sql import verdicts
from netcam.model import Citation, Claim, Coverage, CoverageState, Finding, Identity, Link, Observation, ScanRecord, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTILE = [
    "\x00",
    "\ud800x",
    "\x1a0;",
    "\u202eevil",
    "a\r\nb",
    "=cmd()",
    "",
    "\u00e9",
    "e\u0301",
    "\U0001f4f7" * 5,
    "'; DROP TABLE observation;--",
]


def seen(value="App-webs/", *, field="http.server", at=NOON, **more):
    return Observation(field=field, value=value, at=at, **({"endpoint": "10.0.0.5:80", "site": "hq", "via": "http"} | more))


def identity(device="d1", *, maker="hikvision", model="DS-2", site="hq", at=NOON, **more):
    claim = Claim(slot="maker", value=maker, weight=0.9, by="hikvision/app-webs", origin="web", because=(seen(at=at, device=device),))
    lost = Claim(slot="maker", value="dahua", weight=0.1, by="dahua/guess", because=())
    told = {"slots": {"kind": "camera", "maker": maker, "model": model}, "confidence": {"maker": 0.123456789, "kind": 0.9}}
    told |= {"because": (claim,), "disputed": (lost,), "addresses": ("10.0.0.5",), "macs": ("44:19:b6:00:00:01",)}
    return Identity(device=device, site=site, **(told | more))


def finding(device="d1", *, verdict=Verdict.ADVISORY, site="hq", rule="uk-2022", **more):
    return Finding(
        rule=rule, kind="policy", device=device, site=site, title="Made by a named maker", verdict=verdict, good_for=date(2026, 2, 1),
        chain=(Link(relation="made by", subject="d1", object="hikvision", strength="high", source="banner"),),
        citations=(Citation(id="hcws386", title="Security Update", published="2022-11-24"),), window=("a", "b"), **more,
    )  # fmt: skip


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


def test_the_device_list_comes_in_pages_in_its_own_order_and_is_counted(inventory):
    everyone = [identity(f"d{n}", site=site, maker=("axis", "dahua")[n % 2]) for site in ("a", "Z", "\u00e9") for n in range(5)]
    everyone.append(
        identity("printer", site="a", maker="axis", slots={"kind": "printer", "maker": "axis", "serial": 'q"\u00e9', "hardware": "v2 b"})
    )
    inventory.save_identities(None, everyone, NOON)
    queries = [{}, {"camera": True, "slots": {"kind": "camera"}}, {"camera": True, "slots": {"kind": "printer"}}, {"camera": False}]
    queries += [{"site": "a", "slots": {"maker": "axis"}}, {"slots": {"maker": "axis", "kind": "camera", "model": "DS-2"}}]
    queries += [{"slots": {"serial": 'q"\u00e9'}}, {"slots": {"hardware": "v2 b", "maker": "axis"}}, {"slots": {"hardware": "v2"}}]
    for wanted in queries:
        whole = inventory.devices(**wanted)
        assert inventory.count_devices(**wanted) == len(whole)
        assert [(d.site, d.device) for d in whole] == sorted((d.site, d.device) for d in whole)
        pages, after = [], None
        while page := inventory.devices(**wanted, limit=4, after=after):
            pages += page
            after = page[-1].site, page[-1].device
        assert pages == whole
        assert inventory.devices(**wanted, after=("a", "d4")) == [d for d in whole if (d.site, d.device) > ("a", "d4")]
    assert [inventory.count_devices(**wanted) for wanted in queries] == [16, 15, 0, 1, 4, 9, 1, 1, 0]


def test_the_device_list_comes_in_the_order_of_addresses(inventory):
    addresses = ["10.0.0.10", "10.0.0.9", "2001:db8::1", "9.255.255.255", "fe80::1%eth0", "", "host.example", "10.0.0.9"]
    everyone = [
        identity(f"d{n}", site=("a", "b")[n // 7], maker=("axis", "dahua")[n % 2], addresses=(where,) if where else ())
        for n, where in enumerate(addresses)
    ]
    inventory.save_identities(None, everyone, NOON)
    listed = ["d3", "d1", "d7", "d0", "d2", "d4", "d5", "d6"]
    for first in (None, 1, 3, 8, 9):
        assert [one.device for one in inventory.devices(limit=first, by_address=True)] == listed[:first]
    assert [one.device for one in inventory.devices(limit=2, by_address=True, slots={"maker": "dahua"}, camera=True)] == ["d3", "d1"]
    inventory.save_identities(None, [identity("d3", site="a", maker="dahua", addresses=("203.0.113.1",))], NOON + HOUR)
    assert [one.device for one in inventory.devices(limit=3, by_address=True)] == ["d1", "d7", "d0"]
    some = {("a", "d0"), ("b", "d7"), ("b", "d0")}
    assert {(one.site, one.device) for one in inventory.identities(only=some)} == {("a", "d0"), ("b", "d7")}
    assert inventory.identities(only=set()) == []


@pytest.mark.parametrize("few", [0, 2_000])
def test_first_and_last_seen_are_those_of_the_date(inventory, monkeypatch, few):
    monkeypatch.setattr(verdicts, "FEW", few)
    for week in range(3):
        at = NOON + timedelta(weeks=week)
        inventory.save_scan(ScanRecord(id=f"s{week}", site="hq", started=at, finished=at + HOUR, status="complete"))
        inventory.save_identities(f"s{week}", [identity(model=f"DS-{week // 2}", at=NOON)], at)
    inventory.save_identities(None, [identity("d2", site="north")], NOON)
    assert inventory.seen_until(NOON - HOUR) == {}
    assert inventory.seen_until(NOON) == {("hq", "d1"): (NOON, NOON), ("north", "d2"): (NOON, NOON)}
    assert inventory.seen_until(NOON + timedelta(weeks=1, hours=2), site="hq") == {("hq", "d1"): (NOON, NOON + timedelta(weeks=1, hours=1))}
    assert inventory.seen_until(NOON + timedelta(weeks=9))["hq", "d1"] == (NOON, NOON + timedelta(weeks=2, hours=1))


def test_a_lock_goes_with_its_device_and_comes_back(inventory):
    corrections.lock(inventory, "hq", "d1", "maker", "axis", NOON, by="jo")
    corrections.lock(inventory, "hq", "d2", "maker", "dahua", NOON, by="mo")
    corrections.lock(inventory, "north", "d1", "model", "M", NOON, by="mo")
    holds = corrections.read(inventory)
    assert corrections.placed(holds, "hq", {"d1", "d2"}, {}) == (holds, ())
    merged, moves = corrections.placed(holds, "hq", {"d1"}, {"d2": "d1"})
    assert [(m.former, m.device, m.lock.number) for m in moves] == [("d2", "d1", 2)]
    # of two words on one slot the later one counts
    assert [(one.value, one.given) for one in merged.locks["hq", "d1"]] == [("dahua", "d2")]
    corrections.follow(inventory, moves, NOON, by="netcam")
    inventory.act("lock-follow", b"{}", NOON, by="x")
    assert corrections.read(inventory) == merged
    assert corrections.placed(merged, "hq", {"d1"}, {"d2": "d1"})[1] == ()
    # that device went into a third one, under its present name
    assert corrections.placed(merged, "hq", {"d3"}, {"d1": "d3"})[1][1].device == "d3"
    apart, back = corrections.placed(merged, "hq", {"d1", "d2"}, {})
    corrections.follow(inventory, back, NOON, by="netcam")
    assert corrections.read(inventory).locks == apart.locks == holds.locks


def test_what_the_operator_said_of_a_device_stands_beside_the_one_that_took_it_in(inventory):
    inventory.save_identities(None, [identity("d1"), identity("d2"), identity("d3")], NOON)
    inventory.remark(Remark(device="d1", site="hq", owner="Estates", tags=("gate",), at=NOON, by="jo"))
    inventory.remark(Remark(device="d2", site="hq", owner="Police", location="roof", tags=("north", "gate"), at=NOON, by="jo"))
    remarks.take_in(inventory, "hq", {"d2": "d1", "d3": "d1", "d9": ""}, NOON + HOUR, by="netcam")
    remarks.take_in(inventory, "hq", {}, NOON + HOUR, by="netcam")
    told = next(one for one in inventory.remarks() if one.device == "d1")
    assert (told.owner, told.location, told.tags, told.by) == ("Estates", "roof", ("gate", "north"), "netcam")
    assert [d.device for d in inventory.devices()] == ["d1"]
    written = len(list(inventory.actions(kind="remark")))
    remarks.take_in(inventory, "hq", {"d2": "d1"}, NOON + HOUR, by="netcam")
    assert len(list(inventory.actions(kind="remark"))) == written


def test_what_was_said_of_a_device_goes_back_with_it_through_every_device_that_took_it_in(inventory):
    inventory.save_identities(None, [identity(f"d{n}") for n in (1, 2, 3)], NOON)
    for device, words in (("d2", {"owner": "Police", "notes": "spare", "tags": ("north",)}), ("d3", {"owner": "Estates"})):
        inventory.remark(Remark(device=device, site="hq", at=NOON, by="jo", **words))
    remarks.take_in(inventory, "hq", {"d2": "d1"}, NOON, by="netcam")
    remarks.take_in(inventory, "hq", {"d1": "d3"}, NOON, by="netcam")
    taken = {one.device: one for one in inventory.remarks()}
    assert (taken["d3"].owner, taken["d3"].notes, taken["d3"].tags) == ("Estates", "spare", ("north",))
    inventory.remark(replace(taken["d3"], notes="in the cellar", at=NOON, by="mo"))
    remarks.give_back(inventory, "hq", NOON + HOUR, by="netcam")  # nobody is back yet
    assert {one.device: one.tags for one in inventory.remarks()}["d3"] == ("north",)
    inventory.save_identities(None, [identity("d2")], NOON + HOUR)
    for _ in range(2):
        remarks.give_back(inventory, "hq", NOON + HOUR, by="netcam")
        remarks.give_back(inventory, "north", NOON + HOUR, by="netcam")
        told = {one.device: one for one in inventory.remarks()}
        assert (told["d2"].owner, told["d2"].notes, told["d2"].tags) == ("Police", "spare", ("north",))
        assert (told["d3"].owner, told["d3"].notes, told["d3"].tags) == ("Estates", "in the cellar", ())
        assert (told["d1"].owner, told["d1"].notes, told["d1"].tags) == ("", "", ())
        assert len(list(inventory.actions(kind="remark-back"))) == 1


def test_how_a_value_is_spelt_in_the_list(inventory):
    told = [
        identity("d1", maker="Axis"),
        identity("d2", maker="AXIS"),
        identity("d3", maker="axi"),
        identity("d4", slots={"serial": "Ab1"}),
    ]
    inventory.save_identities(None, told, NOON)
    assert inventory.spellings("maker", "axis") == ["AXIS", "Axis"]
    assert inventory.spellings("serial", "aB1") == ["Ab1"]
    assert inventory.spellings("firmware", "1") == []


def test_one_address_at_two_sites_is_two_devices(inventory):
    inventory.save_identities("s", [identity("10.0.0.5", site="hq"), identity("10.0.0.5", site="north", maker="axis")], NOON)
    assert [(i.site, i.get("maker")) for i in inventory.identities()] == [("hq", "hikvision"), ("north", "axis")]
    assert len(inventory.history("10.0.0.5")) == 2


def test_the_device_list_filters_by_site_kind_and_slots(inventory):
    unknown = Identity(device="d3", site="hq", addresses=("10.0.0.9",))
    printer = identity("d4", slots={"kind": "printer", "serial": "x1"})
    inventory.save_identities(None, [identity("d1"), identity("d2", maker="axis", site="north"), unknown, printer], NOON)
    names = lambda **wanted: [d.device for d in inventory.devices(**wanted)]  # noqa: E731
    assert names() == ["d1", "d3", "d4", "d2"]
    assert names(site="hq", slots={"maker": "hikvision"}) == ["d1"]
    assert names(camera=True) == ["d1", "d2"]
    assert names(camera=False) == ["d4"]
    assert names(slots={"serial": "x1"}) == ["d4"]
    assert names(limit=2) == ["d1", "d3"]
    assert inventory.devices(site="north")[0].is_camera is True
    assert inventory.devices(slots={"kind": "nothing"}) == []


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
