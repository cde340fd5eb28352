"""What is kept in short of a site's observations gives the same devices as reading all of them, however it came about."""

import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.errors import StoreError
from netcam.identify.assign import Correction
from netcam.identify.correlate import correlate, correlate_sightings
from netcam.inventory import folded
from netcam.inventory.memory import MemoryInventory
from netcam.inventory.port import Folded
from netcam.inventory.retention import Policy
from netcam.inventory.sql import SqlInventory
from netcam.model import Observation
from netcam.pipeline import observed_of
from tests.inventory.year import Year

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CARDS = ("", "44:19:b6:00:00:01", "44:19:b6:00:00:02", "02:00:00:00:00:07")
VALUES = {
    "http.server": ("App-webs/", "\ud800", "\x00", "\x1a0;"),
    "onvif.serial": ("DS-2CD20160101AAWR001", "DS-2CD20160101AAWR002", "short"),
    "sadp.MAC": ("44-19-b6-00-00-01", "none"),
    "onvif.uuid": ("urn:uuid:97f5d452-f5ff-fd57-bf7e-8a1a4c89626a", "urn:uuid:5084c63f-7b94-9e54-e9ad-2bc7f9bd6bbb"),
    "onvif.model": ("DS-1", "DS-2", "\udfff", ""),
    "tls.serial": ("00ab12cd34ef5678", "1"),
}
told = st.sampled_from(sorted(VALUES)).flatmap(
    lambda field: st.builds(
        Observation,
        field=st.just(field),
        value=st.sampled_from(VALUES[field]),
        at=st.none() | st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=9 * hours)),
        site=st.sampled_from(("hq", "north")),
        endpoint=st.sampled_from(("", ":80", "10.0.0.5", "10.0.0.5:80", "10.0.0.5:8000", "10.0.0.6:80", "[fe80::1%eth0]:80")),
        mac=st.sampled_from(CARDS),
        device=st.sampled_from(("", "", "", "cam-1", "cam-\ud800")),
        scan=st.sampled_from(("", "s1", "s2")),
    )
)
JOINED = (Correction(kind="join", site="hq", marks=("mac:44:19:b6:00:00:01", "address:10.0.0.6"), number=1),)


def same(inventory, everything, corrections=()):
    """The devices of what is kept, held against those of everything that the inventory holds."""
    sites = sorted({one.site for one in everything})
    short = correlate_sightings([one for site in sites for one in folded.sightings(inventory, site)], corrections)
    whole = correlate(everything, corrections)
    assert {one: short.device_of(one) for one in everything} == {one: whole.device_of(one) for one in everything}
    assert (short.devices(), short.absorbed(), short.notes) == (whole.devices(), whole.absorbed(), whole.notes)
    for site, device in whole.devices():
        assert short.marks(site, device) == whole.marks(site, device)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(told, max_size=12), min_size=1, max_size=5), st.booleans())
def test_folding_in_steps_tells_the_same_devices_as_reading_everything(batches, joined):
    inventory = MemoryInventory()
    for batch in batches:
        inventory.record(batch)
        same(inventory, list(inventory.observations()), JOINED if joined else ())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(told, max_size=12), min_size=1, max_size=3))
def test_what_a_sql_store_keeps_in_short_is_read_back_as_it_was_written(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("folded") / "a.sqlite"
    for batch in batches:
        inventory = SqlInventory(path)
        inventory.record(batch)
        same(inventory, list(inventory.observations()))
        inventory.close()


def test_a_year_told_week_by_week_ends_as_told_at_once(tmp_path):
    year, inventory = Year(devices=40, weeks=12), SqlInventory(tmp_path / "a.sqlite")
    for start in range(0, len(year.seen), 1500):
        inventory.record(year.seen[start : start + 1500])
        for site in ("north", "south"):
            folded.sightings(inventory, site)
    same(inventory, year.seen)
    inventory.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(told, max_size=30), st.integers(0, 3))
def test_what_was_observed_of_a_device_is_looked_up_whole(everything, which):
    inventory = MemoryInventory()
    inventory.record(everything)
    known = correlate(inventory.observations())
    wanted = set(sorted(known.devices())[which : which + 2])
    found = observed_of(inventory, known, wanted)
    assert Counter(found) == Counter(one for one in inventory.observations() if (one.site, known.device_of(one)) in wanted)


