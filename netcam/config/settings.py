"""The settings file netcam.toml: sites as their operator describes them, rates, and where things lie."""

from __future__ import annotations

import os
import re
import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import msgspec

from netcam.config.egress import EgressSettings, read_egress
from netcam.config.reader import Reader, lines_of, toml_key
from netcam.config.retention import RetentionSettings, read_retention
from netcam.config.schedules import ScheduleSettings, read_schedule
from netcam.config.secrets import is_secret_setting, secret
from netcam.config.sinks import KINDS, SEVERITIES, SINKS, EventSettings, SinkSettings, read_sink
from netcam.errors import ConfigError, StoreError, nearest, shown
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
    resolvers: tuple[str, ...] = ()
    """Addresses of name servers that cameras of the site may ask."""
    time_servers: tuple[str, ...] = ()
    """Addresses of time servers that cameras of the site may ask."""
    no_internet: bool = False
    """Whether cameras of the site must not talk to the outside at all."""
    scope: str = ""
    """Scope file, relative to the settings file."""
    timezone: str = "UTC"
    credentials: str = ""
    """File with the owner's accounts, relative to the settings file; only its owner may read it."""
    credentials_in_clear: bool = False
    """Whether a password may be sent so that anybody on the way can read it (HTTP Basic), to devices that take nothing else."""


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[rates]`: upper bounds of what is sent to devices, by the names of the scope file's. 0 leaves the profile's own number; nothing here
    raises it above the profile's."""

    conversations_per_second: float = 0.0
    """New TCP conversations for the whole site."""
    conversations_per_device: float = 0.0
    """New TCP conversations and datagrams a second to one device."""
    half_open: int = 0
    """Conversations at once."""
    frames_per_second: float = 0.0
    """Link-layer frames (ARP)."""
    datagrams_per_second: float = 0.0
    """UDP questions for the whole site."""

    def bounds(self) -> dict[str, float]:
        """Those that are set."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[service]`: `netcam run`."""

    runs_at_once: int = 4
    """Sweeps at the same time, over all sites of this sensor."""
    heartbeat_minutes: int = 60
    """How often the service says that it works, so that its silence is noticed; 0: never."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `path` is where it was read, empty where there is none."""

    sensor: str = ""
    inventory: str = ""
    """File, relative to the settings, or postgresql:// address; `--store` goes before it."""
    policies: str = ""
    """Folder with the site's own policy files, relative to the settings file."""
    rates: Rates = Rates()
    events: EventSettings = EventSettings()
    retention: RetentionSettings = RetentionSettings()
    egress: EgressSettings = EgressSettings()
    service: ServiceSettings = ServiceSettings()
    sites: dict[str, SiteSettings] = {}
    schedules: dict[str, ScheduleSettings] = {}
    sinks: dict[str, SinkSettings] = {}
    path: str = ""

    @property
    def flow_archive(self) -> Path | None:
        """The folder of the flow archive that the settings name."""
        return Path(self.path).parent / self.egress.archive if self.egress.archive else None

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
            raise ConfigError(self.path or "settings", f"no site {shown(id)}", f"{nearest(id, self.sites)}; or add [sites.{toml_key(id)}]")
        return SiteSettings()

    def inventory_at(self) -> str:
        """The inventory's file, relative to the settings, or its database address; empty where the settings name none."""
        if not self.inventory or "://" in self.inventory:
            return self.inventory
        return str(Path(self.path).parent / Path(self.inventory).expanduser())

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

    def told(self, site: str) -> SiteSettings:
        """What is written of a site; the defaults where nothing is."""
        return self._site(site)

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


KEPT = "NETCAM_SETTINGS_KEPT"
"""Set by a service for the runs that it starts: its copy of the settings that it works by, in place of a file that may have changed since."""


