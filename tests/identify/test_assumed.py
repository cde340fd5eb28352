"""What is taken for the badge and the kind where nothing says it, and what keeps it from being taken."""

from __future__ import annotations

import pytest

from netcam.identify import Matcher, identify
from netcam.model import Observation
from tests.identify.shipped import seen as _seen


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        # models of the makers' own lists (axis.com, vivotek.com, tp-link.com product pages); the number alone says no kind
        ({"http__title": "AXIS M3045-V"}, "camera"),
        ({"http__title": "AXIS M7011"}, "encoder"),
        ({"http__title": "M3045-V"}, None),
        ({"upnp__manufacturer": "TP-LINK", "upnp__model_name": "Archer C7"}, "router"),
        ({"snmp__sysdescr": "  ; AXIS P8221; Network IO Audio Module; 5.10.3"}, None),
        ({"snmp__sysdescr": "  ; AXIS C3003-E; Network Horn Speaker; 1.65.032"}, "speaker"),
    ],
)
def test_the_makers_own_table_tells_the_kind_of_a_model(matcher: Matcher, fields: dict[str, str], kind: str | None) -> None:
    assert _seen(matcher, **fields).get("kind") == kind


@pytest.mark.parametrize(
    ("maker", "model"),
    [
        ("Avigilon", "Avigilon Control Center Server"),
        ("Mobotix AG", "MxManagementCenter"),
        ("GeoVision Inc.", "GV-VMS"),
        ("Vivotek", "VAST Server"),
        ("Uniview", "Unified Security Management Station"),
    ],
)
def test_a_maker_of_cameras_makes_software_too(matcher: Matcher, maker: str, model: str) -> None:
    found = _seen(matcher, upnp__manufacturer=maker, upnp__model_name=model, upnp__model_description="management product")
    assert found.is_camera is not True
    assert found.get("maker")
    assert _seen(matcher, upnp__manufacturer=maker).is_camera is True


@pytest.mark.parametrize(
    ("title", "kind"),
    [("Avigilon Control Center", None), ("VIVOTEK VMS", None), ("Avigilon", "camera"), ("VIVOTEK Web Management", "camera")],
)
def test_a_title_that_is_a_programs_keeps_the_usual_kind_away(matcher: Matcher, title: str, kind: str | None) -> None:
    assert _seen(matcher, http__title=title).get("kind") == kind


def test_a_media_server_is_no_recorder_whatever_its_number(matcher: Matcher) -> None:
    player = {"upnp__model_name": "DS-7604", "upnp__device_type": "urn:schemas-upnp-org:device:MediaServer:1"}
    assert _seen(matcher, **player).is_camera is not True
    assert _seen(matcher, upnp__manufacturer="Uniview", upnp__model_name="VM5500").get("kind") == "vms"


@pytest.mark.parametrize(
    ("mac", "brand"),
    [
        ("00:40:8c:00:00:01", "Axis"),  # Axis Communications AB
        ("00:09:18:00:00:01", None),  # Samsung Techwin: not the name on what the maker sells now
        ("e4:30:22:00:00:01", "Hanwha"),  # Hanwha Vision VietNam
        ("50:c7:bf:00:00:01", None),  # TP-Link: the maker has lines with names of their own
    ],
)
def test_a_card_tells_the_badge_where_it_bears_the_name_on_it(matcher: Matcher, mac: str, brand: str | None) -> None:
    assert _seen(matcher, mac=mac).get("brand") == brand


@pytest.mark.parametrize("owner", ["JCI", "CBC", "AD Group", "Motorola Solutions"])
def test_an_owner_of_several_badges_prints_none_of_its_own(matcher: Matcher, owner: str) -> None:
    assert matcher.makers.makers[owner].odm


@pytest.mark.parametrize(
    "fields",
    [
        # a video gateway whose number is one of Arlo's recorders' (arris.com product page), and players by their device type
        {"upnp__manufacturer": "ARRIS", "upnp__model_name": "VMS1100"},
        {"upnp__manufacturer": "Echostar", "upnp__model_name": "DVR-922"},
        {"upnp__model_name": "VMS1100", "upnp__device_type": "urn:schemas-upnp-org:device:MediaRenderer:1"},
    ],
)
def test_a_set_top_box_is_no_recorder_whatever_its_number(matcher: Matcher, fields: dict[str, str]) -> None:
    assert _seen(matcher, **fields).is_camera is not True
    assert _seen(matcher, **fields).get("maker") is None
    assert _seen(matcher, upnp__model_name="VMB4540").is_camera is True


