"""What FTP, SSH, Telnet and SMTP services say before anybody speaks. Nothing is sent: no name, no option, no version."""

from __future__ import annotations

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding
from netcam.protocols.commands import Conversation, Exchange, Receive, Target

MAX_GREETING = 4_096
"""Bytes of a greeting: RFC 4253 allows 255 for its line, FTP greetings run to a screen."""

_FIELDS = {21: "ftp.banner", 22: "ssh.banner", 23: "telnet.banner", 25: "smtp.banner"}
_IAC, _SB, _SE = 0xFF, 0xFA, 0xF0


def talk(target: Target) -> Exchange:
    """Wait for the greeting. A service that says nothing has no facts."""
    whole = target.port in (21, 25)
    data = yield Receive(until=b"\n" if target.port != 23 else b"ogin:", limit=MAX_GREETING)
    if not isinstance(data, bytes):
        raise TypeError("the driver answered Receive with something else than bytes")
    for _ in range(32):
        # a greeting of several lines has a dash after its code on all but the last (RFC 959 section 4.2)
        if not whole or len(data) >= MAX_GREETING or not data.endswith(b"\n") or data.splitlines()[-1][3:4] != b"-":
            break
        more = yield Receive(until=b"\n", limit=MAX_GREETING - len(data))
        if not isinstance(more, bytes) or not more:
            break
        data += more
    return parse(data, target.port) if data else []


def parse(data: bytes, port: int = 0) -> list[Fact]:
    """The banner of the service that its first bytes, else its port, tell. Raises DecodeError where neither does."""
    if data.startswith(b"SSH-"):
        return _told("ssh.banner", data.split(b"\n", 1)[0])
    if data[:1] == b"\xff" or port == 23:
        return _told("telnet.banner", without_options(data))
    if data[:3] in (b"220", b"120", b"421", b"554"):
        # FTP and SMTP greet with one code; the word or the port tells them apart
        smtp = port == 25 or (port != 21 and b"SMTP" in data.upper())
        return _told("smtp.banner" if smtp else "ftp.banner", data)
    if port in _FIELDS:
        return _told(_FIELDS[port], data)
    raise DecodeError("a greeting of no known service")


def _told(field: str, data: bytes) -> list[Fact]:
    facts = decoding.Facts()
    facts.add(field, decoding.text(data[:MAX_GREETING]))
    return facts.done()


def without_options(data: bytes) -> bytes:
    """Telnet text without its option negotiation, which netcam does not answer (RFC 854)."""
    out = bytearray()
    at = 0
    while at < len(data):
        if data[at] != _IAC:
            out.append(data[at])
            at += 1
        elif at + 1 >= len(data):
            break
        elif data[at + 1] == _IAC:
            out.append(_IAC)
            at += 2
        elif data[at + 1] == _SB:
            end = data.find(bytes([_IAC, _SE]), at)
            at = len(data) if end < 0 else end + 2
        else:
            at += 3 if data[at + 1] >= 251 else 2
    return bytes(out)


CONVERSATION = Conversation(
    name="greeting",
    ports=tuple(_FIELDS),
    talk=talk,
    fields=frozenset(_FIELDS.values()),
    sends="nothing: connects, reads what the service says first, closes",
    profiles=frozenset({"standard", "deep"}),
    source="RFC 959 section 5.4, RFC 4253 section 4.2, RFC 854, RFC 5321 section 3.1",
)
