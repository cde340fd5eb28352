"""The owner's credentials: from the environment, a file that only its owner reads, or a keyring; never from the command line, never shown."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from netcam import wire
from netcam.collect.scope import Network, inside
from netcam.errors import ConfigError, nearest, shown
from netcam.model import rfc3339

MAX_FILE = 1 << 20
"""Bytes of a credentials file: ten thousand devices of their own take 1 MB."""
MAX_REFUSALS = 100_000
"""Refusals remembered: one per device and account; the oldest go first."""
USER_VARIABLE, PASSWORD_VARIABLE, COMMUNITY_VARIABLE = "NETCAM_USER", "NETCAM_PASSWORD", "NETCAM_SNMP_COMMUNITY"
AUTHENTICATIONS = ("MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512")
"""RFC 3414, RFC 7860."""
PRIVACIES = ("DES", "AES128", "AES192", "AES256")
"""RFC 3414, RFC 3826; the longer AES keys as switches offer them (Reeder)."""

_TABLES = ("device", "snmp", "register")
_REGISTER_KEYS = ("url", "token", "token_env", "keyring")
_DEVICE_KEYS = ("devices", "sites", "user", "password", "password_env", "keyring")
_SNMP_KEYS = (
    "switches", "sites", "community", "community_env", "keyring", "user", "authentication", "password", "password_env",
    "privacy", "privacy_password", "privacy_password_env",
)  # fmt: skip


class Secret:
    """A text that is never printed: only `reveal` gives it, and only the code that writes it into a message calls that."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which devices of which sites a credential is for; empty: all."""

    networks: tuple[Network, ...] = ()
    macs: frozenset[str] = frozenset()
    sites: tuple[str, ...] = ()

    def covers(self, address: str, mac: str, site: str) -> bool:
        """Whether the device is meant."""
        if self.sites and site not in self.sites:
            return False
        if not self.networks and not self.macs:
            return True
        if mac and mac in self.macs:
            return True
        try:
            return inside(ip_address(address.partition("%")[0]), self.networks)
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of cameras and recorders."""

    user: str
    password: Secret
    reach: Reach = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpAccount:
    """Read access to switches: a community (v2c), or a user (v3)."""

    reach: Reach = Reach()
    community: Secret = field(default_factory=lambda: Secret(""))
    user: str = ""
    authentication: str = "SHA256"
    password: Secret = field(default_factory=lambda: Secret(""))
    privacy: str = "AES128"
    privacy_password: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Read access to a register over HTTP: the token is for addresses that begin with `url`."""

    url: str
    token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything the owner gave, in the order of the file; the first that covers a device is the one."""

    accounts: tuple[Account, ...] = ()
    snmp: tuple[SnmpAccount, ...] = ()
    registers: tuple[Register, ...] = ()

    def account(self, address: str, mac: str, site: str) -> Account | None:
        """The account for a camera or recorder, or None."""
        return next((one for one in self.accounts if one.reach.covers(address, mac, site)), None)

    def for_switch(self, address: str, site: str) -> SnmpAccount | None:
        """The read access to a switch, or None."""
        return next((one for one in self.snmp if one.reach.covers(address, "", site)), None)


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Credentials:
    """Credentials of the file and of the environment, the file first. Raises ConfigError; no message shows a secret."""
    env = os.environ if environment is None else environment
    accounts: list[Account] = []
    snmp: list[SnmpAccount] = []
    registers: list[Register] = []
    if path is not None:
        data, where = _read(path), str(path)
        for key in data:
            if key not in _TABLES:
                raise ConfigError(f"{where}: {key}", "no such table in a credentials file", nearest(key, _TABLES))
        accounts = [_account(one, f"{where}: device {n}", env) for n, one in enumerate(_tables(data, "device", where), 1)]
        snmp = [_snmp(one, f"{where}: snmp {n}", env) for n, one in enumerate(_tables(data, "snmp", where), 1)]
        registers = [_register(one, f"{where}: register {n}", env) for n, one in enumerate(_tables(data, "register", where), 1)]
    if env.get(USER_VARIABLE) and env.get(PASSWORD_VARIABLE):
        accounts.append(Account(user=env[USER_VARIABLE], password=Secret(env[PASSWORD_VARIABLE])))
    if env.get(COMMUNITY_VARIABLE):
        snmp.append(SnmpAccount(community=Secret(env[COMMUNITY_VARIABLE])))
    return Credentials(accounts=tuple(accounts), snmp=tuple(snmp), registers=tuple(registers))


def _read(path: Path) -> dict[str, Any]:
    where = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(where, error.strerror or "cannot be read", "check the path of the credentials file") from None
    with os.fdopen(descriptor, "rb") as file:
        # the opened file is asked, not its name: a name may be swapped in between
        has = os.fstat(file.fileno())
        if not stat.S_ISREG(has.st_mode):
            raise ConfigError(where, "is no plain file", "give a file")
        if has.st_mode & 0o077 or has.st_uid not in (0, os.geteuid()):
            problem = f"may be read by others (mode {has.st_mode & 0o777:o}, owner {has.st_uid})"
            raise ConfigError(where, problem, f"chown it to yourself and: chmod 600 {where}")
        if has.st_size > MAX_FILE:
            raise ConfigError(where, f"larger than {MAX_FILE} bytes", "give the credentials file itself")
        content = file.read(MAX_FILE)
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        # TOMLDecodeError tells line and column, never the text
        raise ConfigError(where, f"is not TOML: {_place(error)}", "mend the file at this place") from None


def _place(error: Exception) -> str:
    text = str(error)
    return text[text.rfind("(at ") :] if "(at " in text else type(error).__name__


def _tables(data: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    tables = data.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ConfigError(f"{where}: {key}", "is not a list of tables", f"write [[{key}]]")
    return tables


def _texts(table: Mapping[str, Any], key: str, where: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{where}: {key}", "is not a list of texts", f'write {key} = ["..."]')
    return value


def _text(table: Mapping[str, Any], key: str, where: str, default: str = "") -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {key}", "is not a text", f'write {key} = "..."')
    return value


def _reach(table: Mapping[str, Any], key: str, where: str) -> Reach:
    networks: list[Network] = []
    macs: set[str] = set()
    for text in _texts(table, key, where):
        if mac := wire.normal_mac(text):
            macs.add(mac)
            continue
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError:
            raise ConfigError(f"{where}: {key}", f"{shown(text)} is no address, network or MAC", 'write "10.20.0.0/24"') from None
    return Reach(networks=tuple(networks), macs=frozenset(macs), sites=tuple(_texts(table, "sites", where)))


def _known(table: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    for key in table:
        if key not in keys:
            raise ConfigError(f"{where}: {key}", "no such key", nearest(key, keys))


def _secret(table: Mapping[str, Any], key: str, where: str, env: Mapping[str, str], keyring_user: str = "") -> Secret:
    """The secret under `key`, of the variable `<key>_env` names, or of the keyring's service; one way at most."""
    ways = [name for name in (key, f"{key}_env", "keyring" if keyring_user else "") if name and name in table]
    if len(ways) > 1:
        raise ConfigError(f"{where}: {ways[1]}", f"there is {ways[0]} already", "give the secret in one way")
    if not ways:
        return Secret("")
    told = _text(table, ways[0], where)
    if ways[0] == key:
        return Secret(told)
    if ways[0] == f"{key}_env":
        if not env.get(told):
            raise ConfigError(f"{where}: {key}_env", f"the variable {shown(told)} is not set", "set it in netcam's environment")
        return Secret(env[told])
    return _from_keyring(told, keyring_user, where)


