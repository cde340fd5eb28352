"""Published relations of a badge: by model line they name a maker as a question would, and what the device itself shows goes before them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from netcam.assess.policy import Assessor
from netcam.catalog import families, makers, policies
from netcam.catalog.home import content_root
from netcam.errors import ContentError
from netcam.identify import identify
from netcam.identify.explain import chain
from netcam.identify.matcher import Matcher
from netcam.model import PUBLISHED, Identity, Observation, Site, Verdict
from tests.identify import shipped

ROOT = Path(content_root())


def told(matcher: Matcher, *facts: tuple[str, str]) -> Identity:
    (one,) = identify([Observation(field=f, value=v, device="d") for f, v in facts], matcher)
    return one


LOADED = shipped.loaded()
LINES = [(maker, line) for maker, file in LOADED.makers.items() for line in file.lines]


@pytest.mark.parametrize(("maker", "line"), LINES, ids=[f"{m}-{x.brand}-{x.examples[0]}" for m, x in LINES])
def test_badge_and_line_name_the_maker_below_what_carries_a_finding(matcher: Matcher, maker: str, line: makers.relations.Line) -> None:
    for model in line.examples:
        one = told(matcher, ("onvif.manufacturer", line.brand), ("onvif.model", model))
        assert (one.get("brand"), one.get("maker")) == ("TruVision" if line.brand == "Interlogix" else line.brand, maker), model
        mine = [c for c in one.because if c.slot == "maker"]
        assert any(c.origin == PUBLISHED for c in mine)
        if all(c.origin == PUBLISHED for c in mine):  # else it is numbered as the maker numbers its own
            assert one.confidence["maker"] < 0.75
        assert one.get("model") in (model, model.removeprefix(f"{line.brand} "), model.removeprefix("LT"))


@pytest.mark.parametrize(("badge", "model"), [("Safire", "SF-IPB370A-2E1"), ("Safire", "SF-IPDM934WH-2W"), ("InVid", "ULT-P4DRIR28"), ("ENS", "HNC3V181T"), ("Digital Watchdog", "DWC-MV82WiA"), ("BCS", "BCS-P-212RWSA"), ("ABUS", "TVIP21551"), ("Montavue", "NX-8102")])  # fmt: skip
def test_another_line_of_the_badge_names_nobody(matcher: Matcher, badge: str, model: str) -> None:
    one = told(matcher, ("onvif.manufacturer", badge), ("onvif.model", model))
    assert one.get("brand") == badge
    assert one.get("maker") is None


def test_a_line_without_its_badge_names_nobody(matcher: Matcher) -> None:
    assert told(matcher, ("onvif.manufacturer", "Acme"), ("onvif.model", "KX-4K01IA")).get("maker") is None


@pytest.mark.parametrize(("badge", "model"), [("Sannce", "I51CL"), ("ELRO", "C800")])
def test_a_badge_that_numbers_like_another_keeps_its_name_and_gets_no_maker_of_the_others(matcher: Matcher, badge: str, model: str) -> None:
    one = told(matcher, ("onvif.manufacturer", badge), ("onvif.model", model))
    assert (one.get("brand"), one.get("maker")) == (badge, None)


def test_the_house_whose_badge_it_is_gives_way_to_who_builds_the_line_until_something_of_its_own_shows(matcher: Matcher) -> None:
    facts = ("onvif.manufacturer", "TRENDnet"), ("onvif.model", "TV-IP310PI")
    one = told(matcher, *facts)
    assert (one.get("brand"), one.get("maker")) == ("TRENDnet", "Hikvision")
    assert "TRENDnet" in {c.value for c in one.disputed if c.slot == "maker"}
    other = told(matcher, ("onvif.manufacturer", "TRENDnet"), ("onvif.model", "TV-IP751WC"))
    assert (other.get("brand"), other.get("maker")) == ("TRENDnet", "TRENDnet")


def test_an_answer_of_the_makers_own_makes_it_certain(matcher: Matcher) -> None:
    one = told(matcher, ("onvif.manufacturer", "KBVISION"), ("onvif.model", "KX-4K01IA"), ("rtsp.realm", "Login to 4M05E3EPAG12345"))
    assert (one.get("brand"), one.get("maker")) == ("KBVISION", "Dahua")
    assert one.confidence["maker"] >= 0.85


def test_an_answer_of_another_maker_goes_before_the_relation_and_disputes_it(matcher: Matcher) -> None:
    one = told(matcher, ("onvif.manufacturer", "KBVISION"), ("onvif.model", "KX-4K01IA"), ("http.server", "App-webs/"))
    assert one.get("maker") == "Hikvision"
    assert [(c.value, c.origin) for c in one.disputed if c.slot == "maker"] == [("Dahua", PUBLISHED)]
    text = "\n".join(chain(one, matcher.makers))
    assert "asked  KBVISION -> Dahua?" in text
    assert "what is known of this device says Hikvision" in text


def test_the_chain_of_a_line_says_that_it_is_asked_and_where_it_was_read(matcher: Matcher) -> None:
    text = "\n".join(chain(told(matcher, ("onvif.manufacturer", "KBVISION"), ("onvif.model", "KX-4K01IA")), matcher.makers))
    assert "badge KBVISION -> published relation -> maker Dahua -> owner" in text
    assert "brands/KBVision.py" in text
    assert "to be checked with the supplier, and no finding" in text


def test_a_badge_alone_is_a_question_with_its_source_and_no_maker(matcher: Matcher) -> None:
    one = told(matcher, ("onvif.manufacturer", "Novicam"), ("onvif.model", "PRO 25"))
    assert one.get("maker") is None
    text = "\n".join(chain(one, matcher.makers))
    assert text.startswith("chain: badge Novicam -> (asked) -> maker not proven")
    assert "on record, not on this device: Novicam -> Hikvision  strength low" in text
    assert "source: IPVM directory of Hikvision OEMs" in text
    assert "a question, and no finding" in text


@pytest.mark.parametrize("model", ["IPC-T120", "IPC-B620H-Z", "NVR-104H-D"])
def test_the_retail_number_is_the_badge_where_firmware_keeps_the_makers_name(matcher: Matcher, model: str) -> None:
    one = told(matcher, ("onvif.manufacturer", "HIKVISION"), ("onvif.model", model))
    assert (one.get("brand"), one.get("maker"), one.get("model")) == ("HiLook", "Hikvision", model)
    assert one.confidence["brand"] >= 0.6


def test_a_line_of_the_makers_own_names_it_without_the_makers_name(matcher: Matcher) -> None:
    one = told(matcher, ("onvif.manufacturer", "ONVIF"), ("onvif.model", "IPC-B620H-Z"))
    assert (one.get("brand"), one.get("maker")) == ("HiLook", "Hikvision")


FAMILIES = families.load(ROOT)
RULES = policies.load(ROOT, families=FAMILIES)
SITE = Site(id="hq", site_class="sensitive-government", jurisdiction="gb", owner="force")


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ([("onvif.manufacturer", "KBVISION"), ("onvif.model", "KX-4K01IA")], {Verdict.REVIEW}),
        ([("onvif.manufacturer", "LTS"), ("onvif.model", "CMIP3432")], {Verdict.REVIEW}),
        ([("onvif.manufacturer", "Safire"), ("onvif.model", "SF-VI101E")], {Verdict.REVIEW}),
        ([("onvif.manufacturer", "Safire"), ("onvif.model", "SF-IPDM934WH-2W")], {Verdict.REVIEW, Verdict.UNKNOWN}),
        ([("onvif.manufacturer", "Novicam"), ("onvif.model", "PRO 25")], {Verdict.REVIEW, Verdict.UNKNOWN}),
        ([("onvif.manufacturer", "HYUNDAI"), ("onvif.model", "HYU-414")], {Verdict.REVIEW, Verdict.UNKNOWN}),
    ],
)
def test_no_policy_passes_or_restricts_by_a_published_relation(
    matcher: Matcher, facts: list[tuple[str, str]], wanted: set[Verdict]
) -> None:
    judge = Assessor(RULES, FAMILIES, SITE, date(2026, 11, 26))
    one = told(matcher, *facts)
    said = {o.policy.id: o.verdict for o in judge.outcomes(one)}
    assert said["uk-2022-sensitive-sites"] in wanted
    assert Verdict.RESTRICTED not in said.values()


GOOD = """
maker: Acme
brands: [{name: Acme, own: 'true'}]
lines:
- {brand: Bolt, scheme: 'BB-\\d{3}', strength: medium, source: a list, examples: [BB-123], misses: [BC-123]}
"""


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (GOOD.replace("brand: Bolt", "brand: Acme"), "own badge"),
        (GOOD.replace("strength: medium", "strength: low"), "no strength"),
        (GOOD.replace("source: a list", "source: ' '"), "lacks a source"),
        (GOOD.replace("misses: [BC-123]", "misses: []"), "lacks a source, an example or a near miss"),
        (GOOD.replace("BB-123", "BX-123"), "does not fit"),
        (GOOD.replace("BC-123", "BB-124"), "'BB-124' fits"),
        (GOOD.replace("\\d{3}", "(\\d{3})"), "captures"),
        (GOOD.replace("\\d{3}", "("), "does not compile"),
    ],
)
def test_a_line_that_does_not_stand_is_refused_with_its_place(tmp_path: Path, wrong: str, problem: str) -> None:
    (tmp_path / "makers").mkdir()
    path = tmp_path / "makers" / "acme.yaml"
    path.write_text(GOOD)
    assert makers.load(tmp_path).relations.lines("bolt")[0].maker == "Acme"
    path.write_text(wrong)
    with pytest.raises(ContentError, match=r"acme\.yaml:") as error:
        makers.load(tmp_path)
    assert problem in str(error.value)


def test_two_makers_that_come_into_question_name_none(tmp_path: Path) -> None:
    (tmp_path / "makers").mkdir()
    for name in ("Acme", "Beta"):
        (tmp_path / "makers" / f"{name.lower()}.yaml").write_text(GOOD.replace("Acme", name))
    (tmp_path / "makers" / "labels.yaml").write_text("maker: Labels\nmakes_cameras: 'false'\nbrands: [{name: Bolt, tells: brand}]\n")
    one = told(Matcher(makers.load(tmp_path), engine="re"), ("onvif.manufacturer", "Bolt"), ("onvif.model", "BB-123"))
    assert one.get("brand") == "Bolt"
    assert one.get("maker") is None


PLATFORMS = {
    "Hikvision": ("http.server", "App-webs/"),
    "Dahua": ("rtsp.realm", "Login to 4M05E3EPAG12345"),
    "Uniview": ("http.realm", "NVRDVR"),
    "TVT": ("rtsp.server", "TVT RTSP Server"),
    "Xiongmai": ("rtsp.server", "H264DVR 1.0"),
}
RELATIONS = sorted(
    {(one.maker, one.brand.name) for maker in PLATFORMS for b in LOADED.makers[maker].brands for one in LOADED.relations.asked(b.name)
     if not b.own and b.seek and one.maker == maker and b.tells != "maker"}
)  # fmt: skip


def test_every_badge_on_record_is_told_beside_the_platform_that_shows_the_maker(matcher: Matcher) -> None:
    assert len(RELATIONS) > 130
    wrong = []
    for maker, badge in RELATIONS:
        one = told(matcher, ("onvif.manufacturer", badge), PLATFORMS[maker])
        if (one.get("brand"), one.get("maker")) != (badge, maker) or one.confidence["maker"] < 0.5:
            wrong.append((badge, maker, one.get("brand"), one.get("maker")))
    assert wrong == []


def test_a_platform_of_another_maker_is_told_with_what_is_on_record_of_the_badge(matcher: Matcher) -> None:
    for maker, badge in RELATIONS:
        other = "Hikvision" if maker != "Hikvision" and not matcher.makers.builds("Hikvision", badge) else "Xiongmai"
        if matcher.makers.builds(other, badge):
            continue
        one = told(matcher, ("onvif.manufacturer", badge), PLATFORMS[other])
        assert (one.get("brand"), one.get("maker")) == (badge, other)
        text = "\n".join(chain(one, matcher.makers))
        assert f"asked  {badge} -> {maker}?" in text, badge
        assert f"what is known of this device says {other}" in text


@pytest.mark.parametrize("named", [("onvif.scope.name", "ANNKE C800"), ("hostname", "annke-nvr"), ("upnp.friendly_name", "ANNKE NVR")])
def test_a_badge_on_record_goes_before_the_name_that_only_the_makers_software_bears(matcher: Matcher, named: tuple[str, str]) -> None:
    one = told(matcher, ("http.server", "Hikvision-Webs"), named)
    assert (one.get("brand"), one.get("maker")) == ("Annke", "Hikvision")
    assert told(matcher, ("http.server", "Hikvision-Webs"), ("onvif.manufacturer", "HIKVISION"), named).get("brand") == "Hikvision"


def test_a_name_that_the_maker_is_not_on_record_to_build_for_displaces_no_badge(matcher: Matcher) -> None:
    assert told(matcher, ("http.server", "Hikvision-Webs"), ("hostname", "axis-nvr")).get("brand") == "Hikvision"
