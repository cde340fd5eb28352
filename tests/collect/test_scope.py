"""Targets, scope files and what is refused: nothing outside what somebody allowed is ever part of a plan."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.collect.scope import PORTS_NEVER, Scope, decide, hosts, load, parse_target
from netcam.errors import ConfigError, NetcamError, ScopeError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ATTACHED = [ip_network("10.1.2.0/24")]
GOOD = 'id = "op-7"\nauthoriser = "Estates"\nnetworks = ["10.1.0.0/16"]\n'


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Windows are in the machine's local time."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scope.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.1.2.3", ["10.1.2.3/32"]),
        ("10.1.2.7/24", ["10.1.2.0/24"]),
        ("10.1.2.4-10.1.2.6", ["10.1.2.4/31", "10.1.2.6/32"]),
        ("fd00::1", ["fd00::1/128"]),
    ],
)
def test_addresses_networks_and_ranges_are_targets(text: str, networks: list[str]) -> None:
    assert [str(n) for n in parse_target(text)] == networks


@pytest.mark.parametrize(
    "text", ["camera.example", "10.1.2", "10.1.2.3/33", "10.1.2.9-10.1.2.1", "10.1.2.3-fd00::1", "", "-", "10.1.2.3:80"]
)
def test_anything_else_is_a_usage_error_with_a_cure(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_target(text)
    assert caught.value.exit_code == 2
    assert caught.value.cure


@given(st.text(max_size=60))
def test_any_text_is_networks_or_a_usage_error(text: str) -> None:
    try:
        found = parse_target(text)
    except ConfigError:
        return
    assert sum(n.num_addresses for n in found) >= 1


def test_without_targets_the_attached_private_networks_are_swept() -> None:
    assert decide((), None, [*ATTACHED, ip_network("8.8.8.0/24")]) == tuple(ATTACHED)


@pytest.mark.parametrize("target", ["8.8.8.8", "10.9.0.0/24", "10.1.0.0/16", "2a00::1"])
def test_without_a_scope_file_only_attached_private_networks_may_be_swept(target: str) -> None:
    with pytest.raises(ScopeError) as caught:
        decide((target,), None, ATTACHED)
    assert caught.value.exit_code == 3


def test_public_addresses_are_swept_only_where_a_scope_file_names_them() -> None:
    named = Scope(id="x", networks=(ip_network("8.8.8.0/30"),))
    assert decide(("8.8.8.1",), named, ATTACHED) == (ip_network("8.8.8.1/32"),)
    with pytest.raises(ScopeError):
        decide(("8.8.8.8",), named, ATTACHED)


def test_a_target_over_two_neighbouring_networks_of_the_scope_is_inside_it() -> None:
    both = Scope(id="x", networks=(ip_network("10.1.0.0/24"), ip_network("10.1.1.0/24")))
    assert decide(("10.1.0.0/23",), both, []) == (ip_network("10.1.0.0/23"),)


def test_a_scope_file_is_read_with_its_exclusions_ports_and_rates(tmp_path: Path) -> None:
    text = GOOD + 'exclude = ["10.1.2.9"]\nports_never = [502]\nexpires = 2026-11-24\n[rates]\nconversations_per_second = 5\n'
    scope = load(write(tmp_path, text), now=NOW)
    assert scope.allows(ip_address("10.1.2.8"))
    assert not scope.allows(ip_address("10.1.2.9"))
    assert scope.ports_never == PORTS_NEVER | {502}
    assert scope.rates == {"conversations_per_second": 5.0}


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("id = ", 2, "TOML"),
        ("\xff", 2, "TOML"),
        ('id = "x"\nnetworks = ["10.0.0.0/8"]\n', 2, "authoriser"),
        (GOOD + 'excludes = ["10.1.2.9"]\n', 2, "exclude"),
        (GOOD + 'ports_never = ["http"]\n', 2, "ports_never"),
        (GOOD + "[rates]\nhalf_open = -1\n", 2, "half_open"),
        (GOOD + 'exclude = "10.1.2.9"\n', 2, "exclude"),
        (GOOD + "expires = 2026-11-23\n", 3, "expired"),
        (GOOD + "not_before = 2026-11-25\n", 3, "not in force"),
        (GOOD + 'windows = ["Sat-Sun 00:00-24:00"]\n', 3, "window"),
        (GOOD + 'windows = ["Mox 1-2"]\n', 2, "window"),
    ],
)
def test_a_wrong_scope_file_is_one_clear_error(tmp_path: Path, text: str, code: int, part: str) -> None:
    path = tmp_path / "scope.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(NetcamError) as caught:
        load(path, now=NOW)
    assert caught.value.exit_code == code
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("window", "open_"),
    [
        ("Mon-Fri 08:00-18:00", True),
        ("Tue 12:00-12:01", True),
        ("Mon 22:00-06:00", False),
        ("Mon-Tue 20:00-13:00", True),
        ("Wed 08:00-18:00", False),
    ],
)
def test_a_window_is_a_range_of_days_and_hours_that_may_pass_midnight(tmp_path: Path, window: str, open_: bool) -> None:
    path = write(tmp_path, GOOD + f'windows = ["{window}"]\n')  # 2026-11-24 is a Tuesday
    if open_:
        assert load(path, now=NOW).id == "op-7"
    else:
        with pytest.raises(ScopeError):
            load(path, now=NOW)


@pytest.mark.parametrize(
    ("lines", "until"),
    [
        ("", None),
        ("expires = 2026-11-24T18:30:00Z\n", "2026-11-24T18:30"),
        ('windows = ["Tue 08:00-13:00"]\n', "2026-11-24T13:00"),
        ('windows = ["Tue 08:00-13:00", "Tue 12:30-24:00", "Wed 00:00-06:00"]\n', "2026-11-25T06:00"),
        ('windows = ["Tue 11:00-06:00"]\n', "2026-11-25T06:00"),
        ('windows = ["Mon-Sun 00:00-24:00"]\n', None),
        ('windows = ["Tue 11:00-06:00"]\nexpires = 2026-11-24T20:00:00Z\n', "2026-11-24T20:00"),
    ],
)
def test_a_scope_says_until_when_it_is_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, until: str | None) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    found = load(write(tmp_path, GOOD + lines), now=datetime(2026, 11, 24, 12, tzinfo=UTC)).until
    monkeypatch.undo()
    time.tzset()
    assert (found.isoformat()[:16] if found else None) == until


def test_a_signed_scope_is_accepted_and_any_change_to_it_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from netcam.collect import scope

    key = Ed25519PrivateKey.generate()
    path = write(tmp_path, GOOD)
    with pytest.raises(ScopeError, match="not signed"):
        load(path, now=NOW, signer=key.public_key().public_bytes_raw())
    scope.sign(path, key.private_bytes_raw())
    assert load(path, now=NOW, signer=key.public_key().public_bytes_raw()).signed
    path.write_text(GOOD.replace("/16", "/8"))
    with pytest.raises(ScopeError, match="signature"):
        load(path, now=NOW, signer=key.public_key().public_bytes_raw())
    scope.sign(path, Ed25519PrivateKey.generate().private_bytes_raw())
    with pytest.raises(ScopeError, match="signature"):
        load(path, now=NOW, signer=key.public_key().public_bytes_raw())


@pytest.mark.parametrize(
    ("network", "attached", "first", "last", "count"),
    [
        ("10.1.2.0/24", ["10.1.2.0/24"], "10.1.2.1", "10.1.2.254", 254),
        ("10.1.2.16/28", ["10.1.2.0/24"], "10.1.2.16", "10.1.2.31", 16),
        ("10.1.2.240/28", ["10.1.2.0/24"], "10.1.2.240", "10.1.2.254", 15),
        ("10.1.2.16/28", ["10.1.2.16/28"], "10.1.2.17", "10.1.2.30", 14),
        ("10.7.2.16/28", [], "10.7.2.16", "10.7.2.31", 16),
        ("10.7.2.0/24", [], "10.7.2.1", "10.7.2.254", 254),
        ("10.7.2.0/31", ["10.7.2.0/31"], "10.7.2.0", "10.7.2.1", 2),
        ("10.7.2.9/32", [], "10.7.2.9", "10.7.2.9", 1),
        ("fd00::/120", [], "fd00::1", "fd00::ff", 255),
    ],
)
def test_only_the_ends_of_the_real_link_are_left_out(network: str, attached: list[str], first: str, last: str, count: int) -> None:
    found = list(hosts(ip_network(network), [ip_network(n) for n in attached]))
    assert (str(found[0]), str(found[-1]), len(found)) == (first, last, count)
