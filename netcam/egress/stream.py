"""Detectors run as records arrive: bounded state, hours closed in order, late and impossible records counted, kept over a restart."""

from __future__ import annotations

import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from netcam.egress import join, lookups
from netcam.egress.columns import Columns, empty, joined, size, take
from netcam.egress.join import HOUR, DeviceRef
from netcam.egress.ledger import DAYS, HOURS, PORTIONS, SIGNATURES, STARTS, Hour, Ledger
from netcam.errors import StoreError
from netcam.flows.inside import Network
from netcam.flows.table import FlowTable

LATENESS = HOUR
"""Nanoseconds after which an hour is closed: exporters with an active timeout of 30 minutes and a sensor that resends are in time."""
FUTURE = 600_000_000_000
"""Nanoseconds a record may be ahead of the receiver's clock: more is a wrong clock, and would close hours that still fill."""
MAX_OPEN_ROWS = 1_000_000
"""Rows of hours that are not closed yet (166 bytes each): beyond it they are counted, not stored."""
SCAN_ROWS = 200_000
"""Rows of open hours beyond which attempts without an answer are counted, not stored: a scan may not take the room of conversations."""
ATTEMPT = 3
"""Packets of an attempt: a question or a SYN, and its repetitions. An upload that nobody answers has more."""
VERSION = 2
"""Of the checkpoint's layout."""
_PARTS = {"channels": HOURS, "starts": STARTS, "portions": PORTIONS, "dns": lookups.KINDS, "names": lookups.NAMES, "signatures": SIGNATURES}


