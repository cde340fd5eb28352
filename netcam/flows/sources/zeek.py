"""Zeek's conn, dns, ssl, quic and http logs, tab-separated or JSON (docs.zeek.org, log files).

Columns are read by name, never by place. Names from ssl and http reach their connection by its uid, those from dns by the client's answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from netcam.flows import rows as r
from netcam.flows.community import PAIRS, icmp_number
from netcam.flows.hello import valid
from netcam.flows.records import Record, mac_number, number, within
from netcam.flows.source import LogSource, Reading, give_name, json_line, told_community, told_names

MAX_COLUMNS = 200
"""Columns of one log: Zeek's own have under 60."""
_PATHS = ("conn", "dns", "ssl", "http", "quic")
_STATES = {"S0": 0, "REJ": 0, "SF": 3, "S1": 0, "RSTO": 3, "RSTR": 3, "RSTOS0": 3, "RSTRH": 3}
_SERVICES = {"ssl": r.T_TLS, "http": r.T_HTTP, "dns": r.T_DNS, "quic": r.T_QUIC, "ssh": r.T_SSH, "ntp": r.T_NTP, "rtsp": r.T_RTSP}
LATEST = 1e11
"""A time in seconds that is later (the year 5138) is one in milliseconds."""
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")


class _Log:
    """The head of one tab-separated log."""

    def __init__(self) -> None:
        self.separator, self.path, self.fields, self.unset, self.empty = "\t", "", list[str](), "-", "(empty)"


def line(raw: bytes, where: str, reading: Reading) -> None:
    """One line of a log; `where` is the file's name."""
    row, path = _row(raw, where, reading)
    if row is None:
        return
    path = path or _guess(row) or _named(where)
    if path == "conn":
        _conn(row, reading, where)
    elif path == "dns":
        _dns(row, reading)
    elif path in ("ssl", "http", "quic"):
        _name(path, row, reading)


def _named(where: str) -> str:
    name = where.rpartition("/")[2]
    return next((path for path in _PATHS if name.startswith(path)), "")


def _guess(row: Mapping[str, Any]) -> str:
    for member, path in (("conn_state", "conn"), ("qtype", "dns"), ("qtype_name", "dns"), ("cipher", "ssl"), ("status_code", "http")):
        if member in row:
            return path
    return ""


def _row(raw: bytes, where: str, reading: Reading) -> tuple[Mapping[str, Any] | None, str]:
    if raw[:1] == b"{":
        try:
            row = json_line(raw)
        except ValueError:
            reading.records.count("malformed")
            return None, ""
        return (row, str(row.get("_path", ""))) if isinstance(row, dict) else (None, "")
    logs = reading.memory.setdefault("zeek logs", {})
    log = logs.get(where)
    if not isinstance(log, _Log) or raw.startswith(b"#separator"):
        log = logs[where] = _Log()
        if len(logs) > 1000:
            logs.pop(next(iter(logs)))
    text = raw.decode("utf-8", "replace")
    if text.startswith("#"):
        word, _, rest = text[1:].partition(" " if text.startswith("#separator") else log.separator)
        if word == "separator":
            log.separator = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), rest.strip()) or "\t"
        elif word == "path":
            log.path = rest.strip()
        elif word == "unset_field":
            log.unset = rest
        elif word == "empty_field":
            log.empty = rest
        elif word == "fields":
            log.fields = rest.split(log.separator)[:MAX_COLUMNS]
        return None, ""
    if not text:
        return None, ""
    values = text.split(log.separator)
    if len(values) != len(log.fields):
        reading.records.count("malformed")
        return None, ""
    row = {
        name: _ESCAPE.sub(lambda m: chr(int(m[1], 16)), value)
        for name, value in zip(log.fields, values, strict=True)
        if value not in (log.unset, log.empty)
    }
    return row, log.path


