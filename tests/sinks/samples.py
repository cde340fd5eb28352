"""One event of every kind, made up from documentation addresses; and hostile text for every place."""

import dataclasses
from datetime import UTC, date, datetime, timedelta

from netcam.model import Citation, Claim, Finding, Identity, Link, Observation, ScanRecord, Traffic, Verdict
from netcam.sinks.event import Ended, EventKind, FindingState, device_event, finding_event, notice, scan_event, traffic_events

AT = datetime(2026, 3, 1, 2, 14, 7, 512_000, tzinfo=UTC)
SENT = {"version": "1.0.0", "sensor": "sensor-hq-a"}

SCAN = ScanRecord(
    id="scan-17", site="hq", sensor="sensor-hq-a", targets=("192.0.2.0/28",), scope_id="scope-1", started=AT - timedelta(minutes=9),
    totals={"answered": 3, "silent": 10, "not reached": 1, "sent.http": 41}, notes=("no raw socket",),
)  # fmt: skip
SEEN = Observation(field="http.server", value="Example-Web/1", at=AT, site="hq", endpoint="192.0.2.5:80", via="http")
CAMERA = Identity(
    device="44:19:b6:00:00:01", site="hq",
    slots={"kind": "camera", "brand": "ExampleCam", "maker": "Example Works", "model": "EC-8", "firmware": "V5.5.82 build 190220", "serial": "S|=1"},
    confidence={"maker": 0.93, "brand": 0.99}, addresses=("192.0.2.5", "fe80::5%eth0"), macs=("44:19:b6:00:00:01",),
    because=(Claim(slot="maker", value="Example Works", weight=0.9, by="example/web", because=(SEEN,)),), catalog="c0ffee",
)  # fmt: skip
UNKNOWN = Identity(device="192.0.2.9", site="hq", addresses=("2001:db8::9",))

POLICY = Finding(
    rule="uk-2022", kind="policy", device=CAMERA.device, site="hq", title="Made by a company the statement covers", verdict=Verdict.RESTRICTED,
    severity="high", text="The maker is on the list.", reach="Binds departments.", confidence=0.93, good_for=date(2026, 2, 1),
    citations=(Citation(id="wms", title="Security Update on Surveillance Equipment", published="2022-11-24", url="https://example.org/wms"),),
    chain=(Link(relation="made by", subject="ExampleCam", object="Example Works", strength="high", source="banner"),),
    would_change=("another maker",), action="Plan its removal.",
)  # fmt: skip
UNJUDGED = Finding(rule="uk-2022", kind="policy", device=UNKNOWN.device, site="hq", title="The maker is not known", verdict=Verdict.UNKNOWN)
CLEAR = Finding(
    rule="uk-2022",
    kind="policy",
    device=CAMERA.device,
    site="hq",
    title="No text names the maker",
    verdict=Verdict.NOT_MATCHED,
    confidence=0.9,
)
FIRMWARE = Finding(
    rule="example-2021", kind="firmware", device=CAMERA.device, site="hq", title="Firmware inside the affected range", severity="high",
    subject="CVE-2021-0001", text="5.5.82 is below 5.5.90.", confidence=0.6,
    citations=(Citation(id="a", title="Notice", url="https://example.org/notice"),),
)  # fmt: skip
EGRESS = Finding(
    rule="beacon", kind="egress", device=CAMERA.device, site="hq", title="Calls every 60 s", severity="medium", subject="203.0.113.77",
    text="60 connections in an hour.", confidence=0.8, window=("2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z"), evidence=("60 flows", "412 MB out"),
)  # fmt: skip
UPLOAD = dataclasses.replace(
    EGRESS, rule="bulk-upload", title="Uploads 412 MB to p2p.example.net", subject="p2p.example.net:8883/tcp", severity="high", score=71,
    traffic=(
        Traffic(
            address="203.0.113.77", name="p2p.example.net", port=8883, flows=60, bytes_out=412_316_860, bytes_in=3_145_728,
            packets_out=312_044, packets_in=21_410, first="2026-03-01T01:00:00Z", last="2026-03-01T02:00:00Z", asn=64500, country="NL",
        ),
        Traffic(address="2001:db8::77", port=3478, protocol=17, flows=3, first="2026-03-01T01:10:00Z", last="2026-03-01T01:11:00Z"),
    ),
)  # fmt: skip
REACHED = dataclasses.replace(
    EGRESS, rule="accepted-from-outside", title="Accepts connections from 198.51.100.9", subject="from 198.51.100.9:80/tcp", severity="high",
    traffic=(
        Traffic(
            address="198.51.100.9", port=80, way="from outside", flows=2, bytes_out=900, bytes_in=100, packets_out=9, packets_in=8,
            first="2026-03-01T01:00:00Z", last="2026-03-01T01:00:09Z",
        ),
    ),
)  # fmt: skip
MANY = dataclasses.replace(
    EGRESS, rule="scan", title="Tries 900 addresses", subject="many inside addresses",
    traffic=(Traffic(way="to inside", flows=900, bytes_out=0, bytes_in=0, packets_out=900, packets_in=0),),
)  # fmt: skip
COVERAGE = Finding(
    rule="not-reached", kind="coverage", device="192.0.2.0/28", site="hq", title="One address was not reached", severity="low"
)


