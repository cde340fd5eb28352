"""A bill of materials of a site in CycloneDX 1.7: each device with its firmware, what it rests on, and its known vulnerabilities."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from netcam import wire
from netcam.model import Finding, Identity, rfc3339
from netcam.report.snapshot import Snapshot

NAMESPACE = uuid.UUID("6b1f1ad8-52b0-5c3c-9f0e-0f6d1c2f5f41")
"""For names made of content: the same estate has the same serial number."""
MAX_EVIDENCE = 16
"""Methods of one piece of evidence: the strongest are enough to follow it."""
_SEVERITY = {"none": "none", "information": "info", "low": "low", "medium": "medium", "high": "high"}


def render(snapshot: Snapshot, *, version: str = "") -> str:
    """The bill of a snapshot as JSON text. What is unknown is left out; nothing is guessed to fill a field."""
    components = [device(identity, snapshot.findings) for identity in snapshot.identities]
    at = rfc3339(snapshot.generated_at, "seconds")
    bill: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{at}|{line(snapshot.title)}|{len(components)}')}", "version": 1,
        "metadata": {
            "timestamp": at,
            "tools": {"components": [{"type": "application", "name": "netcam"} | ({"version": version} if version else {})]},
            "component": {"type": "platform", "name": line(snapshot.title), "bom-ref": "estate"},
        },
        "components": components,
    }  # fmt: skip
    if vulnerabilities := _vulnerabilities(snapshot.findings, {one["bom-ref"] for one in components}):
        bill["vulnerabilities"] = vulnerabilities
    return wire.dumps(bill) + "\n"


def reference(site: str, device: str) -> str:
    """The bom-ref of a device."""
    return f"device:{line(site)}:{line(device)}"


def device(identity: Identity, findings: Iterable[Finding]) -> dict[str, Any]:
    """A device as a component; its name is the model, else what kind of thing it is."""
    told: dict[str, Any] = {
        "type": "device", "bom-ref": reference(identity.site, identity.device),
        "name": line(identity.get("model") or f"unknown {identity.get('kind') or 'device'}"),
    }  # fmt: skip
    if hardware := identity.get("hardware"):
        told["version"] = line(hardware)
    if maker := identity.get("maker"):
        told["manufacturer"] = {"name": line(maker)}
    if evidence := _evidence(identity, "model", "name"):
        told["evidence"] = {"identity": [evidence]}
    properties = [("site", identity.site), ("device", identity.device), ("kind", identity.get("kind")), ("brand", identity.get("brand"))]
    properties += [
        ("serial", identity.get("serial")),
        ("maker:confidence", f"{identity.confidence['maker']:.3f}" if "maker" in identity.confidence else ""),
    ]
    properties += [("address", address) for address in identity.addresses] + [("mac", mac) for mac in identity.macs]
    policies = [one for one in findings if one.kind == "policy" and one.device == identity.device and one.site == identity.site]
    properties += [(f"policy:{one.rule}", one.verdict.value) for one in policies if one.verdict]
    told["properties"] = [{"name": line(f"netcam:{name}"), "value": line(value)} for name, value in properties if value]
    if firmware := identity.get("firmware"):
        part: dict[str, Any] = {
            "type": "firmware", "bom-ref": f"firmware:{reference(identity.site, identity.device)}", "name": f"{told['name']} firmware",
            "version": line(firmware),
        }  # fmt: skip
        if evidence := _evidence(identity, "firmware", "version"):
            part["evidence"] = {"identity": [evidence]}
        told["components"] = [part]
    return told


def _evidence(identity: Identity, slot: str, field: str) -> dict[str, Any] | None:
    claims = [claim for claim in identity.because if claim.slot == slot][:MAX_EVIDENCE]
    if not claims or slot not in identity.confidence:
        return None
    methods = [
        {
            "technique": "other",
            "confidence": _share(claim.weight),
            "value": line(f"{claim.by}: {', '.join(o.field for o in claim.because[:4])}"),
        }
        for claim in claims
    ]
    return {"field": field, "confidence": _share(identity.confidence[slot]), "methods": methods}


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 3)


def _vulnerabilities(findings: Iterable[Finding], known: set[str]) -> list[dict[str, Any]]:
    """Firmware findings by what they are about: one entry with everything that it affects."""
    found: dict[str, dict[str, Any]] = {}
    for one in findings:
        target = reference(one.site, one.device)
        if one.kind != "firmware" or not one.subject or one.severity == "none" or target not in known:
            continue
        entry = found.setdefault(one.subject, {
            "bom-ref": f"vulnerability:{line(one.subject)}", "id": line(one.subject), "ratings": [{"severity": _SEVERITY[one.severity]}],
            "description": line(one.title), "affects": [],
        })  # fmt: skip
        if one.text:
            entry.setdefault("detail", line(one.text))
        if links := [{"title": line(c.title), "url": c.url} for c in one.citations if _is_link(c.url)]:
            entry.setdefault("advisories", links)
        # a version in a range is a reason to look, not a proof that the device can be attacked
        entry.setdefault("analysis", {"state": "in_triage", "detail": "the version that the device tells lies in the published range"})
        if {"ref": target} not in entry["affects"]:
            entry["affects"].append({"ref": target})
    return [found[key] for key in sorted(found)]


def _is_link(url: str) -> bool:
    return url.startswith(("https://", "http://")) and url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')


def line(text: str) -> str:
    """Text without line ends and controls, cut."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:1000])


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return rfc3339(at)
