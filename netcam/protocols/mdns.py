"""Multicast DNS and DNS-SD: questions for the service types of cameras, and a bounded reader of answers (RFC 6762, RFC 6763)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding
from netcam.protocols.commands import Discovery, Question

GROUP = "224.0.0.251"
GROUP_V6 = "ff02::fb"
PORT = 5353
MAX_RECORDS = 128
"""Records read of one message; more are left unread."""
MAX_JUMPS = 16
"""Compression pointers followed for one name: legitimate encoders need one per label at most."""
MAX_NAME = 255
"""Bytes of one name (RFC 1035 section 2.3.4)."""
MAX_FOLLOWED = 16
"""Service types of one device that are asked for besides; a computer lists under ten."""
_TYPE = re.compile(r"_[A-Za-z0-9-]{1,62}\._(tcp|udp)")
"""A service type as RFC 6763 section 7 writes it."""
MAX_TXT = 64
"""Strings of one TXT record."""

SERVICES = (
    "_services._dns-sd._udp", "_axis-video._tcp", "_axis-nvr._tcp", "_rtsp._tcp", "_http._tcp", "_CGI._tcp", "_psia._tcp", "_dcp._tcp",
    "_dhnap._tcp", "_arec._tcp", "_hap._tcp", "_miio._udp", "_googlecast._tcp",
)  # fmt: skip
"""Service types that cameras are known to announce; the first asks for the list of types."""

_A, _PTR, _TXT, _AAAA, _SRV = 1, 12, 16, 28, 33


def question(services: Iterable[str] = SERVICES) -> bytes:
    """One message asking for the PTR records of `services`; the QU bit asks for unicast answers (RFC 6762 section 5.4)."""
    asked = list(services)
    message = struct.pack("!6H", 0, 0, len(asked), 0, 0, 0)
    for service in asked:
        for label in (*service.split("."), "local"):
            message += bytes([len(label)]) + label.encode("ascii")
        message += b"\x00" + struct.pack("!2H", _PTR, 0x8001)
    return message


def questions(_nonce: str) -> Iterator[Question]:
    """The question to both groups and to `{unicast}`; announcements are heard on the groups' port."""
    yield Question(question(), GROUP, PORT, join=(GROUP,), listen_port=PORT)
    yield Question(question(), GROUP_V6, PORT, join=(GROUP_V6,), listen_port=PORT)
    yield Question(question(), "{unicast}", PORT)


