"""Device searches of single makers. Answers are laid out by hand from published layouts and sample values, as each comment says."""

from __future__ import annotations

import json
import struct

import pytest
from drive import values

from netcam.errors import DecodeError
from netcam.protocols import (
    bosch,
    dahua5050,
    dhip,
    foscam,
    gvcp,
    hanwha,
    miio,
    never,
    panasonic,
    pppp,
    reolink,
    sadp,
    sony,
    tplink,
    tvt,
    ubiquiti,
    vivotek,
    xm,
)

MAC = bytes.fromhex("dc2919e2743c")
IP = bytes([192, 0, 2, 40])


def _put(size: int, **at: bytes) -> bytes:
    """Zeros with parts at the offsets that the names give in hex: `x38=...`."""
    made = bytearray(size)
    for name, part in at.items():
        start = int(name[1:], 16)
        made[start : start + len(part)] = part
    return bytes(made)


# values of a published capture (Besder camera investigation); the header as documented
XM_BODY = json.dumps(
    {
        "NetWork.NetCommon": {
            "HostIP": "0x0101A8C0", "MAC": "dc:29:19:e2:74:3c", "HostName": "camera_743c", "SN": "09d53d540f99b818",
            "Version": "V5.00.R02.00030747.10010.349f17.0000000", "ChannelNum": 1, "TCPPort": 34567,
        },
        "Ret": 100,
        "SessionID": "0x00000000",
    }
).encode() + b"\n\x00"  # fmt: skip
XM = bytes.fromhex("ff01000100000000000000000000fb05") + struct.pack("<I", len(XM_BODY)) + XM_BODY

_NAMES = b"00:11:22:33:44:55" + b"IPC-HF3101"
_LINES = b"Name:YZC0GZ05100020\r\nDevice:IPC-HF3101\r\n\r\nIPv6Addr:fe80::1/64;gateway:fe80::\r\nSerialNo:YZC0GZ05100020\r\n"
# layout confirmed by two clients; values made up in the shape they document
DAHUA5050 = (
    _put(0x78, x0=b"\xb3", x2=bytes([len(_NAMES)]), x4=b"\x58", x10=b"\x02", x14=struct.pack("<H", len(_LINES)), x28=b"IPC-HF3101", x38=IP,
         x62=struct.pack("<H", 37777))
    + _NAMES + _LINES
)  # fmt: skip

# layout of a published vendor header; model and manufacturer of a published capture, the password field filled to see that it is left
TVT = _put(
    240, x0=b"MHED", x4=b"\x08\x00\x01\x00", x8=b"\x02", xc=b"DVR", x20=MAC, x26=struct.pack("<H", 6036), x28=IP,
    x34=bytes.fromhex("000a0401"), x38=struct.pack("<I", 20230615), x3c=struct.pack("<H", 80), x54=b"topsecret", xc4=b"DCN-BM8127AIN", xd4=b"DVC",
)  # fmt: skip

# layout of one client
HANWHA = _put(262, x0=b"\x0b", x13=b"00:09:18:01:02:03", x25=b"192.0.2.40", x6d=b"SNB-6004", x85=b"http://192.0.2.40/")

# the sample of the published client, its placeholders filled
VIVOTEK = (
    bytes.fromhex("024a5d8f1c 0111") + b"Virtual-Virtual-1" + b"\x02\x06" + MAC + b"\x03\x04" + IP + bytes.fromhex("041b 06025000 0802")
    + b"en\x09\x07Virtual"
)  # fmt: skip

# layout confirmed by two clients
_FOSCAM = _put(
    88 - 0x17, x0=b"DC2919E2743C", xd=b"cam one", x22=IP, x32=b"\x01\x02\x03\x04", x36=bytes([11, 37, 2, 49]), x3a=bytes([2, 4, 10, 1]), x3e=b"\x00\x50"
)  # fmt: skip
FOSCAM = b"MO_I\x01\x00" + bytes(9) + b"\x41" + bytes(7) + _FOSCAM
_KEY = bytes.fromhex("1122334455667788")
FOSCAM_CIPHERED = b"MO_I\x01\x00\x01" + _KEY + b"\x41" + bytes(7) + bytes(b ^ _KEY[n % 8] for n, b in enumerate(_FOSCAM))