def test_what_a_device_says_of_itself_goes_before_what_most_are(matcher: Matcher) -> None:
    fields = {"rtsp__public": "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY", "port__open": "554", "mac": "44:19:b6:00:00:01"}
    assert _seen(matcher, **fields).get("kind") == "camera"
    assert _seen(matcher, **fields, dhcp__hostname="NVR02").get("kind") == "recorder"


@pytest.mark.parametrize(
    ("product", "maker", "kind"),
    [
        # nmap-service-probes: by a server's name or a realm
        ("Dahua IP camera rtspd", "Dahua", "camera"),
        ("Maygion IPCamera rtspd", "Maygion", "camera"),
        ("Samsung SNB-2000 webcam rtspd", "Hanwha", "camera"),
        ("Hikvision Network Video Recorder http admin", "Hikvision", "recorder"),
        # by a list of methods or a status that many give; two makers at once
        ("Vivotek FD8134V webcam rtspd", None, "camera"),
        ("D-Link DCS-2130 or Pelco IDE10DN webcam rtspd", None, "camera"),
        # by a prompt that routers and media players give as well
        ("security DVR telnetd", None, None),
        ("Swann DVR telnetd", None, None),
        ("Axis 2100 Network Camera telnetd", None, None),
    ],
)
def test_what_nmap_calls_a_product_counts_as_far_as_its_pattern_tells(
    matcher: Matcher, product: str, maker: str | None, kind: str | None
) -> None:
    found = _seen(matcher, nmap__product=product)
    assert (found.get("maker"), found.get("kind")) == (maker, kind)


@pytest.mark.parametrize(
    ("host", "brand", "kind"),
    [
        # names as DHCP logs and home inventories show them
        ("LTS-cam3", "LTS", "camera"),
        ("sony-cam", "Sony", "camera"),
        ("ABUS-NVR", "ABUS", "recorder"),
        ("NVR02", None, "recorder"),
        ("camera-lobby", None, "camera"),
        ("cam1-garage.lan", None, "camera"),
        # owners' names of rooms, people and machines
        ("sony-room", None, None),
        ("cam-server-2", None, None),
        ("camden-print", None, None),
        ("dvr-livingroom", None, None),
    ],
)
def test_a_host_name_speaks_where_a_thing_is_named(matcher: Matcher, host: str, brand: str | None, kind: str | None) -> None:
    found = _seen(matcher, dhcp__hostname=host)
    assert (found.get("brand"), found.get("kind")) == (brand, kind)
    assert max(found.confidence.values(), default=0) < 0.7


def test_a_badge_in_a_host_name_goes_before_the_platforms_own(matcher: Matcher) -> None:
    found = _seen(matcher, dhcp__hostname="LTS-cam3", http__server="App-webs/", mac="44:19:b6:00:00:01")
    assert (found.get("brand"), found.get("maker")) == ("LTS", "Hikvision")