def load(path: str | Path | None = None) -> Settings:
    """Read the settings; defaults where no file is given or found. Raises ConfigError with file, line and key."""
    given = Path(path) if path is not None else find()
    if given is None:
        return Settings()
    source = Path(os.environ.get(KEPT) or given)
    try:
        if source.stat().st_size > MAX_FILE:
            raise ConfigError(str(given), f"larger than {MAX_FILE} bytes", "split the estate over several files")
        text = source.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(str(given), error.strerror or "cannot be read", "check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise ConfigError(str(given), f"is not UTF-8 (byte {error.start})", "save the file as UTF-8") from None
    return parse(text, str(given))


def keep(path: str | Path | None, copy: Path) -> Settings:
    """Read the settings, and keep what they were read from as `copy`. Raises ConfigError, and StoreError where the copy cannot be written."""
    settings = load(path)
    if settings.path:
        fresh = copy.with_name(copy.name + ".new")
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            data = Path(settings.path).read_bytes()
            parse(data.decode("utf-8", "replace"), settings.path)  # it may have been written since
            fresh.touch(mode=0o600)
            fresh.write_bytes(data)
            fresh.replace(copy)
        except OSError as error:
            raise StoreError(str(copy), error.strerror or "cannot be written", "check the folder and the space on it") from None
    return settings


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
    reader = Reader(where, lines_of(text))
    read_sites = {}
    for id, told in _named(reader, data, "sites"):
        read_sites[id] = reader.struct(SiteSettings, told, ("sites", id))
        _check_site(reader, read_sites[id], ("sites", id))
    schedules = {id: read_schedule(reader, told, ("schedules", id), read_sites) for id, told in _named(reader, data, "schedules")}
    sinks = {id: read_sink(reader, told, ("sinks", id)) for id, told in _named(reader, data, "sinks")}
    for id, sink in sinks.items():
        for site in sink.sites:
            if site not in read_sites:
                reader.fail(
                    ("sinks", id, "sites"), f"no site {shown(site)}", nearest(site, read_sites) if read_sites else f"add [sites.{site}]"
                )
    service = reader.struct(ServiceSettings, data.get("service", {}), ("service",))
    if not 0 <= service.heartbeat_minutes <= 10_080:
        reader.fail(("service", "heartbeat_minutes"), "is not between 0 and 10080", "60 is once an hour, 0 never")
    if not 1 <= service.runs_at_once <= 100:
        reader.fail(("service", "runs_at_once"), "is not between 1 and 100", "4 is enough for most sensors")
    events = reader.struct(EventSettings, data.get("events", {}), ("events",))
    if not 0 <= events.keep_days <= 3650 or not 1000 <= events.max_events <= 100_000_000:
        reader.fail(("events",), "keep_days is 0 to 3650, max_events 1000 to 100000000", "leave them out for 7 and 1000000")
    rates = reader.struct(Rates, data.get("rates", {}), ("rates",))
    for name in Rates.__struct_fields__:
        if not 0 <= getattr(rates, name) <= 1_000_000:
            reader.fail(("rates", name), "is not between 0 and 1000000", "0 leaves the number of the profile")
    retention = read_retention(reader, data.get("retention", {}))
    egress = read_egress(reader, data.get("egress", {}))
    plain = {
        key: value
        for key, value in data.items()
        if key not in ("sites", "rates", "retention", "egress", "schedules", "sinks", "events", "service")
    }
    top: Settings = reader.struct(Settings, plain, (), hidden=("path",))
    whole: Settings = msgspec.structs.replace(
        top,
        sites=read_sites,
        rates=rates,
        schedules=schedules,
        sinks=sinks,
        events=events,
        service=service,
        retention=retention,
        egress=egress,
        path=where,
    )
    return whole


def _named(reader: Reader, data: dict[str, Any], key: str) -> list[tuple[str, Any]]:
    """The tables `[key.ID]`. Raises ConfigError."""
    tables = data.get(key, {})
    if not isinstance(tables, dict):
        reader.fail((key,), "is not a table", f"write [{key}.ID]")
    for id in tables:
        if not _ID.fullmatch(id):
            reader.fail((key, id), f"{shown(id)} is not a {key.removesuffix('s')} id", "use letters, digits, `.`, `_`, `-`, at most 64")
    return list(tables.items())


def effective(settings: Settings) -> dict[str, Any]:
    """All settings with their defaults, as plain values."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    return told


def differing(settings: Settings) -> dict[str, Any]:
    """What differs from the defaults."""

    def differs(told: Any, usual: Any) -> Any:
        if isinstance(told, dict) and isinstance(usual, dict):
            return {key: kept for key, value in told.items() if (kept := differs(value, usual.get(key))) not in (None, {})}
        return None if told == usual else told

    tables: dict[str, Any] = differs(effective(settings), effective(Settings()))
    for name in ("sites", "schedules", "sinks"):
        for id, one in getattr(settings, name).items():
            tables.setdefault(name, {})[id] = differs(msgspec.to_builtins(one), msgspec.to_builtins(type(one)()))
    return tables


def read_secrets(settings: Settings) -> None:
    """Read every secret that the sinks refer to, and forget it. Raises ConfigError for the first that cannot be read."""
    base = Path(settings.path).parent if settings.path else None
    for id, sink in settings.sinks.items():
        for field in msgspec.structs.fields(sink):
            value = getattr(sink, field.name)
            for reference in value if isinstance(value, tuple) else (value,):
                if is_secret_setting(field.type) and reference:
                    secret(reference, f"sinks.{id}.{field.name}", base=base)


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    schema = msgspec.json.schema(Settings)
    schema["$defs"]["Settings"]["properties"].pop("path", None)
    site = schema["$defs"]["SiteSettings"]["properties"]
    site["class"]["enum"], site["jurisdiction"]["enum"] = list(SITE_CLASSES), list(JURISDICTIONS)
    schema["$defs"]["Settings"]["properties"]["sinks"]["additionalProperties"] = {"oneOf": [_sink_schema(word) for word in SINKS]}
    schema["$defs"].pop("SinkSettings", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "netcam.toml"} | schema


def _sink_schema(word: str) -> dict[str, Any]:
    """The schema of one type of sink, whole in itself."""
    name = SINKS[word].__name__
    sink: dict[str, Any] = msgspec.json.schema(SINKS[word])["$defs"][name]
    sink["properties"]["type"] = {"const": word}
    sink["properties"]["kinds"]["items"] = {"enum": list(KINDS)}
    sink["properties"]["min_severity"] = {"enum": list(SEVERITIES)}
    return sink | {"title": word, "required": ["type"]}


def _check_site(reader: Reader, site: SiteSettings, path: tuple[str, ...]) -> None:
    """Check the words and networks of a site."""
    for key, value, valid in (("class", site.site_class, SITE_CLASSES), ("jurisdiction", site.jurisdiction, JURISDICTIONS)):
        if value not in valid:
            reader.fail((*path, key), f"{shown(value)} is not known", nearest(value, valid))
    for link in site.links:
        if link not in LINKS and not _LOCAL_LINK.fullmatch(link):
            reader.fail((*path, "links"), f"{shown(link)} is no link that a policy knows", f"{nearest(link, LINKS)}; or local-<word>")
    for key, texts in (("networks", site.networks), ("internal", site.internal)):
        for text in texts:
            if not _is_network(text):
                reader.fail((*path, key), f"{shown(text)} is not a network", 'write it as "10.20.0.0/16"')
    for text in site.declared:
        if not (_is_network(text) or _HOST.fullmatch(text)):
            reader.fail((*path, "declared"), f"{shown(text)} is no name, address or network", 'write "*.example.org" or "192.0.2.0/24"')
    for key, texts in (("resolvers", site.resolvers), ("time_servers", site.time_servers)):
        for text in texts:
            if not _is_network(text) or "/" in text:
                reader.fail((*path, key), f"{shown(text)} is no address", 'write it as "10.20.0.1"')
    if site.timezone != "UTC":
        import zoneinfo

        try:
            zoneinfo.ZoneInfo(site.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            reader.fail((*path, "timezone"), f"{shown(site.timezone)} is not a time zone", 'write it as "Europe/London"')


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
