"""A MAC that stands for several addresses is a router's: its prefix is no tell of what is behind it."""

from __future__ import annotations

from collections.abc import Iterable

from netcam.identify import Matcher, correlate, identify
from netcam.identify.assign import MAX_IPV4
from netcam.model import Observation

HIKVISION = "44:19:b6:00:00:01"


def _behind(addresses: Iterable[str], **more: str) -> list[Observation]:
    """What a sweep sees of each address, all with one MAC."""
    return [
        Observation(endpoint=address, mac=HIKVISION, field=field, value=value, **more)
        for address in addresses
        for field, value in (("mac", HIKVISION), ("port.open", "554"), ("hostname", f"host-{address}"))
    ]


def test_what_is_behind_a_router_is_not_of_its_cards_maker(matcher: Matcher) -> None:
    remote = _behind(f"192.0.2.{n}" for n in range(1, MAX_IPV4 + 2))
    found = list(identify(remote, matcher))
    assert len(found) == MAX_IPV4 + 1
    assert {(one.get("maker"), one.get("kind")) for one in found} == {(None, None)}
    (note,) = correlate(remote).notes
    assert HIKVISION in note


def test_a_device_with_two_addresses_is_known_by_its_card(matcher: Matcher) -> None:
    (found,) = identify(_behind(["192.0.2.1", "192.0.2.2", "169.254.7.7", "169.254.7.8", "2001:db8::1", "2001:db8::2", "fe80::1"]), matcher)
    assert (found.get("maker"), found.get("kind")) == ("Hikvision", "camera")


def test_devices_that_a_source_tells_apart_keep_their_cards(matcher: Matcher) -> None:
    told = [Observation(device=f"d{n}", endpoint=f"192.0.2.{n}", field="mac", value=HIKVISION) for n in range(1, 9)]
    assert {one.get("maker") for one in identify(told, matcher)} == {"Hikvision"}


def test_a_card_counts_in_the_runs_in_which_it_stood_for_one(matcher: Matcher) -> None:
    lent, own = _behind((f"192.0.2.{n}" for n in range(1, 9)), scan="s1"), _behind(["192.0.2.7"], scan="s2")
    makers = {one.addresses: one.get("maker") for one in identify([*lent, *own], matcher)}
    assert makers[("192.0.2.7",)] == "Hikvision"
    assert sum(maker is not None for maker in makers.values()) == 1


def test_a_mac_that_stands_beside_an_observation_names_nobody(matcher: Matcher) -> None:
    (found,) = identify([Observation(endpoint="192.0.2.1", mac=HIKVISION, field="port.open", value="554")], matcher)
    assert (found.get("maker"), found.get("kind"), found.macs) == (None, None, (HIKVISION,))
