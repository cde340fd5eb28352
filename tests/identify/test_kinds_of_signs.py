"""What each kind of sign may say: names in session descriptions, realms, kits, part numbers, kinds in running text."""

from __future__ import annotations

import pytest

from netcam.identify import Matcher, identify
from netcam.identify.assumed import MAC_ALONE
from netcam.identify.implied import OWN_MACS
from netcam.model import Observation
from netcam.protocols import registry
from tests.identify.shipped import seen as _seen


@pytest.mark.parametrize("field", ["rtsp__sdp__s", "rtsp__sdp__i", "rtsp__sdp__tool"])
def test_a_maker_names_itself_in_its_session_description(matcher: Matcher, field: str) -> None:
    assert _seen(matcher, **{field: "Brickcom streaming"}).get("maker") == "Brickcom"
    assert _seen(matcher, **{field: "Brickcommon streaming"}).get("maker") is None


def test_a_copyright_line_tells_the_maker(matcher: Matcher) -> None:
    assert _seen(matcher, http__body="<p>Copyright (c) 2009 Brickcom Corporation</p>").get("maker") == "Brickcom"


def test_a_mac_as_realm_is_a_mac_and_no_name(matcher: Matcher) -> None:
    found = _seen(matcher, rtsp__realm="00408CA1B2C3")
    assert found.get("maker") == "Axis"
    assert found.confidence["maker"] <= MAC_ALONE
    assert found.confidence["brand"] < found.confidence["maker"]
    assert found.get("kind") == "camera"  # it speaks RTSP


@pytest.mark.parametrize(
    ("field", "uuid", "maker"),
    [
        ("onvif__uuid", "a1f48ac2-dc8b-11df-b255-00408c1836b2", "Axis"),
        ("ssdp__usn", "uuid:58b89a00-a5b5-11b4-80d4-a41437f6c2b0::upnp:rootdevice", "Hikvision"),
        ("onvif__uuid", "5f5a69c2-e0ae-504f-829b-4419b6a1b2c3", "Hikvision"),  # a constant with the MAC behind it
        ("onvif__uuid", "5f5a69c2-e0ae-504f-829b-00fcdab169cc", None),  # no such prefix is registered
        # a random UUID ends in no MAC, and a random node has its multicast bit set
        ("onvif__uuid", "a1f48ac2-dc8b-41df-b255-00408c1836b2", None),
        ("onvif__uuid", "a1f48ac2-dc8b-11df-b255-01408c1836b2", None),
    ],
)
def test_the_mac_at_the_end_of_a_uuid_is_read_and_no_more_than_a_mac(matcher: Matcher, field: str, uuid: str, maker: str | None) -> None:
    found = _seen(matcher, **{field: uuid})
    assert found.get("maker") == maker
    assert found.confidence.get("maker", 0) <= 0.5


def test_a_streaming_server_of_a_kit_tells_no_badge(matcher: Matcher) -> None:
    found = _seen(matcher, rtsp__server="StreamSystem4.1")
    assert found.get("maker") is not None
    assert found.get("brand") is None


def test_a_model_name_goes_before_a_part_number_of_the_same_scheme(matcher: Matcher) -> None:
    found = _seen(matcher, upnp__model_number="FB-130Np", upnp__model_name="WCB-100A")
    assert found.get("model") == "WCB-100A"


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("onvif__model", "NVR-8CH", "recorder"),
        ("onvif__scope__hardware", "XVR", "recorder"),
        ("snmp__sysdescr", "Fixed dome camera", "camera"),
        ("snmp__sysdescr", "4-channel video encoder", "encoder"),
        ("snmp__sysdescr", "8-port switch for cameras", None),
        ("snmp__sysdescr", "8-port IP camera switch", None),
    ],
)
def test_words_that_tell_the_kind(matcher: Matcher, field: str, value: str, kind: str | None) -> None:
    assert _seen(matcher, **{field: value}).get("kind") == kind


def test_a_recorder_that_also_transmits_is_a_recorder(matcher: Matcher) -> None:
    found = _seen(matcher, onvif__types="NetworkVideoTransmitter", onvif__scope__type="video_encoder", onvif__model="NVR-8CH")
    assert found.get("kind") == "recorder"