@dataclass(slots=True)
class Stream:
    """The state of one site. Feed it tables, take closed hours; a closed hour never changes again."""

    site: str = ""
    internal: tuple[Network, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)
    counters: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    closed: int = -1
    """The last closed hour, hours since 1970; -1 before the first."""
    newest: int = 0
    """Nanoseconds of the newest record that was believed."""
    _open: list[Columns] = field(default_factory=list)
    _dns: list[Columns] = field(default_factory=list)
    _names: list[Columns] = field(default_factory=list)
    _by_mac: dict[str, str] = field(default_factory=dict)

    def add(self, table: FlowTable, devices: Mapping[str, DeviceRef], *, now: int | None = None) -> None:
        """Take the rows of `table`. Those of closed hours are counted as late, those after `now` as from the future."""
        self._rename(devices)
        made = join.rows(table, devices, self.ledger.numbers, self.internal, self.counters)
        if now is not None:
            ahead = made["end"] > now + FUTURE
            self.counters["from the future"] += int(ahead.sum())
            made = take(made, ~ahead)
        late = made["hour"] <= self.closed
        self.counters["late"] += int(late.sum())
        made = take(made, ~late)
        held = sum(size(p) for p in self._open)
        if held + size(made) > SCAN_ROWS:
            vain = (made["answered"] == 0) & (made["pk_up"] + made["pk_down"] <= ATTEMPT)
            beyond = vain & (held + np.cumsum(vain) > SCAN_ROWS)
            self.counters["attempts beyond the bound of open hours"] += int(beyond.sum())
            made = take(made, ~beyond)
        if held + size(made) > MAX_OPEN_ROWS:
            self.counters["rows beyond the bound of open hours"] += held + size(made) - MAX_OPEN_ROWS
            made = take(made, np.arange(max(0, MAX_OPEN_ROWS - held)))
        if size(made):
            self._open.append(made)
            self.newest = max(self.newest, int(made["end"].max()))
        asked, names = lookups.rows(table, devices, self.ledger.numbers)
        for kept, part in ((self._dns, asked), (self._names, names)):
            fits = (part["hour"] > self.closed) & ((now is None) | (part["hour"] <= ((now or 0) + FUTURE) // HOUR))
            if fits.any():
                kept.append(take(part, fits))

    def ready(self) -> Iterator[int]:
        """Close, one after another, the hours that are complete; yields each after its rows have joined the ledger."""
        yield from self._close((self.newest - LATENESS) // HOUR)

    def finish(self) -> Iterator[int]:
        """Close everything that is left, the last hour unfinished."""
        yield from self._close(self.newest // HOUR + 1)

    def _close(self, before: int) -> Iterator[int]:
        """Close hours < `before` that have rows."""
        while True:
            hours = {h for part in self._open for h in np.unique(part["hour"]).tolist() if h < before}
            if not hours:
                return
            hour = min(hours)
            rows, self._open = _split(self._open, hour, join.KINDS)
            dns, self._dns = _split(self._dns, hour, lookups.KINDS)
            names, self._names = _split(self._names, hour, lookups.NAMES)
            if self.closed >= 0:
                self.ledger.gap(self.closed, hour)
            self.ledger.close(hour, rows, dns, names)
            if hour // 24 != self.closed // 24:
                self._forget_names()
            self.closed = hour
            yield hour

    def _rename(self, devices: Mapping[str, DeviceRef]) -> None:
        """A device that had been known by its address, or whose MAC has a new key, keeps its history under the new key."""
        numbers = self.ledger.numbers
        for ref in devices.values():
            earlier = [self._by_mac.get(mac) for mac in ref.macs]
            earlier += [a for a in ref.addresses if a not in devices and a in numbers.device_number]
            for key in dict.fromkeys(k for k in earlier if k is not None and k != ref.device and k not in devices):
                old = numbers.device_number.get(key)
                if old is None:
                    continue
                self.counters["device keys renamed"] += 1
                self._note(f"device {key!r:.80} is now {ref.device!r:.80}: its history goes with it")
                self._move(old, numbers.device(ref))
            for mac in ref.macs:
                self._by_mac[mac] = ref.device
            at = numbers.device_number.get(ref.device)
            if at is not None:
                numbers.devices[at] = ref

    def _move(self, old: int, new: int) -> None:
        """Rows of device number `old` become rows of `new`. The old number stays free of rows; its key is forgotten."""
        ledger = self.ledger
        parts = [*self._open, *self._dns, *self._names, *ledger.days]
        for hour in ledger.hours:
            parts += [hour.channels, hour.dns, hour.names, hour.signatures]
        for part in parts:
            part["dev"] = np.where(part["dev"] == old, new, part["dev"]).astype(part["dev"].dtype)
        if old < len(ledger.levels):
            if new >= len(ledger.levels):
                grown = np.full((new + 1, ledger.levels.shape[1]), np.nan, np.float32)
                grown[: len(ledger.levels)] = ledger.levels
                ledger.levels = grown
            ledger.levels[new] = np.where(
                np.isnan(ledger.levels[new]), ledger.levels[old], np.nan_to_num(ledger.levels[old]) + ledger.levels[new]
            )
            ledger.levels[old] = np.nan
        key = ledger.numbers.devices[old].device
        del ledger.numbers.device_number[key]
        ledger.numbers.devices[old] = DeviceRef(device="")

    def _forget_names(self) -> None:
        """Names and groups that no row points to any more are dropped: hostile names must not pile up over months."""
        ledger, numbers = self.ledger, self.ledger.numbers
        places: list[tuple[Columns, str]] = [(p, "name") for p in self._open] + [(p, "ja4") for p in self._open]
        places += [(p, "parent") for p in (*self._dns, *self._names)] + [(d, "group") for d in ledger.days]
        for hour in ledger.hours:
            places += [(hour.channels, "name"), (hour.dns, "parent"), (hour.names, "parent"), (hour.signatures, "ja4")]
        used = np.zeros(len(numbers.names), bool)
        used[0] = True
        for part, column in places:
            used[part[column]] = True
        if used.all():
            return
        renumbered = np.cumsum(used) - 1
        for part, column in places:
            part[column] = renumbered[part[column]].astype(part[column].dtype)
        numbers.names = [text for text, kept in zip(numbers.names, used.tolist(), strict=True) if kept]
        numbers.name_number = {text: n for n, text in enumerate(numbers.names)}
        ledger.groups = {}

    def _note(self, text: str) -> None:
        """Keep the newest hundred notes."""
        self.notes = [*self.notes[-99:], text]

    def save(self, path: Path) -> None:
        """Write the whole state beside `path` and put it in its place in one step. Raises StoreError."""
        arrays: dict[str, Any] = {"levels": self.ledger.levels}
        for kind, parts in (("open", self._open), ("dns", self._dns), ("names", self._names)):
            whole = joined(parts, {"open": join.KINDS, "dns": lookups.KINDS, "names": lookups.NAMES}[kind])
            arrays |= {f"{kind}.{column}": values for column, values in whole.items()}
        arrays |= {f"days.{c}": v for c, v in joined(self.ledger.days, DAYS).items()}
        for n, hour in enumerate(self.ledger.hours):
            for part in _PARTS:
                arrays |= {f"hour{n}.{part}.{c}": v for c, v in getattr(hour, part).items()}
        told = {
            "version": VERSION, "site": self.site, "closed": self.closed, "newest": self.newest, "counters": dict(self.counters),
            "notes": self.notes, "names": self.ledger.numbers.names, "hours": [h.hour for h in self.ledger.hours],
            "devices": [_ref_record(r) for r in self.ledger.numbers.devices], "macs": self._by_mac,
        }  # fmt: skip
        arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
        try:
            beside = path.with_suffix(path.suffix + ".part")
            with beside.open("wb") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise StoreError(str(path), error.strerror or "cannot be written", "check the folder and the space on it") from None

    @classmethod
    def load(cls, path: Path, *, internal: tuple[Network, ...] = ()) -> Stream:
        """The state that `save` wrote. Raises StoreError where the file is another thing, damaged or of another version."""
        cure = "move the file away to begin anew; history is lost, findings are not"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                told = json.loads(bytes(arrays["told"]).decode())
                if told["version"] != VERSION:
                    raise StoreError(str(path), f"is of version {told['version']!r:.20}, this netcam reads {VERSION}", cure)
                made = cls(site=told["site"], internal=internal, closed=int(told["closed"]), newest=int(told["newest"]))
                made.counters, made.notes, made._by_mac = Counter(told["counters"]), list(told["notes"]), dict(told["macs"])
                numbers = made.ledger.numbers
                numbers.names = [str(n) for n in told["names"]]
                numbers.name_number = {text: n for n, text in enumerate(numbers.names)}
                for n, record in enumerate(told["devices"]):
                    numbers.devices.append(msgspec.convert(record, DeviceRef))
                    if record["device"]:
                        numbers.device_number[record["device"]] = n
                made.ledger.levels = arrays["levels"].astype(np.float32)
                read = _reader(arrays, len(numbers.devices), len(numbers.names))
                for kept, prefix, kinds in (
                    (made._open, "open", join.KINDS),
                    (made._dns, "dns", lookups.KINDS),
                    (made._names, "names", lookups.NAMES),
                ):
                    part = read(prefix, kinds)
                    if size(part):
                        kept.append(part)
                days = read("days", DAYS)
                made.ledger.days.extend(take(days, days["day"] == day) for day in np.unique(days["day"]).tolist())
                for n, hour in enumerate(told["hours"]):
                    made.ledger.hours.append(Hour(int(hour), **{part: read(f"hour{n}.{part}", kinds) for part, kinds in _PARTS.items()}))
                return made
        except OSError as error:
            raise StoreError(str(path), error.strerror or "cannot be read", cure) from None
        except (KeyError, ValueError, TypeError, IndexError, EOFError, zipfile.BadZipFile, msgspec.ValidationError) as error:
            raise StoreError(str(path), f"is no state of netcam ({type(error).__name__})", cure) from None


def _split(parts: list[Columns], hour: int, kinds: Mapping[str, str]) -> tuple[Columns, list[Columns]]:
    """The rows up to `hour`, joined, and the rest. `parts` are used up, column by column: a full hour is not held twice."""
    mine, rest = [], []
    while parts:
        part = parts.pop(0)
        due = part["hour"] <= hour
        if due.all():
            mine.append(part)
        elif not due.any():
            rest.append(part)
        else:
            mine.append(take(part, due))
            rest.append(take(part, ~due))
    if not mine:
        return empty(kinds), rest
    return {name: np.concatenate([part.pop(name) for part in mine]).astype(kind, copy=False) for name, kind in kinds.items()}, rest


def _ref_record(ref: DeviceRef) -> dict[str, Any]:
    return {name: list(v) if isinstance(v := getattr(ref, name), tuple) else v for name in DeviceRef.__dataclass_fields__}


def _reader(arrays: Any, devices: int, names: int) -> Any:
    """Reads columns whose length and numbers fit each other. Raises ValueError."""
    bounds = {"dev": devices, "name": names, "parent": names, "group": names, "ja4": names}

    def read(prefix: str, kinds: Mapping[str, str]) -> Columns:
        made = {c: arrays[f"{prefix}.{c}"].astype(kind) for c, kind in kinds.items()}
        if len({v.shape for v in made.values()}) > 1:
            raise ValueError("columns of different length")
        for column, bound in bounds.items():
            if column in made and len(made[column]) and not 0 <= int(made[column].min()) <= int(made[column].max()) < bound:
                raise ValueError("a number without its text")
        return made

    return read
