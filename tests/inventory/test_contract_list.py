"""The list of devices, the same in every store: pages, order, dates, what the operator said beside each."""

from dataclasses import replace
from datetime import timedelta

import pytest

from netcam.inventory import corrections, remarks
from netcam.inventory.port import Remark
from netcam.inventory.sql import verdicts
from netcam.model import Identity, ScanRecord
from tests.inventory.records import HOUR, NOON, identity


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
