"""What the virtual devices answer. Written from the specifications apart from `netcam.protocols`, so that each checks the other."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import re
import ssl
import struct
import uuid
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from xml.sax.saxutils import escape

from netcam.lab.certificates import old_tls
from netcam.lab.scenario import Device, Onvif, Page, Rtsp, Web

Answer = Callable[[bytes], list[bytes]]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"


def literal(address: str) -> str:
    """An address as URLs write it (RFC 3986 section 3.2.2)."""
    return f"[{address}]" if ":" in address else address


def datagrams(device: Device, address: str) -> Iterator[tuple[int, tuple[str, ...], Answer]]:
    """The UDP services of a device: port, groups, and what is answered. A service with groups also answers alone."""
    if device.onvif is not None:
        answer = functools.partial(ws_discovery, device, address)
        yield 3702, ("239.255.255.250", "ff02::c"), answer
    if device.sadp:
        yield 37020, ("239.255.255.250",), functools.partial(sadp, device, address)
    if device.dhip:
        yield 37810, ("239.255.255.251",), functools.partial(dhip, device, address)
    if device.mdns is not None:
        yield 5353, ("224.0.0.251", "ff02::fb"), functools.partial(mdns, device, address)
    if device.ssdp is not None:
        yield 1900, ("239.255.255.250", "ff02::c"), functools.partial(ssdp, device, address)


def streams(device: Device, address: str) -> Iterator[tuple[int, Handler, ssl.SSLContext | None]]:
    """The TCP services of a device: port, handler, and a TLS context where it speaks TLS."""
    web = {w.port: w for w in device.web}
    if device.onvif is not None and device.onvif.port not in web:
        web[device.onvif.port] = Web(port=device.onvif.port, status=404)
    for port, one in web.items():
        context = old_tls(one.certificate, one.issuer or one.certificate, one.tls, owner=device.mac) if one.certificate else None
        yield port, functools.partial(http, device, one, address), context
    if device.ssdp is not None:
        pages = {"/description.xml": Page(type="text/xml", body=description(device))}
        yield (
            device.ssdp.port,
            functools.partial(http, device, Web(port=device.ssdp.port, server=device.ssdp.server, status=404, pages=pages), address),
            None,
        )
    for service in device.rtsp:
        yield service.port, functools.partial(rtsp, service), None
    for greeting in device.greetings:
        yield greeting.port, functools.partial(greet, greeting.text), None


async def greet(text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say the greeting and hang up when the client has read it."""
    writer.write(text.encode())
    with contextlib.suppress(OSError, TimeoutError):
        await writer.drain()
        async with asyncio.timeout(5):
            await reader.read(1)
    writer.close()


