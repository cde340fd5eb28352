"""The archive gives back what was put in, by SQL and as tables; nothing else can be read through it; a killed watch loses and doubles nothing."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import frames
import numpy as np
import pytest

from netcam.errors import ConfigError, StoreError
from netcam.flows import archive, capture, origin
from netcam.flows.archive import Archive
from netcam.flows.bindings import Bindings, attribute
from netcam.flows.build import Assembly, merged
from netcam.flows.checkpoint import Keeper
from netcam.flows.inside import Inside
from netcam.flows.origin import Network
from netcam.flows.table import JOINED, FlowTable, country_text
from netcam.flows.walk import Walk

T0 = 1_764_028_790 * 10**9
"""Ten seconds before midnight, UTC."""
S = 10**9


def packets() -> list[tuple[int, bytes]]:
    out = []
    for n in range(30):
        at = T0 + n * S
        a, b = f"10.0.0.{n % 3 + 1}", f"203.0.113.{n % 2 + 1}"
        out.append((at, frames.ether(frames.ip4(a, b, 17, frames.udp(40000 + n, 8800, b"x" * 100)))))
    out.append((T0, frames.ether(frames.ip6("2001:db8::5", "2001:db8:1::9", 17, frames.udp(5, 6, b"y" * 10)))))
    answer = frames.dns_answer("p2p.example.net", "203.0.113.1")
    out.append((T0 - S, frames.ether(frames.ip4("10.0.0.9", "10.0.0.1", 17, frames.udp(53, 40000, answer)), back=True)))
    return out


def table(tmp_path: Path) -> FlowTable:
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets()))
    return capture.read(path)


class Fixed:
    """A database of one network."""

    name, date = "test", "2026-01-02"

    def find(self, address: str) -> Network:
        return Network(64500, "Example Networks", "NL") if address == "203.0.113.1" else Network()


def test_flows_are_archived_by_site_and_day_and_come_back(tmp_path: Path) -> None:
    given = table(tmp_path)
    origin.mark(given, Fixed(), Inside(()))
    root = tmp_path / "flows"
    written = Archive(root).write(given, "hq", stem="one")
    assert sorted(str(p.relative_to(root)) for p in written) == [
        "flows/site=hq/day=2025-11-24/one.parquet", "flows/site=hq/day=2025-11-25/one.parquet", "lookups/site=hq/day=2025-11-24/one.parquet",
    ]  # fmt: skip
    Archive(root).write(given, "hq", stem="one")
    assert archive.query(root, "SELECT count(*), sum(packets_out), sum(payload_out) FROM flows")[1] == [(32, 31, 30 * 100 + 10)]
    columns, rows = archive.query(
        root, "SELECT source, destination, protocol, country_code, operator FROM flows WHERE destination LIKE '2001%'"
    )
    assert (columns[0], rows) == ("source", [("2001:db8::5", "2001:db8:1::9", "udp", None, None)])
    top = archive.top(root, "country", site="hq", days=None, limit=5)[1]
    assert [row[0] for row in top] == ["unknown", "NL"]
    assert archive.query(root, "SELECT name, answers FROM lookups")[1] == [("p2p.example.net", 1)]
    back = archive.load(root, "hq", 0, 1 << 62)
    assert [f.record() for f in back] == [f.record() for f in given]
    assert back["asn"].tolist() == given["asn"].tolist()
    assert back.holders == {64500: "Example Networks"}
    assert country_text(int(back["country"].max())) == "NL"
    assert len(archive.load(root, "hq", T0, T0 + 10 * S)) == 11
    assert len(archive.load(root, "elsewhere", 0, 1 << 62)) == 0
    assert root.stat().st_mode & 0o077 == 0


def test_devices_and_makers_are_summed(tmp_path: Path) -> None:
    given = table(tmp_path)
    known = Bindings()
    known.device("cam-1", (), ("10.0.0.1",))
    attribute(given, known, Inside(()))
    root = tmp_path / "flows"
    Archive(root).write(given, "hq")
    devices = [{"device": "cam-1", "maker": "Hikvision", "brand": "LTS", "model": "x", "kind": "camera"}]
    assert archive.top(root, "maker", site=None, days=None, limit=9, devices=devices)[1][1][:2] == ("Hikvision", 10 * 128)
    assert "cam-1" in [row[0] for row in archive.top(root, "device", site=None, days=None, limit=9, devices=devices)[1]]


def test_a_question_reads_the_archive_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "flows"
    Archive(root).write(table(tmp_path), "hq")
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    for sql in (
        f"SELECT * FROM read_csv('{secret}')", f"COPY flows TO '{tmp_path / 'out.csv'}'", "INSTALL httpfs", "SET enable_external_access=true",
        f"ATTACH '{tmp_path / 'x.db'}'", "SELECT nonsense FROM flows", "SELEC",
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            archive.query(root, sql)
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(ConfigError):
        Archive(root).write(table(tmp_path), "../up")
    with pytest.raises(ConfigError):
        archive.query(tmp_path / "nowhere", "SELECT 1")


def test_old_days_go_by_age_and_by_size(tmp_path: Path) -> None:
    root = tmp_path / "flows"
    Archive(root).write(table(tmp_path), "hq")
    assert archive.prune(root, max_days=30, max_bytes=None, today=datetime.date(2025, 11, 26)) == []
    gone = archive.prune(root, max_days=1, max_bytes=None, today=datetime.date(2025, 11, 26))
    assert gone == ["flows/site=hq/day=2025-11-24", "lookups/site=hq/day=2025-11-24"]
    assert archive.query(root, "SELECT count(*) FROM flows")[1] == [(20,)]
    assert archive.prune(root, max_days=None, max_bytes=0, today=datetime.date(2025, 11, 26)) == ["flows/site=hq/day=2025-11-25"]


def test_flows_follow_a_device_across_addresses_and_know_who_forwards() -> None:
    known = Bindings()
    known.device("cam-a", ("02:00:00:00:00:0a",), ("10.0.0.2",))
    known.device("cam-b", ("02:00:00:00:00:0b",), ("10.0.0.1",))
    known.device("router", ("02:00:00:00:00:01",), ("10.0.0.254",))
    known.forwarder("router")
    for at, device, address in ((100, "cam-a", "10.0.0.1"), (500, "cam-b", "10.0.0.1"), (500, "cam-a", "10.0.0.2")):
        known.seen(address, device, at * S)
    rows = [
        ("10.0.0.1", "", 200), ("10.0.0.1", "", 600), ("10.0.0.1", "", 50), ("10.0.0.1", "02:00:00:00:00:0b", 600),
        ("10.0.0.1", "02:00:00:00:00:01", 600), ("10.0.7.7", "02:00:00:00:00:01", 600), ("10.0.0.77", "02:00:00:00:00:0a", 600), ("10.0.9.9", "", 1),
    ]  # fmt: skip
    numbers = [int.from_bytes(bytes(map(int, a.split("."))), "big") for a, _, _ in rows]
    given = FlowTable(
        {
            "start": np.array([at * S for _, _, at in rows]), "end": np.array([at * S for _, _, at in rows]), "a_lo": np.array(numbers, np.uint64),
            "b_lo": np.full(len(rows), 0xCB007109, np.uint64), "version": np.full(len(rows), 4),
            "a_mac": np.array([int(m.replace(":", "") or "0", 16) for _, m, _ in rows], np.uint64),
        }
    )  # fmt: skip
    given.window = (0, 1000 * S)
    attribute(given, known, Inside(()))
    told = [(given.devices[d - 1] if d else "", JOINED[j]) for d, j in zip(given["device"].tolist(), given["joined"].tolist(), strict=True)]
    assert told == [
        ("cam-a", "address"), ("cam-b", "address"), ("cam-a", "address only"), ("cam-b", "mac"), ("cam-b", "behind a router"),
        ("router", "behind a router"), ("cam-a", "mac"), ("", ""),
    ]  # fmt: skip


def test_the_packaged_database_knows_networks_and_its_date() -> None:
    known = origin.opened(None)
    assert known is not None
    assert known.date >= "2026-01-01"
    found = known.find("8.8.8.8")
    assert (found.asn, found.country) == (15169, "US")
    assert known.find("203.0.113.9") == Network()


def test_a_file_that_is_no_mmdb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mmdb").write_bytes(b"hello" * 100)
    with pytest.raises(ConfigError, match="no MMDB"):
        origin.opened(tmp_path / "x.mmdb")


def walked(assembly: Assembly, given: list[tuple[int, bytes]]) -> None:
    data = bytearray(frames.pcap(given)[24:])
    assembly.through(assembly.walk.pcap(data, len(data), big=False, nano=False, link=1), data)


def test_open_conversations_survive_a_kill_and_nothing_is_archived_twice(tmp_path: Path) -> None:
    root = tmp_path / "flows"
    given = sorted(packets())
    first, keeper = Assembly("x", Walk(internal=[ip_network("10.0.0.0/8")])), Keeper(tmp_path / "c", Archive(root), "hq", "eth0")
    assert keeper.restore(first) == ""
    walked(first, given[:20])
    snapshot = keeper.snapshot(first)
    keeper.keep(snapshot, first.cut())
    walked(first, given[20:])  # lost by the kill
    second, keeper = Assembly("x", Walk()), Keeper(tmp_path / "c", Archive(root), "hq", "eth0")
    assert keeper.restore(second) == "20 open conversations were taken up from the last run"
    assert keeper.sequence == 1
    walked(second, given[20:])
    for window in second.finish():
        keeper.keep(keeper.snapshot(second), window)
    assert archive.query(root, "SELECT count(*), sum(packets_out + packets_in) FROM flows")[1] == [(32, 32)]
    assert archive.query(root, "SELECT count(*) FROM flows WHERE name = 'p2p.example.net'")[1] == [
        (5,)
    ]  # the answer was heard before the kill


def test_a_kill_between_the_two_writes_is_made_good(tmp_path: Path) -> None:
    root, path = tmp_path / "flows", tmp_path / "c"
    watch, keeper = Assembly("x", Walk(idle=1)), Keeper(path, Archive(root), "hq", "eth0")
    keeper.restore(watch)
    walked(watch, sorted(packets()))
    real, names = archive.publish, []
    import netcam.flows.checkpoint as module

    module.publish = lambda temporary, final: names.append(final) or final  # type: ignore[assignment,func-returns-value]
    try:
        keeper.keep(keeper.snapshot(watch), watch.cut())
    finally:
        module.publish = real
    assert names
    assert not any(final.exists() for final in names)
    stray = root / "flows" / "site=hq" / "day=2025-11-24" / ".eth0-00000099.1.tmp"
    stray.write_bytes(b"half")
    again = Keeper(path, Archive(root), "hq", "eth0")
    again.restore(Assembly("x", Walk()))
    assert all(final.exists() for final in names)
    assert not stray.exists()


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    watch, keeper = Assembly("x", Walk()), Keeper(path, None, "hq", "eth0")
    keeper.restore(watch)
    walked(watch, packets())
    keeper.keep(keeper.snapshot(watch), watch.cut())
    whole = path.read_bytes()
    for broken in (whole[:-20], whole[:50], b"", whole[: len(whole) // 2] + whole[len(whole) // 2 + 8 :], bytes(100)):
        path.write_bytes(broken)
        with pytest.raises(StoreError, match="no checkpoint"):
            Keeper(path, None, "hq", "eth0").restore(Assembly("x", Walk()))


INSIDE = """
import os, socket, subprocess, sys, time
sys.path.insert(0, {tests!r})
import frames
for argv in (["link", "add", "s0", "type", "veth", "peer", "name", "h0"], ["link", "set", "s0", "up"], ["link", "set", "h0", "up"]):
    subprocess.run(["ip", *argv], check=True)
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
link.bind(("s0", 0))
argv = [sys.executable, "-m", "netcam", "egress", "watch", "--interface", "h0", "--every", "1", "--archive", {root!r}, "--checkpoint", {path!r},
        "--idle-timeout", "4", "--format", "jsonl", "--site", "hq"]
