"""From settings to deliveries: which formats are queued, which sinks are open, and how they are run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from netcam import plugins
from netcam.config import Settings
from netcam.config.sinks import SEVERITIES, SinkSettings
from netcam.errors import ConfigError, StoreError
from netcam.sinks.delivery import IDLE_SECONDS, Delivery, Wanted, only_one
from netcam.sinks.format import Format
from netcam.sinks.outbox import Outbox
from netcam.sinks.transport import Opening, Transport

ALWAYS = "jsonl"
"""The format in which every event is kept: what dead letters and lists show."""


@cache
def formats() -> Mapping[str, Format]:
    """All formats by name."""
    return {form.name: form for form in plugins.load("netcam.sinks", Format, name="FORMAT").values()}


@cache
def transports() -> Mapping[str, Transport]:
    """All transports by the word for them in the settings."""
    found = plugins.load("netcam.sinks.transports", Transport, name="TRANSPORT").values()
    return {word: transport for transport in found for word in transport.types}


def format_of(sink: SinkSettings) -> str:
    """The name of a sink's format."""
    return sink.format or transports()[sink.type].format


def queued_formats(settings: Settings) -> dict[str, Format]:
    """The formats that the sinks of the settings need, and ALWAYS."""
    return {name: formats()[name] for name in sorted({ALWAYS, *(format_of(sink) for sink in settings.sinks.values())})}


def outbox_path(settings: Settings, state: Path) -> Path:
    """Where the outbox stands: as the settings say, else in the state folder."""
    if not settings.events.outbox:
        return state / "outbox.sqlite"
    return (Path(settings.path).parent if settings.path else Path()) / Path(settings.events.outbox).expanduser()


def open_outbox(settings: Settings, state: Path, *, clock: Callable[[], float] = time.time) -> Outbox:
    """The outbox of the settings, with every sink of the settings registered. Raises StoreError."""
    outbox = Outbox(outbox_path(settings, state), max_events=settings.events.max_events, clock=clock)
    for name in settings.sinks:
        outbox.sink(name)
    return outbox


def delivery(name: str, settings: Settings, outbox: Outbox) -> Delivery:
    """The deliverer of one sink; its receiver is opened with the first batch. Raises ConfigError for an unknown name."""
    sink = settings.sinks.get(name)
    if sink is None:
        raise ConfigError("sinks", f"no sink {name!r} in the settings", "netcam events sinks lists them")
    transport = transports()[sink.type]
    form = formats()[format_of(sink)]
    base = Path(settings.path).parent if settings.path else Path()
    opening = Opening(name=name, format=form.name, media_type=form.media_type, head=form.head, base=base)
    return Delivery(
        name, outbox, lambda: transport.open(sink, opening), format=form.name, batch=transport.batch, max_bytes=transport.max_bytes,
        partial=transport.partial, keep=transport.keep, per_second=sink.events_per_second,
        wanted=Wanted(kinds=frozenset(sink.kinds), sites=frozenset(sink.sites), least=_least(sink.min_severity)),
    )  # fmt: skip


def _least(severity: str) -> int:
    """The rank from which on events pass: `information` is everything."""
    number = SEVERITIES.index(severity)
    return number + 1 if number else 0


def drain(settings: Settings, outbox: Outbox, seconds: float, *, only: str | None = None, at_once: bool = False) -> list[str]:
    """Deliver until every sink is idle, fails, or the time is up; returns the names of sinks that another process delivers to.

    `at_once`: a receiver that is left alone after a failure is tried now.
    """
    until = time.monotonic() + seconds
    busy = []
    for name in [only] if only else settings.sinks:
        with only_one(outbox.path, name) as mine:
            if not mine:
                busy.append(name)
                continue
            one = delivery(name, settings, outbox)
            state = outbox.sink(name)
            if at_once and state.failures:
                outbox.failed(name, failures=state.failures, retry_at=0.0, error=state.error)
            try:
                while time.monotonic() < until:
                    pause = one.step(time.time())
                    if pause >= IDLE_SECONDS:
                        break
                    time.sleep(pause)
            finally:
                one.close()
    return busy


class Dispatcher:
    """A thread per sink, for a service: a receiver that is slow or down holds up nobody else."""

    def __init__(self, settings: Settings, state: Path, *, report: Callable[[str], None] = lambda _: None) -> None:
        self._settings, self._state, self._report = settings, state, report
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads of all sinks."""
        open_outbox(self._settings, self._state).close()  # what is wrong with it is told now
        for name in self._settings.sinks:
            thread = threading.Thread(target=self._run, args=(name,), name=f"sink {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float = 10.0) -> None:
        """Ask the threads to end and wait for them; a batch that is under way comes again if it does not end in time."""
        self._stop.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self, name: str) -> None:
        with ExitStack() as stack:
            outbox = open_outbox(self._settings, self._state)
            stack.callback(outbox.close)
            one = delivery(name, self._settings, outbox)
            stack.callback(one.close)
            troubled = ""
            while not self._stop.is_set():
                with only_one(outbox.path, name) as mine:
                    while mine and not self._stop.is_set():
                        try:
                            pause, error = one.step(time.time()), outbox.sink(name).error
                        except StoreError as problem:  # a full disk may be emptied
                            pause, error = 60.0, str(problem.problem)
                        # the first failure and the recovery are told, not each try
                        if bool(error) != bool(troubled):
                            self._report(f"sink {name}: {error or 'delivers again'}")
                        troubled = error
                        self._stop.wait(min(pause, 30.0))
                self._stop.wait(5.0)  # another process has this sink

    def failed(self) -> list[str]:
        """Threads that have ended though nobody asked them to: a bug, after which the service should be started anew."""
        return [] if self._stop.is_set() else [thread.name for thread in self._threads if not thread.is_alive()]
