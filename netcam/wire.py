"""Records <-> JSON lines: the observation file, identities, findings. Whatever comes in is hostile until it is typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from ipaddress import ip_address
from typing import Any

import msgspec

from netcam.errors import shown
from netcam.model import Claim, Finding, Identity, Observation, ScanRecord, Traffic, rfc3339

MAX_LINE = 4 * 1024 * 1024
"""Bytes of one JSON line: the largest real one holds a 64 kB page; a line without end must not fill memory."""
MAX_VALUE = 65_536
"""Characters of one observed value; longer ones are cut, and the cut is reported."""
MAX_WORD = 512
"""Characters of a field name, key or endpoint."""

MAX_KEYS = 200_000
"""Device keys whose MAC is remembered, to tell that two devices came under one key: some 30 MB."""

_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, bidirectional overrides and lone surrogates: kept as evidence, told, and escaped wherever they are shown."""
_FIELD = re.compile(r"[a-z][a-z0-9_]*(\.[^\s\x00-\x1f\x7f]{1,400})?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that could not be read whole: where, what is wrong, and whether it was dropped."""

    line: int
    problem: str
    dropped: bool = True


class _Line(msgspec.Struct, frozen=True):
    field: str
    value: str
    device: str = ""
    endpoint: str = ""
    mac: str = ""
    at: str | None = None
    site: str = ""
    sensor: str = ""
    via: str = ""
    scan: str = ""
    raw: str = ""


_line_decoder = msgspec.json.Decoder(_Line)
_encoder = msgspec.json.Encoder()


def normal_mac(text: str) -> str:
    """A MAC as lower case with colons, from any usual writing; empty where it is none."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return ":".join(digits[n : n + 2] for n in range(0, 12, 2)) if len(digits) == 12 and len(text) <= 17 else ""


def observations(lines: Iterable[bytes]) -> Iterator[Observation | Problem]:
    """Read observation JSON lines; a broken line becomes a Problem and the rest goes on."""
    macs: dict[tuple[str, str], str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            yield Problem(number, f"longer than {MAX_LINE} bytes")
            continue
        try:
            read = _line_decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Problem(number, shown(str(error)))
            continue
        if not _FIELD.fullmatch(read.field) or len(read.field) > MAX_WORD:
            yield Problem(number, f"field {shown(read.field)} is not a field name")
            continue
        if any(len(word) > MAX_WORD for word in (read.device, read.endpoint, read.site, read.sensor, read.via, read.scan, read.raw)):
            yield Problem(number, f"a key is longer than {MAX_WORD} characters")
            continue
        at = instant(read.at) if read.at else None
        if read.at is not None and at is None:
            yield Problem(number, f"at {shown(read.at)} is not an RFC 3339 time: kept without it", dropped=False)
        mac = normal_mac(read.mac)
        if read.mac and not mac:
            yield Problem(number, f"mac {shown(read.mac)} is not a MAC address: kept without it", dropped=False)
        value = read.value
        if len(value) > MAX_VALUE:
            yield Problem(number, f"value of {len(value)} characters cut to {MAX_VALUE}", dropped=False)
            value = value[:MAX_VALUE]
        if _UNSHOWN.search(value):
            yield Problem(
                number, f"value {shown(value)} holds control or bidirectional characters: kept, escaped where shown", dropped=False
            )
        if mac and read.device and macs.get((read.site, read.device), mac) != mac:
            was = macs[read.site, read.device]
            yield Problem(number, f"device {shown(read.device)} had MAC {was}, here {mac}: two devices under one key?", dropped=False)
        elif mac and read.device and len(macs) < MAX_KEYS:
            macs[read.site, read.device] = mac
        yield Observation(
            field=read.field, value=value, at=at, site=read.site, sensor=read.sensor, endpoint=read.endpoint,
            mac=mac, via=read.via, device=read.device, scan=read.scan, raw=read.raw,
        )  # fmt: skip


def instant(text: str) -> datetime | None:
    """An RFC 3339 time as UTC (no zone: taken as UTC), or None where it is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_address(text: str) -> bool:
    """Whether a text is an IP address without a zone."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _time(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def observation_record(seen: Observation) -> dict[str, Any]:
    """The JSON object of one observation; empty keys are left out."""
    record: dict[str, Any] = {
        "device": seen.device, "endpoint": seen.endpoint, "mac": seen.mac, "at": _time(seen.at), "site": seen.site,
        "sensor": seen.sensor, "via": seen.via, "scan": seen.scan, "raw": seen.raw,
    }  # fmt: skip
    return {k: v for k, v in record.items() if v} | {"field": seen.field, "value": seen.value}


def _claim(claim: Claim) -> dict[str, Any]:
    first = claim.because[0] if claim.because else None
    return {
        "slot": claim.slot, "value": claim.value, "fingerprint": claim.by, "field": first.field if first else "",
        "observed": first.value[:512] if first else "", "weight": round(claim.weight, 3),
    }  # fmt: skip


def identity_record(identity: Identity) -> dict[str, Any]:
    """The JSON object of one identity, null where unknown."""
    slots = {slot: identity.get(slot) for slot in ("kind", "brand", "maker", "model", "firmware", "serial")}
    record: dict[str, Any] = {"device": identity.device, "is_camera": identity.is_camera, **slots}
    for extra in ("component", "hardware"):
        if identity.get(extra):
            record[extra] = identity.get(extra)
    if identity.locked:
        record["locked"] = list(identity.locked)
    record |= {
        "confidence": {slot: round(value, 3) for slot, value in sorted(identity.confidence.items())},
        "because": [_claim(c) for c in identity.because],
        "disputed": [_claim(c) for c in identity.disputed],
        "addresses": list(identity.addresses),
        "macs": list(identity.macs),
        "mac_registrant": identity.mac_registrant or None,
        "site": identity.site or None,
        "unknown_fields": list(identity.unknown_fields),
        "catalog": identity.catalog,
    }
    return record


def traffic_record(traffic: Traffic) -> dict[str, Any]:
    """The JSON object of the flows with one peer."""
    plain: dict[str, Any] = msgspec.to_builtins(traffic)
    if not traffic.community_ids:
        del plain["community_ids"]
    return plain


def finding_record(finding: Finding) -> dict[str, Any]:
    """The JSON object of one finding."""
    plain: dict[str, Any] = msgspec.to_builtins(finding)
    if finding.score is None:  # what is not traffic has neither
        del plain["score"], plain["category"]
    plain["traffic"] = [traffic_record(one) for one in finding.traffic]
    if not finding.traffic:
        del plain["traffic"]
    good_for = finding.good_for
    return {"key": finding.key} | plain | {"good_for": good_for.isoformat() if isinstance(good_for, date) else None}


def scan_record(scan: ScanRecord) -> dict[str, Any]:
    """The JSON object of one run."""
    plain: dict[str, Any] = msgspec.to_builtins(scan)
    return plain | {"started": _time(scan.started), "finished": _time(scan.finished)}


def dumps(record: object) -> str:
    """One JSON line. Lone surrogates, which JSON cannot carry, become replacement characters."""
    try:
        text = _encoder.encode(record).decode()
    except UnicodeEncodeError:
        text = _encoder.encode(_clean(record)).decode()
    # a terminal or a line-based log reads these as controls; JSON may carry them escaped
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_CONTROL = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def _clean(thing: Any) -> Any:
    if isinstance(thing, str):
        return thing.encode("utf-8", "replace").decode()
    if isinstance(thing, dict):
        return {_clean(k): _clean(v) for k, v in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_clean(item) for item in thing]
    return thing
