"""Events in the Open Cybersecurity Schema Framework 1.8; what it has no attribute for stands under `unmapped.netcam`."""

from __future__ import annotations

from typing import Any

from netcam import wire
from netcam.model import Finding, Identity, Traffic, Verdict
from netcam.sinks import ends
from netcam.sinks.event import Ended, Event, EventKind, FindingState, bounded, epoch_ms, scan_of, scope_of, traffic_events, when
from netcam.sinks.format import Format

OCSF_VERSION = "1.8.0"
_IOT = {"type_id": 7, "type": "IOT"}
"""The nearest device type there is: the schema knows no camera."""

_CLASSES = {
    2002: ("Vulnerability Finding", 2, "Findings"),
    2003: ("Compliance Finding", 2, "Findings"),
    2004: ("Detection Finding", 2, "Findings"),
    4001: ("Network Activity", 4, "Network Activity"),
    5001: ("Device Inventory Info", 5, "Discovery"),
    5019: ("Device Config State Change", 5, "Discovery"),
    6002: ("Application Lifecycle", 6, "Application Activity"),
    6007: ("Scan Activity", 6, "Application Activity"),
}
_CLASS_OF = {
    EventKind.SCAN_STARTED: 6007,
    EventKind.SCAN_FINISHED: 6007,
    EventKind.DEVICE_DISCOVERED: 5001,
    EventKind.DEVICE_RETURNED: 5001,
    EventKind.DEVICE_CHANGED: 5019,
    EventKind.DEVICE_MISSING: 5019,
    EventKind.POLICY_FINDING: 2003,
    EventKind.COVERAGE_FINDING: 2003,
    EventKind.FIRMWARE_FINDING: 2002,
    EventKind.EGRESS_FINDING: 2004,
    EventKind.NETWORK_TRAFFIC: 4001,
    EventKind.DIGEST: 6002,
    EventKind.CONTENT_UPDATED: 6002,
    EventKind.SENSOR_HEALTH: 6002,
    EventKind.OPERATOR_ACTION: 6002,
}
_SEVERITY = ((1, "Informational"), (1, "Informational"), (2, "Low"), (3, "Medium"), (4, "High"))
_SCAN_END = {"complete": (2, "Completed"), "interrupted": (3, "Cancelled"), "failed": (6, "Error")}
_LIFE = {FindingState.OPENED: (1, "Create"), FindingState.UPDATED: (2, "Update"), FindingState.CLOSED: (3, "Close")}
_STANDING = {FindingState.OPENED: (1, "New"), FindingState.UPDATED: (2, "In Progress"), FindingState.CLOSED: (4, "Resolved")}
_ENDED = {Ended.SUPPRESSED: (3, "Suppressed"), Ended.EXPIRED: (99, "Expired"), Ended.WEIGHS_LESS: (99, "Weighs less")}
"""What is closed and not resolved."""
_DIRECTION = {"inbound": (1, "Inbound"), "outbound": (2, "Outbound"), "internal": (3, "Lateral")}
# a verdict that could not be reached, and one that only informs, warn: only `not matched` passes
_COMPLIANCE = {Verdict.RESTRICTED: (3, "Fail"), Verdict.NOT_MATCHED: (1, "Pass")}


