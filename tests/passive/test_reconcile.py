"""The owner's register against the network: what is said of whom, on which evidence, and never more than was looked at."""

from __future__ import annotations

import gzip
import json
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from netcam.catalog.families import fold
from netcam.cli.app import app
from netcam.collect.credentials import Secret
from netcam.collect.importers.source import Problem
from netcam.collect.registers import compare, listed, netbox
from netcam.collect.registers.compare import Line, Looked, Result
from netcam.collect.registers.entry import Entry
from netcam.errors import ConfigError, ContentError
from netcam.inventory import open_inventory
from netcam.model import Claim, Coverage, CoverageState, Identity, Observation, ScanRecord
from netcam.pipeline import snapshot

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def device(key: str, address: str, *, maker: str = "Hikvision", sure: float = 0.9, **more: str) -> Identity:
    slots = {"kind": "camera", "brand": maker, "maker": maker, "model": "DS-2CD2143G0-I"} | more
    seen = Observation(field="http.server", value="App-webs/", at=NOW)
    return Identity(
        device=key, slots=slots, confidence=dict.fromkeys(slots, sure), addresses=(address,), macs=(key,) if ":" in key else (), site="hq",
        because=(Claim(slot="maker", value=maker, weight=sure, by="x/y", because=(seen,)),),
    )  # fmt: skip


def held(
    entries: list[Entry],
    devices: list[Identity],
    *,
    present: set[str] | None = None,
    gone: set[str] | None = None,
    fates: dict[str, Looked] | None = None,
) -> list[Line]:
    keys = {one.device for one in devices}
    aliases = {"hikvision": frozenset({"hikvision", "lts"}), "lts": frozenset({"hikvision", "lts"})}
    return list(
        compare.compare(
            entries, devices, last_seen=dict.fromkeys(keys, NOW), present=frozenset(keys if present is None else present),
            gone=frozenset(gone or ()), looked=(fates or {}).get, aliases=lambda name: aliases.get(fold(name), frozenset({fold(name)})),
        )
    )  # fmt: skip


def entry(**more: str) -> Entry:
    return Entry(where="list.csv:2", **more)


MAC = "44:19:b6:00:00:20"


@pytest.mark.parametrize(
    ("entries", "result", "why"),
    [
        ([entry(mac=MAC, address="192.0.2.20", maker="Hikvision", model="DS-2CD2143G0-I 2.8mm white")], Result.AGREES, "found by its MAC"),
        ([entry(mac=MAC, maker="LTS")], Result.AGREES, "found by its MAC"),
        ([entry(address="192.0.2.20", maker="Axis")], Result.DIFFERS, "brand Hikvision / maker Hikvision, the register says Axis"),
        ([entry(mac=MAC, model="P3245-LVE")], Result.DIFFERS, "model DS-2CD2143G0-I, the register says P3245-LVE"),
        ([entry(mac=MAC, address="192.0.2.99")], Result.DIFFERS, "it stands at 192.0.2.20, the register says 192.0.2.99"),
        ([entry(address="192.0.2.20", mac="00:40:8c:00:00:01")], Result.DIFFERS, "another device has this address"),
        ([entry(address="192.0.2.77")], Result.NOT_LOOKED, "its address was in no sweep"),
        ([entry(serial="X1")], Result.NOT_LOOKED, "the entry has no address"),
        ([entry(address="192.0.2.21")], Result.ABSENT, "192.0.2.21 was asked on 2026-03-01 09:30 UTC: silent"),
        ([entry(address="192.0.2.22")], Result.NOT_LOOKED, "192.0.2.22: excluded"),
    ],
)
def test_what_is_said_of_an_entry(entries: list[Entry], result: Result, why: str) -> None:
    fates = {"192.0.2.21": Looked(state="silent", at=NOW), "192.0.2.22": Looked(state="excluded", at=NOW)}
    first = held(entries, [device(MAC, "192.0.2.20")], fates=fates)[0]
    assert (first.result, first.why[: len(why)]) == (result, why)