def _device(kind, identity=CAMERA, **more):
    return device_event(kind, identity, AT, scan_id="scan-17", **SENT, **more)


def _finding(finding, state=FindingState.OPENED, device=CAMERA, **more):
    return finding_event(finding, state, AT, device=device, scan_id="scan-17", **(SENT | more))


FINISHED = dataclasses.replace(SCAN, status="complete", finished=AT)
EVENTS = {
    "scan-started": scan_event(SCAN, AT - timedelta(minutes=9), version="1.0.0"),
    "scan-finished": scan_event(FINISHED, AT, version="1.0.0"),
    "scan-interrupted": scan_event(dataclasses.replace(FINISHED, status="interrupted"), AT, version="1.0.0"),
    "device-discovered": dataclasses.replace(_device(EventKind.DEVICE_DISCOVERED), sequence=1842, scope_id="scope-1"),
    "device-discovered-unknown": _device(EventKind.DEVICE_DISCOVERED, UNKNOWN),
    "device-changed": _device(EventKind.DEVICE_CHANGED, field="firmware", old="V5.4", new="V5.5.82 build 190220"),
    "device-missing": _device(EventKind.DEVICE_MISSING),
    "device-returned": _device(EventKind.DEVICE_RETURNED),
    "policy-opened": _finding(POLICY),
    "policy-unknown": _finding(UNJUDGED, device=UNKNOWN),
    "policy-clear": _finding(CLEAR),
    "policy-closed": _finding(POLICY, FindingState.CLOSED),
    "firmware-opened": _finding(FIRMWARE),
    "egress-opened": _finding(EGRESS),
    "egress-updated-by-name": _finding(dataclasses.replace(EGRESS, subject="p2p.example.net"), FindingState.UPDATED),
    "egress-to-ipv6": _finding(dataclasses.replace(EGRESS, subject="2001:db8::77", score=61, category="signalling")),
    "egress-without-device": _finding(EGRESS, device=None),
    "egress-with-traffic": _finding(UPLOAD),
    "egress-from-outside": _finding(REACHED),
    "egress-many": _finding(MANY, device=None),
    "egress-closed": _finding(UPLOAD, FindingState.CLOSED, ended=Ended.NOT_FOUND_AGAIN),
    "egress-suppressed": _finding(UPLOAD, FindingState.CLOSED, ended=Ended.SUPPRESSED),
    "egress-expired": _finding(UPLOAD, FindingState.CLOSED, ended=Ended.EXPIRED),
    "coverage-opened": _finding(COVERAGE, device=None),
    "digest": notice(
        EventKind.DIGEST, "4 findings of scan scan-17 as they were", AT, {"uk-2022 restricted": "3", "devices": "5"}, site="hq", **SENT
    ),
    "content-updated": notice(
        EventKind.CONTENT_UPDATED, "Policies updated", AT, {"content": "policies", "digest": "abc"}, site="hq", **SENT
    ),
    "sensor-health": notice(EventKind.SENSOR_HEALTH, "The outbox is full", AT, {"status": "failed", "queued": "5000"}, site="hq", **SENT),
    "operator-action": notice(
        EventKind.OPERATOR_ACTION, "A finding was suppressed", AT, {"by": "jo", "reason": "on loan"}, site="hq", **SENT
    ),
}