@pytest.mark.parametrize(
    ("fields", "brand"),
    [
        # a firmware keeps its protocols behind everybody's badge
        ({"sadp__DeviceDescription": "ABC-1234"}, None),
        ({"sadp__DeviceDescription": "DS-2CD2143G0-I"}, "Hikvision"),
        ({"rtsp__realm": "Login to 3G0123456789"}, None),
        ({"dhip__Vendor": "General", "dhip__DeviceClass": "IPC"}, None),
        ({"dhip__Vendor": "Private", "dhip__DeviceType": "Amcrest IP4M-1041B", "dhip__DeviceClass": "IPC"}, "Amcrest"),
        ({"dhip__Vendor": "Dahua", "dhip__DeviceClass": "IPC"}, "Dahua"),
        ({"snmp__sysobjectid": "1.3.6.1.4.1.1004849.3.2.10", "snmp__sysdescr": "NVR"}, None),
        ({"ssdp__server": "Linux, UPnP/1.0, Amcrest"}, "Amcrest"),
        # built for others: the numbering of the board is no badge, the name is
        ({"onvif__model": "NBD8016RA-UL"}, None),
        ({"onvif__manufacturer": "Xiongmai", "onvif__model": "NBD8016RA-UL"}, "Xiongmai"),
        # a maker whose name is on nearly all it makes
        ({"http__copyright": "Brickcom Corporation"}, "Brickcom"),
        ({"onvif__manufacturer": "Samsung Techwin"}, "Samsung"),
        ({"upnp__model_name": "WJ-NT104"}, "Panasonic"),
        # a card of the maker's own under its platform, another's, and a platform that says it is anybody's
        ({"mac": "44:19:b6:00:00:01", "rtsp__realm": "IP Camera(12345)"}, "Hikvision"),
        ({"mac": "fc:f8:b7:00:00:01", "rtsp__realm": "IP Camera(12345)"}, None),
        ({"mac": "3c:ef:8c:00:00:01", "dhip__Vendor": "General", "dhip__DeviceClass": "IPC"}, None),
        # one that builds for few, by its card alone; one that builds for many; one that builds for everybody
        ({"mac": "00:40:8c:00:00:01"}, "Axis"),
        ({"mac": "44:19:b6:00:00:01"}, None),
        ({"mac": "00:18:ae:00:00:01"}, None),
    ],
)
def test_a_badge_is_told_where_it_was_seen_or_is_the_rule(matcher: Matcher, fields: dict[str, str], brand: str | None) -> None:
    assert _seen(matcher, **fields).get("brand") == brand


@pytest.mark.parametrize(
    ("company", "brand", "maker"),
    [
        # IEEE MA-L registry
        ("9c:8e:cd", "Amcrest", "Dahua"),
        ("14:2f:fd", "LTS", None),
        ("54:2b:57", "Night Owl", None),
        ("bc:51:fe", "Swann", "Swann"),
        ("e0:ca:3c", None, "Hikvision"),
        ("ec:97:e0", "EZVIZ", "Hikvision"),
        ("fc:f8:b7", None, None),
    ],
)
def test_the_registrant_of_a_mac_may_be_a_badge(matcher: Matcher, company: str, brand: str | None, maker: str | None) -> None:
    found = _seen(matcher, mac=f"{company}:00:00:01")
    assert (found.get("brand"), found.get("maker")) == (brand, maker)
    assert max(found.confidence.values(), default=0) <= MAC_ALONE
    assert found.is_camera is None
    assert _seen(matcher, mac=f"{company}:00:00:01", port__open="554").get("kind") == ("camera" if brand or maker else None)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"mac": "44:19:b6:00:00:01", "port__open": "8000"}, "camera"),
        ({"mac": "ec:71:db:00:00:01", "port__open": "9000/tcp"}, "camera"),
        ({"mac": "44:19:b6:00:00:01", "port__open": "9000"}, None),
        ({"mac": "00:40:8c:00:00:01", "port__open": "8000"}, None),
        ({"port__open": "8000"}, None),
    ],
)
def test_the_makers_own_port_on_a_card_of_the_makers_makes_a_camera(matcher: Matcher, fields: dict[str, str], kind: str | None) -> None:
    assert _seen(matcher, **fields).get("kind") == kind


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        ("Ethernet Switch DCS-7050SX, EOS", None),
        ("Cisco IOS Software, router DS-2CD2143G0-I", None),
        ("DS-2CD2143G0-I network camera behind a router", "camera"),
        ("DS-2CD2143G0-I", "camera"),
    ],
)
def test_a_number_in_the_description_of_another_device_makes_no_camera(matcher: Matcher, description: str, kind: str | None) -> None:
    assert _seen(matcher, snmp__sysdescr=description).get("kind") in (kind, *(["switch", "router"] if kind is None else []))


@pytest.mark.parametrize("made", ["Samsung Electronics", "Samsung"])
def test_samsung_is_a_maker_of_cameras_only_where_a_camera_of_its_time_is_seen(matcher: Matcher, made: str) -> None:
    found = _seen(matcher, upnp__manufacturer=made)
    assert found.get("brand") == "Samsung"
    assert found.get("maker") is None
    assert _seen(matcher, onvif__manufacturer=made, onvif__model="SNV-6084R").get("maker") == "Hanwha"


@pytest.mark.parametrize(("field", "kind"), [("onvif__model", "camera"), ("upnp__model_name", None), ("mdns__txt__model", None)])
def test_a_number_that_printers_bear_too_is_a_camera_only_where_cameras_speak(matcher: Matcher, field: str, kind: str | None) -> None:
    found = _seen(matcher, **{field: "C351"})
    assert found.get("kind") == kind
    assert found.get("model") == "C351"


