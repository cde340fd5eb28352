"""Suricata's EVE log: flow, netflow, dns (versions 1 to 3), tls, quic, http and drop events (docs.suricata.io, EVE JSON format)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from netcam.flows import rows as r
from netcam.flows.community import icmp_number
from netcam.flows.hello import valid
from netcam.flows.records import Record, mac_number, number, within
from netcam.flows.source import LogSource, Reading, give_name, json_line, told_community, told_names

_PROTOCOLS = {"TCP": 6, "UDP": 17, "ICMP": 1, "IPV6-ICMP": 58, "SCTP": 132, "GRE": 47, "ESP": 50, "IGMP": 2}
_TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "HTTPS": 65, "ANY": 255}
_CODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
_APPS = {
    "tls": r.T_TLS,
    "http": r.T_HTTP,
    "dns": r.T_DNS,
    "quic": r.T_QUIC,
    "ssh": r.T_SSH,
    "ntp": r.T_NTP,
    "mqtt": r.T_MQTT,
    "rtsp": r.T_RTSP,
}


def line(raw: bytes, where: str, reading: Reading) -> None:
    """One event."""
    if not raw:
        return
    try:
        event = json_line(raw)
    except ValueError:
        reading.records.count("malformed")
        return
    if not isinstance(event, dict):
        reading.records.count("malformed")
        return
    kind = event.get("event_type")
    if kind in ("flow", "netflow"):
        _flow(event, str(kind), reading, where)
    elif kind == "dns":
        _dns(event, reading)
    elif kind in ("tls", "quic", "http"):
        _name(event, str(kind), reading)
    elif kind == "drop":
        _drop(event, reading, where)


def _time(value: Any) -> int:
    try:
        return round(datetime.fromisoformat(str(value)).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return 0


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _count(value: Any) -> int:
    return within(value, 1 << 60) if isinstance(value, int) else 0


def _ends(event: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int], int] | None:
    a, b = number(str(event.get("src_ip", ""))), number(str(event.get("dest_ip", "")))
    if a is None or b is None or a[0] != b[0]:
        return None
    told = str(event.get("proto", "")).upper()
    return a, b, _PROTOCOLS.get(told, int(told) if told.isdigit() and len(told) < 4 else 0)


def _flow(event: Mapping[str, Any], kind: str, reading: Reading, where: str) -> None:
    ends = _ends(event)
    part = _part(event, kind)
    start = _time(part.get("start")) or _time(event.get("timestamp"))
    if ends is None or not start:
        reading.records.count("malformed")
        return
    a, b, proto = ends
    key = str(event.get("flow_id", ""))[:24]
    tcp, ether = _part(event, "tcp"), _part(event, "ether")
    bypassed = _part(part, "bypassed")
    if kind == "flow":
        packets = (_count(part.get("pkts_toserver")), _count(part.get("pkts_toclient")))
        octets = (_count(part.get("bytes_toserver")), _count(part.get("bytes_toclient")))
        if bypassed:
            packets = (packets[0] + _count(bypassed.get("pkts_toserver")), packets[1] + _count(bypassed.get("pkts_toclient")))
            octets = (octets[0] + _count(bypassed.get("bytes_toserver")), octets[1] + _count(bypassed.get("bytes_toclient")))
    else:
        packets, octets = (_count(part.get("pkts")), 0), (_count(part.get("bytes")), 0)
    app = str(event.get("app_proto", ""))
    mac_a, mac_b = ether.get("src_macs"), ether.get("dest_macs")
    vlan = event.get("vlan")
    record = Record(
        version=a[0], a=a[1], b=b[1], a_port=_count(event.get("src_port")) if proto in (6, 17, 132) else 0,
        b_port=_count(event.get("dest_port")) if proto in (6, 17, 132) else 0, proto=proto, start=start,
        end=_time(part.get("end")) or start, packets_out=packets[0], packets_in=packets[1], bytes_out=octets[0], bytes_in=octets[1],
        directed=kind == "flow", paired=kind == "flow", flags_out=_hex(tcp.get("tcp_flags_ts")), flags_in=_hex(tcp.get("tcp_flags_tc")),
        a_mac=mac_number(str(mac_a[0])) if isinstance(mac_a, list) and mac_a else 0,
        b_mac=mac_number(str(mac_b[0])) if isinstance(mac_b, list) and mac_b else 0,
        vlan=_count(vlan[0] if isinstance(vlan, list) and vlan else vlan), end_reason={"timeout": 1, "forced": 4, "shutdown": 4}.get(str(part.get("reason")), 0),
        tells=_APPS.get(app, 0), icmp=_icmp(event, proto),
        texts={"id": key, "service": app if app != "failed" else "", "community_id": told_community(event.get("community_id"))},
        blocked=int(str(part.get("action", "")) == "drop"),
    )  # fmt: skip
    give_name(record, reading, "suricata names", key if kind == "flow" else "")
    reading.records.add(record, f"suricata {where}")


def _icmp(event: Mapping[str, Any], proto: int) -> int:
    kind = event.get("icmp_type")
    return icmp_number(_count(kind) & 0xFF, _count(event.get("icmp_code")) & 0xFF) if proto in (1, 58) and isinstance(kind, int) else 0


def _hex(value: Any) -> int:
    try:
        return int(str(value), 16) & 0xFF
    except ValueError:
        return 0


def _drop(event: Mapping[str, Any], reading: Reading, where: str) -> None:
    """A packet that an inline rule refused: an attempt, no transfer."""
    ends, at = _ends(event), _time(event.get("timestamp"))
    if ends is None or not at:
        reading.records.count("malformed")
        return
    a, b, proto = ends
    reading.records.add(
        Record(
            version=a[0], a=a[1], b=b[1], a_port=_count(event.get("src_port")), b_port=_count(event.get("dest_port")), proto=proto, start=at,
            end=at, packets_out=1, bytes_out=_count(_part(event, "drop").get("len")), blocked=1, paired=True,
            texts={"id": str(event.get("flow_id", ""))[:24], "community_id": told_community(event.get("community_id"))}, icmp=_icmp(event, proto),
        ),
        f"suricata {where}",
    )  # fmt: skip


def _name(event: Mapping[str, Any], kind: str, reading: Reading) -> None:
    key = str(event.get("flow_id", ""))[:24]
    part = _part(event, kind)
    if not key or not part:
        return
    told = told_names(reading, "suricata names", key)
    if kind == "http":
        host = valid(str(part.get("hostname", "")).partition(":")[0])
        if host and "name" not in told:
            told["name"], told["source"] = host, "http"
        if part.get("http_user_agent"):
            told["agent"] = str(part["http_user_agent"])[:200]
    else:
        server = valid(str(part.get("sni", "")))
        if server:
            told["name"], told["source"] = server, "sni" if kind == "tls" else "quic"
        subject = str(part.get("subject", ""))
        common = subject.partition("CN=")[2].partition(",")[0].strip()
        if "." in (name := valid(common.removeprefix("*."))):
            told["certified"] = name
        for member, column in (("ja4", "ja4"), ("issuerdn", "issuer"), ("fingerprint", "certificate")):
            if isinstance(part.get(member), str):
                told[column] = str(part[member])[:200]


def _dns(event: Mapping[str, Any], reading: Reading) -> None:
    """Questions and answers of all three versions: flat, with `answers`, and with `queries`."""
    ends, at, part = _ends(event), _time(event.get("timestamp")), _part(event, "dns")
    if ends is None or not at or not part:
        return
    a, b, _ = ends
    answer = part.get("type") in ("answer", "response")
    queries = part.get("queries")
    first = queries[0] if isinstance(queries, list) and queries and isinstance(queries[0], dict) else part
    name, kind = str(first.get("rrname", "")), str(first.get("rrtype", ""))
    if not name:
        return
    found: list[int] = []
    lives: list[int] = []
    listed = part.get("answers") if isinstance(part.get("answers"), list) else [part] if answer and "rdata" in part else []
    for one in listed[:64] if isinstance(listed, list) else []:
        if isinstance(one, dict):
            address = number(str(one.get("rdata", "")))
            if address is not None:
                found.append(address[1])
            lives.append(_count(one.get("ttl")))
    grouped = _part(part, "grouped")
    for member in ("A", "AAAA"):
        for text in grouped.get(member, []) if isinstance(grouped.get(member), list) else []:
            address = number(str(text))
            if address is not None and len(found) < 64:
                found.append(address[1])
    # an answer's event may be written with the server as its source: the resolver has port 53
    client, server = (b, a) if answer and event.get("src_port") == 53 else (a, b)
    reading.resolver.told(
        at=at, client=client, server=server, port=53, name=name, kind=_TYPES.get(kind, 0),
        rcode=_CODES.get(str(part.get("rcode", "")), 0 if answer and "rcode" not in part else -1) if answer else -1,
        answers=max(len(found), len(listed) if isinstance(listed, list) else 0), addresses=found, ttl=min(lives, default=0),
        matches=_count(part.get("id")) or None,
    )  # fmt: skip


def recognises(head: bytes, name: str) -> bool:
    """A JSON line with an event type."""
    first = head.split(b"\n", 1)[0]
    return first.startswith(b"{") and b'"event_type"' in first and b'"timestamp"' in first


SOURCE = LogSource(
    id="suricata",
    title="Suricata EVE JSON",
    recognises=recognises,
    line=line,
    documentation="https://docs.suricata.io/en/latest/output/eve/eve-json-format.html",
)
