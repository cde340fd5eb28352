"""Unknown devices are work items: those that share a banner become one draft of a maker file, with what was seen as its example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from netcam.catalog import text
from netcam.catalog.maker_file import MakerFile
from netcam.identify.assumed import MAC_ALONE
from netcam.model import Identity, Observation

MIN_DEVICES = 2
"""Devices that must share a banner: what one device says may be its owner's words."""
MAX_BANNER = 200
"""Characters of a banner that a draft is made of; longer ones are pages."""
MAX_CLUSTERS = 200
"""Drafts of one run; the most common banners come first."""
MAX_EXAMPLES = 3
SILENT = re.compile(
    r"mac|oui|port\.open|.*\.status|.*\.raw|tls\.(?:not_before|not_after|serial|key_bits|version|ja4s)|onvif\.(?:uuid|xaddr|types|namespace|serial)"
    r"|ssdp\.(?:usn|location)|http\.(?:body|location|error|path\..*)|onvif\.scope\.(?:location|profile|type|mac)|.*\.(?:mac|ip|serial)"
    r"|rtsp\.(?:public|sdp\..*)|dhcp\.(?:params|client_id)|switch\..*|list\..*"
)
"""Fields that tell one device, its place or its protocol, not its maker."""
GENERIC = re.compile(
    r"(?i)\A(?:nginx|apache|lighttpd|goahead|boa|mini_httpd|thttpd|webs?|uhttpd|micro_httpd|busybox|openssh|dropbear|linux|gsoap|"
    r"hipcam|microsoft|iis|caddy|jetty|werkzeug|python|node|express|login|index|streaming|ip ?camera|network camera|camera|admin|user|"
    r"udhcp|dhcpcd|ipc-model|nvt|onvif|h264|general|unknown|localhost|web service|router|home)(?:[ /._-]?(?:[\d.]{1,16}\w{0,12}|webs?|httpd?|server|page)){0,3}\W{0,3}(?:\([^)]{0,40}\))?\Z"
)
"""Servers and words that many makers use: they prove nothing."""
_VARIES = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}|(?<![A-Za-z])[0-9A-Fa-f]*[0-9][0-9A-Fa-f]{7,}(?![A-Za-z])|\d+")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Unidentified devices that say the same."""

    field: str
    shape: str
    """The banner with what varies from device to device left out."""
    devices: tuple[str, ...]
    seen: tuple[Observation, ...]
    """One observation of each of some devices."""
    also: tuple[tuple[str, str], ...]
    """Further fields and shapes that all of them share."""


def unidentified(one: Identity) -> bool:
    """Whether nothing but a MAC prefix, or nothing at all, names the maker."""
    return one.get("maker") is None or one.confidence["maker"] <= MAC_ALONE


def shape(value: str) -> str:
    """A banner with numbers and hexadecimal words replaced by a sign."""
    return _VARIES.sub("\ufffc", value.strip())


def clusters(groups: Mapping[tuple[str, str], Sequence[Observation]], identities: Iterable[Identity]) -> list[Cluster]:
    """Banners that several unidentified devices share and no identified one has; the most common first."""
    unknown, taken = set(), set()
    for one in identities:
        key = (one.site, one.device)
        if unidentified(one):
            if one.is_camera is not False:
                unknown.add(key)
        else:
            taken |= {(o.field, shape(o.value)) for o in groups.get(key, ())}
    said: dict[tuple[str, str], dict[tuple[str, str], Observation]] = {}
    for key in unknown:
        for seen in groups.get(key, ()):
            banner = (seen.field, shape(seen.value))
            if banner not in taken and _tells(seen):
                said.setdefault(banner, {}).setdefault(key, seen)
    found: list[Cluster] = []
    left = set(unknown)
    ranked = sorted(said.items(), key=lambda item: (-len(item[1]), -len(item[0][1]), item[0]))
    for (field, form), where in ranked:
        mine = sorted(set(where) & left)
        if len(mine) < MIN_DEVICES or len(found) >= MAX_CLUSTERS:
            continue
        also = sorted(other for other, there in said.items() if other != (field, form) and set(mine) <= set(there))
        found.append(Cluster(field, form, tuple(d for _, d in mine), tuple(where[k] for k in mine[:MAX_EXAMPLES]), tuple(also[:8])))
        left -= set(mine)
    return found


def _tells(seen: Observation) -> bool:
    value = seen.value.strip()
    return 2 < len(value) <= MAX_BANNER and value.isprintable() and not SILENT.fullmatch(seen.field) and not GENERIC.match(value)


def pattern(one: Cluster) -> str:
    """A regular expression that fits the cluster's banners: what varies becomes a bounded repeat."""
    values = [o.value.strip() for o in one.seen]
    pieces = [re.escape(piece) for piece in one.shape.split("\ufffc")]
    parts = [_VARIES.findall(v) for v in values]
    gaps = []
    for n in range(len(pieces) - 1):
        words = [p[n] for p in parts if n < len(p)]
        low, high = min(map(len, words)), max(map(len, words))
        kind = r"\d" if all(w.isdigit() for w in words) else "[0-9A-Fa-f:-]"
        gaps.append(f"{kind}{{{max(1, low - 2)},{high + 4}}}")
    return r"\A" + "".join(piece + gap for piece, gap in zip(pieces, [*gaps, ""], strict=True)) + r"\Z"


def draft(one: Cluster, maker: str, stem: str) -> dict[str, Any]:
    """The content of a maker file for a cluster, with what was seen as its examples."""
    examples = [{"see": value, "source": source} for value, source in {o.value.strip(): _source(o) for o in one.seen}.items()]
    fingerprint = {
        "id": f"{stem}/{one.field.replace('.', '-').replace('_', '-').lower()}",
        "field": one.field,
        "match": pattern(one),
        "says": {"maker": maker},
        "weight": "0.6",
        "status": "draft",
        "note": f"proposed from {len(one.devices)} unidentified devices"
        + (f"; they share too: {', '.join(f'{f} = {s}' for f, s in one.also)}".replace("\ufffc", "*") if one.also else ""),
        "examples": examples,
    }
    return {"maker": maker, "makes_cameras": "true", "brands": [], "fingerprints": [fingerprint]}


def _source(seen: Observation) -> str:
    when = seen.at.date().isoformat() if isinstance(seen.at, datetime) else "day not recorded"
    return f"seen on {when}, site {seen.site or 'not recorded'}, by {seen.via or 'an import'}"


def write(found: Sequence[Cluster], folder: Path, maker: str) -> Iterator[tuple[Cluster, Path]]:
    """Write one file a cluster, each of which the catalog can read; a file that is there already is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(found, 1):
        word = re.sub(r"[^a-z0-9]+", "-", one.shape.replace("\ufffc", "").lower()).strip("-")[:32].strip("-") or "device"
        stem = f"new-{word}"
        path = folder / f"{stem}.yaml"
        if path.exists():
            stem = f"new-{word}-{number}"
            path = folder / f"{stem}.yaml"
        name = maker if len(found) == 1 and maker else f"{maker or 'Unnamed'} ({word})"
        body = yaml.safe_dump(draft(one, name, stem), sort_keys=False, allow_unicode=True, width=140)
        text.typed(text.parse(body, path.name), MakerFile)  # a draft that the catalog cannot read is our mistake
        if not path.exists():
            path.write_text(body, "utf-8")
        yield one, path
