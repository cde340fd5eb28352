"""A maker is known by its legal, former and short names, with a place in front, company words behind, or a second name beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcam.catalog import makers
from netcam.catalog.home import content_root


@pytest.fixture(scope="module")
def loaded() -> makers.Makers:
    return makers.load(Path(content_root()))


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
