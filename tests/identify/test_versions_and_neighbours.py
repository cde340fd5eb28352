"""A platform's way of counting tells its maker wherever a version stands, and no badge; neighbours that describe themselves are told as what they are."""

from __future__ import annotations

import pytest

from netcam.identify import Matcher
from tests.identify.shipped import seen


@pytest.mark.parametrize(
    "field", ["onvif__firmware", "upnp__firmware", "list__firmware", "http__property__firmware", "onvif__scope__version"]
)
@pytest.mark.parametrize(
    ("firmware", "maker"),
    [
        ("2.622.0000000.9.R", "Dahua"),
        ("V5.5.82 build 190220", "Hikvision"),
        ("IPC_G6202-B0011P24D1805C30", "Uniview"),
        ("V4.03.R11.C6380154.12201.140000.0000000", "Xiongmai"),
        ("5.5.82", None),
        ("2.622.9", None),
    ],
)
def test_a_way_of_counting_tells_the_maker_and_no_badge(matcher: Matcher, field: str, firmware: str, maker: str | None) -> None:
    found = seen(matcher, **{field: firmware})
    assert (found.get("maker"), found.get("brand"), found.get("firmware")) == (maker, None, firmware)


def test_a_platforms_version_behind_a_name_that_nobody_knows_names_the_maker(matcher: Matcher) -> None:
    found = seen(matcher, onvif__manufacturer="Acmecam", onvif__model="ZQ-1234", onvif__firmware="GIPC-B6202.5.8.190513")
    assert (found.get("maker"), found.get("brand")) == ("Uniview", "Acmecam")
    nobody = seen(matcher, onvif__manufacturer="NONE", onvif__model="ZQ-1234", onvif__firmware="GIPC-B6202.5.8.190513")
    assert (nobody.get("maker"), nobody.get("brand")) == ("Uniview", None)


def test_a_badge_before_the_model_in_a_list_is_the_badge(matcher: Matcher) -> None:
    found = seen(matcher, list__model="Lorex LNB8921B")
    assert (found.get("brand"), found.get("model")) == ("Lorex", "LNB8921B")


@pytest.mark.parametrize(
    ("agent", "maker"),
    [
        ("SIP UAS V3.0.0.1208500", "Dahua"),
        ("Embedded Net DVR/NVR/DVS", "Hikvision"),
        ("SIP UAS V.2016.xxxx", None),
        ("IP Camera", None),
        ("Embedded Network Phone", None),
    ],
)
def test_what_a_camera_calls_itself_to_a_platform_of_gb28181(matcher: Matcher, agent: str, maker: str | None) -> None:
    assert seen(matcher, sip__user_agent=agent).get("maker") == maker


@pytest.mark.parametrize(
    ("port", "maker", "kind"),
    [
        ("37810/udp", "Dahua", "camera"),
        ("37020/udp", "Hikvision", "camera"),
        ("34569/udp", "Xiongmai", "camera"),
        ("34567/tcp", "Xiongmai", "camera"),
        ("37810/tcp", None, None),
        ("8000", None, None),
        ("554", None, None),
    ],
)
def test_a_platforms_own_port_alone_is_a_hint(matcher: Matcher, port: str, maker: str | None, kind: str | None) -> None:
    found = seen(matcher, port__open=port)
    assert (found.get("maker"), found.get("kind"), found.get("brand")) == (maker, kind, None)
    assert max(found.confidence.values(), default=0) <= 0.4


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"snmp__sysdescr": "ProCurve J9019B Switch 2510-24, revision Q.11.17"}, "switch"),
        ({"snmp__sysdescr": "RouterOS RB750Gr3"}, "router"),
        ({"snmp__sysdescr": "Lexmark MS510dn version NR.APS.N447 kernel 3.0.0"}, "printer"),
        ({"snmp__sysdescr": "Linux TS-453A 4.2.8"}, "nas"),
        ({"snmp__sysdescr": "APC Web/SNMP Management Card (MB:v4.1.0)", "snmp__sysobjectid": "1.3.6.1.4.1.318.1.3.27"}, "ups"),
        ({"cdp__platform": "Cisco IP Phone 8841"}, "phone"),
        ({"http__title": "HG8245H", "mac": "00:e0:fc:00:00:01"}, "router"),
        ({"http__title": "F660", "http__server": "Mini web server 1.0 ZTE corp 2005."}, "router"),
        # cameras that speak of the same things
        ({"snmp__sysdescr": "Meraki MV12W Cloud Managed Smart Camera"}, "camera"),
        ({"snmp__sysdescr": "PoE network camera, behind a managed switch"}, "camera"),
        ({"snmp__sysdescr": "Linux 3.10.77"}, None),
        ({"http__title": "HG"}, None),
    ],
)
def test_neighbours_are_told_as_what_they_are(matcher: Matcher, fields: dict[str, str], kind: str | None) -> None:
    assert seen(matcher, **fields).get("kind") == kind


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        # a number that TRENDnet's cameras bear, on the page of a router
        ({"http__title": "TV-IP311PI", "http__server": "Mini web server 1.0 ZTE corp 2005."}, "router"),
        ({"http__heading": "TV-IP311PI", "http__title": "OpenWrt"}, "router"),
        ({"http__title": "TV-IP311PI", "http__server": "lighttpd"}, "camera"),
        # what the device says of itself elsewhere stays
        ({"onvif__model": "TV-IP311PI", "http__title": "OpenWrt"}, "camera"),
    ],
)
def test_a_number_on_a_routers_page_is_no_cameras(matcher: Matcher, fields: dict[str, str], kind: str) -> None:
    found = seen(matcher, **fields)
    assert found.get("kind") == kind
    assert found.get("model") == ("TV-IP311PI" if kind == "camera" else None)


