"""Logs of other programs give the same flows: names reach their connection, blocked attempts stay apart, broken lines are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.errors import ContentError
from netcam.flows import files, follow, logs
from netcam.flows.build import merged
from netcam.flows.records import Records
from netcam.flows.source import Reading, sources
from netcam.flows.table import QUALITY, TELLS, FlowTable
from netcam.flows.unpack import lz4_block, lzo1x

NOW = 1_764_100_000 * 10**9

ZEEK_CONN = """#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#open\t2025-11-24-16-00-00
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents
#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]
1764000000.500000\tCabc1\t10.0.0.5\t50000\t203.0.113.9\t443\ttcp\tssl\t12.250000\t5000\t900\tSF\tT\tF\t0\tShADadFf\t12\t5480\t9\t1268\t(empty)
1764000001.000000\tCabc2\t10.0.0.6\t50001\t203.0.113.10\t80\ttcp\thttp\t-\t-\t-\tS0\tT\tF\t0\tS\t1\t44\t0\t0\t(empty)
1764000002.000000\tCabc3\t10.0.0.5\t50002\t203.0.113.11\t8800\tudp\t-\t1.5\t4294967000\t0\tOTH\tT\tF\t77\tDg\t3\t384\t0\t0\t(empty)
1764000003.000000\tCabc4\t2001:db8::5\t135\t2001:db8::1\t136\ticmp\t-\t-\t-\t-\tOTH\tF\tF\t0\t-\t1\t72\t1\t72\t-
"""
ZEEK_SSL = """#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tssl
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tcipher\tserver_name\tsubject
#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\tstring\tstring
1764000000.600000\tCabc1\t10.0.0.5\t50000\t203.0.113.9\t443\tTLSv12\tX\tcloud.example.com\tCN=*.example.com
"""
ZEEK_DNS = {
    "ts": 1764000001.9, "uid": "Cd", "id.orig_h": "10.0.0.5", "id.orig_p": 5353, "id.resp_h": "10.0.0.1", "id.resp_p": 53, "proto": "udp",
    "query": "p2p.example.net", "qtype": 1, "rcode": 0, "answers": ["203.0.113.11"], "TTLs": [60.0],
}  # fmt: skip


def table_of(tmp_path: Path, name: str, text: str) -> FlowTable:
    path = tmp_path / name
    path.write_text(text)
    return merged(list(files.windows(path, now=NOW)))


def test_a_folder_of_zeek_logs_is_one_story(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_text(ZEEK_CONN)
    (tmp_path / "ssl.log").write_text(ZEEK_SSL)
    (tmp_path / "dns.log").write_text(json.dumps(ZEEK_DNS) + "\n")
    (tmp_path / "stats.txt").write_text("not a log")
    table = merged(list(files.windows(tmp_path, now=NOW)))
    tls, http, p2p, icmp = table
    assert (tls.name, tls.name_source, tls.bytes_out, tls.bytes_in, tls.payload_out) == ("cloud.example.com", "sni", 5480, 1268, 5000)
    assert (http.bytes_out, http.packets_in, http.name) == (44, 0, "")
    assert (p2p.name, p2p.name_source, p2p.payload_out) == ("p2p.example.net", "dns", 384 - 3 * 28)
    assert (icmp.protocol, icmp.source_port, icmp.packets_in) == ("icmp6", 0, 1)
    assert table.text("id", 0) == "Cabc1"
    assert int(table["tells"][0]) & TELLS["tls"]
    assert abs((tls.end - tls.start).total_seconds() - 12.25) < 1e-6
    assert (len(table.lookups), table.lookups.names) == (1, ["p2p.example.net"])


def test_zeek_as_json_tells_the_same(tmp_path: Path) -> None:
    fields = ZEEK_CONN.splitlines()[6].split("\t")[1:]
    lines = []
    for line in ZEEK_CONN.splitlines()[8:]:
        row: dict[str, Any] = {}
        for name, value in zip(fields, line.split("\t"), strict=True):
            if value in ("-", "(empty)"):
                continue
            try:
                row[name] = float(value) if "." in value and value.count(".") == 1 else int(value)
            except ValueError:
                row[name] = value
        lines.append(json.dumps(row))
    told = table_of(tmp_path, "conn.json", "\n".join(lines))
    text = table_of(tmp_path, "conn.log", ZEEK_CONN)
    assert [f.record() for f in told] == [f.record() for f in text]


def test_zeeks_columns_come_in_any_order_and_its_clock_in_any_way(tmp_path: Path) -> None:
    lines = ZEEK_CONN.splitlines()
    names, rows = lines[6].split("\t")[1:], [line.split("\t") for line in lines[8:]]
    wanted = [f.record() for f in table_of(tmp_path, "conn.log", ZEEK_CONN)]
    order = sorted(range(len(names)), key=lambda k: names[k][::-1])
    head = [
        "#separator \\x2c",
        "#set_separator,;",
        "#empty_field,EMPTY",
        "#unset_field,NONE",
        "#path,conn",
        "#fields," + ",".join(names[k] for k in order),
    ]
    body = [",".join({"-": "NONE", "(empty)": "EMPTY"}.get(row[k], row[k]) for k in order) for row in rows]
    assert [f.record() for f in table_of(tmp_path, "other.log", "\n".join([*head, *body]))] == wanted
    fewer = [k for k, name in enumerate(names) if name not in ("missed_bytes", "history", "tunnel_parents", "local_orig", "service")]
    short = ["#separator \\x09", "#path\tconn", "#fields\t" + "\t".join(names[k] for k in fewer), "\t".join(rows[0][k] for k in fewer)]
    assert [f.record() for f in table_of(tmp_path, "short.log", "\n".join(short))] == wanted[:1]
    base = {
        "id.orig_h": "10.0.0.5",
        "id.orig_p": 5,
        "id.resp_h": "203.0.113.9",
        "id.resp_p": 443,
        "proto": "tcp",
        "orig_pkts": 1,
        "orig_ip_bytes": 60,
        "conn_state": "S0",
    }
    for told in (1764000000.123457, 1764000000123.457, "2025-11-24T16:00:00.123457Z", "1764000000.123457"):
        (flow,) = table_of(tmp_path, "json.log", json.dumps(base | {"ts": told}))
        assert flow.start.isoformat() == "2025-11-24T16:00:00.123457+00:00"


def event(kind: str, **more: Any) -> str:
    base = {"timestamp": "2025-11-24T16:00:05.000000+0000", "flow_id": 77, "event_type": kind, "src_ip": "10.0.0.5", "src_port": 50000,
            "dest_ip": "203.0.113.9", "dest_port": 443, "proto": "TCP"}  # fmt: skip
    return json.dumps(base | more)


FLOW = {"pkts_toserver": 12, "pkts_toclient": 9, "bytes_toserver": 5480, "bytes_toclient": 1268, "start": "2025-11-24T16:00:00.5+0000",
        "end": "2025-11-24T16:00:12.75+0000", "age": 12, "state": "closed", "reason": "timeout"}  # fmt: skip


def test_suricata_events_join_by_their_flow(tmp_path: Path) -> None:
    lines = [
        event("tls", tls={"sni": "cloud.example.com", "ja4": "t13d1516h2_8daaf6152771_e5627efa2ab1", "issuerdn": "CN=x"}),
        event("alert", alert={"signature": "x"}), event("flow", flow=FLOW, app_proto="tls"),
        event("drop", flow_id=78, drop={"len": 60}, dest_port=8800, proto="UDP"),
        event("stats"), "{not json", event("flow", src_ip="bad", flow=FLOW),
    ]  # fmt: skip
    table = table_of(tmp_path, "eve.json", "\n".join(lines))
    flow, drop = table
    assert (flow.name, flow.name_source, flow.bytes_out, flow.packets_in) == ("cloud.example.com", "sni", 5480, 9)
    assert table.text("ja4", 0).startswith("t13d")
    assert (drop.destination_port, table["blocked"].tolist()) == (8800, [0, 1])
    assert table.counters["malformed"] == 2


@pytest.mark.parametrize(
    "dns",
    [
        {"type": "answer", "id": 5, "rrname": "p2p.example.net", "rrtype": "A", "rcode": "NOERROR", "ttl": 60, "rdata": "203.0.113.9"},
        {"version": 2, "type": "answer", "id": 5, "rrname": "p2p.example.net", "rrtype": "A", "rcode": "NOERROR",
         "answers": [{"rrname": "p2p.example.net", "rrtype": "A", "ttl": 60, "rdata": "203.0.113.9"}]},
        {"version": 3, "type": "response", "id": 5, "rcode": "NOERROR", "queries": [{"rrname": "p2p.example.net", "rrtype": "A"}],
         "answers": [{"rrname": "p2p.example.net", "rrtype": "A", "ttl": 60, "rdata": "203.0.113.9"}]},
    ],
)  # fmt: skip
def test_every_version_of_suricatas_dns_names_the_flow(tmp_path: Path, dns: dict[str, Any]) -> None:
    asked = event("dns", dest_ip="10.0.0.1", dest_port=53, proto="UDP", timestamp="2025-11-24T15:59:59+0000", dns=dns)
    table = table_of(tmp_path, "eve.json", asked + "\n" + event("flow", flow=FLOW))
    assert [(f.name, f.name_source) for f in table] == [("p2p.example.net", "dns")]
    assert table.lookups["rcode"].tolist() == [0]


def test_a_name_that_is_no_text_hides_no_flow(tmp_path: Path) -> None:
    """Bytes of a stranger in a log that should be UTF-8: the flow is read, its name is made harmless."""
    for name, line in (
        ("conn.log", json.dumps(ZEEK_DNS | {"conn_state": "S0", "orig_pkts": 1, "service": "XX", "query": "a"})),
        ("eve.json", event("flow", flow=FLOW, app_proto="XX")),
    ):
        (tmp_path / name).write_bytes(line.encode().replace(b"XX", b"\xff\x80"))
        table = merged(list(files.windows(tmp_path / name, now=NOW)))
        assert [f.source for f in table] == ["10.0.0.5"]
        assert table.text("service", 0) == "\ufffd\ufffd"
    (tmp_path / "deep.json").write_text(event("flow", flow=FLOW) + "\n" + '{"timestamp":' + "[" * 100_000)
    assert merged(list(files.windows(tmp_path / "deep.json", now=NOW))).counters["malformed"] == 1


def test_filterlog_tells_attempts_and_passes(tmp_path: Path) -> None:
    lines = [
        "Nov 24 16:00:00 fw filterlog[12345]: 4,,,1000000103,igb1,match,block,out,4,0x0,,64,4711,0,DF,6,tcp,60,10.0.0.5,203.0.113.9,50000,8800,0,S,123456,,64240,,mss",
        "<134>1 2025-11-24T16:00:01+00:00 fw.example filterlog 4242 - [meta sequenceId=\"9\"] 77,,,ab12,igb1,match,pass,out,4,0x0,,64,1,0,none,17,udp,76,10.0.0.6,203.0.113.10,123,123,56",
        "Nov 24 16:00:02 fw filterlog[1]: 5,,,1000000105,igb1,match,block,in,6,0x00,0x00000,255,udp,17,120,2001:db8::5,2001:db8:1::9,5353,5353,120",
        "Nov 24 16:00:03 fw filterlog[1]: 5,,,1000000105,igb1,match,block,in,4,broken",
        "Nov 24 16:00:03 fw sshd[1]: nothing of ours",
    ]  # fmt: skip
    table = table_of(tmp_path, "filter.log", "\n".join(lines))
    blocked, passed, six = table
    assert [int(b) for b in table["blocked"]] == [1, 0, 1]
    assert (blocked.source, blocked.destination_port, blocked.protocol, blocked.bytes_out) == ("10.0.0.5", 8800, "tcp", 60)
    assert blocked.start.year == 2025
    assert (passed.destination_port, six.source, six.destination_port, six.bytes_out) == (123, "2001:db8::5", 5353, 160)
    assert int(table["quality"][1]) & QUALITY["no_bytes"]
    assert table.counters["malformed"] == 1


def test_fortigate_traffic_tells_both_directions_and_denials(tmp_path: Path) -> None:
    lines = [
        'date=2025-11-24 time=16:00:30 devname="fw1" devid="FG1" eventtime=1764000030123456789 tz="+0000" logid="0000000013" type="traffic" '
        'subtype="forward" srcip=10.0.0.5 srcport=50000 dstip=203.0.113.9 dstport=443 sessionid=99 proto=6 action="close" service="HTTPS" '
        'duration=30 sentbyte=5480 rcvdbyte=1268 sentpkt=12 rcvdpkt=9 srcmac="02:00:00:00:00:05" hostname="cloud.example.com"',
        'date=2025-11-24 time=16:01:00 devname="fw1" tz="+0000" logid="0000000013" type="traffic" subtype="forward" srcip=10.0.0.6 '
        'srcport=50001 dstip=203.0.113.10 dstport=8800 proto=17 action="deny" policyid=0 service="udp/8800" sentbyte=0 rcvdbyte=0 sentpkt=0',
        'date=2025-11-24 time=16:01:00 devname="fw1" logid="0000000020" type="traffic" srcip=10.0.0.5 dstip=203.0.113.9 proto=6 action="accept" sentbyte=100',
        'date=2025-11-24 devname="fw1" logid="0100032001" type="event" srcip=10.0.0.5 dstip=1.1.1.1',
    ]  # fmt: skip
    table = table_of(tmp_path, "fortigate.log", "\n".join(lines))
    flow, denied = table
    assert (flow.bytes_out, flow.bytes_in, flow.packets_in, flow.name, flow.source_mac) == (
        5480,
        1268,
        9,
        "cloud.example.com",
        "02:00:00:00:00:05",
    )
    assert (flow.end - flow.start).total_seconds() == 30
    assert (denied.destination_port, table["blocked"].tolist()) == (8800, [0, 1])
    assert table.counters["interim"] == 1


def test_a_file_nobody_knows_is_refused_with_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(ContentError, match="no flow log that is known"):
        list(files.windows(tmp_path / "x.txt"))
    with pytest.raises(ContentError, match="no flow log that is known"):
        list(files.windows(tmp_path))


def test_logs_are_followed_through_rotation(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_text(event("flow", flow=FLOW) + "\n" + event("flow", flow_id=2, flow=FLOW)[:40])
    watching = follow.windows(suricata=path, seconds=3, every=0.3)
    assert sum(len(next(watching)) for _ in range(2)) == 1
    with path.open("a") as file:
        file.write(event("flow", flow_id=2, flow=FLOW)[40:] + "\n")
    assert sum(len(next(watching)) for _ in range(2)) == 1
    path.rename(tmp_path / "eve.json.1")
    path.write_text(event("flow", flow_id=3, flow=FLOW) + "\n")
    rest = list(watching)
    assert sum(len(t) for t in rest) == 1
    assert sum(t.counters.get("rotations", 0) for t in rest) == 1


def test_whoever_begins_again_takes_no_line_of_a_log_twice(tmp_path: Path) -> None:
    """A restart, a half line, a log that was turned meanwhile, and one that is gone with what was not read of it."""
    path, places = tmp_path / "eve.json", tmp_path / "cp.places"

    def again() -> list[FlowTable]:
        return list(follow.windows(suricata=path, seconds=0.2, every=None, places=places))

    def count() -> int:
        return sum(len(table) for table in again())

    def line(number: int) -> str:
        return event("flow", flow_id=number, flow=FLOW) + "\n"

    path.write_text(line(1) + line(2)[:40])
    assert (count(), count()) == (1, 0)
    with path.open("a") as file:
        file.write(line(2)[40:] + line(3))
    assert (count(), count()) == (2, 0)
    with path.open("a") as file:
        file.write(line(4))
    path.rename(tmp_path / "eve.json.1")  # while nobody follows it
    path.write_text(line(5))
    tables = list(follow.windows(suricata=path, seconds=2.5, every=None, places=places))
    assert sum(map(len, tables)) == 2, "the rest of the turned log, then the new one"
    assert count() == 0
    path.unlink()
    path.write_text(line(6) + line(7))
    (told,) = again()
    assert len(told) == 2
    assert any("was not read" in note for note in told.notes)
    places.write_text("{broken")
    assert count() == 2, "better twice than not at all"


def test_zeeks_columns_are_known_to_whoever_goes_on(tmp_path: Path) -> None:
    places = tmp_path / "cp.places"
    log = tmp_path / "conn.log"
    log.write_text("".join(ZEEK_CONN.splitlines(keepends=True)[:-1]))

    def again() -> int:
        return sum(len(table) for table in follow.windows(zeek=tmp_path, seconds=0.2, every=None, places=places))

    assert (again(), again()) == (3, 0)
    log.write_text(ZEEK_CONN)
    assert (again(), again()) == (1, 0)


def test_what_is_written_to_a_log_after_it_was_turned_is_read(tmp_path: Path) -> None:
    """Suricata writes to the old file until it is told to open the new one."""
    path = tmp_path / "eve.json"
    path.write_text(event("flow", flow=FLOW) + "\n")
    watching = follow.windows(suricata=path, seconds=3, every=0.3)
    assert sum(len(next(watching)) for _ in range(2)) == 1
    with path.open("a") as old:
        path.rename(tmp_path / "eve.json.1")
        path.write_text("")
        old.write(event("flow", flow_id=2, flow=FLOW) + "\n")
    path.write_text(event("flow", flow_id=3, flow=FLOW) + "\n")
    assert sum(len(t) for t in watching) == 2


@pytest.mark.parametrize("name", sorted(sources()))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_line_gives_a_flow_or_a_count(name: str, data: st.DataObject) -> None:
    source = sources()[name]
    reading = Reading(Records(), NOW)
    seeds = {
        "zeek": [*ZEEK_CONN.splitlines(), *ZEEK_SSL.splitlines(), json.dumps(ZEEK_DNS)],
        "suricata": [
            event("flow", flow=FLOW),
            event("dns", dns={"type": "answer", "rrname": "a.b", "answers": [{"rdata": "1.2.3.4", "ttl": 1}]}),
        ],
        "filterlog": [
            "Nov 24 16:00:00 fw filterlog[1]: 4,,,1,igb1,match,block,out,4,0x0,,64,4711,0,DF,6,tcp,60,10.0.0.5,203.0.113.9,5,8,0,S"
        ],
        "fortigate": [
            'date=2025-11-24 time=16:00:30 devname="f" logid="13" type="traffic" srcip=10.0.0.5 dstip=1.2.3.4 proto=6 sentbyte=1'
        ],
    }.get(name, [""])
    for _ in range(3):
        line = data.draw(st.sampled_from(seeds))
        cut = data.draw(st.integers(0, len(line)))
        text = line[:cut] + data.draw(st.text(max_size=12)) + line[cut + data.draw(st.integers(0, 6)) :]
        if source.line is not None:
            source.line(text.encode("utf-8", "replace"), "x.log", reading)
    table = logs.window(reading)
    assert (table["end"] >= table["start"]).all()


@given(st.binary(max_size=200))
def test_damaged_packed_blocks_raise_one_error(data: bytes) -> None:
    for unpack in (lz4_block, lzo1x):
        try:
            assert len(unpack(data, 4096)) <= 4096
        except ValueError:
            continue


@pytest.mark.fuzz
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_lines_and_files(data: st.DataObject) -> None:
    reading = Reading(Records(), NOW)
    line = data.draw(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
    for source in sources().values():
        if source.line is not None:
            source.line(line, "x", reading)
        source.recognises(line, "x")
    test_damaged_packed_blocks_raise_one_error.hypothesis.inner_test(line)  # type: ignore[attr-defined]
    logs.window(reading)
