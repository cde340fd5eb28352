"""The one event that every format is made from: what happened, when, where, to which device, under which stable id."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from netcam import wire
from netcam.model import Finding, Identity, ScanRecord, Traffic, rfc3339

SCHEMA = "netcam.event/1"
MAX_TEXT = 2_048
"""Characters of one value in an event; a SIEM cuts or drops what is longer, silently."""
MAX_ITEMS = 32
"""Entries of one list in an event."""


class EventKind(StrEnum):
    """What happened."""

    SCAN_STARTED = "scan-started"
    SCAN_FINISHED = "scan-finished"
    DEVICE_DISCOVERED = "device-discovered"
    DEVICE_CHANGED = "device-changed"
    DEVICE_MISSING = "device-missing"
    DEVICE_RETURNED = "device-returned"
    POLICY_FINDING = "policy-finding"
    FIRMWARE_FINDING = "firmware-finding"
    EGRESS_FINDING = "egress-finding"
    COVERAGE_FINDING = "coverage-finding"
    NETWORK_TRAFFIC = "network-traffic"
    """Flows that an egress finding rests on, one event for each peer, port and protocol."""
    DIGEST = "digest"
    """What a scan found as it was: counts in place of repeats."""
    CONTENT_UPDATED = "content-updated"
    SENSOR_HEALTH = "sensor-health"
    OPERATOR_ACTION = "operator-action"


class FindingState(StrEnum):
    """Where a finding stands under its key."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


