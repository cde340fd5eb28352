"""One device is one device: what ties, what parts, what nothing may merge, and a scripted year held against its truth."""

import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.identify import marks
from netcam.identify.assign import Correction
from netcam.identify.correlate import correlate
from netcam.model import Observation
from tests.inventory.year import Year, score

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CARD, OTHER, THIRD = "44:19:b6:00:00:01", "44:19:b6:00:00:02", "44:19:b6:00:00:03"
SERIAL, ANOTHER = "DS-2CD20160101AAWR001", "DS-2CD20160101AAWR002"
UUID, UUID2 = "97f5d452-f5ff-fd57-bf7e-8a1a4c89626a", "5084c63f-7b94-9e54-e9ad-2bc7f9bd6bbb"


def sight(run, address="10.0.0.5", mac="", *, site="hq", at=None, **facts):
    """The observations of one device in a weekly run."""
    when = at or NOON + timedelta(weeks=run)
    told = {"port.open": "80"} | {name.replace("__", "."): value for name, value in facts.items()}
    return [
        Observation(field=name, value=value, at=when, site=site, endpoint=address, mac=mac, via="http", scan=f"s{run}")
        for name, value in told.items()
    ]


def names(*sightings, corrections=()):
    """The device of each sighting, checked to be one for all its observations and the same in any order."""
    everything = [one for some in sightings for one in some]
    known = correlate(everything, corrections)
    shuffled = list(everything)
    random.Random(3).shuffle(shuffled)
    again = correlate(shuffled, corrections)
    told = []
    for some in sightings:
        (device,) = {known.device_of(one) for one in some}
        assert {again.device_of(one) for one in some} == {device}
        told.append(device)
    return told


def one(*sightings, **more):
    return len(set(names(*sightings, **more))) == 1


def test_a_mac_ties_over_address_changes_and_both_address_families():
    assert one(sight(1, "10.0.0.5", CARD), sight(2, "10.0.0.9", CARD), sight(2, "fe80::1", CARD))


def test_a_device_without_a_mac_keeps_its_address_until_something_contradicts():
    told = names(sight(1), sight(2), sight(3, onvif__uuid=UUID), sight(4), sight(5, onvif__uuid=UUID2))
    assert len(set(told[:4])) == 1
    assert told[4] != told[0]


def test_a_serial_number_ties_over_a_replaced_network_card_and_the_two_interfaces_of_a_recorder():
    assert one(sight(1, "10.0.0.5", CARD, sadp__DeviceSN=SERIAL), sight(2, "10.0.0.5", OTHER, sadp__DeviceSN=SERIAL))
    assert one(sight(1, "10.0.0.5", CARD, onvif__serial=SERIAL), sight(1, "10.0.1.5", OTHER, sadp__DeviceSN=SERIAL.lower()))


def test_a_network_card_moved_to_another_camera_does_not_take_the_identity_along():
    told = names(
        sight(1, "10.0.0.5", CARD, sadp__DeviceSN=SERIAL), sight(1, "10.0.0.6", OTHER, sadp__DeviceSN=ANOTHER),
        sight(2, "10.0.0.5", THIRD, sadp__DeviceSN=SERIAL), sight(2, "10.0.0.6", CARD, sadp__DeviceSN=ANOTHER),
        sight(3, "10.0.0.6", CARD),
    )  # fmt: skip
    assert told == [CARD, OTHER, CARD, OTHER, OTHER]


def test_a_card_moved_between_cameras_known_by_their_identifiers_alone():
    told = names(
        sight(1, "10.0.0.5", CARD, onvif__uuid=UUID), sight(1, "10.0.0.6", OTHER, onvif__uuid=UUID2),
        sight(2, "10.0.0.6", CARD, onvif__uuid=UUID2),
    )  # fmt: skip
    assert told == [CARD, OTHER, OTHER]


def test_a_replaced_unit_is_another_device_even_at_the_same_address():
    assert not one(sight(1, "10.0.0.5", CARD, onvif__serial=SERIAL), sight(2, "10.0.0.5", OTHER, onvif__serial=ANOTHER))
    assert not one(sight(1, onvif__serial=SERIAL), sight(2, onvif__serial=ANOTHER))
    assert not one(sight(1, onvif__model="DS-1"), sight(2, onvif__model="P3245"))


def test_what_was_seen_before_the_serial_number_was_known_belongs_to_its_device():
    assert one(sight(1, "10.0.0.5", CARD), sight(2, "10.0.9.9", sadp__DeviceSN=SERIAL), sight(3, "10.0.0.5", CARD, sadp__DeviceSN=SERIAL))


def test_a_mac_that_a_device_tells_across_a_router_ties_it_to_the_one_seen_on_the_link():
    assert one(sight(1, "10.0.0.5", CARD), sight(2, "10.0.0.9", "", sadp__MAC=CARD.upper().replace(":", "-")))


