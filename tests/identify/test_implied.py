"""What an observation holds of other fields is looked at as well, and claims rest on the observation that was made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.identify import Matcher, identify
from netcam.identify.implied import implied
from netcam.model import Observation


@pytest.mark.parametrize(
    ("field", "value", "held"),
    [
        ("http.body", "<html><head><TITLE>Live &amp; loud</TITLE>", [("http.title", "Live & loud")]),
        ("http.body", "no title here", []),
        ("http.header.server", "Acme/1", [("http.server", "Acme/1")]),
        ("http.header.www-authenticate", 'Digest realm="A", Basic realm="B"', [("http.realm", "A"), ("http.realm", "B")]),
        ("rtsp.header.www-authenticate", 'Digest realm="A", nonce="1"', [("rtsp.realm", "A")]),
        ("http.header.set-cookie", "Session=1; path=/", [("http.cookie", "Session")]),
        ("rtsp.raw", "RTSP/1.0 200 OK\r\nServer: Acme\r\n\r\n", [("rtsp.status", "200"), ("rtsp.server", "Acme")]),
        ("rtsp.raw", "SSH-2.0-x", []),
        ("http.title", "<title>Not a page</title>", []),
        ("http.body", "<p>Copyright (c) 2003-2009 by Acme Inc.</p>", [("http.copyright", "Acme Inc.")]),
        ("http.body", "&copy; 2011 Acme<br>", [("http.copyright", "Acme")]),
        ("http.body", "copyrighted work", []),
        ("rtsp.realm", "00408CA1B2C3", [("mac", "00:40:8c:a1:b2:c3")]),
        ("http.realm", "00-40-8c-a1-b2-c3", [("mac", "00:40:8c:a1:b2:c3")]),
        ("onvif.uuid", "2419d68a-2dd2-21b2-a205-00:40:8c:a1:b2:c3", [("mac", "00:40:8c:a1:b2:c3")]),
        ("onvif.uuid", "2419d68a-2dd2-21b2-a205-00408ca1b2c3", [("mac", "00:40:8c:a1:b2:c3")]),
        ("onvif.uuid", "2419d68a-2dd2-21b2-a205-00:40:8c:a1:b2:", []),
        ("onvif.uuid", "2419d68a-2dd2-41b2-a205-00:40:8c:a1:b2:c3", []),
        ("rtsp.realm", "02408CA1B2C3", []),
        ("rtsp.realm", "00408CA1B2C3D4", []),
    ],
)
def test_what_a_value_holds_besides(field: str, value: str, held: list[tuple[str, str]]) -> None:
    one = Observation(device="a", field=field, value=value, endpoint="192.0.2.1:80")
    found = implied([one])
    assert [(made.field, made.value) for made in found] == held
    assert all(made.endpoint == one.endpoint and source is one for made, source in found.items())


def test_what_was_told_apart_is_not_told_again() -> None:
    page = Observation(device="a", field="http.body", value="<title>Camera</title>")
    assert implied([page, Observation(device="a", field="http.title", value="Live")]) == {}


def test_a_claim_rests_on_the_observation_that_was_made(matcher: Matcher) -> None:
    page = Observation(device="a", field="http.raw", value="HTTP/1.1 200 OK\r\nServer: App-webs/\r\n\r\n<title>index</title>")
    (found,) = identify([page], matcher)
    assert found.get("maker") == "Hikvision"
    assert {seen for claim in found.because for seen in claim.because} == {page}


@given(st.sampled_from(["http.body", "http.raw", "rtsp.raw", "http.header.www-authenticate", "http.header.set-cookie"]), st.text())
def test_no_value_breaks_it(field: str, value: str) -> None:
    assert all(made.value for made in implied([Observation(field=field, value=value)]))
