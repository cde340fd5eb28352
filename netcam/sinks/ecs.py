"""Events in the Elastic Common Schema 9.4; what it has no field for stands under `netcam`."""

from __future__ import annotations

from typing import Any

from netcam import wire
from netcam.model import Finding, Identity, Traffic
from netcam.sinks import ends
from netcam.sinks.event import Event, EventKind, FindingState, bounded, scan_of, scope_of, when
from netcam.sinks.format import Format

ECS_VERSION = "9.4.0"

_SEVERITY = (0, 21, 47, 73, 99)
"""event.severity by rank: the scale of Elastic's own detection rules (21 low, 47 medium, 73 high, 99 critical)."""

# event.kind, event.category, event.type, data set; a finding of rank 2 and above that is not closed is an alert
_SHAPE: dict[EventKind, tuple[str, list[str], list[str], str]] = {
    EventKind.SCAN_STARTED: ("event", ["host"], ["start"], "scan"),
    EventKind.SCAN_FINISHED: ("event", ["host"], ["end"], "scan"),
    EventKind.DEVICE_DISCOVERED: ("asset", ["host"], ["info"], "asset"),
    EventKind.DEVICE_CHANGED: ("event", ["host", "configuration"], ["change"], "change"),
    EventKind.DEVICE_MISSING: ("event", ["host"], ["info"], "change"),
    EventKind.DEVICE_RETURNED: ("event", ["host"], ["info"], "change"),
    EventKind.POLICY_FINDING: ("state", ["host", "configuration"], ["info"], "policy"),
    EventKind.FIRMWARE_FINDING: ("state", ["vulnerability"], ["info"], "firmware"),
    EventKind.EGRESS_FINDING: ("state", ["network"], ["info"], "flow"),
    EventKind.COVERAGE_FINDING: ("state", ["host"], ["info"], "coverage"),
    EventKind.NETWORK_TRAFFIC: ("event", ["network"], ["connection", "info"], "flow"),
    EventKind.DIGEST: ("state", ["host", "configuration"], ["info"], "digest"),
    EventKind.CONTENT_UPDATED: ("event", ["configuration"], ["change"], "ops"),
    EventKind.SENSOR_HEALTH: ("state", ["host"], ["info"], "ops"),
    EventKind.OPERATOR_ACTION: ("event", ["configuration"], ["change"], "ops"),
}


def record(event: Event) -> dict[str, Any]:
    """The ECS document of an event."""
    kind, category, types, dataset = _SHAPE[event.kind]
    if event.finding and event.severity >= 2 and event.state is not FindingState.CLOSED:
        kind = "alert"
    told: dict[str, Any] = {
        "@timestamp": when(event.at),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "id": event.id, "module": "netcam", "provider": "netcam", "dataset": f"netcam.{dataset}", "kind": kind, "category": category,
            "type": types, "action": _action(event), "outcome": _outcome(event), "severity": _SEVERITY[event.severity],
        },
        "observer": {"vendor": "netcam", "product": "netcam", "type": "sensor"},
        "message": event.message,
        "netcam": {"schema": "1", "kind": event.kind.value},
    }  # fmt: skip
    if event.sequence:
        told["event"]["sequence"] = event.sequence
    if event.version:
        told["observer"]["version"] = event.version
    if event.sensor:
        told["observer"]["name"] = event.sensor
    labels = {"netcam_site_id": event.site, "netcam_scan_id": scan_of(event), "netcam_scope_id": scope_of(event)}
    if any(labels.values()):
        told["labels"] = {name: value for name, value in labels.items() if value}
    if event.scan:
        told["netcam"]["scan"] = wire.scan_record(event.scan)
        if event.scan.started and event.scan.finished:
            spent = event.scan.finished - event.scan.started
            told["event"] |= {
                "start": when(event.scan.started),
                "end": when(event.scan.finished),
                "duration": int(spent.total_seconds() * 1e9),
            }
    addresses, names = _device(told, event.device) if event.device else ([], [])
    if event.finding:
        _finding(told, event.finding, event)
        if pair := ends.of_finding(event.finding, event.device):
            _ends(told, pair, addresses, names)
            if event.finding.traffic:
                _network(told, event.finding.traffic[0])
    if event.traffic:
        _ends(told, ends.of_traffic(event.traffic, event.device, event.detail.get("device", "")), addresses, names)
        _network(told, event.traffic)
        _times(told, (event.traffic.first, event.traffic.last))
    if event.field:
        told["netcam"]["change"] = {"field": event.field, "previous": event.old, "current": event.new}
        if event.field == "firmware" and event.new:
            told["package"] = {"name": f"{_model(event.device)} firmware", "type": "firmware", "version": event.new}
    if event.detail:
        told["netcam"]["detail"] = dict(event.detail)
        if event.detail.get("by"):
            told["user"] = {"name": event.detail["by"]}
    if addresses or names:
        told["related"] = {key: values for key, values in (("ip", addresses), ("hosts", names)) if values}
    cut: dict[str, Any] = bounded(told)
    return cut


