"""What real exporters tell over UDP equals the packets they were given; lying datagrams are counted, tables stay bounded."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
from pathlib import Path

import frames
import pytest
from conversations import shape, story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcam.flows import capture, collector, files, netflow, sflow
from netcam.flows.build import merged
from netcam.flows.netflow import Exporters
from netcam.flows.records import Records
from netcam.flows.table import QUALITY, FlowTable

T0 = 1_764_000_000 * 10**9
NOW = T0 + 60 * 10**9


class Listening:
    """A collector on loopback."""

    def __enter__(self) -> Listening:
        self.tables: list[FlowTable] = []
        self._stop, ready = threading.Event(), threading.Event()

        def told(port: int) -> None:
            self.port = port
            ready.set()

        def run() -> None:
            self.tables += collector.windows("127.0.0.1:0", seconds=600, every=None, stop=self._stop, ready=told)

        self._thread = threading.Thread(target=run)
        self._thread.start()
        assert ready.wait(120)
        return self

    def table(self) -> FlowTable:
        """What was told until now, when the exporter has ended: over loopback its last datagram has arrived then."""
        self._stop.set()
        self._thread.join()
        return merged(self.tables)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_what_came_before_the_end_is_read(packets: Path) -> None:
    """What waits in the kernel when the time is over was told in time, however busy the reader was."""
    stop = threading.Event()
    row = struct.pack(
        ">4s4s4sHHIIIIHHxBBBHHBBxx", b"\x0a\0\0\5", b"\x08\x08\x08\x08", bytes(4), 0, 0, 3, 300, 0, 500, 40000, 443, 2, 6, *[0] * 5
    )
    heads = [struct.pack(">HHIIIIBBH", 5, 1, 1000, T0 // 10**9, 0, number, 0, 0, 0) for number in range(100)]

    def told(port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for head in heads:
                sender.sendto(head + row, ("127.0.0.1", port))
        stop.set()

    (table,) = collector.windows("127.0.0.1:0", seconds=60, every=None, stop=stop, ready=told)
    assert table.counters["kernel_dropped"] == 0
    assert int(table["packets_out"].sum()) == 3 * len(heads)


@pytest.fixture
def packets(tmp_path: Path) -> Path:
    path = tmp_path / "story.pcap"
    path.write_bytes(frames.pcap(story()))
    return path


@pytest.mark.parametrize("version", ["5", "9", "10"])
def test_softflowd_tells_what_was_sent(packets: Path, version: str) -> None:
    with Listening() as listening:
        argv = ["softflowd", "-r", str(packets), "-n", f"127.0.0.1:{listening.port}", "-v", version, "-d"]
        subprocess.run(argv, check=True, capture_output=True, timeout=300)
        table = listening.table()
    assert shape(table) == shape(capture.read(packets), six=version != "5")
    assert not table.counters.get("malformed")


def test_pmacct_tells_what_was_sent(packets: Path, tmp_path: Path) -> None:
    running = []
    with Listening() as five, Listening() as nine, Listening() as ten:
        for version, listening in (("5", five), ("9", nine), ("10", ten)):
            settings_ = tmp_path / f"pmacct{version}.conf"
            settings_.write_text(
                f"daemonize: false\npcap_savefile: {packets}\nplugins: nfprobe\nnfprobe_receiver: 127.0.0.1:{listening.port}\n"
                f"nfprobe_version: {version}\nnfprobe_timeouts: tcp=5:udp=5:maxlife=3600\n"
                "aggregate: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags\n"
            )
            argv = ["pmacctd", "-f", str(settings_)]
            running.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        for process in running:
            process.communicate(timeout=120)  # to the end of the last of its processes, by which everything was exported
        for listening in (five, nine, ten):
            assert shape(listening.table()) == shape(capture.read(packets), six=listening is not five)


@pytest.mark.parametrize("packing", [[], ["-z"], ["-y"], ["-j"]])
def test_files_of_nfdump_tell_what_was_sent(packets: Path, tmp_path: Path, packing: list[str]) -> None:
    folder = tmp_path / "nfcapd"
    folder.mkdir()
    subprocess.run(["nfpcapd", "-r", str(packets), "-l", str(folder)], check=True, capture_output=True, timeout=300)
    (plain,) = folder.iterdir()
    file = tmp_path / "packed"
    subprocess.run(["nfdump", "-r", str(plain), *packing, "-w", str(file)], check=True, capture_output=True, timeout=300)
    assert shape(merged(list(files.windows(file)))) == shape(capture.read(packets))


def test_nfdumps_replayed_flows_tell_what_was_sent(packets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nfcapd"
    folder.mkdir()
    subprocess.run(["nfpcapd", "-r", str(packets), "-l", str(folder)], check=True, capture_output=True, timeout=300)
    (file,) = folder.iterdir()
    with Listening() as listening:
        argv = ["nfreplay", "-H", "127.0.0.1", "-p", str(listening.port), "-v", "9", "-r", str(file)]
        subprocess.run(argv, check=True, capture_output=True, timeout=300)
        table = listening.table()
    assert shape(table) == shape(capture.read(packets))


def ipfix(sets: bytes, *, sequence: int = 0, domain: int = 1) -> bytes:
    return struct.pack(">HHIII", 10, 16 + len(sets), T0 // 10**9, sequence, domain) + sets


def flow_set(kind: int, body: bytes) -> bytes:
    return struct.pack(">HH", kind, 4 + len(body)) + body


TEMPLATE = flow_set(
    2,
    struct.pack(">HH", 256, 7) + b"".join(struct.pack(">HH", e, s) for e, s in ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 8), (2, 8))),
)
DATA = flow_set(256, bytes([10, 0, 0, 5, 203, 0, 113, 9]) + struct.pack(">HHBQQ", 40000, 443, 6, 5000, 10))


def told(*datagrams: bytes, exporter: str = "192.0.2.1") -> FlowTable:
    records = Records()
    exporters = Exporters(records)
    for data in datagrams:
        collector.receive(data, exporter, NOW, records, exporters)
    return records.take()


def test_data_waits_for_its_template_and_a_repeated_datagram_counts_once() -> None:
    table = told(ipfix(DATA, sequence=0), ipfix(TEMPLATE, sequence=1), ipfix(DATA, sequence=0))
    (flow,) = table
    assert (flow.source, flow.destination_port, flow.bytes_out, flow.packets_out) == ("10.0.0.5", 443, 5000, 10)
    assert table.counters["duplicates"] == 1
    assert table.sources == ["ipfix 192.0.2.1 domain 1"]


def test_templates_belong_to_their_exporter_and_domain() -> None:
    records = Records()
    exporters = Exporters(records)
    exporters.datagram(ipfix(TEMPLATE, domain=1), "192.0.2.1", NOW)
    exporters.datagram(ipfix(DATA, domain=2), "192.0.2.1", NOW)
    exporters.datagram(ipfix(DATA, domain=1, sequence=9), "192.0.2.2", NOW)
    assert len(records) == 0
    assert records.counters["without_template"] == 2
    exporters.datagram(ipfix(DATA, domain=1, sequence=3), "192.0.2.1", NOW)
    assert len(records) == 1


def test_sampling_told_in_options_multiplies_and_marks() -> None:
    options = flow_set(3, struct.pack(">HHH", 300, 2, 1) + struct.pack(">HHHH", 149, 4, 34, 4)) + flow_set(300, struct.pack(">II", 1, 100))
    table = told(ipfix(TEMPLATE + options), ipfix(DATA, sequence=2))
    (flow,) = table
    assert (flow.bytes_out, flow.packets_out, int(table["sampling"][0])) == (500_000, 1000, 100)
    assert int(table["quality"][0]) & QUALITY["estimate"]


def v9(*sets: bytes, sequence: int = 0) -> bytes:
    return struct.pack("!HHIIII", 9, len(sets), 1000, T0 // 10**9, sequence, 1) + b"".join(sets)


def test_padding_of_version_9_is_no_record_and_a_sampler_of_its_options_counts() -> None:
    """Sets are padded to four bytes (RFC 3954 section 5.3); a random sampler is named by its number in options and data."""
    fields = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 3), (2, 2), (48, 1))
    template = struct.pack("!HH", 260, len(fields)) + b"".join(struct.pack("!HH", *field) for field in fields)
    options = (
        struct.pack("!HHH", 270, 4, 12) + b"".join(struct.pack("!HH", *field) for field in ((1, 4), (48, 1), (49, 1), (50, 4))) + bytes(2)
    )

    def row(host: int, sampler: int) -> bytes:
        return (
            bytes([10, 0, 0, host, 203, 0, 113, 9])
            + struct.pack("!HHB", 40000, 443, 6)
            + (5000).to_bytes(3, "big")
            + struct.pack("!HB", 10, sampler)
        )

    data = row(5, 7) + row(6, 8) + row(7, 0)
    assert len(data) % 4
    sampled = flow_set(270, bytes(4) + b"\x07\x02" + struct.pack("!I", 100) + bytes(2))
    table = told(
        v9(flow_set(0, template), flow_set(1, options)),
        v9(sampled, sequence=1),
        v9(flow_set(260, data + bytes(-len(data) % 4)), sequence=2),
    )
    assert [(f.source, f.bytes_out, f.packets_out) for f in table] == [
        ("10.0.0.5", 500_000, 1000),
        ("10.0.0.6", 5000, 10),
        ("10.0.0.7", 5000, 10),
    ]
    assert not table.counters.get("malformed")


@pytest.mark.parametrize("size", [3, 300])
def test_enterprise_fields_and_lengths_in_the_record_are_skipped(size: int) -> None:
    """A vendor's field of unknown meaning and a text in the short and in the long form (RFC 7011 sections 3.2 and 7)."""
    fields = [
        (8, 4, 0),
        (100, 65535, 9),
        (12, 4, 0),
        (7, 2, 0),
        (82, 65535, 0),
        (11, 2, 0),
        (4, 1, 0),
        (1, 4, 0),
        (2, 4, 0),
        (152, 8, 0),
        (153, 8, 0),
    ]
    template = struct.pack(">HH", 257, len(fields))
    for element, length, enterprise in fields:
        template += struct.pack(">HH", element | (0x8000 if enterprise else 0), length) + (
            struct.pack(">I", enterprise) if enterprise else b""
        )
    text = bytes([size]) + b"x" * size if size < 255 else b"\xff" + struct.pack(">H", size) + b"x" * size
    row = (
        bytes([10, 0, 0, 5])
        + text
        + bytes([203, 0, 113, 9])
        + struct.pack(">H", 40000)
        + text
        + struct.pack(">HBIIQQ", 443, 6, 5000, 10, T0 // 10**6, T0 // 10**6 + 1500)
    )
    table = told(ipfix(flow_set(2, template) + flow_set(257, row + row + bytes(3))))
    assert [(f.destination_port, f.bytes_out, (f.end - f.start).total_seconds()) for f in table] == [(443, 5000, 1.5)] * 2
    assert not table.counters.get("malformed")


def test_both_directions_in_one_record_and_variable_lengths() -> None:
    fields = [(8, 4, 0), (12, 4, 0), (7, 2, 0), (11, 2, 0), (4, 1, 0), (1, 4, 0), (2, 4, 0), (1, 4, 29305), (2, 4, 29305), (96, 65535, 0)]
    template = struct.pack(">HH", 257, len(fields))
    for element, size, enterprise in fields:
        template += struct.pack(">HH", element | (0x8000 if enterprise else 0), size) + (
            struct.pack(">I", enterprise) if enterprise else b""
        )
    row = bytes([10, 0, 0, 5, 203, 0, 113, 9]) + struct.pack(">HHBIIII", 40000, 443, 6, 5000, 10, 900, 8) + b"\x03tls"
    table = told(ipfix(flow_set(2, template) + flow_set(257, row)))
    (flow,) = table
    assert (flow.bytes_out, flow.bytes_in, flow.packets_in) == (5000, 900, 8)
    assert table.text("service", 0) == "tls"


def test_denied_flows_are_kept_apart() -> None:
    fields = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (233, 1))
    template = struct.pack(">HH", 258, len(fields)) + b"".join(struct.pack(">HH", e, s) for e, s in fields)
    row = bytes([10, 0, 0, 5, 203, 0, 113, 9]) + struct.pack(">HHBB", 40000, 443, 6, 3)
    table = told(ipfix(flow_set(2, template) + flow_set(258, row)))
    assert table["blocked"].tolist() == [1]
    assert int(table["quality"][0]) & QUALITY["no_bytes"]


