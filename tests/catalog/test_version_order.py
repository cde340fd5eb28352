"""Firmware versions of each maker in their order, and the pairs that nobody can put in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.catalog.versions import SCHEMES, compare

ORDERED = [
    ("hikvision", "V5.4.5 build 170401", "V5.5.82 build 190220"),
    ("hikvision", "V5.5.82 build 190220", "V5.5.800 build 210628"),
    ("hikvision", "V5.5.800 build 210625", "V5.5.800 build 210628"),
    ("hikvision", "V4.30.210", "V4.61.025"),
    ("hikvision-build", "V5.6.2 build 190701", "build 210625"),
    ("mobotix", "mx7_7.2.0.1", "mx7_7.3.1.16"),
    ("milesight", "61.8.0.2-r1", "61.8.0.3-r8"),
    ("tvt", "5.0.0.20100B200105", "5.0.0.20101B210105"),
    ("dahua", "2.460.0001.5.R", "2.800.0000000.16.R"),
    ("dahua", "2.800.0000000.8.R", "2.800.0000000.16.R"),
    ("dahua", "2.800.0000000.16.R, Build Date: 2020-08-11", "2.800.0000000.16.R, Build Date: 2021-01-05"),
    ("uniview", "IPC_D1201-B0006P12D1903", "IPC_D1201-B0006P23D2006"),
    ("uniview", "DIPC-B1232.9.3.C00010.250908", "DIPC-B1232.9.3.C00010.251208"),
    ("tiandy", "APP_V3.3.0.20200606", "APP_V3.3.0.20210101"),
    ("xiongmai", "V5.00.R02.000807D8.10010.346624.S.ONVIF 16.12", "V5.00.R02.000807D8.10024.aa6624.S.ONVIF 16.12"),
    ("axis", "9.80.3.5", "10.12.240"),
    ("axis", "5.51.7.4", "5.51.7.4_1"),
    ("hanwha", "1.41.02_20210105_R440", "1.41.16_20230303_R600"),
    ("bosch", "07.80.0128", "7.86.0013"),
    ("vivotek", "FD8169A-VVTK-0121c", "FD8169A-VVTK-0121d"),
    ("reolink", "v3.0.0.136_20121102", "v3.1.0.764_22121003"),
    ("tp-link", "1.1.16 Build 211209 Rel.37726n(4555)", "1.3.9 Build 230719 Rel.69060n(4555)"),
    ("mobotix", "MX-V4.7.2.18", "MX-V5.2.0.65"),
    ("sony", "1.86.00", "1.86.01"),
    ("geovision", "v3.12 2017-06-01", "v3.12 2018-01-01"),
    ("avigilon", "2.6.0.130", "2.6.0.150(15529)"),
    ("dahua", "1.000.HW00.20.20190410", "1.000.HW00.21.20190812"),
    ("dahua", "2.820.0000000.18.R.211015", "2.820.0000000.48.R.220614"),
    ("uniview", "DIPC-B1213.6.4.221230", "DIPC-B1213.6.5.230215"),
    ("avtech", "FullImg-1022-1007-1011-1009", "FullImg-1023-1007-1011-1009"),
    ("d-link", "2.60B14", "2.60B15"),
    ("d-link", "1.05.05", "1.06.01"),
    ("lilin", "2.0b59_20190101", "2.0b60_20200207"),
    ("zavio", "M2.1.6.04", "M2.1.6.05"),
    ("numbers-dash", "1.0.6-0294", "1.0.7-0298"),
    ("geovision", "V1.00_2017_12_15", "V1.00_2018_01_01"),
    ("hikvision", "V5.6.2 build 211202", "V5.7.15 build 230313"),
    ("hikvision", "IPC_G3_EN_STD_5.5.53_180730", "V5.5.800 build 210628"),
    ("uniview", "QIPC-B2202.3.73.C06290.NB.230628", "QIPC-B2202.3.74.C06290.NB.230901"),
    ("xiongmai", "4.02.R11.24340142.10001.131900.00000", "V4.03.R11.24340142.11201.142300.0000004"),
    ("vivotek", "FD9391-EHTV-VVTK-0103e", "FD9391-EHTV-VVTK-0103f"),
    ("tvt", "1.3.4.22966B181219.D14.U1(8A41T)", "1.3.4.24513B190218.D00.U1(8A21S)"),
    ("reolink", "v3.0.0.1388_22100600", "3.0.0.1889_23031701"),
    ("reolink", "v3.0.0_4662_2503122283", "v3.0.0_4662_2503182271"),
    ("reolink", "v3.1.0.956_22041511_v1.0.0.30", "v3.1.0.989_22051911_v1.0.0.30"),
    ("tp-link", "v5.1.0 Build 20220926", "5.1.0 Build 230101 Rel.12345n"),
    ("planet", "1.305b210528", "2.305b240719"),
    ("huawei", "IPC V200R002C00SPC100", "V200R003C02SPC100"),
    ("acti", "A1D-500-V6.08.25-AC", "A1D-500-V6.11.31-AC"),
    ("pelco", "1.8.2-20120327-2.9060-A1.6617", "1.9.2.3-20120612-1.9040-A1.7852"),
    ("count", "64132", "65202"),
    ("board-numbers", "216.30.1.12", "216.30.1.40"),
    ("hichip", "V6.1.10.2.1-20150624", "V6.1.10.2.2-20151120"),
    ("yi", "1.8.7.0F_201708091510", "1.8.7.0F_201809191400"),
    ("meari", "ppstrong-c51-tuya2_lcs-2.9.1.20190920", "ppstrong-c51-tuya2_lcs-2.9.6.20200628"),
    ("ubiquiti", "UVC.S5L.v4.46.18.67.ceacbaa.211202.1017", "UVC.S5L.v4.69.55.0"),
    ("ubiquiti", "v4.30.0", "4.69.55"),
    ("illustra", "Illustra.SS016.05.03.01.0006", "Illustra.SS016.05.03.01.0007"),
    ("tp-link", "1.3.0_build_20221208", "1.3.0_build_20230322_rel.70591"),
    ("numbers-day", "Ver 8.0.4.2-20201013", "Ver 8.0.4.2-20211013"),
    ("numbers-day", "V8.1.0-20201231", "V8.1.1-20210331"),
    ("hikvision", "V6.26 build 150513", "V6.26 build 160513"),
    ("xiongmai", "V5.04.R02.000A07F3", "V5.05.R02.000A07F3"),
    ("xiongmai", "V4.03.R11.24340142", "V5.00.R02.000807D8.10010.346624.S.ONVIF 16.12"),
    ("lilin", "1.0", "2.0b60_20200207"),
    ("honeywell", "1.000.HW00.20.20190410", "1.000.HW00.21.20190812"),
    ("honeywell", "2025.05.14", "2025.08.22"),
    ("hikvision-or-numbers", "V4.30.097", "V4.30.210 build 210826"),
    ("hikvision-or-numbers", "V8.1.0-20201231", "V8.1.1-20210331"),
    ("zyxel", "5.21(AAZF.11)C0", "5.21(AAZF.14)C0"),
    ("zyxel", "V5.20(ABAG.12)C0", "5.21(ABAG.11)C0"),
    ("dahua", "1.000.0041.20180501", "1.000.0041.20180530"),
    ("honeywell", "1.000.61.1.20180607", "1.000.61.2.20190607"),
    ("qnap", "5.1.5 build 20210803", "5.1.5 build 20210902"),
    ("qnap", "5.1.5 build 20210902", "5.1.6"),
    ("iqeye", "3.1.4", "V3.5/3"),
    ("iqeye", "V3.5/3(150312)", "V3.5/3(160503)"),
    ("numbers-dash", "7.2.1-69057 Update 4", "7.2.1-69057 Update 5"),
    ("numbers-dash", "7.2.1-69057", "7.2.1-69057 Update 5"),
    ("numbers-dash", "7.1-42661-1", "7.2-64570"),
]
CANNOT = [
    ("hikvision", "V5.5.82 build 210701", "V5.5.800 build 190628"),  # number says older, build says newer
    ("hikvision", "V5.5.82 build 190220", "V5.5.82"),
    ("hikvision", "V5.5.82 build 190220", "2.800.0000000.16.R"),
    ("dahua", "2.622.00AC000.0.R", "2.622.0000000.16.R"),  # another customer's patch count
    ("uniview", "IPC_D1201-B0006P12D1903", "IPC_D1202-B0010P05D2006"),
    ("xiongmai", "V5.00.R02.000807D8.10010.346624.S.ONVIF 16.12", "V5.00.R02.00030747.10010.349f17.S.ONVIF 16.12"),
    ("vivotek", "FD8169A-VVTK-0121d", "FD9187-HT-VVTK-0121d"),
    ("reolink", "v3.0.0.136_20121102", "v3.0.0.136"),
    ("no such scheme", "1.0", "2.0"),
    ("axis", "", "10.0"),
    ("avtech", "FullImg-1024-1006-1011-1009", "FullImg-1023-1007-1011-1009"),  # one part newer, one older
    ("uniview", "DIPC-B1213.6.4.221230", "DIPC-B1216.5.7.230109"),
    ("acti", "A1D-500-V6.11.31-AC", "A1D-220-V3.13.16-AC"),
    ("illustra", "Illustra.SS016.05.03.01.0007", "Illustra.SS018.24.03.00.0010"),
    ("board-numbers", "216.30.1.40", "320.30.1.40"),
    ("hichip", "V6.1.10.2.1-20150624", "V11.1.8.1.4-20170822"),
    ("yi", "1.8.7.0D_201708091510", "1.8.7.0C_201809191400"),
    ("meari", "ppstrong-c51-tuya2_lcs-2.9.6.20200628", "ppstrong-c93-tuya2_general-5.5.2.20230531"),
    ("ubiquiti", "UVC.S5L.v4.46.18.67.ceacbaa.211202.1017", "UVC.S2L.v4.69.55.0"),
    ("reolink", "v3.0.0.4662_25031822", "v3.0.0_4662_2503182271"),  # the count of builds of the day has two digits, and four
    ("vivotek", "VVTK-0103f", "VVTK-1.2203.13.01n"),
    ("huawei", "V200R003C02SPC100", "V200R003C02"),
    ("xiongmai", "V5.05.R02.000A07F3", "V5.05.R02.000A07F3.10010.346624"),  # one tells its build
    ("zyxel", "5.21(AAZF.14)C0", "5.21(ABAG.11)C0"),
    ("honeywell", "1.000.HW00.21.20190812", "2025.08.22"),
    ("hikvision-or-numbers", "V4.30.210 build 210826", "V8.1.1-20210331"),
]


@pytest.mark.parametrize(("scheme", "older", "newer"), ORDERED)
def test_the_older_version_comes_first_and_each_equals_itself(scheme: str, older: str, newer: str) -> None:
    assert compare(scheme, older, newer) == -1
    assert compare(scheme, newer, older) == 1
    assert compare(scheme, older, older) == 0


@pytest.mark.parametrize(("scheme", "one", "other"), CANNOT)
def test_versions_that_count_apart_are_not_put_in_order(scheme: str, one: str, other: str) -> None:
    assert compare(scheme, one, other) is None
    assert compare(scheme, other, one) is None


@given(scheme=st.sampled_from(sorted(SCHEMES)), one=st.text(max_size=60), other=st.text(max_size=60))
def test_any_text_is_compared_or_refused_and_the_order_turns_round(scheme: str, one: str, other: str) -> None:
    forth, back = compare(scheme, one, other), compare(scheme, other, one)
    assert forth in (-1, 0, 1, None)
    assert back == (None if forth is None else -forth)


@given(
    scheme=st.sampled_from(["axis", "bosch", "tiandy", "numbers"]),
    a=st.lists(st.integers(0, 999), min_size=2, max_size=4),
    b=st.lists(st.integers(0, 999), min_size=2, max_size=4),
)
def test_numbers_in_dots_are_compared_as_numbers(scheme: str, a: list[int], b: list[int]) -> None:
    def text(numbers: list[int]) -> str:
        return ".".join(map(str, numbers))

    width = max(len(a), len(b))
    left, right = a + [0] * (width - len(a)), b + [0] * (width - len(b))
    assert compare(scheme, text(a), text(b)) == (left > right) - (left < right)
