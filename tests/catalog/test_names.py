"""A maker is known by its legal, former and short names, with a place in front, company words behind, or a second name beside."""

from __future__ import annotations

import pytest

from netcam.catalog import makers
from netcam.identify.check import said
from tests.identify import shipped


@pytest.fixture(scope="module")
def loaded() -> makers.Makers:
    return shipped.loaded()


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("Hangzhou Hikvision Digital Technology Co., Ltd.", "Hikvision"),
        ("Beijing Hanbang Technology", "Hanbang"),
        ("Panasonic / i-PRO", "i-PRO"),
        ("Linksys / Cisco", "Cisco"),
        ("DVTEL (FLIR)", "FLIR"),
        ("360 Vision", "360 Vision Technology"),
        ("ZTE Corporation", "ZTE"),
        ("Shenzhen", "Shenzhen"),
        ("General", "General"),
        ("IP Camera / DVR", "IP Camera / DVR"),
    ],
)
def test_called(loaded: makers.Makers, name: str, maker: str) -> None:
    assert loaded.called(name) == maker


@pytest.mark.parametrize(
    ("title", "brand"),
    [
        ("Pelco Network Camera", "Pelco"),
        ("Axis HD Dome Network Camera", "Axis"),
        ("Samsung DVR", "Samsung"),
        ("LTS_NVR login", "LTS"),
        ("Pelco D protocol", None),
        ("Planet of cameras", None),
        ("Linear IP Camera", None),
        ("Motion IP Camera", None),
        ("unaxis Network Camera", None),
        ("Axis2 web services", None),
    ],
)
def test_a_name_that_is_a_word_needs_a_camera_noun(title: str, brand: str | None) -> None:
    claims = said(shipped.matcher(), "http.title", title, {})
    assert {one.value for one in claims if one.slot == "brand"} == ({brand} if brand else set())