def _from_keyring(service: str, user: str, where: str) -> Secret:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise ConfigError(f"{where}: keyring", "the keyring library is not installed", "pip install 'netcam[owner]'") from None
    try:
        found = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"{where}: keyring", f"cannot be asked: {type(error).__name__}", "unlock it, or use a file") from None
    if not found:
        raise ConfigError(f"{where}: keyring", f"no entry {shown(service)} for {shown(user)}", f"keyring set {service} {user}")
    return Secret(found)


def _account(table: Mapping[str, Any], where: str, env: Mapping[str, str]) -> Account:
    _known(table, _DEVICE_KEYS, where)
    user = _text(table, "user", where)
    if not user:
        raise ConfigError(f"{where}: user", "is missing", 'write user = "..."')
    password = _secret(table, "password", where, env, user)
    if not password:
        raise ConfigError(f"{where}: password", "is missing", "give password, password_env or keyring")
    return Account(user=user, password=password, reach=_reach(table, "devices", where))


def _snmp(table: Mapping[str, Any], where: str, env: Mapping[str, str]) -> SnmpAccount:
    _known(table, _SNMP_KEYS, where)
    user, reach = _text(table, "user", where), _reach(table, "switches", where)
    if not user:
        community = _secret(table, "community", where, env, "community")
        if not community:
            raise ConfigError(f"{where}: community", "is missing", "give community, community_env or keyring; or a user for SNMPv3")
        return SnmpAccount(reach=reach, community=community)
    authentication = _text(table, "authentication", where, "SHA256").upper()
    privacy = _text(table, "privacy", where, "AES128").upper()
    for key, value, words in (("authentication", authentication, AUTHENTICATIONS), ("privacy", privacy, PRIVACIES)):
        if value not in words:
            raise ConfigError(f"{where}: {key}", f"{shown(value)} is not known", nearest(value, words))
    return SnmpAccount(
        reach=reach, user=user, authentication=authentication, password=_secret(table, "password", where, env, user),
        privacy=privacy, privacy_password=_secret(table, "privacy_password", where, env),
    )  # fmt: skip