def test_floods_and_lies_stay_within_bounds() -> None:
    records = Records()
    exporters = Exporters(records)
    for n in range(3000):
        flood = flow_set(2, struct.pack(">HH", 256 + n % 60000, 1) + struct.pack(">HH", 8, 4))
        exporters.datagram(ipfix(flood, sequence=n), "192.0.2.1", NOW)
        exporters.datagram(ipfix(flow_set(9999, b"x" * 40), sequence=n, domain=7), "192.0.2.1", NOW)
        exporters.datagram(ipfix(DATA, sequence=n, domain=n), f"198.51.{n >> 8}.{n & 255}", NOW)
    assert len(exporters._streams) <= netflow.MAX_STREAMS
    assert all(len(s.templates) <= netflow.MAX_TEMPLATES and len(s.waiting) <= netflow.MAX_WAITING for s in exporters._streams.values())
    empty = flow_set(2, struct.pack(">HH", 256, 1) + struct.pack(">HH", 8, 0))
    assert told(ipfix(empty + DATA)).counters["malformed"] >= 1
    version5 = struct.pack("!HHIIIIBBH", 5, 30, 0, T0 // 10**9, 0, 0, 0, 0, 0) + bytes(48)
    assert told(version5).counters["malformed"] == 1


def test_an_exporters_uptime_wraps() -> None:
    head = struct.pack("!HHIIIIBBH", 5, 1, 1000, T0 // 10**9, 0, 0, 0, 0, 0)
    row = struct.pack(
        "!4s4s4sHHIIIIHHxBBBHHBBxx",
        b"\x0a\0\0\5",
        b"\xcb\0\x71\x09",
        bytes(4),
        0,
        0,
        3,
        300,
        0xFFFFFFFF - 999,
        500,
        40000,
        443,
        2,
        6,
        0,
        0,
        0,
        0,
        0,
    )
    (flow,) = told(head + row)
    assert abs(flow.start.timestamp() - (T0 / 1e9 - 2)) < 0.01
    assert abs(flow.end.timestamp() - (T0 / 1e9 - 0.5)) < 0.01


def flow_sample(header: bytes, wire: int, rate: int, *, expanded: bool = False) -> bytes:
    record = struct.pack(">IIII", 1, wire, 4, len(header)) + header + bytes(-len(header) % 4)
    body = struct.pack(">I", 1) + bytes(8 if expanded else 4) + struct.pack(">III", rate, 0, 0) + bytes(16 if expanded else 8)
    body += struct.pack(">I", 1) + struct.pack(">II", 1, len(record)) + record
    return struct.pack(">II", 3 if expanded else 1, len(body)) + body


def sflow_datagram(*samples: bytes) -> bytes:
    return struct.pack(">II4sIIII", 5, 1, b"\x0a\0\0\1", 0, 1, 1000, len(samples)) + b"".join(samples)


@pytest.mark.parametrize("expanded", [False, True])
def test_sflow_samples_are_multiplied_by_their_rate(expanded: bool) -> None:
    frame = frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(40000, 443, 0x18, b"x" * 1000)), tags=((0x8100, 12),))
    counters = struct.pack(">II", 2, 8) + bytes(8)
    table = told(sflow_datagram(flow_sample(frame[:128], len(frame) + 4, 512, expanded=expanded), counters))
    (flow,) = table
    assert (flow.source, flow.packets_out, flow.bytes_out, flow.payload_out) == ("10.0.0.5", 512, 1040 * 512, 1000 * 512)
    assert (int(table["vlan"][0]), int(table["sampling"][0]), table.counters["counter_samples"]) == (12, 512, 1)