def follow(facts: Iterable[Fact]) -> bytes:
    """The question for service types that a device listed and that were not asked for; empty where it listed none."""
    told = dict.fromkeys(f.value.removesuffix(".local") for f in facts if f.field == "mdns.service")
    asked = [t for t in told if t not in SERVICES and _TYPE.fullmatch(t)][:MAX_FOLLOWED]
    return question(asked) if asked else b""


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of an answer: service types, instances, hosts, TXT keys. Raises DecodeError for anything else, questions included."""
    if len(data) < 12:
        raise DecodeError("shorter than a DNS header")
    _, flags, asked, *counts = struct.unpack_from("!6H", data)
    if not flags & 0x8000:
        raise DecodeError("a DNS question")
    if flags & 0x780F:
        raise DecodeError("a DNS answer with an error, or of another operation")
    at = 12
    for _ in range(min(asked, MAX_RECORDS)):
        _, at = _name(data, at)
        at += 4
    facts = decoding.Facts()
    for _ in range(min(sum(counts), MAX_RECORDS)):
        labels, at = _name(data, at)
        if at + 10 > len(data):
            raise DecodeError("DNS record cut short")
        kind, _, _, length = struct.unpack_from("!2HIH", data, at)
        at += 10
        if at + length > len(data):
            raise DecodeError("DNS record longer than its message")
        _record(facts, data, labels, kind, at, length)
        at += length
    found = facts.done()
    if not found:
        raise DecodeError("a DNS answer that says nothing of services")
    return found


def _record(facts: decoding.Facts, data: bytes, labels: list[bytes], kind: int, at: int, length: int) -> None:
    if kind == _PTR:
        target, _ = _name(data, at)
        if [label.lower() for label in labels[:2]] == [b"_services", b"_dns-sd"]:
            facts.add("mdns.service", _service(target))
        elif _service(labels):
            facts.add("mdns.service", _service(labels))
            facts.add("mdns.name", _instance(target))
    elif kind == _SRV and length > 6:
        target, _ = _name(data, at + 6)
        facts.add("mdns.service", _service(labels))
        facts.add("mdns.name", _instance(labels))
        facts.add("mdns.host", _dotted(target))
    elif kind == _TXT:
        facts.add("mdns.service", _service(labels))
        facts.add("mdns.name", _instance(labels))
        _txt(facts, data[at : at + length])
    elif (kind == _A and length == 4) or (kind == _AAAA and length == 16):
        facts.add("mdns.host", _dotted(labels))


def _txt(facts: decoding.Facts, data: bytes) -> None:
    """Key and value of each string (RFC 6763 section 6): a key without a value counts as empty and is left out."""
    at = 0
    for _ in range(MAX_TXT):
        if at >= len(data):
            return
        length = data[at]
        key, _, value = data[at + 1 : at + 1 + length].partition(b"=")
        if key:
            facts.add(f"mdns.txt.{decoding.tail(decoding.decoded(key)).lower()}", decoding.line(decoding.decoded(value), 255))
        at += 1 + length


def _name(data: bytes, at: int) -> tuple[list[bytes], int]:
    """Labels of the name at `at` and where the next thing starts. Pointers may only point backwards, so they cannot loop."""
    labels: list[bytes] = []
    after: int | None = None
    size = jumps = 0
    while True:
        if at >= len(data):
            raise DecodeError("DNS name cut short")
        length = data[at]
        if length & 0xC0 == 0xC0:
            if at + 1 >= len(data):
                raise DecodeError("DNS name cut short")
            target = (length & 0x3F) << 8 | data[at + 1]
            after = at + 2 if after is None else after
            jumps += 1
            if target >= at or jumps > MAX_JUMPS:
                raise DecodeError("DNS compression pointer that does not point back")
            at = target
        elif length & 0xC0:
            raise DecodeError("DNS label of an unknown kind")
        elif length == 0:
            return labels, at + 1 if after is None else after
        else:
            size += length + 1
            if size > MAX_NAME or at + 1 + length > len(data):
                raise DecodeError("DNS name too long or cut short")
            labels.append(data[at + 1 : at + 1 + length])
            at += 1 + length


def _place(labels: list[bytes]) -> int | None:
    """Where the service type starts: the label before `_tcp` or `_udp`."""
    for number in range(len(labels) - 1):
        if labels[number].startswith(b"_") and labels[number + 1].lower() in (b"_tcp", b"_udp"):
            return number
    return None


def _service(labels: list[bytes]) -> str:
    """`_axis-video._tcp` of a type or an instance; empty where the name is neither."""
    place = _place(labels)
    return "" if place is None else decoding.line(decoding.decoded(b".".join(labels[place : place + 2])), 255)


def _instance(labels: list[bytes]) -> str:
    """The instance's own label in front of the type; empty where there is none or a subtype stands there."""
    place = _place(labels)
    if not place or labels[place - 1] == b"_sub":
        return ""
    return decoding.line(decoding.decoded(b".".join(labels[:place])), 255)


def _dotted(labels: list[bytes]) -> str:
    return decoding.line(decoding.decoded(b".".join(labels)), 255)


DISCOVERY = Discovery(
    name="mdns",
    questions=questions,
    parse=parse,
    follow=follow,
    fields=frozenset({"mdns.service", "mdns.name", "mdns.txt.", "mdns.host"}),
    sends="one PTR question for the service types of cameras, to the groups and to single addresses; then for the types that a device lists",
    source="RFC 6762, RFC 6763",
    mac_fields=("mdns.txt.macaddress", "mdns.txt.mac"),
)