def test_a_word_that_servers_share_beside_a_librarys_realm_names_nobody(matcher: Matcher) -> None:
    assert seen(matcher, rtsp__server="Rtsp Server/3.0").get("maker") == "Dahua"
    assert seen(matcher, rtsp__server="Rtsp Server/3.0", rtsp__realm="LIVE555 Streaming Media").get("maker") is None


@pytest.mark.parametrize(
    ("description", "serial", "model", "kind"),
    [
        ("Network Video Recorder", "DS-7608NI-I2/8P0820190101CCRRD00000000WCVU", "DS-7608NI-I2/8P", "recorder"),
        ("16CH NVR", "DS-7616NI-I21620190101CCRRD00000000WCVU", "DS-7616NI-I2", "recorder"),
        ("IPC", "DS-2CD2042WD-I20170101AAWR700000000", "DS-2CD2042WD-I", "camera"),
        ("DS-2CD2385G1-I", "DS-2CD2385G1-I20190101AAWRD00000000", "DS-2CD2385G1-I", "camera"),
        ("DVR", "044123456", None, "recorder"),
    ],
)
def test_words_for_a_kind_are_no_model(matcher: Matcher, description: str, serial: str, model: str | None, kind: str) -> None:
    found = seen(matcher, sadp__DeviceDescription=description, sadp__DeviceSN=serial)
    assert (found.get("model"), found.get("kind"), found.get("maker")) == (model, kind, "Hikvision")


@pytest.mark.parametrize("model", ["IPC-HFW2231T-ZS/VFS", "SNV-6084R/US", "DH-IPC-HDW1230T1-A/LR"])
def test_a_variant_behind_a_slash_belongs_to_the_model(matcher: Matcher, model: str) -> None:
    assert seen(matcher, list__model=model).get("model") == model
    assert seen(matcher, onvif__model=model).get("model") == model


def test_a_sessions_name_is_the_devices_and_a_tools_is_not(matcher: Matcher) -> None:
    assert seen(matcher, rtsp__sdp__s="Brickcom streaming").get("kind") == "camera"
    assert seen(matcher, rtsp__sdp__tool="Brickcom streaming").get("kind") is None


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"rtsp__sdp__s": "RTSP/RTP stream from IPNC"}, "camera"),
        ({"rtsp__sdp__s": "RTSP Session", "rtsp__sdp__o": "- 1 1 IN IP4 192.0.2.7"}, "camera"),
        # anybody's address, a file, programs
        ({"rtsp__sdp__s": "RTSP Session", "rtsp__sdp__o": "- 1 1 IN IP4 0.0.0.0"}, None),
        ({"rtsp__sdp__s": "RTSP Session", "rtsp__sdp__o": "- 1 1 IN IP4 192.0.2.7", "rtsp__sdp__range": "npt=0-596.48"}, None),
        ({"rtsp__sdp__s": "Session streamed with GStreamer", "rtsp__sdp__o": "- 1 1 IN IP4 192.0.2.7"}, None),
        ({"rtsp__sdp__s": "SatIPServer:1 4", "rtsp__sdp__o": "- 1 1 IN IP4 192.0.2.7"}, None),
        ({"rtsp__sdp__s": "RTSP Session", "rtsp__sdp__o": "- 1 1 IN IP4 192.0.2.7", "hostname": "NVR36"}, "recorder"),
    ],
)
def test_a_session_of_the_devices_own_is_a_weak_sign_of_a_camera(matcher: Matcher, fields: dict[str, str], kind: str | None) -> None:
    found = seen(matcher, **fields)
    assert found.get("kind") == kind
    assert found.confidence.get("kind", 0) <= 0.5
