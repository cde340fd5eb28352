"""What is heard on a link or told by a greeting, SNMP, Axis properties. Laid out from the standards; values as the comments say."""

from __future__ import annotations

import json
import struct

import pytest
from drive import run, values

from netcam.errors import DecodeError
from netcam.protocols import axis, ber, cdp, dhcp, greeting, lldp, never, sadp_link, snmp
from netcam.protocols.commands import Target

MAC = bytes.fromhex("b8a44f2f01d9")


def _lldp(*parts: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack(">H", kind << 9 | len(value)) + value for kind, value in parts)


# system name and description of a published Axis capture (LibreNMS test data)
LLDP = _lldp(
    (1, b"\x04" + MAC),
    (2, b"\x03" + MAC),
    (3, b"\x00\x78"),
    (5, b"axis-b8a44f2f01d9"),
    (6, b"AXIS P1448-LE Network Camera 10.6.0"),
    (0, b""),
)
CDP = cdp.SNAP + bytes.fromhex("02b40000") + b"".join(
    struct.pack(">HH", kind, len(value) + 4) + value for kind, value in ((1, b"cam-1"), (5, b"10.6.0"), (6, b"AXIS P1448-LE"))
)  # fmt: skip
# option values of recog's Axis examples and of Satori's fingerprints
DHCP = (
    bytes([1, 1, 6, 0]) + bytes(24) + MAC + bytes(202) + bytes.fromhex("63825363") + b"\x35\x01\x01\x3c\x15AXIS,Network Camera,P"
    + b"\x3c\x0b3343,5.20.3" + b"\x0c\x11axis-b8a44f2f01d9" + b"\x37\x07" + bytes([1, 3, 6, 12, 15, 28, 42]) + b"\x00\xff"
)  # fmt: skip


def _sadp(op: int) -> bytes:
    """An answer in the documented layout with the values of a published capture."""
    body = bytearray(208)
    for at, value in ((0, b"DS-2CD2385G1-I20200414AAWRE33842150"), (48, struct.pack(">II", 141945, 8000)), (64, b"V5.6.2build 190701"),
                      (112, b"V7.3 build 190626"), (160, b"1970-01-15 02:44:11")):  # fmt: skip
        body[at : at + len(value)] = value
    head = bytearray(sadp_link.inquiry(bytes.fromhex("5850ed1fe385"), bytes([192, 168, 124, 40]), 7)[:0x26])
    head[3], head[0x0A] = 0xF6, op
    return bytes(head + body)


SADP = _sadp(4)


def _snmp() -> bytes:
    """A response (RFC 3416) with the sysDescr of a published Axis example."""
    pairs = [
        ("1.3.6.1.2.1.1.1.0", ber.made(ber.OCTETS, b"; AXIS P1455-LE; Network Camera; 11.10.61; Apr 18 2024 18:48; 951.2; 1")),
        ("1.3.6.1.2.1.1.2.0", ber.oid("1.3.6.1.4.1.368.1.1")),
        ("1.3.6.1.2.1.1.5.0", b"\x82\x00"),
        ("1.3.6.1.4.1.39165.1.1.0", ber.made(ber.OCTETS, b"DS-2CD2185FWD-I")),
    ]
    bindings = b"".join(ber.made(ber.SEQUENCE, ber.oid(name) + value) for name, value in pairs)
    pdu = ber.integer(77) + ber.integer(0) + ber.integer(0) + ber.made(ber.SEQUENCE, bindings)
    return ber.made(ber.SEQUENCE, ber.integer(1) + ber.made(ber.OCTETS, b"s3cret") + ber.made(0xA2, pdu))


SNMP = _snmp()
PROPERTIES = json.dumps(
    {
        "apiVersion": "1.0",
        "data": {"propertyList": {"Brand": "AXIS", "ProdNbr": "P1448-LE", "Version": "10.6.0", "SerialNumber": "B8A44F2F01D9"}},
    }
).encode()
TELNET = bytes.fromhex("fffd01fffd1ffffb01fffb03") + b"\r\nHDIPCam login: "
FTP = b"220-Welcome\r\n220 AXIS 212 PTZ Network Camera 4.40 (2007) ready.\r\n"
ANSWERS = [LLDP, CDP, DHCP, SADP, SNMP, PROPERTIES, TELNET, FTP]


def test_lldp_med_inventory_is_read() -> None:
    inventory = [(5, b"7BF"), (6, b"9.80.3"), (8, b"B8A44F2F01D9"), (9, b"Axis"), (10, b"P1448-LE\0"), (11, b"asset of the owner")]
    told = values(
        lldp.parse(_lldp(*[(1, b"\x07x"), (2, b"\x07y"), (3, b"\0\x78")], *((127, b"\x00\x12\xbb" + bytes([k]) + v) for k, v in inventory)))
    )
    assert told["lldp.manufacturer"] == ["Axis"]
    assert told["lldp.model"] == ["P1448-LE"]
    assert told["lldp.firmware"] == ["9.80.3"]
    assert told["lldp.serial"] == ["B8A44F2F01D9"]
    assert not any("asset" in value for several in told.values() for value in several)


