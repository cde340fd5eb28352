"""Where devices call, in STIX 2.1: what was observed, and what to look for elsewhere. A force's own camera is never `infrastructure`.

Ids are made of content: those of observables as section 2.9 of the standard says, the others under a name space of ours.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from netcam import wire
from netcam.model import Finding, Identity, Traffic
from netcam.report.cyclonedx import line, moment
from netcam.report.snapshot import Snapshot

SCO_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""STIX 2.1, section 2.9."""
NAMESPACE = uuid.UUID("a8a6b7a2-2a8e-5d8e-8c41-6a0c9d6f3f77")
_CVE = re.compile(r"CVE-\d{4}-\d{4,19}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+", re.IGNORECASE)
INDICATOR_RANK = 3
"""From medium on a destination is worth looking for elsewhere."""
MAX_OBSERVED = 999_999_999
"""STIX 2.1, section 4.14: the most that number_observed may be."""


def render(snapshot: Snapshot) -> str:
    """The bundle of a snapshot as JSON text; a bundle without an egress finding or a vulnerability has the identity alone."""
    return wire.dumps(bundle(snapshot)) + "\n"


def bundle(snapshot: Snapshot) -> dict[str, Any]:
    """Egress findings as observed data, indicators and sightings; vulnerabilities by name."""
    at = moment(snapshot.generated_at)
    made = _Made(at)
    sensor = made.add("identity", snapshot.title, {"name": line(f"netcam: {snapshot.title}"), "identity_class": "system"})
    made.creator = sensor
    known = {(one.site, one.device): one for one in snapshot.identities}
    for finding in snapshot.findings:
        if finding.kind == "egress" and (finding.subject or finding.traffic):
            _egress(made, finding, known.get((finding.site, finding.device)), sensor)
        elif finding.kind == "firmware" and _CVE.fullmatch(finding.subject) and finding.rank >= 2:
            references = [{"source_name": "cve", "external_id": line(finding.subject)}]
            made.add("vulnerability", finding.subject, {"name": line(finding.subject), "external_references": references})
    objects = list(made.objects.values())
    return {"type": "bundle", "id": f"bundle--{uuid.uuid5(NAMESPACE, json.dumps(sorted(made.objects)))}", "objects": objects}


class _Made:
    """Objects by id: what is there is not made twice."""

    def __init__(self, at: str) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.at, self.creator = at, ""

    def add(self, kind: str, name: str, fields: Mapping[str, Any]) -> str:
        """A domain or relationship object; returns its id."""
        id = f"{kind}--{uuid.uuid5(NAMESPACE, f'{kind}|{line(name)}|{self.at}')}"
        head = {"type": kind, "spec_version": "2.1", "id": id, "created": self.at, "modified": self.at}
        self.objects.setdefault(id, head | ({"created_by_ref": self.creator} if self.creator else {}) | dict(fields))
        return id

    def observable(self, kind: str, contributing: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> str:
        """A cyber observable; returns its id."""
        # RFC 8785 for the few forms that occur here: texts, lists of texts, sorted keys, no blanks
        text = json.dumps(contributing, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        id = f"{kind}--{uuid.uuid5(SCO_NAMESPACE, text)}"
        fields = dict(contributing) | dict(more or {})
        self.objects.setdefault(id, {"type": kind, "spec_version": "2.1", "id": id} | fields)
        return id


def _address(made: _Made, text: str, macs: list[str] | None = None) -> str | None:
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return made.observable(f"ipv{ip.version}-addr", {"value": str(ip)}, {"resolves_to_refs": macs} if macs else {})


def _egress(made: _Made, finding: Finding, identity: Identity | None, sensor: str) -> None:
    macs = [made.observable("mac-addr", {"value": mac}) for mac in (identity.macs if identity else ()) if wire.normal_mac(mac) == mac]
    own = next((ref for address in (identity.addresses if identity else ()) if (ref := _address(made, address, macs))), None)
    begin, end = (wire.instant(text) for text in finding.window) if finding.window else (None, None)
    times = {name: moment(at) for name, at in (("start", begin), ("end", end)) if at}
    # a finding of before, or of a peer without address and name, has its subject alone
    flows = finding.traffic or (Traffic(address=finding.subject, name=finding.subject, protocol=0),)
    told = [(*found, one.way) for one in flows if (found := _flow(made, one, own, times))]
    if not told:
        return  # neither an address nor a name that anybody could look for
    refs = dict.fromkeys([*([own] if own else []), *(ref for _, more, _ in told for ref in more)])
    observed = made.add("observed-data", f"{finding.key}|{finding.window}", {
        "first_observed": times.get("start", made.at), "last_observed": times.get("end", made.at),
        "number_observed": min(MAX_OBSERVED, max(1, sum(one.flows for one in flows))), "object_refs": list(refs),
    })  # fmt: skip
    if finding.rank < INDICATOR_RANK:
        return
    for peer, _, way in told:
        if way.endswith("inside"):
            continue  # an address of one's own network is no sign of anything elsewhere
        path = f"{peer.partition('--')[0]}:value"
        plain = made.objects[peer]["value"]
        value = plain.replace("\\", "\\\\").replace("'", "\\'")
        indicator = made.add("indicator", f"{finding.rule}|{plain}", {
            "name": line(f"{finding.rule}: {plain}"), "description": line(f"{finding.title}. A reason to look, not a proof of harm."),
            "indicator_types": ["anomalous-activity"], "pattern": f"[{path} = '{value}']", "pattern_type": "stix", "pattern_version": "2.1",
            "valid_from": times.get("start", made.at), "confidence": round(min(1.0, max(0.0, finding.confidence)) * 100),
        })  # fmt: skip
        made.add("sighting", f"{finding.key}|{finding.window}|{plain}", {
            "sighting_of_ref": indicator, "observed_data_refs": [observed], "where_sighted_refs": [sensor],
        })  # fmt: skip


def _flow(made: _Made, one: Traffic, own: str | None, times: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The peer to look for (its name, else its address), and all objects of one flow; None where the peer has neither."""
    address = _address(made, one.address)
    named = (
        made.observable("domain-name", {"value": one.name.lower()}) if _HOST.fullmatch(one.name) and not wire.is_address(one.name) else None
    )
    peer = named or address
    if peer is None:
        return None
    far = address or peer
    source, destination = (far, own) if one.way.startswith("from") else (own, far)
    told: dict[str, Any] = {"dst_ref": destination} if destination else {}
    if source:
        told["src_ref"] = source
    if one.port:
        told["dst_port"] = one.port
    transport = {6: ["tcp"], 17: ["udp"], 1: ["icmp"], 58: ["ipv6-icmp"]}.get(one.protocol, [])
    told["protocols"] = ["ipv6" if far.startswith("ipv6") else "ipv4", *transport]
    volumes = (("src", one.bytes_out, one.packets_out), ("dst", one.bytes_in, one.packets_in))
    more: dict[str, Any] = dict(times)
    for side, count, packets in volumes:
        end = {"src": "dst", "dst": "src"}[side] if one.way.startswith("from") else side
        more |= {name: n for name, n in ((f"{end}_byte_count", count), (f"{end}_packets", packets)) if n is not None}
    return peer, [*([named] if named else []), *([address] if address else []), made.observable("network-traffic", told, more)]