def _tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


# values of a published capture (i-PRO X22700-V2L)
_REGION = (
    _tlv(0x00, b"\x00\x02") + _tlv(0x20, bytes([192, 168, 1, 101])) + _tlv(0x25, struct.pack(">H", 443)) + _tlv(0x40, bytes(16))
    + _tlv(0xA7, b"WV-X22700-V2L\x00\x00\x00") + _tlv(0xA8, b"X22700-V2L\x00") + _tlv(0xA9, b"3.67\x00") + _tlv(0xD1, b"XBV30463")
)  # fmt: skip
PANASONIC = (
    struct.pack(">HHH", 1, len(_REGION), 0x0E) + bytes.fromhex("d42dc52a8d13") + b"\xff" * 6 + bytes(6) + bytes.fromhex("20111e11231f1e1913")
    + b"\x00\x00\x02\x02\x02" + bytes(10) + _REGION + b"\xff\xff\x00\x00"
)  # fmt: skip

# units in the documented order
SONY = b"\x02MAC:08-00-46-01-02-03\xffMODEL:SNC-CH110\xffSERIAL:500123\xffINFO:allinfo\xffIPADR:192.0.2.40\xffWEBPORT:80\xffSOFTVERSION:3.0.0\xff\x03"

# layouts of one client
BOSCH = _put(32, x0=bytes.fromhex("9939a427"), x8=MAC, x10=IP)
BOSCH_XML = (
    b'<?xml version="1.0"?><root xmlns="OEMExt00:device-1-0"><device><friendlyName>Dome</friendlyName><serialNumber>044123</serialNumber>'
    b"<physAddress>00-07-5f-01-02-03</physAddress><unitIPAddress>192.0.2.40</unitIPAddress><RCPPort>1756</RCPPort></device></root>"
)