def watch(*more):
    process = subprocess.Popen([*argv, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process
def wait_for(promise):
    for _ in range(3000):
        if promise():
            return
        time.sleep(0.1)
    raise SystemExit("waited in vain")
def listeners():
    # bound to h0 and running: fields Iface and R (net/packet/af_packet.c); one that is open and not yet bound hears nothing
    with open("/proc/net/packet") as file:
        return sum(fields[4:6] == [str(socket.if_nametoindex("h0")), "1"] for fields in map(str.split, file))
first = watch()
wait_for(lambda: listeners() == 1)
wait_for(lambda: os.path.exists({path!r}))
for n in range(200):
    link.send(frames.ether(frames.ip4("10.0.0.5", "203.0.113.%d" % (n % 50), 17, frames.udp(40000 + n, 8800, b"x" * 50))))
def kept(after):
    return lambda: os.stat({path!r}).st_mtime_ns > after
wait_for(kept(time.time_ns() + 1_000_000_000))
first.kill()
first.wait()
wait_for(lambda: listeners() == 0)
second = watch("--seconds", "6")
wait_for(lambda: listeners() == 1)
for n in range(100):
    link.send(frames.ether(frames.ip4("10.0.0.6", "203.0.113.7", 17, frames.udp(40000 + n, 8800, b"x" * 50))))
second.wait(300)
"""


@pytest.mark.slow
def test_a_killed_watch_goes_on_where_it_stood(tmp_path: Path) -> None:
    root, path = tmp_path / "flows", tmp_path / "checkpoint"
    script = INSIDE.format(tests=str(Path(__file__).resolve().parent), root=str(root), path=str(path))
    environment = os.environ | {"NETCAM_HOME": str(tmp_path / "home")}
    subprocess.run(["unshare", "-rn", sys.executable, "-c", script], check=True, timeout=900, env=environment)
    (row,) = archive.query(root, "SELECT count(*), sum(packets_out) FROM flows WHERE protocol = 'udp' AND destination_port = 8800")[1]
    assert row == (300, 300)


def test_merged_tables_keep_their_sources(tmp_path: Path) -> None:
    one, two = table(tmp_path), table(tmp_path)
    two.sources = ["other"]
    both = merged([one, two])
    assert [both.sources[n] for n in (both["source"][0], both["source"][-1])] == [one.sources[0], "other"]
    assert len(both.lookups) == 2