@pytest.mark.parametrize(
    ("fields", "brand", "kind", "firmware"),
    [
        # python-kasa kasa/deviceconfig.py (DeviceFamily) and the layout of its fixtures
        ({"tplink__type": "IOT.IPCAMERA", "tplink__sw_ver": "2.3.26 Build 20190612 rel.61132"}, "Kasa", "camera", "2.3.26 Build 20190612 rel.61132"),
        ({"tplink__device_type": "SMART.KASADOORBELL"}, "Kasa", "intercom", None),
        ({"tplink__device_type": "SMART.TAPODOORBELL"}, "Tapo", "intercom", None),
        ({"tplink__device_type": "SMART.TAPOCHIME", "tplink__device_model": "D100C"}, "Tapo", "iot", None),
    ],
)  # fmt: skip
def test_tp_links_search_answers(matcher: Matcher, fields: dict[str, str], brand: str, kind: str, firmware: str | None) -> None:
    found = _seen(matcher, **fields)
    assert (found.get("maker"), found.get("brand"), found.get("kind"), found.get("firmware")) == ("TP-Link", brand, kind, firmware)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        # a card with the port of the maker's own protocol
        ({"mac": "00:09:18:00:00:01", "port__open": "4520/tcp"}, "camera"),
        ({"mac": "50:c7:bf:00:00:01", "port__open": "2020"}, "camera"),
        # where only recorders listen
        ({"rtsp__server": "TVT RTSP Server/1.0", "port__open": "6036"}, "recorder"),
        ({"rtsp__server": "TVT RTSP Server/1.0", "port__open": "4567"}, "camera"),
        # the card alone; a port of somebody else; RTSP on a card whose access points speak it too
        ({"mac": "00:09:18:00:00:01", "port__open": "443"}, None),
        ({"mac": "00:09:18:00:00:01", "port__open": "6036"}, None),
        ({"mac": "50:c7:bf:00:00:01", "port__open": "554"}, None),
        ({"port__open": "4520"}, None),
    ],
)
def test_a_makers_own_port_tells_the_kind_on_its_card(matcher: Matcher, fields: dict[str, str], kind: str | None) -> None:
    found = _seen(matcher, **fields)
    assert found.get("kind") == kind
    assert found.confidence.get("kind", 0) < 0.6


@pytest.mark.parametrize(
    ("fields", "maker", "brand"),
    [
        # TRENDnet's numbering over Hikvision's firmware, for which Hikvision is known to build
        ({"http__realm": "TV-IP311PI", "http__server": "App-webs/"}, "Hikvision", "TRENDnet"),
        ({"http__title": "TV-IP311PI", "http__server": "App-webs/"}, "Hikvision", "TRENDnet"),
        # nobody is known to build Hikvision's models
        ({"http__title": "DS-2CD2042WD-I", "rtsp__realm": "Login to 3M04B9CPAG3D2AF"}, "Dahua", None),
    ],
)
def test_the_numbering_of_a_house_is_its_badge_on_anothers_firmware(
    matcher: Matcher, fields: dict[str, str], maker: str, brand: str | None
) -> None:
    found = _seen(matcher, **fields)
    assert (found.get("maker"), found.get("brand")) == (maker, brand)
    assert (found.confidence["maker"] > 0.8) is (brand is not None)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("NVR36", "recorder"),
        ("nvr36.example.net", "recorder"),
        ("NVR-warehouse", "recorder"),
        ("Bell-Front", "intercom"),
        ("doorbell-cam", "intercom"),
        ("bellcam2", "intercom"),
        ("door-station", "intercom"),
        ("nvr-client", "camera"),
        ("bellagio-pc", "camera"),
        ("intercom-server", "camera"),
        ("DVR-livingroom", "camera"),
    ],
)
def test_a_host_name_goes_before_what_most_are_with_a_streaming_server(matcher: Matcher, host: str, kind: str) -> None:
    found = _seen(matcher, hostname=host, rtsp__server="Rtsp Server/3.0", rtsp__realm="Login to 3M04B9CPAG3D2AF")
    assert (found.get("kind"), found.get("maker")) == (kind, "Dahua")


def test_a_program_that_serves_files_is_no_camera(matcher: Matcher) -> None:
    assert _seen(matcher, rtsp__server="LIVE555 Media Server", rtsp__realm="LIVE555 Streaming Media").get("kind") is None
    assert _seen(matcher, rtsp__realm="LIVE555 Streaming Media").get("kind") == "camera"


