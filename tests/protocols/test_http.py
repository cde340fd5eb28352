"""HTTP before login."""

import gzip

import pytest
from drive import run, values

from netcam.errors import DecodeError
from netcam.protocols import http
from netcam.protocols.commands import Target

TARGET = Target("192.0.2.7", 80)

LOGIN = (  # composed in the shape of Hikvision web servers
    b"HTTP/1.1 401 Unauthorized\r\nServer: App-webs/\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    b'WWW-Authenticate: Digest qop="auth", realm="IP Camera(C2183)", nonce="4e44"\r\n'
    b'WWW-Authenticate: Basic realm="IP Camera(C2183)"\r\nX-Frame-Options: SAMEORIGIN\r\nSet-Cookie: WebSession=8f2c; path=/\r\n'
    b"Content-Length: 43\r\n\r\n<html><title>Document Error</title></html>\n\n"
)


def test_an_answer_is_read_into_facts_and_only_one_get_goes_out() -> None:
    facts, sent = run(http.talk(TARGET), [LOGIN])
    found = values(facts)
    assert sent.startswith(b"GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n")
    assert b"Authorization" not in sent
    assert sent.count(b"HTTP/1.1") == 1
    assert found["http.status"] == ["401"]
    assert found["http.server"] == ["App-webs/"]
    assert found["http.realm"] == ["IP Camera(C2183)"]
    assert found["http.cookie"] == ["WebSession"]
    assert found["http.header.x-frame-options"] == ["SAMEORIGIN"]
    assert found["http.title"] == ["Document Error"]
    assert "http.header.date" not in found


def test_a_chunked_body_is_joined() -> None:
    data = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n<title>\r\n6;x=y\r\nWEB SE\r\n4\r\nRVIC\r\n9\r\nE</title>\r\n0\r\n\r\n"
    )
    facts, _ = run(http.talk(TARGET), [data])
    assert values(facts)["http.title"] == ["WEB SERVICE"]


def test_a_compressed_bomb_is_inflated_only_so_far() -> None:
    bomb = gzip.compress(b"<title>x</title>" + b"a" * 20_000_000)
    data = b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb
    found = values(http.parse_response(data))
    assert found["http.title"] == ["x"]
    assert len(found["http.body"][0]) <= 65_536


def test_the_icon_gives_hashes_and_is_not_kept() -> None:
    icon = b"\x00\x00\x01\x00" + bytes(range(256))
    found = values(http.parse_response(b"HTTP/1.1 200 OK\r\nContent-Type: image/x-icon\r\n\r\n" + icon, "/favicon.ico"))
    assert set(found) == {"http.favicon_mmh3", "http.favicon_md5"}
    page = http.parse_response(b"HTTP/1.1 200 OK\r\n\r\n<html>not found</html>", "/favicon.ico")
    assert page == []


def test_murmur3_agrees_with_published_vectors() -> None:
    assert http.murmur3(b"") == 0
    assert http.murmur3(b"hello") == 613153351
    assert http.murmur3(b"hello, world") == 345750399
    assert http.murmur3(b"foo") == -156908512


def test_a_static_path_tells_its_status_or_its_text() -> None:
    missing = values(http.parse_response(b"HTTP/1.1 404 Not Found\r\n\r\nno", "/cap.js"))
    assert missing["http.path./cap.js"] == ["404"]
    there = values(http.parse_response(b"HTTP/1.1 200 OK\r\n\r\nvar cap=1;", "/cap.js"))
    assert there["http.path./cap.js"] == ["var cap=1;"]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/doc/page/login.asp?_1", "/doc/page/login.asp?_1"),
        ("http://192.0.2.7/a", "/a"),
        ("http://192.0.2.7:80/a", "/a"),
        ("login.html", "/login.html"),
        ("https://192.0.2.7/a", None),
        ("http://192.0.2.8/a", None),
        ("//evil.example/a", None),
        ("http://u:p@192.0.2.7/a", None),
        ("http://192.0.2.7:9100/", None),
        ("/current_config/passwd", None),
        ("/%63urrent_config/passwd", None),
        ("/", None),
        ("http://[", None),
        ("/a\r\nX: y", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_redirect_is_followed_on_the_same_host_only(location: str, path: str | None) -> None:
    assert http.follow(location, TARGET) == path


@pytest.mark.parametrize("path", ["/RPC2_Login", "relative", "/a b", "/a\r\nX:y"])
def test_a_path_that_must_not_be_asked_has_no_request(path: str) -> None:
    with pytest.raises(ValueError):
        next(http.get(TARGET, path))


def test_every_offered_path_is_allowed() -> None:
    for path in http.PATHS:
        assert next(http.get(TARGET, path))


def test_a_stream_that_is_not_http_is_a_decode_error() -> None:
    with pytest.raises(DecodeError):
        run(http.talk(TARGET), [b"SSH-2.0-dropbear\r\n"])


def test_a_page_redirect_is_found() -> None:
    assert http.page_redirect('<script>window.location.href = "/doc/page/login.asp?_" + x</script>') == "/doc/page/login.asp?_"
    assert http.page_redirect('<meta http-equiv="refresh" content="0; url=view/index.shtml">') == "view/index.shtml"
    assert http.page_redirect("<p>none") is None
