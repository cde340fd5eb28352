"""TLS as it passes by: server name, ALPN, JA4 of a client's hello, also out of a QUIC Initial; JA4S and certificate of a server's answer."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from netcam.errors import DecodeError
from netcam.protocols import tls_hello

MAX_NAME = 253
"""Characters of a name (RFC 1035 section 2.3.4)."""
MAX_EXTENSIONS = 64
"""Extensions and suites of one hello: browsers send about 20."""
MAX_SUITES = 256
MAX_FRAMES = 64
"""CRYPTO frames of one Initial: Chrome cuts its hello into about ten."""
MAX_CRYPTO = 16_384
"""Bytes of a hello put together from them."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,40}\.?")
_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_QUIC = {
    1: (bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), b"quic", 0),
    0x6B3343CF: (bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), b"quicv2", 1),
}
"""Version -> initial salt, label, packet type of an Initial (RFC 9001 section 5.2, RFC 9369 section 3)."""


def valid(name: str) -> str:
    """The name in lower case without its last dot, or empty where it is no host name (RFC 1123, and underscores as seen)."""
    return name.lower().rstrip(".") if len(name) <= MAX_NAME + 1 and _NAME.fullmatch(name) else ""


def _grease(number: int) -> bool:
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


@dataclass(slots=True)
class ClientHello:
    """What a client offered, in the order it did."""

    version: int = 0
    suites: list[int] = field(default_factory=list)
    extensions: list[int] = field(default_factory=list)
    signatures: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    name: str = ""
    named: bool = False
    alpn: bytes = b""

    def ja4(self, transport: str = "t") -> str:
        """JA4 as FoxIO describes it (technical_details/JA4.md); `transport` t for TCP, q for QUIC."""
        best = max((v for v in self.versions if not _grease(v)), default=self.version)
        suites = [s for s in self.suites if not _grease(s)]
        extensions = [e for e in self.extensions if not _grease(e)]
        if not self.alpn:
            alpn = "00"
        else:
            first, last = chr(self.alpn[0]), chr(self.alpn[-1])
            alpn = first + last if first.isascii() and first.isalnum() and last.isascii() and last.isalnum() else (
                f"{self.alpn[0]:02x}"[0] + f"{self.alpn[-1]:02x}"[1]
            )  # fmt: skip
        head = f"{transport}{_VERSIONS.get(best, '00')}{'d' if self.named else 'i'}{min(len(suites), 99):02d}{min(len(extensions), 99):02d}{alpn}"
        listed = ",".join(sorted(f"{s:04x}" for s in suites))
        others = ",".join(sorted(f"{e:04x}" for e in extensions if e not in (0, 16)))
        if self.signatures and others:
            others += "_" + ",".join(f"{s:04x}" for s in self.signatures)
        return f"{head}_{_digest(listed)}_{_digest(others)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


class _Reader:
    """Numbers and parts of a message; IndexError at its end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, size: int) -> int:
        if self.at + size > len(self.data):
            raise IndexError
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def part(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise IndexError
        self.at += size
        return self.data[self.at - size : self.at]

    def left(self) -> int:
        return len(self.data) - self.at


def client_hello(message: bytes) -> ClientHello | None:
    """A ClientHello handshake message (RFC 8446 section 4.1.2); what is whole of a cut one, None where it is none."""
    hello = ClientHello()
    r = _Reader(message)
    try:
        if r.number(1) != 1:
            return None
        r.number(3)
        hello.version = r.number(2)
        r.part(32)
        r.part(r.number(1))
        suites = _Reader(r.part(r.number(2)))
        while suites.left() >= 2 and len(hello.suites) < MAX_SUITES:
            hello.suites.append(suites.number(2))
        r.part(r.number(1))
    except IndexError:
        return None
    try:
        end = r.number(2)
        while r.left() >= 4 and len(hello.extensions) < MAX_EXTENSIONS and end > 0:
            kind, size = r.number(2), r.number(2)
            hello.extensions.append(kind)
            end -= 4 + size
            _extension(hello, kind, r.part(size))
    except IndexError:
        pass
    return hello


def _extension(hello: ClientHello, kind: int, value: bytes) -> None:
    v = _Reader(value)
    try:
        if kind == 0:
            hello.named = True
            v.number(2)
            if v.number(1) == 0:
                hello.name = valid(v.part(v.number(2)).decode("ascii", "replace"))
        elif kind == 16:
            v.number(2)
            hello.alpn = v.part(v.number(1))
        elif kind == 13:
            v.number(2)
            while v.left() >= 2 and len(hello.signatures) < MAX_SUITES:
                hello.signatures.append(v.number(2))
        elif kind == 43:
            v.number(1)
            while v.left() >= 2 and len(hello.versions) < 32:
                hello.versions.append(v.number(2))
    except IndexError:
        pass


def record_hello(stream: bytes) -> ClientHello | None:
    """The ClientHello of a TLS stream's first records; None where there is none."""
    joined, at = b"", 0
    while at + 5 <= len(stream) and stream[at] == 22 and stream[at + 1] == 3 and len(joined) < MAX_CRYPTO:
        size = int.from_bytes(stream[at + 3 : at + 5], "big")
        joined += stream[at + 5 : at + 5 + size]
        at += 5 + size
    return client_hello(joined) if joined else None


def server_name(hello: bytes) -> str:
    """The server_name of a TLS ClientHello record (RFC 6066 section 3); empty where there is none or it is cut."""
    found = record_hello(hello)
    return found.name if found else ""