INTERFACES = {
    # forms of answers that client libraries of these makers' interfaces have in their tests and threads
    "ISAPI without the maker's name": (
        '<DeviceInfo xmlns="http://www.isapi.org/ver20/XMLSchema"><deviceName>NVR</deviceName>',
        "Hikvision",
        None,
    ),
    "ISAPI with a number of the maker's own": (
        '<DeviceInfo xmlns="http://www.isapi.org/ver20/XMLSchema"><model>DS-7608NI-I2/8P</model>',
        "Hikvision",
        "Hikvision",
    ),
    "magicBox with a firmware's base": ("deviceType=31\nupdateSerial=DHI-NVR4108HS-8P-4KS2", "Dahua", None),
    "magicBox with the vendor": ("vendor=Dahua", "Dahua", "Dahua"),
    "magicBox with a neutral vendor": ("vendor=General", None, None),
    "VAPIX parameters": ("root.Properties.AlwaysMulticast.AlwaysMulticast=yes", "Axis", "Axis"),
    "TVT's configuration": ('<config version="1.0" xmlns="http://www.ipc.com/ver10">', "TVT", None),
    "PSIA": ('<DeviceInfo version="1.0" xmlns="urn:psialliance-org">', None, None),
}


@pytest.mark.parametrize("name", INTERFACES)
def test_a_makers_interface_tells_the_maker_and_not_whose_badge_is_on_it(matcher: Matcher, name: str) -> None:
    answer, maker, brand = INTERFACES[name]
    (found,) = identify([Observation(device="a", field="http.path./api", value=answer)], matcher)
    assert (found.get("maker"), found.get("brand")) == (maker, brand)


def test_objects_under_a_makers_arc_tell_it(matcher: Matcher) -> None:
    arc = "snmp__oid__1__3__6__1__4__1__"
    assert _seen(matcher, **{f"{arc}3967__1__1__5__1__0": "FLEXIDOME indoor 5100i IR"}).get("brand") == "Bosch"
    found = _seen(matcher, **{f"{arc}50001__1__2__0": "8000"})
    assert (found.get("maker"), found.get("brand")) == ("Hikvision", None)
    assert _seen(matcher, **{f"{arc}500011__1": "8000"}).get("maker") is None


@pytest.mark.parametrize(
    ("fields", "maker", "brand"),
    [
        # makers of others' goods whose own are numbered as their lists are (tvt.net.cn, sunellsecurity.com)
        ({"onvif__model": "TD-9544E3"}, "TVT", "TVT"),
        ({"onvif__model": "SN-IPR54/20AKDN"}, "Sunell", "Sunell"),
        ({"onvif__model": "TD-9544E3", "onvif__manufacturer": "NONE"}, "TVT", None),
        ({"onvif__model": "TD-9544E3", "onvif__manufacturer": "Provision-ISR"}, "TVT", "Provision-ISR"),
        ({"onvif__model": "XM530_50X50-WG_8M"}, "Xiongmai", None),
        # a platform on a card of its own tells the badge, unless the build says that it is anybody's
        ({"dhip__DeviceClass": "IPC", "mac": "3c:ef:8c:00:00:01"}, "Dahua", "Dahua"),
        ({"dhip__DeviceClass": "IPC", "mac": "3c:ef:8c:00:00:01", "onvif__manufacturer": "None"}, "Dahua", None),
        # its own port on its own card is its consumer lines' port too
        ({"port__open": "37777", "mac": "3c:ef:8c:00:00:01"}, "Dahua", None),
        # the second of a maker's own badges, named by its software
        ({"http__server": "DVTEL Web Server"}, "FLIR", "DVTEL"),
    ],
)
def test_a_maker_of_others_goods_bears_its_own_name_where_its_numbering_says_so(
    matcher: Matcher, fields: dict[str, str], maker: str, brand: str | None
) -> None:
    found = _seen(matcher, **fields)
    assert (found.get("maker"), found.get("brand")) == (maker, brand)


@pytest.mark.parametrize(
    ("company", "brand"),
    [
        # firms that sell under a name that is not theirs, as the IEEE registry has them
        ("Bird Home Automation GmbH", "DoorBird"),
        ("OvisLink Corp.", "AirLive"),
        ("Suzhou Keda Technology CO.,Ltd", "Kedacom"),
        ("hangzhou puwell cloud tech co., ltd.", "Puwell"),
        ("TKH Security B.V.", None),
        ("Birdhouse Automation Inc", None),
    ],
)
def test_a_card_of_a_firm_whose_badge_has_another_name(matcher: Matcher, company: str, brand: str | None) -> None:
    found = _seen(matcher, oui=company)
    assert found.get("brand") == brand
    assert max(found.confidence.values(), default=0) <= 0.5
