"""mDNS and DNS-SD."""

import struct

import pytest
from drive import values

from netcam.errors import DecodeError
from netcam.protocols import mdns


def _labels(*labels: bytes) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\x00"


def _answer() -> bytes:
    """Composed: PTR, SRV and TXT of an Axis camera with compression, as RFC 6763 section 12 lets a device answer."""
    message = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 2)
    kind = len(message)
    message += _labels(b"_axis-video", b"_tcp", b"local")
    instance = bytes([27]) + b"AXIS M5014 - ACCC8E3C0419 x" + struct.pack("!H", 0xC000 | kind)
    message += struct.pack("!2HIH", 12, 1, 120, len(instance))
    at = len(message)
    message += instance
    host = _labels(b"axis-accc8e3c0419", b"local")
    message += struct.pack("!H", 0xC000 | at) + struct.pack("!2HIH", 33, 0x8001, 120, 6 + len(host)) + struct.pack("!3H", 0, 0, 80) + host
    text = bytes([23]) + b"macaddress=ACCC8E3C0419" + bytes([4]) + b"flag" + b"\x00"
    return message + struct.pack("!H", 0xC000 | at) + struct.pack("!2HIH", 16, 0x8001, 120, len(text)) + text


def test_the_question_for_one_type_is_the_documented_bytes() -> None:
    expected = "000000000001000000000000" + "0b5f617869732d766964656f045f746370056c6f63616c00000c8001"
    assert mdns.question(["_axis-video._tcp"]).hex() == expected
    assert {question.host for question in mdns.questions("")} == {"224.0.0.251", "ff02::fb", "{unicast}"}


def test_an_answer_names_type_instance_host_and_keys() -> None:
    assert values(list(mdns.parse(_answer()))) == {
        "mdns.service": ["_axis-video._tcp"],
        "mdns.name": ["AXIS M5014 - ACCC8E3C0419 x"],
        "mdns.host": ["axis-accc8e3c0419.local"],
        "mdns.txt.macaddress": ["ACCC8E3C0419"],
    }


HEADER = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        mdns.question(),
        HEADER + b"\xc0\x0c" + struct.pack("!2HIH", 12, 1, 1, 2) + b"\xc0\x0c",
        HEADER + b"\xc0\xff" + bytes(20),
        HEADER + b"\x40abc" + bytes(20),
        HEADER + (b"\x3f" + b"a" * 63) * 5 + bytes(20),
        HEADER + b"\x01a\x00" + struct.pack("!2HIH", 16, 1, 1, 60_000),
        struct.pack("!6H", 0, 0x8403, 0, 0, 0, 0),
        struct.pack("!6H", 0, 0x8400, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF),
    ],
)
def test_what_is_no_answer_or_lies_about_itself_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        mdns.parse(data)


def test_an_answer_cut_anywhere_is_a_decode_error() -> None:
    whole = _answer()
    for end in range(len(whole)):
        with pytest.raises(DecodeError):
            mdns.parse(whole[:end])


def test_types_that_a_device_lists_are_asked_for_once_more_and_nothing_else() -> None:
    from netcam.model import Fact

    told = [
        Fact("mdns.service", t) for t in ("_workstation._tcp.local", "_http._tcp", "_axis-video._tcp", "not a type", "_x" * 60 + "._tcp")
    ]
    asked = mdns.follow(told)
    assert asked == mdns.question(["_workstation._tcp"])
    assert mdns.follow([]) == b""
    assert len(mdns.follow(Fact("mdns.service", f"_t{n}._tcp") for n in range(100))) < 512