def record(event: Event) -> dict[str, Any]:
    """The OCSF event."""
    class_uid = _CLASS_OF[event.kind]
    class_name, category_uid, category_name = _CLASSES[class_uid]
    activity_id, activity = _activity(event)
    severity_id, severity = _SEVERITY[event.severity]
    product = {"name": "netcam", "vendor_name": "netcam"} | ({"version": event.version} if event.version else {})
    metadata: dict[str, Any] = {"version": OCSF_VERSION, "product": product, "uid": event.id, "log_name": "netcam"}
    metadata["original_time"] = when(event.at)
    if event.sequence:
        metadata["sequence"] = event.sequence
    if scan := scan_of(event):
        metadata["correlation_uid"] = scan
    if labels := [f"{name}:{text}" for name, text in (("site", event.site), ("sensor", event.sensor), ("scope", scope_of(event))) if text]:
        metadata["labels"] = labels
    told: dict[str, Any] = {
        "class_uid": class_uid, "class_name": class_name, "category_uid": category_uid, "category_name": category_name,
        "activity_id": activity_id, "activity_name": activity, "type_uid": class_uid * 100 + activity_id,
        "type_name": f"{class_name}: {activity}", "severity_id": severity_id, "severity": severity, "time": epoch_ms(event.at),
        "timezone_offset": 0, "message": event.message, "metadata": metadata,
    }  # fmt: skip
    unmapped: dict[str, Any] = {"kind": event.kind.value}
    if class_uid == 6007:
        _scan(told, unmapped, event)
    elif class_uid == 6002:
        told["app"] = {"name": "netcam"} | ({"version": event.version} if event.version else {})
        told |= {"status_id": 2, "status": "Failure"} if event.detail.get("status") == "failed" else {"status_id": 1, "status": "Success"}
        unmapped["detail"] = dict(event.detail)
    if event.device:
        told["device"] = device(event.device)
        told["observables"] = observables(event.device)
        unmapped["identity"] = wire.identity_record(event.device)
    if class_uid == 5019:
        state = f"{event.field} changed" if event.kind is EventKind.DEVICE_CHANGED else "Missing"
        told |= {"state_id": 99, "state": state}
        if event.field:
            unmapped["change"] = {"field": event.field, "previous": event.old, "current": event.new}
    if event.finding:
        _finding(told, unmapped, event, event.finding)
    if event.traffic:
        _network_activity(told, unmapped, event, event.traffic)
    told["unmapped"] = {"netcam": unmapped}
    cut: dict[str, Any] = bounded(told)
    return cut


def _activity(event: Event) -> tuple[int, str]:
    if event.kind is EventKind.SCAN_STARTED:
        return 1, "Started"
    if event.kind is EventKind.SCAN_FINISHED:
        return _SCAN_END.get(event.scan.status if event.scan else "", (99, "Other"))
    if event.finding:
        return _LIFE.get(event.state or FindingState.OPENED, (99, "Other"))
    if event.kind is EventKind.NETWORK_TRAFFIC:
        return 6, "Traffic"
    if event.kind is EventKind.CONTENT_UPDATED:
        return 8, "Update"
    if event.kind in (EventKind.DIGEST, EventKind.SENSOR_HEALTH, EventKind.OPERATOR_ACTION):
        return 99, "Other"
    return (1, "Log") if event.kind in (EventKind.DEVICE_CHANGED, EventKind.DEVICE_MISSING) else (2, "Collect")


def _scan(told: dict[str, Any], unmapped: dict[str, Any], event: Event) -> None:
    run = event.scan
    told["scan"] = {
        "uid": run.id if run else event.scan_id,
        "name": f"netcam sweep of {event.site}",
        "type_id": 99,
        "type": "Network sweep",
    }
    if run is None:
        return
    if run.started:
        told["start_time"] = epoch_ms(run.started)
    if run.finished:
        told["end_time"] = epoch_ms(run.finished)
        if run.started:
            told["duration"] = told["end_time"] - told["start_time"]
    told |= {"status_id": 1, "status": "Success"} if run.status in ("running", "complete") else {"status_id": 2, "status": "Failure"}
    if event.kind is EventKind.SCAN_FINISHED:
        told["num_network_items"] = run.totals.get("answered", 0)
        told["num_skipped_items"] = run.totals.get("excluded", 0) + run.totals.get("not reached", 0)
    unmapped["scan"] = wire.scan_record(run)