def test_what_nmap_makes_of_an_answer_weighs_less_than_the_answer(matcher: Matcher) -> None:
    both = _seen(matcher, nmap__product="D-Link DCS-2130 network camera httpd", http__realm="Brickcom")
    assert both.get("maker") == "Brickcom"


def test_a_platform_goes_before_a_name_that_it_is_sold_under(matcher: Matcher) -> None:
    found = _seen(matcher, onvif__manufacturer="Lorex", onvif__model="LNB4421", dhip__SerialNo="4K049EBPAG1D7E7", dhip__DeviceClass="IPC")
    assert found.get("maker") == "Dahua"
    assert found.get("brand") == "Lorex"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"rtsp__public": "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY"}, "camera"),
        ({"rtsp__public": "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY", "rtsp__server": "gortsplib"}, "server"),
        ({"rtsp__public": "ANNOUNCE, SETUP, RECORD, PAUSE, FLUSH, TEARDOWN"}, None),
        ({"onvif__scope__hardware": "X1", "onvif__scope__name": "Garden"}, "camera"),
        ({"onvif__scope__hardware": "NVR-8"}, "recorder"),
        ({"mac": "00:40:8c:00:00:01", "port__open": "554"}, "camera"),
        ({"mac": "00:40:8c:00:00:01", "port__open": "80"}, None),
        ({"mac": "00:40:8c:00:00:01"}, None),
        ({"rtsp__server": "Cisco MediaSense Media Server"}, None),
        ({"dhcp__hostname": "back-yard-cam"}, "camera"),
        ({"dhcp__hostname": "cameron-laptop"}, None),
        ({"dhcp__hostname": "Doorbell-5C"}, "intercom"),
    ],
)
def test_what_a_device_does_tells_its_kind_where_nothing_else_does(matcher: Matcher, fields: dict[str, str], kind: str | None) -> None:
    found = _seen(matcher, **fields)
    assert found.get("kind") == kind
    assert kind is None or found.confidence["kind"] < 0.7


@pytest.mark.parametrize(
    ("field", "value"), [("onvif__scope__name", "LTS CMIP7422"), ("onvif__scope__oem", "LTS"), ("onvif__model", "Alibi ALI-NS2014VR")]
)
def test_a_badge_that_is_a_word_is_read_where_only_names_stand(matcher: Matcher, field: str, value: str) -> None:
    assert (_seen(matcher, **{field: value}).get("brand") or "").casefold() in ("lts", "alibi")


def test_every_mac_that_a_search_answer_holds_is_read_as_a_mac(matcher: Matcher) -> None:
    declared = {field for one in registry.discoveries().values() for field in one.mac_fields} - {"mac"}
    assert declared and declared <= set(OWN_MACS)
    for field in OWN_MACS:
        assert _seen(matcher, **{field.replace(".", "__"): "00:02:D1:12:34:56"}).get("maker") is not None


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("ipcamera_0002D1AB12CD", "Vivotek"),
        ("Entrance (0002d1ab12cd)", "Vivotek"),
        ("cam-0002D1AB12CDEF", None),
        ("ipcamera_000201123456", None),
    ],
)
def test_the_mac_at_the_end_of_a_factory_name_is_read(matcher: Matcher, name: str, maker: str | None) -> None:
    assert _seen(matcher, dhcp__hostname=name).get("maker") == maker


def test_a_registrant_that_another_program_named_weighs_as_a_card_does(matcher: Matcher) -> None:
    found = _seen(matcher, oui="Hangzhou Hikvision Digital Technology Co.,Ltd.")
    assert found.get("maker") == "Hikvision"
    assert found.confidence["maker"] <= MAC_ALONE
    assert found.get("kind") is None


def test_a_scope_of_the_firmwares_own_names_its_maker_and_a_place_does_not(matcher: Matcher) -> None:
    assert _seen(matcher, onvif__scope__b="jovision").get("maker") == "Jovision"
    for place in ("location", "room", "building"):
        assert _seen(matcher, **{f"onvif__scope__{place}": "Jovision"}).get("maker") is None


@pytest.mark.parametrize("field", ["axis__ProdNbr", "onvif__model", "http__property__model"])
def test_the_revision_belongs_to_the_model(matcher: Matcher, field: str) -> None:
    assert _seen(matcher, **{field: "Q3505 Mk II"}).get("model") == "Q3505 Mk II"
    assert _seen(matcher, **{field: "Q3505"}).get("model") == "Q3505"


@pytest.mark.parametrize("field", ["http.body", "http.path./cgi-bin/magicBox.cgi"])
def test_an_answer_of_a_makers_interface_names_model_and_maker(matcher: Matcher, field: str) -> None:
    (found,) = identify(
        [Observation(device="a", field=field, value="deviceType=IPC-HDW4431C-A\r\nfirmwareVersion=2.420.0000.0.R\r\n")], matcher
    )
    assert (found.get("maker"), found.get("model"), found.get("firmware")) == ("Dahua", "IPC-HDW4431C-A", "2.420.0000.0.R")
