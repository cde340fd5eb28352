"""Captures of every shape give the same flows; broken ones are told, never raised."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import frames
import lz4.frame
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.errors import ContentError
from netcam.flows import capture
from netcam.flows.names import dns_answers, host_header, server_name
from netcam.flows.table import FlowTable

T0 = 1_764_000_000 * 10**9


def story() -> list[tuple[int, bytes]]:
    """A TCP conversation of a camera, a DNS answer and a datagram over IPv6."""
    out = [
        (T0, frames.ether(frames.ip4("10.0.0.5", "10.0.0.1", 17, frames.udp(40000, 53, b"\0" * 30)))),
        (
            T0 + 10**6,
            frames.ether(
                frames.ip4("10.0.0.1", "10.0.0.5", 17, frames.udp(53, 40000, frames.dns_answer("cloud.example.com", "203.0.113.9"))),
                back=True,
            ),
        ),
        (T0 + 2 * 10**6, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 2)))),
        (T0 + 3 * 10**6, frames.ether(frames.ip4("203.0.113.9", "10.0.0.5", 6, frames.tcp(443, 50000, 0x12)), back=True)),
    ]
    for n in range(10):
        out.append(
            (T0 + (4 + n) * 10**6, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 0x18, b"x" * 1000))))
        )
    out.append((T0 + 20 * 10**6, frames.ether(frames.ip6("2001:db8::5", "2001:db8::9", 17, frames.udp(6000, 6001, b"hello world, hello")))))
    return out


def read(tmp_path: Path, data: bytes) -> FlowTable:
    path = tmp_path / "a.pcap"
    path.write_bytes(data)
    return capture.read(path)


def shape(table: FlowTable) -> list[tuple[object, ...]]:
    return sorted(
        (
            f.source,
            f.destination,
            f.source_port,
            f.destination_port,
            f.protocol,
            f.packets_out,
            f.packets_in,
            f.bytes_out,
            f.bytes_in,
            f.payload_out,
            f.name,
        )
        for f in table
    )


def test_a_conversation_is_one_flow_with_both_directions_and_its_name(tmp_path: Path) -> None:
    table = read(tmp_path, frames.pcap(story()))
    assert shape(table) == [
        ("10.0.0.5", "10.0.0.1", 40000, 53, "udp", 1, 1, 58, 28 + len(frames.dns_answer("cloud.example.com", "203.0.113.9")), 30, ""),
        ("10.0.0.5", "203.0.113.9", 50000, 443, "tcp", 11, 1, 40 + 10 * 1040, 40, 10_000, "cloud.example.com"),
        ("2001:db8::5", "2001:db8::9", 6000, 6001, "udp", 1, 0, 66, 0, 18, ""),
    ]
    camera = next(f for f in table if f.protocol == "tcp")
    assert (camera.source_mac, camera.destination_mac) == (frames.MAC_A.hex(":"), frames.MAC_B.hex(":"))
    assert (camera.end - camera.start).total_seconds() == pytest.approx(0.011)


@pytest.mark.parametrize(("big", "nano"), [(False, False), (True, False), (False, True), (True, True)])
def test_byte_order_and_resolution_do_not_change_the_flows(tmp_path: Path, big: bool, nano: bool) -> None:
    assert shape(read(tmp_path, frames.pcap(story(), big=big, nano=nano))) == shape(read(tmp_path, frames.pcap(story())))


def test_compression_and_pcapng_do_not_change_the_flows(tmp_path: Path) -> None:
    plain = frames.pcap(story())
    wanted = shape(read(tmp_path, plain))
    assert shape(read(tmp_path, gzip.compress(plain))) == wanted
    for packed in (zstandard.compress(plain), bz2.compress(plain), lzma.compress(plain), lz4.frame.compress(plain)):
        assert shape(read(tmp_path, packed)) == wanted
    for big in (False, True):
        assert shape(read(tmp_path, frames.pcapng([(n % 2, at, data) for n, (at, data) in enumerate(story())], [1, 1], big=big))) == wanted


def test_tags_and_tunnels_below_ip_are_looked_through(tmp_path: Path) -> None:
    packet = frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(40000, 2000, b"x" * 20))
    wrapped = [
        frames.ether(packet, tags=((0x8100, 12),)),
        frames.ether(packet, tags=((0x88A8, 5), (0x8100, 12))),
        frames.ether(b"\x00\x01\x41\x40" + packet, kind=0x8847),
        frames.ether(b"\x11\x00\x00\x01\x00\x22\x00\x21" + packet, kind=0x8864),
    ]
    table = read(tmp_path, frames.pcap([(T0 + n, data) for n, data in enumerate(wrapped)]))
    assert [(f.packets_out, f.payload_out) for f in table] == [(4, 80)]


def test_linux_cooked_and_raw_captures_are_read(tmp_path: Path) -> None:
    packet = frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(40000, 2000, b"x" * 20))
    sll = b"\x00\x00\x00\x01\x00\x06" + frames.MAC_A + b"\x00\x00" + b"\x08\x00" + packet
    sll2 = b"\x08\x00\x00\x00" + b"\x00\x00\x00\x02" + b"\x00\x01\x00\x06" + frames.MAC_A + b"\x00\x00" + packet
    for link, data in ((113, sll), (276, sll2), (101, packet)):
        (flow,) = read(tmp_path, frames.pcap([(T0, data)], link=link))
        assert (flow.source, flow.payload_out) == ("10.0.0.5", 20)
        assert flow.source_mac == ("" if link == 101 else frames.MAC_A.hex(":"))


def test_options_fragments_and_extension_headers_count_their_bytes(tmp_path: Path) -> None:
    first = frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(40000, 2000, b"x" * 1000), options=b"\x01" * 8))
    rest = frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 17, b"y" * 500, fragment=0x00B9))
    hop = frames.ether(frames.ip6("2001:db8::5", "2001:db8::9", 0, b"\x11\x00" + bytes(6) + frames.udp(40000, 2, b"z" * 20)))
    table = read(tmp_path, frames.pcap([(T0, first), (T0 + 1, rest), (T0 + 2, hop)]))
    assert table.counters["fragments"] == 1
    assert sorted(f.bytes_out for f in table) == [76, 520, 1036]
    assert next(f for f in table if f.source == "2001:db8::5").source_port == 40000


def test_a_long_silence_ends_a_flow_and_a_new_syn_begins_one(tmp_path: Path) -> None:
    syn = frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 2)))
    fin = frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 0x11)))
    assert len(read(tmp_path, frames.pcap([(T0, syn), (T0 + 400 * 10**9, syn)]))) == 2
    again = frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 2, seq=7777)))
    assert len(read(tmp_path, frames.pcap([(T0, syn), (T0 + 10**9, fin), (T0 + 2 * 10**9, again)]))) == 2
    assert len(read(tmp_path, frames.pcap([(T0, syn), (T0 + 10**9, syn)]))) == 1
    assert len(read(tmp_path, frames.pcap([(T0, syn), (T0 + 10**9, fin)]))) == 1


def test_a_snapped_capture_counts_the_bytes_on_the_wire(tmp_path: Path) -> None:
    table = read(tmp_path, frames.pcap(story(), snap=64))
    assert table.counters["truncated"] > 5
    assert next(f for f in table if f.protocol == "tcp").bytes_out == 40 + 10 * 1040


def test_server_names_are_read_from_a_real_client_hello() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="dev.hik-connect.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    assert server_name(hello) == "dev.hik-connect.com"
    assert host_header(b"GET / HTTP/1.1\r\nHost: cam.example.com:8080\r\n\r\n") == "cam.example.com"
    assert host_header(b"GET / HTTP/1.1\r\nHost: cam.exam") == ""
    for cut in range(0, len(hello), 7):
        assert server_name(hello[:cut]) in ("", "dev.hik-connect.com")


def test_a_file_that_is_no_capture_is_refused_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="is no capture"):
        read(tmp_path, b"hello, this is text")
    with pytest.raises(ContentError, match="cut within its header"):
        read(tmp_path, frames.pcap([])[:20])
    with pytest.raises(ContentError, match="link type"):
        read(tmp_path, frames.pcap([], link=147))


def test_a_cut_or_lying_capture_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    whole = frames.pcap(story())
    table = read(tmp_path, whole[:-20])
    assert len(table) == 2
    assert any("truncated" in note for note in table.notes)
    lying = whole + b"\0" * 8 + b"\xff\xff\xff\x7f" * 2
    assert any("corrupt or truncated" in note for note in read(tmp_path, lying).notes)


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, lambda d: lz4.frame.compress(d, content_checksum=True), zstandard.compress]
)
def test_a_damaged_compression_is_told_and_never_raised(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(frames.pcap(story()))
    for damaged in (packed[:-30], packed[:-12] + b"\xff" * 12):
        try:
            said = " ".join(read(tmp_path, damaged).notes)
        except ContentError as error:  # what came out of it is no capture
            said = str(error)
        assert "truncated" in said or "has link type" in said


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_captures_never_crash(tmp_path: Path, data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([frames.pcap(story()), frames.pcapng([(0, at, d) for at, d in story()], [1])]))
    broken = bytearray(base)
    for _ in range(data.draw(st.integers(1, 12))):
        broken[data.draw(st.integers(24, len(broken) - 1))] = data.draw(st.integers(0, 255))
    table = read(tmp_path, bytes(broken[: data.draw(st.integers(30, len(broken)))]))
    assert len(table) <= table.counters["packets"]


@given(st.binary(max_size=300))
def test_any_bytes_give_names_or_none(data: bytes) -> None:
    for name in (server_name(b"\x16\x03\x01\x00\x00\x01" + data), host_header(data), *(n for n, _ in dns_answers(b"\0\0\x80" + data))):
        assert name == "" or (len(name) <= 253 and name.isascii() and name.isprintable())


def test_counts_equal_those_of_tshark(tmp_path: Path) -> None:
    maker = random.Random(4)
    packets = []
    for n in range(3000):
        host, port = maker.randrange(1, 30), 30000 + maker.randrange(60)
        out = maker.random() < 0.6
        body = frames.udp(port, 500, b"q" * maker.randrange(1400)) if out else frames.udp(500, port, b"r" * maker.randrange(1400))
        here, there = f"10.1.0.{host}", "198.51.100.7"
        packets.append((T0 + n * 10**5, frames.ether(frames.ip4(*((here, there) if out else (there, here)), 17, body))))
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets))
    table = capture.read(path)
    run = subprocess.run(["tshark", "-r", str(path), "-q", "-z", "conv,udp"], capture_output=True, text=True, check=True)
    lines = [line for line in run.stdout.splitlines() if "<->" in line]
    assert len(table) == len(lines)
    assert sum(f.packets_out + f.packets_in for f in table) == 3000
    fields = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", "-e", "ip.src", "-e", "ip.len", "-e", "udp.srcport", "-e", "udp.dstport"],
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[tuple[str, int], int] = {}
    for line in fields.stdout.splitlines():
        source, size, s_port, d_port = line.split("\t")
        key = (source if source != "198.51.100.7" else "back", int(s_port if source != "198.51.100.7" else d_port))
        told[key] = told.get(key, 0) + int(size)
    mine: dict[tuple[str, int], int] = {}
    for f in table:
        here = (f.source, f.source_port) if f.source != "198.51.100.7" else (f.destination, f.destination_port)
        out, back = (f.bytes_out, f.bytes_in) if f.source != "198.51.100.7" else (f.bytes_in, f.bytes_out)
        for key, size in ((here, out), (("back", here[1]), back)):
            if size:
                mine[key] = mine.get(key, 0) + size
    assert mine == told


@pytest.mark.fuzz
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_captures_of_every_link_type(tmp_path: Path, data: st.DataObject) -> None:
    link = data.draw(st.sampled_from([0, 1, 9, 101, 105, 108, 113, 127, 276]))
    packets = [(T0 + n, data.draw(st.binary(max_size=120))) for n in range(4)] + [(at, d) for at, d in story()]
    base = data.draw(st.sampled_from([frames.pcap(packets, link=link), frames.pcapng([(0, at, d) for at, d in packets], [link])]))
    broken = bytearray(base)
    for _ in range(data.draw(st.integers(0, 12))):
        broken[data.draw(st.integers(24, len(broken) - 1))] = data.draw(st.integers(0, 255))
    table = read(tmp_path, bytes(broken[: data.draw(st.integers(30, len(broken)))]))
    assert int((table["quality"] & 256 == 0).sum()) <= table.counters["packets"]


@given(
    header=st.sampled_from([b"", b"\0\0\x08\0", b"\x30\x81\x88\x0b", b"\x10\0\x88\xbe", b"\0\0\x65\x58", b"\0\0\x22\xeb"]),
    body=st.binary(max_size=80),
    proto=st.sampled_from([0, 4, 6, 17, 41, 43, 44, 47, 51, 58, 60]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_inside_ip_are_counted_once(tmp_path: Path, header: bytes, body: bytes, proto: int) -> None:
    for packet in (
        frames.ip4("10.0.0.1", "10.0.0.2", proto, header + body),
        frames.ip6("2001:db8::1", "2001:db8::2", proto, header + body),
    ):
        table = read(tmp_path, frames.pcap([(T0, frames.ether(packet))]))
        assert table.counters["packets"] == 1
        assert int(table["packets_out"].sum() + table["packets_in"].sum()) == 1 + int((table["quality"] & 256 != 0).sum())
