"""`netcam run` and `netcam schedule`: sweeps on a schedule, events delivered, until it is told to stop."""

from __future__ import annotations

import getpass
import signal
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import output
from netcam.cli.scan import ConfigOption, ContentOption, FormatOption, StoreOption, state_folder
from netcam.errors import ConfigError, StoreError, nearest, shown
from netcam.model import rfc3339

if TYPE_CHECKING:
    from netcam.config import Settings
    from netcam.service.planner import Planner
    from netcam.service.state import State, Wish
    from netcam.service.timetable import Timetable
    from netcam.sinks.teller import Teller

app = typer.Typer(no_args_is_help=True, help="Schedules: when sites are swept, what came of it, pause, stop and resume.")

LOOK_SECONDS = 5.0
"""How often the service looks for what an operator asked for."""
PRUNE = timedelta(hours=1)
END_SECONDS = 75.0
"""How long the service waits for its runs when it is told to stop; systemd must wait longer."""

DRAIN_SECONDS = 5.0

NameArgument = Annotated[str, typer.Argument(help="A schedule, or `all`.")]
SiteOption = Annotated[str, typer.Option("--site", help="Only at this site.")]


def timetables(settings: Settings) -> dict[tuple[str, str], Timetable]:
    """Every schedule at each of its sites."""
    from netcam.service.timetable import Timetable

    return {
        (name, site): Timetable.of(name, site, schedule, settings.sites[site].timezone)
        for name, schedule in settings.schedules.items()
        for site in schedule.sites or settings.sites
    }


def opened(config: Path | None) -> tuple[Settings, State]:
    """Settings with at least one schedule, and what the service remembers."""
    from netcam import config as settings_file
    from netcam.service.state import State

    settings = settings_file.load(config)
    if not settings.schedules:
        raise ConfigError(
            settings.path or "netcam.toml", "the settings name no schedule", 'add [schedules.nightly] with cron = "0 2 * * *"'
        )
    return settings, State(state_folder() / "service.sqlite")


