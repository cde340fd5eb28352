"""`netcam listen` and `netcam import`: devices found without asking them anything."""

from __future__ import annotations

import platform
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

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
from netcam.protocols import decoding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netcam.collect.importers.source import Problem
    from netcam.collect.listen import Ear
    from netcam.collect.scope import Network
    from netcam.config import Settings
    from netcam.inventory.port import Inventory
    from netcam.model import Observation, ScanRecord
    from netcam.pipeline import Content, Judged
    from netcam.pipeline.ending import Run
    from netcam.sinks.teller import Teller

BATCH = 2_000
"""Observations written at once."""
OWN = "name the site's networks in netcam.toml if they were its own"
MAX_TOLD = 50
"""Problems shown of one file; the rest is counted."""
MAX_NOTED, MAX_NOTE = 5, 200
"""Problems of one file that the run keeps, and characters of each."""
MAX_JUDGED = 2_000_000
"""Different facts of one run that are judged together (about 2 GB): 50,000 devices of 40 facts."""
RUN_SECONDS = 86_400.0
"""A run of `listen` without an end is closed and judged after a day, and another begins: a run's facts are judged in memory."""


def listen(
    source: Annotated[Path | None, typer.Argument(help="Capture file (pcap, pcapng, also .gz or .zst); or give --interface.")] = None,
    interface: Annotated[list[str] | None, typer.Option("--interface", "-i", help="Listen on this interface; may be repeated.")] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="Listen this long; default: until Ctrl-C, which is no interruption here.")
    ] = None,
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
    from netcam.pipeline import Content, interrupted_by_signal, stopped_by_signal, unfinished

    settings = settings_file.load(config)
    loaded = Content(content, cache=cache_folder(), local=settings.policies_path())
    _ = loaded.matcher, loaded.policies, loaded.families  # wrong content is told before hours of listening
    inventory = open_inventory(store, settings=settings, make=True)
    try:
        stop = threading.Event()
        # a file is read to its end or not at all: there Ctrl-C interrupts
        orderly = stopped_by_signal(stop) if source is None else interrupted_by_signal()
        with orderly, telling(settings, wanted=events, meanwhile=source is None) as teller:
            left = seconds
            while True:
                run = _begin(inventory, settings, loaded, site, "passive", (*(targets.split() or names),), teller)
                ear = collector.Ear(site=site, sensor=run.sensor, scan=run.id, networks=networks, local=settings.internal(site))
                notes: list[str] = []
                with unfinished(run, inventory, teller, output.clock, output.say) as going:
                    if source is not None:
                        _record(inventory, collector.file(source, ear, notes))
                    else:
                        now = RUN_SECONDS if left is None else min(left, RUN_SECONDS)
                        for seen in collector.interfaces(names, ear, seconds=now, stop=stop):
                            inventory.record(seen)
                        left = None if left is None else left - now
                    totals = {name: count for name, count in sorted(ear.counters.items()) if count}
                    notes += _heard(ear, totals, networks)
                    finished, judged = _end(inventory, loaded, settings, going, totals, notes, sorted(ear.addresses), teller)
                if source is not None or stop.is_set() or (left is not None and left <= 0):
                    break
        show_result(finished, judged, observed(inventory.observations(scan=finished.id)), format_)
    finally:
        inventory.close()
    raise typer.Exit(output.fail_code(judged.raised(), fail_on))


