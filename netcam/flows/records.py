"""Flow records of exporters and logs to tables: rows are collected, the two directions of one conversation joined, bounds held."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import numpy as np

from netcam.flows import rows as r
from netcam.flows.inside import INTERNAL
from netcam.flows.table import COLUMNS, FlowTable, Lookups

LOW64 = 0xFFFFFFFFFFFFFFFF
MAX_TIME = 1 << 62
"""Nanoseconds since 1970 that a column holds: the year 2116."""
MAX_COUNT = 1 << 60
"""Packets or bytes of one record: more is a lie or a damaged record."""
MAX_TEXT = 512
"""Characters of a text column of one row."""
EPHEMERAL = 32_768
"""Lowest port that Linux gives a client; others begin higher."""
JOIN_WITHIN = 60_000_000_000
"""Nanoseconds by which the two directions of a conversation may begin apart: exporters end both by the same clock."""


@dataclass(slots=True)
class Record:
    """One flow as its source tells it; `a` sent the first of the two counts. Addresses as (version, number); times in ns."""

    version: int
    a: int
    b: int
    a_port: int = 0
    b_port: int = 0
    proto: int = 0
    start: int = 0
    end: int = 0
    packets_out: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    payload_out: int = -1
    """-1: estimated from packets and bytes."""
    payload_in: int = -1
    wire_out: int = 0
    wire_in: int = 0
    flags_out: int = 0
    flags_in: int = 0
    a_mac: int = 0
    b_mac: int = 0
    vlan: int = 0
    blocked: int = 0
    end_reason: int = 0
    sampling: int = 0
    quality: int = 0
    tells: int = 0
    rtt: int = 0
    icmp: int = 0
    """As the column: type and code of the message, 0 where it is not known."""
    directed: bool = False
    """The source says who began; else ports and locality decide."""
    paired: bool = False
    """Both directions are in it already."""
    name: str = ""
    name_source: str = ""
    texts: dict[str, str] = field(default_factory=dict)


def number(text: str) -> tuple[int, int] | None:
    """Version and number of an address in text; None where it is none."""
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return ip.version, int(ip)


def mac_number(text: str) -> int:
    """The number of a MAC in text; 0 where it is none."""
    digits = text.replace(":", "").replace("-", "").replace(".", "")
    try:
        return int(digits, 16) if len(digits) == 12 else 0
    except ValueError:
        return 0


def within(value: int, top: int) -> int:
    """A number of a stranger, held between 0 and `top`."""
    return min(max(value, 0), top)


class Records:
    """Collects records of one or more sources and gives tables."""

    def __init__(self, internal: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._records: list[Record] = []
        self._origin: list[int] = []
        self._sources: dict[str, int] = {}
        self._internal = (*internal, *INTERNAL)
        self._inside: OrderedDict[tuple[int, int], bool] = OrderedDict()
        self.counters: dict[str, int] = {"records": 0, "lying_counts": 0}
        self.notes: list[str] = []
        self.lookups: Lookups | None = None

    def __len__(self) -> int:
        return len(self._records)

    def count(self, name: str, by: int = 1) -> None:
        """Count something that a reader should know of."""
        self.counters[name] = self.counters.get(name, 0) + by

    def add(self, record: Record, source: str) -> None:
        """Take a record on."""
        self.counters["records"] += 1
        self._records.append(record)
        self._origin.append(self._sources.setdefault(source, len(self._sources)))

    def _is_inside(self, version: int, address: int) -> bool:
        key = (version, address)
        known = self._inside.get(key)
        if known is None:
            ip = ip_address(address) if version == 4 else ip_address(address.to_bytes(16, "big"))
            known = self._inside[key] = any(ip.version == n.version and ip in n for n in self._internal)
            if len(self._inside) > 100_000:
                self._inside.popitem(last=False)
        return known

    def _began_by_b(self, one: Record) -> bool:
        """Whether ports, else locality, say that b began."""
        if one.proto in (6, 17) and one.a_port != one.b_port and (one.a_port < 1024) != (one.b_port < 1024):
            return one.a_port < 1024
        inside_a, inside_b = self._is_inside(one.version, one.a), self._is_inside(one.version, one.b)
        if inside_a != inside_b:
            return inside_b
        # nothing else tells: a client's port is one of the high ones that systems choose themselves (RFC 6056)
        return one.proto in (6, 17) and one.paired and one.a_port < EPHEMERAL <= one.b_port

    def _joined(self) -> list[tuple[Record, int]]:
        """Records whose other direction came as a record of its own become one."""
        order = sorted(range(len(self._records)), key=lambda n: self._records[n].start)
        open_: dict[tuple[int, ...], list[int]] = {}
        made: list[tuple[Record, int]] = []
        for n in order:
            one, origin = self._records[n], self._origin[n]
            if one.paired or one.blocked:
                made.append((one, origin))
                continue
            back = (origin, one.version, one.b, one.a, one.b_port, one.a_port, one.proto)
            waiting = open_.get(back)
            if waiting:
                first, _ = made[waiting[0]]
                if one.start - first.start <= JOIN_WITHIN or one.start <= first.end:
                    waiting.pop(0)
                    _join(first, one)
                    continue
            open_.setdefault((origin, one.version, one.a, one.b, one.a_port, one.b_port, one.proto), []).append(len(made))
            made.append((one, origin))
        return made

    def take(self) -> FlowTable:
        """All records so far as a table, in order of their start; counters and notes go with it."""
        made = self._joined()
        rows: list[list[Any]] = []
        names: dict[int, tuple[str, str]] = {}
        texts: dict[str, dict[int, str]] = {}
        made.sort(key=lambda pair: pair[0].start)
        for n, (one, origin) in enumerate(made):
            if not one.directed and self._began_by_b(one):
                _turn(one)
                one.quality |= r.Q_SWAPPED
            rows.append(self._row(one, origin))
            if one.name:
                names[n] = (one.name, one.name_source or "told")
            for column, text in one.texts.items():
                if text:
                    texts.setdefault(column, {})[n] = text[:MAX_TEXT]
        columns = {
            name: np.array([row[k] for row in rows], kind) if rows else np.zeros(0, kind) for k, (name, kind) in enumerate(_FILLED.items())
        }
        table = FlowTable(columns, names, dict(self.counters), list(self.notes), texts=texts, sources=list(self._sources) or [""])
        if self.lookups is not None:
            table.lookups = self.lookups
        if rows:
            table.window = (int(columns["start"].min()), int(columns["end"].max()))
        self._records, self._origin, self.notes, self.lookups = [], [], [], None
        self.counters = dict.fromkeys(self.counters, 0)
        return table

    def _row(self, one: Record, origin: int) -> list[Any]:
        start = within(one.start, MAX_TIME)
        counts = [one.packets_out, one.packets_in, one.bytes_out, one.bytes_in]
        if max(counts) > MAX_COUNT or min(counts) < 0:
            self.count("lying_counts")
            counts = [within(c, MAX_COUNT) for c in counts]
        head = (20 if one.version == 4 else 40) + {6: 20, 17: 8}.get(one.proto, 0)
        payload = [
            told if told >= 0 else max(0, size - head * packets)
            for told, size, packets in ((one.payload_out, counts[2], counts[0]), (one.payload_in, counts[3], counts[1]))
        ]
        # the order of _FILLED
        return [
            start, max(start, within(one.end, MAX_TIME)), one.a >> 64 & LOW64, one.a & LOW64, one.b >> 64 & LOW64, one.b & LOW64,
            one.a_port & 0xFFFF, one.b_port & 0xFFFF, one.proto & 0xFF, one.version, one.a_mac, one.b_mac, *counts,
            within(payload[0], MAX_COUNT), within(payload[1], MAX_COUNT), one.flags_out & 0xFF, one.flags_in & 0xFF, one.vlan & 0xFFF,
            within(one.wire_out, MAX_COUNT), within(one.wire_in, MAX_COUNT), one.blocked, one.end_reason if 0 <= one.end_reason <= 5 else 0,
            within(one.sampling, 0x7FFFFFFF), origin, one.quality | (r.Q_ESTIMATE if one.sampling > 1 else 0),
            within(one.rtt, MAX_TIME), one.tells, one.icmp if -0x10000 <= one.icmp <= 0x10000 else 0,
        ]  # fmt: skip


_FILLED = {
    name: COLUMNS[name]
    for name in (
        "start", "end", "a_hi", "a_lo", "b_hi", "b_lo", "a_port", "b_port", "proto", "version", "a_mac", "b_mac", "packets_out",
        "packets_in", "bytes_out", "bytes_in", "payload_out", "payload_in", "flags_out", "flags_in", "vlan", "wire_out", "wire_in",
        "blocked", "end_reason", "sampling", "source", "quality", "rtt", "tells", "icmp",
    )
}  # fmt: skip


def _join(first: Record, back: Record) -> None:
    """Add the other direction to `first`."""
    first.packets_in += back.packets_out
    first.bytes_in += back.bytes_out
    first.wire_in += back.wire_out
    if back.payload_out >= 0:
        first.payload_in = max(first.payload_in, 0) + back.payload_out
    first.flags_in |= back.flags_out
    first.end = max(first.end, back.end)
    first.b_mac = first.b_mac or back.a_mac
    first.quality |= back.quality
    first.end_reason = first.end_reason or back.end_reason
    first.sampling = max(first.sampling, back.sampling)
    first.paired = True
    first.icmp = first.icmp or -back.icmp


def _turn(one: Record) -> None:
    """Exchange the two sides."""
    for left, right in (
        ("a", "b"), ("a_port", "b_port"), ("packets_out", "packets_in"), ("bytes_out", "bytes_in"), ("payload_out", "payload_in"),
        ("flags_out", "flags_in"), ("a_mac", "b_mac"), ("wire_out", "wire_in"),
    ):  # fmt: skip
        x, y = getattr(one, left), getattr(one, right)
        setattr(one, left, y)
        setattr(one, right, x)
    one.icmp = -one.icmp
