"""What the compiled loop makes of packets: tunnels, parts, timeouts, a full table, round trips, what payloads look like."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import frames
import numpy as np
import pytest

from netcam.flows import capture
from netcam.flows import rows as r
from netcam.flows.build import Assembly, merged
from netcam.flows.table import END_REASONS, QUALITY, TELLS, FlowTable
from netcam.flows.walk import Walk

T0 = 1_764_000_000 * 10**9
S = 10**9


def read(tmp_path: Path, packets: list[tuple[int, bytes]], **more: float) -> FlowTable:
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets))
    return capture.read(path, **more)  # type: ignore[arg-type]


def udp4(a: str, b: str, s: int, d: int, body: bytes = b"x" * 20) -> bytes:
    return frames.ip4(a, b, 17, frames.udp(s, d, body))


def test_what_a_tunnel_carries_counts_for_its_own_flow_and_for_the_tunnel(tmp_path: Path) -> None:
    inner = udp4("10.9.0.1", "203.0.113.9", 4000, 5000)
    inner6 = frames.ip6("2001:db8::1", "2001:db8::2", 17, frames.udp(4001, 5001, b"z" * 30))
    carried = {
        "gre": frames.ip4("10.0.0.1", "10.0.0.2", 47, b"\0\0\x08\0" + inner),
        "gre with a key": frames.ip4("10.0.0.1", "10.0.0.3", 47, b"\x20\0\x08\0" + bytes(4) + inner),
        "ip in ip": frames.ip4("10.0.0.1", "10.0.0.4", 4, inner),
        "ip6 in ip": frames.ip4("10.0.0.1", "10.0.0.5", 41, inner6),
        "ip in ip6": frames.ip6("2001:db8::a", "2001:db8::b", 4, inner),
        "bridged gre": frames.ip4("10.0.0.1", "10.0.0.6", 47, b"\0\0\x65\x58" + frames.ether(inner)),
        "erspan 2": frames.ip4("10.0.0.1", "10.0.0.7", 47, b"\x10\0\x88\xbe" + bytes(12) + frames.ether(inner)),
        "vxlan": frames.ip4("10.0.0.1", "10.0.0.8", 17, frames.udp(999, 4789, b"\x08" + bytes(7) + frames.ether(inner))),
    }
    table = read(tmp_path, [(T0 + n, frames.ether(packet)) for n, packet in enumerate(carried.values())])
    quality = table["quality"]
    outer = [f for n, f in enumerate(table) if quality[n] & QUALITY["carrier"]]
    inside = [f for n, f in enumerate(table) if quality[n] & QUALITY["tunnelled"]]
    assert len(outer) == len(carried)
    assert {(f.source, f.destination_port, f.packets_out) for f in inside} == {("10.9.0.1", 5000, 7), ("2001:db8::1", 5001, 1)}
    assert table.counters["tunnelled"] == len(carried)
    assert sum(f.bytes_out for f in inside if f.source == "10.9.0.1") == 7 * len(inner)


def test_a_tunnel_in_a_tunnel_in_a_tunnel_ends_somewhere(tmp_path: Path) -> None:
    packet = udp4("10.9.0.1", "203.0.113.9", 4000, 5000)
    for n in range(12):
        packet = frames.ip4(f"10.0.1.{n}", "10.0.2.1", 4, packet)
    table = read(tmp_path, [(T0, frames.ether(packet))])
    assert len(table) == r.MAX_LAYERS + 1


def test_later_parts_of_a_datagram_belong_to_the_flow_of_the_first(tmp_path: Path) -> None:
    first = frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(40000, 2000, b"x" * 1000), fragment=0x2000)
    rest = frames.ip4("10.0.0.5", "203.0.113.9", 17, b"y" * 500, fragment=0x007E)
    lost = frames.ip4("10.0.0.6", "203.0.113.9", 17, b"y" * 500, fragment=0x007E)
    table = read(tmp_path, [(T0 + n, frames.ether(p)) for n, p in enumerate((first, rest, lost))])
    assert sorted((f.source, f.source_port, f.bytes_out) for f in table) == [("10.0.0.5", 40000, 1028 + 520), ("10.0.0.6", 0, 520)]
    assert table.counters["fragments"] == 3


def test_timeouts_end_flows_as_ipfix_says(tmp_path: Path) -> None:
    steady = [(T0 + n * 10 * S, frames.ether(udp4("10.0.0.5", "203.0.113.9", 40000, 2000))) for n in range(100)]
    table = read(tmp_path, steady, active=300)
    assert [END_REASONS[c] for c in table["end_reason"]] == ["active timeout"] * 3 + ["forced end"]
    assert table["packets_out"].tolist() == [30, 30, 30, 10]
    assert len({(f.source, f.source_port) for f in table}) == 1
    assert len(read(tmp_path, steady, active=0)) == 1
    assert len(read(tmp_path, steady, idle=5)) == 100
    quiet = read(tmp_path, [steady[0], (T0 + 400 * S, steady[0][1])])
    assert [END_REASONS[c] for c in quiet["end_reason"]] == ["idle timeout", "forced end"]


def test_a_full_table_tells_the_oldest_early_and_counts_it() -> None:
    assembly = Assembly("test", Walk(capacity=1000))
    packets = [(T0 + n * 1000, frames.ether(udp4("10.0.0.5", f"203.{n >> 16}.{n >> 8 & 255}.{n & 255}", 40000, 2000))) for n in range(5000)]
    data = bytearray(frames.pcap(packets)[24:])
    assert assembly.through(assembly.walk.pcap(data, len(data), big=False, nano=False, link=1), data) == len(data)
    assert assembly.walk.live == 1000
    table = merged(list(assembly.finish()))
    assert len(table) == 5000
    assert int(table["packets_out"].sum()) == 5000
    assert table.counters["evicted"] == 4000
    assert (table["end_reason"] == END_REASONS.index("lack of resources")).sum() == 4000
    assert any("told early" in note for note in table.notes)


def test_rows_are_found_again_through_any_order_of_coming_and_going() -> None:
    maker = random.Random(11)
    assembly = Assembly("test", Walk(capacity=300, idle=2))
    at, packets = T0, []
    for _ in range(20_000):
        at += maker.randrange(20_000_000)
        a = maker.randrange(400)
        packets.append((at, frames.ether(udp4("10.0.0.5", f"203.0.{a >> 8}.{a & 255}", 40000, 2000))))
    data = bytearray(frames.pcap(packets)[24:])
    assembly.through(assembly.walk.pcap(data, len(data), big=False, nano=False, link=1), data)
    slots, rows = assembly.walk.slots, assembly.walk.rows
    held = np.sort(slots[slots >= 0] & 0xFFFFFFFF)
    used = np.flatnonzero(rows[: int(assembly.walk.state[r.U_NEXT]), r.KEY] >= 0)
    assert held.tolist() == used.tolist()
    assert len(used) == assembly.walk.live
    assert int(merged(list(assembly.finish()))["packets_out"].sum()) == 20_000
    assert (slots == -1).all()


def conversation() -> list[tuple[int, bytes]]:
    def out(at: int, flags: int, body: bytes, seq: int, ack: int) -> tuple[int, bytes]:
        return T0 + at * 10**6, frames.ether(
            frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, flags, body, seq=seq, ack=ack))
        )

    def back(at: int, flags: int, body: bytes, seq: int, ack: int) -> tuple[int, bytes]:
        frame = frames.ip4("203.0.113.9", "10.0.0.5", 6, frames.tcp(443, 50000, flags, body, seq=seq, ack=ack))
        return T0 + at * 10**6, frames.ether(frame, back=True)

    return [
        out(0, 2, b"", 100, 0), back(20, 0x12, b"", 900, 101), out(21, 0x10, b"", 101, 901), out(22, 0x18, b"a" * 500, 101, 901),
        out(32, 0x18, b"b" * 500, 601, 901), out(300, 0x18, b"a" * 500, 101, 901), out(301, 0x10, b"", 1101, 901),
        back(330, 0x18, b"c" * 100, 901, 1101), back(350, 0x18, b"c" * 100, 901, 1101), out(400, 0x11, b"", 1101, 1001),
    ]  # fmt: skip


def test_round_trip_retransmissions_and_moments(tmp_path: Path) -> None:
    table = read(tmp_path, conversation())
    (flow,) = table
    assert (flow.source, flow.packets_out, flow.packets_in) == ("10.0.0.5", 7, 3)
    assert int(table["rtt"][0]) == 21_000_000
    assert (int(table["retransmitted_out"][0]), int(table["retransmitted_in"][0])) == (1, 1)
    sizes = [40, 40, 540, 540, 540, 40, 40]
    assert float(table["size_squares_out"][0]) == sum(s * s for s in sizes)
    gaps = np.diff([0, 21, 22, 32, 300, 301, 400]) / 1e3
    assert np.isclose(table["gap_squares_out"][0], (gaps**2).sum())
    assert np.isclose(table["gap_sum_out"][0], 0.4)
    assert np.isclose(table["gap_sum_in"][0], 0.33)
    assert END_REASONS[int(table["end_reason"][0])] == "end of flow"
    assert (int(table["wire_out"][0]), flow.bytes_out) == (sum(sizes) + 7 * 14, sum(sizes))


def test_a_long_flow_tells_its_bytes_by_minute(tmp_path: Path) -> None:
    packets = [(T0 + n * 20 * S, frames.ether(udp4("10.0.0.5", "203.0.113.9", 40000, 2000, b"x" * 72))) for n in range(12)]
    table = read(tmp_path, packets)
    assert table.minutes["minute"].tolist() == [T0 // S // 60 + n for n in range(4)]
    assert table.minutes["out"].tolist() == [300] * 4
    assert set(table.minutes["row"].tolist()) == {0}
    assert int(table.minutes["out"].sum() + table.minutes["in"].sum()) == 12 * 100
    assert len(read(tmp_path, packets[:2]).minutes["row"]) == 0


def test_payloads_are_told_by_their_marks(tmp_path: Path) -> None:
    stun = struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12)
    allocate = struct.pack(">HHI", 3, 0, 0x2112A442) + bytes(12)
    rtp = [struct.pack(">BBHII", 0x80, 96, n, n * 3000, 77) + b"v" * 400 for n in range(8)]
    udp = {
        "stun": [stun], "turn": [allocate], "pppp": [b"\xf1\x30\0\x04abcd"], "dahua_p2p": [b"DHGET /probe/p2psrv HTTP/1.1\r\n"], "rtp": rtp,
        "dtls": [b"\x16\xfe\xfd" + bytes(20)], "wireguard": [b"\x01\0\0\0" + bytes(144)], "tuya": [b"\0\0\x55\xaa" + bytes(16)],
    }  # fmt: skip
    tcp = {
        "rtsp": b"DESCRIBE rtsp://h/ RTSP/1.0\r\n\r\n", "ssh": b"SSH-2.0-x\r\n", "http": b"HTTP/1.1 200 OK\r\n\r\n", "jpeg": b"\xff\xd8\xff\xe0" + bytes(20),
        "mqtt": b"\x10\x20\0\x04MQTT\x04\x02\0\x3c" + bytes(20), "socks": b"\x05\x01\x00", "credential": b"PASS secret\r\n", "smtp": b"EHLO cam\r\n",
        "tls_old": b"\x80\x2e\x01\x03\x01" + bytes(44),
    }  # fmt: skip
    packets = []
    for k, (name, payloads) in enumerate({**udp, **{n: [p] for n, p in tcp.items()}}.items()):
        for n, payload in enumerate(payloads):
            transport = frames.udp(40000 + k, 7000, payload) if name in udp else frames.tcp(40000 + k, 7000, 0x18, payload, seq=n)
            if name == "socks":  # told only where the connection's beginning was seen
                begin = frames.tcp(40000 + k, 7000, 2, seq=(1 << 32) - 1)
                packets.append((T0 + k * S - 1, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, begin))))
            packets.append((T0 + k * S + n, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 17 if name in udp else 6, transport))))
    basic = b"GET / HTTP/1.1\r\nHost: cam\r\nAuthorization: Basic YTpi\r\nUser-Agent: test\r\n\r\n"
    packets.append((T0 + 90 * S, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(49999, 80, 0x18, basic)))))
    table = read(tmp_path, packets)
    told = {f.source_port: int(table["tells"][n]) for n, f in enumerate(table)}
    for k, name in enumerate([*udp, *tcp]):
        assert told[40000 + k] & TELLS[name], name
    assert told[49999] & TELLS["credential"]
    assert told[49999] & TELLS["http"]
    noise = read(tmp_path, [(T0 + n, frames.ether(udp4("10.0.0.5", "203.0.113.9", 40000, 7000, bytes([n + 1]) * 40))) for n in range(8)])
    assert noise["tells"].tolist() == [0]


def test_two_bytes_amid_a_stream_are_no_proxy(tmp_path: Path) -> None:
    """A SOCKS client's greeting is three bytes, of which noise has two by chance: it is one only as what opens a connection."""
    greeting, request = b"\x05\x01\x00", b"DESCRIBE rtsp://h/ RTSP/1.0\r\n\r\n"

    def told(*segments: tuple[bool, int, bytes]) -> set[str]:
        packets, seq = [], {False: 1000, True: 5000}
        for n, (back, flags, payload) in enumerate(segments):
            ports = (7000, 40000) if back else (40000, 7000)
            ends = ("203.0.113.9", "10.0.0.5") if back else ("10.0.0.5", "203.0.113.9")
            packets.append((T0 + n, frames.ether(frames.ip4(*ends, 6, frames.tcp(*ports, flags, payload, seq=seq[back])), back=back)))
            seq[back] += len(payload) + (flags & 2 != 0)
        (tells,) = read(tmp_path, packets)["tells"].tolist()
        return {name for name, bit in TELLS.items() if tells & bit}

    syn, answer = (False, 2, b""), (True, 0x12, b"")
    assert told(syn, answer, (False, 0x18, greeting)) == {"socks"}
    assert told(syn, answer, (False, 0x18, request), (False, 0x18, greeting)) == {"rtsp"}
    assert told(syn, answer, (True, 0x18, greeting)) == set()
    assert told(syn, answer, (True, 0x18, b"220 hello\r\n"), (False, 0x18, greeting)) == set()
    assert told((False, 0x18, greeting)) == set()


