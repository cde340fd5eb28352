"""A month of schedules over fifty sites in simulated time, over changes to summer time and three restarts.

What should have happened is worked out again here, minute by minute and without the code under test.
"""

import itertools
import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from netcam.config.schedules import ScheduleSettings
from netcam.service.engine import Ended, Engine
from netcam.service.planner import Planner
from netcam.service.state import State
from netcam.service.timetable import Timetable

pytestmark = pytest.mark.slow

BEGIN, END = datetime(2026, 3, 5, 11, 7, tzinfo=UTC), datetime(2026, 4, 7, 11, 0, tzinfo=UTC)
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/Dublin")
"""Clocks that go on on 8 and 29 March, back by half an hour on 5 April, and never; and one that is winter time by law."""
SCHEDULES = {
    "nightly": (
        ScheduleSettings(cron="30 1 * * *", windows=("22:00-06:00",), jitter_minutes=45, grace_minutes=180, blackout=("2026-03-17",)),
        range(50),
    ),
    "weekend": (
        ScheduleSettings(cron="15 2 * * sun", windows=("sat,sun 00:00-24:00",), grace_minutes=600, max_minutes=240),
        range(0, 50, 2),
    ),
    "hourly": (
        ScheduleSettings(cron="40 * * * *", windows=("mon,tue,wed,thu,fri 20:00-07:00",), grace_minutes=15, max_minutes=50),
        range(0, 50, 10),
    ),
}
DOWN = ((datetime(2026, 3, 10, 1, 50, tzinfo=UTC), timedelta(minutes=2), True), (datetime(2026, 3, 20, 1, 55, tzinfo=UTC), timedelta(hours=2), False),
        (datetime(2026, 3, 28, 20, 0, tzinfo=UTC), timedelta(hours=30), False))  # fmt: skip
"""When the service goes down, for how long, and whether its runs go on."""


def zone_of(site):
    return ZONES[int(site[1:]) % len(ZONES)]


def wall_times(schedule, zone):
    """Planned moments by walking over the days of the wall's calendar."""
    found, day = set(), date(2026, 3, 1)
    while day < date(2026, 4, 10):
        if schedule == "nightly":
            clock = [time(1, 30)]
        elif schedule == "weekend":
            clock = [time(2, 15)] if day.weekday() == 6 else []
        else:
            clock = [time(hour, 40) for hour in range(24)]
        found |= {datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC) for at in clock}
        day += timedelta(days=1)
    return sorted(at for at in found if BEGIN < at < END - timedelta(hours=12))


def permitted(schedule, zone, at):
    """Whether a run may go on at a moment, by the words of the settings above."""
    wall = at.astimezone(ZoneInfo(zone))
    minute, weekday = wall.hour * 60 + wall.minute, wall.weekday()
    if schedule == "nightly":
        return (minute >= 22 * 60 or minute < 6 * 60) and wall.date() != date(2026, 3, 17)
    if schedule == "weekend":
        return weekday in (5, 6)
    return (minute >= 20 * 60 and weekday <= 4) or (minute < 7 * 60 and weekday in (1, 2, 3, 4, 5))


class Simulated:
    """Runs of drawn length that end when asked, after up to a minute; they can survive the service or not."""

    def __init__(self, chance):
        self.chance, self.now, self.ends, self.asked = chance, BEGIN, {}, set()

    def start(self, order):
        self.ends[order.id] = self.now + timedelta(
            seconds=self.chance.choice((300, 2000, 4000, 9000, 30_000)) * self.chance.uniform(0.5, 1.5)
        )
        return order.id, 1

    def stop(self, id, now):
        self.asked.add(id)
        self.ends[id] = min(self.ends[id], now + timedelta(seconds=self.chance.uniform(0, 60)))

    def ended(self, now):
        over = [id for id, end in self.ends.items() if end <= now]
        for id in over:
            del self.ends[id]
        return [self._end(id) for id in over]

    def _end(self, id):
        if id in self.asked:
            return Ended(id=id, status="interrupted")
        return (
            Ended(id=id, status="failed", reason="no interface is up")
            if self.chance.random() < 0.02
            else Ended(id=id, status="complete", found=3)
        )

    def adopt(self, run):
        return None if run.id in self.ends else Ended(id=run.id, status="interrupted", reason="netcam was stopped while it went on")


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    path = tmp_path_factory.mktemp("month") / "service.sqlite"
    tables = {
        (name, f"s{number}"): Timetable.of(name, f"s{number}", settings, zone_of(f"s{number}"))
        for name, (settings, sites) in SCHEDULES.items()
        for number in sites
    }
    runner, told, now, down = Simulated(random.Random(11)), [], BEGIN, list(DOWN)
    most = 0

    def service(at):
        state = State(path)
        planner = Planner(timetables=tables, entries=state.entries(tables, at), at_once=30)
        engine = Engine(planner, state, runner, tell=lambda *words: told.append((at, *words)))
        engine.recover(at)
        return state, engine

    state, engine = service(now)
    while now < END:
        runner.now = now
        wake = engine.step(now)
        most = max(most, len(engine.running))
        moments = [moment for moment in (wake, min(runner.ends.values(), default=None), now + timedelta(minutes=4)) if moment is not None]
        now = max(min(moments), now + timedelta(seconds=1))
        if down and now >= down[0][0]:
            _, pause, survive = down.pop(0)
            state.close()
            if not survive:
                runner.ends.clear()
            now += pause
            runner.now = now
            state, engine = service(now)
    return state.runs(), told, most


