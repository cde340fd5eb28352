"""What passes by becomes facts of the device that sent it; nothing is sent, and memory stays bounded."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netcam.collect import listen, repeats
from netcam.collect.listen import Ear
from netcam.model import Observation

CAM, PEER = bytes.fromhex("4419b6000020"), bytes.fromhex("020000000001")
CAM_IP, PEER_IP = bytes([192, 0, 2, 20]), bytes([192, 0, 2, 1])
ARP = b"\xff" * 6 + CAM + bytes.fromhex("08060001080006040002") + CAM + CAM_IP + PEER + PEER_IP


def ear() -> Ear:
    return Ear(site="hq", sensor="ear", scan="run")


def packet(source: bytes, target: bytes, protocol: int, body: bytes, *, mac: bytes = CAM, to: bytes = PEER, hops: int = 64) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, hops, protocol, 0) + source + target
    return to + mac + b"\x08\x00" + head + body


def tcp(source: bytes, sport: int, target: bytes, dport: int, data: bytes, *, sequence: int = 1, flags: int = 0x18) -> bytes:
    return packet(source, target, 6, struct.pack(">HHIIBBHHH", sport, dport, sequence, 0, 0x50, flags, 0, 0, 0) + data)


def udp(source: bytes, sport: int, target: bytes, dport: int, data: bytes, **how: bytes) -> bytes:
    return packet(source, target, 17, struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data, **how)


def heard(one: Ear, *frames: bytes, at: float = 1_700_000_000.0) -> set[tuple[str, str, str, str]]:
    found: list[Observation] = []
    for number, frame in enumerate(frames):
        found += one.hear(1, at + number, frame)
    found += one.rest()
    return {(seen.mac, seen.endpoint, seen.field, seen.value) for seen in found}


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\nContent-Length: 39\r\n\r\n<html><title>secret room</title></html>\n"
MAC = "44:19:b6:00:00:20"


def exchange(request: bytes) -> set[tuple[str, str, str, str]]:
    return heard(
        ear(), ARP, tcp(PEER_IP, 4000, CAM_IP, 80, request), tcp(CAM_IP, 80, PEER_IP, 4000, PAGE[:50]),
        tcp(CAM_IP, 80, PEER_IP, 4000, PAGE[50:], sequence=51),
    )  # fmt: skip


def test_a_page_that_anybody_may_read_gives_its_title_and_server_with_the_mac_that_arp_told() -> None:
    found = exchange(REQUEST)
    assert (MAC, "192.0.2.20", "mac", MAC) in found
    assert (MAC, "192.0.2.20:80", "http.server", "App-webs/") in found
    assert (MAC, "192.0.2.20:80", "http.title", "secret room") in found


@pytest.mark.parametrize("header", [b"Authorization: Basic eHg6eXk=", b"Cookie: session=1", b"cookie: a=b"])
def test_of_a_page_that_somebody_logged_in_to_see_only_the_header_fields_are_kept(header: bytes) -> None:
    found = exchange(REQUEST[:-2] + header + b"\r\n\r\n")
    assert (MAC, "192.0.2.20:80", "http.server", "App-webs/") in found
    assert not [one for one in found if "secret" in one[3] or one[2] in ("http.title", "http.body")]


def test_an_answer_whose_request_was_not_seen_gives_header_fields_only() -> None:
    found = heard(ear(), tcp(CAM_IP, 80, PEER_IP, 4000, PAGE))
    assert ("", "192.0.2.20:80", "http.server", "App-webs/") in found
    assert not [one for one in found if "secret" in one[3]]


def test_the_mac_of_a_router_is_not_taken_for_the_devices_behind_it() -> None:
    router = bytes.fromhex("4c5e0c000001")
    body = struct.pack(">HHIIBBHHH", 80, 4000, 1, 0, 0x50, 0x12, 0, 0, 0)
    far = bytes([198, 51, 100, 7])
    assert heard(ear(), packet(far, PEER_IP, 6, body, mac=router)) == {("", "198.51.100.7:80", "port.open", "80")}


def test_ssdp_rtsp_dhcp_and_lldp_are_heard() -> None:
    notify = (
        b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nSERVER: Linux UPnP/1.0 cam\r\n"
        b"USN: uuid:1::upnp:rootdevice\r\nLOCATION: http://192.0.2.20/d.xml\r\n\r\n"
    )
    rtsp = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: Hipcam RealServer/V1.0\r\nWWW-Authenticate: Basic realm="Hipcam"\r\n\r\n'
    boot = b"\x01\x01\x06\x00" + bytes(24) + CAM + bytes(202) + b"\x63\x82\x53\x63\x35\x01\x01\x0c\x05cam20\x3c\x04udhc\x37\x02\x01\x03\xff"
    lldp = b"\x02\x07\x04" + PEER + b"\x04\x06\x05port7\x06\x02\x00\x78\x0a\x06switch\x00\x00"
    found = heard(
        ear(), ARP, udp(CAM_IP, 1900, bytes([239, 255, 255, 250]), 1900, notify), tcp(CAM_IP, 554, PEER_IP, 4000, rtsp),
        udp(bytes(4), 68, b"\xff" * 4, 67, boot, to=b"\xff" * 6), bytes.fromhex("0180c200000e") + PEER + b"\x88\xcc" + lldp,
    )  # fmt: skip
    assert (MAC, "192.0.2.20:1900", "ssdp.server", "Linux UPnP/1.0 cam") in found
    assert (MAC, "192.0.2.20:554", "rtsp.realm", "Hipcam") in found
    assert (MAC, "", "dhcp.hostname", "cam20") in found
    assert (MAC, "", "dhcp.params", "1,3") in found
    assert ("02:00:00:00:00:01", "", "lldp.system_name", "switch") in found
    assert ("02:00:00:00:00:01", "", "lldp.port", "port7") in found


def test_a_fact_is_told_again_after_an_hour_and_not_before() -> None:
    one = ear()
    assert len(list(one.hear(1, 1000.0, ARP))) == 1
    assert list(one.hear(1, 4599.0, ARP)) == []
    assert len(list(one.hear(1, 4600.0, ARP))) == 1


def test_a_sender_that_changes_its_words_is_cut_off_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "MAX_DEVICE_FACTS", 10)
    one = ear()
    for number in range(30):
        answer = b"HTTP/1.1 200 OK\r\nServer: %d\r\n\r\n" % number
        list(one.hear(1, 1000.0, tcp(CAM_IP, 80, PEER_IP, 4000, answer)))
    list(one.rest())
    assert one.counters["facts"] == 10
    assert one.counters["facts_refused"] > 0


def test_memory_stays_bounded_under_a_flood_of_new_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MAX_REMEMBERED", 60)
    for name, bound in (("MAX_STREAMS", 50), ("MAX_NEIGHBOURS", 70)):
        monkeypatch.setattr(listen, name, bound)
    one = ear()
    for number in range(2000):
        address = bytes([10, 0, number >> 8, number & 255])
        list(one.hear(1, 1000.0, tcp(address, 80, PEER_IP, 4000, PAGE[:40])))
        list(one.hear(1, 1000.0, ARP[:28] + address + ARP[32:]))
    assert (len(one._streams), len(one._neighbours), len(one.addresses)) == (50, 70, 70)
    assert 50 < len(one._told) <= 60
    assert one._held == sum(len(stream.data) for stream in one._streams.values())


@example(link=1, data=b"", cut=47)
@settings(max_examples=300, deadline=None)
@given(link=st.sampled_from([1, 101, 113, 276, 12, 999]), data=st.binary(max_size=120), cut=st.integers(0, 200))
def test_any_packet_is_read_or_counted(link: int, data: bytes, cut: int) -> None:
    one = ear()
    for frame in (data, ARP[:cut] + data, tcp(CAM_IP, 80, PEER_IP, 9, PAGE)[:cut] + data, udp(CAM_IP, 1900, PEER_IP, 5353, data)):
        for seen in one.hear(link, 1000.0, frame):
            assert seen.mac or seen.address
    list(one.rest())


def test_the_far_end_of_a_conversation_is_no_device_of_the_site() -> None:
    near, far = [ip_network("192.0.2.0/24")], [ip_network("10.0.0.0/8")]
    for local, told in ((near, True), (far, False)):
        one = Ear(site="hq", sensor="ear", scan="run", local=local)
        seen = [*one.hear(1, 1000.0, tcp(CAM_IP, 80, PEER_IP, 9, PAGE)), *one.rest()]
        assert bool(seen) == told
        assert one.counters["outside"] == (0 if told else 1)
    one = Ear(site="hq", sensor="ear", scan="run", local=far)
    assert list(one.hear(1, 1000.0, ARP)), "who shows a MAC is on the link, whatever its address"


HERE = Path(__file__).resolve().parent


def inside(folder: Path, *command: str, pcap: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "netcam", "lab", "exec", "--no-traffic"]
    line += ["--pcap", str(pcap)] if pcap else []
    env = {**os.environ, "NETCAM_HOME": str(folder / "home")}
    return subprocess.run([*line, "--", *command], capture_output=True, text=True, env=env, timeout=900, check=False)


def devices(run: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    records = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    return {a: one for one in records if one["type"] == "device" for a in one["addresses"]}


@pytest.mark.lab
@pytest.mark.slow
def test_listen_names_the_cameras_of_a_day_on_which_nobody_swept(tmp_path: Path) -> None:
    pcap, store = tmp_path / "day.pcap", str(tmp_path / "s.sqlite")
    day = inside(tmp_path, sys.executable, str(HERE / "day.py"), "default", pcap=pcap)
    assert day.returncode == 0, day.stderr
    scan = ["netcam", "scan", "10.77.0.0/24", "--profile", "standard", "--format", "jsonl", "--store", str(tmp_path / "a.sqlite")]
    swept = devices(inside(tmp_path, *scan))
    run = subprocess.run(
        [sys.executable, "-m", "netcam", "listen", str(pcap), "--format", "jsonl", "--store", store],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = devices(run)
    cameras = [address for address, one in swept.items() if one["is_camera"]]
    named = [a for a in cameras if a in found and found[a]["is_camera"] and found[a]["maker"] == swept[a]["maker"]]
    assert len(cameras) > 20
    assert len(named) >= 0.9 * len(cameras), sorted(set(cameras) - set(named))


@pytest.mark.lab
@pytest.mark.parametrize(
    "words", [["listen", "--interface", "ear"], ["scan", "--profile", "passive", "--interface", "ear"]], ids=["listen", "scan"]
)
def test_listening_on_an_interface_sends_no_packet(tmp_path: Path, words: list[str]) -> None:
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", sys.executable, str(HERE / "silent.py"), str(tmp_path), *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["sent"] == 0
    assert "192.0.2.20" in told["heard"]
