"""What `--vlan` takes, and what it says where it cannot."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.collect.vlan import MAX_NAME, Vlan, joined, parse
from netcam.errors import ConfigError, NetcamError


def test_trunk_number_and_addresses_are_read() -> None:
    assert parse("eth0:20=10.1.20.5/24") == Vlan("eth0", 20, ("10.1.20.5/24",))
    assert parse("eth0:20=10.1.20.5/24,fd00::5/64").addresses == ("10.1.20.5/24", "fd00::5/64")


@pytest.mark.parametrize("text", ["", "20=10.1.20.5/24", "eth0:0=10.1.20.5/24", "eth0:4095=10.1.20.5/24", "eth0:x=10.1.20.5/24", "eth0:20",
                                  "eth0:20=10.1.20.5", "eth0:20=10.1.20.5/33", "eth0:20=10.1.20.5/32", "eth0:²=10.1.20.5/24"])  # fmt: skip
def test_anything_else_is_refused_with_a_cure(text: str) -> None:
    with pytest.raises(ConfigError, match="help: write --vlan"):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_vlan_or_an_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert parse(text).addresses


@given(st.integers(1, 4094), st.text("abcdef", min_size=1, max_size=15))
def test_the_interface_of_a_vlan_has_a_name_that_the_kernel_takes(number: int, trunk: str) -> None:
    name = Vlan(trunk, number, ()).name
    assert len(name) <= MAX_NAME
    assert name.endswith(f".{number}")


def test_a_trunk_that_is_not_there_is_an_error_with_a_cure() -> None:
    with pytest.raises(NetcamError, match=r"--vlan.*\n  help: "), joined([Vlan("nosuch0", 5, ("192.0.2.5/24",))]):
        pass
