"""FortiGate traffic logs: key=value lines with bytes and packets of both directions (FortiOS log message reference, traffic log)."""

from __future__ import annotations

import re
from datetime import datetime

from netcam.flows import rows as r
from netcam.flows.hello import valid
from netcam.flows.records import Record, mac_number, number, within
from netcam.flows.source import LogSource, Reading

_PAIR = re.compile(r'([A-Za-z_]\w{0,40})=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_BLOCKED = {"deny", "blocked", "dropped", "drop", "ip-conn"}
MAX_PAIRS = 200
"""Members of one line: FortiOS writes under 80."""


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _PAIR.finditer(text):
        value = match[2]
        found.setdefault(match[1], value[1:-1].replace('\\"', '"') if value.startswith('"') else value)
        if len(found) >= MAX_PAIRS:
            break
    return found


def _number(text: str | None) -> int:
    return within(int(text), 1 << 60) if text and text.isdigit() and len(text) < 19 else 0


def _when(row: dict[str, str]) -> int:
    """`eventtime` in s, ms, µs or ns by its length, else `date` and `time` with `tz`."""
    told = row.get("eventtime", "")
    if told.isdigit() and len(told) in (10, 13, 16, 19):
        return int(told.ljust(19, "0"))
    zone = row.get("tz", "")
    zone = zone if re.fullmatch(r"[+-]\d{4}", zone) else "+0000"
    try:
        moment = datetime.fromisoformat(f"{row['date']}T{row['time']}{zone}")
        return int(moment.timestamp()) * 1_000_000_000
    except (KeyError, ValueError, OverflowError):
        return 0


def line(raw: bytes, where: str, reading: Reading) -> None:
    """One line; only traffic logs are flows, and of those that report a session twice the last counts."""
    if b"type=" not in raw:
        return
    row = _pairs(raw.decode("utf-8", "replace"))
    if row.get("type") != "traffic":
        return
    a, b, at = number(row.get("srcip", "")), number(row.get("dstip", "")), _when(row)
    if a is None or b is None or a[0] != b[0] or not at:
        reading.records.count("malformed")
        return
    if row.get("logid", "").endswith(("0020", "0022")) or row.get("action") == "start":
        reading.records.count("interim")  # a session that goes on: its bytes come again when it ends
        return
    proto = _number(row.get("proto"))
    blocked = row.get("action") in _BLOCKED or row.get("utmaction") in ("block", "blocked")
    length = _number(row.get("duration")) * 1_000_000_000
    ports = proto in (6, 17, 132)
    name = valid(row.get("hostname", ""))
    known = "sentbyte" in row
    reading.records.add(
        Record(
            version=a[0], a=a[1], b=b[1], a_port=_number(row.get("srcport")) if ports else 0,
            b_port=_number(row.get("dstport")) if ports else 0, proto=proto, start=max(0, at - length), end=at,
            packets_out=_number(row.get("sentpkt")), packets_in=_number(row.get("rcvdpkt")), bytes_out=_number(row.get("sentbyte")),
            bytes_in=_number(row.get("rcvdbyte")), a_mac=mac_number(row.get("srcmac", "")), b_mac=mac_number(row.get("dstmac", "")),
            blocked=int(blocked), quality=0 if known else r.Q_NO_BYTES, directed=True, paired=True,
            name=name, name_source="told" if name else "",
            texts={"id": row.get("sessionid", "")[:40], "service": (row.get("app") or row.get("service", ""))[:100]},
        ),
        f"fortigate {where}",
    )  # fmt: skip


def recognises(head: bytes, name: str) -> bool:
    """A line of the traffic log."""
    first = head.split(b"\n", 1)[0]
    return b"type=" in first and b"srcip=" in first and b"dstip=" in first and (b"logid=" in first or b"devname=" in first)


SOURCE = LogSource(
    id="fortigate",
    title="FortiGate traffic log",
    recognises=recognises,
    line=line,
    documentation="https://docs.fortinet.com/document/fortigate/latest/fortios-log-message-reference/",
)
