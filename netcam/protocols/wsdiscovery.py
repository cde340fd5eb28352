"""WS-Discovery as ONVIF devices speak it: probes for both device types, answers and announcements (WS-Discovery April 2005)."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, markup
from netcam.protocols.commands import Discovery, Question

GROUP = "239.255.255.250"
GROUP_V6 = "ff02::c"
PORT = 3702
MAX_SCOPES = 128
"""Scopes of one answer: real devices have under 20."""
MAX_XADDRS = 16
"""Service addresses of one answer."""

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_TYPES = (
    ("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
    ("http://www.onvif.org/ver10/device/wsdl", "Device"),
)
_ANSWERS = ("ProbeMatch", "ResolveMatch", "Hello", "Bye")
_STANDARD = re.compile(r"https?://(www\.w3\.org|schemas\.xmlsoap\.org|docs\.oasis-open\.org)/", re.IGNORECASE)
_SCOPE = re.compile(r"onvif://[^/\s]{1,100}/+([^/\s]{1,64})/?(\S*)", re.IGNORECASE)
_DPWS = "http://schemas.xmlsoap.org/ws/2006/02/devprof"


def probe(message_id: str, namespace: str = "", name: str = "") -> bytes:
    """A Probe for one type (two types in one would mean both at once) or for any; without line ends, as unicast wants it."""
    types = f'<d:Types xmlns:d="{_DISCOVERY}" xmlns:dp0="{namespace}">dp0:{name}</d:Types>' if name else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{_SOAP}" xmlns:a="{_ADDRESSING}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{_DISCOVERY}/Probe</a:Action><a:MessageID>{message_id}</a:MessageID>'
        f"<a:ReplyTo><a:Address>{_ADDRESSING}/role/anonymous</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>'
        f'<s:Body><Probe xmlns="{_DISCOVERY}">{types}</Probe></s:Body></s:Envelope>'
    ).encode("ascii")


def probe_computers(message_id: str) -> bytes:
    """A Probe for the devices of DPWS 2006/02 (computers, printers, file servers), letter for letter in the shape that Windows sends.

    Servers of this kind look for text instead of reading XML: wsdd for `wsdp:Device`, wsdd2 for `<wsa:Action>` and `<wsa:MessageID>`
    without an attribute.
    """
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{_SOAP}" xmlns:wsa="{_ADDRESSING}" xmlns:wsd="{_DISCOVERY}" '
        f'xmlns:wsdp="{_DPWS}"><soap:Header><wsa:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</wsa:To>'
        f"<wsa:Action>{_DISCOVERY}/Probe</wsa:Action><wsa:MessageID>{message_id}</wsa:MessageID></soap:Header>"
        "<soap:Body><wsd:Probe><wsd:Types>wsdp:Device</wsd:Types></wsd:Probe></soap:Body></soap:Envelope>"
    ).encode("ascii")


def questions(nonce: str) -> Iterator[Question]:
    """Probes for both types to the groups and to `{unicast}`, and for any type to the IPv4 group; each with a UUID made from `nonce`.

    Some devices answer `uuid:` only, some `urn:uuid:` only: the two types alternate.
    """
    for host in (GROUP, GROUP_V6, "{unicast}"):
        for number, (namespace, name) in enumerate(_TYPES):
            digest = hashlib.sha256(f"{nonce} {host} {name}".encode()).digest()
            style = ("uuid:", "urn:uuid:")[number]
            yield Question(probe(f"{style}{uuid.UUID(bytes=digest[:16], version=4)}", namespace, name), host, PORT)
    # devices that match no type by the book answer the first of these only, computers and printers the second
    for name, words in (("", probe), ("Device", probe_computers)):
        digest = hashlib.sha256(f"{nonce} any {name}".encode()).digest()
        yield Question(words(f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"), GROUP, PORT)


def parse(data: bytes) -> Iterable[Fact]:
    """Facts of ProbeMatches, ResolveMatches, Hello or Bye. Raises DecodeError for anything else, Probes included."""
    document = markup.read(data)
    facts = decoding.Facts()
    if document.lenient:
        matches = [document.root] if any(f"{name}".encode() in data for name in ("ProbeMatch", "ResolveMatch", "Hello")) else []
    else:
        matches = [found for name in _ANSWERS for found in document.root.every(name)]
    if not matches:
        raise DecodeError("no WS-Discovery answer")
    for match in matches:
        _match(facts, match)
    if not facts.done():
        raise DecodeError("a WS-Discovery answer that says nothing")
    for namespace in document.namespaces:
        if not is_standard(namespace):
            facts.add("onvif.namespace", namespace)
    return facts.done()


def _match(facts: decoding.Facts, match: markup.Element) -> None:
    reference = match.value("EndpointReference", "Address") or match.value("Address")
    facts.add("onvif.uuid", re.sub(r"^(urn:)?uuid:", "", reference, flags=re.IGNORECASE))
    types = " ".join(word.rpartition(":")[2] for word in match.value("Types").split()[:16])
    facts.add("onvif.types", types)
    for scope in match.value("Scopes").split()[:MAX_SCOPES]:
        add_scope(facts, scope)
    for url in match.value("XAddrs").split()[:MAX_XADDRS]:
        facts.add("onvif.xaddr", url)


def is_standard(namespace: str) -> bool:
    """Whether a namespace is of SOAP, addressing, discovery or XML Schema themselves, which every stack declares."""
    return _STANDARD.match(namespace) is not None


def add_scope(facts: decoding.Facts, scope: str) -> None:
    """Keep one scope URI under its first path element, the rest percent-decoded; one of another shape under `other`."""
    found = _SCOPE.match(scope)
    if found is None:
        facts.add("onvif.scope.other", scope)
        return
    value = decoding.text(unquote_to_bytes(found[2].encode("utf-8", "replace")))
    facts.add(f"onvif.scope.{decoding.tail(found[1]).lower()}", value)


DISCOVERY = Discovery(
    name="wsdiscovery",
    questions=questions,
    parse=parse,
    fields=frozenset({"onvif.uuid", "onvif.types", "onvif.scope.", "onvif.xaddr", "onvif.namespace"}),
    sends="Probe for NetworkVideoTransmitter and for Device, to the groups and to single addresses; a Probe for any type to the group",
    source="WS-Discovery April 2005 sections 5 and 6; ONVIF Core Specification section 7",
    mac_fields=("onvif.scope.mac", "onvif.scope.macaddress"),
)