def _register(table: Mapping[str, Any], where: str, env: Mapping[str, str]) -> Register:
    _known(table, _REGISTER_KEYS, where)
    url, token = _text(table, "url", where), _secret(table, "token", where, env, "token")
    if not url or not token:
        raise ConfigError(f"{where}: {'token' if url else 'url'}", "is missing", "give url, and token, token_env or keyring")
    return Register(url=url, token=token)


class Refusals:
    """Which device refused which account, and when: such a device is not tried again until the operator lifts it."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError where the file is there and cannot be read: without it every device would be tried once more."""
        self._path = path
        self._known: dict[str, str] = {}
        cure = "restore it, or remove it once the accounts are right: devices that refused are tried again then"
        try:
            told = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigError(str(path), error.strerror or "cannot be read", "check its owner and permissions") from None
        except ValueError:
            raise ConfigError(str(path), "is damaged: which devices refused which account is not known", cure) from None
        if not isinstance(told, dict):
            raise ConfigError(str(path), "is no list of refusals", cure)
        self._known = {str(key): str(value) for key, value in told.items()}

    def check(self) -> None:
        """Raise ConfigError where a refusal could not be remembered: no account may be tried then."""
        try:
            self._write()
        except OSError as error:
            raise ConfigError(
                str(self._path), error.strerror or "cannot be written", "free space, or set NETCAM_HOME to another folder"
            ) from None

    @staticmethod
    def _key(site: str, device: str, user: str) -> str:
        return json.dumps([site, device, user])

    def when(self, site: str, device: str, user: str) -> str:
        """The moment of the refusal, empty where there was none."""
        return self._known.get(self._key(site, device, user), "")

    def add(self, site: str, device: str, user: str, at: datetime) -> None:
        """Remember a refusal at once: the next run may come before this one ends."""
        self._known[self._key(site, device, user)] = rfc3339(at, "seconds")
        while len(self._known) > MAX_REFUSALS:
            del self._known[next(iter(self._known))]
        self._write()

    def lift(self, site: str, device: str) -> int:
        """Forget what the device refused; returns how many accounts that were."""
        gone = [key for key in self._known if json.loads(key)[:2] == [site, device]]
        for key in gone:
            del self._known[key]
        if gone:
            self._write()
        return len(gone)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._known, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