RESET = b"\x38" + bytes(range(1, 9))
"""A client of OpenVPN asks for a session: opcode 7, eight bytes of session number."""


@pytest.mark.parametrize(
    ("protocol", "payload", "told"),
    [
        (6, struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12), {"stun"}),
        (6, struct.pack(">HHI", 3, 8, 0x2112A442) + bytes(20), {"stun", "turn"}),
        (6, struct.pack(">HHI", 1, 0, 0x2112A443) + bytes(12), set()),
        (17, b"\x04\0\0\0" + bytes(4) + struct.pack("<Q", 900) + bytes(16), {"wireguard"}),
        (17, b"\x04\0\0\0" + bytes(4) + struct.pack("<Q", 2**40) + bytes(16), set()),
        (17, b"\x04\0\0\0" + bytes(4) + struct.pack("<Q", 900) + bytes(17), set()),
        (17, RESET + bytes(5), {"openvpn"}),
        (17, RESET + bytes(4) + b"\x01", set()),
        (17, RESET + bytes(20) + struct.pack(">II", 1, 0x6B07B2CB) + bytes(5), {"openvpn"}),
        (17, RESET + bytes(64) + struct.pack(">II", 1, 0x6B07B2CB) + bytes(5), {"openvpn"}),
        (17, RESET + struct.pack(">II", 1, 0x6B07B2CB) + bytes(37), {"openvpn"}),
        (17, RESET + struct.pack(">II", 0x0F000001, 0x6B07B2CB) + bytes(37), {"openvpn"}),
        (17, RESET + struct.pack(">II", 2, 0x6B07B2CB) + bytes(37), set()),
        (17, b"\x50" + RESET[1:] + struct.pack(">II", 1, 0x6B07B2CB) + bytes(320), {"openvpn"}),
        (6, b"\0\x0e" + RESET + bytes(5), {"openvpn"}),
        (6, b"\0\x0f" + RESET + bytes(5), set()),
    ],
)
def test_tunnels_and_relays_are_told_by_their_first_bytes(tmp_path: Path, protocol: int, payload: bytes, told: set[str]) -> None:
    transport = frames.udp(40000, 7000, payload) if protocol == 17 else frames.tcp(40000, 7000, 0x18, payload, seq=1)
    table = read(tmp_path, [(T0, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", protocol, transport)))])
    assert {name for name, bit in TELLS.items() if int(table["tells"][0]) & bit} == told


def test_parts_of_a_long_conversation_keep_what_it_began_with(tmp_path: Path) -> None:
    hello = b"\x01\0\0\0" + bytes(144)
    packets = [
        (T0 + n * 50 * S, frames.ether(udp4("10.0.0.5", "203.0.113.9", 40000, 51820, hello if n == 0 else b"x" * 99))) for n in range(8)
    ]
    table = read(tmp_path, packets, active=120.0)
    assert len(table) > 1
    assert all(int(t) & TELLS["wireguard"] for t in table["tells"])


def test_who_began_is_told_by_the_syn_then_ports_then_place(tmp_path: Path) -> None:
    answer = frames.ip4("203.0.113.9", "10.0.0.5", 6, frames.tcp(443, 50000, 0x12))
    late = frames.ip4("203.0.113.9", "10.0.0.6", 6, frames.tcp(443, 50000, 0x18, b"x"))
    (first,) = read(tmp_path, [(T0, frames.ether(answer))])
    assert first.source == "10.0.0.5"
    table = read(tmp_path, [(T0, frames.ether(late))])
    assert next(iter(table)).source == "10.0.0.6"
    assert int(table["quality"][0]) & QUALITY["swapped"]
    assert int(table["quality"][0]) & QUALITY["midstream"]


def test_lying_lengths_and_clocks_that_jump_are_counted(tmp_path: Path) -> None:
    lie = bytearray(udp4("10.0.0.5", "203.0.113.9", 40000, 2000))
    lie[2:4] = (9000).to_bytes(2, "big")
    table = read(tmp_path, [(T0, frames.ether(bytes(lie))), (T0 + 5 * S, frames.ether(udp4("10.0.0.5", "203.0.113.9", 40000, 2000)))])
    assert table.counters["lying_lengths"] == 1
    assert next(iter(table)).bytes_out == 48 + 48
    jump = [
        (T0 + 60 * S, frames.ether(udp4("10.0.0.5", "203.0.113.9", 40000, 2000))),
        (T0, frames.ether(udp4("10.0.0.5", "203.0.113.9", 40000, 2000))),
    ]
    table = read(tmp_path, jump)
    assert table.counters["clock_jumps"] == 1
    assert (int(table["end"][0]) - int(table["start"][0])) == 60 * S
    assert int(table["quality"][0]) & QUALITY["clock_jump"]
    assert len(read(tmp_path, [(T0 + 86_400 * S, jump[0][1]), jump[1]])) == 2


def test_serial_and_loopback_links_are_read(tmp_path: Path) -> None:
    packet = udp4("10.0.0.5", "203.0.113.9", 40000, 2000)
    wifi = b"\x08\x01\0\0" + frames.MAC_B + frames.MAC_A + frames.MAC_B + b"\0\0" + b"\xaa\xaa\x03\0\0\0\x08\0" + packet
    links = {
        0: b"\x02\0\0\0" + packet, 108: b"\0\0\0\x02" + packet, 9: b"\xff\x03\x00\x21" + packet, 104: b"\x0f\0\x08\0" + packet, 12: packet, 105: wifi,
        127: b"\0\0\x08\0\0\0\0\0" + wifi,
    }  # fmt: skip
    for link, data in links.items():
        path = tmp_path / f"{link}.pcap"
        path.write_bytes(frames.pcap([(T0, data)], link=link))
        assert [(f.source, f.destination_port, f.bytes_out) for f in capture.read(path)] == [("10.0.0.5", 2000, 48)], link
