"""Detectors as records arrive: any order and any portions within the lateness give what a replay in order gives, across restarts too."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.catalog import destinations
from netcam.egress import lookups, stream
from netcam.egress.detect import DeviceRef, Explainer, SiteRules, Stream, run
from netcam.egress.join import HOUR
from netcam.egress.ledger import MAX_CHANNELS, OTHERS
from netcam.errors import StoreError
from netcam.flows.table import FlowTable, Lookups
from netcam.lab.exfiltration import KINDS
from netcam.lab.habits import estate, normal, refs
from netcam.lab.trace import DAY, EPOCH, Trace
from tests.egress import flowcases

INSIDE = (ip_network("10.0.0.0/8"),)


@cache
def explainer() -> Explainer:
    known = destinations.load(Path(__file__).resolve().parent.parent.parent / "fingerprints")
    return Explainer(known, SiteRules(internal=INSIDE))


@cache
def site() -> tuple[Trace, dict[str, DeviceRef]]:
    """Two days of six cameras, one of which leaks by DNS, one to a stranger."""
    rng = np.random.default_rng(3)
    trace = Trace(rng)
    cameras = estate(6, rng)
    normal(trace, cameras, 0, 2)
    KINDS["dns-tunnel"].make(trace, cameras[0], 9 * 3600.0, DAY)
    KINDS["stream"].make(trace, cameras[1], 20 * 3600.0, DAY)
    KINDS["scan"].make(trace, cameras[2], 30 * 3600.0, DAY)
    return trace, dict(refs(cameras))


def told(one: Stream, tables: list[FlowTable], *, restart: set[int] = frozenset(), folder: Path | None = None) -> list[Any]:  # type: ignore[assignment]
    """What a run says, hour by hour."""
    _, devices = site()
    said = []
    for n, table in enumerate(tables):
        one.add(table, devices)
        said += [(hour, a.findings, [(j.group, j.score, j.category) for j in a.judgements]) for hour, a in run(one, explainer(), every=6)]
        if n in restart and folder is not None:
            one.save(folder / "state")
            one = Stream.load(folder / "state", internal=INSIDE)
    said += [
        (hour, a.findings, [(j.group, j.score, j.category) for j in a.judgements]) for hour, a in run(one, explainer(), every=6, last=True)
    ]
    return said


def split(table: FlowTable, parts: list[np.ndarray[Any, Any]]) -> list[FlowTable]:
    """Rows of a table in portions; its questions go with the first."""
    made = []
    for n, rows in enumerate(parts):
        at = {int(r): k for k, r in enumerate(rows.tolist())}
        names = {at[r]: name for r, name in table.names.items() if r in at}
        made.append(FlowTable({c: v[rows] for c, v in table.columns.items()}, names, lookups=table.lookups if n == 0 else Lookups()))
    return made


@cache
def in_order() -> list[Any]:
    trace, _ = site()
    return told(Stream(site="hq", internal=INSIDE), [trace.table(0, 3 * DAY)])


def test_the_leaks_are_told() -> None:
    rules = {(f.rule, f.device, f.severity) for _, findings, _ in in_order() for f in findings}
    assert ("dns-tunnel", "cam-0000", "high") in rules
    assert ("bulk-upload", "cam-0001", "high") in rules
    assert any(rule == "scan" and device == "cam-0002" for rule, device, _ in rules)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), portions=st.integers(2, 12), restarts=st.sets(st.integers(0, 60), max_size=3))
def test_live_in_portions_out_of_order_and_across_restarts_equals_replay(
    tmp_path: Path, seed: int, portions: int, restarts: set[int]
) -> None:
    trace, _ = site()
    rng = np.random.default_rng(seed)
    tables = []
    for hour in range(50):
        table = trace.table(hour * 3600.0, (hour + 1) * 3600.0)
        if len(table):
            cuts = np.sort(rng.integers(0, len(table) + 1, portions - 1))
            tables += (
                split(table, np.split(rng.permutation(len(table)), cuts)) if hour % 9 == 0 else split(table, [rng.permutation(len(table))])
            )
    one = Stream(site="hq", internal=INSIDE)
    assert told(one, tables, restart=restarts, folder=tmp_path) == in_order()


def test_late_and_future_records_are_counted_and_change_nothing() -> None:
    one = Stream(site="hq", internal=INSIDE)
    first = flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "900", "in": "900", "repeat": "40", "every": "600"}])
    now = flowcases.T0 + 8 * HOUR
    one.add(first, {}, now=now)
    hours = list(one.ready())
    assert hours == [flowcases.T0 // HOUR + n for n in range(5)]
    late = flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "90000000", "at": "60"}])
    ahead = flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "90000000", "at": "900000"}])
    broken = flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "90000000", "at": "20000", "seconds": "-3"}])
    for table in (late, ahead, broken):
        one.add(table, {}, now=now)
    assert {k: one.counters[k] for k in ("late", "from the future", "negative durations")} == {
        "late": 1,
        "from the future": 1,
        "negative durations": 1,
    }
    assert one.newest < now
    assert not [f for _, a in run(one, explainer(), last=True) for f in a.findings if f.severity == "high"]


def test_a_device_whose_key_changes_keeps_its_history_and_the_change_is_told() -> None:
    one = Stream(site="hq", internal=INSIDE)
    flows = [{"from": "10.0.0.5", "to": "203.0.113.9", "out": "30000000", "in": "9000", "seconds": "60"}]
    one.add(flowcases.table(flows), {})
    ref = DeviceRef(device="44:19:b6:00:00:01", addresses=("10.0.0.5",), is_camera=True)
    again = flowcases.table([flows[0] | {"at": "7200"}])
    one.add(again, {ref.device: ref})
    assert one.counters["device keys renamed"] == 1
    assert "'10.0.0.5' is now '44:19:b6:00:00:01'" in one.notes[0]
    last = [a for _, a in run(one, explainer(), last=True)][-1]
    assert {f.device for f in last.findings} == {ref.device}
    assert any("60.0 MB" in f.title for f in last.findings)
    renewed = DeviceRef(device="serial-7", macs=("44:19:b6:00:00:01",), addresses=("10.0.0.5",), is_camera=True)
    one._by_mac["44:19:b6:00:00:01"] = ref.device
    one.add(flowcases.table([flows[0] | {"at": "10800"}]), {renewed.device: renewed})
    assert one.counters["device keys renamed"] == 2


def test_an_address_scan_stays_bounded() -> None:
    one = Stream(site="hq", internal=INSIDE)
    one.add(
        flowcases.table(
            [{"from": "10.0.0.5", "to": "11.0.0.1", "step": "1", "port": "23", "repeat": "5000", "every": "0.2", "answered": "no"}]
        ),
        {},
    )
    list(one.finish())
    channels = one.ledger.hours[0].channels
    assert len(channels["dev"]) <= MAX_CHANNELS + 2
    assert OTHERS in one.ledger.numbers.names
    assert int(channels["n"].sum()) == 5000
    assert int(channels["distinct"].sum()) == 5000


def test_open_hours_hold_no_more_rows_than_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_OPEN_ROWS", 100)
    one = Stream(site="hq", internal=INSIDE)
    one.add(flowcases.table([{"from": "10.0.0.5", "to": "11.0.0.1", "step": "1", "repeat": "150"}]), {})
    assert one.counters["rows beyond the bound of open hours"] == 50


def test_attempts_without_an_answer_leave_room_for_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SCAN_ROWS", 100)
    one = Stream(site="hq", internal=INSIDE)
    probe = {"from": "10.0.0.5", "to": "11.0.0.1", "step": "1", "port": "23", "repeat": "150", "every": "0.2", "answered": "no"}
    one.add(flowcases.table([probe]), {})
    one.add(flowcases.table([{"from": "10.0.0.6", "to": "11.0.0.1", "step": "1", "repeat": "120"}, probe]), {})
    assert one.counters["attempts beyond the bound of open hours"] == 50 + 150
    list(one.finish())
    channels = one.ledger.hours[0].channels
    assert int(channels["n"][channels["answered"] > 0].sum()) == 120
    assert int(channels["n"].sum()) == 220


def test_names_of_a_tunnel_stay_bounded_and_their_number_is_estimated() -> None:
    one = Stream(site="hq", internal=INSIDE)
    asked = [{"from": "10.0.0.5", "to": "10.0.0.1", "name": "a{n}.x.example.net", "repeat": "5000", "every": "0.1"}]
    one.add(flowcases.table([{"from": "10.0.0.5", "to": "10.0.0.1", "port": "53", "protocol": "udp", "out": "90"}], asked), {})
    (_, said), *_ = run(one, explainer(), last=True)
    assert len(one.ledger.hours[0].names["hash"]) == lookups.MAX_NAMES
    assert 4200 < int(said.window.dns["unique"][0]) <= 5000


def test_names_that_nothing_points_to_are_forgotten() -> None:
    one = Stream(site="hq", internal=INSIDE)
    for day in range(34):
        flows = [
            {"from": "10.0.0.5", "to": "203.0.113.9", "name": f"n{day}-{n}.example.net", "out": "9", "in": "9", "at": str(day * 86400 + n)}
            for n in range(40)
        ]
        one.add(flowcases.table(flows), {})
        list(one.ready())
    assert len(one.ledger.numbers.names) < 200


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "version"])
def test_a_damaged_state_is_refused_with_its_place(tmp_path: Path, damage: str) -> None:
    one = Stream(site="hq", internal=INSIDE)
    one.add(flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "900", "in": "9"}]), {})
    path = tmp_path / "state.judge"
    one.save(path)
    whole = path.read_bytes()
    if damage == "version":
        stream_version, stream.VERSION = stream.VERSION, 99
        one.save(path)
        stream.VERSION = stream_version
    else:
        path.write_bytes({"empty": b"", "text": b"{}", "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(StoreError, match=r"state\.judge"):
        Stream.load(path)


def test_a_state_that_is_not_there_is_an_error_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="move the file away"):
        Stream.load(tmp_path / "none")


def test_a_flow_over_hours_is_shared_out_and_adds_up() -> None:
    one = Stream(site="hq", internal=INSIDE)
    one.add(flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "1000003", "in": "77", "seconds": "20000", "at": "100"}]), {})
    list(one.finish())
    hours = list(one.ledger.hours)
    assert len(hours) == 6
    assert sum(int(h.channels["up"].sum()) for h in hours) == 1_000_003
    assert [int(h.channels["n"].sum()) for h in hours] == [1, 0, 0, 0, 0, 0]


def test_hours_without_any_record_are_unknown_not_quiet() -> None:
    one = Stream(site="hq", internal=INSIDE)
    for at in ("0", "36000"):
        one.add(flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "out": "900", "in": "9", "at": at}]), {})
    list(one.finish())
    first = flowcases.T0 // HOUR
    levels = one.ledger.levels[0]
    assert levels[first % 720] == 900
    assert np.isnan(levels[(first + 5) % 720])
    assert EPOCH % 3600 == 0


LEAKS = {
    "a clip": [{"out": "3200000", "in": "9000", "seconds": "4"}],
    "portions": [{"out": "90000", "in": "300", "seconds": "2", "repeat": "40", "every": "75"}],
    "a stream": [{"out": "1200000", "in": "9000", "seconds": "30"}],
    "clips": [{"out": "1500000", "in": "3000", "seconds": "20", "repeat": "3", "every": "900"}],
    "pictures": [{"out": "12000", "in": "300", "seconds": "6", "repeat": "9", "every": "300"}],
    "five kilobytes a second": [{"out": "15000000", "in": "30000", "seconds": "3000"}],
    "a scan": [{"to": "10.0.1.1", "step": "1", "port": "23", "repeat": "30", "every": "60", "answered": "no"}],
    "names": [
        {"to": "10.0.0.1", "port": "53", "protocol": "udp", "out": "90", "repeat": "60", "every": "40", "asked": "{hex}.x.example.net"}
    ],
}
"""Leaks of up to 55 minutes."""


@settings(max_examples=20, deadline=None)
@given(what=st.sampled_from(sorted(LEAKS)), before=st.integers(0, 3599))
def test_a_leak_is_graded_the_same_wherever_the_full_hour_falls(what: str, before: int) -> None:
    def told(at: int) -> list[tuple[str, str, int | None, str]]:
        flows = [{"to": "203.0.113.9"} | one | {"from": "10.0.0.5", "at": str(at)} for one in LEAKS[what]]
        asked = [
            {"from": "10.0.0.5", "to": f["to"], "name": f["asked"], "repeat": "60", "every": "40", "at": f["at"]}
            for f in flows
            if "asked" in f
        ]
        camera = DeviceRef(device="cam", addresses=("10.0.0.5",), is_camera=True)
        one = Stream(site="hq", internal=INSIDE)
        one.add(flowcases.table(flows, asked), {"cam": camera})
        last = [a for _, a in run(one, explainer(), last=True)][-1]
        return sorted((f.rule, f.severity, f.score, f.title) for f in last.findings)

    inside = told(7200)
    assert {"bulk-upload", "media-upload", "scan", "dns-tunnel"} & {rule for rule, *_ in inside}
    assert told(10800 - before) == inside


def test_flows_of_one_packet_keep_their_bytes_beside_one_that_crosses_the_hour() -> None:
    one = Stream(site="hq", internal=INSIDE)
    packet = {"from": "10.0.0.5", "to": "203.0.113.9", "out": "5000", "seconds": "0"}
    across = {"from": "10.0.0.6", "to": "203.0.113.9", "out": "900", "seconds": "20", "at": "3590"}
    one.add(flowcases.table([packet, across]), {})
    list(one.finish())
    assert [h.channels["up"].tolist() for h in one.ledger.hours] == [[5000, 450], [450]]
