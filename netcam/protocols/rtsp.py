"""RTSP before login: OPTIONS and DESCRIBE without credentials, no stream (RFC 2326 sections 10.1, 10.2; RFC 8866)."""

from __future__ import annotations

import re

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, message
from netcam.protocols.commands import Conversation, Exchange, Send, Target

MAX_SDP = 65_536
"""Bytes of a session description: cameras send under 2 kB."""
MAX_SDP_LINES = 200
"""Lines of a session description that are looked at."""

_OWN_FIELDS = frozenset({"server", "public", "www-authenticate"})
_NOT_KEPT = frozenset({"date", "cseq", "content-length", "expires", "last-modified", "connection"})
# A stream's address is kept where it has a path: the root is all that is asked for, so the path is the device's own name for it.
_TOOL = re.compile(
    r"(tool|x-qt-text-\w{1,8}|Media_header|x-dimensions|type|range|(?:x-)?(?:packetization|rtppayload)-supported|fmtp(?=:\d+ DecoderTag=)"
    r"|control(?=:\s{0,2}rtsp://[^/\s@]{1,255}/[^\s]))"
    r"\s{0,2}:(.*)",
    re.IGNORECASE,
)


def talk(target: Target) -> Exchange:
    """OPTIONS, then DESCRIBE of the root; a 401 is an answer and ends it. Raises DecodeError where no RTSP answer comes."""
    facts = decoding.Facts()
    url = f"rtsp://{target.host}:{target.port}/"
    yield Send(f"OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode("ascii"))
    data = yield from message.receive(MAX_SDP)
    facts.extend(parse(data))
    yield Send(f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n".encode("ascii"))
    data = yield from message.receive(MAX_SDP)
    if data:
        try:
            facts.extend(parse(data))
        except DecodeError:
            # OPTIONS was answered in RTSP; what comes after it does not make that untrue
            facts.add("rtsp.raw", decoding.text(data[:512]))
    return facts.done()


def parse(data: bytes) -> list[Fact]:
    """Facts of one RTSP answer. Raises DecodeError where it is none (an HTTP answer is none)."""
    if not data[:5].upper() == b"RTSP/":
        raise DecodeError("no RTSP status line")
    answer = message.parse(data)
    facts = decoding.Facts()
    facts.add("rtsp.status", str(answer.status))
    for value in answer.all("server"):
        facts.add("rtsp.server", value)
    for value in answer.all("public"):
        facts.add("rtsp.public", value)
    for value in message.realms(answer):
        facts.add("rtsp.realm", value)
    for name, value in answer.headers:
        if name not in _OWN_FIELDS | _NOT_KEPT:
            facts.add(f"rtsp.header.{name}", value)
    if answer.status == 200 and answer.body:
        facts.extend(parse_sdp(answer.body))
    return facts.done()


def parse_sdp(data: bytes) -> list[Fact]:
    """Origin, session name, information, addresses and telling attributes of a session description (RFC 8866 section 5)."""
    facts = decoding.Facts()
    for line in data[:MAX_SDP].splitlines()[:MAX_SDP_LINES]:
        letter, equals, value = decoding.text(line).partition("=")
        if not equals:
            continue
        if letter in ("s", "i", "o", "u", "e"):
            facts.add(f"rtsp.sdp.{letter}", value)
        elif letter == "a" and (found := _TOOL.match(value)):
            facts.add(f"rtsp.sdp.{decoding.tail(found[1]).lower()}", found[2])
    return facts.done()


CONVERSATION = Conversation(
    name="rtsp",
    ports=(554, 8554, 10554),
    talk=talk,
    fields=frozenset({"rtsp.status", "rtsp.server", "rtsp.realm", "rtsp.public", "rtsp.header.", "rtsp.sdp.", "rtsp.raw"}),
    sends="OPTIONS and DESCRIBE of the root, without credentials; no SETUP, no PLAY",
    source="RFC 2326 sections 10.1 and 10.2, RFC 8866",
)
