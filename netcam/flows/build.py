"""Ended rows of a walk to tables of bounded size: windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from netcam.flows import rows as r
from netcam.flows.names import Namer
from netcam.flows.table import COLUMNS, MINUTE_COLUMNS, FlowTable, Lookups
from netcam.flows.walk import LOW48, Walk

if TYPE_CHECKING:
    from netcam.flows.walk import Array

T = TypeVar("T")
WINDOW_ROWS = 120_000
"""Rows of a window: what is judged at once, 35 MB of columns."""
MAX_MINUTES = 1 << 20
"""Minutes of long flows kept until their flow ends, 32 MB; beyond that the oldest are forgotten and counted."""


class Assembly:
    """Takes what a walk finds and gives tables of at most WINDOW_ROWS flows, each whole with names, minutes and questions."""

    def __init__(self, source: str, walk: Walk, *, window_rows: int = WINDOW_ROWS) -> None:
        self.source, self.walk, self.namer = source, walk, Namer()
        self._window_rows = window_rows
        self._parts: list[FlowTable] = []
        self._serials: list[Array] = []
        self._rows = 0
        self._ready: deque[FlowTable] = deque()
        self._kept: list[Array] = []
        self._kept_rows = 0
        self.minutes_lost = 0
        self._told: dict[str, int] = {}

    def collect(self, buffer: Any) -> None:
        """Take what the walk collected in a step over `buffer`."""
        walk = self.walk
        if len(hints := walk.hints()) and buffer is not None:
            # first, since names belong to rows that may end in the same step
            self.namer.look(np.frombuffer(buffer, np.uint8), hints)
        self.take(walk.minutes(), walk.done())
        walk.clear()

    def through(self, walked: Generator[None, None, T], buffer: Any) -> T:
        """Take what is collected in each step over `buffer`; returns what the walk returns."""
        while True:
            try:
                next(walked)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            self.collect(buffer)

    def take(self, minutes: Array, done: Array) -> None:
        """Take bytes by minute, and rows that ended; neither is kept."""
        if len(minutes):
            self._minutes(minutes)
        if len(done):
            self._done(done)

    def _minutes(self, found: Array) -> None:
        self._kept.append(found.copy())
        self._kept_rows += len(found)
        if self._kept_rows > 2 * MAX_MINUTES:
            merged = np.concatenate(self._kept)
            self.minutes_lost += max(0, len(merged) - MAX_MINUTES)
            self._kept = [merged[-MAX_MINUTES:].copy()]
            self._kept_rows = len(self._kept[0])

    def _done(self, rows: Array) -> None:
        names, texts, stale = self.namer.take(rows)
        columns = {name: column.astype(COLUMNS[name]) for name, column in columns_of(rows).items()}
        if stale:
            columns["quality"][stale] |= r.Q_STALE
        self._parts.append(FlowTable(columns, names, texts=texts))
        self._serials.append(rows[:, r.SERIAL].copy())
        self._rows += len(rows)
        if self._rows >= self._window_rows or len(self.namer.resolver) > 50_000:
            self._ready.append(self._window())

    def _window(self) -> FlowTable:
        serials = np.concatenate(self._serials) if self._serials else np.zeros(0, np.int64)
        parts, self._parts, self._serials, self._rows = self._parts, [], [], 0
        order = np.argsort(np.concatenate([p["start"] for p in parts]), kind="stable") if parts else np.zeros(0, np.int64)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        names: dict[int, tuple[str, str]] = {}
        texts: dict[str, dict[int, str]] = {}
        base = 0
        for part in parts:
            names.update({int(rank[n + base]): name for n, name in part.names.items()})
            for column, of in part.texts.items():
                texts.setdefault(column, {}).update({int(rank[n + base]): text for n, text in of.items()})
            base += len(part)
        # column by column, so that the parts go as the window comes
        columns = {
            name: np.concatenate([p.columns.pop(name) for p in parts])[order] if parts else np.zeros(0, kind)
            for name, kind in COLUMNS.items()
        }
        made = FlowTable(columns, names, texts=texts, sources=[self.source])
        if base:
            made.window = (int(columns["start"].min()), int(columns["end"].max()))
        made.minutes = self._take_minutes(serials)
        if len(made.minutes["row"]):
            made.minutes["row"] = rank[made.minutes["row"]]
        made.lookups = self.namer.resolver.take()
        now = self.walk.counters | {"lookups_lost": self.namer.resolver.lost, "minutes_lost": self.minutes_lost}
        made.counters = {name: count - self._told.get(name, 0) for name, count in now.items()}
        self._told = now
        if made.counters["evicted"]:
            made.notes.append(f"{made.counters['evicted']} conversations were told early: more were open than the table holds")
        if made.counters["clock_jumps"]:
            made.notes.append(f"time ran backwards {made.counters['clock_jumps']} times")
        return made

    def _take_minutes(self, serials: Array) -> dict[str, npt.NDArray[Any]]:
        """Minutes of the rows of this window; those of open flows stay."""
        if not self._kept:
            return {name: np.zeros(0, kind) for name, kind in MINUTE_COLUMNS.items()}
        every = np.concatenate(self._kept)
        order = np.argsort(serials, kind="stable")
        place = np.searchsorted(serials[order], every[:, 0])
        place[place == len(serials)] = 0
        row = order[place] if len(serials) else np.zeros(len(every), np.int64)
        mine = serials[row] == every[:, 0] if len(serials) else np.zeros(len(every), bool)
        # of rows without a window yet only those that still can come are kept
        self._kept = [every[~mine]]
        self._kept_rows = len(self._kept[0])
        taken = every[mine]
        return {"row": row[mine], "minute": taken[:, 1].copy(), "out": taken[:, 2].copy(), "in": taken[:, 3].copy()}

    def ready(self) -> Iterator[FlowTable]:
        """Windows that are full."""
        while self._ready:
            yield self._ready.popleft()

    def cut(self) -> FlowTable:
        """What has ended since the last window, full or not: for windows of time."""
        return self._window()

    def finish(self) -> Iterator[FlowTable]:
        """End every open flow and give what is left; the last window may be empty but is always there."""
        for _ in self.walk.finish():
            self.collect(None)
            yield from self.ready()
        yield self._window()


def columns_of(rows: Array) -> dict[str, npt.NDArray[Any]]:
    """Columns of a FlowTable from ended rows."""
    key, marks, rtt, more = rows[:, r.KEY], rows[:, r.MARKS], rows[:, r.RTT], rows[:, r.MORE]
    mac_a, mac_b = rows[:, r.MAC_A], rows[:, r.MAC_B]
    doubles = rows.view(np.float64)
    packets_out, packets_in = rows[:, r.PACKETS] & 0xFFFFFFFF, rows[:, r.PACKETS] >> 32
    unsigned = rows.view(np.uint64)
    first_out = rows[:, r.START]
    return {
        "start": rows[:, r.START].copy(), "end": rows[:, r.END].copy(),
        "a_hi": unsigned[:, r.A_HI].copy(), "a_lo": unsigned[:, r.A_LO].copy(), "b_hi": unsigned[:, r.B_HI].copy(),
        "b_lo": unsigned[:, r.B_LO].copy(), "a_port": key >> 16 & 0xFFFF, "b_port": key & 0xFFFF, "proto": key >> 32 & 0xFF,
        "version": key >> 40 & 15, "a_mac": (mac_a & LOW48).astype(np.uint64), "b_mac": (mac_b & LOW48).astype(np.uint64),
        "packets_out": packets_out, "packets_in": packets_in, "bytes_out": rows[:, r.B_OUT].copy(), "bytes_in": rows[:, r.B_IN].copy(),
        "payload_out": rows[:, r.L_OUT].copy(), "payload_in": rows[:, r.L_IN].copy(),
        "wire_out": rows[:, r.W_OUT].copy(), "wire_in": rows[:, r.W_IN].copy(),
        "flags_out": mac_a >> 48 & 0xFF, "flags_in": mac_a >> 56 & 0xFF, "vlan": mac_b >> 48 & 0xFFF,
        "end_reason": more & 0xFF, "icmp": more >> 24 & 0x1FFFF, "quality": marks >> 32 & 0xFFFF, "tells": marks & 0xFFFFFFFF, "rtt": (rtt & 0xFFFFFFFF) * 1000,
        "retransmitted_out": rtt >> 32 & 0xFFFF, "retransmitted_in": rtt >> 48 & 0xFFFF,
        "size_squares_out": doubles[:, r.SQUARES_OUT].copy(), "size_squares_in": doubles[:, r.SQUARES_IN].copy(),
        "gap_sum_out": np.where(packets_out > 1, (rows[:, r.LAST_OUT] - first_out) / 1e9, 0.0),
        "gap_sum_in": np.where(packets_in > 1, (rows[:, r.LAST_IN] - rows[:, r.FIRST_IN]) / 1e9, 0.0),
        "gap_squares_out": doubles[:, r.GAPS_OUT].copy(), "gap_squares_in": doubles[:, r.GAPS_IN].copy(),
    }  # fmt: skip


def merged(tables: Sequence[FlowTable]) -> FlowTable:
    """Several tables as one: rows one after the other, counters added, notes, sources and questions kept."""
    if not tables:
        return FlowTable({"start": np.zeros(0, np.int64)})
    if len(tables) == 1:
        return tables[0]
    columns = {name: np.concatenate([t[name] for t in tables]) for name in COLUMNS}
    made = FlowTable(columns)
    sources: dict[str, int] = {}
    devices: dict[str, int] = {}
    base = 0
    minutes: list[dict[str, npt.NDArray[Any]]] = []
    for table in tables:
        part = slice(base, base + len(table))
        made.names.update({n + base: name for n, name in table.names.items()})
        for column, of in table.texts.items():
            made.texts.setdefault(column, {}).update({n + base: text for n, text in of.items()})
        for name, count in table.counters.items():
            made.counters[name] = made.counters.get(name, 0) + count
        made.notes += table.notes
        if table.sources:
            places = np.array([sources.setdefault(s, len(sources)) for s in table.sources], np.int64)
            columns["source"][part] = places[np.clip(table["source"], 0, len(places) - 1)]
        if table.devices:
            places = np.array([0, *(devices.setdefault(d, len(devices)) + 1 for d in table.devices)], np.int64)
            columns["device"][part] = places[table["device"]]
        if len(table.minutes["row"]):
            minutes.append(table.minutes | {"row": table.minutes["row"] + base})
        base += len(table)
    made.sources, made.devices = list(sources), list(devices)
    if minutes:
        made.minutes = {name: np.concatenate([m[name] for m in minutes]) for name in MINUTE_COLUMNS}
    made.lookups = merged_lookups([t.lookups for t in tables if len(t.lookups)])
    if base:
        made.window = (int(made["start"].min()), int(made["end"].max()))
    return made


def merged_lookups(parts: Sequence[Lookups]) -> Lookups:
    """Questions of several tables as one."""
    if not parts:
        return Lookups()
    if len(parts) == 1:
        return parts[0]
    made = Lookups({name: np.concatenate([p[name] for p in parts]) for name in parts[0].columns})
    base = 0
    for part in parts:
        made.columns["name"][base : base + len(part)] += len(made.names)
        made.names += part.names
        base += len(part)
    return made
