"""A device's own response headers say its model, its firmware and, by their names, its maker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.identify import Matcher
from netcam.identify.headers import told
from netcam.model import Observation
from tests.identify.shipped import seen

MODEL, FIRMWARE = "http.property.model", "http.property.firmware"


def _told(**headers: str) -> set[tuple[str, str]]:
    made = [Observation(field=f"http.header.{name.replace('_', '-')}", value=value) for name, value in headers.items()]
    return {(fact.field, fact.value) for _, fact in told(made)}


@pytest.mark.parametrize(
    ("headers", "facts"),
    [
        ({"x_device_model": "AB-1234", "x_firmware_version": "1.2.3"}, {(MODEL, "AB-1234"), (FIRMWARE, "1.2.3")}),
        ({"x_product_name": "IP Dome 400", "x_sw_version": "1.2.3"}, {(MODEL, "IP Dome 400"), (FIRMWARE, "1.2.3")}),
        (
            {"x_acme_model": "AB-1234", "x_acme_firmware": "2.0.1 build 170123"},
            {(MODEL, "AB-1234"), ("http.header.x-acme-model", "acme AB-1234"), (FIRMWARE, "2.0.1 build 170123")},
        ),
        ({"acme_model": "AB-1234"}, {(MODEL, "AB-1234"), ("http.header.x-acme-model", "acme AB-1234")}),
        # another family's version, a version alone, a model that is a program's, and a header that only sounds like one
        ({"x_acme_model": "AB-1234", "x_app_version": "7.1.0"}, {(MODEL, "AB-1234"), ("http.header.x-acme-model", "acme AB-1234")}),
        ({"x_firmware_version": "1.2.3"}, set()),
        ({"x_groq_model": "llama-3.1-8b", "x_groq_version": "1.2.3"}, set()),
        ({"x_device_model": "Camera"}, set()),
        ({"x_device_models": "AB-1234"}, set()),
        ({"x_aspnet_version": "4.0.30319"}, set()),
        ({"x_device_model": "AB-1234", "x_firmware_version": "latest"}, {(MODEL, "AB-1234")}),
    ],
)
def test_headers_of_the_device_itself_are_read(headers: dict[str, str], facts: set[tuple[str, str]]) -> None:
    assert _told(**headers) == facts


def test_a_header_that_bears_its_makers_name_names_the_maker(matcher: Matcher) -> None:
    found = seen(matcher, **{"http__header__x-mobotix-model": "M16B", "http__header__x-mobotix-firmware": "MX-V4.4.2.34"})
    assert [found.get(slot) for slot in ("maker", "model", "firmware", "kind")] == ["Mobotix", "M16B", "MX-V4.4.2.34", "camera"]
    other = seen(matcher, **{"http__header__x-acme-model": "ZXQ-1234", "http__header__x-acme-firmware": "1.2.3"})
    assert [other.get(slot) for slot in ("maker", "brand", "kind")] == [None, None, None]
    assert other.get("model") == "ZXQ-1234"


def test_a_version_alone_is_one_where_the_server_bears_the_name() -> None:
    header = Observation(field="http.header.x-acme-firmware", value="1.2.3")
    assert [fact.value for _, fact in told([header, Observation(field="http.server", value="Acme-Httpd")])] == ["1.2.3"]
    assert list(told([header, Observation(field="http.server", value="nginx")])) == []


@given(st.from_regex(r"\A[a-z0-9-]{1,40}\Z"), st.text(max_size=300))
def test_any_header_is_read_in_bounds(name: str, value: str) -> None:
    for _, fact in told(
        [Observation(field=f"http.header.x-{name}-model", value=value), Observation(field="http.header.x-version", value=value)]
    ):
        assert 0 < len(fact.value) <= 110
