"""WS-Discovery."""

import pytest
from drive import values

from netcam.errors import DecodeError
from netcam.protocols import never, wsdiscovery

NONCE = "7a1e0f52-6a2e-4a51-9d0b-1f1f5a3a9c11"

HIKVISION = (  # shape and values of a published capture, addresses replaced
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:wsadis="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    b'xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tnshik="http://www.hikvision.com/2011/event/topics">'
    b"<env:Header><wsadis:RelatesTo>uuid:bfe8bb88-03a2-4e1a-904a-59a7d2882649</wsadis:RelatesTo></env:Header>"
    b"<env:Body><d:ProbeMatches><d:ProbeMatch><wsadis:EndpointReference>"
    b"<wsadis:Address>urn:uuid:18ec6401-3aa0-11b5-83f6-b4a3820fd92d</wsadis:Address></wsadis:EndpointReference>"
    b"<d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types><d:Scopes>onvif://www.onvif.org/type/video_encoder\r\n"
    b"onvif://www.onvif.org/Hardware/DS-2CD3955FWD-IWS onvif://www.onvif.org/name/HIKVISION%20DS-2CD3955FWD-IWS "
    b"onvif://www.onvif.org/location/city/hangzhou onvif://www.onvif.org/MAC/b4:a3:82:0f:d9:2d http:123</d:Scopes>"
    b"<d:XAddrs>http://192.0.2.18/onvif/device_service http://[fe80::1]/onvif/device_service</d:XAddrs>"
    b"<d:MetadataVersion>10</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></env:Body></env:Envelope>"
)


def test_a_match_is_read_with_scopes_decoded_and_the_makers_namespace() -> None:
    found = values(list(wsdiscovery.parse(HIKVISION)))
    assert found == {
        "onvif.uuid": ["18ec6401-3aa0-11b5-83f6-b4a3820fd92d"],
        "onvif.types": ["NetworkVideoTransmitter Device"],
        "onvif.scope.type": ["video_encoder"],
        "onvif.scope.hardware": ["DS-2CD3955FWD-IWS"],
        "onvif.scope.name": ["HIKVISION DS-2CD3955FWD-IWS"],
        "onvif.scope.location": ["city/hangzhou"],
        "onvif.scope.mac": ["b4:a3:82:0f:d9:2d"],
        "onvif.scope.other": ["http:123"],
        "onvif.xaddr": ["http://192.0.2.18/onvif/device_service", "http://[fe80::1]/onvif/device_service"],
        "onvif.namespace": ["http://www.onvif.org/ver10/network/wsdl", "http://www.hikvision.com/2011/event/topics"],
    }


def test_both_types_are_asked_of_the_groups_and_of_single_addresses() -> None:
    asked = list(wsdiscovery.questions(NONCE))
    assert {question.host for question in asked} == {"239.255.255.250", "ff02::c", "{unicast}"}
    for host in ("239.255.255.250", "{unicast}"):
        data = [question.data for question in asked if question.host == host]
        assert sum(b"NetworkVideoTransmitter" in one for one in data) == 1
        assert sum(b"dp0:Device<" in one for one in data) == 1
    assert len({question.data for question in asked}) == len(asked)
    assert all(never.refuses(question.data) is None for question in asked)


def test_its_own_question_and_a_fault_are_no_answer() -> None:
    fault = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault/></s:Body></s:Envelope>'
    for data in [question.data for question in wsdiscovery.questions(NONCE)] + [fault]:
        with pytest.raises(DecodeError):
            wsdiscovery.parse(data)


def test_an_answer_with_an_undeclared_prefix_is_still_read() -> None:
    broken = b"<Envelope><Body><d:ProbeMatches><d:ProbeMatch><d:Scopes>onvif://www.onvif.org/name/IPC</d:Scopes></d:ProbeMatch></Body>"
    assert values(list(wsdiscovery.parse(broken)))["onvif.scope.name"] == ["IPC"]
