"""What the detectors remember: hours of channels for a day, days of destinations for a month, all bounded, in columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from netcam.catalog.destinations import registrable
from netcam.egress import lookups
from netcam.egress.columns import Array, Columns, empty, folded, joined, number, size, take
from netcam.egress.join import HOUR, IN, OUT, Numbers, periods, shared, spelt

WINDOW_HOURS = 24
"""Hours that detectors look at: a day holds a camera's whole rhythm of light and people."""
HISTORY_DAYS = 30
"""Days of history: a destination not met for a month is new again (RITA's mark for old)."""
MAX_CHANNELS = 512
"""Channels of one device in one hour: a camera has tens; a scan folds into one row that counts them."""
OTHERS = "(other destinations)"
"""Name under which the channels beyond MAX_CHANNELS are folded."""
STREAM_RATE = 150_000 / 8
"""Bytes a second: the lowest substream of cameras is about 150 kbit/s."""
STREAM_SECONDS = 20.0
"""A snapshot or a clip is over sooner; a live stream is not."""

CHANNEL = ("dev", "name", "hi", "lo", "side", "port", "proto")
"""What makes a channel: device, destination (a name, else an address), who began it, port and protocol."""
HOURS: Mapping[str, str] = {
    "dev": "i4", "name": "i4", "hi": "u8", "lo": "u8", "side": "i2", "port": "i4", "proto": "i4", "n": "i8", "up": "i8", "down": "i8",
    "pk_up": "i8", "pk_down": "i8", "answered": "i8", "blocked": "i8", "tells": "i8", "blind": "i8", "first": "i8", "last": "i8",
    "longest": "f8", "stream_up": "i8", "stream_seconds": "f8", "burst": "i8", "bursts": "i8", "asn": "i8", "country": "i4", "marks": "i4",
    "distinct": "i8", "busy": "f8", "at_hi": "u8", "at_lo": "u8", "hour": "i4",
}  # fmt: skip
"""One row per channel and hour. `burst`: most payload of one flow up; `bursts`: flows of picture or clip size in a short time;
`stream_*`: payload and seconds of flows at the pace of video; `distinct`: destinations that a folded row stands for; `busy`: seconds of all flows; `at_*`: one address of a name."""
_HOW = {
    "n": "sum", "up": "sum", "down": "sum", "pk_up": "sum", "pk_down": "sum", "answered": "sum", "blocked": "sum", "tells": "or",
    "blind": "sum", "first": "min", "last": "max", "longest": "max", "stream_up": "sum", "stream_seconds": "sum", "burst": "max",
    "bursts": "sum", "asn": "max", "country": "max", "marks": "or", "distinct": "sum", "busy": "sum", "at_hi": "max", "at_lo": "max", "hour": "max",
}  # fmt: skip
STARTS: Mapping[str, str] = {"row": "i4", "start": "u4", "up": "u4"}
"""Beginnings of flows: row of the hour's table, tenths of a second within the hour, payload up; one per tenth and channel."""
TENTH = 100_000_000
"""Nanoseconds: beats of a second and more keep their pace at this grain, and a flood of connections stays bounded."""
PORTION = 300_000_000_000
"""Nanoseconds: the grain of amounts within any sixty minutes. Full hours are nothing to a leak, and twelve portions are kept where sixty would cost
five times the room; an amount that is sent in up to 55 minutes is the same wherever it begins."""
PORTIONS: Mapping[str, str] = {"row": "i4", "portion": "u1", "up": "i8"}
"""Payload up to the outside: row of the hour's table, which five minutes of the hour, bytes."""
SIGNATURES: Mapping[str, str] = {"dev": "i4", "ja4": "i4"}
DAYS: Mapping[str, str] = {
    "dev": "i4", "group": "i4", "side": "i2", "day": "i4", "n": "i4", "up": "f4", "down": "f4", "first": "u4", "last": "u4", "answered": "i4",
}  # fmt: skip
"""One row per device, destination group, side and day."""
_DAY_HOW = {"n": "sum", "up": "sum", "down": "sum", "first": "min", "last": "max", "answered": "sum"}
SNAPSHOT_BYTES, CLIP_BYTES = 8_000, 50_000_000
"""A picture of a camera has 8 kB and more, a clip under 50 MB."""
BURST_SECONDS = 120.0
"""A clip is sent within two minutes."""


@dataclass(slots=True)
class Hour:
    """One closed hour."""

    hour: int
    channels: Columns
    starts: Columns
    portions: Columns
    dns: Columns
    names: Columns
    signatures: Columns


