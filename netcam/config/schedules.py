"""`[schedules.NAME]`: when sites are swept, in their own time zone."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date
from typing import TYPE_CHECKING

import msgspec

from netcam.config.reader import Reader
from netcam.errors import nearest, shown

if TYPE_CHECKING:
    from datetime import tzinfo

    from apscheduler.triggers.cron import CronTrigger

PROFILES = ("polite", "standard", "deep")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHORT = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
MAX_MINUTES = 60 * 24 * 31
"""No jitter, grace or run of a sweep is longer than a month."""


class ScheduleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One schedule. Times are the clock on the wall of each site."""

    cron: str = ""
    """Five fields, as crontab(5), or @daily and the like."""
    sites: tuple[str, ...] = ()
    """Site ids; empty: every site of the file."""
    targets: tuple[str, ...] = ()
    """Empty: the networks of the site."""
    profile: str = "polite"
    windows: tuple[str, ...] = ()
    """`22:00-06:00`, with days `sat,sun 00:00-24:00`: runs start, and are stopped, so that they stay inside. Empty: any time."""
    blackout: tuple[str, ...] = ()
    """Dates on which nothing starts and nothing runs: `2026-12-25` or `2026-12-24..2027-01-02`."""
    jitter_minutes: int = 0
    """Each run starts up to so much later, by a number drawn from site and time."""
    grace_minutes: int = 120
    """A run that could not start in time still starts so much later; after that it is missed. 0 counts as 1."""
    max_minutes: int = 0
    """A run is stopped after so long (and can be resumed); 0: no bound but its window."""
    paused: bool = False


class Window(msgspec.Struct, frozen=True):
    """Minutes of the day from `start` to before `end`, on days of the week (0 Monday); an end at or before its start is on the next day."""

    start: int
    end: int
    days: tuple[int, ...]


def cron_fields(line: str) -> tuple[str, ...]:
    """The five fields with names for days of the week. Raises ValueError with what is wrong.

    crontab(5) counts days from Sunday, and a 7 is one as well; where both a day of the month and one of the week are
    restricted, crontab(5) means either and others mean both: such a line is refused.
    """
    fields = _SHORT.get(line.strip().lower(), line).split()
    if len(fields) != 5:
        raise ValueError(f"has {len(fields)} fields, not five")
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        raise ValueError("restricts the day of the month and the day of the week: write two schedules")
    return minute, hour, day, month, ",".join(_weekdays(part) for part in weekday.lower().split(","))


def _weekdays(part: str) -> str:
    found = re.fullmatch(r"(\*|([a-z]{3}|[0-7])(?:-([a-z]{3}|[0-7]))?)(?:/(\d+))?", part)
    if not found:
        raise ValueError(f"{shown(part)} is no day of the week")
    if found[1] == "*" and not found[4]:
        return "*"
    first, last = (0, 6) if found[1] == "*" else (_number(found[2]), _number(found[3] or (found[2] if not found[4] else "6")))
    if last < first:
        last += 7  # fri-mon, and 5-7
    return ",".join(_DAYS[n % 7] for n in range(first, last + 1, max(1, int(found[4] or 1))))


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text not in _DAYS:
        raise ValueError(f"{shown(text)} is no day of the week")
    return _DAYS.index(text)


def trigger(line: str, zone: tzinfo) -> CronTrigger:
    """The times of a cron line. Raises ValueError."""
    from apscheduler.triggers.cron import CronTrigger

    minute, hour, day, month, weekday = cron_fields(line)
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, second=0, timezone=zone)


def window(text: str) -> Window:
    """A window as written. Raises ValueError."""
    found = re.fullmatch(r"(?:([a-z,-]+)\s+)?(\d\d):(\d\d)-(\d\d):(\d\d)", text.strip().lower())
    if not found:
        raise ValueError(f"{shown(text)} is no window")
    start, end = int(found[2]) * 60 + int(found[3]), int(found[4]) * 60 + int(found[5])
    if start >= 1440 or end > 1440 or int(found[3]) > 59 or int(found[5]) > 59:
        raise ValueError(f"{shown(text)} is no time of the day")
    days = set(range(7))
    if found[1]:
        days = {(_DAYS.index(day) - 1) % 7 for part in found[1].split(",") for day in _weekdays(part).split(",")}
    return Window(start, end if end > start else end + 1440, tuple(sorted(days)))


def dates(text: str) -> tuple[date, date]:
    """First and last day of a blackout. Raises ValueError."""
    first, _, last = text.partition("..")
    begin = date.fromisoformat(first.strip())
    end = date.fromisoformat(last.strip()) if last else begin
    if end < begin:
        raise ValueError("ends before it begins")
    return begin, end


def read_schedule(reader: Reader, told: object, path: tuple[str, ...], sites: Collection[str]) -> ScheduleSettings:
    """One table `[schedules.NAME]`. Raises ConfigError."""
    schedule: ScheduleSettings = reader.struct(ScheduleSettings, told, path)
    if not schedule.cron:
        reader.fail((*path, "cron"), "is missing", 'write cron = "0 2 * * *" for two o\'clock each night')
    try:
        trigger(schedule.cron, UTC)
    except ValueError as error:
        reader.fail((*path, "cron"), f"{shown(schedule.cron)}: {error}", 'minute hour day month weekday, such as "30 2 * * mon-fri"')
    for site in schedule.sites:
        if site not in sites:
            reader.fail((*path, "sites"), f"no site {shown(site)}", nearest(site, sites) if sites else f"add [sites.{site}]")
    if schedule.profile not in PROFILES:
        reader.fail((*path, "profile"), f"{shown(schedule.profile)} is not known", nearest(schedule.profile, PROFILES))
    for key, texts, read, cure in (
        ("windows", schedule.windows, window, 'write "22:00-06:00" or "sat,sun 00:00-24:00"'),
        ("blackout", schedule.blackout, dates, 'write "2026-12-25" or "2026-12-24..2027-01-02"'),
    ):
        for text in texts:
            try:
                read(text)
            except ValueError as error:
                reader.fail((*path, key), str(error), cure)
    for key in ("jitter_minutes", "grace_minutes", "max_minutes"):
        if not 0 <= getattr(schedule, key) <= MAX_MINUTES:
            reader.fail((*path, key), f"is not between 0 and {MAX_MINUTES}", "a number of minutes")
    return schedule
