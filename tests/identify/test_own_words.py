"""A maker named anywhere that its devices name themselves is found without a fingerprint of its own, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.identify import Matcher, identify, page
from netcam.model import Identity, Observation


def _seen(matcher: Matcher, field: str, value: str) -> Identity:
    (found,) = identify([Observation(device="a", field=field, value=value)], matcher)
    return found


COMPANY = [
    "onvif.manufacturer", "onvif.scope.manufacturer", "onvif.scope.vendor", "upnp.manufacturer", "mdns.txt.manufacturer", "mdns.txt.vendor",
    "mdns.txt.mf", "mdns.txt.usb_mfg", "mdns.txt.company", "dhip.Vendor", "tvt.manufacturer", "hnap.VendorName", "lldp.manufacturer",
]  # fmt: skip
TEXT = [
    "onvif.scope.name", "upnp.friendly_name", "upnp.model_description", "upnp.model_name", "mdns.name", "mdns.txt.md", "mdns.txt.fn",
    "snmp.sysdescr", "http.title", "http.realm", "http.server", "http.copyright", "http.meta.author", "http.meta.description",
    "http.meta.generator", "http.heading", "http.logo", "http.header.x-device", "tls.subject", "tls.issuer", "rtsp.server", "rtsp.realm",
    "rtsp.sdp.s", "rtsp.sdp.i", "rtsp.sdp.tool", "rtsp.sdp.o", "ssh.banner", "ftp.banner", "telnet.banner", "smtp.banner", "ssdp.server",
    "dhcp.vendor_class", "lldp.system_description", "cdp.platform", "cdp.version", "sip.user_agent", "sip.server", "nmap.product",
]  # fmt: skip
SITE = ["http.link", "upnp.manufacturer_url", "upnp.model_url", "rtsp.sdp.u", "rtsp.sdp.e", "tls.san"]
HOST = ["dhcp.hostname", "hostname", "mdns.host", "snmp.sysname", "lldp.system_name"]


@pytest.mark.parametrize("field", COMPANY)
@pytest.mark.parametrize("written", ["BRICKCOM", "Brickcom Corporation", "brickcom Co., Ltd."])
def test_a_company_names_itself(matcher: Matcher, field: str, written: str) -> None:
    assert _seen(matcher, field, written).get("maker") == "Brickcom"


@pytest.mark.parametrize("field", TEXT)
def test_a_name_stands_in_running_text(matcher: Matcher, field: str) -> None:
    assert _seen(matcher, field, "BrickCom device 12").get("maker") == "Brickcom"
    assert _seen(matcher, field, "Brickcomputers device").get("maker") is None
    assert _seen(matcher, field, "MyBrickcom device").get("maker") is None


@pytest.mark.parametrize("field", SITE)
def test_a_web_or_mail_address_is_the_makers(matcher: Matcher, field: str) -> None:
    assert _seen(matcher, field, "www.brickcom.com").get("maker") == "Brickcom"
    assert _seen(matcher, field, "support@mybrickcom.com").get("maker") is None


@pytest.mark.parametrize("field", ["http.link", "upnp.manufacturer_url", "rtsp.sdp.e"])
def test_an_address_tells_what_the_word_alone_would_not(matcher: Matcher, field: str) -> None:
    assert _seen(matcher, field, "http://www.pelco.com/support").get("maker") == "Pelco"
    assert _seen(matcher, field, "support@pelco.com").get("maker") == "Pelco"
    assert _seen(matcher, field, "www.pelco.com.example.net").get("maker") is None
    assert _seen(matcher, field, "www.motion.com").get("maker") is None


@pytest.mark.parametrize("field", HOST)
def test_a_host_name_alone_stays_under_a_half(matcher: Matcher, field: str) -> None:
    found = _seen(matcher, field, "Brickcom-0012AB")
    assert found.get("maker") == "Brickcom"
    assert found.confidence["maker"] < 0.5


@pytest.mark.parametrize(
    "body",
    [
        '<html><head><meta name="author" content="Brickcom Corp"></head></html>',
        "<meta content='Brickcom Network Camera' name=description>",
        '<img src="/images/brickcom_logo.gif">',
        '<img class="logo" src="a.gif" alt="Brickcom">',
        '<a href="http://www.brickcom.com/">site</a>',
        "<a href='mailto:support@brickcom.com'>mail</a>",
        "<h1>Brickcom</h1>",
        "Copyright &copy; 2010 Brickcom Corp. All rights reserved",
        "(c) 2010 Brickcom",
        "<p>Brickcom Inc. (c) 2010, All Rights Reserved",
        "<p>Powered by Brickcom",
    ],
)
def test_a_page_says_whose_it_is(matcher: Matcher, body: str) -> None:
    assert _seen(matcher, "http.body", body).get("maker") == "Brickcom"


@pytest.mark.parametrize(
    "body",
    [
        "<p>Works with Brickcom, Axis, Hikvision, Dahua and Foscam</p>",
        '<a href="http://www.brickcom.com/">a</a><a href="http://www.axis.com/">b</a><a href="http://www.foscam.com/">c</a>',
        '<img src="/images/brickcom_small.gif">',
        '<meta name="keywords" content="brickcom, axis, hikvision">',
    ],
)
def test_a_page_that_mentions_a_maker_is_not_the_makers(matcher: Matcher, body: str) -> None:
    assert _seen(matcher, "http.body", body).get("maker") is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("http.title", "Vision Network Camera"),
        ("http.title", "Speed Dome IP Camera"),
        ("http.title", "Mobile Network Camera"),
        ("http.title", "Motion"),
        ("http.title", "Proxy for Brickcom cameras"),
        ("http.title", "Brickcom camera integration - Home Assistant"),
        ("http.heading", "Hikvision API"),
        ("snmp.sysdescr", "Linux brickcom-nas 4.4.0 x86_64"),
        ("http.title", "Swann"),
        ("http.title", "Planet of the Apes"),
        ("tls.subject", "CN=ring.example, O=Linear Algebra Ltd"),
    ],
)
def test_a_mention_and_a_word_make_nobody_the_maker(matcher: Matcher, field: str, value: str) -> None:
    assert _seen(matcher, field, value).get("maker") is None


@pytest.mark.parametrize(
    ("field", "value", "maker"),
    [
        ("http.title", "Pelco", "Pelco"),
        ("http.realm", "Sony", "Sony"),
        ("http.logo", "pelco_logo.png", "Pelco"),
        ("http.copyright", "Pelco, Inc.", "Pelco"),
        ("tls.issuer", "CN=x, O=Sony Corporation", "Sony"),
        ("onvif.manufacturer", "海康威视", "Hikvision"),
        ("onvif.manufacturer", "浙江大华技术股份有限公司", "Dahua"),
        ("http.copyright", "杭州海康威视数字技术股份有限公司 版权所有", "Hikvision"),
        ("http.title", "宇视科技", "Uniview"),
    ],
)
def test_names_that_are_words_and_names_in_chinese(matcher: Matcher, field: str, value: str, maker: str) -> None:
    assert _seen(matcher, field, value).get("maker") == maker


@given(st.text(alphabet="<>ah1metimgr=\"/.: logo'x&;", max_size=400))
def test_any_page_is_read_without_fault(text: str) -> None:
    for fact in page.said(text):
        assert 0 < len(fact.value) <= page.MAX_SAID
        assert fact.field.startswith("http.")


@pytest.mark.parametrize("piece", ["<a href=", "<img " + "a=" * 300, "<h1>" * 100, '<meta name="author" content="', "<a href='//x.yz'>"])
def test_a_hostile_page_takes_no_time(piece: str) -> None:
    import time

    begun = time.process_time()
    list(page.said(piece * 20_000))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "product", ["Hikvision 7513 POE IP camera rtspd", "Lorex IP camera rtspd", "NUUO IP Surveillance rtpsd", "Vivotek FD8134V webcam rtspd"]
)
def test_a_product_that_nmap_names_by_an_answer_of_anybody_names_nobody(matcher: Matcher, product: str) -> None:
    assert set(_seen(matcher, "nmap.product", product).slots) <= {"kind"}


def test_a_product_that_nmap_names_by_a_servers_name_names_its_maker(matcher: Matcher) -> None:
    assert _seen(matcher, "nmap.product", "Dahua IP camera rtspd").get("maker") == "Dahua"
