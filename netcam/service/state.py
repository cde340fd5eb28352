"""What the service remembers: where each schedule stands, every run with its result, and what operators asked for. One SQLite file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netcam.service.planner import Entry
from netcam.sinks.storefile import StoreFile

VERSION = 1
KEEP_RUNS = 200_000
"""Runs that are remembered: fifty sites each hour for half a year."""

_SCHEMA = """
CREATE TABLE entries (schedule TEXT NOT NULL, site TEXT NOT NULL, after TEXT NOT NULL, pending TEXT, reason TEXT NOT NULL, resume INTEGER NOT NULL,
    paused TEXT NOT NULL, hasty INTEGER NOT NULL, PRIMARY KEY (schedule, site)) WITHOUT ROWID;
CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, schedule TEXT NOT NULL, site TEXT NOT NULL, planned TEXT NOT NULL, started TEXT,
    finished TEXT, status TEXT NOT NULL, reason TEXT NOT NULL, scan TEXT NOT NULL, found INTEGER, pid INTEGER, born INTEGER, deadline TEXT);
CREATE INDEX runs_of ON runs (schedule, site, planned);
CREATE INDEX runs_going ON runs (status) WHERE status = 'running';
CREATE TABLE wishes (number INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, schedule TEXT NOT NULL, site TEXT NOT NULL, by TEXT NOT NULL,
    at TEXT NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_RUN = "id, schedule, site, planned, started, finished, status, reason, scan, found, pid, born, deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One planned time and what became of it."""

    id: int
    schedule: str
    site: str
    planned: datetime
    started: datetime | None = None
    finished: datetime | None = None
    status: str = "running"
    """`running`, `complete`, `interrupted`, `failed` or `missed`."""
    reason: str = ""
    scan: str = ""
    found: int | None = None
    """Devices that answered."""
    pid: int | None = None
    born: int | None = None
    """When its process began, in ticks of the kernel: a process id alone may be somebody else's by now."""
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Something an operator asked the service to do: `pause`, `resume`, `stop` or `run`."""

    what: str
    schedule: str
    site: str
    by: str
    at: datetime


class State(StoreFile):
    """The file. Raises StoreError where it cannot be read or written."""

    def __init__(self, path: str | Path) -> None:
        self._saved: dict[tuple[str, str], tuple[object, ...]] = {}
        # a power cut may cost the last step, and has ended its runs as well
        super().__init__(path, _SCHEMA, VERSION, busy_seconds=10.0, durable=False)

    def entries(self, keys: Iterable[tuple[str, str]], now: datetime) -> dict[tuple[str, str], Entry]:
        """Where these schedules and sites stand; a new one begins now."""
        found = {}
        for schedule, site, after, pending, reason, resume, paused, hasty in self._rows("SELECT * FROM entries"):
            found[schedule, site] = Entry(
                schedule=schedule, site=site, after=_instant(after), pending=_instant(pending) if pending else None, reason=reason,
                resume=bool(resume), paused=paused, hasty=bool(hasty),
            )  # fmt: skip
        self._saved = {key: self._row(entry) for key, entry in found.items()}
        return {key: found.get(key) or Entry(schedule=key[0], site=key[1], after=now) for key in keys}

    def save(self, entries: Iterable[Entry], beat: datetime) -> None:
        """Write where schedules stand, and that the service was alive."""
        rows = {entry.key: row for entry in entries if (row := self._row(entry)) != self._saved.get(entry.key)}
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(rows.values()))
            db.execute("INSERT OR REPLACE INTO facts VALUES ('beat', ?)", (_text(beat),))
        self._saved |= rows

    @staticmethod
    def _row(entry: Entry) -> tuple[object, ...]:
        return (
            entry.schedule,
            entry.site,
            _text(entry.after),
            _text(entry.pending),
            entry.reason,
            int(entry.resume),
            entry.paused,
            int(entry.hasty),
        )

    def begun(self, schedule: str, site: str, planned: datetime) -> bool:
        """Whether a run of this planned time was begun before."""
        return bool(
            self._rows("SELECT 1 FROM runs WHERE schedule = ? AND site = ? AND planned = ? LIMIT 1", schedule, site, _text(planned))
        )

    def beat(self) -> datetime | None:
        """When the service was last alive."""
        return self.moment("beat")

    def fact(self, name: str) -> str:
        """What was noted under a name; empty where nothing was."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def moment(self, name: str) -> datetime | None:
        """The time that was noted under a name."""
        told = self.fact(name)
        return _instant(told) if told else None

    def note(self, name: str, value: str) -> None:
        """Note something under a name."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def begin(self, run: Run) -> int:
        """Write a new run, or a missed time; returns its number."""
        with self._writing() as db:
            values = (
                run.schedule, run.site, _text(run.planned), _text(run.started), _text(run.finished), run.status, run.reason, run.scan, run.found,
                run.pid, run.born, _text(run.deadline),
            )  # fmt: skip
            cursor = db.execute(f"INSERT INTO runs ({_RUN[4:]}) VALUES ({', '.join('?' * 12)})", values)  # noqa: S608 - columns are ours
            number = cursor.lastrowid or 0
            db.execute("DELETE FROM runs WHERE id <= ?", (number - KEEP_RUNS,))
        return number

    def process(self, id: int, pid: int, born: int | None) -> None:
        """Write which process a run is."""
        with self._writing() as db:
            db.execute("UPDATE runs SET pid = ?, born = ? WHERE id = ?", (pid, born, id))

    def finish(self, id: int, *, at: datetime, status: str, reason: str = "", scan: str = "", found: int | None = None) -> None:
        """Write how a run ended."""
        with self._writing() as db:
            values = (_text(at), status, reason[:2000], scan, found, id)
            db.execute("UPDATE runs SET finished = ?, status = ?, reason = ?, scan = ?, found = ? WHERE id = ?", values)

    def runs(self, *, schedule: str = "", site: str = "", status: str = "", limit: int = 1_000_000) -> list[Run]:
        """The newest runs, oldest of them first."""
        rows = self._rows(
            f"SELECT {_RUN} FROM runs WHERE ? IN ('', schedule) AND ? IN ('', site) AND ? IN ('', status) ORDER BY id DESC LIMIT ?",  # noqa: S608
            schedule, site, status, limit,
        )  # fmt: skip
        return [_run(row) for row in reversed(rows)]

    def wish(self, wish: Wish) -> None:
        """Ask the service for something."""
        with self._writing() as db:
            values = (wish.what, wish.schedule, wish.site, wish.by, _text(wish.at))
            db.execute("INSERT INTO wishes (what, schedule, site, by, at) VALUES (?, ?, ?, ?, ?)", values)

    def wishes(self) -> list[Wish]:
        """What was asked for since the last call, in order; each is told once."""
        with self._writing() as db:
            rows = db.execute("SELECT what, schedule, site, by, at FROM wishes ORDER BY number").fetchall()
            db.execute("DELETE FROM wishes")
        return [Wish(what=what, schedule=schedule, site=site, by=by, at=_instant(at)) for what, schedule, site, by, at in rows]


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _run(row: tuple[Any, ...]) -> Run:
    told = dict(zip(Run.__slots__, row, strict=True))
    for name in ("planned", "started", "finished", "deadline"):
        told[name] = _instant(told[name]) if told[name] else None
    return Run(**told)