def _heard(ear: Ear, totals: Mapping[str, int], networks: Sequence[Network]) -> Iterator[str]:
    """What has to be said of what was heard, and of what was not."""
    if totals.get("kernel_dropped"):
        yield f"the kernel dropped {totals['kernel_dropped']} packets before they could be read"
    if totals.get("outside"):
        yield f"{totals['outside']} answers came from addresses outside the site's networks and were passed over: {OWN}"
    yield from (f"the link that was listened on ends at {link}" for link in sorted(ear.links))
    if networks:
        size = sum(one.num_addresses for one in networks if one.version == 4)
        yield f"nothing was sent: {len(ear.addresses)} addresses were heard, the others of {size} were not asked"


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
    from netcam.pipeline import Content, interrupted_by_signal, unfinished

    roles = dict(column(text, "--column") for text in columns or ())
    for path in files:  # a wrong name or format stops before anything is stored
        source.choose(path, from_)
    settings = settings_file.load(config)
    loaded = Content(content, cache=cache_folder(), local=settings.policies_path())
    _ = loaded.matcher, loaded.policies, loaded.families
    inventory = open_inventory(store, settings=settings, make=True)
    try:
        with interrupted_by_signal(), telling(settings, wanted=events) as teller:
            run = _begin(inventory, settings, loaded, site, "import", tuple(path.name for path in files), teller)
            totals, notes = {"records": 0, "repeats": 0, "problems": 0, "dropped": 0}, []
            with unfinished(run, inventory, teller, output.clock, output.say) as going:
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
                    totals["dropped"] += told.dropped
                    totals["repeats"] += repeats.count
                    if strangers.count:
                        notes.append(
                            f"{path.name}: {strangers.count} facts of addresses outside the site's networks were passed over: {OWN}"
                        )
                    if not count:
                        notes.append(f"{path.name}: no record was found in it")
                    if told.count:
                        notes.append(f"{path.name}: {told.summary}")
                finished, judged = _end(inventory, loaded, settings, going, totals, notes, [], teller)
        show_result(finished, judged, observed(inventory.observations(scan=finished.id)), format_)
    finally:
        inventory.close()
    if finished.status == "failed":
        raise ConfigError("import", "nothing could be read of what was given", "see the problems above; --from names the format")
    raise typer.Exit(output.fail_code(judged.raised(), fail_on))


T = TypeVar("T")


class Told:
    """Shows problems while a file is read, and forgets all but the first: a file of millions must not fill memory."""

    def __init__(self, where: str, problems: list[Problem]) -> None:
        self._where, self._problems = where, problems
        self.count, self.dropped = 0, 0
        self._first: list[str] = []

    @property
    def summary(self) -> str:
        """How many were dropped and how many taken otherwise than they stood, and the first of them with place and reason."""
        rest = "; ..." if self.count > len(self._first) else ""
        return f"{self.dropped} dropped, {self.count - self.dropped} taken with a change: {'; '.join(self._first)}{rest}"

    def watching(self, records: Iterable[T]) -> Iterator[T]:
        """The records; what went wrong before each is shown first."""
        for one in records:
            self._flush()
            yield one
        self._flush()
        if self.count > MAX_TOLD:
            output.say(f"{self._where}: {self.count - MAX_TOLD} further problems not shown")
        if self.count:
            output.say(f"{self._where}: {self.dropped} dropped, {self.count - self.dropped} taken with a change")

    def _flush(self) -> None:
        for one in self._problems:
            self.count += 1
            self.dropped += one.dropped
            what = f"{'dropped: ' if one.dropped else ''}{one.problem}"
            if len(self._first) < MAX_NOTED:
                self._first.append(decoding.line(f"line {one.line}: {what}" if one.line else what, MAX_NOTE))
            if self.count <= MAX_TOLD:
                output.say(f"{self._where}{f':{one.line}' if one.line else ''}: {what}")
        self._problems.clear()


def column(text: str, option: str) -> tuple[str, str]:
    """Both sides of `KEY=VALUE`. Raises ConfigError."""
    key, equals, value = text.partition("=")
    if not equals or not value:
        raise ConfigError(option, f"{shown(text)} is not KEY=VALUE", f"write it as in: {option} address='Camera IP'")
    return key.strip(), value.strip()


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
    inventory: Inventory, content: Content, settings: Settings, going: Run, totals: dict[str, int], notes: list[str],
    heard: list[str], teller: Teller | None,
) -> tuple[ScanRecord, Judged]:  # fmt: skip
    """Close the run, judge what it saw, keep the verdicts, and tell them."""
    from dataclasses import replace

    from netcam.model import Coverage, CoverageState
    from netcam.pipeline import judge, queued, store, tell_end

    run = going.record
    known = {one.device: one for one in inventory.identities(site=run.site, evidence=False)} if teller else {}
    inventory.cover(run.id, (Coverage(address=one, state=CoverageState.ANSWERED, reason="heard") for one in heard))
    seen = distinct(inventory.observations(scan=run.id), notes)
    judged = judge(seen, content, settings.site(run.site), output.clock(), inventory=inventory, part=True)
    # an import of which nothing could be read is no look at anything
    status = "failed" if totals.get("problems") and not totals.get("records") else "complete"
    finished = replace(run, status=status, finished=output.clock(), totals=totals, notes=tuple(notes[:100]))
    inventory.save_scan(finished)
    going.closed = True
    store(inventory, run.id, judged, output.clock())
    if teller and (untold := queued(lambda: tell_end(teller, finished, judged, known, inventory, output.clock(), part=True))):
        output.say(untold)
    return inventory.scan(run.id), judged