async def http(device: Device, web: Web, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request, one answer (RFC 9112), then close."""
    with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            length = re.search(rb"(?i)\ncontent-length:\s*(\d+)", head)
            body = await reader.readexactly(min(int(length[1]), 65536)) if length else b""
            writer.write(_http_answer(device, web, address, method, target, body))
            await writer.drain()
    writer.close()


def _http_answer(device: Device, web: Web, address: str, method: str, target: str, body: bytes) -> bytes:
    path = target.partition("?")[0]
    if device.onvif is not None and path == device.onvif.path and method == "POST":
        status, text = soap(device, device.onvif, address, body)
        return _message(web, status, text.encode(), "application/soap+xml; charset=utf-8")
    if path == "/favicon.ico" and web.favicon:
        return _message(web, 200, bytes.fromhex(web.favicon), "image/x-icon")
    if target in web.pages or path in web.pages:
        page = web.pages.get(target) or web.pages[path]
        return _message(web, page.status, page.body.encode(), page.type, page.headers)
    if path == "/":
        text = web.body or (f"<html><head><title>{web.title}</title></head><body></body></html>" if web.title else "")
        return _message(web, web.status, text.encode(), "text/html", web.headers)
    return _message(web, 404, b"<html><head><title>404 Not Found</title></head></html>", "text/html")


def _message(web: Web, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> bytes:
    reason = {
        200: "OK",
        301: "Moved Permanently",
        302: "Found",
        400: "Bad Request",
        401: "Unauthorized",
        403: "Forbidden",
        404: "Not Found",
    }.get(status, "Answer")
    lines = [f"HTTP/1.1 {status} {reason}"]
    if web.server:
        lines.append(f"Server: {web.server}")
    if status == 401 and web.realm:
        lines.append(f'WWW-Authenticate: Digest realm="{web.realm}", nonce="8f3c1d", qop="auth"')
    lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
    lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


async def rtsp(service: Rtsp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """OPTIONS is answered, DESCRIBE wants a login (RFC 2326)."""
    with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(20):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                number = re.search(r"(?i)\ncseq:\s*(\d+)", head)
                common = f"CSeq: {number[1] if number else 1}\r\n" + (f"Server: {service.server}\r\n" if service.server else "")
                if head.startswith("OPTIONS"):
                    answer = f"RTSP/1.0 200 OK\r\n{common}Public: {service.public}\r\n\r\n"
                else:
                    realm = f'WWW-Authenticate: Digest realm="{service.realm}", nonce="8f3c1d"\r\n' if service.realm else ""
                    answer = f"RTSP/1.0 401 Unauthorized\r\n{common}{realm}\r\n"
                writer.write(answer.encode())
                await writer.drain()
    writer.close()


def _envelope(onvif: Onvif, header: str, body: str) -> str:
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in onvif.namespaces.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope xmlns:env="{_SOAP}" xmlns:d="{_DISCOVERY}" xmlns:wsadis="{_ADDRESSING}"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
        f' xmlns:tt="http://www.onvif.org/ver10/schema"{spaces}>'
        f"<env:Header>{header}</env:Header><env:Body>{body}</env:Body></env:Envelope>"
    )


def _endpoint(device: Device) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, device.mac))[:24] + device.mac.replace(":", "")


def ws_discovery(device: Device, address: str, question: bytes) -> list[bytes]:
    """A ProbeMatches for a Probe that names one of our types or none (WS-Discovery 2005/04; ONVIF Core, discovery)."""
    onvif = device.onvif
    if onvif is None or b"Probe" not in question or b"ProbeMatches" in question:
        return []
    wanted = re.search(rb"<[\w:]*Types[^>]*>([^<]*)<", question)
    if wanted is not None and wanted[1].strip():
        names = {word.rpartition(b":")[2].decode() for word in wanted[1].split()}
        if not names & {word.rpartition(":")[2] for word in onvif.types.split()}:
            return []
    identifier = re.search(rb"MessageID[^>]*>([^<]{1,200})<", question)
    relates = escape(identifier[1].decode("latin-1").strip()) if identifier else ""
    port = "" if onvif.port == 80 else f":{onvif.port}"
    header = (
        f"<wsadis:MessageID>urn:uuid:{uuid.uuid4()}</wsadis:MessageID><wsadis:RelatesTo>{relates}</wsadis:RelatesTo>"
        f"<wsadis:To>{_ADDRESSING}/role/anonymous</wsadis:To><wsadis:Action>{_DISCOVERY}/ProbeMatches</wsadis:Action>"
        '<d:AppSequence InstanceId="705289" MessageNumber="1"/>'
    )
    body = (
        f"<d:ProbeMatches><d:ProbeMatch><wsadis:EndpointReference><wsadis:Address>urn:uuid:{_endpoint(device)}</wsadis:Address>"
        f"</wsadis:EndpointReference><d:Types>{onvif.types}</d:Types><d:Scopes>{' '.join(map(_scope, onvif.scopes))}</d:Scopes>"
        f"<d:XAddrs>http://{literal(address)}{port}{onvif.path}</d:XAddrs><d:MetadataVersion>10</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches>"
    )
    return [_envelope(onvif, header, body).encode()]


def _scope(short: str) -> str:
    return escape(short if "://" in short else f"onvif://www.onvif.org/{short}")


def soap(device: Device, onvif: Onvif, address: str, body: bytes) -> tuple[int, str]:
    """The pre-login operations of ONVIF Core; what wants a login gets the fault NotAuthorized."""
    port = "" if onvif.port == 80 else f":{onvif.port}"
    here = f"http://{literal(address)}{port}{onvif.path}"
    if b"GetSystemDateAndTime" in body:
        inner = "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    elif b"GetCapabilities" in body:
        inner = f"<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Device><tt:XAddr>{here}</tt:XAddr></tt:Device></tds:Capabilities></tds:GetCapabilitiesResponse>"
    elif b"GetServices" in body:
        inner = (
            "<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/device/wsdl</tds:Namespace>"
            f"<tds:XAddr>{here}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service></tds:GetServicesResponse>"
        )
    elif b"GetScopes" in body and onvif.information:
        # a device that gives its information away asks for no login anywhere
        told = "".join(
            f"<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>{_scope(s)}</tt:ScopeItem></tds:Scopes>" for s in onvif.scopes
        )
        inner = f"<tds:GetScopesResponse>{told}</tds:GetScopesResponse>"
    elif b"GetDeviceInformation" in body and onvif.information:
        told = "".join(f"<tds:{key}>{escape(value)}</tds:{key}>" for key, value in onvif.information.items())
        inner = f"<tds:GetDeviceInformationResponse>{told}</tds:GetDeviceInformationResponse>"
    else:
        fault = (
            '<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value xmlns:ter="http://www.onvif.org/ver10/error">'
            'ter:NotAuthorized</env:Value></env:Subcode></env:Code><env:Reason><env:Text xml:lang="en">Sender not authorized</env:Text></env:Reason></env:Fault>'
        )
        return 400, _envelope(onvif, "", fault)
    return 200, _envelope(onvif, "", inner)


def sadp(device: Device, address: str, question: bytes) -> list[bytes]:
    """A ProbeMatch for an inquiry (Hikvision SADP over UDP 37020)."""
    asked = re.search(rb"<Uuid>([0-9A-Za-z-]{1,64})</Uuid>", question)
    if asked is None or b"<Probe>" not in question or b"<Types>inquiry" not in question:
        return []
    told = {"Uuid": asked[1].decode(), "Types": "inquiry", "MAC": device.mac.replace(":", "-"), "IPv4Address": address, **device.sadp}
    lines = "".join(f"<{tag}>{escape(value)}</{tag}>\r\n" for tag, value in told.items())
    return [f'<?xml version="1.0" encoding="UTF-8"?>\r\n<ProbeMatch>\r\n{lines}</ProbeMatch>\r\n'.encode()]


def sadp_frame(device: Device, address: str, question: bytes) -> bytes:
    """The frame that answers an inquiry of SADP on the link (EtherType 0x8033, operation 3), or nothing."""
    if question[12:15] != b"\x80\x33\x21" or len(question) < 14 + 38 or question[14 + 10] != 3:
        return b""
    own, asker = bytes.fromhex(device.mac.replace(":", "")), question[6:12]
    told = device.sadp_link
    data = told["serial"].encode().ljust(48, b"\0") + struct.pack(">IIII", 141945, 8000, 1, 0)
    data += b"".join(told[name].encode().ljust(48, b"\0") for name in ("software", "dsp", "boot"))
    head = bytes([0x21, 1, 1, 38 + len(data)]) + question[18:22] + b"\x06\x04\x04\0\0\0" + own + ip_address(address).packed
    body = head + asker + question[34:38] + bytes([255, 255, 255, 0]) + data
    words = struct.unpack(f"<{len(body) // 2}H", body)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    total = ~(total + (total >> 16)) & 0xFFFF
    return asker + own + b"\x80\x33" + body[:12] + struct.pack(">H", total) + body[14:]


def dhip(device: Device, address: str, question: bytes) -> list[bytes]:
    """A client.notifyDevInfo for DHDiscover.search (Dahua DHIP over UDP 37810): a 32-byte header, then JSON."""
    if len(question) < 32 or question[4:8] != b"DHIP" or b"DHDiscover.search" not in question:
        return []
    info = {
        "MachineName": device.name,
        **device.dhip,
        "IPv4Address": {"DefaultGateway": "0.0.0.0", "DhcpEnable": False, "IPAddress": address, "SubnetMask": "255.255.255.0"},
    }
    body = json.dumps({"mac": device.mac, "method": "client.notifyDevInfo", "params": {"deviceInfo": info}}).encode()
    header = struct.pack("<I4sIIIIII", 0x20, b"DHIP", 0, 0, len(body), 0, len(body), 0)
    return [header + body]


def _name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in (part.encode() for part in text.split("."))) + b"\0"


def _instance(name: str, kind: str) -> bytes:
    label = name.encode()[:63]
    return bytes([len(label)]) + label + _name(f"{kind}.local")


def mdns(device: Device, address: str, question: bytes) -> list[bytes]:
    """Answers to PTR, SRV, TXT, A and ANY questions about this device (RFC 6762, RFC 6763), without name compression."""
    said = device.mdns
    if said is None or len(question) < 12 or question[2] & 0x80:
        return []
    identifier, _, count = struct.unpack(">HHH", question[:6])
    at, asked = 12, []
    for _ in range(min(count, 20)):
        labels = []
        while at < len(question) and question[at] and question[at] < 0xC0:
            labels.append(question[at + 1 : at + 1 + question[at]].decode("utf-8", "replace"))
            at += 1 + question[at]
        at += 2 if at < len(question) and question[at] >= 0xC0 else 1
        if at + 4 > len(question):
            return []
        asked.append((".".join(labels).lower(), struct.unpack(">H", question[at : at + 2])[0]))
        at += 4
    records: list[bytes] = []

    def add(name: bytes, kind: int, data: bytes) -> None:
        record = name + struct.pack(">HHIH", kind, 0x8001 if kind != 12 else 1, 120, len(data)) + data
        if record not in records:
            records.append(record)

    host = f"{said.host}.local"
    own = ip_address(address)
    number, reverse = (1 if own.version == 4 else 28, own.packed), own.reverse_pointer
    for name, kind in asked:
        if name == "_services._dns-sd._udp.local":
            for service in said.services:
                add(_name(name), 12, _name(f"{service.type}.local"))
        for service in said.services:
            instance = _instance(service.name, service.type)
            if name in (f"{service.type}.local", f"{service.name}.{service.type}.local".lower()):
                add(_name(f"{service.type}.local"), 12, instance)
                add(instance, 33, struct.pack(">HHH", 0, 0, service.port) + _name(host))
                add(
                    instance,
                    16,
                    b"".join(bytes([len(e)]) + e for e in (f"{k}={v}".encode()[:255] for k, v in service.txt.items())) or b"\0",
                )
                add(_name(host), *number)
        if name == host.lower() and kind in (number[0], 255):
            add(_name(host), *number)
        if name == reverse:
            add(_name(reverse), 12, _name(host))
    if not records:
        return []
    return [struct.pack(">HHHHHH", identifier, 0x8400, 0, len(records), 0, 0) + b"".join(records)]


def ssdp(device: Device, address: str, question: bytes) -> list[bytes]:
    """An answer to M-SEARCH for everything, root devices or our own type (UPnP Device Architecture 1.1)."""
    said = device.ssdp
    wanted = re.search(rb"(?i)\nst:\s*([^\r\n]+)", question)
    if (
        said is None
        or not question.startswith(b"M-SEARCH")
        or wanted is None
        or wanted[1].strip().decode("latin-1") not in ("ssdp:all", "upnp:rootdevice", said.st)
    ):
        return []
    answer = (
        f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: http://{literal(address)}:{said.port}/description.xml\r\n"
        f"SERVER: {said.server}\r\nST: {said.st}\r\nUSN: uuid:{_endpoint(device)}::{said.st}\r\n\r\n"
    )
    return [answer.encode()]


def description(device: Device) -> str:
    """The UPnP device description."""
    told = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in (device.ssdp.description if device.ssdp else {}).items())
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>'
        f"<device>{told}<UDN>uuid:{_endpoint(device)}</UDN></device></root>"
    )