def test_nothing_ties_across_sites():
    facts = {"sadp__DeviceSN": SERIAL, "onvif__uuid": UUID, "tls__serial": "a1ecc8f2290e2da7bb36"}
    everything = [*sight(1, "10.0.0.5", CARD, site="a", **facts), *sight(1, "10.0.0.5", CARD, site="b", **facts)]
    known = correlate(everything)
    assert {(o.site, known.device_of(o)) for o in everything} == {("a", CARD), ("b", CARD)}
    assert len(known.devices()) == 2


def test_phones_that_make_up_macs_are_strangers_even_at_one_address():
    assert not one(sight(1, "10.0.0.5", "da:a1:19:00:00:01"), sight(2, "10.0.0.5", "da:a1:19:00:00:02"))


def test_a_camera_that_makes_up_macs_is_known_by_its_model_and_address():
    told = {"onvif__scope__hardware": "IPC2124"}
    assert one(sight(1, "10.0.0.5", "da:a1:19:00:00:01", **told), sight(2, "10.0.0.5", "da:a1:19:00:00:02", **told))
    assert not one(sight(1, "10.0.0.5", CARD, **told), sight(2, "10.0.0.5", OTHER, **told))


def test_a_batch_that_shares_an_identifier_or_certificate_is_not_one_device():
    batch = [sight(1, f"10.0.0.{n}", f"44:19:b6:00:01:{n:02x}", onvif__uuid=UUID, tls__serial="a1ecc8f2290e2da7bb36") for n in range(3, 40)]
    assert len(set(names(*batch))) == len(batch)
    two = [
        sight(1, "10.0.0.5", CARD, onvif__uuid=UUID, onvif__serial=SERIAL),
        sight(1, "10.0.0.6", OTHER, onvif__uuid=UUID, onvif__serial=ANOTHER),
    ]
    assert not one(*two)


def test_a_serial_number_that_tells_nobody_apart_ties_nobody():
    for dull in ("0", "123456", "000000000", "", "none-set", "x" * 500):
        assert not one(sight(1, "10.0.0.5", CARD, onvif__serial=dull), sight(1, "10.0.0.6", OTHER, onvif__serial=dull)), dull
    batch = [sight(1, f"10.0.0.{n}", f"44:19:b6:00:01:{n:02x}", onvif__serial="ABC123DEF") for n in range(3, 40)]
    assert len(set(names(*batch))) == len(batch)


def test_two_devices_behind_one_bridge_or_router_stay_two():
    bridge = [
        sight(1, "10.0.0.5", CARD, onvif__serial=SERIAL),
        sight(1, "10.0.0.6", CARD, onvif__serial=ANOTHER),
        sight(1, "10.0.0.7", CARD),
    ]
    assert len(set(names(*bridge))) == 3
    router = [sight(1, f"10.0.{n}.5", "00:00:5e:00:01:07") for n in range(20)]
    assert len(set(names(*router))) == 20
    proxy = [sight(1, f"10.0.{n}.5", CARD) for n in range(60)]
    assert len(set(names(*proxy))) == 60


def test_two_cameras_behind_the_forwarded_ports_of_one_address_are_two():
    def port(number, run, serial):
        return sight(run, f"192.0.2.7:{number}", onvif__serial=serial)

    everything = [*port(8001, 1, SERIAL), *port(8002, 1, ANOTHER), *port(8001, 2, SERIAL), *port(8002, 2, ANOTHER)]
    known = correlate(everything)
    serials = {o.value: known.device_of(o) for o in everything if o.field == "onvif.serial"}
    assert len(set(serials.values())) == 2
    assert all(known.device_of(o) == serials[o.value] for o in everything if o.field == "onvif.serial")


def test_ten_thousand_macs_on_one_address_are_ten_thousand_devices():
    everything = [o for n in range(10_000) for o in sight(1, "10.0.0.5", f"44:19:b6:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")]
    everything += sight(1, "10.0.0.5")
    known = correlate(everything)
    assert len({known.device_of(o) for o in everything}) == 10_001
    (note,) = known.notes
    assert note.startswith("10.0.0.5: 10000 MACs were seen on this address in one run (s1)")
    assert "switch port" in note
    assert correlate([*sight(1, "10.0.0.5", CARD), *sight(1, "10.0.0.5", OTHER)]).notes == ()


def test_two_sensors_that_see_one_device_see_one_device():
    first, second = sight(1, "10.0.0.5", CARD), sight(2, "10.0.0.5", "", onvif__uuid=UUID)
    third = sight(3, "10.9.0.5", "", onvif__uuid=UUID)  # behind the other sensor's address translation
    told = [dataclasses.replace(o, sensor=f"s{n}") for n, some in enumerate((first, second, third)) for o in some]
    known = correlate(told)
    assert {known.device_of(o) for o in told} == {CARD}


def test_a_key_of_the_source_wins_over_everything():
    def keyed(key, **facts):
        return [Observation(field=k.replace("__", "."), value=v, device=key, mac=CARD) for k, v in facts.items()]

    known = correlate(everything := keyed("cam-1", onvif__serial=SERIAL) + keyed("cam-2", onvif__serial=SERIAL))
    assert [known.device_of(o) for o in everything] == ["cam-1", "cam-2"]