def run(store: StoreOption = None, config: ConfigOption = None, content: ContentOption = None) -> None:
    """Sweep on the schedules of the settings and deliver events, until told to stop (SIGTERM, Ctrl-C). Kept across restarts.

    SIGHUP reads the settings anew; where they have an error the old ones hold, and an event says so.
    """
    from netcam import __version__
    from netcam import config as settings_file
    from netcam.inventory import chosen
    from netcam.service.engine import Engine
    from netcam.service.processes import Processes, kept_settings
    from netcam.service.state import State
    from netcam.service.upkeep import Upkeep, command
    from netcam.sinks import dispatch
    from netcam.sinks.delivery import only_one
    from netcam.sinks.teller import Teller

    settings = settings_file.load(config)
    if not settings.schedules and not settings.sinks:
        raise ConfigError(
            settings.path or "netcam.toml", "the settings name no schedule and no sink", "add [schedules.NAME] or [sinks.NAME]"
        )
    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder / "service", "run") as mine:
        if not mine:
            raise ConfigError(str(folder), "another `netcam run` works here", "one service a machine; NETCAM_HOME sets another folder")
        settings = settings_file.keep(config, kept_settings(folder))
        state = State(folder / "service.sqlite")
        outbox = dispatch.open_outbox(settings, folder)
        teller = Teller(outbox, dispatch.queued_formats(settings), sensor=settings.sensor, version=__version__) if settings.sinks else None

        def tell(message: str, site: str, failed: bool) -> None:
            output.say(f"{output.clock():%Y-%m-%d %H:%M:%S} {message}")
            told(teller, message, site=site, failed=failed)

        def acted(message: str, wish: Wish) -> None:
            output.say(f"{output.clock():%Y-%m-%d %H:%M:%S} {message} (by {wish.by})")
            try:
                if teller:
                    teller.action(message, wish.at, by=wish.by, site=wish.site)
            except StoreError as error:
                output.say(f"netcam: {error}")

        now = output.clock()
        processes = Processes(settings, folder, store=store, content=content)
        engine = Engine(planned(settings, state, now), state, processes, tell=tell, acted=acted)
        where = chosen(store, settings)
        place = None if "://" in where else Path(where).expanduser()
        upkeep = Upkeep(
            state,
            command(settings.path, store),
            place,
            folder / "runs" / "upkeep.log",
            tell=lambda message, failed: tell(message, "", failed),
        )
        dispatcher = dispatch.Dispatcher(settings, folder, report=output.say)
        ending = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ending.set())
        again = threading.Event()
        signal.signal(signal.SIGHUP, lambda *_: again.set())
        dispatcher.start()
        engine.recover(now)
        tell(f"netcam {__version__} runs {extent(settings)}", "", False)
        last_prune, last_word = now - PRUNE, now
        broken: list[str] = []
        while not ending.is_set() and not (broken := dispatcher.failed()):
            now = output.clock()
            if again.is_set():
                again.clear()
                try:
                    fresh = reloaded(settings, config, folder)
                except (ConfigError, StoreError) as error:
                    tell(f"the settings were not read anew, the old ones hold: {error.where}: {error.problem}", "", True)
                else:
                    dispatcher.stop()
                    settings = processes.settings = fresh
                    engine.reload(planned(settings, state, now))
                    for name in settings.sinks:
                        outbox.sink(name)
                    teller = (
                        Teller(outbox, dispatch.queued_formats(settings), sensor=settings.sensor, version=__version__)
                        if settings.sinks
                        else None
                    )
                    dispatcher = dispatch.Dispatcher(settings, folder, report=output.say)
                    dispatcher.start()
                    tell(f"the settings were read anew: {extent(settings)}", "", False)
            wake = engine.step(now)
            upkeep.step(now)
            if now - last_prune >= PRUNE:
                last_prune = now
                outbox.prune(settings.events.keep_days * 86_400, settings.sinks)
                watch(teller, settings, now)
            if settings.service.heartbeat_minutes and now - last_word >= timedelta(minutes=settings.service.heartbeat_minutes):
                last_word = now
                waiting = max((outbox.newest() - outbox.sink(name).cursor for name in settings.sinks), default=0)
                told(teller, f"netcam works: {len(engine.running)} runs go on, at most {waiting} events wait", site="", failed=False)
            soon = (wake - now).total_seconds() if wake is not None else LOOK_SECONDS
            ending.wait(min(max(soon, 0.05), LOOK_SECONDS if not engine.running else 1.0))
        engine.stop(output.clock())
        upkeep.stop()
        until = time.monotonic() + END_SECONDS
        while engine.running and time.monotonic() < until:
            time.sleep(0.2)
            engine.finish(output.clock())
        reason = f"{', '.join(broken)} ended by a fault" if broken else "it was asked to"
        told(teller, f"netcam stops: {reason}", site="", failed=bool(broken))
        dispatcher.stop()
        dispatch.drain(settings, outbox, DRAIN_SECONDS)  # what was said last, where a receiver is there
        outbox.close()
        state.close()
    if broken:
        raise typer.Exit(1)


def planned(settings: Settings, state: State, now: datetime) -> Planner:
    """The planner of the settings' schedules, each as it stood."""
    from netcam.service.planner import Planner

    tables = timetables(settings)
    planner = Planner(timetables=tables, entries=state.entries(tables, now), at_once=settings.service.runs_at_once)
    for key, table in tables.items():
        if table.settings.paused:
            planner.entries[key].paused = "the settings"
        elif planner.entries[key].paused == "the settings":
            planner.entries[key].paused = ""
    return planner


def extent(settings: Settings) -> str:
    """How much is scheduled, in words."""
    return f"{len(settings.schedules)} schedules at {len({site for _, site in timetables(settings)})} sites"


