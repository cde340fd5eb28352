"""Long random input for what reads files: nfdump's, checkpoints, and lines of every log, broken from good ones."""

from __future__ import annotations

import gzip
import io
import subprocess
from pathlib import Path

import frames
import pytest
from conversations import story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.errors import ContentError, StoreError
from netcam.flows import files, logs
from netcam.flows.build import Assembly
from netcam.flows.checkpoint import Keeper
from netcam.flows.records import Records
from netcam.flows.source import Reading, sources
from netcam.flows.sources import nfcapd
from netcam.flows.walk import Walk

NOW = 1_764_100_000 * 10**9


def broken(data: st.DataObject, whole: bytes, changes: int = 20) -> bytes:
    """Good bytes with some changed, and cut."""
    bad = bytearray(whole)
    for _ in range(data.draw(st.integers(0, changes))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(
            st.one_of(st.sampled_from([0, 1, 2, 4, 127, 128, 255]), st.integers(0, 255))
        )
    return bytes(bad[: data.draw(st.integers(0, len(bad)))])


@pytest.fixture(scope="module")
def flow_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Real files of nfdump, not packed and in each packing."""
    folder = tmp_path_factory.mktemp("nfdump")
    (folder / "a.pcap").write_bytes(frames.pcap(story(12)))
    (folder / "out").mkdir()
    subprocess.run(["nfpcapd", "-r", str(folder / "a.pcap"), "-l", str(folder / "out")], check=True, capture_output=True)
    (plain,) = (folder / "out").iterdir()
    made = {}
    for name, packing in (("plain", []), ("lzo", ["-z"]), ("lz4", ["-y"]), ("bz2", ["-j"])):
        subprocess.run(["nfdump", "-r", str(plain), *packing, "-w", str(folder / name)], check=True, capture_output=True)
        made[name] = (folder / name).read_bytes()
    return made


def nfcapd_file(data: st.DataObject, whole: dict[str, bytes]) -> None:
    """Flows and counts, and nothing else, come of any flow file."""
    reading = Reading(Records(), NOW)
    for _ in nfcapd.read(io.BytesIO(broken(data, whole[data.draw(st.sampled_from(sorted(whole)))])), "x", reading):
        pass
    table = logs.window(reading)
    assert (table["end"] >= table["start"]).all()
    assert (table["packets_out"] >= 0).all() and (table["bytes_out"] >= 0).all()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_flow_files_give_flows_or_counts(flow_file: dict[str, bytes], data: st.DataObject) -> None:
    nfcapd_file(data, flow_file)


@pytest.mark.fuzz
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_flow_files(flow_file: dict[str, bytes], data: st.DataObject) -> None:
    nfcapd_file(data, flow_file)


def checkpoint(data: st.DataObject, folder: Path) -> None:
    """A checkpoint is taken up or refused; one that is taken up can be walked on and ended."""
    path = folder / "good"
    buffer = bytearray(frames.pcap(story(12))[24:])
    if not path.exists():
        watch, keeper = Assembly("x", Walk(capacity=1 << 10)), Keeper(path, None, "hq", "eth0")
        keeper.restore(watch)
        watch.through(watch.walk.pcap(buffer, len(buffer), big=False, nano=False, link=1), buffer)
        keeper.keep(keeper.snapshot(watch), watch.cut())
    (folder / "bad").write_bytes(broken(data, path.read_bytes(), 6))
    again = Assembly("x", Walk(capacity=1 << 10))
    try:
        Keeper(folder / "bad", None, "hq", "eth0").restore(again)
    except StoreError:
        return
    again.through(again.walk.pcap(buffer, len(buffer), big=False, nano=False, link=1), buffer)
    assert sum(int((table["packets_out"] + table["packets_in"]).min(initial=0)) for table in again.finish()) >= 0
    assert again.walk.live == 0


@pytest.mark.fuzz
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_checkpoints(tmp_path: Path, data: st.DataObject) -> None:
    checkpoint(data, tmp_path)


LINES = {
    "zeek": [
        b"#separator \\x09", b"#set_separator\t,", b"#empty_field\t(empty)", b"#unset_field\t-", b"#path\tconn",
        b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\tcommunity_id",
        b"1764000000.500000\tCabc1\t10.0.0.5\t50000\t203.0.113.9\t443\ttcp\tssl\t12.250000\t5000\t900\tSF\t0\tShADadFf\t12\t5480\t9\t1268\t(empty)\t1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        b'{"ts":1764000001.9,"uid":"Cd","id.orig_h":"10.0.0.5","id.orig_p":5353,"id.resp_h":"10.0.0.1","id.resp_p":53,"proto":"udp","query":"p2p.example.net","qtype":1,"rcode":0,"answers":["203.0.113.11"],"TTLs":[60.0]}',
        b'{"ts":1764000001.9,"uid":"Cd","id.orig_h":"10.0.0.5","id.orig_p":8,"id.resp_h":"10.0.0.1","id.resp_p":0,"proto":"icmp","conn_state":"OTH"}',
        b'{"_path":"ssl","ts":1764000000.6,"uid":"Cabc1","id.orig_h":"10.0.0.5","server_name":"cloud.example.com","subject":"CN=*.example.com","cert_chain_fps":["ab"]}',
    ],
    "suricata": [
        b'{"timestamp":"2025-11-24T16:00:05.000000+0000","flow_id":77,"event_type":"flow","src_ip":"10.0.0.5","src_port":50000,"dest_ip":"203.0.113.9","dest_port":443,"proto":"TCP","community_id":"1:x","flow":{"pkts_toserver":12,"bytes_toserver":5480,"start":"2025-11-24T16:00:00.5+0000","bypassed":{"pkts_toserver":1}}}',
        b'{"timestamp":"2025-11-24T16:00:05.000000+0000","flow_id":77,"event_type":"dns","src_ip":"10.0.0.5","src_port":5,"dest_ip":"10.0.0.1","dest_port":53,"proto":"UDP","dns":{"version":3,"type":"response","id":5,"queries":[{"rrname":"a.b","rrtype":"A"}],"answers":[{"rrname":"a.b","rrtype":"A","ttl":60,"rdata":"203.0.113.9"}],"grouped":{"A":["1.2.3.4"]}}}',
        b'{"timestamp":"2025-11-24T16:00:05.000000+0000","flow_id":78,"event_type":"tls","src_ip":"10.0.0.5","dest_ip":"203.0.113.9","proto":"TCP","tls":{"sni":"a.example","subject":"CN=b.example","ja4":"t13"}}',
        b'{"timestamp":"2025-11-24T16:00:05.000000+0000","event_type":"drop","src_ip":"10.0.0.5","dest_ip":"203.0.113.9","proto":"ICMP","icmp_type":8,"drop":{"len":60}}',
    ],
    "filterlog": [
        b"Nov 24 16:00:00 fw filterlog[1]: 4,,,1,igb1,match,block,out,4,0x0,,64,4711,0,DF,6,tcp,60,10.0.0.5,203.0.113.9,5,8,0,S",
        b"<134>1 2025-11-24T16:00:01+00:00 fw filterlog 4242 - [meta s=\"9\"] 77,,,a,igb1,match,pass,out,6,0x0,0,64,udp,17,76,2001:db8::1,2001:db8::2,123,123,56",
    ],
    "fortigate": [
        b'date=2025-11-24 time=16:00:30 devname="f" logid="13" type="traffic" eventtime=1764000030123456789 srcip=10.0.0.5 srcport=5 dstip=1.2.3.4 dstport=8 proto=6 action="close" duration=30 sentbyte=1 rcvdbyte=2 hostname="a.example"',
    ],
}  # fmt: skip


@pytest.mark.fuzz
@pytest.mark.parametrize("name", sorted(LINES))
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_lines_broken_from_good_ones(name: str, data: st.DataObject) -> None:
    read = sources()[name].line
    assert read is not None
    reading = Reading(Records(), NOW)
    for _ in range(data.draw(st.integers(1, 6))):
        read(broken(data, data.draw(st.sampled_from(LINES[name])), 4).replace(b"\n", b" "), "x.log", reading)
    table = logs.window(reading)
    assert (table["end"] >= table["start"]).all()
    for flow in table:
        flow.record()


@pytest.mark.fuzz
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_whole_files(tmp_path: Path, data: st.DataObject) -> None:
    """Any file is read, or refused in words, whatever it claims to be."""
    seeds = [
        frames.pcap(story(3)),
        frames.pcapng([(0, at, frame) for at, frame in story(3)], [1]),
        *(b"\n".join(lines) for lines in LINES.values()),
    ]
    content = broken(data, data.draw(st.sampled_from(seeds)))
    (tmp_path / "x").write_bytes(gzip.compress(content) if data.draw(st.booleans()) else content)
    try:
        for table in files.windows(tmp_path / "x", now=NOW):
            assert (table["end"] >= table["start"]).all()
    except ContentError:
        return
