"""Two routers on the way of one upload tell it both: it counts once, and what only one of them sees is kept."""

from __future__ import annotations

import struct

from netcam.flows import twice
from netcam.flows.netflow import Exporters
from netcam.flows.records import Record, Records
from netcam.flows.twice import Twice

T0 = 1_764_000_000
S = 10**9


def v5(*rows: tuple[str, str, int, int, int, int], sequence: int = 0, sampling: int = 0) -> bytes:
    """A datagram of flows (source, destination, source port, octets, first, last in seconds after T0), exported an hour later."""
    told = struct.pack("!HHIIIIBBH", 5, len(rows), 3_600_000, T0 + 3600, 0, sequence, 0, 0, sampling)
    for source, destination, port, octets, first, last in rows:
        ends = [bytes(map(int, text.split("."))) for text in (source, destination)]
        told += struct.pack(
            "!4s4s4sHHIIIIHHBBBBHHBBH", *ends, bytes(4), 1, 2, 10, octets, first * 1000, last * 1000, port, 443, 0, 16, 6, 0, 0, 0, 0, 0, 0
        )
    return told


UP = ("10.0.0.5", "203.0.113.9", 50_000, 1_000_000, 0, 60)


def test_an_upload_that_two_routers_export_counts_once() -> None:
    records = Records()
    exporters = Exporters(records)
    later = ("10.0.0.5", "203.0.113.9", 50_000, 1_000_000, 60, 120)
    for datagram, router in (
        (v5(UP), "192.0.2.1"),
        (v5(UP), "192.0.2.2"),
        (v5(later, sequence=1), "192.0.2.2"),
        (v5(later, sequence=1), "192.0.2.1"),
    ):
        assert exporters.datagram(datagram, router, (T0 + 3600) * S)
    table = records.take()
    assert [int(n) for n in table["bytes_out"]] == [1_000_000, 1_000_000]
    assert table.counters["told_twice"] == 2
    assert {table.sources[int(n)].split()[2] for n in table["source"]} == {"192.0.2.1"}


def test_where_the_way_back_differs_each_router_is_heard_for_its_own() -> None:
    records = Records()
    exporters = Exporters(records)
    exporters.datagram(v5(UP), "192.0.2.1", (T0 + 3600) * S)
    back = struct.pack("!HHIIIIBBH", 5, 1, 3_600_000, T0 + 3600, 0, 0, 0, 0, 0)
    back += struct.pack(
        "!4s4s4sHHIIIIHHBBBBHHBBH", bytes([203, 0, 113, 9]), bytes([10, 0, 0, 5]), bytes(4), 1, 2, 10, 2000, 0, 60_000, 443, 50_000, 0, 16, 6, 0, 0, 0, 0, 0, 0
    )  # fmt: skip
    exporters.datagram(back, "192.0.2.2", (T0 + 3600) * S)
    table = records.take()
    assert (int(table["bytes_out"].sum()), int(table["bytes_in"].sum())) == (1_000_000, 2000)
    assert table.counters.get("told_twice", 0) == 0


def record(start: int, end: int, *, port: int = 50_000, paired: bool = False) -> Record:
    return Record(version=4, a=1, b=2, a_port=port, b_port=443, proto=6, start=start * S, end=end * S, paired=paired)


def test_another_router_is_heard_when_the_first_has_fallen_silent() -> None:
    one = Twice()
    assert not one.told(record(0, 60), "a")
    assert one.told(record(0, 60), "b")
    assert one.told(record(60, 360), "b")
    assert not one.told(record(400, 460), "b"), "the first has not been heard for five minutes"
    assert one.told(record(420, 480), "a")
    assert not one.told(record(0, 60, port=50_001), "b"), "another conversation"
    assert not one.told(record(-9000, -8000), "a"), "one of long before"


def test_both_ways_in_one_record_are_told() -> None:
    one = Twice()
    back = Record(version=4, a=2, b=1, a_port=443, b_port=50_000, proto=6, start=0, end=60 * S)
    assert not one.told(record(0, 60, paired=True), "a")
    assert one.told(back, "b")


def test_what_is_remembered_is_bounded() -> None:
    one = Twice()
    for port in range(twice.MAX_HELD // 2 + 10):
        one.told(record(0, 60, port=port, paired=True), "a")
    assert len(one._tellers) == twice.MAX_HELD