def _short(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


# values of a published capture (UP Chime PoE)
_CHIME = (
    _short(0x0C, b"UP Chime PoE")
    + _short(0x0B, b"UP Chime PoE-0DBA69")
    + _short(2, MAC + IP)
    + _short(3, b"UP.esp32.v1.7.20")
    + _short(0x17, b"\x00")
)
UBIQUITI = b"\x01\x00" + struct.pack(">H", len(_CHIME)) + _CHIME

# layout of one author and a dissector's notes
REOLINK = _put(
    388,
    x3a=b"IPC",
    x50=MAC,
    x68=bytes.fromhex("aaaa0000"),
    x6c=b"192.0.2.40",
    x80=bytes.fromhex("28230000"),
    x84=b"Yard",
    xe4=b"95270000ABCDEFGH",
)

MIIO = bytes.fromhex("21310020 00000000 03a1b2c3 00012345") + b"K" * 16
PPPP = bytes.fromhex("f1410014") + b"VSTB\x00\x00\x00\x00" + struct.pack(">I", 123456) + b"ABCDE\x00\x00\x00"
# layout confirmed by two clients
GVCP = bytes.fromhex("0000000300f80001") + _put(
    0xF8, x0=b"\x00\x01", xa=MAC, x24=IP, x48=b"Basler", x68=b"acA1300-30gc", x88=b"106754-15", xd8=b"21234567", xe8=b"line 1"
)
KASA = tplink.enciphered(
    b'{"system":{"get_sysinfo":{"model":"KC120(EU)","dev_name":"Kasa Cam","mac":"F0:A7:31:01:02:03","alias":"Nursery","latitude":1}}}'
)
# values of a published capture (Tapo C100)
_TAPO = json.dumps(
    {
        "result": {
            "device_model": "C100", "device_type": "SMART.IPCAMERA", "firmware_version": "1.3.14 Build 240513 Rel.43631n(5553)",
            "mac": "F0-A7-31-01-02-03", "owner": "5F3A", "device_name": "Nursery", "device_id": "8021",
        },
        "error_code": 0,
    }
).encode()  # fmt: skip
TAPO = bytes.fromhex("02000001") + struct.pack(">H", len(_TAPO)) + bytes(10) + _TAPO

ANSWERS = [
    XM, DAHUA5050, TVT, HANWHA, VIVOTEK, FOSCAM, FOSCAM_CIPHERED, PANASONIC, SONY, BOSCH, BOSCH_XML, UBIQUITI, REOLINK, MIIO, PPPP, GVCP, KASA,
    TAPO,
]  # fmt: skip

READ = [
    (xm, XM, {"xm.HostIP": "192.168.1.1", "xm.MAC": "dc:29:19:e2:74:3c", "xm.Version": "V5.00.R02.00030747.10010.349f17.0000000"}),
    (
        dahua5050, DAHUA5050,
        {"dahua5050.mac": "00:11:22:33:44:55", "dahua5050.model": "IPC-HF3101", "dahua5050.serial": "YZC0GZ05100020", "dahua5050.ipv6": "fe80::1",
         "dahua5050.ip": "192.0.2.40", "dahua5050.port": "37777"},
    ),
    (
        tvt, TVT,
        {"tvt.name": "DVR", "tvt.mac": "dc:29:19:e2:74:3c", "tvt.firmware": "1.4.10.0", "tvt.build": "20230615", "tvt.model": "DCN-BM8127AIN",
         "tvt.manufacturer": "DVC"},
    ),
    (hanwha, HANWHA, {"hanwha.mac": "00:09:18:01:02:03", "hanwha.model": "SNB-6004", "hanwha.ip": "192.0.2.40"}),
    (vivotek, VIVOTEK, {"vivotek.name": "Virtual-Virtual-1", "vivotek.model": "Virtual", "vivotek.port": "80", "vivotek.ip": "192.0.2.40"}),
    (foscam, FOSCAM, {"foscam.mac": "dc:29:19:e2:74:3c", "foscam.name": "cam one", "foscam.firmware": "11.37.2.49", "foscam.port": "80"}),
    (foscam, FOSCAM_CIPHERED, {"foscam.mac": "dc:29:19:e2:74:3c", "foscam.ip": "192.0.2.40", "foscam.web_version": "2.4.10.1"}),
    (
        panasonic, PANASONIC,
        {"panasonic.mac": "d4:2d:c5:2a:8d:13", "panasonic.ip": "192.168.1.101", "panasonic.name": "WV-X22700-V2L", "panasonic.model": "X22700-V2L",
         "panasonic.firmware": "3.67", "panasonic.serial": "XBV30463", "panasonic.password_set": "true", "panasonic.port": "443"},
    ),
    (sony, SONY, {"sony.MODEL": "SNC-CH110", "sony.SOFTVERSION": "3.0.0", "sony.IPADR": "192.0.2.40"}),
    (bosch, BOSCH, {"bosch.mac": "dc:29:19:e2:74:3c", "bosch.ip": "192.0.2.40"}),
    (bosch, BOSCH_XML, {"bosch.friendlyName": "Dome", "bosch.serialNumber": "044123", "bosch.physAddress": "00-07-5f-01-02-03"}),
    (ubiquiti, UBIQUITI, {"ubiquiti.platform": "UP Chime PoE", "ubiquiti.firmware": "UP.esp32.v1.7.20", "ubiquiti.mac": "dc:29:19:e2:74:3c"}),
    (reolink, REOLINK, {"reolink.identifier": "IPC", "reolink.mac": "dc:29:19:e2:74:3c", "reolink.name": "Yard", "reolink.ip": "192.0.2.40"}),
    (miio, MIIO, {"miio.device_id": "60928707"}),
    (pppp, PPPP, {"pppp.prefix": "VSTB"}),
    (gvcp, GVCP, {"gvcp.manufacturer": "Basler", "gvcp.model": "acA1300-30gc", "gvcp.serial": "21234567", "gvcp.ip": "192.0.2.40"}),
    (tplink, KASA, {"tplink.model": "KC120(EU)", "tplink.mac": "F0:A7:31:01:02:03"}),
    (tplink, TAPO, {"tplink.device_model": "C100", "tplink.device_type": "SMART.IPCAMERA"}),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "answer", "expected"), READ)