def test_the_operator_joins_and_splits_and_the_word_holds_over_what_comes_later():
    a, b = sight(1, "10.0.0.5", CARD), sight(1, "10.0.0.6", OTHER)
    join = Correction(kind="join", site="hq", marks=(f"mac:{CARD}", f"mac:{OTHER}"), number=1)
    assert one(a, b, sight(2, "10.0.0.8", OTHER), corrections=[join])
    assert not one(a, b, corrections=[Correction(kind="join", site="elsewhere", marks=join.marks)])
    tied = [sight(1, "10.0.0.5", CARD, onvif__serial=SERIAL), sight(2, "10.0.0.6", OTHER, onvif__serial=SERIAL)]
    split = Correction(kind="split", site="hq", marks=(f"mac:{OTHER}",), number=2)
    assert one(*tied)
    assert not one(*tied, corrections=[split])
    by_address = Correction(kind="split", site="hq", marks=("address:10.0.0.6",), number=2)
    assert names(sight(1, "10.0.0.6"), sight(2, "10.0.0.6"), corrections=[by_address]) == ["10.0.0.6", "10.0.0.6"]
    nonsense = Correction(kind="join", site="hq", marks=("no mark", "mac:"))
    assert names(a, b, corrections=[nonsense]) == [CARD, OTHER]


def test_every_tie_is_explained():
    everything = [
        *sight(1, "10.0.0.5", CARD),
        *sight(2, "10.0.0.9", CARD, onvif__serial=SERIAL),
        *sight(3, "10.0.0.9", OTHER, onvif__serial=SERIAL),
    ]
    (ties,) = correlate(everything).devices().values()
    assert [(t.mark, t.because, t.endpoint) for t in ties] == [
        ("", "first seen", "10.0.0.5"),
        (f"mac:{CARD}", "the same MAC, and nothing contradicts", "10.0.0.9"),
        (f"serial:{SERIAL.casefold()}", "the same serial number", "10.0.0.9"),
    ]
    assert correlate(everything).marks("hq", CARD)[0] == f"serial:{SERIAL.casefold()}"


def test_observations_without_time_or_place_are_grouped_by_what_they_have():
    bare = [Observation(field="http.server", value="x"), Observation(field="mac", value=CARD), Observation(field="f", value="v", mac=CARD)]
    known = correlate(bare)
    assert [known.device_of(o) for o in bare] == [CARD, CARD, CARD]
    assert correlate([]).devices() == {}


TEXTS = st.sampled_from(["", "a", SERIAL, ANOTHER, UUID, UUID2, CARD, OTHER, "DS-1", "\x00"])


@given(
    st.lists(
        st.builds(
            Observation,
            field=st.sampled_from(["onvif.serial", "sadp.DeviceSN", "onvif.uuid", "mac", "tls.serial", "onvif.model", "http.server"]),
            value=TEXTS, mac=st.sampled_from(["", CARD, OTHER, "da:a1:19:00:00:01"]), scan=st.sampled_from(["", "s1", "s2"]),
            endpoint=st.sampled_from(["", "10.0.0.5", "10.0.0.5:80", "10.0.0.6:80", "[fe80::1]:80", "::"]), site=st.sampled_from(["", "hq"]),
            device=st.sampled_from(["", "", "k"]),
            at=st.one_of(st.none(), st.integers(0, 5).map(lambda n: NOON + timedelta(days=n))),
        ),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_observations_give_the_same_devices_in_any_order(everything, random):
    known = correlate(everything)
    told = {o: known.device_of(o) for o in everything}
    shuffled = list(everything)
    random.shuffle(shuffled)
    again = correlate(shuffled)
    assert {o: again.device_of(o) for o in shuffled} == told
    assert set(known.devices()) == {(o.site, told[o]) for o in everything} == set(again.devices())
    assert known.devices() == again.devices()


@given(st.text(max_size=200))
def test_any_text_is_a_mark_or_none(text):
    assert marks.serial(text) == marks.serial(marks.serial(text))
    assert len(marks.mac(text)) in (0, 17)
    mark = marks.read(text)
    assert mark is None or marks.written(mark) == text


def held(year):
    known = correlate(year.seen)
    told = score(year, known.device_of)
    order = list(range(len(year.seen)))
    random.Random(11).shuffle(order)
    again = correlate([year.seen[n] for n in order])
    assert all(again.device_of(seen) == known.device_of(seen) for seen in year.seen)
    assert told["across_sites"] == 0
    assert told["right"] >= 0.99, told
    assert told["units_right"] >= 0.99, told
    assert told["exact"] >= 0.98, told
    return told


def test_a_scripted_quarter_of_three_hundred_devices_is_told_rightly_in_any_order():
    held(Year(devices=300, weeks=13, seed=5))


@pytest.mark.slow
def test_a_scripted_year_of_a_thousand_devices_is_told_rightly_in_any_order():
    told = held(Year(devices=1000))
    assert told["observations"] > 250_000
