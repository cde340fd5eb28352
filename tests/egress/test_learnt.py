"""A watch of months goes by what the inventory knows by now: leases pass on, cameras are found, findings grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from netcam.cli import egress, output
from netcam.cli.app import app
from netcam.cli.egress import grown
from netcam.cli.egress_told import MAX_NOTES, Told
from netcam.flows.bindings import Bindings, attribute
from netcam.flows.inside import Inside
from netcam.flows.table import JOINED, FlowTable
from netcam.inventory import open_inventory
from netcam.inventory.memory import MemoryInventory
from netcam.model import Finding, Identity, Observation, ScanRecord
from netcam.pipeline import Content, EgressWatch, learnt, sightings
from tests.egress import flowcases

NIGHT = datetime.fromtimestamp(flowcases.T0 / 1e9, UTC)
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
NOBODY: frozenset[str] = frozenset()


def swept(inventory: MemoryInventory, at: datetime, places: dict[str, str], *, judged: bool = True) -> None:
    """A sweep that found these addresses of these MACs; `judged`: and has ended."""
    scan = f"s{at:%H}"
    inventory.save_scan(
        ScanRecord(id=scan, site="hq", started=at, finished=at if judged else None, status="complete" if judged else "running")
    )
    inventory.record(
        Observation(field="mac", value=mac, at=at, site="hq", endpoint=address, mac=mac, via="arp", scan=scan)
        for mac, address in places.items()
    )
    if judged:
        cameras = [
            Identity(device=mac, slots={"kind": "camera"}, addresses=(address,), macs=(mac,), site="hq") for mac, address in places.items()
        ]
        inventory.save_identities(scan, cameras, at)


def owners(watch: EgressWatch, hour: int) -> list[str]:
    table = flowcases.table([{"from": "10.0.0.5", "to": "203.0.113.9", "at": str(hour * 3600), "out": "9000"}])
    watch.add(table)
    return [table.devices[number - 1] if number else "" for number in table["device"].tolist()]


def test_a_lease_that_passes_to_another_camera_does_not_take_its_traffic_along() -> None:
    """Flows of a router bear no MAC: whose they are is told by who had the address then."""
    inventory = MemoryInventory()
    swept(inventory, NIGHT, {A: "10.0.0.5"})
    known = list(inventory.identities(site="hq"))
    upto = inventory.newest()
    watch = EgressWatch(known, Content(), site="hq", sightings=sightings(inventory, known, "hq"))
    assert owners(watch, 1) == [A]
    assert learnt(inventory, "hq", upto, NIGHT) is None, "nothing was observed since"
    swept(inventory, NIGHT + timedelta(hours=2), {A: "10.0.0.6", B: "10.0.0.5"}, judged=False)
    newer = learnt(inventory, "hq", upto, NIGHT + timedelta(hours=2))
    assert newer is not None
    assert newer[2] == upto, "a run that goes on has not said yet whose MAC that is: it is read again"
    swept(inventory, NIGHT + timedelta(hours=2), {A: "10.0.0.6", B: "10.0.0.5"})
    newer = learnt(inventory, "hq", upto, NIGHT + timedelta(hours=3))
    assert newer is not None
    watch.learn(*newer[:2], NOBODY)
    assert owners(watch, 3) == [B]
    assert owners(watch, 1) == [A], "what was before the lease passed on stays where it was"
    assert learnt(inventory, "hq", newer[2], NIGHT + timedelta(hours=3)) is None


def test_a_camera_that_has_taken_anothers_address_is_no_router() -> None:
    known = Bindings()
    for name, mac, address in (("a", A, "10.0.0.6"), ("b", B, "10.0.0.5"), ("router", "02:00:00:00:00:01", "10.0.0.1")):
        known.device(name, (mac,), (address,))
        known.seen(address, name, flowcases.T0)
    known.end("a")
    known.forwarder("router")
    for mac, told in ((A, ("a", "mac")), ("02:00:00:00:00:01", ("b", "behind a router"))):
        table = FlowTable({"a_lo": np.array([0x0A000005], np.uint64), "b_lo": np.array([0xCB007109], np.uint64), "version": np.array([4]),
                           "a_mac": np.array([int(mac.replace(":", ""), 16)], np.uint64), "start": np.array([flowcases.T0 + 9])})  # fmt: skip
        table.window = (flowcases.T0, flowcases.T0 + 9)
        attribute(table, known, Inside(()))
        assert (table.devices[int(table["device"][0]) - 1], JOINED[int(table["joined"][0])]) == told


def test_a_late_sighting_finds_its_place() -> None:
    known = Bindings()
    for name, at in (("a", 100), ("b", 300), ("a", 150), ("b", 250), ("c", 200)):
        known.seen("10.0.0.5", name, at)
    assert [known.at("10.0.0.5", at)[0] for at in (50, 160, 220, 250, 300)] == ["a", "a", "c", "b", "b"]


def test_a_finding_is_told_again_when_it_weighs_more() -> None:
    def finding(severity: str, device: str = "a") -> Finding:
        return Finding(rule="bulk-upload", kind="egress", device=device, title="t", severity=severity, site="hq")

    met: dict[str, int] = {}
    assert [f.severity for f in grown([finding("low"), finding("low", "b")], met)] == ["low", "low"]
    assert grown([finding("low")], met) == []
    assert [(f.device, f.severity) for f in grown([finding("high"), finding("low", "b")], met)] == [("a", "high")]
    assert grown([finding("medium"), finding("high")], met) == []


def test_the_command_looks_what_the_inventory_has_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(egress, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(egress, "known", lambda store, site: ([], [], 0))
    open_inventory(str(tmp_path / "s.sqlite"), make=True).close()
    asked: list[int] = []
    monkeypatch.setattr("netcam.pipeline.learnt", lambda inventory, site, upto, now: asked.append(upto) or ([], [], upto + 1))
    (tmp_path / "eve.json").write_text("")
    words = ["egress", "watch", "--suricata", "eve.json", "--seconds", "2", "--every", "0.5", "--store", "s.sqlite", "--format", "jsonl"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (done.output, done.exception)
    assert asked[:2] == [0, 1], "each time from where it was read up to"


def test_a_watch_that_began_before_the_first_sweep_learns_its_cameras() -> None:
    inventory = MemoryInventory()
    watch = EgressWatch([], Content(), site="hq")
    assert owners(watch, 1) == [""]
    swept(inventory, NIGHT, {A: "10.0.0.5"})
    newer = learnt(inventory, "hq", 0, NIGHT + timedelta(hours=1))
    assert newer is not None
    watch.learn(*newer[:2], NOBODY)
    assert owners(watch, 2) == [A]


def test_what_a_watch_of_months_notes_is_bounded() -> None:
    told = Told("eth0", output.Format.JSONL, flows=False)
    for n in range(MAX_NOTES + 50):
        table = FlowTable({"start": np.zeros(0, np.int64)})
        table.notes = [f"the kernel dropped {n} packets"]
        told.window(table)
        told.note(f"window {n}")
    assert len(told._notes) <= MAX_NOTES
