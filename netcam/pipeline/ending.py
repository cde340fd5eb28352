"""How a run ends that does not come to its end: signals end it in good order, and the inventory keeps how it ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from netcam.errors import StoreError
from netcam.model import ScanRecord

if TYPE_CHECKING:
    from netcam.inventory.port import Inventory
    from netcam.sinks.teller import Teller


class Switch(Protocol):
    """What can be set once to end a run."""

    def set(self) -> None: ...


S = TypeVar("S", bound=Switch)


def stopping() -> tuple[signal.Signals, ...]:
    """Signals that end a run in good order. Whoever had SIGHUP ignored (nohup) wants the run to outlive the terminal."""
    ends = (signal.SIGINT, signal.SIGTERM)
    return ends if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (*ends, signal.SIGHUP)


@contextmanager
def _first(what: Callable[[], None]) -> Iterator[None]:
    """The first of the signals does `what`; the second does what it did before."""
    numbers = stopping()
    before = {number: signal.getsignal(number) for number in numbers}

    def again() -> None:
        for number in numbers:
            signal.signal(number, before[number])

    def first(_number: int, _frame: object) -> None:
        again()
        what()

    for number in numbers:
        signal.signal(number, first)
    try:
        yield
    finally:
        again()


@contextmanager
def stopped_by_signal(stop: S) -> Iterator[S]:
    """The first Ctrl-C, SIGTERM or loss of the terminal sets `stop`; the second does the usual."""
    with _first(stop.set):
        yield stop


@contextmanager
def interrupted_by_signal() -> Iterator[None]:
    """SIGTERM and the loss of the terminal raise KeyboardInterrupt as Ctrl-C does, once, so that what is open is closed."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with _first(interrupt):
        yield


@contextmanager
def interruptible(stop: Switch) -> Iterator[None]:
    """The same as `stopped_by_signal` inside a running loop, which the signal wakes; afterwards signals do what they did before."""
    loop, numbers = asyncio.get_running_loop(), stopping()
    before = {number: signal.getsignal(number) for number in numbers}

    def again() -> None:
        for number in numbers:
            if loop.remove_signal_handler(number):  # which sets the default
                signal.signal(number, before[number])

    def first() -> None:
        stop.set()
        again()

    for number in numbers:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        again()


def queued(tell: Callable[[], object]) -> str:
    """Queue events; returns what went wrong, in words. A full disk must not cost a scan: the next one tells what this one could not."""
    try:
        tell()
    except StoreError as error:
        return f"events were not queued: {error.problem}"
    return ""


@dataclass(slots=True)
class Run:
    """A run that is going on."""

    record: ScanRecord
    closed: bool = False
    """Its end is in the inventory."""


@contextmanager
def unfinished(
    run: ScanRecord, inventory: Inventory, teller: Teller | None, clock: Callable[[], datetime], say: Callable[[str], None]
) -> Iterator[Run]:
    """Until the run is closed, what ends it ends it in the inventory too: `interrupted` by a signal, `failed` by anything else.

    `say` is told so.
    """
    going = Run(run)
    try:
        yield going
    except BaseException as error:
        if not going.closed:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            ended = replace(going.record, status=status, finished=clock())
            try:
                inventory.save_scan(ended)
            except StoreError as worse:  # what ended the run is what the operator has to hear
                say(f"run {run.id} stays open in the inventory: {worse.problem}")
                raise error from None
            say(f"run {run.id} {status}: what was read until then is kept and not judged")
            if teller and (untold := queued(lambda: teller.run(ended, clock()))):
                say(untold)
        raise
