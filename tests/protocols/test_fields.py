"""The field list."""

import pytest

from netcam.protocols.fields import FIELDS, known


@pytest.mark.parametrize("field", ["mac", "http.server", "http.header.x-frame-options", "sadp.DeviceSN", "dhip.raw", "onvif.scope.name"])
def test_a_field_of_the_list_is_known(field: str) -> None:
    assert known(field)


@pytest.mark.parametrize("field", ["", "http", "http.header.", "http.sever", ".raw", "sadp", "sadp."])
def test_a_misspelt_or_bare_field_is_unknown(field: str) -> None:
    assert not known(field)


def test_every_field_has_a_meaning_in_one_line() -> None:
    assert all(meaning and "\n" not in meaning for meaning in FIELDS.values())
