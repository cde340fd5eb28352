"""Events in the Elastic Common Schema 9.4; what it has no field for stands under `netcam`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from netcam import wire
from netcam.model import Finding, Identity
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
        _finding(told, event.finding, event, addresses, names)
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


def is_address(text: str) -> bool:
    """Whether a text is an IP address without a zone."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _device(told: dict[str, Any], identity: Identity) -> tuple[list[str], list[str]]:
    """Put host, device and netcam.identity; returns the addresses and names for `related`."""
    addresses = [plain for address in identity.addresses if is_address(plain := address.partition("%")[0])]
    host: dict[str, Any] = {"id": identity.device, "type": identity.get("kind") or "unknown"}
    if addresses:
        host["ip"] = addresses
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


def _finding(told: dict[str, Any], finding: Finding, event: Event, addresses: list[str], names: list[str]) -> None:
    rule: dict[str, Any] = {"id": finding.rule, "name": finding.title, "category": finding.kind, "ruleset": f"netcam-{finding.kind}"}
    if finding.citations and finding.citations[0].url:
        rule["reference"] = finding.citations[0].url
    told["rule"] = rule
    if finding.text:
        told["event"]["reason"] = finding.text
    if finding.score is not None:
        told["event"]["risk_score"] = float(finding.score)
    for name, text in zip(("start", "end"), finding.window or (), strict=False):
        if (at := wire.instant(text)) is not None:  # a word of a file that is no time would cost the whole document its place
            told["event"][name] = when(at)
    told["netcam"]["finding"] = wire.finding_record(finding)
    told["netcam"]["state"] = event.state.value if event.state else None
    if "host" not in told:
        told["host"] = {"id": finding.device}
    if finding.kind == "firmware" and finding.subject.startswith("CVE-"):
        told["vulnerability"] = {"id": finding.subject, "enumeration": "CVE", "scanner": {"vendor": "netcam"}}
    if finding.kind == "egress" and finding.subject:
        source = {"address": addresses[0], "ip": addresses[0]} if addresses else {"address": finding.device}
        destination = {"address": finding.subject}
        if is_address(finding.subject):
            destination["ip"] = finding.subject
            addresses.append(finding.subject)
        else:
            destination["domain"] = finding.subject
            names.append(finding.subject)
        told["source"], told["destination"] = source, destination


def encode(event: Event) -> bytes:
    """One line."""
    return wire.dumps(record(event)).encode()


FORMAT = Format(name="ecs", media_type="application/x-ndjson", encode=encode)
