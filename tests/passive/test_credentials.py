"""Secrets come from where only their owner can read them, and never appear in a message."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.collect import credentials
from netcam.errors import ConfigError

FILE = """
[[device]]
devices = ["192.0.2.0/24", "44:19:B6:00:00:20"]
sites = ["hq"]
user = "netcam"
password = "first-secret"

[[device]]
user = "other"
password_env = "OTHER"

[[snmp]]
switches = ["192.0.2.2"]
community = "read-secret"

[[snmp]]
user = "reader"
authentication = "sha"
password = "auth-secret"
privacy = "AES256"
privacy_password = "priv-secret"
"""


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "accounts.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_first_account_that_covers_a_device_is_the_one(tmp_path: Path) -> None:
    loaded = credentials.load(written(tmp_path, FILE), {"OTHER": "second-secret", "NETCAM_USER": "env", "NETCAM_PASSWORD": "third"})

    def user(address: str, mac: str = "", site: str = "hq") -> str:
        found = loaded.account(address, mac, site)
        return found.user if found else ""

    assert user("192.0.2.9") == "netcam"
    assert user("198.51.100.9", "44:19:b6:00:00:20") == "netcam"
    assert user("192.0.2.9", site="branch") == "other"
    assert [one.user for one in loaded.accounts] == ["netcam", "other", "env"]
    assert loaded.accounts[1].password.reveal() == "second-secret"
    first, second = loaded.for_switch("192.0.2.2", "hq"), loaded.for_switch("192.0.2.3", "hq")
    assert first is not None and first.community.reveal() == "read-secret"
    assert second is not None and (second.user, second.authentication, second.privacy) == ("reader", "SHA", "AES256")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="may be read by others") as told:
        credentials.load(written(tmp_path, FILE, mode), {})
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[device]]\nuser = "u"\npassword = "very-secret', "is not TOML"),
        ('[[device]]\nuser = "u"\npassword = ["very-secret"]', "is not a text"),
        ('[[device]]\nuser = "u"\npasswort = "very-secret"', "no such key"),
        ('[[device]]\nuser = "u"', "is missing"),
        ('[[device]]\nuser = "u"\npassword = "very-secret"\npassword_env = "X"', "there is password already"),
        ('[[device]]\nuser = "u"\npassword_env = "X"', "not set"),
        ('[[snmp]]\nuser = "u"\nauthentication = "ROT13"\npassword = "very-secret"', "is not known"),
        ('[[device]]\ndevices = ["camera"]\nuser = "u"\npassword = "very-secret"', "no address, network or MAC"),
        ('[device]\nuser = "u"\npassword = "very-secret"', "not a list of tables"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as told:
        credentials.load(written(tmp_path, text), {})
    assert "very-secret" not in str(told.value)


@given(st.text(min_size=6, max_size=40))
def test_a_secret_is_not_shown_or_written(text: str) -> None:
    account = credentials.Account(user="u", password=credentials.Secret(text))
    assert repr(account.password) == str(account.password) == "Secret(...)"
    assert repr(account) == repr(credentials.Account(user="u", password=credentials.Secret("")))
    with pytest.raises(TypeError):
        pickle.dumps(account)


def test_a_keyring_gives_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Ring(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return "from-ring" if (service, username) == ("netcam-hq", "netcam") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise AssertionError

        def delete_password(self, service: str, username: str) -> None:
            raise AssertionError

    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        loaded = credentials.load(written(tmp_path, '[[device]]\nuser = "netcam"\nkeyring = "netcam-hq"'), {})
        assert loaded.accounts[0].password.reveal() == "from-ring"
        with pytest.raises(ConfigError, match="no entry"):
            credentials.load(written(tmp_path, '[[device]]\nuser = "netcam"\nkeyring = "elsewhere"'), {})
    finally:
        keyring.set_keyring(before)


def test_a_refusal_outlives_the_run_until_it_is_lifted(tmp_path: Path) -> None:
    path, at = tmp_path / "state" / "refusals.json", datetime(2026, 1, 2, tzinfo=UTC)
    credentials.Refusals(path).add("hq", "192.0.2.9", "netcam", at)
    again = credentials.Refusals(path)
    assert again.when("hq", "192.0.2.9", "netcam") == "2026-01-02T00:00:00Z"
    assert again.when("hq", "192.0.2.9", "other") == again.when("branch", "192.0.2.9", "netcam") == ""
    assert path.stat().st_mode & 0o777 == 0o600
    assert again.lift("hq", "192.0.2.9") == 1
    assert credentials.Refusals(path).when("hq", "192.0.2.9", "netcam") == ""


@pytest.mark.parametrize("content", ["", '{"a": ', "[]", "\x00\x00\x00"])
def test_a_damaged_list_of_refusals_stops_before_any_account_is_tried(tmp_path: Path, content: str) -> None:
    """Else every device that refused would be tried once more, and lock its accounts."""
    path = tmp_path / "refusals.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match="refusals"):
        credentials.Refusals(path)
    assert path.read_text() == content


def test_where_no_refusal_could_be_remembered_none_may_come(tmp_path: Path) -> None:
    told = credentials.Refusals(tmp_path / "state" / "refusals.json")
    told.check()
    told = credentials.Refusals(tmp_path / "other" / "refusals.json")
    (tmp_path / "other").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="NETCAM_HOME"):
        told.check()
