"""A number directly behind a maker's name is its model, a version directly behind a model its firmware; what only looks alike is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.identify import Matcher, beside
from netcam.model import Claim, Observation
from tests.identify.shipped import seen


@pytest.mark.parametrize(
    ("field", "value", "maker", "model"),
    [
        ("http__title", "MOBOTIX M16B", "Mobotix", "M16B"),
        ("rtsp__realm", "MOBOTIX M16B User", "Mobotix", "M16B"),
        ("http__title", "VIVOTEK ZX1234-Q", "Vivotek", "ZX1234-Q"),
        ("snmp__sysdescr", "VIVOTEK Network Camera ZX1234-Q, firmware 0100a, S/N 1", "Vivotek", "ZX1234-Q"),
        # the maker's own table knows numbers of any shape behind its name
        ("http__title", "Zenitel TCIV-3+", "Zenitel", "TCIV-3+"),
        ("mdns__name", "MOBOTIX T26 mx10-22-33-44", "Mobotix", "T26"),
        ("upnp__friendly_name", "Reolink Video Doorbell PoE", "Reolink", "Video Doorbell PoE"),
        ("http__title", "Zenitel TCIV-3-station", "Zenitel", None),
        # a number that a scheme knows needs no name before it
        ("http__realm", "FD8169A", "Vivotek", "FD8169A"),
        # places, codecs, addresses, serial numbers, words, versions
        ("http__title", "Hikvision CAM12", "Hikvision", None),
        ("http__title", "VIVOTEK H264", "Vivotek", None),
        ("http__realm", "AXIS_00408C123456", "Axis", None),
        ("http__title", "VIVOTEK Network Camera", "Vivotek", None),
        ("http__title", "VIVOTEK V12.34", "Vivotek", None),
        ("http__title", "Vivotek IPv6", "Vivotek", None),
        # no name, no number
        ("http__title", "M16B", None, None),
        ("http__title", "Acme ZX1234-Q", None, None),
        # somebody else's text: what an owner writes there is no model
        ("hostname", "vivotek-ZX1234", "Vivotek", None),
    ],
)
def test_a_number_behind_a_name_is_the_model(matcher: Matcher, field: str, value: str, maker: str | None, model: str | None) -> None:
    found = seen(matcher, **{field: value})
    assert (found.get("maker"), found.get("model")) == (maker, model)


@pytest.mark.parametrize(
    ("field", "value", "model", "firmware"),
    [
        ("onvif__model", "DS-2CD2042WD-I/5.4.5", "DS-2CD2042WD-I", "5.4.5"),
        ("onvif__model", "DS-2CD2042WD-I V5.4.5 build 170123", "DS-2CD2042WD-I", "V5.4.5 build 170123"),
        ("http__title", "IPC-HFW4431R-Z V2.622.0000000.9.R", "IPC-HFW4431R-Z", "V2.622.0000000.9.R"),
        ("http__server", "FD8169A/1.4.2", "FD8169A", "1.4.2"),
        ("snmp__sysdescr", "VIVOTEK FD8169A, firmware 0100a, S/N 0002D1000000", "FD8169A", "0100a"),
        ("snmp__sysdescr", "FD8169A, build 1.41", "FD8169A", "1.41"),
        ("sip__user_agent", "Akuvox R20A 20.30.4.216", "R20A", "20.30.4.216"),
        # a lens, an address, a day
        ("http__title", "FD8169A 2.8mm", "FD8169A", None),
        ("http__title", "FD8169A 2.8", "FD8169A", None),
        ("http__title", "FD8169A (192.168.1.10)", "FD8169A", None),
        ("http__title", "FD8169A 2019.01.02", "FD8169A", None),
        ("http__title", "FD8169A live 1.2.3", "FD8169A", None),
    ],
)
def test_a_version_behind_a_model_is_the_firmware(matcher: Matcher, field: str, value: str, model: str, firmware: str | None) -> None:
    found = seen(matcher, **{field: value})
    assert (found.get("model"), found.get("firmware")) == (model, firmware)


@pytest.mark.parametrize(
    ("field", "value", "model", "kind"),
    [
        ("http__realm", "DS07P-LP SIP Door Station - 186882000000", "DS07P-LP", "intercom"),
        ("http__title", "ZX1234-Q Network Camera", "ZX1234-Q", "camera"),
        ("http__title", "CAM12 Network Camera", None, "camera"),
        ("http__title", "Live Network Camera", None, "camera"),
        ("http__title", "ZX1234-Q Network Printer", None, None),
        ("http__title", "The ZX1234-Q Network Camera", None, "camera"),
        ("hostname", "ZX1234-Q Network Camera", None, None),
    ],
)
def test_a_number_before_a_thing_is_its_model(matcher: Matcher, field: str, value: str, model: str | None, kind: str | None) -> None:
    found = seen(matcher, **{field: value})
    assert (found.get("model"), found.get("kind"), found.get("maker")) == (model, kind, None)


def test_a_firmware_that_the_device_tells_goes_before(matcher: Matcher) -> None:
    found = seen(matcher, onvif__model="DS-2CD2042WD-I/5.4.5", onvif__firmware="V5.5.82 build 190220")
    assert found.get("firmware") == "V5.5.82 build 190220"


@pytest.mark.parametrize(
    ("model", "bare"),
    [
        ("DS-2CD2042WD-I/5.4.5", "DS-2CD2042WD-I"),
        ("QX-12, firmware 1.2, S/N 44", "QX-12"),
        ("QX-12 V5.4.5 build 170123", "QX-12"),
        ("QX-12 s/n 0440041", "QX-12"),
        # what belongs to a model
        ("DS-2CD2H43-IZ(2.8-12mm)", "DS-2CD2H43-IZ(2.8-12mm)"),
        ("S7230L-FW0", "S7230L-FW0"),
        ("DS-7608NI-I2/8P", "DS-7608NI-I2/8P"),
        ("2.0C-H4SL-D1", "2.0C-H4SL-D1"),
        ("TL-SC3130 v2.0", "TL-SC3130 v2.0"),
    ],
)
def test_a_model_is_read_without_what_stands_behind_it(model: str, bare: str) -> None:
    assert beside.bare(model) == bare


@given(st.text(max_size=400), st.text(min_size=1, max_size=30))
def test_any_text_is_read_in_bounds(text: str, model: str) -> None:
    assert beside.bare(model) == model[: len(beside.bare(model))] != ""
    told = Observation(field="http.title", value=f"{text}{model}{text}")
    made = Claim(slot="model", value=model, weight=0.5, by="x/y", origin="http", because=(told,))
    for claim in beside.firmware([made]):
        assert claim.value in told.value
