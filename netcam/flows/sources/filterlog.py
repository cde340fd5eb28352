"""pfSense's and OPNsense's filterlog: one line for each packet that a rule matched (docs.netgate.com, raw filter log format).

It tells attempts and destinations, not amounts: a blocked line is an attempt, a passed one a flow of unknown size.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from netcam.flows import rows as r
from netcam.flows.records import Record, number, within
from netcam.flows.source import LogSource, Reading

_LINE = re.compile(
    rb"^(?:<\d{1,3}>)?(?:1 (?P<iso>\S{10,40}) |(?P<bsd>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) )?.{0,300}?filterlog(?:\[\d+\])?(?: \d+ \S+ (?:-|\[.{0,200}?\]))?:? "
    rb"(?P<csv>\d*,.*)$"
)
_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128, "W": 128}
_BLOCKED = {"block", "reject"}
YEAR = 365 * 86_400 * 1_000_000_000


def _when(iso: bytes | None, bsd: bytes | None, now: int) -> int:
    """The line's time in ns. BSD syslog writes neither year nor zone: the latest year that is not in the future, UTC."""
    try:
        if iso:
            return round(datetime.fromisoformat(iso.decode()).timestamp() * 1e6) * 1000
        if bsd:
            base = datetime.fromtimestamp(now / 1e9, UTC)
            for year in (base.year, base.year - 1):
                told = datetime.strptime(f"{year} {bsd.decode()}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
                ns = int(told.timestamp()) * 1_000_000_000
                if ns <= now + 86_400 * 1_000_000_000:
                    return ns
    except (ValueError, OverflowError):
        pass
    return now


def _number(text: str) -> int:
    return within(int(text), 1 << 32) if text.isdigit() and len(text) < 12 else 0


def line(raw: bytes, where: str, reading: Reading) -> None:
    """One line."""
    if b"filterlog" not in raw:
        return
    found = _LINE.match(raw)
    if found is None:
        reading.records.count("malformed")
        return
    f = found["csv"].decode("latin-1").split(",")
    # rule, sub-rule, anchor, tracker, interface, reason, action, direction, IP version
    try:
        action, version = f[6], f[8]
        if version == "4":
            # TOS, ECN, TTL, id, offset, flags, protocol number, protocol, length, source, destination
            proto, length, source, target, rest = _number(f[15]), _number(f[17]), f[18], f[19], f[20:]
        elif version == "6":
            # class, flow label, hop limit, protocol, protocol number, length, source, destination
            proto, length, source, target, rest = _number(f[13]), _number(f[14]), f[15], f[16], f[17:]
        else:
            raise ValueError
        a, b = number(source), number(target)
        if a is None or b is None or a[0] != b[0]:
            raise ValueError
    except (IndexError, ValueError):
        reading.records.count("malformed")
        return
    ports = proto in (6, 17) and len(rest) >= 2
    flags = sum(_FLAGS.get(letter, 0) for letter in set(rest[3])) if proto == 6 and len(rest) > 3 else 0
    at = _when(found["iso"], found["bsd"], reading.now)
    blocked = action in _BLOCKED
    reading.records.add(
        Record(
            version=a[0], a=a[1], b=b[1], a_port=_number(rest[0]) if ports else 0, b_port=_number(rest[1]) if ports else 0, proto=proto,
            start=at, end=at, packets_out=1, bytes_out=length + (40 if version == "6" else 0), flags_out=flags & 0xFF, blocked=int(blocked),
            quality=0 if blocked else r.Q_NO_BYTES, directed=proto != 6 or flags & 0x12 == 2, paired=True,
            texts={"id": f[3][:40], "service": ""},
        ),
        f"filterlog {where}",
    )  # fmt: skip


def recognises(head: bytes, name: str) -> bool:
    """A syslog line of filterlog."""
    return any(_LINE.match(one) for one in head.split(b"\n")[:20] if b"filterlog" in one)


SOURCE = LogSource(
    id="filterlog",
    title="pfSense and OPNsense filterlog",
    recognises=recognises,
    line=line,
    documentation="https://docs.netgate.com/pfsense/en/latest/monitoring/logs/raw-filter-format.html",
)
