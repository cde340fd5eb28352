"""Time bounds: shapes made to be slow to read stay fast, and long random input for `make fuzz`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from test_hostile import CONVERSATIONS, DISCOVERIES, TARGET, _check, hostile

from netcam.errors import DecodeError
from netcam.protocols import axis, cdp, dhcp, greeting, http, lldp, markup, never, onvif, rtsp, sadp_link, snmp, ssdp, tls, tls_hello
from netcam.protocols.commands import Target

SIZE = 65_000
"""Bytes of one shape: what the largest datagram holds."""
SECONDS = 1.0
"""Each takes under 0.05 s on a small machine; a shape that is slow by its square takes minutes."""

SHAPES = {
    "one bracket": b"<" * SIZE,
    "tags that do not end": b"<a " * (SIZE // 3),
    "titles": b"HTTP/1.1 200 OK\r\n\r\n" + (b"<title>" + b"y" * 1990) * 30,
    "refreshes": b"HTTP/1.1 200 OK\r\n\r\n" + b"<meta http-equiv" * 4000,
    "locations": b"HTTP/1.1 200 OK\r\n\r\n" + b"location = " * 5900,
    "realms": b"HTTP/1.1 401 x\r\nWWW-Authenticate: " + b'realm="' * 2300 + b"\r\n\r\n",
    "folded lines": b"HTTP/1.1 200 OK\r\na: b\r\n" + b" xxxxxxxx\r\n" * 1400 + b"\r\n",
    "one-byte chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 10_000,
    "scopes": b'<Envelope xmlns="x"><ProbeMatch><Scopes>' + b"onvif://www.onvif.org/name/x " * 2000 + b"</Scopes></ProbeMatch></Envelope>",
    "slashes": b'<Envelope xmlns="x"><ProbeMatch><Scopes>onvif://' + b"/" * 60_000 + b"</Scopes></ProbeMatch></Envelope>",
    "broken leaves": b"<ProbeMatch><Types>inquiry</Types>" + b"<MAC>1</MAC>" * 5000 + b"<x",
    "wide leaves": b"<ProbeMatch>" + (b"<MAC " + b" " * 1990) * 30,
    "long leaves": b"<ProbeMatch>" + (b"<MAC>" + b"a" * 3990) * 16,
    "namespaces": b"<ProbeMatch>" + b"xmlns:a " * 8000,
    "nesting": b'{"params":' * 6000,
    "pointers": bytes([0, 0, 0x84, 0, 0, 0, 255, 255, 0, 0, 0, 0])
    + (b"\x3f" + b"a" * 63) * 3
    + b"\x00"
    + b"\x00\x0c\x00\x01\0\0\0\0\0\x02\xc0\x0c"
    + (b"\xc0\x0c\x00\x0c\x00\x01\0\0\0\0\0\x02\xc0\x0c") * 4000,
    "percent signs": b"%25" * 20_000,
    "verbs": b"<" + b"Set" * 20_000,
    "session lines": b"RTSP/1.0 200 OK\r\n\r\n" + b"a=tool:x\r\n" * 6000,
    "controls": "\u202e".encode() * 21_000,
    "half characters": b"\x81\x30" * 32_000,
    "zeros": bytes(SIZE),
    "ones": b"\xff" * SIZE,
}


def _readers() -> dict[str, Callable[[bytes], Iterable[object] | str | None]]:
    found: dict[str, Callable[[bytes], Iterable[object] | str | None]] = {name: one.parse for name, one in DISCOVERIES.items()}
    found |= {f"redact {name}": one.redact for name, one in DISCOVERIES.items()}
    found |= {
        module.__name__: module.parse for module in (axis, cdp, dhcp, greeting, http, lldp, onvif, rtsp, sadp_link, snmp, tls, tls_hello)
    }
    found |= {"description": ssdp.parse_description, "never": never.refuses}
    found["title"] = lambda data: markup.title(data.decode("latin-1"))
    found["page redirect"] = lambda data: http.page_redirect(data.decode("latin-1"))
    found["follow"] = lambda data: http.follow(data.decode("latin-1"), Target("192.0.2.7", 80))
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_is_slow_to_read(shape: str) -> None:
    data = SHAPES[shape]
    for name, read in _readers().items():
        start = time.process_time()  # of this process: a busy machine makes no shape slow
        with contextlib.suppress(DecodeError):
            read(data)
        assert time.process_time() - start < SECONDS, name


@pytest.mark.fuzz
@pytest.mark.parametrize("name", sorted(DISCOVERIES))
@given(data=hostile())
@settings(max_examples=5_000, deadline=None)
def test_long_random_datagrams(name: str, data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        _check(DISCOVERIES[name].parse(data), DISCOVERIES[name].fields)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", sorted(CONVERSATIONS))
@given(data=hostile())
@settings(max_examples=5_000, deadline=None)
def test_long_random_streams(name: str, data: bytes) -> None:
    from drive import run

    with contextlib.suppress(DecodeError):
        _check(run(CONVERSATIONS[name].talk(TARGET), [data] * 6, greeting=data)[0], CONVERSATIONS[name].fields)
