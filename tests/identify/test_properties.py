"""What answers of makers' interfaces say of the device, in the three forms that they have."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.identify.properties import MAX_ANSWER, told, version
from netcam.model import Fact

MODEL, BRAND, FIRMWARE = "http.property.model", "http.property.brand", "http.property.firmware"


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (
            "root.Brand.Brand=AXIS\nroot.Brand.ProdNbr=P3367-VE\nroot.Properties.Firmware.Version=6.50.1\n",
            {(MODEL, "P3367-VE"), (BRAND, "AXIS"), (FIRMWARE, "6.50.1")},
        ),
        (
            '{"data": {"propertyList": {"ProdNbr": "P3245-LV", "Version": "9.80.1", "Brand": "AXIS"}}}',
            {(MODEL, "P3245-LV"), (BRAND, "AXIS"), (FIRMWARE, "9.80.1")},
        ),
        (
            "<DeviceInfo><model>DS-2CD2143G0-I</model><firmwareVersion>V5.5.82</firmwareVersion>"
            "<firmwareReleasedDate>build 190220</firmwareReleasedDate></DeviceInfo>",
            {(MODEL, "DS-2CD2143G0-I"), (FIRMWARE, "V5.5.82 build 190220")},
        ),
        ("deviceType=IPC-HDW4431C-A\r\nserialNumber=1\r\n", {(MODEL, "IPC-HDW4431C-A")}),
        (
            "system_info_modelname='FD8169A'\nsystem_info_firmwareversion='FD8169A-VVTK-0121d'\n",
            {(MODEL, "FD8169A"), (FIRMWARE, "FD8169A-VVTK-0121d")},
        ),
        ("model=DCS-932L\nbrand=D-Link\nversion=1.14\n", {(MODEL, "DCS-932L"), (BRAND, "D-Link"), (FIRMWARE, "1.14")}),
        ('<select name="model"><option>a</option></select><p>version 1.2</p>', set()),
        ("<script>var version = '1.2';</script>", set()),
        ('{"firmVer": "1.2"}', set()),
        ("model = DCS-932L\nfirmwareVersion = data.find(node, 1.0)\nsoftwareVersion = page.version1\n", {(MODEL, "DCS-932L")}),
    ],
)
def test_model_brand_and_firmware_are_read_where_a_model_is_given(answer: str, facts: set[tuple[str, str]]) -> None:
    assert {(one.field, one.value) for one in told(answer)} == facts


WORD = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9./_-]{0,30}[A-Za-z0-9]\Z")


@given(model=WORD, firmware=st.from_regex(r"\AV?[0-9]{1,3}(\.[0-9A-Za-z]{1,8}){1,4}( build [0-9]{6})?\Z"))
def test_each_form_says_the_same(model: str, firmware: str) -> None:
    wanted = [Fact(MODEL, model), Fact(FIRMWARE, firmware)]
    assert list(told(f"model={model}\nfirmwareVersion={firmware}\n")) == wanted
    assert list(told(json.dumps({"model": model, "firmwareVersion": firmware}))) == wanted
    assert list(told(f"<a><model>{escape(model)}</model><firmwareVersion>{escape(firmware)}</firmwareVersion></a>")) == wanted


@given(st.text(max_size=2000))
def test_any_text_is_read_in_bounds(text: str) -> None:
    for fact in told(f"model={text}\n{text}"):
        assert 0 < len(fact.value) <= 170


def test_a_long_answer_is_read_to_its_bound() -> None:
    assert list(told("x" * MAX_ANSWER + "\nmodel=A1\n")) == []
    assert len(list(told("<model " * 20_000 + "model=" * 20_000))) < 10


@pytest.mark.parametrize(
    ("page", "named"),
    [
        ('<script>var cfg={softwareVersion: "5.4.5 build 170123"};</script>', ["5.4.5 build 170123"]),
        ('{"firmwareVersion":"V5.5.82 build 190220"}', ["V5.5.82 build 190220"]),
        ("<tr><td>Firmware Version:</td><td>V2.800.0000000.8.R</td></tr>", ["V2.800.0000000.8.R"]),
        ("<b>Firmware Version</b> 1.0.11 Build 151222 Rel.24992", ["1.0.11 Build 151222 Rel.24992"]),
        # get_status.cgi as the Foscam CGI description has it
        ("var id='00D6FB01';var sys_ver='21.37.2.47';var app_ver='2.4.18.17';", ["21.37.2.47"]),
        ("<td>Firmware version</td><td>FD8169A-VVTK-0100a</td>", ["FD8169A-VVTK-0100a"]),
        ("firmwareVersion = data.find(node, 1.0)", []),
        ("softwareVersion = page.version1", []),
        ("jquery version: 1.7.2", []),
        ('seajs.web_version="V4.0.1build171121"', []),
        ("Please update your firmware. Version history: 1.2.3", []),
    ],
)
def test_a_version_that_a_page_names_as_its_firmwares_is_read(page: str, named: list[str]) -> None:
    assert [one.value for one in version(page)] == named


@given(st.text(max_size=2000))
def test_any_page_is_looked_through_in_bounds(text: str) -> None:
    for one in version(f"firmware version {text} <td>firmware version</td>{text}"):
        assert 0 < len(one.value) <= 130


def test_a_page_that_is_nothing_but_labels_is_looked_through_quickly() -> None:
    assert list(version("firmware version <td>" * 2_000)) == []
