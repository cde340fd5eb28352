"""A finding carries the Community IDs of its largest flows, and the formats that have a place for them put them there."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from netcam.cli.app import app
from netcam.flows import capture
from netcam.flows.largest import MAX_KEPT, MAX_KEYS, LargestFlows
from netcam.model import Finding, Traffic
from netcam.sinks import ecs, jsonl, ocsf
from netcam.sinks.event import Event, EventKind, FindingState
from netcam.sinks.validate import check_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "flows"))
import frames

T0 = 1_764_000_000 * 10**9
PEER = Traffic(address="203.0.113.9", port=8443, protocol=6, first="2025-11-24T00:00:00Z")


def packets(count: int, *, name: bool = False) -> list[tuple[int, bytes]]:
    out = []
    if name:
        answer = frames.dns_answer("box.example.net", "203.0.113.9")
        out.append((T0 - 10**9, frames.ether(frames.ip4("10.0.0.1", "10.0.0.5", 17, frames.udp(53, 40000, answer)), back=True)))
    for n in range(count):
        segment = frames.tcp(40_000 + n, 8443, 0x18, b"v" * (100 + n), seq=1)
        out.append((T0 + n * 10**6, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, segment))))
    return out


@pytest.mark.parametrize("name", [False, True])
def test_the_largest_flows_of_a_device_and_peer_are_remembered(tmp_path: Path, name: bool) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets(30, name=name)))
    table = capture.read(path)
    largest = LargestFlows()
    largest.add(table)
    by_port = {flow.source_port: flow.community_id for flow in table}
    wanted = tuple(by_port[40_000 + n] for n in (29, 28, 27, 26))
    assert largest.ids("10.0.0.5", PEER) == wanted
    if name:
        assert largest.ids("10.0.0.5", Traffic(name="box.example.net", port=8443, protocol=6)) == wanted
    assert largest.ids("10.0.0.6", PEER) == largest.ids("10.0.0.5", Traffic(address="203.0.113.9", port=443)) == ()
    assert largest.ids("10.0.0.5", Traffic(address="203.0.113.9", port=8443, protocol=6, first="2025-11-25T00:00:00Z")) == ()


def test_memory_is_bounded(tmp_path: Path) -> None:
    largest = LargestFlows()
    for k in range(100):
        path = tmp_path / "a.pcap"
        scan = [
            (T0 + n, frames.ether(frames.ip4("10.0.0.5", f"198.{k}.{n >> 8}.{n & 255}", 17, frames.udp(4000, 8800, b"x"))))
            for n in range(600)
        ]
        path.write_bytes(frames.pcap(scan + packets(20)))
        largest.add(capture.read(path))
    assert len(largest._flows) <= MAX_KEYS
    assert max(map(len, largest._flows.values())) <= MAX_KEPT
    assert len(largest.ids("10.0.0.5", PEER)) == 4


def test_a_finding_in_the_output_tells_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    path = tmp_path / "a.pcap"
    out = []
    for n in range(3000):
        segment = frames.tcp(40_000 + n % 3, 8443, 0x18, b"v" * 10_000, seq=1 + n * 10_000)
        out.append((T0 + n * 1_200_000_000, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, segment))))
    path.write_bytes(frames.pcap(out, snap=80))
    run = CliRunner().invoke(app, ["egress", "analyse", str(path), "--format", "jsonl", "--flows"])
    assert run.exit_code == 0, run.output
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    flows = {line["community_id"] for line in lines if line["type"] == "flow"}
    found = [line for line in lines if line["type"] == "finding"]
    assert found
    assert all(set(one["traffic"][0]["community_ids"]) == flows for one in found)


@pytest.mark.parametrize("form", [ecs, jsonl, ocsf])
def test_formats_have_a_place_for_them_and_stay_valid(tmp_path: Path, form: ModuleType) -> None:
    ids = ("1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:d/FP5EW3wiY1vCndhwleRRKHowQ=")
    traffic = Traffic(address="203.0.113.9", port=8443, bytes_out=5, bytes_in=5, packets_out=1, packets_in=1, community_ids=ids)
    finding = Finding(rule="x", kind="egress", device="cam-1", title="x", traffic=(traffic,))
    at = datetime(2025, 11, 24, tzinfo=UTC)
    event = Event(kind=EventKind.EGRESS_FINDING, at=at, site="hq", finding=finding, state=FindingState.OPENED, message="x", version="0.1.0")
    told = form.FORMAT.encode(event)
    (tmp_path / "x").write_bytes(told if told.endswith(b"\n") else told + b"\n")
    result = check_file(tmp_path / "x")
    assert not result.problems
    assert ids[0] in told.decode()
    if form is ecs:
        assert json.loads(told)["network"]["community_id"] == ids[0]