def test_an_answer_is_read(codec, answer, expected) -> None:  # type: ignore[no-untyped-def]
    found = values(list(codec.parse(answer)))
    assert {field: found.get(field) for field in expected} == {field: [value] for field, value in expected.items()}


@pytest.mark.parametrize(("codec", "answer", "_"), READ)
def test_an_answer_cut_short_is_a_decode_error_or_fewer_facts(codec, answer, _) -> None:  # type: ignore[no-untyped-def]
    whole = len(list(codec.parse(answer)))
    for length in range(0, len(answer), 3):
        try:
            assert len(list(codec.parse(answer[:length]))) <= whole
        except DecodeError:
            continue


def test_questions_are_the_documented_bytes() -> None:
    assert xm.search().hex() == "ff00000000000000000000000000fa0500000000"
    assert tplink.kasa().hex(" ").startswith("d0 f2 81 f8 8b ff 9a f7 d5 ef 94 b6 d1 b4 c0 9f")
    assert tplink.tdp().hex() == "020000010000000000000000463cb5d3"
    # the published 94 bytes of the official tool, checksum included
    official = panasonic.search(bytes.fromhex("a029193eab91"), bytes([192, 168, 1, 121]))
    assert official.hex() == (
        "0001002a000d000000000000a029193eab91c0a80179000020111e11231f1e1913000002010000000000000000000000"
        "fff00026002000210022002300250028004000410042004400a500a600a700a800ad00b300b400b700b8ffff1170"
    )
    assert len(foscam.search()) == 27
    assert len(hanwha.search()) == 262
    assert len(tvt.search()) == 140


SECRETS = [
    (xm, XM, b"09d53d540f99b818"),
    (tvt, TVT, b"topsecret"),
    (reolink, REOLINK, b"95270000ABCDEFGH"),
    (miio, MIIO, b"KKKK"),
    (pppp, PPPP, b"ABCDE"),
    (tplink, TAPO, b"5F3A"),
    (sadp, b"<ProbeMatch><MAC>1</MAC><Salt>c2VjcmV0</Salt></ProbeMatch>", b"c2VjcmV0"),
]


@pytest.mark.parametrize(("codec", "answer", "secret"), SECRETS)
def test_what_must_never_be_stored_is_in_no_fact_and_not_in_the_kept_bytes(codec, answer, secret) -> None:  # type: ignore[no-untyped-def]
    assert secret in answer
    assert secret not in codec.DISCOVERY.redact(answer)
    assert all(secret.decode() not in fact.value for fact in codec.parse(answer))


def test_what_people_named_is_not_kept_of_a_tp_link_answer() -> None:
    assert not {"tplink.alias", "tplink.latitude", "tplink.owner", "tplink.device_name"} & set(
        values([*tplink.parse(KASA), *tplink.parse(TAPO)])
    )


CHANGES = [
    bytes.fromhex("ff00000000000000000000000000fc0500000000"),
    bytes.fromhex("ff00000000000000000000000000fa0502000000") + b"{}",
    tvt.search()[:8] + b"\x03" + bytes(131),
    tvt.search()[:8] + b"\x0c" + bytes(131),
    b"MO_I\x02\x00" + bytes(21),
    panasonic.search()[:4] + b"\x00\x02" + panasonic.search()[6:],
    panasonic.search()[:4] + b"\x00\x04" + panasonic.search()[6:],
    b"\x02SETMAC:08-00-46-01-02-03\xff\x03",
    bytes.fromhex("f1410014") + bytes(20),
    bytes.fromhex("4201008200080001") + bytes(8),
    bytes.fromhex("21310040") + bytes(60),
]


@pytest.mark.parametrize("message", CHANGES)
def test_the_never_list_refuses_the_verbs_of_these_protocols_that_change_a_device(message: bytes) -> None:
    assert never.refuses(message)


def test_a_dahua_answer_that_nests_without_end_is_refused_without_recursion() -> None:
    body = b'{"params":' * 4000
    with pytest.raises(DecodeError):
        dhip.parse(struct.pack("<I4s6I", 32, b"DHIP", 0, 0, len(body), 0, len(body), 0) + body)
