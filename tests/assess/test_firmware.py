"""What an advisory says of a version: never more than the published range carries, and nothing is tried on the device."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.assess.explain import advisory_lines
from netcam.assess.firmware import Result, assess, build_date, results
from netcam.catalog import advisories as content
from netcam.catalog.advisories import Advisories, RangeKind
from netcam.errors import ContentError
from netcam.model import Finding
from tests.assess.conftest import ROOT, TODAY, Device

SHIPPED = content.load(ROOT)


def said(advisory: str, maker: str, model: str, firmware: str | None, brand: str | None = None) -> Result | None:
    """The result of one advisory; None where it does not speak of the model."""
    for outcome in results(SHIPPED, maker=maker, brand=brand or maker, model=model, firmware=firmware):
        if outcome.fact.advisory.id == advisory:
            return outcome.result
    return None


V, P, F, C = Result.VULNERABLE, Result.POSSIBLY, Result.FIXED, Result.CANNOT_TELL
CASES = [
    ("CVE-2017-7921", "Hikvision", "DS-2CD2032F-I", "V5.3.0 build 150513", V),
    ("CVE-2017-7921", "Hikvision", "DS-2CD2032F-I", "V5.4.5 build 170123", F),
    ("CVE-2017-7921", "Hikvision", "DS-2CD2032F-I", None, C),
    ("CVE-2017-7921", "Hikvision", "DS-2CD1023G0-I", "V5.3.0 build 150513", None),
    ("CVE-2017-7923", "Hikvision", "DS-2CD2032F-I", "V5.3.0 build 150513", C),  # by reference: not compared
    ("CVE-2021-36260", "Hikvision", "DS-2CD2043G0-I", "V5.5.82 build 190220", C),  # the cut-off was not read
    ("CVE-2024-29949", "Hikvision", "DS-7616NI-M2", "V5.02.005 build 230907", V),
    ("CVE-2024-29949", "Hikvision", "DS-7616NI-M2", "V5.02.006 build 240102", F),
    ("CVE-2025-66177", "Hikvision", "DS-7616NI-Q2", "V4.31.102 build 250101", V),
    ("CVE-2025-66177", "Hikvision", "DS-7616NI-Q2", "V4.31.102 build 250901", F),
    ("CVE-2021-33044", "Dahua", "IPC-HFW3441E-S", "2.800.0000000.16.R, Build Date: 2020-08-11", V),
    ("CVE-2021-33044", "Dahua", "DH-IPC-HDBW5442E-Z4E", "2.820.0000000.5.R, Build Date: 2022-03-01", F),
    ("CVE-2021-33044", "Dahua", "IPC-HFW3441E-S", "2.800.0000000.16.R", C),  # no build date, no comparison
    ("CVE-2021-33045", "Dahua", "NVR5216-4KS2", "4.001.0000000.0.R, Build Date: 2019-11-04", V),
    ("CVE-2022-30563", "Dahua", "IPC-HDBW2431E-S", "2.820.0000000.18.R.211015", V),
    ("CVE-2022-30563", "Dahua", "IPC-HDBW2431E-S", "2.820.0000000.48.R.220614", F),
    ("CVE-2025-31700", "Dahua", "IPC-WPT1339D", "2.800.0000000.1.R, Build Date: 2024-01-09", P),  # certain models only
    ("CVE-2019-18228", "Honeywell", "H4W2GR1", "1.000.HW00.20.20190410", V),
    ("CVE-2019-18228", "Honeywell", "H4W2GR1", "1.000.HW00.21.20190812", F),
    ("CVE-2023-0773", "Uniview", "IPC322LB-SF28-A", "DIPC-B1213.6.4.221230", V),
    ("CVE-2023-0773", "Uniview", "IPC322LB-SF28-A", "DIPC-B1213.6.6.230401", F),
    ("CVE-2023-0773", "Uniview", "IPC2122LB-SF28", "DIPC-B1232.9.3.C00010.251208", C),  # a platform the record does not name
    ("CVE-2024-3850", "Uniview", "NVR301-04S2-P4", "NVR-B3801.20.10.230901", V),
    ("CVE-2024-7339", "TVT", "TD-2104TS-CL", "1.3.4.22966B181219.D00.U1(4A21S)", V),
    ("CVE-2025-65856", "Xiongmai", "XM530", "V5.00.R02.000807D8.10010.346624.S.ONVIF 21.06", V),
    ("CVE-2023-21417", "Axis", "P3245-V", "10.12.104", P),  # long-term tracks are mended apart
    ("CVE-2023-21417", "Axis", "P3245-V", "12.1.60", F),
    ("CVE-2023-21417", "Axis", "P3245-V", "11.6.94", C),  # `through 11.6` does not say which 11.6
    ("CVE-2024-0066", "Axis", "P3245-V", "9.80.69", F),
    ("CVE-2024-0066", "Axis", "P3245-V", "10.12.130", P),
    ("CVE-2023-5037", "Hanwha", "QND-6022R", "1.41.02_20210105_R440", V),
    ("CVE-2023-5037", "Hanwha", "QND-6022R", "1.41.16_20230303_R600", F),
    ("CVE-2023-5037", "Hanwha", "PNM-9084RQZ", "2.10_20200701", V),
    ("CVE-2021-23847", "Bosch", "FLEXIDOME IP 4000i", "07.72.0011", P),  # the platform is not seen from outside
    ("CVE-2021-23847", "Bosch", "FLEXIDOME IP 4000i", "07.62.0005", F),
    ("CVE-2021-23847", "Bosch", "FLEXIDOME IP 4000i", "07.80.0129", F),
    ("CVE-2016-7834", "Sony", "SNC-EB520", "1.84.00", V),
    ("CVE-2016-7834", "Sony", "SNC-VM630", "2.7.2", F),
    ("CVE-2023-34873", "Mobotix", "M16", "MX-V5.1.0.99", V),
    ("CVE-2023-34873", "Mobotix", "M16", "MX-V5.2.0.65", F),
    ("CVE-2024-7440", "Vivotek", "CC8160", "CC8160-VVTK-0100d", V),
    ("CVE-2024-7440", "Vivotek", "CC8160", "CC8160-VVTK-0112b", C),  # the record tells of one version
    ("CVE-2021-40407", "Reolink", "RLC-410W", "v3.0.0.136_20121102", V),
    ("CVE-2019-11001", "Reolink", "RLC-410W", "v1.0.227", V),
    ("CVE-2021-4045", "TP-Link", "Tapo C200", "1.1.14 Build 211013 Rel.37726n(4555)", V),
    ("CVE-2021-4045", "TP-Link", "Tapo C200", "1.1.16 Build 211209 Rel.37726n(4555)", F),
    ("CVE-2020-25078", "D-Link", "DCS-2530L", "1.05.05", V),
    ("CVE-2020-25078", "D-Link", "DCS-2530L", "1.06.01", P),  # with or without the hotfix
    ("CVE-2022-40799", "D-Link", "DNR-322L", "2.60B15", V),
    ("CVE-2024-6047", "GeoVision", "GV-BX1500", "v3.12 2017-06-12", V),
    ("CVE-2024-7029", "AVTECH", "AVM1203", "FullImg-1023-1007-1011-1009", V),
    ("CVE-2024-7029", "AVTECH", "AVM1203", "FullImg-1024-1006-1011-1009", C),  # one part newer, one older
    ("CVE-2021-33544", "Geutebrück", "EWPC-2270", "1.12.0.27", V),
    ("CVE-2018-19864", "NUUO", "NVRmini2", "03.09.0001", V),
    ("CVE-2024-39351", "Synology", "BC500", "1.0.6-0294", V),
    ("CVE-2024-39351", "Synology", "BC500", "1.0.7-0298", F),
]


@pytest.mark.parametrize(("advisory", "maker", "model", "firmware", "wanted"), CASES)
def test_a_version_as_a_device_writes_it(advisory: str, maker: str, model: str, firmware: str | None, wanted: Result | None) -> None:
    assert said(advisory, maker, model, firmware) is wanted


def test_at_least_two_hundred_facts_with_their_dates_of_exploitation() -> None:
    facts = SHIPPED.facts()
    assert len({fact.advisory.id for fact in facts}) >= 200
    known = {fact.advisory.id: fact.advisory.kev for fact in facts if fact.advisory.kev}
    assert known["CVE-2021-36260"] == date(2022, 1, 10) and known["CVE-2017-7921"] == date(2026, 3, 5)
    assert len(known) >= 18
    assert {fact.advisory.range for fact in facts} == set(RangeKind)


def test_another_badge_makes_nothing_certain() -> None:
    assert said("CVE-2017-7921", "Hikvision", "DS-2CD2032F-I", "V5.3.0 build 150513", brand="LTS") is P
    assert said("CVE-2017-7921", "Hikvision", "DS-2CD2032F-I", "V5.4.5 build 170123", brand="LTS") is C


def test_a_badge_with_its_own_file_is_not_held_against_the_makers() -> None:
    assert said("CVE-2022-2471", "Hikvision", "CS-CV248", "V5.2.2 build 220101", brand="EZVIZ") is V
    assert said("CVE-2022-2471", "Hikvision", "CS-CV248", "V5.2.2 build 220101", brand="Hikvision") is None


def test_findings_tell_result_range_source_and_kev(device: Device) -> None:
    found = list(assess([device(kind="camera", brand="Dahua", maker="Dahua", model="IPC-HFW3441E-S",
                                firmware="2.800.0000000.16.R, Build Date: 2020-08-11")], SHIPPED, TODAY))  # fmt: skip
    one = next(f for f in found if f.rule == "CVE-2021-33044")
    assert one.severity == "high" and "vulnerable" in one.title and "exploited since 2024-08-21" in one.text
    assert one.citations and one.evidence and "Compare with the maker's notice" in one.action


def test_a_hint_of_a_model_is_never_vulnerable(device: Device) -> None:
    weak = device(kind="camera", brand="Dahua", maker="Dahua", model="IPC-HFW3441E-S", sure=0.4,
                  firmware="2.800.0000000.16.R, Build Date: 2020-08-11")  # fmt: skip
    assert all(not f.title.endswith("vulnerable") for f in assess([weak], SHIPPED, TODAY))


def test_an_unknown_model_is_said_to_be_uncompared(device: Device) -> None:
    found = list(assess([device(kind="camera", brand="Dahua", maker="Dahua")], SHIPPED, TODAY))
    assert [f.rule for f in found] == ["firmware-unread"] and "cannot tell" in found[0].text


def test_the_end_of_support_is_told_with_its_source(device: Device) -> None:
    found: list[Finding] = list(assess([device(kind="camera", brand="GeoVision", maker="GeoVision", model="GV-BX1500")], SHIPPED, TODAY))
    ended = next(f for f in found if f.rule == "support-ended")
    assert "had ended support by 2024-06-17" in ended.text and ended.citations
    early = list(assess([device(kind="camera", brand="GeoVision", maker="GeoVision", model="GV-BX1500")], SHIPPED, date(2024, 1, 1)))
    assert not [f for f in early if f.rule == "support-ended"]


@given(firmware=st.text(max_size=80), model=st.text(max_size=40), maker=st.sampled_from(sorted(SHIPPED.by_maker)))
def test_any_text_of_a_device_has_a_result(firmware: str, model: str, maker: str) -> None:
    for outcome in results(SHIPPED, maker=maker, brand=None, model=model, firmware=firmware):
        assert outcome.result in Result and outcome.why


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2.800.0000000.16.R, Build Date: 2020-08-11", date(2020, 8, 11)),
        ("V5.5.82 build 190220", date(2019, 2, 20)),
        ("1.000.HW00.21.20190812", date(2019, 8, 12)),
        ("10.12.240", None),
    ],
)
def test_build_dates_in_versions(text: str, wanted: date | None) -> None:
    assert build_date(text) == wanted


SOURCES = "V-X:\n  title: a record\n  published: 2026\n  urls: [https://example.org/]\n  strength: primary\n"
FACT = "makers: [Some]\nscheme: numbers\nfacts:\n- id: CVE-2026-1\n  about: a flaw.\n  range: {range}\n  rows: [{rows}]\n  sources: [{src}]\n  status: confirmed\n"


@pytest.mark.parametrize(
    ("range_", "rows", "src", "line", "problem"),
    [
        ("explicit", "{models: [A*]}", "V-X", 4, "explicit and gives no versions"),
        ("explicit", "{spans: [{before: '1', through: '2'}]}", "V-X", 7, "no single end"),
        ("explicit", "{spans: [{before: '1'}], scheme: nubmers}", "V-X", 7, "no way of counting"),
        ("vague", "{models: [A*]}", "", 4, "cites no source"),
        ("vague", "{models: [A*]}", "V-Y", 8, "no source 'V-Y'"),
        ("all-versions", "{}", "V-X", 4, "names no model"),
        ("roughly", "{}", "V-X", 6, "roughly"),
    ],
)
def test_wrong_advisories_are_refused_with_file_line_and_cure(
    tmp_path: Path, range_: str, rows: str, src: str, line: int, problem: str
) -> None:
    (tmp_path / "advisories").mkdir()
    (tmp_path / "sources.yaml").write_text(SOURCES)
    (tmp_path / "advisories" / "some.yaml").write_text(FACT.replace("{range}", range_).replace("{rows}", rows).replace("{src}", src))
    with pytest.raises(ContentError) as refused:
        content.load(tmp_path)
    assert refused.value.where.endswith(f"advisories/some.yaml:{line}") and problem in refused.value.problem and refused.value.cure


def test_loading_twice_gives_the_same_content() -> None:
    again: Advisories = content.load(ROOT)
    assert again.digest == SHIPPED.digest and len(again.facts()) == len(SHIPPED.facts())


def test_a_flaw_is_explained_whole() -> None:
    facts = {fact.advisory.id: fact for fact in SHIPPED.facts()}
    told = "\n".join(advisory_lines(facts["CVE-2021-33044"], SHIPPED))
    assert "built before 2021-06-01" in told and "since 2024-08-21" in told and "explicit: compared" in told and "https://" in told
    vague = "\n".join(advisory_lines(facts["CVE-2021-36260"], SHIPPED))
    assert "not compared: check the maker's notice" in vague
    for fact in SHIPPED.facts():
        assert all(line.strip() for line in advisory_lines(fact, SHIPPED))
    assert len([fact for fact in SHIPPED.facts() if fact.advisory.id == "CVE-2019-3948"]) == 2  # Amcrest's and Dahua's, once each
