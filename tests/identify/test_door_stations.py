"""Door stations that name themselves in one place only: mDNS, a title, a server, a SIP agent."""

from __future__ import annotations

import pytest

from netcam.identify import Matcher
from tests.identify.shipped import seen


@pytest.mark.parametrize(
    ("fields", "brand", "model", "firmware"),
    [
        ({"mdns__name": "2N IP Style 54-1234-5678"}, "2N", "2N IP Style", None),
        ({"http__server": "2N IP Verso/2.35.1"}, "2N", "2N IP Verso", "2.35.1"),
        ({"mdns__name": "AXIS I8016-LVE - B8A44F123456"}, "Axis", "I8016-LVE", None),
        ({"http__title": "Grandstream GDS3710"}, "Grandstream", "GDS3710", None),
        ({"sip__user_agent": "Akuvox R20A 20.30.4.216"}, "Akuvox", "R20A", "20.30.4.216"),
        ({"sip__user_agent": "Fanvil i16SV 2.8.0.6418"}, "Fanvil", "i16SV", "2.8.0.6418"),
        ({"mdns__name": "DoorBird D2101V - 1CCAE3712345"}, "DoorBird", "D2101V", None),
        ({"http__title": "MOBOTIX T26"}, "Mobotix", "T26", None),
        ({"http__title": "Zenitel TCIV-3+"}, "Zenitel", "TCIV-3+", None),
        ({"http__title": "Aiphone IX-DV"}, "Aiphone", "IX-DV", None),
        ({"onvif__model": "Reolink Video Doorbell WiFi-W"}, "Reolink", "Reolink Video Doorbell WiFi-W", None),
        ({"ubiquiti__model": "UVC G4 Doorbell Pro"}, "Ubiquiti", "UVC G4 Doorbell Pro", None),
        ({"http__title": "Acme IP Intercom"}, None, None, None),
    ],
)
def test_a_door_station_is_an_intercom(
    matcher: Matcher, fields: dict[str, str], brand: str | None, model: str | None, firmware: str | None
) -> None:
    found = seen(matcher, **fields)
    assert [found.get(slot) for slot in ("kind", "brand", "model", "firmware")] == ["intercom", brand, model, firmware]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"http__title": "MOBOTIX M16B"}, "camera"),
        ({"ubiquiti__model": "UVC G4 Dome"}, "camera"),
        ({"sip__user_agent": "Fanvil X4 2.4.0"}, None),
        ({"http__title": "Doorbell chime"}, None),
        ({"http__title": "Intercom Server"}, None),
        ({"onvif__model": "Ring Stick Up Cam"}, "camera"),
    ],
)
def test_what_sounds_alike_is_none(matcher: Matcher, fields: dict[str, str], kind: str | None) -> None:
    assert seen(matcher, **fields).get("kind") == kind