def device(identity: Identity) -> dict[str, Any]:
    """The device object of an identity: vendor_name is who made it, the badge stands under unmapped."""
    told: dict[str, Any] = {**_IOT, "uid": identity.device, "name": identity.addresses[0] if identity.addresses else identity.device}
    addresses = [address.partition("%")[0] for address in identity.addresses if wire.is_address(address.partition("%")[0])]
    if addresses:
        told["ip"] = addresses[0]
    if identity.macs:
        told["mac"] = identity.macs[0].upper()
    for slot, key in (("maker", "vendor_name"), ("model", "model")):
        if text := identity.get(slot):
            told[key] = text
    if firmware := identity.get("firmware"):
        told["os"] = {"name": "firmware", "type_id": 99, "type": "Firmware", "version": firmware}
    if serial := identity.get("serial"):
        told["hw_info"] = {"serial_number": serial}
    if identity.site:
        told["region"] = identity.site
    return told


def observables(identity: Identity) -> list[dict[str, Any]]:
    """The addresses and MACs that a search starts from."""
    found = [
        ("device.ip", "IP Address", 2, address.partition("%")[0])
        for address in identity.addresses
        if wire.is_address(address.partition("%")[0])
    ]
    found += [("device.mac", "MAC Address", 3, mac.upper()) for mac in identity.macs]
    return [{"name": name, "type": kind, "type_id": number, "value": value} for name, kind, number, value in found]


def _finding(told: dict[str, Any], unmapped: dict[str, Any], event: Event, finding: Finding) -> None:
    state = event.state or FindingState.OPENED
    told["status_id"], told["status"] = (_ENDED.get(event.ended) if event.ended else None) or _STANDING[state]
    if event.ended:
        told["status_detail"] = event.ended.value
    score = round(finding.confidence * 100)
    told |= {"confidence_score": score}
    told["confidence_id"], told["confidence"] = (3, "High") if score >= 80 else (2, "Medium") if score >= 50 else (1, "Low")
    now = epoch_ms(event.at)
    told["finding_info"] = {
        "uid": finding.key, "title": finding.title, "desc": finding.text or finding.title, "types": [finding.kind], "last_seen_time": now,
        "analytic": {"type_id": 1, "type": "Rule", "uid": finding.rule, "name": finding.rule},
    }  # fmt: skip
    told.setdefault("device", {**_IOT, "uid": finding.device, "name": finding.device})
    told["resources"] = [{"uid": finding.device, "name": told["device"]["name"], "type": "IP camera"}]
    class_uid = told["class_uid"]
    if class_uid == 2003:
        status_id, status = _COMPLIANCE.get(finding.verdict, (2, "Warning")) if finding.verdict else (2, "Warning")
        told["compliance"] = {
            "status_id": status_id, "status": status, "status_detail": finding.verdict.value if finding.verdict else finding.severity,
            "control": finding.title, "standards": [citation.title for citation in finding.citations] or [finding.rule],
            "requirements": [finding.rule],
        }  # fmt: skip
    elif class_uid == 2002:
        about: dict[str, Any] = {"title": finding.title, "desc": finding.text or finding.title}
        if finding.subject.startswith("CVE-"):
            about["cve"] = {"uid": finding.subject}
        else:
            about["advisory"] = {"uid": finding.subject or finding.rule}
        if finding.citations and finding.citations[0].url:
            about["references"] = [citation.url for citation in finding.citations if citation.url]
        told["vulnerabilities"] = [about]
    else:
        if finding.score is not None:
            told["risk_score"] = finding.score
        told["is_alert"] = event.severity >= 2 and state is not FindingState.CLOSED
        told["evidences"] = [*_flows(finding, event.device)]
        if not told["evidences"] and (pair := ends.of_finding(finding, event.device)):
            told["evidences"] = [{"dst_endpoint": _endpoint(pair[1])}]
        words = {"evidence": list(finding.evidence), "subject": finding.subject}
        told["evidences"] = [{"name": finding.rule, "data": words} | (told["evidences"] or [{}])[0], *told["evidences"][1:]]
        if seen := traffic_events(event):
            related = [{"uid": one.id, "type_uid": 400106, "type_name": "Network Activity: Traffic"} for one in seen]
            told["finding_info"] |= {"related_events": related, "related_events_count": len(related)}
        _times(told, finding.window)
    unmapped["finding"] = wire.finding_record(finding)