def see(address, value="DS-2CD20160101AAWR001", scan="s1", at=NOON, site="hq"):
    return Observation(field="onvif.serial", value=value, at=at, site=site, endpoint=address, scan=scan)


def test_only_new_observations_of_the_site_are_read_again(inventory):
    inventory.record([see("10.0.0.5"), see("10.0.0.5", site="north")])
    folded.sightings(inventory, "hq")
    inventory.record([see("10.0.0.6", "DS-2CD20160101AAWR002", scan="s2")])
    asked = []
    read = inventory.observations
    inventory.observations = lambda **wanted: asked.append(wanted) or list(read(**wanted))
    assert len(folded.sightings(inventory, "hq")) == 2
    assert len(folded.sightings(inventory, "hq")) == 2
    assert [wanted["after"] for wanted in asked] == [2, 3]
    assert inventory.folded("hq").parts.keys() == {"s1", "s2"}
    assert inventory.folded("north").parts == {}


def test_who_read_before_another_wrote_does_not_overwrite_it(inventory):
    inventory.record([see("10.0.0.5")])
    early = inventory.folded("hq")
    folded.sightings(inventory, "hq")
    held = inventory.folded("hq")
    assert held.upto == 1
    assert inventory.save_folded("hq", {"s1": b"stale"}, 1, before=early, whole=True) is False
    assert inventory.folded("hq") == held


def test_what_does_not_fit_is_made_anew(inventory):
    everything = [see("10.0.0.5"), see("10.0.0.6", "DS-2CD20160101AAWR002", scan="s2")]
    inventory.record(everything)
    folded.sightings(inventory, "hq")
    whole = inventory.folded("hq")
    for broken in (b"", b"x" * 40, whole.parts["s2"], whole.parts["s1"][:-1] + b"\x00"):
        assert inventory.save_folded("hq", {"s1": broken}, whole.upto, before=inventory.folded("hq"), whole=False)
        same(inventory, everything)
        assert len(inventory.folded("hq").parts["s1"]) > 0


def test_a_store_that_takes_nothing_more_is_read_all_the_same(inventory):
    inventory.record([see("10.0.0.5")])

    def full(*_, **__):
        raise StoreError("estate.sqlite", "the disk is full", "free some")

    save, inventory.save_folded = inventory.save_folded, full
    assert len(folded.sightings(inventory, "hq")) == 1
    inventory.save_folded = save
    assert inventory.folded("hq").upto == 0
    assert len(folded.sightings(inventory, "hq")) == 1
    assert inventory.folded("hq").upto == 1


def test_other_rules_of_folding_use_nothing_that_was_folded_before(inventory, monkeypatch):
    inventory.record([see("10.0.0.5")])
    folded.sightings(inventory, "hq")
    before = inventory.folded("hq").parts["s1"]
    monkeypatch.setattr(folded, "rules", lambda: b"others")
    (one,) = folded.sightings(inventory, "hq")
    assert one.serials
    assert inventory.folded("hq").parts["s1"] != before


def test_what_retention_removes_goes_from_what_is_kept_in_short(tmp_path):
    inventory = SqlInventory(tmp_path / "a.sqlite")
    for week in range(4):
        inventory.record([see("10.0.0.5", scan=f"s{week}", at=NOON + timedelta(weeks=week))])
    folded.sightings(inventory, "hq")
    early = inventory.folded("hq")
    inventory.retain(Policy(repeats_days=30), NOON + timedelta(days=400), by="jo")
    assert inventory.folded("hq").parts == {}
    left = list(inventory.observations())
    assert len(left) == 2
    # what was read before the removal is not written after it
    assert inventory.save_folded("hq", early.parts, early.upto, before=Folded(removals=early.removals), whole=True) is False
    same(inventory, left)
    inventory.close()
    rows = sqlite3.connect(tmp_path / "a.sqlite").execute("SELECT scan FROM folded ORDER BY scan").fetchall()
    assert rows == [("s0",), ("s3",)]
