"""Cron lines on the clock of the wall, windows, blackouts, jitter: the corners."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.config.schedules import ScheduleSettings, cron_fields, window
from netcam.service.planner import Entry, Miss, Planner, Running, Start, Stop
from netcam.service.timetable import Timetable, instant


def table(zone="Europe/London", **more):
    return Timetable.of("nightly", "hq", ScheduleSettings(**({"cron": "30 1 * * *"} | more)), zone)


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def times(one, first, last):
    return [f"{moment:%m-%d %H:%M}" for moment in one.times(at(first), at(last))]


def test_a_time_that_the_clock_skips_comes_an_hour_later_and_one_it_shows_twice_comes_once():
    assert times(table(), "2026-03-28", "2026-03-31") == ["03-28 01:30", "03-29 01:30", "03-30 00:30"]
    assert times(table(), "2026-10-24", "2026-10-27") == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]
    hourly = table(cron="0 * * * *")
    assert times(hourly, "2026-03-28 23:59", "2026-03-29 03:00") == ["03-29 00:00", "03-29 01:00", "03-29 02:00", "03-29 03:00"]
    assert times(hourly, "2026-10-24 23:59", "2026-10-25 03:00") == ["10-25 00:00", "10-25 02:00", "10-25 03:00"]


def test_a_clock_that_goes_by_half_an_hour():
    assert times(table("Australia/Lord_Howe", cron="45 1 * * *"), "2026-04-03 20:00", "2026-04-06") == ["04-04 14:45", "04-05 15:15"]


@pytest.mark.parametrize(
    ("line", "days"),
    [("0 0 * * 0", "sun"), ("0 0 * * 7", "sun"), ("0 0 * * 1-5", "mon,tue,wed,thu,fri"), ("0 0 * * fri-mon", "fri,sat,sun,mon"), ("0 0 * * */2", "sun,tue,thu,sat"),
     ("0 0 * * SAT,0", "sat,sun"), ("@weekly", "sun"), ("@daily", "*")],
)  # fmt: skip
def test_days_of_the_week_count_from_sunday_as_in_crontab(line, days):
    assert cron_fields(line)[4] == days


@pytest.mark.parametrize(
    "line", ["", "* * * *", "0 0 13 * fri", "0 0 * * 8", "0 0 * * mo", "0 0 * * 1-", "61 0 * * *", "x * * * *", "0 0 32 * *", "* * * * * *"]
)
def test_a_wrong_line_is_refused(line):
    with pytest.raises(ValueError):
        table(cron=line)._trigger  # noqa: B018 - reading it is the test


@pytest.mark.parametrize("text", ["", "25:00-26:00", "22:00", "22:00-06:60", "sunday 01:00-02:00", "22:00-06:00 x", "24:00-01:00"])
def test_a_wrong_window_is_refused(text):
    with pytest.raises(ValueError):
        window(text)


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins():
    one = table(windows=("fri 22:00-06:00",))
    assert one.forbidden(at("2026-06-05 21:30", "Europe/London")) == "outside the windows"
    assert one.forbidden(at("2026-06-05 22:00", "Europe/London")) == ""
    assert one.forbidden(at("2026-06-06 05:59", "Europe/London")) == ""
    assert one.forbidden(at("2026-06-06 06:00", "Europe/London")) == "outside the windows"
    assert one.forbidden(at("2026-06-06 23:00", "Europe/London")) == "outside the windows"
    assert one.allowed_until(at("2026-06-05 23:00", "Europe/London")) == at("2026-06-06 06:00", "Europe/London")
    assert one.allowed_from(at("2026-06-01"), at("2026-06-30")) == at("2026-06-05 22:00", "Europe/London")
    assert one.allowed_from(at("2026-06-01"), at("2026-06-02")) is None


def test_windows_that_touch_are_one_and_a_window_without_end_has_none():
    whole = table(windows=("sat,sun 00:00-24:00",))
    assert whole.allowed_until(at("2026-06-06 10:00", "Europe/London")) == at("2026-06-08 00:00", "Europe/London")
    assert table(windows=("00:00-24:00",)).allowed_until(at("2026-06-06")) is None
    assert table().allowed_until(at("2026-06-06")) is None
    assert table(blackout=("2026-06-08",)).allowed_until(at("2026-06-06")) == at("2026-06-08", "Europe/London")


def test_the_jitter_is_bounded_and_always_the_same():
    one = table(jitter_minutes=30)
    starts = [one.start_of(moment) - moment for moment in one.times(at("2026-01-01"), at("2026-12-31"))]
    assert all(timedelta() <= late <= timedelta(minutes=30) for late in starts)
    assert len(set(starts)) > 200
    moment = at("2026-01-02")
    assert one.start_of(moment) == table(jitter_minutes=30).start_of(moment)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago", "UTC"]),
    st.sampled_from(["30 1 * * *", "0 * * * *", "*/20 0-3 * * *", "15 2 * * sun", "0 0 1 * *"]),
    st.integers(0, 360),
    st.integers(1, 20),
)
def test_looking_in_pieces_finds_what_looking_at_once_finds(zone, line, day, pieces):
    one = table(zone, cron=line)
    begin = at("2026-01-01") + timedelta(days=day)
    end = begin + timedelta(days=3)
    whole = list(one.times(begin, end))
    edges = [begin + (end - begin) * n // pieces for n in range(pieces)] + [end]
    parts = [moment for first, last in itertools.pairwise(edges) for moment in one.times(first, last)]
    assert parts == whole == sorted(set(whole))
    found, after = [], begin
    while (after := one.next_time(after)) is not None and after <= end:
        found.append(after)
    assert found == whole


@settings(deadline=None)
@given(
    st.integers(0, 366 * 1440).map(lambda minute: datetime.fromisoformat("2026-01-01") + timedelta(minutes=minute)),
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe"]),
)
def test_a_moment_shows_the_wall_time_it_was_made_of_or_that_time_does_not_exist(wall, zone):
    moment = instant(wall, ZoneInfo(zone))
    shown = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown == wall or timedelta() < shown - wall <= timedelta(hours=1)


def planner(one, **more):
    entry = Entry(schedule="nightly", site="hq", after=at("2026-06-01"), **more)
    return Planner(timetables={entry.key: one}, entries={entry.key: entry}), entry


def test_it_starts_in_time_with_the_end_of_its_window_as_deadline():
    plan, _ = planner(table("UTC", windows=("01:00-03:00",)))
    assert plan.wake(at("2026-06-01 00:10"), []) == at("2026-06-01 01:30")
    assert plan.tick(at("2026-06-01 01:29"), []) == []
    (start,) = plan.tick(at("2026-06-01 01:30"), [])
    assert (type(start), start.deadline, start.resume) == (Start, at("2026-06-01 02:58"), False)
    run = Running(id=1, schedule="nightly", site="hq", planned=start.planned, started=start.planned, deadline=start.deadline)
    assert plan.tick(at("2026-06-01 02:57"), [run]) == []
    assert plan.tick(at("2026-06-01 02:58"), [run]) == [Stop(id=1, reason="its time is over: its window ends")]
    assert plan.tick(at("2026-06-01 02:59"), [run]) == [], "it is asked once"


def test_it_waits_for_another_run_of_its_site_and_says_so_when_its_time_is_over():
    plan, entry = planner(table("UTC", grace_minutes=60))
    other = Running(id=9, schedule="weekly", site="hq", planned=at("2026-06-01"), started=at("2026-06-01"))
    assert plan.tick(at("2026-06-01 01:30"), [other]) == []
    assert "the run of schedule weekly" in entry.reason
    (missed,) = plan.tick(at("2026-06-01 02:31"), [other])
    assert isinstance(missed, Miss)
    assert "weekly at this site goes on since 2026-06-01 00:00" in missed.reason


def test_two_schedules_of_a_site_never_start_together_and_the_number_of_runs_is_bounded():
    tables = {
        (name, site): Timetable.of(name, site, ScheduleSettings(cron="30 1 * * *"), "UTC") for name in "ab" for site in ("x", "y", "z")
    }
    entries = {key: Entry(schedule=key[0], site=key[1], after=at("2026-06-01")) for key in tables}
    plan = Planner(timetables=tables, entries=entries, at_once=2)
    starts = plan.tick(at("2026-06-01 01:30"), [])
    assert [(start.schedule, start.site) for start in starts] == [("a", "x"), ("a", "y")]
    assert "2 runs go on" in entries["a", "z"].reason


def test_paused_it_does_not_start_and_the_missed_time_names_who_paused_it():
    plan, entry = planner(table("UTC", grace_minutes=10), paused="jo")
    assert plan.tick(at("2026-06-01 01:30"), []) == []
    (missed,) = plan.tick(at("2026-06-01 01:41"), [])
    assert missed.reason == "paused by jo"
    entry.paused = ""
    assert isinstance(plan.tick(at("2026-06-02 01:30"), [])[0], Start)


def test_after_a_standstill_the_newest_time_runs_and_the_others_are_missed_because_of_it():
    plan, _ = planner(table("UTC", cron="0 * * * *", grace_minutes=90))
    *missed, start = plan.tick(at("2026-06-01 05:10"), [], beat=at("2026-06-01 00:30"))
    assert [f"{one.planned:%H}" for one in missed] == ["01", "02", "03", "04"]
    assert {one.reason for one in missed} == {"netcam was not running from 2026-06-01 00:30 to 2026-06-01 05:10 UTC"}
    assert start.planned == at("2026-06-01 05:00")


def test_a_standstill_of_years_is_not_told_hour_by_hour():
    plan, _ = planner(table("UTC", cron="0 * * * *"))
    decisions = plan.tick(at("2029-06-01"), [], beat=at("2026-06-01"))
    assert len(decisions) <= 36 * 24


def test_without_grace_a_run_still_starts_a_moment_after_its_time():
    plan, _ = planner(table("UTC", grace_minutes=0))
    (start,) = plan.tick(at("2026-06-01 01:30") + timedelta(milliseconds=40), [])
    assert isinstance(start, Start)