class Ended(StrEnum):
    """Why a finding was closed."""

    NOT_FOUND_AGAIN = "not found again"
    """Its device was looked at, and it was not there."""
    SUPPRESSED = "suppressed"
    """An exception covers it."""
    EXPIRED = "expired"
    """Nobody could look at its device for so long that it says nothing any more: no statement that it is gone."""
    WEIGHS_LESS = "weighs less"
    """It is there, below the level from which findings are told one by one."""
    SUPERSEDED = "superseded"
    """Its device turned out to be part of another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. `at` is when it was so, not when it was sent; equal facts have equal ids."""

    kind: EventKind
    at: datetime
    message: str
    site: str = ""
    sensor: str = ""
    scan: ScanRecord | None = None
    scan_id: str = ""
    scope_id: str = ""
    """Id of the signed authorisation that the scan acted under."""
    device: Identity | None = None
    finding: Finding | None = None
    state: FindingState | None = None
    ended: Ended | None = None
    """Why, where the state is closed."""
    traffic: Traffic | None = None
    field: str = ""
    """Slot that changed."""
    old: str | None = None
    new: str | None = None
    detail: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sequence: int = 0
    """Number of the event at its sensor, so that a gap is seen; no part of the id."""
    version: str = ""
    """Version of netcam that made it; no part of the id."""
    _id: str = dataclasses.field(default="", init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        """64 hex digits from the content, worked out once."""
        if not self._id:
            plain = content(self)
            plain.pop("sequence", None)
            plain.pop("version", None)
            object.__setattr__(self, "_id", content_id(plain))
        return self._id

    def numbered(self, sequence: int) -> Event:
        """The same event with its number, which is no part of the id."""
        made = replace(self, sequence=sequence)
        object.__setattr__(made, "_id", self.id)
        return made

    @property
    def severity(self) -> int:
        """0..4 as Finding.rank; what is no finding is information, a missing device low, a failed scan medium."""
        if self.finding is not None:
            return 1 if self.state is FindingState.CLOSED else self.finding.rank
        if self.kind is EventKind.DEVICE_MISSING:
            return 2
        failed = self.scan is not None and self.scan.status in ("failed", "interrupted")
        return 3 if failed or self.detail.get("status") == "failed" else 1


def content_id(plain: Mapping[str, Any]) -> str:
    """The id of a body without `id`, `sequence` and `version`: SHA-256 over its JSON with sorted keys and without blanks."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()  # a lone surrogate is written as ? as well


def when(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return rfc3339(at)


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return int(at.timestamp() * 1000)


def bounded(thing: Any) -> Any:
    """`thing` with every text and list cut to its bound; a cut text ends with the SHA-256 of the whole."""
    if isinstance(thing, str):
        if len(thing) <= MAX_TEXT:
            return thing
        digest = hashlib.sha256(thing.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{thing[:MAX_TEXT]}…[cut, {len(thing)} characters, sha256 {digest}]"
    if isinstance(thing, dict):
        return {bounded(key): bounded(value) for key, value in list(thing.items())[: MAX_ITEMS * 2]}
    if isinstance(thing, (list, tuple)):
        cut = [bounded(item) for item in thing[:MAX_ITEMS]]
        return cut if len(thing) <= MAX_ITEMS else [*cut, f"…[cut, {len(thing)} entries]"] if all(isinstance(i, str) for i in cut) else cut
    return thing


def scan_of(event: Event) -> str:
    """The id of the scan an event belongs to, or nothing."""
    return event.scan_id or (event.scan.id if event.scan else "")


def scope_of(event: Event) -> str:
    """The id of the authorisation that an event was seen under, or nothing."""
    return event.scope_id or (event.scan.scope_id if event.scan else "")


def content(event: Event) -> dict[str, Any]:
    """The event as a plain, bounded object: the body of the JSON lines format, without its id."""
    told: dict[str, Any] = {
        "schema": SCHEMA, "kind": event.kind.value, "at": when(event.at), "site": event.site, "sensor": event.sensor,
        "severity": event.severity, "message": event.message,
    }  # fmt: skip
    if event.sequence:
        told["sequence"] = event.sequence
    if event.version:
        told["version"] = event.version
    if scan_of(event):
        told["scan_id"] = scan_of(event)
    if scope_of(event):
        told["scope_id"] = scope_of(event)
    if event.scan:
        told["scan"] = wire.scan_record(event.scan)
    if event.device:
        told["device"] = wire.identity_record(event.device)
    if event.finding:
        told["finding"] = wire.finding_record(event.finding)
    if event.state:
        told["state"] = event.state.value
    if event.ended:
        told["ended"] = event.ended.value
    if event.traffic:
        told["traffic"] = wire.traffic_record(event.traffic)
    if event.field:
        told["change"] = {"field": event.field, "old": event.old, "new": event.new}
    if event.detail:
        told["detail"] = dict(event.detail)
    shortened: dict[str, Any] = bounded(told)
    return shortened


def name_of(identity: Identity) -> str:
    """Badge, model and address, or what there is of them."""
    words = [identity.get("brand") or "unknown brand", identity.get("model") or ""]
    where = identity.addresses[0] if identity.addresses else identity.device
    return f"{' '.join(word for word in words if word)} at {where}"


def scan_event(scan: ScanRecord, at: datetime, *, version: str = "") -> Event:
    """The start or the end of a scan, by its status."""
    started = scan.status == "running"
    totals = ", ".join(f"{count} {name}" for name, count in sorted(scan.totals.items()) if not name.startswith("sent."))
    what = {"import": "Import", "passive": "Listening run"}.get(scan.profile, "Scan")
    message = f"{what} {scan.id} of {scan.site} {'started' if started else 'ended: ' + scan.status}{'; ' + totals if totals else ''}"
    kind = EventKind.SCAN_STARTED if started else EventKind.SCAN_FINISHED
    return Event(kind=kind, at=at, site=scan.site, sensor=scan.sensor, scan=scan, scan_id=scan.id, message=message, version=version)


def device_event(
    kind: EventKind, identity: Identity, at: datetime, *, sensor: str = "", scan_id: str = "", field: str = "", old: str | None = None,
    new: str | None = None, version: str = "",
) -> Event:  # fmt: skip
    """A device discovered, changed in a field, missing or returned."""
    word = {
        EventKind.DEVICE_DISCOVERED: "found", EventKind.DEVICE_MISSING: "missing", EventKind.DEVICE_RETURNED: "returned",
        EventKind.DEVICE_CHANGED: f"changed {field}",
    }[kind]  # fmt: skip
    message = f"{name_of(identity)}: {word}"
    if kind is EventKind.DEVICE_CHANGED:
        message += f" from {old if old is not None else 'unknown'} to {new if new is not None else 'unknown'}"
    elif kind is EventKind.DEVICE_DISCOVERED:
        message += f"; made by {identity.get('maker') or 'unknown'}"
    return Event(
        kind=kind, at=at, site=identity.site, sensor=sensor, scan_id=scan_id, device=identity, field=field, old=old, new=new,
        message=message, version=version,
    )  # fmt: skip


_FINDING_KINDS = {
    "policy": EventKind.POLICY_FINDING, "firmware": EventKind.FIRMWARE_FINDING, "egress": EventKind.EGRESS_FINDING,
    "coverage": EventKind.COVERAGE_FINDING,
}  # fmt: skip


def finding_event(
    finding: Finding, state: FindingState, at: datetime, *, device: Identity | None = None, sensor: str = "", scan_id: str = "",
    version: str = "", ended: Ended | None = None,
) -> Event:  # fmt: skip
    """A finding that opened, changed or closed under its key."""
    word = finding.verdict.value if finding.verdict else finding.severity
    where = name_of(device) if device else finding.device
    standing = f"{state.value}: {ended.value}" if ended else state.value
    return Event(
        kind=_FINDING_KINDS[finding.kind], at=at, site=finding.site, sensor=sensor, scan_id=scan_id, device=device, finding=finding,
        state=state, ended=ended, message=f"{finding.title} ({word}, {standing}): {where}", version=version,
    )  # fmt: skip


def traffic_events(event: Event) -> tuple[Event, ...]:
    """The traffic behind an egress finding that opened or changed, as events of its own: what a receiver joins with its other logs.

    Two findings on the same flows have the same events, so they are queued once.
    """
    finding = event.finding
    if finding is None or event.state is FindingState.CLOSED:
        return ()
    brief = event.device and replace(event.device, because=(), disputed=(), unknown_fields=())
    return tuple(_traffic_event(event, finding, brief, one) for one in finding.traffic)


def _traffic_event(event: Event, finding: Finding, device: Identity | None, one: Traffic) -> Event:
    who = name_of(device) if device else finding.device
    peer = one.name or one.address or "several peers"
    where = f"{peer} port {one.port}" if one.port else peer
    ends = f"{where} to {who}" if one.way.startswith("from") else f"{who} to {where}"
    volume = "" if one.bytes_out is None else f", {one.bytes_out} bytes out, {one.bytes_in} in"
    return Event(
        kind=EventKind.NETWORK_TRAFFIC, at=wire.instant(one.last) or event.at, site=event.site, sensor=event.sensor, scan_id=event.scan_id,
        scope_id=event.scope_id, device=device, traffic=one, detail={"device": finding.device}, version=event.version,
        message=f"{ends}: {one.flows} flows{volume}",
    )  # fmt: skip


def notice(
    kind: EventKind, message: str, at: datetime, detail: Mapping[str, str], *, site: str = "", sensor: str = "", version: str = ""
) -> Event:
    """A content update, a word on a sensor's health, or what an operator did."""
    return Event(kind=kind, at=at, site=site, sensor=sensor, message=message, detail=detail, version=version)
