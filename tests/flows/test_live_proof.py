"""After a finding of a watch the packets that follow are kept: the right ones, without payload, hashed, in the inventory; none is sent."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import frames
import pytest

from netcam.flows import proof
from netcam.flows.live_proof import program
from netcam.inventory import open_inventory
from netcam.model import Finding, Traffic

ROOT = Path(__file__).resolve().parents[2]
INSIDE = """
import socket, subprocess, sys, threading, time
from datetime import UTC, datetime
sys.path[:0] = [{tests!r}, {root!r}]
import frames, veth
import netcam.pipeline
from netcam.inventory import open_inventory
from netcam.model import Finding, Identity, Traffic
link = veth.made()
inventory = open_inventory({store!r}, make=True)
inventory.save_identities(None, [Identity(device="cam-1", site="default", slots={{"kind": "camera"}}, addresses=("10.0.0.5", "2001:db8::5"))], datetime.now(UTC))
inventory.close()
peers = (Traffic(address="203.0.113.9", port=443, protocol=6), Traffic(address="2001:db8:1::9", port=8800, protocol=17),
         Traffic(address="198.51.100.3", port=80, protocol=6, way="from outside"))
made = [Finding(rule="x", kind="egress", device="cam-1", title="x", site="default", traffic=peers)]
netcam.pipeline.EgressWatch.ready = lambda self: [made.pop()] if made else []
over = threading.Event()
def talk():
    n = 0
    while not over.wait(0.05):
        n += 1
        secret = b"SECRET" * 10
        for packet in (
            frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 0x18, secret, seq=n)), frames.ip4("203.0.113.9", "10.0.0.5", 6, frames.tcp(443, 50000, 0x10)),
            frames.ip6("2001:db8::5", "2001:db8:1::9", 17, frames.udp(9, 8800, secret)), frames.ip4("198.51.100.3", "10.0.0.5", 6, frames.tcp(999, 80, 2)),
            frames.ip4("10.0.0.6", "203.0.113.9", 6, frames.tcp(50000, 443, 0x18, secret)), frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 80, 0x18, secret)),
            frames.ip4("10.0.0.5", "192.0.2.1", 17, frames.udp(9, 443, secret)),
        ):
            link.send(frames.ether(packet))
talker = threading.Thread(target=talk)
talker.start()
before = veth.sent()
sys.argv = ["netcam", "egress", "watch", "--interface", "h0", "--seconds", "6", "--every", "1", "--proof", {folder!r}, "--store", {store!r}, "--format", "jsonl"]
from netcam.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
finally:
    over.set()
    talker.join()
assert veth.sent() == before
"""


def test_packets_that_follow_a_finding_are_kept(tmp_path: Path) -> None:
    folder, store = tmp_path / "proof", str(tmp_path / "inventory.sqlite")
    script = INSIDE.format(tests=str(Path(__file__).resolve().parent), root=str(ROOT), folder=str(folder), store=store)
    environment = os.environ | {"NETCAM_HOME": str(tmp_path / "home")}
    run = subprocess.run(["unshare", "-rn", sys.executable, "-c", script], capture_output=True, text=True, timeout=300, env=environment)
    assert run.returncode == 0, run.stderr[-2000:]
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    (told,) = [line for line in lines if line["type"] == "proof"]
    content = (folder / told["file"]).read_bytes()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert b"SECRET" not in content
    argv = [
        "tshark",
        "-r",
        str(folder / told["file"]),
        "-T",
        "fields",
        "-e",
        "ip.src",
        "-e",
        "ipv6.src",
        "-e",
        "tcp.dstport",
        "-e",
        "udp.dstport",
    ]
    seen = set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines())
    assert seen == {"10.0.0.5\t\t443\t", "203.0.113.9\t\t50000\t", "\t2001:db8::5\t\t8800", "198.51.100.3\t\t80\t"}
    inventory = open_inventory(store, make=True)
    (kept,) = [one for one in inventory.findings() if one.rule == "x"]
    assert inventory.raw(told["sha256"]) == content
    assert any(told["sha256"] in line and "interface h0, after the finding" in line for line in kept.evidence)
    inventory.close()


def test_the_filter_equals_tcpdumps(tmp_path: Path) -> None:
    """Frames that our program lets through are those that tcpdump's own lets through."""
    peers = ["203.0.113.9", "2001:db8:1::9", "198.51.100.3", "2001:db8:1::a"]
    ends = [*peers, "10.0.0.5", "203.0.113.8", "2001:db8::5", "2001:db8:1::19", "2001:db8:2::9"]
    given = [
        frames.ether((frames.ip6 if ":" in a else frames.ip4)(a, b, 17, frames.udp(1, 2, b"x")))
        for a in ends
        for b in ends
        if (":" in a) == (":" in b)
    ]
    given += [frames.ether(bytes(46), kind=0x0806), frames.ether(b"\x45" + bytes(30), kind=0x88B5), b"\0" * 20]
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap([(n * 10**9, data) for n, data in enumerate(given)]))
    argv = ["tcpdump", "-r", str(path), "-w", str(tmp_path / "b.pcap"), " or ".join(f"host {peer}" for peer in peers)]
    subprocess.run(argv, check=True, capture_output=True)
    wanted = {data for data in given if data in (tmp_path / "b.pcap").read_bytes()}
    assert {data for data in given if passes(program(peers), data)} == wanted
    assert len(wanted) > 20


def passes(code: bytes, data: bytes) -> bool:
    """A classic BPF machine for the instructions that are used (bpf(4)): a load beyond the end refuses the frame."""
    import struct

    at, a = 0, 0
    while True:
        what, true, false, k = struct.unpack_from("HBBI", code, 8 * at)
        at += 1
        if what in (0x20, 0x28):
            size = 4 if what == 0x20 else 2
            if k + size > len(data):
                return False
            a = int.from_bytes(data[k : k + size], "big")
        elif what == 0x15:
            at += true if a == k else false
        elif what == 0x05:
            at += k
        else:
            return bool(k)


@pytest.mark.parametrize("way", ["to outside", "from outside"])
def test_what_is_looked_for_follows_the_flows_of_the_finding(way: str) -> None:
    one = Finding(
        rule="x",
        kind="egress",
        device="cam-1",
        title="x",
        traffic=(Traffic(address="203.0.113.9", port=443, way=way), Traffic(name="folded")),
    )
    (wanted,) = proof.coming([one, Finding(rule="y", kind="egress", device="10.0.0.9", title="y")], {"cam-1": ("10.0.0.5",)})
    assert wanted.pairs == {("203.0.113.9", "10.0.0.5", 443, 6) if way.startswith("from") else ("10.0.0.5", "203.0.113.9", 443, 6)}