def test_one_port_takes_every_protocol() -> None:
    head = struct.pack("!HHIIIIBBH", 5, 0, 0, T0 // 10**9, 0, 0, 0, 0, 0)
    table = told(head, ipfix(TEMPLATE), sflow_datagram(), b"hello")
    assert (table.counters["datagrams"], table.counters["unknown_datagrams"]) == (3, 1)


SEEDS = [
    ipfix(TEMPLATE + DATA),
    struct.pack("!HHIIII", 9, 2, 1000, T0 // 10**9, 0, 1) + flow_set(0, TEMPLATE[4:]) + DATA,
    struct.pack("!HHIIIIBBH", 5, 1, 1000, T0 // 10**9, 0, 0, 0, 0, 0) + bytes(range(48)),
    sflow_datagram(flow_sample(frames.ether(frames.ip6("2001:db8::1", "2001:db8::2", 17, frames.udp(1, 2, b"x"))), 80, 10)),
]


def mutated(data: st.DataObject) -> bytes:
    broken = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.sampled_from([0, 1, 2, 4, 127, 128, 255]))
    return bytes(broken[: data.draw(st.integers(0, len(broken)))])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_datagrams_give_flows_or_counts(data: st.DataObject) -> None:
    table = told(*[mutated(data) for _ in range(data.draw(st.integers(1, 4)))])
    assert (table["end"] >= table["start"]).all()
    assert (table["bytes_out"] >= 0).all()


@pytest.mark.fuzz
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_datagrams(data: st.DataObject) -> None:
    told(*[data.draw(st.one_of(st.binary(max_size=200), st.just(mutated(data)))) for _ in range(3)])
    sflow.packet(data.draw(st.binary(max_size=120)), data.draw(st.sampled_from([1, 101])), 100)
