"""TLS up to 1.2 as far as the server's certificate, without cryptography: for stacks that OpenSSL refuses, and for JA4S (RFC 5246)."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, layout, tls
from netcam.protocols.commands import Conversation, Exchange, Receive, Send, Target, TLSInfo

MAX_RECORDS = 32
"""Records read: hello, certificates and done take three to six."""
MAX_HANDSHAKE = 65_536
"""Bytes of handshake messages: chains of cameras are under 8 kB."""
MAX_CERTIFICATES = 10
"""Certificates of one chain."""

_CIPHERS = (
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xC023, 0xC027, 0xC009, 0xC013, 0xC00A, 0xC014, 0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035, 0x0033,
    0x0039, 0x0032, 0x0038, 0x0016, 0x0013, 0x000A, 0x0005, 0x0004, 0x0007, 0x0041, 0x0084, 0x0009, 0x00FF,
)  # fmt: skip
"""What is offered, old suites included: nothing is ever enciphered with them, and old cameras know no other."""
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0202, 0x0101)
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_JA4_VERSIONS = {0x0300: "s3", 0x0301: "10", 0x0302: "11", 0x0303: "12", 0x0304: "13"}
_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _DONE = 2, 11, 14
_SUPPORTED_VERSIONS, _ALPN = 43, 16


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a server chose; `extensions` in the order it sent them."""

    version: int
    cipher: int
    extensions: tuple[int, ...]
    alpn: str = ""


def client_hello(nonce: str, server_name: str = "") -> bytes:
    """A hello that offers TLS 1.2 and what is older; its random is made from `nonce`."""
    random = hashlib.sha256(nonce.encode()).digest()
    extensions = b""
    if server_name:
        name = server_name.encode("ascii")
        extensions += _extension(0, struct.pack(">HBH", len(name) + 3, 0, len(name)) + name)
    extensions += _extension(10, _numbers(_GROUPS)) + _extension(11, b"\x01\x00") + _extension(13, _numbers(_SIGNATURES))
    body = b"\x03\x03" + random + b"\x00" + _numbers(_CIPHERS) + b"\x01\x00" + struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    # the record says TLS 1.0, which every stack reads (RFC 5246 appendix E.1)
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


def _numbers(found: tuple[int, ...]) -> bytes:
    return struct.pack(f">H{len(found)}H", 2 * len(found), *found)


def _extension(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value


def talk(target: Target) -> Exchange:
    """Send the hello, read until the server is done, and leave: no key is agreed. Raises DecodeError for no TLS."""
    yield Send(client_hello(target.nonce))
    stream = b""
    for _ in range(MAX_RECORDS):
        head = yield Receive(exactly=5, limit=5)
        if not isinstance(head, bytes) or len(head) < 5:
            break
        size = int.from_bytes(head[3:5], "big")
        body = yield Receive(exactly=size, limit=size) if size else b""  # type: ignore[misc]
        if not isinstance(body, bytes):
            break
        stream += head + body
        if head[0] != _HANDSHAKE or len(body) < size or len(stream) > MAX_HANDSHAKE or _complete(stream):
            break
    return parse(stream)


def _complete(stream: bytes) -> bool:
    try:
        return any(kind == _DONE for kind, _ in messages(stream))
    except DecodeError:
        return True


def messages(stream: bytes) -> list[tuple[int, bytes]]:
    """Whole handshake messages in the records of a stream, up to an alert or its end. Raises DecodeError for no TLS."""
    joined, at = bytearray(), 0
    while at + 5 <= len(stream) and len(joined) <= MAX_HANDSHAKE:
        kind, major, size = stream[at], stream[at + 1], int.from_bytes(stream[at + 3 : at + 5], "big")
        if major != 3 or size > 18_432 or not 20 <= kind <= 23:
            raise DecodeError("no TLS record")
        if kind != _HANDSHAKE:
            break
        joined += stream[at + 5 : at + 5 + size]
        at += 5 + size
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 4 <= len(joined) and len(found) < MAX_RECORDS:
        size = int.from_bytes(joined[at + 1 : at + 4], "big")
        if at + 4 + size > len(joined):
            break
        found.append((joined[at], bytes(joined[at + 4 : at + 4 + size])))
        at += 4 + size
    return found


def server_hello(body: bytes) -> ServerHello:
    """Read a ServerHello (RFC 5246 section 7.4.1.3). Raises DecodeError."""
    version = layout.number(body, 0, 2)
    at = 35 + layout.number(body, 34, 1)
    cipher = layout.number(body, at, 2)
    at += 3
    extensions: list[int] = []
    alpn = ""
    if at + 2 <= len(body):
        for kind, value in layout.elements(layout.part(body, at + 2, layout.number(body, at, 2)), 2, 2):
            extensions.append(kind)
            if kind == _SUPPORTED_VERSIONS and len(value) == 2:
                version = int.from_bytes(value, "big")
            elif kind == _ALPN and len(value) > 3:
                alpn = decoding.tail(decoding.decoded(value[3:]))
    return ServerHello(version, cipher, tuple(extensions), alpn)


def ja4s(hello: ServerHello) -> str:
    """JA4S over TCP: version, number of extensions, ALPN, suite, and a hash of the extensions in order."""
    alpn = f"{hello.alpn[0]}{hello.alpn[-1]}" if hello.alpn else "00"
    listed = ",".join(f"{kind:04x}" for kind in hello.extensions)
    digest = hashlib.sha256(listed.encode()).hexdigest()[:12] if listed else "0" * 12
    return f"t{_JA4_VERSIONS.get(hello.version, '00')}{min(len(hello.extensions), 99):02d}{alpn}_{hello.cipher:04x}_{digest}"


def certificates(body: bytes) -> tuple[bytes, ...]:
    """The chain of a Certificate message, leaf first (RFC 5246 section 7.4.2). Raises DecodeError."""
    chain = layout.part(body, 3, layout.number(body, 0, 3))
    found: list[bytes] = []
    at = 0
    while at < len(chain) and len(found) < MAX_CERTIFICATES:
        size = layout.number(chain, at, 3)
        found.append(layout.part(chain, at + 3, size))
        at += 3 + size
    return tuple(found)


def parse(stream: bytes) -> list[Fact]:
    """Facts of a server's side of a handshake. Raises DecodeError where it holds no ServerHello."""
    facts = decoding.Facts()
    hello: ServerHello | None = None
    for kind, body in messages(stream):
        if kind == _SERVER_HELLO and hello is None:
            hello = server_hello(body)
            facts.add("tls.ja4s", ja4s(hello))
            # a server that picks 1.2 here may agree on 1.3 elsewhere; one that picks less knows no more
            if hello.version < 0x0303:
                facts.add("tls.version", _VERSIONS.get(hello.version, f"{hello.version:#06x}"))
        elif kind == _CERTIFICATE and hello is not None:
            facts.extend([fact for fact in tls.facts(TLSInfo("", "", certificates(body)[:1])) if fact.field != "tls.version"])
    if hello is None:
        raise DecodeError("an alert instead of a hello" if stream[:1] == bytes([_ALERT]) else "no ServerHello")
    return facts.done()


CONVERSATION = Conversation(
    name="tls",
    ports=(443, 8443),
    talk=talk,
    fields=tls.FIELDS | {"tls.ja4s"},
    sends="a ClientHello that offers TLS 1.2 and older; no key is agreed, the connection is closed after the certificate",
    profiles=frozenset({"standard", "deep"}),
    source="RFC 5246 sections 7.4.1 and 7.4.2; JA4S as FoxIO describes it",
)
