"""Every protocol that is named, as frames that pass by; answers are laid out by the lab's encoders, which netcam's codecs did not write."""

from __future__ import annotations

import contextlib
import struct
from datetime import UTC, datetime
from ipaddress import IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.collect.listen import Ear
from netcam.lab import answers
from netcam.lab import scenario as scenarios
from tests.passive.test_listen import ARP, CAM, CAM_IP, MAC, PEER, PEER_IP, ear, heard, packet, tcp, udp

LAB = {one.name: one for one in scenarios.load("default").devices}
GROUP = bytes([239, 255, 255, 250])


def with_field(found: set[tuple[str, str, str, str]], field: str) -> set[str]:
    return {value for _, _, name, value in found if name == field}


def six(source: str, target: str, kind: int, body: bytes, *, hops: int = 255) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(body), kind, hops) + IPv6Address(source).packed + IPv6Address(target).packed
    return PEER + CAM + b"\x86\xdd" + head + body


def test_neighbour_discovery_pairs_addresses() -> None:
    target = IPv6Address("2001:db8::20").packed
    advertisement = bytes([136, 0, 0, 0, 0x60, 0, 0, 0]) + target + bytes([2, 1]) + CAM
    solicitation = bytes([135, 0, 0, 0, 0, 0, 0, 0]) + IPv6Address("fe80::1").packed + bytes([1, 1]) + CAM
    found = heard(
        ear(), six("2001:db8::20", "fe80::2", 58, advertisement), six("fe80::4619:b6ff:fe00:20", "ff02::1:ff00:1", 58, solicitation)
    )
    assert {(mac, endpoint) for mac, endpoint, field, _ in found if field == "mac"} == {
        (MAC, "2001:db8::20"),
        (MAC, "fe80::4619:b6ff:fe00:20"),
    }
    # from beyond a router nobody can say who is a neighbour (RFC 4861 section 7.1)
    assert heard(ear(), six("2001:db8::20", "fe80::2", 58, advertisement, hops=64)) == set()


def test_dhcpv6_tells_identifier_class_and_name() -> None:
    duid = bytes.fromhex("00030001") + CAM
    options = (
        struct.pack(">HH", 1, len(duid))
        + duid
        + struct.pack(">HHIH", 16, 10, 1, 4)
        + b"IPC1"
        + struct.pack(">HH", 39, 10)
        + b"\x00\x08cam-gate"
    )
    body = struct.pack(">HHHH", 546, 547, 8 + 4 + len(options), 0) + b"\x01\x00\x00\x01" + options
    found = heard(ear(), six("fe80::20", "ff02::1:2", 17, body, hops=1))
    assert with_field(found, "dhcp.hostname") == {"cam-gate"}
    assert with_field(found, "dhcp.client_id") == {duid.hex()}
    assert with_field(found, "dhcp.vendor_class") == {"IPC1"}


def device(has: str) -> scenarios.Device:
    return next(one for one in LAB.values() if getattr(one, has))


def test_ws_discovery_hello_and_match() -> None:
    one = device("onvif")
    question = (
        b'<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        b'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header><w:MessageID>uuid:1</w:MessageID>'
        b"<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header><e:Body><d:Probe/></e:Body></e:Envelope>"
    )
    match = answers.ws_discovery(one, "192.0.2.20", question)[0]
    hello = match.replace(b"ProbeMatches", b"Hello").replace(b"<d:ProbeMatch>", b"").replace(b"</d:ProbeMatch>", b"")
    for data, sport, dport in ((match, 3702, 50000), (hello, 3702, 3702)):
        found = heard(ear(), udp(CAM_IP, sport, GROUP, dport, data, to=b"\x01\x00\x5e\x7f\xff\xfa"))
        assert with_field(found, "onvif.xaddr"), data
        assert heard(ear(), udp(PEER_IP, 50000, GROUP, 3702, question)) == set()  # a question tells nothing of a device


def test_sadp_over_udp_and_on_the_link() -> None:
    one = device("sadp")
    question = b'<?xml version="1.0" encoding="utf-8"?><Probe><Uuid>1</Uuid><Types>inquiry</Types></Probe>'
    answer = answers.sadp(one, "192.0.2.20", question)[0]
    found = heard(ear(), udp(CAM_IP, 37020, GROUP, 37020, answer, to=b"\x01\x00\x5e\x7f\xff\xfa"))
    assert with_field(found, "sadp.DeviceDescription") == {one.sadp["DeviceDescription"]}
    serial = b"DS-2CD2143G0-I20190923AAWR1"
    frame = struct.pack(
        ">BBBBIBBBBH6s4s6s4s4s", 0x21, 1, 1, 0xF6, 1, 6, 4, 2, 0, 0, CAM, CAM_IP, b"\xff" * 6, bytes(4), bytes(4)
    ) + serial.ljust(208, b"\0")
    found = heard(ear(), b"\xff" * 6 + CAM + b"\x80\x33" + frame)
    assert ("44:19:b6:00:00:20", "192.0.2.20", "sadp.DeviceSN", serial.decode()) in found