def test_a_device_in_no_entry_is_told_with_its_evidence_and_one_of_unknown_kind_too() -> None:
    known, other = device(MAC, "192.0.2.20"), device("00:40:8c:00:00:01", "192.0.2.21")
    unknown = Identity(device="192.0.2.22", addresses=("192.0.2.22",), site="hq")
    printer = Identity(device="192.0.2.23", slots={"kind": "printer"}, addresses=("192.0.2.23",), site="hq")
    lines = held([entry(mac=MAC)], [known, other, unknown, printer])
    told = {one.device.device: one for one in lines if one.result is Result.UNREGISTERED and one.device}
    assert set(told) == {"00:40:8c:00:00:01", "192.0.2.22"}
    assert told["00:40:8c:00:00:01"].evidence == ("maker Hikvision: http.server=App-webs/ (2026-03-01)",)
    assert "unknown kind" in told["192.0.2.22"].why


def test_a_device_that_the_last_sweep_no_longer_saw_is_told_with_its_last_day() -> None:
    lines = held([entry(mac=MAC)], [device(MAC, "192.0.2.20")], present=set(), gone={MAC})
    assert [(one.result, one.why) for one in lines] == [(Result.ABSENT, "last seen 2026-03-01 09:30 UTC")]


def test_a_device_whose_network_no_sweep_asked_since_is_neither_there_nor_gone() -> None:
    lines = held([entry(mac=MAC)], [device(MAC, "192.0.2.20")], present=set())
    why = "last seen 2026-03-01 09:30 UTC; no sweep has asked all its addresses since"
    assert [(one.result, one.why) for one in lines] == [(Result.NOT_LOOKED, why)]


def test_a_sweep_of_one_network_says_nothing_of_the_cameras_of_another(tmp_path: Path) -> None:
    """The first floor is swept on Monday and the second on Tuesday; on Tuesday a camera of the second is gone and one of the first is not."""
    inventory = open_inventory(str(tmp_path / "s.sqlite"), make=True)
    first, second, third = device(MAC, "10.0.1.20"), device("02:00:00:00:00:02", "10.0.2.20"), device("02:00:00:00:00:03", "10.0.2.21")
    for day, net, present in ((0, 2, [second, third]), (7, 1, [first]), (8, 2, [second])):
        at, scan = NOW + timedelta(days=day), f"a{day}"
        targets = (f"10.0.{net}.0/24",)
        inventory.save_scan(ScanRecord(id=scan, site="hq", profile="standard", targets=targets, started=at, finished=at, status="complete"))
        inventory.cover(scan, [Coverage(address=f"10.0.{net}.{n}", state=CoverageState.SILENT) for n in range(1, 255)])
        told = [
            Observation(field="http.server", value="x", at=at, site="hq", mac=o.device, endpoint=o.addresses[0], scan=scan) for o in present
        ]
        inventory.record(told)
        inventory.save_identities(scan, present, at)
    inventory.close()
    register = tmp_path / "list.csv"
    register.write_text("IP,MAC\n" + "".join(f"{o.addresses[0]},{o.device}\n" for o in (first, second, third)))
    common = ["--site", "hq", "--store", str(tmp_path / "s.sqlite"), "--format", "jsonl"]
    run = CliRunner().invoke(app, ["reconcile", str(register), "--all", *common])
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(one["result"], one["register"]["where"]) for one in lines[:-1]] == [
        ("agrees", "list.csv:2"), ("agrees", "list.csv:3"), ("not on the network", "list.csv:4"),
    ]  # fmt: skip
    run = CliRunner().invoke(app, ["leftovers", *common])
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(one["what"], one["device"]) for one in lines if "what" in one] == [("no longer on the network", third.device)]
    run = CliRunner().invoke(app, ["diff", "a7", "a8", *common])
    kinds = [(one["kind"], one["device"]) for one in map(json.loads, run.stdout.splitlines())]
    assert kinds == [("not-covered", first.device)], "who stands in a network that the earlier scan did not ask has not returned"
    inventory = open_inventory(str(tmp_path / "s.sqlite"))
    told = snapshot(inventory, inventory.scan("a8"), generated_at=NOW).changes
    inventory.close()
    assert [(one.kind, one.device) for one in told] == [("missing", third.device)], "held against the last look at the same network"


def test_a_mac_prefix_is_no_ground_to_contradict_the_register() -> None:
    lines = held([entry(mac=MAC, maker="Axis")], [device(MAC, "192.0.2.20", sure=0.4)])
    assert [one.result for one in lines] == [Result.CANNOT_TELL]


