"""Rebrands: the maker is proven by something that is neither a MAC prefix nor the printed badge, and the badge is read apart from it.

The badges and tells stand in public fingerprint lists, firmware shapes and captures that the catalog's examples cite; the combinations
are composed.
"""

from __future__ import annotations

import pytest

from netcam.identify import identify
from netcam.identify.explain import chain
from netcam.identify.matcher import Matcher
from netcam.model import Identity, Observation

# maker, badge as it must be read, what shows the badge, what proves the maker
REBRANDS = [
    ("Hikvision", "LTS", ("onvif.scope.name", "LTS CMIP9342W-28M"), ("http.server", "App-webs/")),
    ("Hikvision", "Annke", ("onvif.manufacturer", "ANNKE"), ("onvif.firmware", "V5.5.83 build 190325")),
    ("Hikvision", "ABUS", ("http.body", '<img src="ui/images/abusLogo.png">'), ("http.server", "DVRDVS-Webs")),
    ("Hikvision", "TruVision", ("onvif.scope.name", "TruVision TVB-5401"), ("rtsp.realm", "IP Camera(C1234)")),
    ("Hikvision", "LaView", ("onvif.manufacturer", "LaView"), ("rtsp.realm", "DVRNVRDVS")),
    ("Hikvision", "HiLook", ("onvif.scope.name", "HiLook IPC-T240H"), ("sadp.SoftwareVersion", "V5.5.52build 180620")),
    ("Dahua", "Lorex", ("onvif.manufacturer", "LOREX"), ("rtsp.realm", "Login to 4M05E3EPAG12345")),
    ("Dahua", "Amcrest", ("upnp.manufacturer", "Amcrest Technologies"), ("dhip.DeviceClass", "IPC")),
    ("Dahua", "Intelbras", ("onvif.manufacturer", "INTELBRAS"), ("rtsp.realm", "Login to 0123456789abcdef0123456789abcdef")),
    ("Dahua", "CP Plus", ("onvif.scope.name", "CPPLUS"), ("onvif.firmware", "2.800.0000000.16.R, Build Date: 2021-08-05")),
    ("Dahua", "Honeywell", ("onvif.manufacturer", "Honeywell"), ("tls.issuer", "CN=Dahua Device Class2 CA,O=Dahua Technology")),
    ("Dahua", "Q-See", ("dhip.Vendor", "Q-See"), ("dhip.DeviceType", "QTN8043B")),
    ("Uniview", "SUNBA", ("onvif.manufacturer", "SUNBA"), ("onvif.firmware", "QIPC-B2202.3.73.C06290.NB.230628")),
    ("Uniview", "Ganz", ("onvif.manufacturer", "GANZ"), ("onvif.firmware", "IPC_G6106-B0005P11D1812C03")),
    ("Uniview", "Turing", ("onvif.manufacturer", "Turing"), ("http.realm", "NVRDVR")),
    ("Uniview", "LTS", ("onvif.manufacturer", "LTS"), ("rtsp.sdp.s", "VCP IPC Realtime stream")),
    ("Uniview", "Atsumi Electric", ("onvif.manufacturer", "Atsumi Electric"), ("http.cookie", "WebLoginHandle")),
    ("TVT", "Provision-ISR", ("onvif.manufacturer", "Provision-ISR"), ("http.server", "Cross Web Server")),
    ("TVT", "InVid", ("onvif.manufacturer", "InVid Tech"), ("rtsp.server", "TVT RTSP Server")),
    ("TVT", "Speco", ("onvif.manufacturer", "Speco Technologies"), ("http.title", "IPCamera Components Download")),
    ("TVT", "AVYCON", ("onvif.scope.name", "AVYCON"), ("http.server", "Cross Web Server")),
    ("TVT", "Swann", ("http.title", "Swann"), ("rtsp.server", "TVT RTSP Server")),
    ("Xiongmai", "Hiseeu", ("onvif.scope.name", "Hiseeu"), ("http.server", "uc-httpd 1.0.0")),
    ("Xiongmai", "ANRAN", ("http.title", "ANRAN"), ("rtsp.server", "H264DVR 1.0")),
    ("Xiongmai", "Techage", ("onvif.scope.name", "Techage"), ("http.cookie", "NetSuveillanceWebCookie")),
    ("Xiongmai", "Besder", ("onvif.scope.name", "Besder"), ("onvif.model", "XM530_50X50-WG_8M")),
    ("Xiongmai", "Jooan", ("http.title", "Jooan"), ("onvif.firmware", "V5.00.R02.L5330747.10010.349917..ONVIF 16.12")),
]


