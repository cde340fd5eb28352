"""The settings file netcam.toml: sites as their operator describes them, rates, and where things lie."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin

import msgspec

from netcam.errors import ConfigError, nearest, shown
from netcam.model import JURISDICTIONS, LINKS, SITE_CLASSES, Site

MAX_FILE = 4 * 1024 * 1024
"""Bytes of a settings file: a thousand sites take 300 kB."""

PRIVATE = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"))
"""What counts as inside where a site names no networks: RFC 1918, RFC 3927, RFC 4193, RFC 4291."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LOCAL_LINK = re.compile(r"local-[a-z0-9-]{1,60}")
_HOST = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?", re.IGNORECASE)


class SiteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"site_class": "class"}):
    """`[sites.ID]`. What is not written is `unset`, never guessed."""

    name: str = ""
    site_class: str = "unset"
    jurisdiction: str = "unset"
    links: tuple[str, ...] = ()
    """Recorded ties that bring a text from elsewhere into reach."""
    owner: str = ""
    contract: str = ""
    networks: tuple[str, ...] = ()
    """Networks of the site."""
    internal: tuple[str, ...] = ()
    """Further networks a camera may talk to without leaving the estate."""
    declared: tuple[str, ...] = ()
    """Destinations the operator expects: names (`*.example.org`), addresses or networks."""
    scope: str = ""
    """Scope file, relative to the settings file."""
    timezone: str = "UTC"
    credentials: str = ""
    """File with the owner's accounts, relative to the settings file; only its owner may read it."""
    credentials_in_clear: bool = False
    """Whether a password may be sent so that anybody on the way can read it (HTTP Basic), to devices that take nothing else."""


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[rates]`: upper bounds. 0 leaves the profile's own number; nothing here raises it above the profile's."""

    packets_per_second: int = 0
    connections_per_second: int = 0
    connections_at_once: int = 0
    per_device_seconds: float = 0.0
    """Least time between two connections to one device."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `path` is where it was read, empty where there is none."""

    sensor: str = ""
    inventory: str = ""
    content: str = ""
    policies: str = ""
    """Folder with the site's own policy files, relative to the settings file."""
    rates: Rates = Rates()
    sites: dict[str, SiteSettings] = {}
    path: str = ""

    def site(self, id: str) -> Site:
        """The site as policies see it. Raises ConfigError where the file has sites, but not this one."""
        told = self._site(id)
        return Site(
            id=id, site_class=told.site_class, jurisdiction=told.jurisdiction, links=told.links, owner=told.owner, name=told.name,
            contract=told.contract,
        )  # fmt: skip

    def _site(self, id: str) -> SiteSettings:
        found = self.sites.get(id)
        if found is not None:
            return found
        if self.sites and id != "default":
            raise ConfigError(self.path or "settings", f"no site {shown(id)}", f"{nearest(id, self.sites)}; or add [sites.{_toml_key(id)}]")
        return SiteSettings()

    def policies_path(self) -> Path | None:
        """The folder with the site's own policies, or None."""
        return (Path(self.path).parent / Path(self.policies).expanduser()) if self.policies else None

    def scope_path(self, site: str) -> Path | None:
        """The scope file of a site, or None."""
        told = self._site(site).scope
        return (Path(self.path).parent / Path(told).expanduser()) if told else None

    def credentials_path(self, site: str) -> Path | None:
        """The file with the owner's accounts for a site, or None."""
        told = self._site(site).credentials
        return (Path(self.path).parent / Path(told).expanduser()) if told else None

    def credentials_in_clear(self, site: str) -> bool:
        """Whether the site allows passwords in clear."""
        return self._site(site).credentials_in_clear

    def networks(self, site: str) -> tuple[IPv4Network | IPv6Network, ...]:
        """The site's own networks, as far as they are written."""
        return tuple(ip_network(text, strict=False) for text in self._site(site).networks)

    def internal(self, site: str) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks inside the estate: those written for the site, else the private ranges."""
        told = self._site(site)
        return tuple(ip_network(text, strict=False) for text in (*told.networks, *told.internal)) or PRIVATE

    def declared(self, site: str) -> tuple[str, ...]:
        """Destinations that the operator expects, as written."""
        return self._site(site).declared


def find() -> Path | None:
    """The settings file: $NETCAM_CONFIG, else ./netcam.toml, else $XDG_CONFIG_HOME/netcam/netcam.toml; None where there is none."""
    given = os.environ.get("NETCAM_CONFIG")
    if given:
        return Path(given)
    config = os.environ.get("XDG_CONFIG_HOME")
    for path in (Path("netcam.toml"), (Path(config) if config else Path.home() / ".config") / "netcam" / "netcam.toml"):
        if path.is_file():
            return path
    return None


def load(path: str | Path | None = None) -> Settings:
    """Read the settings; defaults where no file is given or found. Raises ConfigError with file, line and key."""
    given = Path(path) if path is not None else find()
    if given is None:
        return Settings()
    try:
        if given.stat().st_size > MAX_FILE:
            raise ConfigError(str(given), f"larger than {MAX_FILE} bytes", "split the estate over several files")
        text = given.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(str(given), error.strerror or "cannot be read", "check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise ConfigError(str(given), f"is not UTF-8 (byte {error.start})", "save the file as UTF-8") from None
    return parse(text, str(given))


def parse(text: str, where: str) -> Settings:
    """Read settings from TOML text. Raises ConfigError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        number = int(line[1]) if line else max(1, len(text.splitlines()))  # without a line it is "at end of document"
        raise ConfigError(f"{where}:{number}", f"is not TOML: {error}", "see https://toml.io") from None
    except RecursionError:
        raise ConfigError(where, "is nested too deep", "a settings file is three levels deep") from None
    reader = _Reader(where, _lines(text))
    sites = data.get("sites", {})
    if not isinstance(sites, dict):
        reader.fail(("sites",), "is not a table", "write [sites.ID]")
    read_sites = {}
    for id, told in sites.items():
        if not _ID.fullmatch(id):
            reader.fail(("sites", id), f"{shown(id)} is not a site id", "use letters, digits, `.`, `_`, `-`, at most 64")
        read_sites[id] = reader.struct(SiteSettings, told, ("sites", id))
        reader.check_site(read_sites[id], ("sites", id))
    rates = reader.struct(Rates, data.get("rates", {}), ("rates",))
    for name in Rates.__struct_fields__:
        if not 0 <= getattr(rates, name) <= 1_000_000:
            reader.fail(("rates", name), "is not between 0 and 1000000", "0 leaves the number of the profile")
    plain = {key: value for key, value in data.items() if key not in ("sites", "rates")}
    top: Settings = reader.struct(Settings, plain, ())
    whole: Settings = msgspec.structs.replace(top, sites=read_sites, rates=rates, path=where)
    return whole


def effective(settings: Settings) -> dict[str, Any]:
    """All settings with their defaults, as plain values."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    return told


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    schema = msgspec.json.schema(Settings)
    schema["$defs"]["Settings"]["properties"].pop("path", None)
    site = schema["$defs"]["SiteSettings"]["properties"]
    site["class"]["enum"], site["jurisdiction"]["enum"] = list(SITE_CLASSES), list(JURISDICTIONS)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "netcam.toml"} | schema


class _Reader:
    """Types tables and says where they are wrong."""

    def __init__(self, where: str, lines: Mapping[tuple[str, ...], int]) -> None:
        self._where, self._lines = where, lines

    def fail(self, path: tuple[str, ...], problem: str, cure: str) -> NoReturn:
        """Raise ConfigError at the line of a path."""
        place = self._where
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                place = f"{self._where}:{self._lines[path[:end]]}"
                break
        key = ".".join(_toml_key(part) for part in path)
        raise ConfigError(f"{place}: {key}" if key else place, problem, cure)

    def struct(self, kind: type[Any], told: Any, path: tuple[str, ...]) -> Any:
        """A table as a struct."""
        if not isinstance(told, dict):
            self.fail(path, "is not a table", f"write [{'.'.join(path)}]")
        known = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
        known.pop("path", None)
        hints = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        for key, value in told.items():
            if key not in known:
                self.fail((*path, key), "is not a setting", nearest(key, known))
            try:
                msgspec.convert(value, hints[key])
            except msgspec.ValidationError:
                wanted = _words(hints[key])
                self.fail((*path, key), f"{shown(value)} is not {wanted}", f"write {key} = {_EXAMPLE[wanted]}")
        return msgspec.convert(told, kind)

    def check_site(self, site: SiteSettings, path: tuple[str, ...]) -> None:
        """Check the words and networks of a site."""
        for key, value, valid in (("class", site.site_class, SITE_CLASSES), ("jurisdiction", site.jurisdiction, JURISDICTIONS)):
            if value not in valid:
                self.fail((*path, key), f"{shown(value)} is not known", nearest(value, valid))
        for link in site.links:
            if link not in LINKS and not _LOCAL_LINK.fullmatch(link):
                self.fail((*path, "links"), f"{shown(link)} is no link that a policy knows", f"{nearest(link, LINKS)}; or local-<word>")
        for key, texts in (("networks", site.networks), ("internal", site.internal)):
            for text in texts:
                if not _is_network(text):
                    self.fail((*path, key), f"{shown(text)} is not a network", 'write it as "10.20.0.0/16"')
        for text in site.declared:
            if not (_is_network(text) or _HOST.fullmatch(text)):
                self.fail((*path, "declared"), f"{shown(text)} is no name, address or network", 'write "*.example.org" or "192.0.2.0/24"')
        if site.timezone != "UTC":
            import zoneinfo

            try:
                zoneinfo.ZoneInfo(site.timezone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                self.fail((*path, "timezone"), f"{shown(site.timezone)} is not a time zone", 'write it as "Europe/London"')


_EXAMPLE = {
    "text": '"..."',
    "a list of texts": '["..."]',
    "a whole number": "10",
    "a number": "1.5",
    "true or false": "true",
    "a table": "{ }",
}


def _words(hint: Any) -> str:
    if get_origin(hint) is tuple and get_args(hint)[0] is str:
        return "a list of texts"
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "a table")


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _toml_key(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else shown(part)


_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each table and key. Keys of inline tables, and lines inside a longer text, are not told apart."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(_PART.findall(header[1]))
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(_PART.findall(key[1]))), number)
    return lines


def _parts(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in found)