def _action(event: Event) -> str:
    return f"{event.kind.value}-{event.state.value}" if event.state else event.kind.value


def _outcome(event: Event) -> str:
    if event.scan and event.kind is EventKind.SCAN_FINISHED:
        return "success" if event.scan.status == "complete" else "failure"
    if event.kind is EventKind.DEVICE_MISSING or event.finding:
        return "unknown"
    return "failure" if event.detail.get("status") == "failed" else "success"


def _model(identity: Identity | None) -> str:
    return (identity.get("model") if identity else None) or "camera"


def _device(told: dict[str, Any], identity: Identity) -> tuple[list[str], list[str]]:
    """Put host, device and netcam.identity; returns the addresses and names for `related`."""
    addresses = [plain for address in identity.addresses if wire.is_address(plain := address.partition("%")[0])]
    host: dict[str, Any] = {"id": identity.device, "type": identity.get("kind") or "unknown"}
    if addresses:
        host["ip"] = list(addresses)
    if macs := [mac.upper().replace(":", "-") for mac in identity.macs if wire.normal_mac(mac)]:
        host["mac"] = macs
    if firmware := identity.get("firmware"):
        host["os"] = {"version": firmware}
    device: dict[str, Any] = {"id": identity.device}
    for slot, key in (("maker", "manufacturer"), ("serial", "serial_number"), ("kind", "type")):
        if value := identity.get(slot):
            device[key] = value
    if model := identity.get("model"):
        device["model"] = {"identifier": model, "name": model}
    told["host"], told["device"] = host, device
    told["netcam"]["identity"] = wire.identity_record(identity)
    return addresses, []


def _times(told: dict[str, Any], window: tuple[str, str] | None) -> None:
    for name, text in zip(("start", "end"), window or (), strict=False):
        if (at := wire.instant(text)) is not None:  # a word of a file that is no time would cost the whole document its place
            told["event"][name] = when(at)


def _finding(told: dict[str, Any], finding: Finding, event: Event) -> None:
    rule: dict[str, Any] = {"id": finding.rule, "name": finding.title, "category": finding.kind, "ruleset": f"netcam-{finding.kind}"}
    if finding.citations and finding.citations[0].url:
        rule["reference"] = finding.citations[0].url
    told["rule"] = rule
    if finding.text:
        told["event"]["reason"] = finding.text
    if finding.score is not None:
        told["event"]["risk_score"] = float(finding.score)
    _times(told, finding.window)
    told["netcam"]["finding"] = wire.finding_record(finding)
    told["netcam"]["state"] = event.state.value if event.state else None
    if event.ended:
        told["netcam"]["ended"] = event.ended.value
    if "host" not in told:
        told["host"] = {"id": finding.device}
    if finding.kind == "firmware" and finding.subject.startswith("CVE-"):
        told["vulnerability"] = {"id": finding.subject, "enumeration": "CVE", "scanner": {"vendor": "netcam"}}


def _ends(told: dict[str, Any], pair: tuple[ends.End, ends.End], addresses: list[str], names: list[str]) -> None:
    """Put source and destination, and what a search should find them by."""
    for side, end in zip(("source", "destination"), pair, strict=True):
        where: dict[str, Any] = {"address": end.address or end.name or end.device}
        if end.address:
            where["ip"] = end.address
            addresses += [end.address] if end.address not in addresses else []
        if end.name:
            where["domain"] = end.name
            names += [end.name] if end.name not in names else []
        if end.port:
            where["port"] = end.port
        if wire.normal_mac(end.mac):
            where["mac"] = end.mac.upper().replace(":", "-")
        where |= {key: count for key, count in (("bytes", end.bytes), ("packets", end.packets)) if count is not None}
        if any(where.values()):
            told[side] = where


def _network(told: dict[str, Any], one: Traffic) -> None:
    way = ends.direction(one.way)
    told["network"] = {"direction": way, "iana_number": str(one.protocol)}
    if one.protocol in ends.TRANSPORT:
        told["network"]["transport"] = ends.TRANSPORT[one.protocol]
    if one.address:
        told["network"]["type"] = "ipv6" if ":" in one.address else "ipv4"
    if one.community_ids:
        told["network"]["community_id"] = one.community_ids[0]
    for key, out, back in (("bytes", one.bytes_out, one.bytes_in), ("packets", one.packets_out, one.packets_in)):
        if out is not None and back is not None:
            told["network"][key] = out + back
    peer = told.get("source" if one.way.startswith("from") else "destination")
    if peer is not None:
        peer |= {"as": {"number": one.asn}} if one.asn else {}
        peer |= {"geo": {"country_iso_code": one.country}} if one.country else {}
    told["netcam"]["traffic"] = {"flows": one.flows, "way": one.way}


def encode(event: Event) -> bytes:
    """One line."""
    return wire.dumps(record(event)).encode()


FORMAT = Format(name="ecs", media_type="application/x-ndjson", encode=encode)
