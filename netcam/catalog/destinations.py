"""What cameras call (fingerprints/destinations/): clouds, relays, updates, time servers, each with its source; matched by whole labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from netcam.catalog.text import nearest, read, typed
from netcam.errors import ContentError, shown

PURPOSES = (
    "p2p_signalling", "p2p_relay", "stun_turn", "cloud_api", "cloud_config", "cloud_storage", "telemetry", "push", "update", "ntp", "ddns",
    "connectivity_check", "mqtt_events", "voice_relay", "management",
)  # fmt: skip
CONFIDENCES = ("high", "medium", "low")
SHARED = (
    "com",
    "net",
    "org",
    "cn",
    "co.uk",
    "org.uk",
    "com.cn",
    "net.cn",
    "amazonaws.com",
    "cloudfront.net",
    "windows.net",
    "aliyuncs.com",
    "myqcloud.com",
    "googleapis.com",
    "azure.com",
    "github.io",
)
"""Suffixes under which anybody can have a name: none of them may stand as a destination of one maker."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One destination."""

    purpose: str
    source: list[str]
    confidence: str
    exact: str = ""
    suffix: str = ""
    ports: list[int] = []
    protocol: str = ""
    note: str = ""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One maker's destinations."""

    maker: str
    sources: dict[str, str]
    destinations: list[Entry]


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination that a name belongs to."""

    maker: str
    name: str
    purpose: str
    confidence: str
    sources: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Destinations:
    """All of them."""

    exact: dict[str, tuple[Destination, ...]]
    suffix: dict[str, tuple[Destination, ...]]
    digest: str

    def match(self, name: str | None, *, maker: str | None = None) -> Destination | None:
        """The destination that `name` belongs to, by whole labels (`evilhik-connect.com` is not `hik-connect.com`).

        Where several makers share it, the one of `maker` comes first.
        """
        if not name:
            return None
        labels = name.lower().rstrip(".").split(".")
        for table, names in ((self.exact, [".".join(labels)]), (self.suffix, [".".join(labels[n:]) for n in range(len(labels) - 1)])):
            for candidate in names:
                if found := table.get(candidate):
                    return next((d for d in found if d.maker == maker), found[0])
        return None


def load(root: Path) -> Destinations:
    """Read all destination files. Raises ContentError with file, line and cure."""
    exact: dict[str, list[Destination]] = {}
    suffix: dict[str, list[Destination]] = {}
    digest = hashlib.sha256()
    for path in sorted((root / "destinations").glob("*.yaml")):
        document = read(path, name=f"destinations/{path.name}")
        file = typed(document, File)
        digest.update(path.read_bytes())
        for n, entry in enumerate(file.destinations):
            where = document.at("destinations", n)
            if bool(entry.exact) == bool(entry.suffix):
                raise ContentError(where, "give one of exact and suffix", "suffix: example.com covers the name and everything under it")
            name = (entry.exact or entry.suffix).lower()
            if "*" in name or "." not in name or name in SHARED:
                raise ContentError(where, f"{shown(name)} is a wildcard or a suffix that many share", "name the service itself")
            if entry.purpose not in PURPOSES:
                raise ContentError(where, f"no purpose {shown(entry.purpose)}", nearest(entry.purpose, PURPOSES))
            if entry.confidence not in CONFIDENCES:
                raise ContentError(where, f"no confidence {shown(entry.confidence)}", nearest(entry.confidence, CONFIDENCES))
            for source in entry.source:
                if source not in file.sources:
                    raise ContentError(
                        where,
                        f"no source {shown(source)} in this file",
                        nearest(source, file.sources) if file.sources else "add it under sources",
                    )
            made = Destination(file.maker, name, entry.purpose, entry.confidence, tuple(file.sources[s] for s in entry.source), entry.note)
            (exact if entry.exact else suffix).setdefault(name, []).append(made)
    return Destinations({k: tuple(v) for k, v in exact.items()}, {k: tuple(v) for k, v in suffix.items()}, digest.hexdigest())
