"""Cameras that never answered, that are gone, that moved: told with the dates that were observed, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.inventory import open_inventory
from netcam.inventory.leftovers import What, leftovers, moves
from netcam.inventory.memory import MemoryInventory
from netcam.model import Coverage, CoverageState, Identity, Observation, ScanRecord

DAY = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MAC = "44:19:b6:00:00:20"


def seen(via: str, day: int, address: str = "192.0.2.20", mac: str = MAC, field: str = "mac", value: str = MAC) -> Observation:
    return Observation(field=field, value=value, at=DAY + timedelta(days=day), site="hq", endpoint=address, mac=mac, via=via)


@pytest.fixture(params=["memory", "sqlite"])
def inventory(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MemoryInventory() if request.param == "memory" else open_inventory(str(tmp_path / "s.sqlite"), make=True)


def fill(
    inventory: Any, observations: list[Observation], *, swept: int | None = None, kind: str | None = "camera", covered: bool = True
) -> None:
    if swept is not None:
        at = DAY + timedelta(days=swept)
        inventory.save_scan(ScanRecord(id="a1", site="hq", profile="standard", started=at, finished=at, status="complete"))
        asked = [one.endpoint for one in observations if one.endpoint] if covered else ()
        inventory.cover("a1", [Coverage(address=address, state=CoverageState.SILENT) for address in asked])
    inventory.record(observations)
    addresses = tuple(dict.fromkeys(one.endpoint for one in observations if one.endpoint))
    slots = {"kind": kind} if kind else {}
    inventory.save_identities(
        None, [Identity(device=MAC, slots=slots, confidence=dict.fromkeys(slots, 0.9), addresses=addresses, macs=(MAC,), site="hq")], DAY
    )


def told(inventory: Any) -> list[tuple[What, str]]:
    found = [(one.what, one.detail) for one in leftovers(inventory, "hq")]
    inventory.close()
    return found


def test_one_that_only_dhcp_and_arp_know(inventory: Any) -> None:
    fill(inventory, [seen("dhcp", 0), seen("arp", 1)], swept=0)
    assert [what for what, _ in told(inventory)] == [What.NEVER_ANSWERED]


def test_one_that_is_gone_is_told_with_the_sweep_that_did_not_see_it(inventory: Any) -> None:
    fill(inventory, [seen("http", 0), seen("arp", 1)], swept=9)
    assert told(inventory) == [(What.GONE, "not seen in the sweep of 2026-03-10 12:00 UTC, which asked its addresses")]


def test_one_whose_address_the_sweep_did_not_ask_is_not_gone(inventory: Any) -> None:
    fill(inventory, [seen("http", 0), seen("arp", 1)], swept=9, covered=False)
    assert told(inventory) == []


def test_one_that_also_had_a_link_local_address_is_gone(inventory: Any) -> None:
    fill(inventory, [seen("http", 0), seen("http", 0, "fe80::20%eth0")], swept=9)
    inventory.cover("a1", [Coverage(address="fe80::20%eth0", state=CoverageState.NOT_REACHED)])
    assert [what for what, _ in told(inventory)] == [What.GONE]


def test_one_that_moved_to_another_address_and_another_port(inventory: Any) -> None:
    def port(day: int, name: str) -> list[Observation]:
        return [seen("snmp", day, "", field="switch.name", value="sw1"), seen("snmp", day, "", field="switch.port", value=name)]

    fill(inventory, [seen("http", 0), seen("http", 4), seen("http", 9, "192.0.2.77"), *port(0, "Gi1"), *port(9, "Gi7")], swept=9)
    assert told(inventory) == [
        (What.MOVED, "address: 192.0.2.20 (2026-03-01 to 2026-03-05), then 192.0.2.77 (2026-03-10 to 2026-03-10)"),
        (What.MOVED, "switch port: sw1 Gi1 (2026-03-01 to 2026-03-01), then sw1 Gi7 (2026-03-10 to 2026-03-10)"),
    ]


def test_one_with_two_addresses_at_a_time_did_not_move_and_a_printer_is_no_leftover(inventory: Any) -> None:
    fill(inventory, [seen("http", 0), seen("http", 0, "2001:db8::20"), seen("http", 5), seen("http", 5, "2001:db8::20")], swept=5)
    assert told(inventory) == []


def test_what_is_no_camera_is_left_out(inventory: Any) -> None:
    fill(inventory, [seen("arp", 0)], swept=5, kind="printer")
    assert told(inventory) == []


@given(st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=8))
def test_stays_come_in_order_and_never_more_than_places(spans: dict[str, tuple[int, int]]) -> None:
    places = {name: sorted(DAY + timedelta(days=day) for day in span) for name, span in spans.items()}
    found = moves(places)
    assert len(found) <= len(places)
    assert [one.first for one in found] == sorted(one.first for one in found)
    assert bool(found) == bool(places)