def by_time(runs):
    found = {}
    for run in runs:
        found.setdefault((run.schedule, run.site, run.planned), []).append(run)
    return found


def test_every_planned_time_has_a_run_or_a_reason_and_no_other_time_has_one(month):
    runs, _, _ = month
    known = by_time(runs)
    wanted = {
        (name, f"s{number}", at)
        for name, (_, sites) in SCHEDULES.items()
        for number in sites
        for at in wall_times(name, zone_of(f"s{number}"))
    }
    assert len(wanted) > 5000
    assert wanted - known.keys() == set()
    assert {key for key in known if key[2] < END - timedelta(hours=12)} == wanted
    for key, records in known.items():
        missed = [run for run in records if run.status == "missed"]
        assert len(missed) <= 1
        assert all(run.reason for run in missed)
        if missed:
            assert len(records) == 1, f"{key} is missed and has runs"


def test_no_run_is_doubled_and_no_site_has_two_at_once(month):
    runs, _, most = month
    for records in by_time(runs).values():
        assert sum(run.status == "complete" for run in records) <= 1
        if len(records) > 1:
            assert all(run.status in ("interrupted", "failed") for run in records[:-1]), "a second run of a time goes on with one cut short"
    by_site = {}
    for run in runs:
        if run.started and run.finished:
            by_site.setdefault(run.site, []).append((run.started, run.finished))
    for spans in by_site.values():
        spans.sort()
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
    assert 10 < most <= 30


def test_every_run_is_inside_its_window_and_not_longer_than_it_may(month):
    runs, _, _ = month
    started = [run for run in runs if run.started and run.finished]
    assert len(started) > 2000
    for run in started:
        at = run.started
        down = any(run.started < begin + pause and run.finished > begin for begin, pause, _ in DOWN)
        end = run.finished if not down else run.started  # what died with the service is noticed when it is back
        while at < end:
            assert permitted(run.schedule, zone_of(run.site), at), (run.schedule, run.site, run.started, run.finished, at)
            at += timedelta(minutes=1)
        longest = SCHEDULES[run.schedule][0].max_minutes
        assert not longest or down or run.finished - run.started <= timedelta(minutes=longest + 1, seconds=1)
        settings = SCHEDULES[run.schedule][0]
        late = run.started - run.planned
        assert timedelta() <= late <= timedelta(minutes=settings.jitter_minutes + settings.grace_minutes), (run, late)


def test_each_missed_time_says_what_was_in_the_way(month):
    runs, told, _ = month
    missed = [run for run in runs if run.status == "missed"]
    reasons = {run.reason.split(" from ")[0].split(" of schedule")[0][:24] for run in missed}
    assert {"netcam was not running", "outside the windows", "blackout 2026-03-17"} <= reasons
    assert len(told) >= len(missed)
    for run in missed:
        settings = SCHEDULES[run.schedule][0]
        first, last = run.planned, run.planned + timedelta(minutes=settings.jitter_minutes + settings.grace_minutes)
        if "not running" in run.reason:
            assert any(begin <= last and begin + pause >= first for begin, pause, _ in DOWN), run
        if run.reason == "outside the windows":
            assert not permitted(run.schedule, zone_of(run.site), first) or not permitted(run.schedule, zone_of(run.site), last), run
        if run.reason.startswith("blackout"):
            assert first.astimezone(ZoneInfo(zone_of(run.site))).date() in (date(2026, 3, 16), date(2026, 3, 17)), run


def test_after_an_outage_what_is_still_in_its_grace_period_runs_and_what_was_cut_short_goes_on(month):
    runs, _, _ = month
    back = DOWN[1][0] + DOWN[1][1]
    assert [run for run in runs if run.started and back <= run.started < back + timedelta(minutes=1)]
    cut = [run for run in runs if run.reason == "netcam was stopped while it went on"]
    assert cut
    again = by_time(runs)
    assert any(len(again[run.schedule, run.site, run.planned]) > 1 for run in cut)
    kept = [run for run in runs if run.started and run.finished and run.started < DOWN[0][0] and run.finished > DOWN[0][0] + DOWN[0][1]]
    assert any(run.status == "complete" for run in kept), "a restart of two minutes ends no run"