def judged(matcher: Matcher, *facts: tuple[str, str]) -> Identity:
    (one,) = identify([Observation(field=f, value=v, device="d") for f, v in facts], matcher)
    return one


@pytest.mark.parametrize(("maker", "badge", "shows", "tell"), REBRANDS, ids=[f"{m}-{b}" for m, b, _, _ in REBRANDS])
def test_badge_and_maker_are_told_apart(matcher: Matcher, maker: str, badge: str, shows: tuple[str, str], tell: tuple[str, str]) -> None:
    one = judged(matcher, shows, tell)
    assert one.get("brand") == badge
    assert one.get("maker") == maker
    alone = judged(matcher, tell)
    assert alone.get("maker") == maker
    assert alone.confidence["maker"] >= 0.5
    assert any(c.by != "mac-prefix" and "/named-" not in c.by for c in alone.because if c.slot == "maker")
    told = "\n".join(chain(one, matcher.makers))
    assert f"badge {badge} -> tell -> maker {maker} -> owner" in told
    assert "source: " in told


def test_a_badge_alone_says_what_is_on_record_of_its_maker_and_how_little_that_is(matcher: Matcher) -> None:
    one = judged(matcher, ("onvif.manufacturer", "Hiseeu"))
    assert (one.get("brand"), one.get("maker")) == ("Hiseeu", None)
    told = list(chain(one, matcher.makers))
    assert told[0] == "chain: badge Hiseeu -> (asked) -> maker not proven"
    on_record = "  on record, not on this device: Hiseeu -> Xiongmai  strength medium: HB and FH models  source: eduard256/IoT2mqtt"
    assert any(line.startswith(on_record) and line.endswith("a question, and no finding") for line in told)
    proven = judged(matcher, ("onvif.manufacturer", "Hiseeu"), ("http.server", "uc-httpd 1.0.0"))
    assert "  made by  Hiseeu -> Xiongmai  strength medium: HB and FH models  source: eduard256/IoT2mqtt" in "\n".join(
        chain(proven, matcher.makers)
    )


def test_five_of_each_maker_the_task_names() -> None:
    for maker in ("Hikvision", "Dahua", "Uniview", "TVT", "Xiongmai"):
        assert len({badge for m, badge, _, _ in REBRANDS if m == maker}) >= 5


@pytest.mark.parametrize("badge", sorted({b for _, b, _, _ in REBRANDS} - {"HiLook", "Amcrest", "Provision-ISR"}))
def test_a_badge_that_several_makers_serve_names_no_maker(matcher: Matcher, badge: str) -> None:
    one = judged(matcher, ("onvif.manufacturer", badge))
    assert one.get("brand") == badge
    assert one.get("maker") is None


@pytest.mark.parametrize("mac", ["44:19:b6:00:00:01", "3c:ef:8c:00:00:01", "48:ea:63:00:00:01", "00:18:ae:00:00:01"])
def test_a_mac_prefix_alone_never_makes_a_camera_nor_more_than_half_a_maker(matcher: Matcher, mac: str) -> None:
    one = judged(matcher, ("mac", mac))
    assert one.is_camera is None
    assert one.get("brand") is None
    assert one.confidence.get("maker", 0) <= 0.5
