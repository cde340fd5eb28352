"""The outbox: events on disk until every sink has them, with a cursor per sink, dead letters, and what was told before."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from netcam.model import Finding
from netcam.sinks.event import Event
from netcam.sinks.format import Format
from netcam.sinks.lifecycle import Settled, Told
from netcam.sinks.storefile import StoreFile
from netcam.sinks.transport import Item

VERSION = 2
BUSY_SECONDS = 5.0
"""How long a writer waits for another: a scan must not stand still for its events."""
MAX_WAITING = 32 * 1024 * 1024
"""Bytes of bodies read at once: an event may have 256 kB."""

_SCHEMA = """
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, kind TEXT NOT NULL,
    site TEXT NOT NULL, sensor TEXT NOT NULL, device TEXT NOT NULL, severity INTEGER NOT NULL, message TEXT NOT NULL, queued REAL NOT NULL);
CREATE TABLE bodies (seq INTEGER NOT NULL, format TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (seq, format)) WITHOUT ROWID;
CREATE TABLE sinks (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0,
    retry_at REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', delivered INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0,
    last REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE done (sink TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (sink, seq)) WITHOUT ROWID;
CREATE TABLE attempts (sink TEXT NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (sink, seq)) WITHOUT ROWID;
CREATE TABLE dead (sink TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (sink, seq))
    WITHOUT ROWID;
CREATE TABLE told (key TEXT PRIMARY KEY, site TEXT NOT NULL, digest TEXT NOT NULL, since TEXT NOT NULL, finding BLOB NOT NULL,
    source TEXT NOT NULL DEFAULT '', seen TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE quiet (key TEXT PRIMARY KEY, site TEXT NOT NULL, until TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX told_site ON told (site);
CREATE TABLE devices (site TEXT NOT NULL, device TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (site, device)) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_UPGRADES = {
    1: """ALTER TABLE told ADD COLUMN source TEXT NOT NULL DEFAULT '';
    ALTER TABLE told ADD COLUMN seen TEXT NOT NULL DEFAULT '';
    CREATE TABLE quiet (key TEXT PRIMARY KEY, site TEXT NOT NULL, until TEXT NOT NULL) WITHOUT ROWID"""
}
_ITEM = "e.seq, e.id, e.at, e.kind, e.site, e.sensor, e.device, e.severity, e.message"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkState:
    """How a sink stands."""

    name: str
    cursor: int
    """Every event up to here is delivered, refused, or none of this sink's."""
    failures: int = 0
    """Failures in a row."""
    retry_at: float = 0.0
    error: str = ""
    """What the last failure was; empty after a success."""
    delivered: int = 0
    lost: int = 0
    """Events given up because the outbox was full."""
    last: float = 0.0
    """When the last delivery was, seconds since 1970; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a sink refused."""

    sink: str
    at: float
    reason: str
    item: Item


class Outbox(StoreFile):
    """One SQLite file, written by scans and read by the deliverer, in any number of processes. Raises StoreError."""

    def __init__(self, path: str | Path, *, max_events: int = 1_000_000, clock: Callable[[], float] = time.time) -> None:
        self._max, self._clock = max_events, clock
        super().__init__(path, _SCHEMA, VERSION, busy_seconds=BUSY_SECONDS, durable=True, upgrades=_UPGRADES)

    # what goes in

    def put(
        self, events: Iterable[Event], formats: Mapping[str, Format], *, settled: Settled | None = None, site: str = "",
        devices: Mapping[str, str] | None = None, facts: Mapping[str, str] | None = None,
    ) -> int:  # fmt: skip
        """Queue events in these formats, numbered in order, and keep with them what was told; all of it or nothing.

        Returns how many were new: an event whose id is queued already is the same event. `devices` is device -> state at `site`.
        """
        now, new = self._clock(), 0
        with self._writing() as db:
            (seq,) = db.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)").fetchone()
            for event in events:
                id, about = event.id, event.device.device if event.device else (event.finding.device if event.finding else "")
                row = (
                    seq + 1,
                    id,
                    event.at.timestamp(),
                    event.kind.value,
                    _text(event.site),
                    _text(event.sensor),
                    _text(about),
                    event.severity,
                )
                done = db.execute(
                    "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, _text(event.message)[:2048], now)
                )
                if not done.rowcount:
                    continue
                seq, new = seq + 1, new + 1
                numbered = event.numbered(seq)
                db.executemany(
                    "INSERT INTO bodies VALUES (?, ?, ?)", [(seq, name, form.encode(numbered)) for name, form in formats.items()]
                )
            if settled:
                db.executemany(
                    "INSERT OR REPLACE INTO told (key, site, digest, since, finding, source, seen) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (
                            key,
                            _text(one.finding.site),
                            one.digest,
                            one.since,
                            msgspec.json.encode(_writable(one.finding)),
                            _text(one.source),
                            one.seen,
                        )
                        for key, one in settled.told.items()
                    ],
                )
                db.executemany(
                    "INSERT OR REPLACE INTO quiet VALUES (?, ?, ?)", [(key, _text(site), until) for key, until in settled.quiet.items()]
                )
                db.executemany("DELETE FROM told WHERE key = ?", [(key,) for key in settled.closed])
            db.executemany(
                "INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", [(_text(site), _text(d), s) for d, s in (devices or {}).items()]
            )
            db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", list((facts or {}).items()))
            self._give_up(db, seq)
        return new

    def _give_up(self, db: sqlite3.Connection, newest: int) -> None:
        """Drop the oldest events above the bound: disk is finite, and a scan never waits for a receiver."""
        (oldest,) = db.execute("SELECT coalesce(min(seq), 0) FROM events").fetchone()
        if newest - oldest < self._max:
            return
        floor = newest - self._max
        for name, cursor in db.execute("SELECT name, cursor FROM sinks WHERE cursor < ?", (floor,)).fetchall():
            (lost,) = db.execute("SELECT count(*) FROM events WHERE seq > ? AND seq <= ?", (cursor, floor)).fetchone()
            db.execute("UPDATE sinks SET cursor = ?, lost = lost + ? WHERE name = ?", (floor, lost, name))
        self._drop(db, floor)

    @staticmethod
    def _drop(db: sqlite3.Connection, floor: int, extra: str = "") -> None:
        for table in ("bodies", "done", "attempts", "events"):
            # S608: names are ours
            db.execute(f"DELETE FROM {table} WHERE seq <= ? {extra}", (floor,))  # noqa: S608

    def prune(self, keep_seconds: float, sinks: Collection[str]) -> int:
        """Forget events that all of `sinks` have and that are older than that; dead letters stay. Returns how many."""
        with self._writing() as db:
            floor = min((cursor for name, cursor in db.execute("SELECT name, cursor FROM sinks") if name in sinks), default=0)
            (old,) = db.execute(
                "SELECT coalesce(max(seq), 0) FROM events WHERE seq <= ? AND queued < ?", (floor, self._clock() - keep_seconds)
            ).fetchone()
            (count,) = db.execute("SELECT count(*) FROM events WHERE seq <= ? AND seq NOT IN (SELECT seq FROM dead)", (old,)).fetchone()
            self._drop(db, old, "AND seq NOT IN (SELECT seq FROM dead)")
        return int(count)

    # what was told

    def told(self, site: str) -> dict[str, Told]:
        """The open findings of a site, as they were last told."""
        rows = self._rows("SELECT key, digest, since, finding, source, seen FROM told WHERE site = ?", _text(site))
        found = {}
        for key, digest, since, finding, source, seen in rows:
            try:
                one = msgspec.json.decode(finding, type=Finding)
                found[str(key)] = Told(digest=digest, since=since, finding=one, source=str(source), seen=str(seen))
            except msgspec.DecodeError:  # in the words of another version: it is told anew
                continue
        return found

    def quiet(self, site: str) -> dict[str, str]:
        """Traffic that was closed at a site: key -> until when (RFC 3339) older traffic is no news."""
        return {str(key): str(until) for key, until in self._rows("SELECT key, until FROM quiet WHERE site = ?", _text(site))}

    def restate(self) -> int:
        """Forget what was told, so that the next scan tells everything that stands; returns how many findings that were."""
        with self._writing() as db:
            (count,) = db.execute("SELECT count(*) FROM told").fetchone()
            for table in ("told", "devices", "quiet"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - names are ours
        return int(count)

    def devices(self, site: str) -> dict[str, str]:
        """Device -> `present` or `missing`, as last told of a site."""
        return {str(device): str(state) for device, state in self._rows("SELECT device, state FROM devices WHERE site = ?", _text(site))}

    def fact(self, name: str) -> str:
        """A remembered word, such as the digest of the content; empty where there is none."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    # what goes out

    def sink(self, name: str) -> SinkState:
        """How a sink stands; a new one begins with what comes next (`restate` tells it what stands already)."""
        rows = self._rows("SELECT name, cursor, failures, retry_at, error, delivered, lost, last FROM sinks WHERE name = ?", name)
        if not rows:
            with self._writing() as db:
                db.execute("INSERT OR IGNORE INTO sinks (name, cursor) SELECT ?, coalesce(max(seq), 0) FROM events", (name,))
            return self.sink(name)
        return SinkState(**dict(zip(SinkState.__slots__, rows[0], strict=True)))

    def sinks(self) -> list[SinkState]:
        """Every sink that was ever there."""
        return [self.sink(str(name)) for (name,) in self._rows("SELECT name FROM sinks ORDER BY name")]

    def newest(self) -> int:
        """The number of the newest event; 0 where none was ever queued."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM events")[0][0])

    def waiting(self, name: str, format: str, limit: int) -> list[Item]:
        """The next events after a sink's cursor that are not done, in order; a body that is not there is empty.

        What passed an event that is held back does not count: else a window full of it would hide all that comes after.
        """
        sql = (
            f"SELECT {_ITEM}, coalesce(b.body, x'') FROM events e"  # noqa: S608 - columns are ours
            " LEFT JOIN bodies b ON b.seq = e.seq AND b.format = ? LEFT JOIN done d ON d.sink = ? AND d.seq = e.seq"
            " WHERE e.seq > (SELECT cursor FROM sinks WHERE name = ?) AND d.seq IS NULL ORDER BY e.seq LIMIT ?"
        )
        found: list[Item] = []
        size = 0
        try:
            for row in self._db.execute(sql, (format, name, name, limit)):
                found.append(_item(row))
                size += len(row[9])
                if size > MAX_WAITING:
                    break
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return found

    def latest(self, limit: int) -> list[Item]:
        """The newest events, oldest of them first, as netcam's own JSON."""
        rows = self._rows(
            f"SELECT {_ITEM}, coalesce(b.body, x'') FROM events e LEFT JOIN bodies b ON b.seq = e.seq AND b.format = 'jsonl'"  # noqa: S608
            " ORDER BY e.seq DESC LIMIT ?",
            limit,
        )  # fmt: skip
        return [_item(row) for row in reversed(rows)]

    def settle(self, name: str, *, done: Iterable[int], delivered: int, refused: Mapping[int, str], cursor: int) -> None:
        """Write what became of a batch: `cursor` is the last number before the first event of it that is not done.

        It goes on over what was done before.
        """
        now = self._clock()
        with self._writing() as db:
            db.executemany("INSERT OR IGNORE INTO done VALUES (?, ?)", [(name, seq) for seq in done if seq > cursor])
            db.executemany(
                "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?)", [(name, seq, now, _text(why)[:2048]) for seq, why in refused.items()]
            )
            (cursor,) = db.execute(
                "SELECT coalesce((SELECT e.seq - 1 FROM events e LEFT JOIN done d ON d.sink = ?1 AND d.seq = e.seq"
                " WHERE e.seq > ?2 AND d.seq IS NULL ORDER BY e.seq LIMIT 1), (SELECT max(seq) FROM done WHERE sink = ?1 AND seq > ?2), ?2)",
                (name, cursor),
            ).fetchone()
            db.execute("DELETE FROM done WHERE sink = ? AND seq <= ?", (name, cursor))
            db.execute("DELETE FROM attempts WHERE sink = ? AND seq <= ?", (name, cursor))
            last = now if delivered else 0
            db.execute(
                "UPDATE sinks SET cursor = max(cursor, ?), delivered = delivered + ?, last = max(last, ?) WHERE name = ?",
                (cursor, delivered, last, name),
            )

    def tried(self, name: str, numbers: Iterable[int]) -> dict[int, int]:
        """Count one more attempt for events that were held back while others passed; returns the counts."""
        counts = {}
        with self._writing() as db:
            for seq in numbers:
                db.execute("INSERT INTO attempts VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1", (name, seq))
                (counts[seq],) = db.execute("SELECT count FROM attempts WHERE sink = ? AND seq = ?", (name, seq)).fetchone()
        return counts

    def failed(self, name: str, *, failures: int, retry_at: float, error: str) -> None:
        """Write how often a sink failed in a row, until when it is left alone, and why; 0 failures: it works."""
        with self._writing() as db:
            values = (failures, retry_at, _text(error)[:2048], name)
            db.execute("UPDATE sinks SET failures = ?, retry_at = ?, error = ? WHERE name = ?", values)

    # dead letters

    def dead(self, name: str | None = None, *, format: str = "jsonl") -> list[DeadLetter]:
        """What sinks refused, oldest first."""
        rows = self._rows(
            f"SELECT {_ITEM}, coalesce(b.body, x''), d.sink, d.at, d.reason FROM dead d JOIN events e ON e.seq = d.seq"  # noqa: S608
            " LEFT JOIN bodies b ON b.seq = e.seq AND b.format = ? WHERE ? IN ('', d.sink) ORDER BY e.seq, d.sink",
            format, name or "",
        )  # fmt: skip
        return [DeadLetter(sink=str(r[10]), at=float(r[11]), reason=str(r[12]), item=_item(r[:10])) for r in rows]

    def buried(self, name: str, format: str, limit: int) -> list[Item]:
        """Dead letters of a sink that were asked to be sent again, as items in its format."""
        rows = self._rows(
            f"SELECT {_ITEM}, coalesce(b.body, x'') FROM dead d JOIN events e ON e.seq = d.seq"  # noqa: S608
            " LEFT JOIN bodies b ON b.seq = e.seq AND b.format = ? WHERE d.sink = ? AND d.reason LIKE '(again) %' ORDER BY e.seq LIMIT ?",
            format, name, limit,
        )  # fmt: skip
        return [_item(row) for row in rows]

    def replay(self, name: str, ids: Sequence[str] = ()) -> int:
        """Ask for dead letters to be sent again, all of a sink or those whose id begins so; returns how many."""
        wanted = [one.item.seq for one in self.dead(name) if not ids or any(one.item.id.startswith(id) for id in ids)]
        with self._writing() as db:
            db.executemany(
                "UPDATE dead SET reason = '(again) ' || reason WHERE sink = ? AND seq = ? AND reason NOT LIKE '(again) %'",
                [(name, seq) for seq in wanted],
            )
            db.execute("UPDATE sinks SET failures = 0, retry_at = 0 WHERE name = ?", (name,))
        return len(wanted)

    def revived(self, name: str, numbers: Iterable[int]) -> None:
        """Forget dead letters that were delivered after all."""
        with self._writing() as db:
            db.executemany("DELETE FROM dead WHERE sink = ? AND seq = ?", [(name, seq) for seq in numbers])


def _text(text: str) -> str:
    """Text that SQLite can hold: a lone surrogate from a device's bytes is none."""
    return text.encode("utf-8", "replace").decode()


def _writable(thing: object) -> object:
    """A finding as plain values without lone surrogates."""
    plain = msgspec.to_builtins(thing)

    def clean(one: object) -> object:
        if isinstance(one, str):
            return _text(one)
        if isinstance(one, dict):
            return {clean(key): clean(value) for key, value in one.items()}
        return [clean(item) for item in one] if isinstance(one, list | tuple) else one

    return clean(plain)


def _item(row: Sequence[Any]) -> Item:
    return Item(**dict(zip(Item.__slots__, row, strict=True)))