def _times(told: dict[str, Any], window: tuple[str, str] | None) -> None:
    for name, text in zip(("start_time", "end_time"), window or (), strict=False):
        if (at := wire.instant(text)) is not None:
            told[name] = epoch_ms(at)


def _endpoint(end: ends.End) -> dict[str, Any]:
    told: dict[str, Any] = {"ip": end.address} if end.address else {}
    if end.name:
        told["hostname"] = end.name
    if end.port:
        told["port"] = end.port
    if wire.normal_mac(end.mac):
        told["mac"] = end.mac.upper()
    if end.device:
        told |= {"uid": end.device, **_IOT}
    return told


def _connection(one: Traffic) -> dict[str, Any]:
    number, word = _DIRECTION[ends.direction(one.way)]
    told: dict[str, Any] = {"direction_id": number, "direction": word, "protocol_num": one.protocol}
    if one.protocol in ends.TRANSPORT:
        told["protocol_name"] = ends.TRANSPORT[one.protocol]
    if one.address:
        told["protocol_ver_id"] = 6 if ":" in one.address else 4
    if one.community_ids:
        told["community_uid"] = one.community_ids[0]
    return told


def _peers(one: Traffic, device: Identity | None, key: str) -> dict[str, Any]:
    """Both endpoints; the peer's with its autonomous system."""
    source, destination = map(_endpoint, ends.of_traffic(one, device, key))
    peer = source if one.way.startswith("from") else destination
    if peer.keys() - {"port"} and one.asn:
        peer["autonomous_system"] = {"number": one.asn}
    if peer.keys() - {"port"} and one.country:
        peer["location"] = {"country": one.country}
    return {name: end for name, end in (("src_endpoint", source), ("dst_endpoint", destination)) if end.keys() - {"port"}}


def _flows(finding: Finding, device: Identity | None) -> list[dict[str, Any]]:
    """The traffic of a finding as evidence: endpoints and connection; volumes stand in the events of the traffic itself."""
    return [{**_peers(one, device, finding.device), "connection_info": _connection(one)} for one in finding.traffic]


def _network_activity(told: dict[str, Any], unmapped: dict[str, Any], event: Event, one: Traffic) -> None:
    told |= _peers(one, event.device, event.detail.get("device", ""))
    told |= {"connection_info": _connection(one), "count": one.flows, "is_src_dst_assignment_known": True}
    traffic: dict[str, int] = {}
    for name, out, back in (("bytes", one.bytes_out, one.bytes_in), ("packets", one.packets_out, one.packets_in)):
        if out is not None and back is not None:
            sent, answered = (back, out) if one.way.startswith("from") else (out, back)
            traffic |= {name: out + back, f"{name}_out": sent, f"{name}_in": answered}
    if traffic:
        told["traffic"] = traffic
    _times(told, (one.first, one.last))
    if "start_time" in told and "end_time" in told:
        told["duration"] = max(0, told["end_time"] - told["start_time"])
    peer = "src_endpoint" if one.way.startswith("from") else "dst_endpoint"
    if address := told.get(peer, {}).get("ip"):
        seen = {"name": f"{peer}.ip", "type": "IP Address", "type_id": 2, "value": address}
        told["observables"] = [*told.get("observables", ()), seen]
    unmapped["way"] = one.way


def encode(event: Event) -> bytes:
    """One line."""
    return wire.dumps(record(event)).encode()


FORMAT = Format(name="ocsf", media_type="application/x-ndjson", encode=encode)