@dataclass(slots=True)
class Ledger:
    """The rolling memory of one site."""

    numbers: Numbers = field(default_factory=Numbers)
    hours: deque[Hour] = field(default_factory=deque)
    days: deque[Columns] = field(default_factory=deque)
    levels: Array = field(default_factory=lambda: np.full((0, HISTORY_DAYS * 24), np.nan, np.float32))
    """Payload up to the outside per device and hour of the last 30 days (hour modulo 720); NaN where nothing was watched."""
    groups: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def group(self, channels: Columns) -> Array:
        """The destination group of each row: registered domain, else the network of the address; inside, the address itself."""
        outside = channels["side"] <= IN
        lo = np.where(outside & (channels["hi"] == 0), channels["lo"] & ~np.uint64(255), channels["lo"])
        lo = np.where(outside & (channels["hi"] != 0), np.uint64(0), lo)
        hi = np.where(outside, channels["hi"] & ~np.uint64(0xFFFF), channels["hi"])
        keyed = {"name": channels["name"].astype(np.int64), "hi": hi, "lo": lo, "side": outside.astype(np.int64)}
        at, rows = number(keyed, ("name", "hi", "lo", "side"))
        found = np.zeros(len(rows), np.int64)
        for n, row in enumerate(rows.tolist()):
            key = (int(keyed["name"][row]), int(hi[row]), int(lo[row]) << 1 | int(outside[row]))
            known = self.groups.get(key)
            if known is None:
                known = self.groups[key] = self.numbers.name(self._label(*key))
            found[n] = known
        return found[at] if len(rows) else np.zeros(0, np.int64)

    def _label(self, name: int, hi: int, packed: int) -> str:
        if name:
            text = self.numbers.names[name]
            return text if text == OTHERS else registrable(text)
        text = spelt(hi, packed >> 1)
        return f"{text}/{24 if hi == 0 else 48}" if packed & 1 else text

    def close(self, hour: int, rows: Columns, dns: Columns, names: Columns) -> None:
        """Take the complete rows of `hour`, and forget what is too old."""
        channels = self._channels(hour, rows)
        starts, portions = self._starts(rows, channels), self._portions(rows, channels)
        signatures = folded(take({k: rows[k] for k in SIGNATURES}, rows["ja4"] > 0), ("dev", "ja4"), {})
        self.hours.append(Hour(hour, channels, starts, portions, lookups.fold(dns), lookups.bottom(names), signatures))
        while self.hours and self.hours[0].hour <= hour - WINDOW_HOURS:
            self.hours.popleft()
        self._day(hour, channels)
        self._level(hour, channels)

    def _channels(self, hour: int, rows: Columns) -> Columns:
        span = (rows["end"] - rows["start"]) / 1e9
        # a flow is what it is as a whole, on whichever side of a full hour its parts lie
        whole = rows["whole_up"]
        streaming = (rows["seconds"] >= STREAM_SECONDS) & (whole / np.maximum(rows["seconds"], 1.0) >= STREAM_RATE)
        burst = (whole >= SNAPSHOT_BYTES) & (whole <= CLIP_BYTES) & (rows["seconds"] <= BURST_SECONDS)
        burst &= (whole >= 4 * rows["whole_down"]) & (rows["head"] > 0)
        wide: Columns = {k: rows[k] for k in CHANNEL} | {
            "n": rows["head"].astype(np.int64), "up": rows["up"], "down": rows["down"], "pk_up": rows["pk_up"], "pk_down": rows["pk_down"],
            "answered": rows["answered"], "blocked": rows["blocked"], "tells": rows["tells"], "blind": rows["blind"],
            "first": rows["start"], "last": rows["end"], "longest": rows["seconds"],
            "stream_up": np.where(streaming, rows["up"], 0), "stream_seconds": np.where(streaming, span, 0.0), "burst": whole,
            "bursts": burst.astype(np.int64), "asn": rows["asn"], "country": rows["country"], "marks": rows["marks"],
            "distinct": np.ones(len(rows["dev"]), np.int64), "busy": span, "at_hi": rows["at_hi"], "at_lo": rows["at_lo"], "hour": np.full(len(rows["dev"]), hour, np.int32),
        }  # fmt: skip
        made = folded(wide, CHANNEL, _HOW | {"distinct": "max"})
        counts = np.bincount(made["dev"], minlength=1) if size(made) else np.zeros(1, np.int64)
        crowded = np.flatnonzero(counts > MAX_CHANNELS)
        if len(crowded):
            made = self._fold_crowd(made, crowded)
        return {k: made[k].astype(kind, copy=False) for k, kind in HOURS.items()}

    def _fold_crowd(self, made: Columns, crowded: Array) -> Columns:
        """The smallest channels of devices that have too many become one row each side, port and protocol apart where few."""
        other = self.numbers.name(OTHERS)
        stable = {n: lookups.digest(self.numbers.names[n]) for n in np.unique(made["name"]).tolist()}
        tie = np.array([stable[n] for n in made["name"].tolist()], np.int64)
        ranked = np.lexsort(
            [made["proto"], made["port"], made["lo"], made["hi"], tie, -made["pk_up"], -(made["up"] + made["down"]), made["dev"]]
        )
        begins = np.searchsorted(made["dev"][ranked], np.arange(made["dev"].max() + 2))
        nth = np.empty(len(ranked), np.int64)
        nth[ranked] = np.arange(len(ranked)) - begins[made["dev"][ranked]]
        many = np.isin(made["dev"], crowded) & (nth >= MAX_CHANNELS)
        rest = take(made, many)
        rest["name"] = np.full(size(rest), other, made["name"].dtype)
        rest["hi"], rest["lo"] = rest["hi"] * 0, rest["lo"] * 0
        rest["port"] = rest["port"] * 0
        return joined([take(made, ~many), folded(rest, CHANNEL, _HOW)], HOURS)

    def _starts(self, rows: Columns, channels: Columns) -> Columns:
        begun = take({k: rows[k] for k in (*CHANNEL, "start", "up")}, (rows["head"] > 0) & (rows["blocked"] == 0))
        if not size(begun) or not size(channels):
            return empty(STARTS)
        keyed = {"row": _places(begun, channels), "start": begun["start"] // TENTH % 36_000, "up": np.minimum(begun["up"], 2**32 - 1)}
        keyed = folded(take(keyed, keyed["row"] >= 0), ("row", "start"), {"up": "sum"})
        keyed["up"] = np.minimum(keyed["up"], 2**32 - 1)
        return {k: keyed[k].astype(kind) for k, kind in STARTS.items()}

    def _portions(self, rows: Columns, channels: Columns) -> Columns:
        sent = take({k: rows[k] for k in (*CHANNEL, "start", "end", "up")}, (rows["side"] == OUT) & (rows["up"] > 0))
        if not size(sent) or not size(channels):
            return empty(PORTIONS)
        last = np.maximum(sent["end"] - 1, sent["start"]) // PORTION
        spread, _, portion = periods(sent["start"] // PORTION, last)
        parts = take({"row": _places(sent, channels), "start": sent["start"], "end": sent["end"], "up": sent["up"]}, spread)
        shared(parts, portion, PORTION, ("up",), parts["start"])
        keyed = {"row": parts["row"], "portion": portion % (HOUR // PORTION), "up": parts["up"]}
        keyed = folded(take(keyed, (keyed["row"] >= 0) & (keyed["up"] > 0)), ("row", "portion"), {"up": "sum"})
        return {k: keyed[k].astype(kind) for k, kind in PORTIONS.items()}

    def _day(self, hour: int, channels: Columns) -> None:
        day = hour // 24
        seconds = {k: (channels[k] // 1_000_000_000).astype(np.uint32) for k in ("first", "last")}
        part: Columns = {
            "dev": channels["dev"], "group": self.group(channels), "side": channels["side"], "day": np.full(size(channels), day, np.int32),
            "n": channels["n"], "up": channels["up"].astype(np.float64), "down": channels["down"].astype(np.float64), **seconds,
            "answered": channels["answered"],
        }  # fmt: skip
        if self.days and size(self.days[-1]) and int(self.days[-1]["day"][0]) == day:
            part = joined([self.days.pop(), part], {k: part[k].dtype.str for k in DAYS})
        made = folded(part, ("dev", "group", "side", "day"), _DAY_HOW)
        if size(made):
            self.days.append({k: made[k].astype(kind) for k, kind in DAYS.items()})
        while self.days and int(self.days[0]["day"][0]) <= day - HISTORY_DAYS:
            self.days.popleft()

    def _level(self, hour: int, channels: Columns) -> None:
        devices = len(self.numbers.devices)
        if devices > len(self.levels):
            grown = np.full((max(devices, len(self.levels) * 5 // 4), self.levels.shape[1]), np.nan, np.float32)
            grown[: len(self.levels)] = self.levels
            self.levels = grown
        column = hour % self.levels.shape[1]
        known = ~np.isnan(self.levels).all(1)
        self.levels[:, column] = np.where(known, 0.0, np.nan)
        out = channels["side"] == OUT
        totals = np.bincount(channels["dev"][out], weights=channels["up"][out], minlength=len(self.levels))
        seen = np.bincount(channels["dev"], minlength=len(self.levels)) > 0
        self.levels[:, column] = np.where(seen | known, totals, np.nan)

    def gap(self, after: int, before: int) -> None:
        """Hours in which nothing was watched are unknown, not quiet."""
        width = self.levels.shape[1]
        for hour in range(max(after + 1, before - width), before):
            self.levels[:, hour % width] = np.nan

    def bytes(self) -> int:
        """Memory of the columns."""
        total = self.levels.nbytes + sum(v.nbytes for d in self.days for v in d.values())
        for one in self.hours:
            total += sum(
                v.nbytes for part in (one.channels, one.starts, one.portions, one.dns, one.names, one.signatures) for v in part.values()
            )
        return total + sum(len(n) + 60 for n in self.numbers.names)


def _places(rows: Columns, channels: Columns) -> Array:
    """Where the channel of each row stands in `channels`; -1 where it was folded into the crowd and has none of its own."""
    both = {k: np.concatenate([channels[k].astype(rows[k].dtype), rows[k]]) for k in CHANNEL}
    at, first = number(both, CHANNEL)
    count = size(channels)
    place = np.full(len(first), -1, np.int64)
    place[at[:count]] = np.arange(count)
    found: Array = place[at[count:]]
    return found
