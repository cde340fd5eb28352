"""What the codecs read from the answers of a scenario's devices, without a network: bytes of the lab in, observations out."""

from __future__ import annotations

from collections.abc import Iterator

from netcam.collect.pages import kept
from netcam.lab import answers, certificates
from netcam.lab.scenario import Device, Rtsp, Scenario
from netcam.model import Fact, Observation
from netcam.protocols import dhip, greeting, http, mdns, onvif, rtsp, sadp, ssdp, tls, wsdiscovery
from netcam.protocols.commands import Target, TLSInfo

_NONCE = "8d1f3c52-6a0e-4d5b-9f0a-3c2b1a0d9e8f"


def observations(scenario: Scenario, device: Device) -> list[Observation]:
    """Everything one device tells when it is swept."""
    address = scenario.address(device)
    seen = [Observation(field="mac", value=device.mac, endpoint=address, mac=device.mac, via="arp")]
    for via, port, fact in _facts(device, address):
        seen.append(
            Observation(field=fact.field, value=fact.value, endpoint=f"{address}:{port}" if port else address, mac=device.mac, via=via)
        )
    return seen


def _facts(device: Device, address: str) -> Iterator[tuple[str, int, Fact]]:
    if device.onvif is not None:
        question = next(iter(wsdiscovery.questions(_NONCE))).data
        for data in answers.ws_discovery(device, address, question):
            yield from (("wsdiscovery", 3702, f) for f in wsdiscovery.parse(data))
        target = Target(host=address, port=device.onvif.port)
        for operation in onvif.OPERATIONS:
            _, _, body = onvif.request(target, operation).partition(b"\r\n\r\n")
            _, text = answers.soap(device, device.onvif, address, body)
            yield from (("onvif", device.onvif.port, f) for f in onvif.parse(text.encode()))
    if device.sadp:
        for data in answers.sadp(device, address, sadp.inquiry(_NONCE)):
            yield from (("sadp", 37020, f) for f in sadp.parse(data))
    if device.dhip:
        for data in answers.dhip(device, address, dhip.search()):
            yield from (("dhip", 37810, f) for f in dhip.parse(data))
    if device.mdns is not None:
        for data in answers.mdns(device, address, mdns.question([s.type for s in device.mdns.services])):
            yield from (("mdns", 5353, f) for f in mdns.parse(data))
    if device.ssdp is not None:
        for data in answers.ssdp(device, address, ssdp.search("upnp:rootdevice")):
            yield from (("ssdp", 1900, f) for f in ssdp.parse(data))
        yield from (("ssdp", device.ssdp.port, f) for f in ssdp.parse_description(answers.description(device).encode()))
    for web in device.web:
        target = Target(host=address, port=web.port)
        if web.certificate:
            yield from (("tls", web.port, f) for f in tls.facts(_handshake(web.certificate, web.issuer)))
        for path in ("/", *web.pages):
            answer = answers._http_answer(device, web, address, "GET", path, http.request(target, path))
            facts = http.parse_response(answer, path)
            yield from (("http", web.port, f) for f in (facts if path == "/" else kept(facts, path)))
    for service in device.rtsp:
        yield from (("rtsp", service.port, f) for f in rtsp.parse(_refusal(service)))
    for said in device.greetings:
        yield from (("greeting", said.port, f) for f in greeting.parse(said.text.encode(), said.port))


def _refusal(service: Rtsp) -> bytes:
    realm = f'WWW-Authenticate: Digest realm="{service.realm}", nonce="8f3c1d"\r\n' if service.realm else ""
    server = f"Server: {service.server}\r\n" if service.server else ""
    return f"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n{server}{realm}\r\n".encode()


def _handshake(subject: str, issuer: str) -> TLSInfo:
    certificate, _ = certificates._made(subject, issuer or subject, "example")
    return TLSInfo(version="TLSv1.2", cipher="", certificates=(certificate,))
