"""ONVIF device service before login: five read-only questions without credentials, ended by the first refusal (ONVIF Core)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, markup, message, never, wsdiscovery
from netcam.protocols.commands import Command, Conversation, Exchange, Reopen, Send, Target, TLSInfo

PATH = "/onvif/device_service"
MAX_ANSWER = markup.MAX_BYTES
"""Bytes of one answer's body."""
MAX_SERVICES = 64
"""Services of one GetServices or GetCapabilities answer."""

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
OPERATIONS = {
    "GetSystemDateAndTime": "",
    "GetServices": "<IncludeCapability>false</IncludeCapability>",
    "GetCapabilities": "<Category>All</Category>",
    "GetScopes": "",
    "GetDeviceInformation": "",
}
"""Operation -> its parameters, in the order asked. The first three are of access class PRE_AUTH; the last two are READ_SYSTEM, which
a device may refuse: they are asked once, and never again in the talk after a refusal. No operation that changes a device has a place here."""

PRE_AUTH = ("GetSystemDateAndTime", "GetServices", "GetCapabilities")
"""What ONVIF Core lets anybody ask: a refusal of the others may be counted by a device as a failed login."""

INFORMATION = {
    "Manufacturer": "onvif.manufacturer",
    "Model": "onvif.model",
    "FirmwareVersion": "onvif.firmware",
    "SerialNumber": "onvif.serial",
    "HardwareId": "onvif.hardware",
}


def request(target: Target, operation: str, path: str = PATH) -> bytes:
    """The POST of one operation of OPERATIONS; KeyError for any other, ValueError for a path that must not be asked."""
    if why := never.refuses(path):
        raise ValueError(f"{path!r} is never requested: {why}")
    parameters = OPERATIONS[operation]
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{_SOAP}"><s:Body>'
        f'<{operation} xmlns="{_DEVICE}">{parameters}</{operation}></s:Body></s:Envelope>'
    ).encode("ascii")
    host = target.host if target.port == 80 else f"{target.host}:{target.port}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (compatible; netcam)\r\n"
        f'Content-Type: application/soap+xml; charset=utf-8; action="{_DEVICE}/{operation}"\r\nContent-Length: {len(body)}\r\n\r\n'
    )
    return head.encode("ascii") + body


def talk(target: Target) -> Exchange:
    """Ask OPERATIONS in order, on one connection where the peer keeps it; stop at a refusal or a fault other than "not supported"."""
    return (yield from ask(target, PATH))


def ask(target: Target, path: str, operations: Sequence[str] = tuple(OPERATIONS)) -> Exchange:
    """Like `talk`, at the path that the device announced. Raises DecodeError where the first answer is not HTTP."""
    facts = decoding.Facts()
    ended = False
    for number, operation in enumerate(operations):
        if ended:
            try:
                yield Reopen()
            except ConnectionError:
                break
        yield Send(request(target, operation, path))
        data = yield from _answer()
        if not data:
            break
        try:
            answer = message.parse(data)
        except DecodeError:
            if number == 0:
                raise
            break
        for realm in message.realms(answer):
            facts.add("http.realm", realm)
        try:
            facts.extend(parse(answer.body))
        except DecodeError:
            break
        if answer.status not in (200, 400, 500) or not _goes_on(answer.body):
            break
        # without a length only the end of the connection ends an answer (RFC 9112 section 6.3)
        bounded = message.content_length(answer) is not None or bool(answer.get("transfer-encoding"))
        ended = not bounded or "close" in answer.get("connection").lower() or data.startswith(b"HTTP/1.0")
    return facts.done()


def _answer() -> Generator[Command, bytes | TLSInfo, bytes]:
    return (yield from message.receive(MAX_ANSWER))


def _goes_on(body: bytes) -> bool:
    """Whether the next question may be asked: the answer is no fault, or one that only says the operation is unknown."""
    root = markup.read(body).root
    if not any(True for _ in root.every("Fault")):
        return True
    words = " ".join(found.text for found in root.every("Value")).lower()
    return "actionnotsupported" in words and "notauthorized" not in words


def parse(body: bytes) -> list[Fact]:
    """Facts of one SOAP answer; a fault yields only its namespaces. Raises DecodeError for no SOAP and for a request."""
    document = markup.read(body)
    root = document.root
    if root.name != "Envelope":
        raise DecodeError("no SOAP envelope")
    answers = [found for name in (*(f"{operation}Response" for operation in OPERATIONS), "Fault") for found in root.every(name)]
    if not answers and not document.lenient:
        raise DecodeError("no answer of the ONVIF device service")
    facts = decoding.Facts()
    for information in root.every("GetDeviceInformationResponse"):
        for name, field in INFORMATION.items():
            facts.add(field, information.value(name))
    if document.lenient and b"GetDeviceInformationResponse" in body:
        for name, field in INFORMATION.items():
            facts.add(field, root.value(name))
    for scope in [item.text.strip() for item in root.every("ScopeItem")][: wsdiscovery.MAX_SCOPES]:
        wsdiscovery.add_scope(facts, scope)
    for service in list(root.every("Service"))[:MAX_SERVICES]:
        facts.add("onvif.namespace", service.value("Namespace"))
    for url in [item.text.strip() for item in root.every("XAddr")][:MAX_SERVICES]:
        facts.add("onvif.xaddr", url)
    for namespace in document.namespaces:
        if not wsdiscovery.is_standard(namespace):
            facts.add("onvif.namespace", namespace)
    return facts.done()


CONVERSATION = Conversation(
    name="onvif",
    ports=(80, 2020, 8000, 8080, 8899),
    talk=talk,
    fields=frozenset(
        {
            "onvif.manufacturer", "onvif.model", "onvif.firmware", "onvif.serial", "onvif.hardware", "onvif.scope.", "onvif.xaddr",
            "onvif.namespace", "http.realm",
        }
    ),
    profiles=frozenset({"standard", "deep"}),
    sends="GetSystemDateAndTime, GetServices, GetCapabilities, GetScopes, GetDeviceInformation, without credentials, until refused",
    source="ONVIF Core Specification, access classes; ONVIF Device Management WSDL ver10",
)  # fmt: skip
