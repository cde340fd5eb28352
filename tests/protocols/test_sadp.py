"""Hikvision SADP."""

import pytest
from drive import values

from netcam.errors import DecodeError
from netcam.protocols import never, sadp

NONCE = "13a888a9-f1b1-4020-ae9f-05607682d23b"

ANSWER = (  # values of a published capture, put into the documented skeleton
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n<ProbeMatch>\r\n<Uuid>e8ecfe09-0000-4000-8000-000000000000</Uuid>\r\n<Types>inquiry</Types>\r\n'
    b"<DeviceType>141945</DeviceType>\r\n<DeviceDescription>DS-2CD2385G1-I</DeviceDescription>\r\n"
    b"<DeviceSN>DS-2CD2385G1-I20200414AAWRE33842150</DeviceSN>\r\n<MAC>58-50-ed-1f-e3-85</MAC>\r\n<IPv4Address>192.168.124.40</IPv4Address>\r\n"
    b"<SoftwareVersion>V5.6.2build 190701</SoftwareVersion>\r\n<Activated>true</Activated>\r\n<DeviceLock>flase</DeviceLock>\r\n"
    b"<Salt>c2VjcmV0</Salt>\r\n</ProbeMatch>\r\n"
)


def test_the_question_is_the_documented_bytes() -> None:
    assert sadp.inquiry(NONCE) == (
        b'<?xml version="1.0" encoding="utf-8"?><Probe><Uuid>13A888A9-F1B1-4020-AE9F-05607682D23B</Uuid><Types>inquiry</Types></Probe>'
    )


def test_only_the_two_inquiries_can_be_encoded() -> None:
    verbs = {question.data.partition(b"<Types>")[2].partition(b"<")[0] for question in sadp.questions(NONCE)}
    assert verbs == {b"inquiry", b"inquiry_v32"}
    assert all(never.refuses(question.data) is None for question in sadp.questions(NONCE))
    for verb in ("reset", "activate", "update", "getcode"):
        with pytest.raises(ValueError):
            sadp.inquiry(NONCE, verb)


def test_an_answer_is_read_and_recovery_data_is_not_kept() -> None:
    assert values(list(sadp.parse(ANSWER))) == {
        "sadp.DeviceType": ["141945"],
        "sadp.DeviceDescription": ["DS-2CD2385G1-I"],
        "sadp.DeviceSN": ["DS-2CD2385G1-I20200414AAWRE33842150"],
        "sadp.MAC": ["58-50-ed-1f-e3-85"],
        "sadp.IPv4Address": ["192.168.124.40"],
        "sadp.SoftwareVersion": ["V5.6.2build 190701"],
        "sadp.Activated": ["true"],
        "sadp.DeviceLock": ["false"],
    }


def test_a_broken_answer_is_read_by_its_tags() -> None:
    found = values(list(sadp.parse(ANSWER.replace(b"</DeviceLock>", b"").replace(b"</ProbeMatch>", b""))))
    assert found["sadp.DeviceSN"] == ["DS-2CD2385G1-I20200414AAWRE33842150"]
    assert "sadp.Salt" not in found


@pytest.mark.parametrize(
    "data", [sadp.inquiry(NONCE), b"<ProbeMatch><Types>reset</Types><MAC>1</MAC></ProbeMatch>", b"<ProbeMatch/>", b"\x21\x02"]
)
def test_what_is_no_answer_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        sadp.parse(data)
