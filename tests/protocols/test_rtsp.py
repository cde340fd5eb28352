"""RTSP before login."""

import pytest
from drive import run, values

from netcam.errors import DecodeError
from netcam.protocols import rtsp
from netcam.protocols.commands import Target

OPTIONS = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, PLAY\r\nDate:  Thu, Jan 01 1970 00:00:00 GMT\r\n\r\n"
DENIED = (  # composed in the shape of Hikvision cameras
    b'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm="IP Camera(C2183)", nonce="71", stale="FALSE"\r\n'
    b'WWW-Authenticate: Basic realm="IP Camera(C2183)"\r\n\r\n'
)


def test_options_then_describe_and_a_401_ends_it() -> None:
    facts, sent = run(rtsp.talk(Target("192.0.2.7", 554)), [OPTIONS, DENIED])
    found = values(facts)
    assert sent == (
        b"OPTIONS rtsp://192.0.2.7:554/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        b"DESCRIBE rtsp://192.0.2.7:554/ RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n"
    )
    assert found == {"rtsp.status": ["200", "401"], "rtsp.public": ["OPTIONS, DESCRIBE, PLAY"], "rtsp.realm": ["IP Camera(C2183)"]}


def test_a_session_description_is_read() -> None:
    sdp = b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=Media Presentation\r\na=tool:LIVE555 Streaming Media v2014.05.27\r\n"
    sdp += b"a=Media_header:MEDIAINFO=494D4B48;\r\n"
    answer = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nServer: Rtsp Server/3.0\r\nContent-Length: %d\r\n\r\n" % len(sdp) + sdp
    facts, _ = run(rtsp.talk(Target("192.0.2.7", 554)), [OPTIONS, answer])
    found = values(facts)
    assert found["rtsp.server"] == ["Rtsp Server/3.0"]
    assert found["rtsp.sdp.s"] == ["Media Presentation"]
    assert found["rtsp.sdp.tool"] == ["LIVE555 Streaming Media v2014.05.27"]
    assert found["rtsp.sdp.media_header"] == ["MEDIAINFO=494D4B48;"]


def test_addresses_and_telling_attributes_of_a_session_description_are_read() -> None:
    sdp = b"v=0\r\ns=1\r\nu=www.ui.com\r\ne=info@ui.com\r\na=packetization-supported:DH\r\na=fmtp:107 DecoderTag=h3c-v3 RTCP=0\r\n"
    facts = {fact.field: fact.value for fact in rtsp.parse_sdp(sdp + b"a=fmtp:96 packetization-mode=1\r\na=recvonly\r\n")}
    assert facts == {
        "rtsp.sdp.s": "1",
        "rtsp.sdp.u": "www.ui.com",
        "rtsp.sdp.e": "info@ui.com",
        "rtsp.sdp.packetization-supported": "DH",
        "rtsp.sdp.fmtp": "107 DecoderTag=h3c-v3 RTCP=0",
    }


def test_a_streams_address_is_kept_where_it_has_a_path_and_no_account() -> None:
    sdp = b"v=0\r\na=control:*\r\na=control:rtsp://192.0.2.7/\r\na=control:trackID=1\r\na=control:rtsp://user:word@192.0.2.7/live\r\n"
    facts = rtsp.parse_sdp(sdp + b"a=control:rtsp://192.0.2.7:554/profile5/media.smp/trackID=v\r\n")
    assert [(fact.field, fact.value) for fact in facts] == [("rtsp.sdp.control", "rtsp://192.0.2.7:554/profile5/media.smp/trackID=v")]


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00\x01"])
def test_what_is_not_rtsp_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        run(rtsp.talk(Target("192.0.2.7", 554)), [data])
