"""When a site may be swept and when it should be: cron lines, windows and blackout dates on the clock of the site's wall.

Summer time: a time of the day that the clock skips comes by as much later as it skips; one that the clock shows twice is
taken once, the first time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from netcam.config.schedules import ScheduleSettings, Window, dates, trigger, window

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

MAX_TIMES = 10_000
"""Planned times looked at in one go: a line that fires each minute, over a week of standstill."""
_WEEK = timedelta(days=8)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clock of `zone` shows `wall` (no time zone), UTC."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


@dataclass(frozen=True)
class Timetable:
    """One schedule at one site."""

    schedule: str
    site: str
    settings: ScheduleSettings
    zone: ZoneInfo

    @classmethod
    def of(cls, schedule: str, site: str, settings: ScheduleSettings, timezone: str) -> Timetable:
        """The timetable of a site in its time zone."""
        return cls(schedule, site, settings, ZoneInfo(timezone))

    @cached_property
    def _trigger(self) -> CronTrigger:
        # on the wall's clock alone, so that what summer time does to it is decided here and in one place
        return trigger(self.settings.cron, UTC)

    @cached_property
    def _windows(self) -> tuple[Window, ...]:
        return tuple(window(text) for text in self.settings.windows)

    @cached_property
    def _blackouts(self) -> tuple[tuple[date, date], ...]:
        return tuple(dates(text) for text in self.settings.blackout)

    @property
    def grace(self) -> timedelta:
        """How long after its time a run may still start: a minute at least, for no step falls on the very moment."""
        return timedelta(minutes=max(1, self.settings.grace_minutes))

    def wall(self, at: datetime) -> datetime:
        """What the clock on the wall shows, without a time zone."""
        return at.astimezone(self.zone).replace(tzinfo=None)

    def times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Planned times after `after` up to and including `until`, UTC, each once, in order."""
        # an hour before, because the clock may have been put back in between
        previous, last = self.wall(after) - timedelta(hours=3), after
        for _ in range(MAX_TIMES):
            found: Any = self._trigger.get_next_fire_time(None, (previous + timedelta(seconds=1)).replace(tzinfo=UTC))
            if found is None:
                return
            previous = found.replace(tzinfo=None)
            at = instant(previous, self.zone)
            if at > until and previous > self.wall(until) + timedelta(hours=3):
                return
            if last < at <= until:
                last = at
                yield at

    def next_time(self, after: datetime) -> datetime | None:
        """The first planned time after `after`, or None where the line has none within five years (30 February)."""
        previous = self.wall(after) - timedelta(hours=3)
        for _ in range(MAX_TIMES):
            found: Any = self._trigger.get_next_fire_time(None, (previous + timedelta(seconds=1)).replace(tzinfo=UTC))
            if found is None or found.year > after.year + 5:
                return None
            previous = found.replace(tzinfo=None)
            at = instant(previous, self.zone)
            if at > after:
                return at
        return None

    def start_of(self, planned: datetime) -> datetime:
        """When the run of a planned time starts: the jitter is drawn from schedule, site and time, and stays the same."""
        if not self.settings.jitter_minutes:
            return planned
        drawn = hashlib.sha256(f"{self.schedule}\x1f{self.site}\x1f{planned.isoformat()}".encode()).digest()
        return planned + timedelta(seconds=int.from_bytes(drawn[:8]) % (self.settings.jitter_minutes * 60 + 1))

    def forbidden(self, at: datetime) -> str:
        """Why nothing may run at a moment; empty where it may."""
        wall = self.wall(at)
        for first, last in self._blackouts:
            if first <= wall.date() <= last:
                return f"blackout {first}" if first == last else f"blackout {first}..{last}"
        if self._windows and not any(_inside(one, wall) for one in self._windows):
            return "outside the windows"
        return ""

    def allowed_until(self, at: datetime) -> datetime | None:
        """Until when a run that goes on at `at` may go on; None where nothing ends it within a week."""
        end = at
        while end < at + _WEEK:
            edge = self._next_edge(end)
            if edge is None:
                return None
            if self.forbidden(edge):
                return edge
            end = edge
        return None

    def allowed_from(self, at: datetime, until: datetime) -> datetime | None:
        """The first moment from `at` to `until` at which something may run."""
        moment: datetime | None = at
        while moment is not None and moment <= until:
            if not self.forbidden(moment):
                return moment
            moment = self._next_edge(moment)
        return None

    def _next_edge(self, at: datetime) -> datetime | None:
        """The next moment at which a window or a blackout begins or ends."""
        wall = self.wall(at)
        edges = []
        for day in range(-1, 9):
            midnight = datetime.combine(wall.date() + timedelta(days=day), time())
            edges += [
                midnight + timedelta(minutes=m) for one in self._windows if midnight.weekday() in one.days for m in (one.start, one.end)
            ]
        for first, last in self._blackouts:
            edges += [datetime.combine(first, time()), datetime.combine(last + timedelta(days=1), time())]
        later = [moment for edge in edges if (moment := instant(edge, self.zone)) > at]
        return min(later, default=None)


def _inside(one: Window, wall: datetime) -> bool:
    minute, day = wall.hour * 60 + wall.minute, wall.weekday()
    if day in one.days and one.start <= minute < one.end:
        return True
    return (day - 1) % 7 in one.days and minute + 1440 < one.end