def test_one_device_listed_twice_is_told() -> None:
    lines = held([entry(mac=MAC), Entry(where="list.csv:9", address="192.0.2.20")], [device(MAC, "192.0.2.20")])
    assert [(one.result, one.why) for one in lines][1] == (Result.TWICE, "list.csv:2 is the same device")


@given(
    st.lists(
        st.builds(
            Entry,
            where=st.just("x:1"),
            address=st.sampled_from(["", "192.0.2.20", "192.0.2.9"]),
            mac=st.sampled_from(["", MAC]),
            serial=st.text(max_size=4),
            maker=st.text(max_size=9),
            model=st.text(max_size=9),
        ),
        max_size=8,
    )
)
def test_every_entry_has_one_result_and_every_present_camera_is_in_some_line(entries: list[Entry]) -> None:
    devices = [device(MAC, "192.0.2.20"), device("00:40:8c:00:00:01", "192.0.2.21")]
    lines = held(entries, devices)
    assert sum(one.entry is not None for one in lines) == len(entries)
    assert {one.device.device for one in lines if one.device} == {one.device for one in devices}
    assert all(json.dumps(compare.record(one)) for one in lines)


def test_a_list_of_a_spreadsheet_in_utf_16_with_the_operators_headings(tmp_path: Path) -> None:
    path = tmp_path / "estate.csv"
    path.write_bytes("Standort;IP der Kamera;Hersteller\nTor Süd;192.0.2.20;Axis\nHof;;\n".encode("utf-16"))
    problems: list[Problem] = []
    found = list(listed.entries(path, {"address": "IP der Kamera", "maker": "Hersteller", "name": "Standort"}, problems))
    assert [(one.where, one.name, one.address, one.maker) for one in found] == [("estate.csv:2", "Tor Süd", "192.0.2.20", "Axis")]
    assert [(one.line, one.problem) for one in problems] == [(3, "a row without an address, a MAC or a serial number")]


def test_a_long_register_passes_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "estate.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("ip,mac,manufacturer,model\n")
        for n in range(15_000):
            file.write(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255},,Axis,P{n}\n")
    counts: Counter[str] = Counter()
    tracemalloc.start()
    lines = compare.compare(
        listed.entries(path, {}, []),
        [device(MAC, "10.0.0.9")],
        last_seen={},
        present=frozenset({MAC}),
        gone=frozenset(),
        looked=lambda address: None,
    )
    for _ in compare.totals(lines, counts):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts == {"not looked at": 14_999, "differs": 1}
    assert peak < 4 << 20


class NetBox(BaseHTTPRequestHandler):
    """The two NetBox lists that are read, shaped as its REST API documents them: pages, token, MACs in either version's place."""

    token = "0123456789abcdef0123456789abcdef01234567"
    count = 260
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.headers.get("Authorization") != f"Token {self.token}":
            return self.answer(403, {"detail": "Invalid token"})
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/moved/api/dcim/devices/":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            return None
        if url.path == "/api/dcim/interfaces/":
            results: list[dict[str, Any]] = []
            for one in query["device_id"]:
                mac = f"02:00:00:00:{int(one) >> 8:02X}:{int(one) & 255:02X}"
                held = {"mac_address": mac} if int(one) % 2 else {"mac_address": None, "primary_mac_address": {"mac_address": mac}}
                results.append({"device": {"id": int(one)}, **held})
            return self.answer(200, {"count": len(results), "next": None, "results": results})
        if url.path != "/api/dcim/devices/" or query.get("role") != ["camera"]:
            return self.answer(404, {})
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        results = [
            {
                "id": n, "name": f"cam-{n}", "serial": f"S{n}", "asset_tag": None,
                "device_type": {"manufacturer": {"name": "Axis"}, "model": "P3245-LVE"},
                "primary_ip": {"address": f"10.0.{n >> 8}.{n & 255}/24"} if n % 3 else None,
            }
            for n in range(offset + 1, min(offset + limit, self.count) + 1)
        ]  # fmt: skip
        more = "http://192.0.2.66/steal" if offset + limit < self.count else None
        return self.answer(200, {"count": self.count, "next": more, "results": results})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    NetBox.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), NetBox)
    worker = threading.Thread(target=server.serve_forever)
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        worker.join()
        server.server_close()


