"""SSDP and UPnP device descriptions."""

import pytest
from drive import values

from netcam.errors import DecodeError
from netcam.protocols import ssdp

AXIS = (  # composed in the documented shape; the server string is a published one
    b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: http://192.0.2.9:49152/rootdesc1.xml\r\n"
    b"SERVER: Linux/4.14.173-axis8, UPnP/1.0, Portable SDK for UPnP devices/1.12.1\r\nST: upnp:rootdevice\r\n"
    b"USN: uuid:Upnp-BasicDevice-1_0-ACCC8E270AD8::upnp:rootdevice\r\n\r\n"
)
SWANN = (  # values of a published description
    b'<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>'
    b"<deviceType>urn:schemas-upnp-org:device:EmbeddedNetDevice:1</deviceType><friendlyName>SWANN 192.168.4.20</friendlyName>"
    b"<manufacturer>SWANN</manufacturer><modelName>SWANN DVR8-1550</modelName><serviceList/></device></root>"
)


def test_an_answer_and_a_notify_are_read() -> None:
    assert values(list(ssdp.parse(AXIS))) == {
        "ssdp.location": ["http://192.0.2.9:49152/rootdesc1.xml"],
        "ssdp.server": ["Linux/4.14.173-axis8, UPnP/1.0, Portable SDK for UPnP devices/1.12.1"],
        "ssdp.st": ["upnp:rootdevice"],
        "ssdp.usn": ["uuid:Upnp-BasicDevice-1_0-ACCC8E270AD8::upnp:rootdevice"],
    }
    assert values(list(ssdp.parse(b"NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\n\r\n"))) == {
        "ssdp.st": ["upnp:rootdevice"]
    }


def test_a_search_is_the_documented_bytes() -> None:
    assert ssdp.search("upnp:rootdevice") == (
        b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: upnp:rootdevice\r\n\r\n'
    )
    assert {question.host for question in ssdp.questions("")} == {"239.255.255.250", "ff02::c", "{unicast}"}


@pytest.mark.parametrize("data", [b"", ssdp.search("ssdp:all"), b"HTTP/1.1 404 Not Found\r\nSERVER: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_what_is_no_answer_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        ssdp.parse(data)


def test_a_description_is_read() -> None:
    assert values(ssdp.parse_description(SWANN)) == {
        "upnp.device_type": ["urn:schemas-upnp-org:device:EmbeddedNetDevice:1"],
        "upnp.friendly_name": ["SWANN 192.168.4.20"],
        "upnp.manufacturer": ["SWANN"],
        "upnp.model_name": ["SWANN DVR8-1550"],
    }
    with pytest.raises(DecodeError):
        ssdp.parse_description(b"<html><body>404</body></html>")


def test_a_tvt_search_result_inside_the_answer_is_read() -> None:
    # element names as documented for TVT, the misspelt one included; values in the shape of their firmware
    data = (
        b"HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:service:EmbeddedNetDeviceControl:1\r\n\r\n<multicastSearchResult><tcpIp>"
        b"<ipAddr>192.0.2.40</ipAddr><macAddr>00-18-AE-01-02-03</macAddr></tcpIp><productInfo><devName>Lobby</devName>"
        b"<productModel>TD-9421S1</productModel><softwareVer>4.2.1.0(13001)</softwareVer><softwareBulildDate>20180712</softwareBulildDate>"
        b"</productInfo></multicastSearchResult>"
    )
    found = values(list(ssdp.parse(data)))
    assert found["upnp.model_name"] == ["TD-9421S1"]
    assert found["upnp.firmware"] == ["4.2.1.0(13001)"]
    assert found["mac"] == ["00:18:ae:01:02:03"]
    assert values(list(ssdp.parse(data.replace(b"<multicastSearchResult>", b"<multicastSearchResult><!DOCTYPE a>"))))["ssdp.st"]
