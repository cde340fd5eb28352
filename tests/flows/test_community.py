"""Community IDs equal the published ones, corelight's own implementation and Wireshark's, in Python and in the archive's SQL."""

from __future__ import annotations

import json
import random
import subprocess
from ipaddress import ip_address
from pathlib import Path

import communityid
import frames
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.flows import archive, capture, files
from netcam.flows.archive import Archive
from netcam.flows.build import merged
from netcam.flows.community import PAIRS, WITH_PORTS, community_id, icmp_number
from netcam.flows.table import FlowTable

T0 = 1_764_000_000 * 10**9


def told(a: str, b: str, *rest: int, seed: int = 0) -> str:
    one, other = ip_address(a), ip_address(b)
    return community_id(one.version, int(one), int(other), *rest, seed=seed)


@pytest.mark.parametrize(
    ("a", "b", "rest", "seed", "wanted"),
    [
        # the vectors of corelight/community-id-spec (baseline), and with seed 1
        ("128.232.110.120", "66.35.250.204", (34855, 80, 6), 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("66.35.250.204", "128.232.110.120", (80, 34855, 6), 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("192.168.1.52", "8.8.8.8", (54585, 53, 17), 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        ("192.168.0.89", "192.168.0.1", (0, 0, 1, icmp_number(8, 0)), 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        ("128.232.110.120", "66.35.250.204", (34855, 80, 6), 1, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
    ],
)
def test_published_ids(a: str, b: str, rest: tuple[int, ...], seed: int, wanted: str) -> None:
    assert told(a, b, *rest, seed=seed) == wanted


ends = st.one_of(st.ip_addresses(v=4), st.sampled_from(["10.0.0.1", "255.255.255.255"]).map(ip_address))
ends6 = st.one_of(st.ip_addresses(v=6), st.sampled_from(["::1", "2001:db8::1"]).map(ip_address))


@settings(max_examples=300)
@given(
    pair=st.one_of(st.tuples(ends, ends), st.tuples(ends6, ends6)), ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    proto=st.sampled_from([6, 17, 132, 1, 58, 2, 33, 47, 50]), message=st.tuples(st.integers(0, 255), st.integers(0, 255)), back=st.booleans(),
    seed=st.sampled_from([0, 1, 65535]),
)  # fmt: skip
def test_ids_equal_those_of_corelights_own(pair, ports, proto, message, back, seed) -> None:  # type: ignore[no-untyped-def]
    a, b = pair
    icmp = icmp_number(*message) * (-1 if back else 1) if proto in PAIRS else 0
    mine = community_id(a.version, int(a), int(b), *(ports if proto in WITH_PORTS else (0, 0)), proto, icmp, seed=seed)
    sender, receiver = (b, a) if icmp < 0 else (a, b)
    given_ports = ports if proto in WITH_PORTS else message if proto in PAIRS else (None, None)
    theirs = communityid.CommunityID(seed=seed).calc(communityid.FlowTuple(proto, str(sender), str(receiver), *given_ports))
    assert mine == theirs


def mixed() -> list[tuple[int, bytes]]:
    """One packet a conversation, of every protocol and both versions; echoes with their answers."""
    maker = random.Random(5)
    out = []
    for n in range(300):
        six = n % 3 == 0
        ip = frames.ip6 if six else frames.ip4
        a, b = (f"2001:db8::{n + 1:x}", "2001:db8:1::9") if six else (f"10.1.{n >> 8}.{n & 255}", maker.choice(["198.51.100.7", "9.9.9.9"]))
        proto = maker.choice([6, 17, 132, 58 if six else 1, 58 if six else 1])
        ports = (40_000 + n, maker.choice([53, 443, 50_000]))
        if proto == 6:
            body = frames.tcp(*ports, 2)
        elif proto == 17:
            body = frames.udp(*ports, b"x")
        elif proto == 132:
            body = ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big") + bytes(8)
        else:
            kind = maker.choice([128, 129, 133, 135, 136, 1, 3] if six else [8, 0, 13, 3, 11, 5, 10])
            body = bytes([kind, maker.choice([0, 1]), 0, 0, 0, 7, 0, 1]) + bytes(40)
        out.append((T0 + n * 1000, frames.ether(ip(a, b, proto, body)).ljust(60, b"\0")))
    return out


def test_ids_of_a_capture_equal_wiresharks_and_the_archives(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(mixed()))
    argv = ["tshark", "-r", str(path), "--enable-protocol", "communityid", "-T", "fields", "-e", "communityid"]
    theirs = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    table = capture.read(path)
    assert len(theirs) == len(table) == 300
    mine = [flow.community_id for flow in table]
    assert mine == theirs
    Archive(tmp_path / "flows").write(table, "hq")
    assert sorted(row[0] for row in archive.query(tmp_path / "flows", "SELECT community_id FROM flows")[1]) == sorted(theirs)
    table.seed = 9
    seeded = sorted(flow.community_id for flow in table)
    assert sorted(row[0] for row in archive.query(tmp_path / "flows", "SELECT community_id FROM flows", seed=9)[1]) == seeded
    assert set(seeded).isdisjoint(theirs)


def test_an_echo_and_its_answer_have_one_id(tmp_path: Path) -> None:
    def ping(kind: int) -> bytes:
        ends = ("203.0.113.9", "10.0.0.5") if kind == 0 else ("10.0.0.5", "203.0.113.9")
        return frames.ether(frames.ip4(*ends, 1, bytes([kind, 0, 0, 0, 0, 1, 0, 1])))

    ids = set()
    for order in ((8, 0), (0, 8), (0,)):
        path = tmp_path / "a.pcap"
        path.write_bytes(frames.pcap([(T0 + n, ping(kind)) for n, kind in enumerate(order)]))
        (flow,) = capture.read(path)
        assert flow.source == "10.0.0.5"
        ids.add(flow.community_id)
    assert ids == {communityid.CommunityID().calc(communityid.FlowTuple(1, "10.0.0.5", "203.0.113.9", 8, 0))}


def test_what_a_log_tells_stands_and_what_is_none_does_not(tmp_path: Path) -> None:
    base = {"ts": 1764000000.5, "id.orig_h": "192.168.1.52", "id.orig_p": 54585, "id.resp_h": "8.8.8.8", "id.resp_p": 53, "proto": "udp",
            "conn_state": "SF", "orig_pkts": 1, "orig_ip_bytes": 60}  # fmt: skip
    ping = base | {"id.orig_h": "192.168.0.89", "id.orig_p": 8, "id.resp_h": "192.168.0.1", "id.resp_p": 0, "proto": "icmp"}
    lines = [base | {"community_id": "1:told"}, base | {"community_id": "<script>"}, base, ping]
    path = tmp_path / "conn.log"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    table = merged(list(files.windows(path)))
    assert [f.community_id for f in table] == [
        "1:told", "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
    ]  # fmt: skip
    Archive(tmp_path / "flows").write(table, "hq")
    assert ("1:told",) in archive.query(tmp_path / "flows", "SELECT community_id FROM flows")[1]
    event = {"timestamp": "2025-11-24T16:00:05.000000+0000", "flow_id": 77, "event_type": "flow", "src_ip": "192.168.0.89", "dest_ip": "192.168.0.1",
             "proto": "ICMP", "icmp_type": 8, "icmp_code": 0, "flow": {"pkts_toserver": 1, "bytes_toserver": 84, "start": "2025-11-24T16:00:05.000000+0000"}}  # fmt: skip
    (tmp_path / "eve.json").write_text(json.dumps(event) + "\n" + json.dumps(event | {"community_id": "1:other"}))
    assert [f.community_id for f in merged(list(files.windows(tmp_path / "eve.json")))] == ["1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:other"]


def test_icmp_of_unknown_type_has_no_id() -> None:
    table = FlowTable({"start": np.zeros(1, "i8"), "proto": np.ones(1, "i4"), "version": np.full(1, 4)})
    assert next(iter(table)).record()["community_id"] is None