def test_netbox_is_read_page_by_page_and_its_links_are_not_followed() -> None:
    problems: list[Problem] = []
    with serving() as url:
        found = list(netbox.entries(netbox.fetcher(url, Secret(NetBox.token), clear=False), [("role", "camera")], problems))
    assert len(found) == 260
    assert (found[0].where, found[0].name, found[0].serial, found[0].maker, found[0].model) == (
        "netbox:device/1",
        "cam-1",
        "S1",
        "Axis",
        "P3245-LVE",
    )
    assert (found[0].address, found[0].mac, found[1].mac) == ("10.0.0.1", "02:00:00:00:00:01", "02:00:00:00:00:02")
    assert found[2].address == ""
    assert problems == []
    assert all(path.startswith("/api/dcim/") for path in NetBox.asked)


def test_netbox_that_refuses_or_sends_elsewhere_is_told_without_the_token() -> None:
    with serving() as url:
        for base, token, says in (
            (url, "wrong-token", "answers 403"),
            (f"{url}/moved", NetBox.token, "answers 302"),
            (url, NetBox.token, "answers 404"),
        ):
            with pytest.raises(ContentError, match=says) as told:
                list(
                    netbox.entries(
                        netbox.fetcher(base, Secret(token), clear=False), [("role", "x" if says.endswith("404") else "camera")], []
                    )
                )
            assert token not in str(told.value)
    for url in ("http://netbox.example.org", "ftp://netbox.example.org", "https://user:pw@netbox.example.org"):
        with pytest.raises(ConfigError):
            netbox.fetcher(url, Secret("t"), clear=False)


@given(
    st.recursive(
        st.one_of(st.none(), st.text(max_size=5), st.integers()),
        lambda c: st.one_of(
            st.lists(c, max_size=3),
            st.dictionaries(st.sampled_from(["results", "id", "device_type", "primary_ip", "address", "device", "next"]), c, max_size=4),
        ),
        max_leaves=12,
    )
)
def test_whatever_calls_itself_netbox_is_read_or_refused(body: Any) -> None:
    try:
        found = list(netbox.entries(lambda path: json.dumps(body).encode(), [], []))
    except ContentError:
        return
    assert all(isinstance(one, Entry) for one in found)


def test_the_command_tells_what_is_wrong_where_and_ends_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = str(tmp_path / "s.sqlite")
    inventory = open_inventory(store, make=True)
    inventory.save_scan(ScanRecord(id="a1", site="hq", profile="standard", started=NOW, finished=NOW, status="complete"))
    inventory.cover("a1", [Coverage(address="10.0.0.2", state=CoverageState.SILENT)])
    inventory.save_identities("a1", [device("02:00:00:00:00:01", "10.0.0.1"), device(MAC, "10.0.9.9")], NOW)
    inventory.close()
    listed_file = tmp_path / "list.csv"
    listed_file.write_text("IP,Manufacturer\n10.0.0.1,Hikvision\n10.0.0.2,Axis\nnonsense,Axis\n")
    common = ["--site", "hq", "--store", store, "--format", "jsonl", "--fail"]
    run = CliRunner().invoke(app, ["reconcile", str(listed_file), *common])
    assert run.exit_code == 10, run.output
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    results = {(one["result"], one.get("register", {}).get("where", "")) for one in lines if one["type"] == "reconcile"}
    assert results == {("not on the network", "list.csv:3"), ("unknown to the register", "")}
    assert lines[-1] == {
        "type": "reconciled", "register": str(listed_file), "site": "hq", "problems": 1, "unknown to the register": 1,
        "not on the network": 1, "agrees": 1,
    }  # fmt: skip
    assert "list.csv:4: dropped: a row without an address" in run.stderr
    monkeypatch.setenv("NETCAM_NETBOX_TOKEN", NetBox.token)
    with serving() as url:
        run = CliRunner().invoke(app, ["reconcile", url, "--query", "role=camera", *common])
    assert run.exit_code == 10, run.output
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert lines[0]["result"] == "differs" and "the register says Axis" in lines[0]["why"]
    assert NetBox.token not in run.output + run.stderr
    empty = CliRunner().invoke(app, ["reconcile", str(listed_file), "--site", "nowhere", "--store", store])
    assert empty.exit_code == 2 or isinstance(empty.exception, ContentError)
