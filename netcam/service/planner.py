"""What to do now: which run starts, which is stopped, which planned time is missed and why. Pure: time and state come in, decisions go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from netcam.service.timetable import Timetable

LONGEST_STANDSTILL = timedelta(days=35)
"""Planned times before that are not told one by one: nobody reads a year of them."""
STOP_AHEAD = timedelta(minutes=2)
"""A run is asked to end so long before its window does: it ends inside."""
SHORTEST = timedelta(minutes=5)
"""A run that would have less time than that is not started."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """Where one schedule at one site stands; this is what is kept across restarts."""

    schedule: str
    site: str
    after: datetime
    """Planned times up to here have been dealt with."""
    pending: datetime | None = None
    """A planned time that waits to be started."""
    reason: str = ""
    """Why it waits."""
    resume: bool = False
    """The site's last run was cut short: the next start goes on with it."""
    paused: str = ""
    """Who paused it; empty: it is not paused."""
    hasty: bool = False
    """What waits was asked for by hand: it starts without jitter."""

    @property
    def key(self) -> tuple[str, str]:
        """Schedule and site."""
        return self.schedule, self.site


@dataclass(slots=True, kw_only=True)
class Running:
    """A run that goes on."""

    id: int
    schedule: str
    site: str
    planned: datetime
    started: datetime
    deadline: datetime | None = None
    stopping: str = ""
    """Why it was asked to stop; empty: it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start a run; `deadline` is when it must have stopped."""

    schedule: str
    site: str
    planned: datetime
    deadline: datetime | None
    resume: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Stop a run."""

    id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A planned time that no run was started for, and why."""

    schedule: str
    site: str
    planned: datetime
    reason: str


Decision = Start | Stop | Miss


@dataclass(slots=True, kw_only=True)
class Planner:
    """Timetables and where they stand."""

    timetables: Mapping[tuple[str, str], Timetable]
    entries: dict[tuple[str, str], Entry]
    at_once: int = 4
    """Runs at the same time, over all sites."""
    _next: dict[tuple[str, str], datetime | None] = field(default_factory=dict)

    def tick(self, now: datetime, running: Iterable[Running], *, beat: datetime | None = None) -> list[Decision]:
        """Decide. `beat` is when the service last decided, where it stood still since: what fell due in between is explained by that."""
        going = list(running)
        decisions: list[Decision] = []
        for run in going:
            if run.deadline is not None and now >= run.deadline and not run.stopping:
                table = self.timetables.get((run.schedule, run.site))
                over = table is None or table.forbidden(now + STOP_AHEAD) != ""
                run.stopping = f"its time is over: {'its window ends' if over else 'its longest duration is reached'}"
                decisions.append(Stop(id=run.id, reason=run.stopping))
        for key, table in self.timetables.items():
            decisions += self._due(self.entries[key], table, now, beat)
        busy = {run.site: run for run in going}
        count = len(going)
        waiting = [entry for key, entry in self.entries.items() if entry.pending is not None and key in self.timetables]
        for entry in sorted(waiting, key=lambda one: (one.pending, one.key)):
            decided = self._pending(entry, self.timetables[entry.key], now, busy, count, beat)
            if isinstance(decided, Start):
                count += 1
                busy[entry.site] = Running(id=0, schedule=entry.schedule, site=entry.site, planned=decided.planned, started=now)
            if decided is not None:
                decisions.append(decided)
                entry.pending, entry.reason, entry.hasty = None, "", False
        return decisions

    def _due(self, entry: Entry, table: Timetable, now: datetime, beat: datetime | None) -> Iterable[Decision]:
        """Take up planned times that have come; the newest waits, the others are missed."""
        known = self._next.get(entry.key, now)
        if known is None or known > now:
            return
        entry.after = max(entry.after, now - LONGEST_STANDSTILL)
        for planned in table.times(entry.after, now):
            if entry.pending is not None:
                reason = (
                    entry.reason
                    or self._standstill(self._start(entry, table), beat, now)
                    or f"overtaken by the run of {_told(table, planned)}"
                )
                yield Miss(schedule=entry.schedule, site=entry.site, planned=entry.pending, reason=reason)
            entry.after, entry.pending, entry.reason, entry.hasty = planned, planned, "", False
        self._next[entry.key] = table.next_time(now)

    @staticmethod
    def _start(entry: Entry, table: Timetable) -> datetime:
        """When what waits is to start."""
        assert entry.pending is not None
        return entry.pending if entry.hasty else table.start_of(entry.pending)

    @staticmethod
    def _standstill(start: datetime, beat: datetime | None, now: datetime) -> str:
        """The reason where the service stood still when a run should have started."""
        if beat is not None and beat < start:
            return f"netcam was not running from {beat:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC"
        return ""

    def _pending(
        self, entry: Entry, table: Timetable, now: datetime, busy: Mapping[str, Running], count: int, beat: datetime | None
    ) -> Start | Miss | None:
        start = self._start(entry, table)
        if now < start:
            return None
        if now > start + table.grace:
            reason = self._standstill(start, beat, now) or entry.reason or "it could not start within its grace period"
            assert entry.pending is not None
            return Miss(schedule=entry.schedule, site=entry.site, planned=entry.pending, reason=reason)
        entry.reason = self._blocked(entry, table, now, busy, count)
        if entry.reason:
            return None
        deadline = table.allowed_until(now)
        if deadline is not None:
            deadline -= STOP_AHEAD
            if deadline - now < SHORTEST:
                entry.reason = "the window was about to end"
                return None
        if table.settings.max_minutes and (deadline is None or now + timedelta(minutes=table.settings.max_minutes) < deadline):
            deadline = now + timedelta(minutes=table.settings.max_minutes)
        assert entry.pending is not None
        return Start(schedule=entry.schedule, site=entry.site, planned=entry.pending, deadline=deadline, resume=entry.resume)

    def _blocked(self, entry: Entry, table: Timetable, now: datetime, busy: Mapping[str, Running], count: int) -> str:
        if entry.paused:
            return f"paused by {entry.paused}"
        if forbidden := table.forbidden(now):
            return forbidden
        if entry.site in busy:
            other = busy[entry.site]
            return f"the run of schedule {other.schedule} at this site goes on since {other.started:%Y-%m-%d %H:%M} UTC"
        return f"{count} runs go on, as many as may at once" if count >= self.at_once else ""

    def wake(self, now: datetime, running: Iterable[Running]) -> datetime | None:
        """When the next decision can fall, unless a run ends or somebody intervenes before; None: never."""
        moments = [run.deadline for run in running if run.deadline is not None and not run.stopping]
        for key, table in self.timetables.items():
            entry = self.entries[key]
            if key not in self._next:
                self._next[key] = table.next_time(now)
            moments += [moment for moment in (self._next[key],) if moment is not None]
            if entry.pending is None:
                continue
            start = self._start(entry, table)
            end = start + table.grace + timedelta(seconds=1)
            if now < start:
                moments.append(start)
            else:
                moments.append(end)
                opening = table.allowed_from(now, end) if table.forbidden(now) else None
                moments += [opening] if opening else []
        later = [moment for moment in moments if moment > now]
        return min(later, default=None)


def _told(table: Timetable, at: datetime) -> str:
    return f"{table.wall(at):%Y-%m-%d %H:%M}"