def _time(value: Any) -> int:
    """Zeek's time in ns: seconds since 1970, milliseconds (`JSON::TS_MILLIS`) or ISO 8601; 0 where it is none."""
    try:
        told = float(value)
        return round(told * (1000 if told > LATEST else 1_000_000)) * 1000
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        return round(datetime.fromisoformat(str(value)).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return 0


def _count(value: Any) -> int:
    try:
        return within(int(float(value)), 1 << 60)
    except (TypeError, ValueError, OverflowError):
        return 0


def _conn(row: Mapping[str, Any], reading: Reading, where: str) -> None:
    a, b = number(str(row.get("id.orig_h", ""))), number(str(row.get("id.resp_h", "")))
    start = _time(row.get("ts"))
    if a is None or b is None or a[0] != b[0] or not start:
        reading.records.count("malformed")
        return
    proto = {"tcp": 6, "udp": 17, "icmp": 1 if a[0] == 4 else 58}.get(str(row.get("proto", "")), _count(row.get("ip_proto")))
    try:
        length = float(row.get("duration", 0))
    except (TypeError, ValueError):
        length = 0.0
    uid = str(row.get("uid", ""))[:64]
    state, history = str(row.get("conn_state", "")), str(row.get("history", ""))
    quality = 0
    packets = (_count(row.get("orig_pkts")), _count(row.get("resp_pkts")))
    octets = [_count(row.get("orig_ip_bytes")), _count(row.get("resp_ip_bytes"))]
    payload = [_count(row["orig_bytes"]) if "orig_bytes" in row else -1, _count(row["resp_bytes"]) if "resp_bytes" in row else -1]
    if _count(row.get("missed_bytes")) or "g" in history.lower() or state == "OTH":
        payload = [-1, -1]  # on a partial stream Zeek computes them from sequence numbers, which can be far off
        quality |= r.Q_MIDSTREAM if state == "OTH" else 0
    if not any(octets) and any(p > 0 for p in payload):
        octets = [max(p, 0) for p in payload]
        quality |= r.Q_PAYLOAD
    if "orig_pkts" not in row and "orig_bytes" not in row:
        quality |= r.Q_NO_BYTES
    if "^" in history:
        quality |= r.Q_SWAPPED
    if row.get("tunnel_parents"):
        quality |= r.Q_TUNNELLED
    service = str(row.get("service", ""))
    tells = 0
    for part in service.split(","):
        tells |= _SERVICES.get(part, 0)
    kind, code = _count(row.get("id.orig_p")) & 0xFF, _count(row.get("id.resp_p")) & 0xFF
    if kind in PAIRS.get(proto, ()):
        code = 0  # Zeek writes the answer's type there
    record = Record(
        version=a[0], a=a[1], b=b[1], a_port=_count(row.get("id.orig_p")) if proto in (6, 17) else 0,
        b_port=_count(row.get("id.resp_p")) if proto in (6, 17) else 0, proto=proto, start=start,
        end=start + int(max(0.0, min(length, 1e9)) * 1e9), packets_out=packets[0], packets_in=packets[1], bytes_out=octets[0],
        bytes_in=octets[1], payload_out=payload[0], payload_in=payload[1], quality=quality, tells=tells, directed=True, paired=True,
        a_mac=mac_number(str(row.get("orig_l2_addr", ""))), b_mac=mac_number(str(row.get("resp_l2_addr", ""))),
        vlan=_count(row.get("vlan")), end_reason=_STATES.get(state, 0), flags_out=_flags(history, upper=True),
        flags_in=_flags(history, upper=False), texts={"id": uid, "service": service, "community_id": told_community(row.get("community_id"))},
        icmp=icmp_number(kind, code) if proto in PAIRS else 0,
    )  # fmt: skip
    give_name(record, reading, "zeek names", uid)
    reading.records.add(record, f"zeek {where}")


def _flags(history: str, *, upper: bool) -> int:
    """TCP flags that a connection's history tells of one side."""
    flags = 0
    for letter, bit in (("s", 2), ("h", 0x12), ("a", 0x10), ("d", 0x18), ("f", 1), ("r", 4)):
        if (letter.upper() if upper else letter) in history:
            flags |= bit
    return flags


def _name(path: str, row: Mapping[str, Any], reading: Reading) -> None:
    uid = str(row.get("uid", ""))[:64]
    if not uid:
        return
    told = told_names(reading, "zeek names", uid)
    server = valid(str(row.get("server_name", "")))
    if path in ("ssl", "quic"):
        if server:
            told["name"], told["source"] = server, "sni" if path == "ssl" else "quic"
        subject = str(row.get("subject", ""))
        common = re.search(r"CN=([^,]{1,253})", subject)
        if common and "." in (name := valid(common[1].removeprefix("*."))):
            told["certified"] = name
        for member, column in (("ja4", "ja4"), ("ja4s", "ja4s"), ("issuer", "issuer"), ("next_protocol", "alpn")):
            if row.get(member):
                told[column] = str(row[member])[:200]
        chain = row.get("cert_chain_fps")
        first = chain[0] if isinstance(chain, list) and chain else str(chain or "").partition(",")[0]
        if first:
            told["certificate"] = str(first)[:64]
    else:
        host = valid(str(row.get("host", "")).partition(":")[0])
        if host and "name" not in told:
            told["name"], told["source"] = host, "http"
        if row.get("user_agent"):
            told["agent"] = str(row["user_agent"])[:200]


def _dns(row: Mapping[str, Any], reading: Reading) -> None:
    client, server = number(str(row.get("id.orig_h", ""))), number(str(row.get("id.resp_h", "")))
    at = _time(row.get("ts"))
    if client is None or server is None or not at or not row.get("query"):
        return
    answers, ttls = row.get("answers", []), row.get("TTLs", [])
    answers = answers if isinstance(answers, list) else str(answers).split(",")
    ttls = ttls if isinstance(ttls, list) else str(ttls).split(",")
    found = [n[1] for one in answers[:64] if (n := number(str(one))) is not None]
    life = min((_count(t) for t in ttls[:64]), default=0)
    code = _count(row["rcode"]) if "rcode" in row else -1
    reading.resolver.told(
        at=at, client=client, server=server, port=_count(row.get("id.resp_p")), name=str(row["query"]), kind=_count(row.get("qtype")),
        rcode=code, answers=len(answers), addresses=found, ttl=life,
    )  # fmt: skip


def recognises(head: bytes, name: str) -> bool:
    """The separator line of one of these logs, or a JSON line with members that only Zeek has."""
    if head.startswith(b"#separator"):
        path = re.search(rb"#path\s+(\S+)", head)
        return path is None or path[1].decode("latin-1") in _PATHS
    first = head.split(b"\n", 1)[0]
    return first.startswith(b"{") and b'"id.orig_h"' in first and b'"event_type"' not in first


SOURCE = LogSource(
    id="zeek",
    title="Zeek conn, dns, ssl, quic and http logs",
    recognises=recognises,
    line=line,
    documentation="https://docs.zeek.org/en/master/logs/index.html",
)