def test_lldp_tells_who_a_device_says_it_is() -> None:
    assert values(lldp.parse(LLDP)) == {
        "lldp.chassis": ["b8:a4:4f:2f:01:d9"],
        "mac": ["b8:a4:4f:2f:01:d9"],
        "lldp.port": ["b8:a4:4f:2f:01:d9"],
        "lldp.system_name": ["axis-b8a44f2f01d9"],
        "lldp.system_description": ["AXIS P1448-LE Network Camera 10.6.0"],
    }


def test_lldp_that_does_not_begin_with_its_three_duties_is_none() -> None:
    with pytest.raises(DecodeError):
        lldp.parse(_lldp((5, b"axis"), (0, b"")))


def test_cdp_tells_platform_and_version() -> None:
    assert values(cdp.parse(CDP)) == {"cdp.device_id": ["cam-1"], "cdp.version": ["10.6.0"], "cdp.platform": ["AXIS P1448-LE"]}


def test_a_cdp_length_below_its_own_header_does_not_loop() -> None:
    with pytest.raises(DecodeError):
        cdp.parse(cdp.SNAP + bytes.fromhex("02b40000 0001 0000") + bytes(64))


def test_dhcp_joins_split_options_and_keeps_the_order_of_parameters() -> None:
    assert values(dhcp.parse(DHCP)) == {
        "mac": ["b8:a4:4f:2f:01:d9"],
        "dhcp.vendor_class": ["AXIS,Network Camera,P3343,5.20.3"],
        "dhcp.hostname": ["axis-b8a44f2f01d9"],
        "dhcp.params": ["1,3,6,12,15,28,42"],
    }


def test_a_dhcp_servers_message_is_not_taken_for_a_client() -> None:
    with pytest.raises(DecodeError):
        dhcp.parse(b"\x02" + DHCP[1:])


def test_the_sadp_inquiry_on_the_link_has_the_documented_checksum() -> None:
    frame = sadp_link.inquiry(bytes.fromhex("020000000001"), bytes([192, 0, 2, 10]), 0x115E)
    assert frame[0x0C:0x0E].hex() == "4dff"
    assert len(frame) == frame[3]
    assert never.refuses(frame) is None


@pytest.mark.parametrize("op", [2, 4])
def test_a_sadp_answer_on_the_link_is_read(op: int) -> None:
    found = values(sadp_link.parse(_sadp(op)))
    assert found["sadp.DeviceSN"] == ["DS-2CD2385G1-I20200414AAWRE33842150"]
    assert found["sadp.SoftwareVersion"] == ["V5.6.2build 190701"]
    assert found["sadp.MAC"] == ["58:50:ed:1f:e3:85"]
    assert found["sadp.IPv4Address"] == ["192.168.124.40"]


@pytest.mark.parametrize("op", [0, 1, 3, 5, 6, 7, 0x0A, 0x0C, 0x10])
def test_other_sadp_operations_are_neither_read_nor_let_out(op: int) -> None:
    with pytest.raises(DecodeError):
        sadp_link.parse(_sadp(op))
    assert op == 3 or never.refuses(_sadp(op))


def test_snmp_asks_three_objects_and_never_guesses_a_community() -> None:
    asked = snmp.question("s3cret", 77)
    # the first object's bytes as RFC 1157 encoders write them
    assert bytes.fromhex("06082b06010201010100 0500") in asked
    assert asked.count(b"\x30\x0c\x06\x08") == 3
    with pytest.raises(ValueError):
        snmp.question("", 77)
    with pytest.raises(DecodeError):
        snmp.parse(asked)


def test_an_snmp_response_is_read_without_its_community() -> None:
    found = values(snmp.parse(SNMP))
    assert found == {
        "snmp.sysdescr": ["; AXIS P1455-LE; Network Camera; 11.10.61; Apr 18 2024 18:48; 951.2; 1"],
        "snmp.sysobjectid": ["1.3.6.1.4.1.368.1.1"],
        "snmp.oid.1.3.6.1.4.1.39165.1.1.0": ["DS-2CD2185FWD-I"],
    }
    assert b"s3cret" not in snmp.redact(SNMP)


@pytest.mark.parametrize(
    ("port", "said", "field", "banner"),
    [
        (22, b"SSH-2.0-dropbear_2016.74\r\nmore", "ssh.banner", "SSH-2.0-dropbear_2016.74"),
        (21, FTP, "ftp.banner", FTP.decode().strip()),
        (25, b"220 cam ESMTP\r\n", "smtp.banner", "220 cam ESMTP"),
        (23, TELNET, "telnet.banner", "HDIPCam login:"),
    ],
)
def test_a_greeting_is_read_and_nothing_is_sent(port: int, said: bytes, field: str, banner: str) -> None:
    facts, sent = run(greeting.talk(Target("192.0.2.7", port)), [], greeting=said)
    assert values(facts) == {field: [banner]}
    assert sent == b""


def test_a_service_that_says_nothing_has_no_facts() -> None:
    assert run(greeting.talk(Target("192.0.2.7", 22)), [])[0] == []


def test_axis_properties_are_asked_once_and_a_401_ends_it() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(PROPERTIES)
    facts, sent = run(axis.properties(Target("192.0.2.7", 80)), [head + PROPERTIES])
    assert values(facts)["axis.ProdNbr"] == ["P1448-LE"]
    assert sent.count(b"POST") == 1
    assert never.refuses(sent) is None
    with pytest.raises(DecodeError):
        run(axis.properties(Target("192.0.2.7", 80)), [b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="AXIS"\r\n\r\n'])
