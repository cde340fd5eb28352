"""The scheduler: asks the planner, starts and stops runs, writes down what became of them, and tells what somebody should know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from netcam.service.planner import Miss, Planner, Running, Start, Stop
from netcam.service.state import Run, State, Wish

STANDSTILL = timedelta(minutes=5)
"""A longer pause between two steps counts as one in which the service did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended."""

    id: int
    status: str
    """`complete`, `interrupted` or `failed`."""
    reason: str = ""
    scan: str = ""
    found: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A run to start."""

    id: int
    schedule: str
    site: str
    resume: bool


class Runner(Protocol):
    """Carries runs out."""

    def start(self, order: Order) -> tuple[int, int | None]:
        """Start a run; returns its process and when that began. Raises OSError."""
        ...

    def stop(self, id: int, now: datetime) -> None:
        """Ask a run to end; one that does not is ended."""
        ...

    def ended(self, now: datetime) -> Sequence[Ended]:
        """Runs that have ended since the last call."""
        ...

    def adopt(self, run: Run) -> Ended | None:
        """Take over a run of before a restart; returns how it ended where it goes on no longer."""
        ...


class Engine:
    """One service. `tell(message, site, failed)` is called for what somebody should know."""

    def __init__(
        self, planner: Planner, state: State, runner: Runner, *, tell: Callable[[str, str, bool], None] = lambda *_: None,
        acted: Callable[[str, Wish], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        self._planner, self._state, self._runner, self._tell, self._acted = planner, state, runner, tell, acted
        self._running: dict[int, Running] = {}
        self._resumed: set[int] = set()
        self._beat = state.beat()

    def reload(self, planner: Planner) -> None:
        """Plan by another planner from now on; runs that go on go on."""
        self._planner = planner

    def recover(self, now: datetime) -> None:
        """Take up what a service before this one left: runs that still go on, and runs that went down with it."""
        for run in self._state.runs(status="running"):
            ended = self._runner.adopt(run)
            if ended is None:
                self._running[run.id] = Running(
                    id=run.id, schedule=run.schedule, site=run.site, planned=run.planned, started=run.started or now, deadline=run.deadline
                )
                continue
            self._end(ended, run.schedule, run.site, run.planned, now)
            entry = self._planner.entries.get((run.schedule, run.site))
            if entry is not None and ended.status == "interrupted" and entry.pending is None:
                entry.pending = run.planned  # it goes on at once, where its grace period and its window allow

    @property
    def running(self) -> Sequence[Running]:
        """Runs that go on."""
        return tuple(self._running.values())

    def step(self, now: datetime) -> datetime | None:
        """Do what is due; returns when the next step can be due (None: nothing is planned)."""
        for wish in self._state.wishes():
            self._obey(wish, now)
        self.finish(now)
        stood = self._beat if self._beat is not None and now - self._beat > STANDSTILL else None
        for decision in self._planner.tick(now, self._running.values(), beat=stood):
            if isinstance(decision, Start):
                self._start(decision, now)
            elif isinstance(decision, Stop):
                self._runner.stop(decision.id, now)
            else:
                self._miss(decision, now)
        self._beat = now
        self._state.save(self._planner.entries.values(), now)
        return self._planner.wake(now, self._running.values())

    def finish(self, now: datetime) -> None:
        """Write down runs that have ended."""
        for ended in self._runner.ended(now):
            run = self._running.pop(ended.id, None)
            if run is not None:
                self._end(ended, run.schedule, run.site, run.planned, now, run.stopping)

    def stop(self, now: datetime) -> None:
        """Ask every run to end, because the service ends."""
        for run in self._running.values():
            run.stopping = run.stopping or "netcam was stopped"
            self._runner.stop(run.id, now)

    def _start(self, decision: Start, now: datetime) -> None:
        planned = Run(
            id=0, schedule=decision.schedule, site=decision.site, planned=decision.planned, started=now, deadline=decision.deadline
        )
        id = self._state.begin(planned)
        self._running[id] = Running(
            id=id, schedule=decision.schedule, site=decision.site, planned=decision.planned, started=now, deadline=decision.deadline
        )
        if decision.resume:
            self._resumed.add(id)
        try:
            pid, born = self._runner.start(Order(id=id, schedule=decision.schedule, site=decision.site, resume=decision.resume))
        except OSError as error:
            del self._running[id]
            ended = Ended(id=id, status="failed", reason=f"could not be started: {error.strerror}")
            self._end(ended, decision.schedule, decision.site, decision.planned, now)
            return
        self._state.process(id, pid, born)

    def _end(self, ended: Ended, schedule: str, site: str, planned: datetime, now: datetime, stopping: str = "") -> None:
        reason = (stopping or ended.reason) if ended.status != "complete" else ""
        self._state.finish(ended.id, at=now, status=ended.status, reason=reason, scan=ended.scan, found=ended.found)
        entry = self._planner.entries.get((schedule, site))
        if entry is not None:
            entry.resume = ended.status == "interrupted"
            if ended.status == "failed" and ended.id in self._resumed and entry.pending is None:
                entry.pending = planned  # there was nothing to go on with: a new one, once
        self._resumed.discard(ended.id)
        if ended.status == "failed":
            self._tell(f"Run of schedule {schedule} at {site} failed: {reason}", site, True)

    def _miss(self, decision: Miss, now: datetime) -> None:
        if self._state.begun(decision.schedule, decision.site, decision.planned):
            return  # a run of that time was cut short, and could not go on in time: it has its record
        missed = Run(
            id=0,
            schedule=decision.schedule,
            site=decision.site,
            planned=decision.planned,
            finished=now,
            status="missed",
            reason=decision.reason,
        )
        self._state.begin(missed)
        when = f"{decision.planned:%Y-%m-%d %H:%M} UTC"
        self._tell(
            f"Run of schedule {decision.schedule} at {decision.site} planned for {when} was missed: {decision.reason}", decision.site, True
        )

    def _obey(self, wish: Wish, now: datetime) -> None:
        """Do what an operator asked for. An empty schedule or site means all."""
        entries = [
            entry for key, entry in self._planner.entries.items()
            if key in self._planner.timetables and wish.schedule in ("", key[0]) and wish.site in ("", key[1])
        ]  # fmt: skip
        for entry in entries:
            if wish.what == "pause":
                entry.paused = wish.by
            elif wish.what == "resume":
                entry.paused = ""
                if entry.resume and entry.pending is None:
                    entry.pending, entry.hasty = now.replace(microsecond=0), True
            elif wish.what == "run" and entry.pending is None:
                entry.pending, entry.hasty = now.replace(microsecond=0), True
        if wish.what == "stop":
            for run in self._running.values():
                if wish.schedule in ("", run.schedule) and wish.site in ("", run.site) and not run.stopping:
                    run.stopping = f"stopped by {wish.by}"
                    self._runner.stop(run.id, now)
        self._acted(f"Schedule {wish.schedule or 'all'} at {wish.site or 'all sites'}: {wish.what}", wish)