def reloaded(old: Settings, config: Path | None, folder: Path) -> Settings:
    """The settings as their file says now. Raises ConfigError where they cannot take the place of the old ones, which are kept then."""
    from netcam import config as settings_file
    from netcam.service.processes import kept_settings
    from netcam.sinks import dispatch

    fresh = settings_file.load(config)
    if not fresh.schedules and not fresh.sinks:
        raise ConfigError(fresh.path or "netcam.toml", "the settings name no schedule and no sink", "stop the service instead")
    if dispatch.outbox_path(fresh, folder) != dispatch.outbox_path(old, folder):
        raise ConfigError(f"{fresh.path}: events.outbox", "is another file than the one that is open", "restart the service")
    return settings_file.keep(config, kept_settings(folder))


def told(teller: Teller | None, message: str, *, site: str, failed: bool) -> None:
    """Queue a word on this sensor; a full disk is no reason to stop sweeping."""
    if teller is None:
        return
    try:
        teller.health(message, output.clock(), site=site, failed=failed)
    except StoreError as error:
        output.say(f"netcam: {error}")


def watch(teller: Teller | None, settings: Settings, now: datetime) -> None:
    """Tell once where a sink has failed for more than an hour, events were given up, or the outbox fills."""
    if teller is None:
        return
    outbox = teller.outbox
    newest = outbox.newest()
    for state in outbox.sinks():
        if state.name not in settings.sinks:
            continue
        waiting = newest - state.cursor
        silent = now.timestamp() - state.last > 3600 and state.failures > 3
        word = f"lost {state.lost}" if state.lost else "fills" if waiting > 0.8 * settings.events.max_events else "silent" if silent else ""
        name = f"watch {state.name}"
        if outbox.fact(name) == word:
            continue
        outbox.put((), {}, facts={name: word})
        if word:
            message = f"Sink {state.name}: {waiting} events wait, {state.lost} were given up; {state.error or 'it delivers'}"
            told(teller, message, site="", failed=True)
        else:
            told(teller, f"Sink {state.name} delivers again", site="", failed=False)


@app.command("list")
def list_(
    runs: Annotated[int, typer.Option("--runs", help="Also so many of the last runs.")] = 0,
    format_: FormatOption = output.Format.AUTO,
    config: ConfigOption = None,
) -> None:
    """Every schedule at every site: its next run, its last run and what came of it."""
    settings, state = opened(config)
    tables, now = timetables(settings), output.clock()
    entries = state.entries(tables, now)
    records = []
    for key, table in tables.items():
        entry, last = entries[key], state.runs(schedule=key[0], site=key[1], limit=1)
        following = entry.pending or table.next_time(now)
        records.append({
            "schedule": key[0], "site": key[1], "cron": table.settings.cron, "timezone": str(table.zone),
            "next": table.start_of(following) if following else None,
            "waits": entry.reason or (f"paused by {entry.paused}" if entry.paused else ""),
            "last": (last[0].started or last[0].planned) if last else None, "result": last[0].status if last else None,
            "reason": last[0].reason if last else "", "found": last[0].found if last else None, "scan": last[0].scan if last else "",
        })  # fmt: skip
    recent = [run_record(one) for one in state.runs(limit=runs)] if runs else []
    beat = state.beat()
    state.close()
    if beat is None or now - beat > timedelta(seconds=60):
        output.say(f"`netcam run` does not work now{f'; it last did at {beat:%Y-%m-%d %H:%M} UTC' if beat else ''}")
    if not output.wants_table(format_):
        output.each({"type": "schedule"} | plain(record) for record in records)
        output.each({"type": "run"} | plain(record) for record in recent)
        return
    columns: tuple[str, ...] = ("schedule", "site", "cron", "next", "waits", "last", "result", "found", "reason")
    console = output.console()
    console.print(output.table("Schedules", columns, [[cell(record[c], zone(tables, record)) for c in columns] for record in records]))
    if recent:
        columns = ("schedule", "site", "planned", "started", "finished", "status", "found", "reason")
        console.print(output.table("Last runs", columns, [[cell(record[c], zone(tables, record)) for c in columns] for record in recent]))