EVENTS |= {
    f"traffic-{name}": event
    for name, event in zip(
        ("named", "ipv6", "inbound", "many"),
        [one for name in ("egress-with-traffic", "egress-from-outside", "egress-many") for one in traffic_events(EVENTS[name])],
        strict=True,
    )
}

HOSTILE = "a|b\\c=d\r\nCEF:0|x|y|1|z|z|9|cs9=\x00\x1b[2J\"'\u202e\u2028\ud800<script>\t=1+1\x85"


def hostile(text):
    """Every kind of event with `text` in every place that a device, an operator or a file could fill."""
    seen = Observation(field=text, value=text, at=AT, endpoint=text)
    claim = Claim(slot="maker", value=text, weight=0.5, by=text, because=(seen,))
    slots = dict.fromkeys(("kind", "brand", "maker", "model", "firmware", "serial", "component", "hardware"), text)
    device = Identity(
        device=text, site=text, slots=slots, confidence={"maker": 0.5}, because=(claim,), disputed=(claim,), addresses=(text,), macs=(text,),
        mac_registrant=text, unknown_fields=(text,), catalog=text,
    )  # fmt: skip
    told = {
        "site": text,
        "title": text,
        "subject": text,
        "text": text,
        "reach": text,
        "action": text,
        "would_change": (text,),
        "evidence": (text,),
    }
    told |= {"citations": (Citation(id=text, title=text, published=text, url=text, strength=text),), "device": text, "rule": text}
    told |= {"chain": (Link(relation=text, subject=text, object=text, strength=text, source=text),), "window": (text, text)}
    scan = ScanRecord(
        id=text, site=text, sensor=text, targets=(text,), profile=text, scope_id=text, status="complete", notes=(text,), totals={text: 1}
    )
    sent = {"version": text, "sensor": text}
    yield scan_event(dataclasses.replace(scan, status="running"), AT, version=text)
    yield scan_event(scan, AT, version=text)
    for kind in (EventKind.DEVICE_DISCOVERED, EventKind.DEVICE_MISSING, EventKind.DEVICE_RETURNED):
        yield device_event(kind, device, AT, scan_id=text, **sent)
    yield device_event(EventKind.DEVICE_CHANGED, device, AT, field=text, old=text, new=text, **sent)
    for kind, verdict in (("policy", Verdict.REVIEW), ("firmware", None), ("egress", None), ("coverage", None)):
        yield finding_event(Finding(kind=kind, verdict=verdict, severity="high", **told), FindingState.OPENED, AT, device=device, **sent)
    flows = (Traffic(address=text, name=text, way="from outside", first=text, last=text, country=text, asn=64500),)
    called = finding_event(Finding(kind="egress", severity="high", traffic=flows, **told), FindingState.UPDATED, AT, device=device, **sent)
    yield from (*traffic_events(called), called)
    yield finding_event(Finding(kind="egress", severity="high", **told), FindingState.OPENED, AT, **sent)
    for kind in (EventKind.CONTENT_UPDATED, EventKind.SENSOR_HEALTH, EventKind.OPERATOR_ACTION):
        yield notice(kind, text, AT, {"by": text, text: text}, site=text, **sent)
