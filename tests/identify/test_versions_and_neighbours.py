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
