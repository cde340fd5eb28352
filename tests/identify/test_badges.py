"""No brand of the catalog is missed where a device prints it plainly in a field that is made for names, and none is read where it is no name."""

from __future__ import annotations

import pytest

from netcam.catalog import naming
from netcam.catalog.makers import Brand
from netcam.identify import Matcher
from netcam.model import Observation
from tests.identify import shipped
from tests.identify.shipped import seen

MAKER_FIELDS = (
    ("onvif.manufacturer", "{}"),
    ("onvif.manufacturer", "{} Technology Co., Ltd."),
    ("upnp.manufacturer", "{} GmbH"),
    ("dhip.Vendor", "{}"),
    ("http.header.x-vendor", "{}"),
    ("mdns.txt.manufacturer", "Shenzhen {} S.p.A."),
)
"""Fields that hold a company: whatever the name means, it is meant."""
GUARDED = (
    ("http.title", "{} Network Camera"),
    ("http.title", "{} NVR"),
    ("http.title", "{} | Login"),
    ("http.realm", "{} IP Camera"),
    ("http.realm", "{}"),
    ("rtsp.realm", "{}_IPC"),
    ("onvif.scope.name", "{}"),
    ("upnp.friendly_name", "{} Network Camera (001122)"),
    ("mdns.name", "{} Camera-1234"),
    ("http.heading", "{}"),
    ("http.logo", "{}_logo.png"),
)
"""Texts in which a camera noun, a page's purpose or its standing alone makes a word a name."""
DISTINCT = (
    ("http.title", "Welcome to {} web service"),
    ("snmp.sysdescr", "{} firmware 4.9"),
    ("http.meta.description", "The new {}"),
)
"""Running text in which a name is known by itself."""
COMPANIES = (
    ("tls.subject", "C=US, O={}, CN=device"),
    ("tls.subject", "CN=192.0.2.1, O={} Inc."),
    ("http.copyright", "{}. All Rights Reserved."),
    ("http.meta.author", "{}"),
)
"""What software says of who wrote it: of a maker's own name it tells the maker."""


@pytest.fixture(scope="module")
def quick() -> Matcher:
    """Tens of thousands of lines: with the faster engine."""
    return shipped.content().matcher


def _lines(brand: Brand) -> tuple[tuple[str, str], ...]:
    if not brand.noun:
        return MAKER_FIELDS
    return (*MAKER_FIELDS, *GUARDED, *COMPANIES, *(DISTINCT if brand.word else ()))


def test_no_brand_is_missed_where_it_is_printed_plainly(quick: Matcher) -> None:
    makers = quick.makers
    missed = []
    for file in makers.makers.values():
        for brand in file.brands:
            for field, form in _lines(brand) if brand.seek else ():
                names = {brand.name, brand.name.upper(), brand.name.lower(), brand.name.replace(" ", "-")}
                for name in names:
                    claims = quick.claims([Observation(field=field, value=form.format(name), device="a")])
                    badge = any(one.slot == "brand" and makers.spelt(one.value) == makers.spelt(brand.name) for one in claims)
                    if not badge and not (brand.own and any(one.slot == "maker" and one.value == file.maker for one in claims)):
                        missed.append((brand.name, field, form.format(name)))
    assert not missed


@pytest.mark.parametrize("letters", ["Geutebrück", "GEUTEBRUECK", "Geutebruck"])
def test_letters_beyond_ascii_are_written_in_several_ways(letters: str) -> None:
    assert letters in {one.upper() if letters.isupper() else one for one in naming.variants("Geutebrück")}


@pytest.mark.parametrize(
    ("name", "spelt"), [("KT&C", "KT and C"), ("Alarm.com", "Alarm-com"), ("Nelly's Security", "Nellys Security"), ("Axis", "Axis")]
)
def test_signs_that_host_names_and_pages_do_not_have_are_left_out(name: str, spelt: str) -> None:
    assert spelt in naming.variants(name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mdns.name", "planet"),
        ("http.title", "Planet Express"),
        ("http.title", "Axis Web Services"),
        ("http.title", "The trust of cameras"),
        ("tls.subject", "CN=Planet Express, O=Foo, L=Planet"),
        ("http.copyright", "Planet of the Cameras Ltd"),
        ("dhcp.hostname", "planetcampus"),
        ("dhcp.hostname", "luminyscampus"),
        ("http.header.x-branding", "Planet"),
        ("upnp.friendly_name", "Ring Camera"),
    ],
)
def test_a_word_is_no_name_where_nothing_says_so(matcher: Matcher, field: str, value: str) -> None:
    found = seen(matcher, **{field.replace(".", "__"): value})
    assert found.get("brand") is None
    assert found.get("maker") is None