def host_header(request: bytes) -> str:
    """The Host of an HTTP request; empty where there is none, or where the packet was cut within it: half a name is another's."""
    found = re.search(rb"(?i)\r\nhost:[ \t]*([^\r\n]{1,300})\r", request[:2048])
    return valid(found[1].decode("latin-1").strip().partition(":")[0]) if found else ""


def user_agent(request: bytes) -> str:
    """The User-Agent of an HTTP request, printable characters only; empty where there is none."""
    found = re.search(rb"(?i)\r\nuser-agent:[ \t]*([^\r\n]{1,200})", request[:2048])
    return "".join(c for c in found[1].decode("latin-1") if c.isprintable()) if found else ""


@dataclass(frozen=True, slots=True)
class ServerFlight:
    """What a server answered: JA4S, and of a chain in the clear (TLS 1.2 and older) the leaf's SHA-256, names and issuer."""

    ja4s: str
    certificate: str = ""
    names: tuple[str, ...] = ()
    issuer: str = ""
    complete: bool = False
    """Nothing more is to come in the clear."""


def server_flight(stream: bytes) -> ServerFlight | None:
    """Read the beginning of a server's side of a TLS stream; None where no ServerHello is whole."""
    try:
        messages = tls_hello.messages(stream)
    except DecodeError:
        return None
    hello, leaf, done = None, b"", False
    for kind, body in messages:
        try:
            if kind == 2 and hello is None:
                hello = tls_hello.server_hello(body)
            elif kind == 11 and hello is not None and not leaf:
                chain = tls_hello.certificates(body)
                leaf, done = (chain[0] if chain else b""), True
        except DecodeError:
            continue
    if hello is None:
        return None
    done = done or hello.version >= 0x0304
    if not leaf:
        return ServerFlight(tls_hello.ja4s(hello), complete=done)
    names, issuer = _certificate(leaf)
    return ServerFlight(tls_hello.ja4s(hello), hashlib.sha256(leaf).hexdigest(), names, issuer, True)


def _certificate(leaf: bytes) -> tuple[tuple[str, ...], str]:
    """Host names of a certificate (subject alternative names, else common name) and its issuer; empty for one that cannot be read."""
    import warnings

    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # serial numbers and dates of cameras that break rules: of no matter here
            read = x509.load_der_x509_certificate(leaf)
            issuer = "".join(c for c in read.issuer.rfc4514_string() if c.isprintable())[:200]
            try:
                told = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
            except x509.ExtensionNotFound:
                told = []
            if not told:
                told = [str(a.value) for a in read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except Exception:  # a stranger's certificate: the reader raises many classes
        return (), ""
    names = (valid(name.removeprefix("*.")) for name in told[:20])
    return tuple(name for name in names if "." in name), issuer


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 section 7.1)."""
    name = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()[:size]


def _varint(r: _Reader) -> int:
    """A variable-length integer (RFC 9000 section 16)."""
    first = r.number(1)
    size = 1 << (first >> 6)
    return (first & 0x3F) << 8 * (size - 1) | (r.number(size - 1) if size > 1 else 0)


def quic_initial(datagram: bytes) -> dict[int, bytes]:
    """CRYPTO frames (offset -> bytes) of a client's Initial (RFC 9001 section 5); empty where it is none or cannot be opened."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    r = _Reader(datagram)
    try:
        first = r.number(1)
        known = _QUIC.get(r.number(4))
        if known is None or first >> 4 & 3 != known[2]:
            return {}
        salt, label, _ = known
        destination = r.part(min(r.number(1), 20))
        r.part(min(r.number(1), 20))
        r.part(_varint(r))
        size = _varint(r)
        start = r.at
        if size < 20 or start + size > len(datagram):
            return {}
        secret = _expand(hmac.new(salt, destination, hashlib.sha256).digest(), b"client in", 32)
        key, vector = _expand(secret, label + b" key", 16), _expand(secret, label + b" iv", 12)
        cover = Cipher(algorithms.AES(_expand(secret, label + b" hp", 16)), modes.ECB()).encryptor()  # noqa: S305 - RFC 9001 section 5.4.3
        mask = cover.update(datagram[start + 4 : start + 20])
        first ^= mask[0] & 0x0F
        width = (first & 3) + 1
        number = bytes(a ^ b for a, b in zip(datagram[start : start + width], mask[1:], strict=False))
        header = bytes([first]) + datagram[1:start] + number
        nonce = bytes(a ^ b for a, b in zip(vector, number.rjust(12, b"\0"), strict=True))
        plain = AESGCM(key).decrypt(nonce, datagram[start + width : start + size], header)
    except (IndexError, InvalidTag, ValueError):
        return {}
    return _crypto_frames(plain)


def _crypto_frames(plain: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    r = _Reader(plain)
    try:
        while r.left() and len(found) < MAX_FRAMES:
            kind = r.number(1)
            if kind in (0, 1):
                continue
            if kind != 6:
                break
            offset = _varint(r)
            found[offset] = r.part(_varint(r))
    except IndexError:
        pass
    return found


def joined(frames: dict[int, bytes]) -> bytes:
    """The stream from its beginning, as far as it is whole."""
    out = b""
    for offset in sorted(frames):
        if offset > len(out) or len(out) > MAX_CRYPTO:
            break
        out += frames[offset][len(out) - offset :] if offset < len(out) else frames[offset]
    return out