def test_dhip_mdns_and_ssdp_answers() -> None:
    one = device("dhip")
    head = struct.pack("<8sIIII", b"\x20\x00\x00\x00DHIP", 0, 0, 0, 0)
    question = b'{"method":"DHDiscover.search","params":{"mac":"","uni":1}}'
    asked = head[:16] + struct.pack("<IIII", len(question), 0, len(question), 0) + question
    for data in answers.dhip(one, "192.0.2.20", asked):
        found = heard(ear(), udp(CAM_IP, 37810, PEER_IP, 40000, data))
        assert any(field.startswith("dhip.") for _, _, field, _ in found)
    named = device("mdns")
    query = struct.pack(">6H", 0, 0, 1, 0, 0, 0) + b"\x09_services\x07_dns-sd\x04_udp\x05local\x00" + struct.pack(">HH", 12, 1)
    told = [data for one in LAB.values() if one.mdns for data in answers.mdns(one, "192.0.2.20", query)]
    assert told and named
    assert any(with_field(heard(ear(), udp(CAM_IP, 5353, bytes([224, 0, 0, 251]), 5353, data)), "mdns.service") for data in told)
    search = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n'
    answer = answers.ssdp(device("ssdp"), "192.0.2.20", search)[0]
    assert with_field(heard(ear(), udp(CAM_IP, 1900, PEER_IP, 40000, answer)), "ssdp.usn")
    notify = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\nSERVER: Linux UPnP/1.0 Cam/1\r\nNT: upnp:rootdevice\r\nUSN: uuid:7::upnp:rootdevice\r\nLOCATION: http://192.0.2.20/d.xml\r\n\r\n"
    assert with_field(heard(ear(), udp(CAM_IP, 1900, GROUP, 1900, notify, to=b"\x01\x00\x5e\x7f\xff\xfa")), "ssdp.server") == {
        "Linux UPnP/1.0 Cam/1"
    }


def test_a_certificate_in_flight_names_its_subject() -> None:
    import ssl

    from netcam.lab.certificates import old_tls

    server_in, server_out, client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    server = old_tls("CN=DS-2CD2143G0-I,O=Example", "CN=DS-2CD2143G0-I,O=Example").wrap_bio(server_in, server_out, server_side=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:@SECLEVEL=0")
    client = context.wrap_bio(client_in, client_out)
    sent = b""
    for _ in range(3):
        for end, out, into in ((client, client_out, server_in), (server, server_out, client_in)):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            data = out.read()
            sent += data if out is server_out else b""
            into.write(data)
    frames = [tcp(CAM_IP, 443, PEER_IP, 5000, sent[at : at + 1400], sequence=1 + at) for at in range(0, len(sent), 1400)]
    assert any("DS-2CD2143G0-I" in value for value in with_field(heard(ear(), ARP, *frames), "tls.subject"))


def test_a_packet_in_a_vlan_and_one_of_another_network_than_wanted() -> None:
    from ipaddress import ip_network

    tagged = ARP[:12] + b"\x81\x00\x00\x14" + ARP[12:]
    assert with_field(heard(ear(), tagged), "mac") == {MAC}
    narrow = Ear(site="hq", sensor="s", scan="r", networks=[ip_network("198.51.100.0/24")])
    assert heard(narrow, ARP) == set()


@pytest.mark.fuzz
@settings(max_examples=20_000, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([ARP, packet(CAM_IP, PEER_IP, 17, bytes(12)), tcp(CAM_IP, 80, PEER_IP, 9, b"HTTP/1.1 200 OK\r\n\r\n")]),
            st.integers(0, 200),
            st.binary(max_size=60),
        ),
        max_size=6,
    )
)
def test_mangled_frames_are_read_or_counted(parts: list[tuple[bytes, int, bytes]]) -> None:
    one = ear()
    for frame, at, junk in parts:
        for seen in one.hear(1, 1_700_000_000.0, frame[:at] + junk + frame[at + len(junk) :]):
            assert seen.at == datetime.fromtimestamp(1_700_000_000, UTC)
    list(one.rest())


class Thorough(Ear):
    """Looks into every frame."""

    def _wants(self, data: bytes) -> bool:
        return True


PAGE_PARTS = [
    b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\n\r\n",
    b"<title>a",
    b"</title>",
    b"\x80rtp",
    b"RTSP/1.0 200 OK\r\nServer: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"",
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from([80, 554, 1900, 5353, 9999, 68]),
            st.sampled_from(PAGE_PARTS),
            st.sampled_from([0x10, 0x18, 0x11, 0x12, 0x04]),
            st.booleans(),
        ),
        max_size=14,
    )
)
def test_what_is_passed_over_unread_would_have_told_nothing(sent: list[tuple[bool, int, bytes, int, bool]]) -> None:
    quick, thorough = ear(), Thorough(site="hq", sensor="ear", scan="run")
    frames, sequence = [ARP], 1
    for out, port, data, flags, datagram in sent:
        ends = (CAM_IP, port, PEER_IP, 4000) if out else (PEER_IP, 4000, CAM_IP, port)
        frames.append(udp(*ends, data) if datagram else tcp(*ends, data, sequence=sequence, flags=flags))
        frames[-1] = frames[-1].ljust(60, b"\0")
        sequence += len(data) if out and not datagram else 0
    assert heard(quick, *frames) == heard(thorough, *frames)