def test_the_longer_of_two_names_is_meant_and_the_badges_source_is_told(matcher: Matcher) -> None:
    found = seen(matcher, http__title="NORTHERN VIDEO NVR")
    assert found.get("brand") == "Northern Video"
    (claim,) = (one for one in found.because if one.slot == "brand")
    fingerprint = matcher.makers.by_id[claim.by][1]
    assert [one.see for one in fingerprint.examples if one.says == {"brand": "Northern Video"}] == ["Northern Video"]
    assert found.get("maker") is None


@pytest.mark.parametrize(
    "badge", ["H.VIEW", "CamKeeper", "Balus", "GIBSSI", "Puwell", "Hyundai Security", "EnGenius", "Blaupunkt Security"]
)
def test_labels_of_lists_are_badges_and_name_no_maker(matcher: Matcher, badge: str) -> None:
    found = seen(matcher, http__title=f"{badge} IP Camera")
    assert found.get("brand") == badge
    assert found.get("maker") in (None, "Senao Networks")
    assert found.is_camera is True


@pytest.mark.parametrize(
    ("name", "maker", "badge"),
    [
        # as certificates, ONVIF fields and the registry of MAC prefixes have them
        ("Bosch Building Technologies", "Bosch", "Bosch"),
        ("Robert Bosch GmbH", "Bosch", "Bosch"),
        ("Bosch Security Systems B.V.", "Bosch", "Bosch"),
        ("Hanwha Vision Co., Ltd.", "Hanwha", "Hanwha"),
        ("Hangzhou Hikvision Digital Technology Co., Ltd.", "Hikvision", "Hikvision"),
        ("DahuaTech", "Dahua", "Dahua"),
        ("Tyco Security Products", "JCI", "Tyco"),
        ("Tyco Electronics", None, "Tyco"),
        ("Panasonic i-PRO Sensing Solutions Co., Ltd.", "i-PRO", "Panasonic"),
        ("Panasonic Corporation", None, "Panasonic"),
        ("Carrier/Interlogix", None, "Interlogix"),
        ("3S", None, "3S Vision"),
        ("Launch", None, "Launch Digital"),
        # whom the catalog does not know is called as printed, without company words and the thing
        ("Delta Electronics", None, "Delta"),
        ("Schneider Electric", None, "Schneider Electric"),
        ("Qwertycam_IPC", None, "Qwertycam"),
        ("HID Global Corporation", None, "HID Global"),
    ],
)
def test_companies_by_their_names(matcher: Matcher, name: str, maker: str | None, badge: str) -> None:
    found = seen(matcher, onvif__manufacturer=name)
    assert (found.get("maker"), found.get("brand")) == (maker, badge)
    if maker is not None:
        assert found.confidence["maker"] > 0.7


@pytest.mark.parametrize(
    ("fields", "maker", "kind"),
    [
        ({"mdns__name": "doorstation-1CCAE3700000"}, "DoorBird", "intercom"),
        ({"mdns__name": "doorstation-1CCAE"}, None, "intercom"),
        ({"onvif__manufacturer": "FLIR", "onvif__model": "FB-Series-ID"}, "FLIR", "camera"),
        ({"onvif__manufacturer": "FLIR", "onvif__model": "X-Series-ID"}, None, "camera"),
        ({"tls__issuer": "CN=DahuaTech,O=DahuaTech"}, "Dahua", None),
    ],
)
def test_names_of_lines_and_hosts(matcher: Matcher, fields: dict[str, str], maker: str | None, kind: str | None) -> None:
    found = seen(matcher, **fields)
    assert (found.get("maker"), found.get("kind")) == (maker, kind)


@pytest.mark.parametrize(
    ("name", "badge"),
    [
        ("ソニー株式会社", "Sony"),
        ("キヤノン株式会社", "Canon"),
        ("パナソニック", "Panasonic"),
        ("三菱電機株式会社", "Mitsubishi Electric"),
        ("アイ・オー・データ機器", "I-O DATA"),
        ("한화테크윈", "Hanwha"),
        ("小米科技", "Xiaomi"),
        ("三菱重工", None),
        ("ソニ", None),
    ],
)
def test_names_in_the_makers_own_script(matcher: Matcher, name: str, badge: str | None) -> None:
    assert seen(matcher, onvif__manufacturer=name).get("brand") == badge
    assert seen(matcher, http__title=f"{name} 監視カメラ").get("brand") == badge
