"""Messages with a start line, header fields and a body, as HTTP, RTSP and SSDP share them (RFC 9112, RFC 2326, UPnP)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator
from dataclasses import dataclass

from netcam.errors import DecodeError
from netcam.protocols import decoding
from netcam.protocols.commands import Command, Receive, TLSInfo

MAX_HEAD = 16_384
"""Bytes of start line and header fields: cameras send under 2 kB."""
MAX_HEADERS = 100
"""Header fields of one message."""
MAX_CONTENT = 524_288
"""Bytes read of a body: the largest icons of cameras are under 300 kB; pages are cut shorter later."""
MAX_CHUNKS = 4_096
"""Chunks of one body: a sender of one-byte chunks must not keep us busy."""

_START = re.compile(rb"(?:HTTP/\d(?:\.\d)?|RTSP/\d(?:\.\d)?)[ \t]+(\d{3})(?:[ \t]+([^\r\n]*))?|ICY[ \t]+(\d{3})[^\r\n]*", re.IGNORECASE)
_CHALLENGE = re.compile(r"""\brealm\s{0,4}=\s{0,4}(?:"((?:[^"\\]|\\.){0,1000})"|'([^']{0,1000})'|([^\s,"']{1,1000}))""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """An answer: its status, header fields as they came (names in lower case), the body decoded from its transfer coding."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Values of every header field called `name` (lower case)."""
        return [value for key, value in self.headers if key == name]

    def get(self, name: str) -> str:
        """Value of the first header field called `name`, empty where there is none."""
        return next(iter(self.all(name)), "")


def parse(data: bytes) -> Message:
    """Read an answer from its first byte; a body may be cut. Raises DecodeError where there is no status line."""
    head, separator, body = _split(data)
    lines = re.split(rb"\r\n|\n|\r", head)
    start = _START.match(lines[0])
    if start is None:
        raise DecodeError("no status line")
    headers = tuple(fields(lines[1:]))
    message = Message(int(start[1] or start[3]), headers)
    return Message(message.status, headers, _body(message, body) if separator else b"")


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    found = re.search(rb"\r\n\r\n|\n\n|\n\r\n", data[: MAX_HEAD + 4])
    if found is None:
        if len(data) > MAX_HEAD:
            raise DecodeError(f"header fields of more than {MAX_HEAD} bytes")
        return data, b"", b""
    return data[: found.start()], found[0], data[found.end() :]


def fields(lines: list[bytes]) -> list[tuple[str, str]]:
    """Header fields of `lines`, folded ones joined, nameless ones left out, at most MAX_HEADERS."""
    found: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {decoding.text(line)}"[:4096])
            continue
        name, colon, value = line.partition(b":")
        if colon and name.strip() and len(found) < MAX_HEADERS:
            found.append((decoding.tail(decoding.decoded(name)).lower(), decoding.text(value)))
    return found


def _body(message: Message, data: bytes) -> bytes:
    if "chunked" in message.get("transfer-encoding").lower():
        data = _dechunk(data)
    elif (length := content_length(message)) is not None:
        data = data[:length]
    data = data[:MAX_CONTENT]
    coding = message.get("content-encoding").lower()
    if coding in ("gzip", "x-gzip", "deflate"):
        data = _inflate(data, coding)
    return data


def content_length(message: Message) -> int | None:
    """Content-Length as a number, None where it is missing or no number."""
    text = message.get("content-length")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _dechunk(data: bytes) -> bytes:
    """Chunks joined, as far as they are whole; what breaks the coding ends the body (RFC 9112 section 7.1)."""
    parts: list[bytes] = []
    at = size = 0
    for _ in range(MAX_CHUNKS):
        end = data.find(b"\n", at, at + 256)
        digits = data[at:end].split(b";")[0].strip() if end >= 0 else b""
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", digits):
            break
        length = int(digits, 16)
        if length == 0:
            break
        parts.append(data[end + 1 : end + 1 + length])
        size += len(parts[-1])
        at = end + 1 + length
        at += 2 if data[at : at + 2] == b"\r\n" else 1 if data[at : at + 1] == b"\n" else 0
        if size > MAX_CONTENT or at >= len(data):
            break
    return b"".join(parts)


def _inflate(data: bytes, coding: str) -> bytes:
    """At most MAX_CONTENT bytes of what a compressed body holds; what cannot be inflated is nothing."""
    for bits in (zlib.MAX_WBITS | 16,) if "gzip" in coding else (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        try:
            return zlib.decompressobj(bits).decompress(data, MAX_CONTENT)
        except zlib.error:
            continue
    return b""


def realms(message: Message) -> list[str]:
    """Realms of all challenges, in order, each once."""
    return list(dict.fromkeys(realm for value in message.all("www-authenticate") for realm in challenge_realms(value)))


def challenge_realms(value: str) -> list[str]:
    """Realms of the challenges in one WWW-Authenticate value, in order (RFC 9110 section 11.5); quoted pairs resolved."""
    return [
        re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2] or match[3] or "" for match in _CHALLENGE.finditer(value)
    ]


def receive(limit: int = MAX_CONTENT) -> Generator[Command, bytes | TLSInfo, bytes]:
    """Read one answer whole: header fields, then the body by its length, by chunks, or until the peer ends; raw bytes.

    At most MAX_HEAD + `limit` bytes are asked for.
    """
    data = yield from _read(Receive(until=b"\r\n\r\n", limit=MAX_HEAD))
    if b"\r\n\r\n" not in data and b"\n\n" not in data:
        return data
    try:
        message = parse(data)
    except DecodeError:
        return data
    if message.status in (204, 304) or 100 <= message.status < 200:
        return data
    have = len(_split(data)[2])
    length = content_length(message)
    if "chunked" in message.get("transfer-encoding").lower():
        # chunk by chunk would cost a round trip of commands each; the last chunk's mark ends the answer
        if not data.endswith(b"\r\n0\r\n\r\n"):
            data += yield from _read(Receive(until=b"\r\n0\r\n\r\n", limit=limit))
    elif length is not None:
        if min(length, limit) > have:
            data += yield from _read(Receive(exactly=min(length, limit) - have, limit=limit))
    elif data.startswith(b"HTTP"):
        data += yield from until_end(limit)
    return data


def until_end(limit: int) -> Generator[Command, bytes | TLSInfo, bytes]:
    """Read until the peer ends the stream or `limit` bytes came."""
    return (yield from _read(Receive(exactly=limit, limit=limit)))


def _read(command: Receive) -> Generator[Command, bytes | TLSInfo, bytes]:
    got = yield command
    if not isinstance(got, bytes):
        raise TypeError("the driver answered Receive with something else than bytes")
    return got