def plain(record: Mapping[str, object]) -> dict[str, object]:
    """A record for JSON: times in UTC."""
    return {key: rfc3339(value, "seconds") if isinstance(value, datetime) else value for key, value in record.items()}


def zone(tables: Mapping[tuple[str, str], Timetable], record: Mapping[str, object]) -> tzinfo:
    """The site's time zone, UTC where the settings do not name the schedule any more."""
    table = tables.get((str(record["schedule"]), str(record["site"])))
    return table.zone if table else UTC


def cell(value: object, zone: tzinfo) -> str:
    """A value for a table; a moment as it stands on the wall of the site, with its offset."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="minutes")
    return "" if value is None else str(value)


def run_record(run: Any) -> dict[str, object]:
    """A run as a record."""
    return {
        "id": run.id, "schedule": run.schedule, "site": run.site, "planned": run.planned, "started": run.started,
        "finished": run.finished, "status": run.status, "reason": run.reason, "scan": run.scan, "found": run.found,
    }  # fmt: skip


@app.command("next")
def next_(
    name: NameArgument = "all",
    site: SiteOption = "",
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far to look.")] = 7,
    config: ConfigOption = None,
) -> None:
    """The planned runs of the next days, each with what would keep it from starting."""
    settings, state = opened(config)
    state.close()
    checked(settings, name, site)
    now = output.clock()
    found = []
    for (schedule, place), table in timetables(settings).items():
        if name not in ("all", schedule) or site not in ("", place):
            continue
        for planned in table.times(now, now + timedelta(days=days)):
            start = table.start_of(planned)
            first = table.allowed_from(start, start + table.grace)
            begins = first or start
            wall = f"{table.wall(begins):%Y-%m-%d %H:%M}"
            record: dict[str, object] = {"schedule": schedule, "site": place, "start": rfc3339(begins, "seconds"), "wall": wall}
            found.append((start, record | ({} if first else {"missed": table.forbidden(start)})))
    output.each(record for _, record in sorted(found, key=lambda pair: pair[0]))


def checked(settings: Settings, name: str, site: str) -> None:
    """Raise ConfigError for a schedule or a site that the settings do not name."""
    if name != "all" and name not in settings.schedules:
        raise ConfigError("schedule", f"no schedule {shown(name)}", nearest(name, settings.schedules))
    if site and site not in settings.sites:
        raise ConfigError("--site", f"no site {shown(site)}", nearest(site, settings.sites))


def ask(what: str, name: str, site: str, config: Path | None, word: str) -> None:
    """Leave a wish for the service."""
    from netcam.service.state import Wish

    settings, state = opened(config)
    checked(settings, name, site)
    state.wish(Wish(what=what, schedule="" if name == "all" else name, site=site, by=getpass.getuser(), at=output.clock()))
    beat = state.beat()
    state.close()
    if beat is None or output.clock() - beat > timedelta(seconds=60):
        output.say(f"{word} when `netcam run` works again; it does not now")
    else:
        output.say(f"{word} within {LOOK_SECONDS:.0f} seconds")


@app.command("pause")
def pause(name: NameArgument, site: SiteOption = "", config: ConfigOption = None) -> None:
    """Start no further runs; one that goes on goes on (see stop)."""
    ask("pause", name, site, config, "paused")


@app.command("resume")
def resume(name: NameArgument, site: SiteOption = "", config: ConfigOption = None) -> None:
    """End a pause, and go on with a run that was cut short."""
    ask("resume", name, site, config, "resumed")


@app.command("stop")
def stop(name: NameArgument, site: SiteOption = "", config: ConfigOption = None) -> None:
    """End runs that go on; what they have is kept, and the next run goes on with it."""
    ask("stop", name, site, config, "stopped")


@app.command("start")
def start(name: NameArgument, site: SiteOption = "", config: ConfigOption = None) -> None:
    """Start a run now, where the windows allow it."""
    ask("run", name, site, config, "started")
