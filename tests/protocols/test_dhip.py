"""Dahua device search."""

import struct

import pytest
from drive import values

from netcam.errors import DecodeError
from netcam.protocols import dhip, never

BODY = (  # members and values of a published capture
    b'{"mac":"08:ed:ed:87:42:7a","method":"client.notifyDevInfo","params":{"deviceInfo":{"DeviceType":"IPC-HDW1431T1-S4","Init":2714,'
    b'"IPv4Address":{"DhcpEnable":true,"IPAddress":"192.0.2.20"},"IPv6Address":{"DefaultGateway":null,"IPAddress":"\\/0"},'
    b'"SerialNo":"6C01E93PAG69A7D","Vendor":"Private","Version":"2.800.0000000.13.R"}}}\n'
)


def _framed(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return struct.pack("<I4s6I", 32, b"DHIP", 0, 0, size, 0, size, 0) + body


def test_the_search_is_the_documented_bytes() -> None:
    assert dhip.search()[:32].hex() == "20000000444849500000000000000000490000000000000049000000" + "00000000"
    assert len(dhip.search()) == 32 + 73
    assert all(never.refuses(question.data) is None for question in dhip.questions(""))


def test_an_answer_is_read() -> None:
    assert values(list(dhip.parse(_framed(BODY)))) == {
        "dhip.mac": ["08:ed:ed:87:42:7a"],
        "dhip.DeviceType": ["IPC-HDW1431T1-S4"],
        "dhip.Init": ["2714"],
        "dhip.IPv4Address.DhcpEnable": ["true"],
        "dhip.IPv4Address.IPAddress": ["192.0.2.20"],
        "dhip.IPv6Address.IPAddress": ["/0"],
        "dhip.SerialNo": ["6C01E93PAG69A7D"],
        "dhip.Vendor": ["Private"],
        "dhip.Version": ["2.800.0000000.13.R"],
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        dhip.search(),
        _framed(BODY, len(BODY) + 1),
        _framed(BODY, 0xFFFFFFFF),
        BODY,
        _framed(b"[" * 9000),
        _framed(b'{"method":"client.notifyDevInfo","params":' + b'{"a":' * 12 + b"1" + b"}" * 13),
        _framed(b'{"method":"client.notifyDevInfo","params":[]}'),
        _framed(b"1" * 6000),
    ],
)
def test_what_is_no_answer_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        dhip.parse(data)
