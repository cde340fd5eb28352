"""`netcam listen` and `netcam import`: devices found without asking them anything."""

from __future__ import annotations

import platform
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer

from netcam.cli import output
from netcam.cli.scan import (
    ConfigOption,
    ContentOption,
    EventsOption,
    FailOnOption,
    FormatOption,
    StoreOption,
    cache_folder,
    observed,
    show_result,
    telling,
)
from netcam.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netcam.collect.importers.source import Problem
    from netcam.collect.scope import Network
    from netcam.config import Settings
    from netcam.inventory.port import Inventory
    from netcam.model import Observation, ScanRecord
    from netcam.pipeline import Content, Judged
    from netcam.sinks.teller import Teller

BATCH = 2_000
"""Observations written at once."""
OWN = "name the site's networks in netcam.toml if they were its own"
MAX_TOLD = 50
"""Problems shown of one file; the rest is counted."""
MAX_JUDGED = 2_000_000
"""Different facts of one run that are judged together (about 2 GB): 50,000 devices of 40 facts."""
RUN_SECONDS = 86_400.0
"""A run of `listen` without an end is closed and judged after a day, and another begins: a run's facts are judged in memory."""


def listen(
    source: Annotated[Path | None, typer.Argument(help="Capture file (pcap, pcapng, also .gz or .zst); or give --interface.")] = None,
    interface: Annotated[list[str] | None, typer.Option("--interface", "-i", help="Listen on this interface; may be repeated.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="Listen this long; default: until Ctrl-C.")] = None,
    site: Annotated[str, typer.Option("--site", help="Site id, as in the settings.")] = "default",
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
    events: EventsOption = True,
) -> None:
    """Name the devices that pass by on an interface or in a capture. No packet is sent."""
    if (source is None) == (not interface):
        raise ConfigError("listen", "give a capture file or --interface, not both and not neither", "netcam listen --interface eth0")
    told = str(source) if source is not None else ""
    hear(source, tuple(interface or ()), told, seconds, site, format_, fail_on, store, config, content, events=events)


def hear(
    source: Path | None, names: tuple[str, ...], targets: str, seconds: float | None, site: str, format_: output.Format,
    fail_on: output.Level | None, store: str | None, config: Path | None, content: str | None, networks: tuple[Network, ...] = (),
    *, events: bool = True,
) -> None:  # fmt: skip
    """Listen to a capture or to interfaces, judge what was heard, show it and exit; with `networks`, only to what stands in them."""
    from netcam import config as settings_file
    from netcam.collect import listen as collector
    from netcam.inventory import open_inventory
    from netcam.pipeline import Content

    settings = settings_file.load(config)
    loaded = Content(content, cache=cache_folder(), local=settings.policies_path())
    _ = loaded.matcher, loaded.policies, loaded.families  # wrong content is told before hours of listening
    inventory = open_inventory(store, settings=settings, make=True)
    try:
        stop = threading.Event()
        # a file is read to its end or not at all: there Ctrl-C does the usual
        orderly = stopped_by_signal(stop) if source is None else nullcontext()
        with telling(settings, wanted=events, meanwhile=source is None) as teller, orderly:
            left = seconds
            while True:
                run = _begin(inventory, settings, loaded, site, "passive", (*(targets.split() or names),), teller)
                ear = collector.Ear(site=site, sensor=run.sensor, scan=run.id, networks=networks, local=settings.internal(site))
                notes: list[str] = []
                try:
                    if source is not None:
                        _record(inventory, collector.file(source, ear, notes))
                    else:
                        now = RUN_SECONDS if left is None else min(left, RUN_SECONDS)
                        for seen in collector.interfaces(names, ear, seconds=now, stop=stop):
                            inventory.record(seen)
                        left = None if left is None else left - now
                except BaseException as error:
                    _failed(inventory, run, teller, error)
                    raise
                totals = {name: count for name, count in sorted(ear.counters.items()) if count}
                if totals.get("kernel_dropped"):
                    notes.append(f"the kernel dropped {totals['kernel_dropped']} packets before they could be read")
                if totals.get("outside"):
                    notes.append(f"{totals['outside']} answers came from addresses outside the site's networks and were passed over: {OWN}")
                notes += [f"the link that was listened on ends at {link}" for link in sorted(ear.links)]
                if networks:
                    size = sum(one.num_addresses for one in networks if one.version == 4)
                    notes.append(f"nothing was sent: {len(ear.addresses)} addresses were heard, the others of {size} were not asked")
                finished, judged = _end(inventory, loaded, settings, run, totals, notes, sorted(ear.addresses), teller)
                if source is not None or stop.is_set() or (left is not None and left <= 0):
                    break
        show_result(finished, judged, observed(inventory.observations(scan=finished.id)), format_)
    finally:
        inventory.close()
    raise typer.Exit(output.fail_code(judged.raised(), fail_on))


def import_(
    files: Annotated[list[Path], typer.Argument(help="Files of other programs; the format is recognised.")],
    from_: Annotated[str | None, typer.Option("--from", help="Format, where it is not recognised.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--column", help="For CSV: ROLE=HEADING, such as address='Camera IP'.")] = None,
    site: Annotated[str, typer.Option("--site", help="Site id, as in the settings.")] = "default",
    format_: FormatOption = output.Format.AUTO,
    fail_on: FailOnOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    content: ContentOption = None,
    events: EventsOption = True,
) -> None:
    """Take what other programs found: nmap, masscan, Zeek, Suricata, DHCP leases, camera lists, captures, netcam itself."""
    from netcam import config as settings_file
    from netcam.collect.importers import source
    from netcam.collect.repeats import Repeats
    from netcam.inventory import open_inventory
    from netcam.pipeline import Content

    roles = dict(column(text, "--column") for text in columns or ())
    for path in files:  # a wrong name or format stops before anything is stored
        source.choose(path, from_)
    settings = settings_file.load(config)
    loaded = Content(content, cache=cache_folder(), local=settings.policies_path())
    _ = loaded.matcher, loaded.policies, loaded.families
    inventory = open_inventory(store, settings=settings, make=True)
    try:
        with telling(settings, wanted=events) as teller:
            run = _begin(inventory, settings, loaded, site, "import", tuple(path.name for path in files), teller)
            totals, notes = {"records": 0, "repeats": 0, "problems": 0}, []
            try:
                for path in files:
                    problems: list[Problem] = []
                    told, repeats, strangers = Told(str(path), problems), Repeats(source.REPEAT), source.Strangers(settings.internal(site))
                    records = source.read(
                        path,
                        wanted=from_,
                        columns=roles,
                        site=site,
                        scan=run.id,
                        now=output.clock(),
                        problems=problems,
                        repeats=repeats,
                        strangers=strangers,
                    )
                    totals["records"] += (count := _record(inventory, told.watching(records)))
                    totals["problems"] += told.count
                    totals["repeats"] += repeats.count
                    if strangers.count:
                        notes.append(
                            f"{path.name}: {strangers.count} facts of addresses outside the site's networks were passed over: {OWN}"
                        )
                    if not count:
                        notes.append(f"{path.name}: no record was found in it")
                    if told.count:
                        notes.append(f"{path.name}: {told.count} problems, the first {told.first}")
            except BaseException as error:
                _failed(inventory, run, teller, error)
                raise
            finished, judged = _end(inventory, loaded, settings, run, totals, notes, [], teller)
        show_result(finished, judged, observed(inventory.observations(scan=finished.id)), format_)
    finally:
        inventory.close()
    if finished.status == "failed":
        raise ConfigError("import", "nothing could be read of what was given", "see the problems above; --from names the format")
    raise typer.Exit(output.fail_code(judged.raised(), fail_on))


T = TypeVar("T")


class Told:
    """Shows problems while a file is read, and forgets them: a file of millions must not fill memory."""

    def __init__(self, where: str, problems: list[Problem]) -> None:
        self._where, self._problems = where, problems
        self.count, self.first = 0, ""

    def watching(self, records: Iterable[T]) -> Iterator[T]:
        """The records; what went wrong before each is shown first."""
        for one in records:
            self._flush()
            yield one
        self._flush()
        if self.count > MAX_TOLD:
            output.say(f"{self._where}: {self.count - MAX_TOLD} further problems not shown")

    def _flush(self) -> None:
        for one in self._problems:
            self.count += 1
            self.first = self.first or f"line {one.line}: {one.problem}"
            if self.count <= MAX_TOLD:
                output.say(f"{self._where}{f':{one.line}' if one.line else ''}: {one.problem}")
        self._problems.clear()


def column(text: str, option: str) -> tuple[str, str]:
    """Both sides of `KEY=VALUE`. Raises ConfigError."""
    key, equals, value = text.partition("=")
    if not equals or not value:
        raise ConfigError(option, f"{shown(text)} is not KEY=VALUE", f"write it as in: {option} address='Camera IP'")
    return key.strip(), value.strip()


class Switch(Protocol):
    """What can be set once to end a run."""

    def set(self) -> None: ...


S = TypeVar("S", bound=Switch)


@contextmanager
def stopped_by_signal(stop: S) -> Iterator[S]:
    """The first Ctrl-C, SIGTERM or loss of the terminal sets `stop`; the second Ctrl-C does the usual."""
    from netcam.pipeline import stopping

    numbers = stopping()
    before = {number: signal.getsignal(number) for number in numbers}

    def first(_number: int, _frame: object) -> None:
        stop.set()
        for number in numbers:
            signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, first)
    try:
        yield stop
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def _begin(
    inventory: Inventory, settings: Settings, content: Content, site: str, profile: str, targets: tuple[str, ...], teller: Teller | None
) -> ScanRecord:
    from netcam.inventory.runs import clock_behind
    from netcam.model import ScanRecord
    from netcam.pipeline import queued, tell_start

    if behind := clock_behind(inventory, output.clock()):
        output.say(behind)
    sensor = settings.sensor or platform.node() or "sensor"
    run = ScanRecord(id=uuid.uuid4().hex[:12], site=site, sensor=sensor, targets=targets[:1000], profile=profile, started=output.clock())
    inventory.save_scan(run)
    if teller and (untold := queued(lambda: tell_start(teller, run, inventory, content, output.clock()))):
        output.say(untold)
    return run


def _record(inventory: Inventory, observations: Iterable[Observation]) -> int:
    """Write observations in batches; returns how many came."""
    batch: list[Observation] = []
    count = 0
    for one in observations:
        batch.append(one)
        count += 1
        if len(batch) >= BATCH:
            inventory.record(batch)
            batch.clear()
    inventory.record(batch)
    return count


def _failed(inventory: Inventory, run: ScanRecord, teller: Teller | None, error: BaseException) -> None:
    from dataclasses import replace

    from netcam.pipeline import queued

    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    ended = replace(run, status=status, finished=output.clock())
    inventory.save_scan(ended)
    if teller and (untold := queued(lambda: teller.run(ended, output.clock()))):
        output.say(untold)
    output.say(f"run {run.id} {status}: what was read until then is kept and not judged; give the same again")


def distinct(observations: Iterable[Observation], notes: list[str]) -> Iterator[Observation]:
    """Each fact of each device once, and MAX_JUDGED at most: what a run of a month repeats every day is judged in bounded memory."""
    seen: set[int] = set()
    for one in observations:
        key = hash((one.key, one.endpoint, one.field, one.value))
        if key in seen:
            continue
        if len(seen) >= MAX_JUDGED:
            notes.append(f"only the first {MAX_JUDGED} different facts were judged: take a part of the estate at a time")
            return
        seen.add(key)
        yield one


def _end(
    inventory: Inventory, content: Content, settings: Settings, run: ScanRecord, totals: dict[str, int], notes: list[str],
    heard: list[str], teller: Teller | None,
) -> tuple[ScanRecord, Judged]:  # fmt: skip
    """Close the run, judge what it saw, keep the verdicts, and tell them."""
    from dataclasses import replace

    from netcam.model import Coverage, CoverageState
    from netcam.pipeline import judge, queued, store, tell_end

    known = {one.device: one for one in inventory.identities(site=run.site, evidence=False)} if teller else {}
    inventory.cover(run.id, (Coverage(address=one, state=CoverageState.ANSWERED, reason="heard") for one in heard))
    seen = distinct(inventory.observations(scan=run.id), notes)
    judged = judge(seen, content, settings.site(run.site), output.clock(), inventory=inventory, part=True)
    # an import of which nothing could be read is no look at anything
    status = "failed" if totals.get("problems") and not totals.get("records") else "complete"
    finished = replace(run, status=status, finished=output.clock(), totals=totals, notes=tuple(notes[:100]))
    inventory.save_scan(finished)
    store(inventory, run.id, judged, output.clock())
    if teller and (untold := queued(lambda: tell_end(teller, finished, judged, known, inventory, output.clock(), part=True))):
        output.say(untold)
    return inventory.scan(run.id), judged
