"""Flows from an interface: a TPACKET_V3 ring, read in whole blocks; what the kernel drops is counted; no packet is ever sent."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from netcam.flows import rows as layout
from netcam.flows.compiled import needs_extra
from netcam.flows.ring import BLOCK, BLOCKS, Ring, opened
from netcam.flows.table import FlowTable
from netcam.flows.walk import Walk

if TYPE_CHECKING:
    from netcam.flows.build import Assembly
    from netcam.flows.checkpoint import Keeper

EXPIRE_EVERY = 5.0
"""Seconds between two looks for conversations that are over, where nothing passes that would move time."""
WAITING = 1
"""Windows that may wait for the caller; then reading waits too, and the kernel counts what it drops."""
OPEN = 1 << 18
"""Open conversations of a watch: 67 MB; beyond that the oldest is told early and counted."""
PIECE = 60_000
"""Flows of a window that comes because it is full: several may wait while the caller judges one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to listen. `filter_`: a BPF program as `tcpdump -ddd` prints it; `fanout`: group number of rings that share an interface."""

    internal: Sequence[IPv4Network | IPv6Network] = ()
    filter_: str = ""
    fanout: int = 0
    idle: float = layout.IDLE
    active: float = layout.ACTIVE


def watch(
    interface: str,
    *,
    seconds: float | None,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
) -> FlowTable:
    """Listen for `seconds` (None: until `stop` or Ctrl-C) and return all flows in one table; `ready` is set when listening has begun.

    Raises ConfigError for an interface that is not there, PrivilegeError without CAP_NET_RAW.
    """
    from netcam.flows.build import merged

    return merged(list(windows(interface, Settings(internal), seconds=seconds, every=None, stop=stop, ready=ready)))


def windows(
    interface: str,
    settings: Settings,
    *,
    seconds: float | None,
    every: float | None,
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
    keeper: Keeper | None = None,
    prepare: Callable[[FlowTable], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> Iterator[FlowTable]:
    """Flows that ended, each `every` seconds and at the end; a window that is full comes sooner. For months: memory is bounded.

    A thread reads the ring, so that the caller may take its time. With `keeper` each window is archived and the state behind it kept,
    after `prepare`; `note` gets what the keeper says of the last run. Raises as `watch`, and StoreError of the keeper.
    """
    needs_extra()
    from netcam.flows.build import Assembly

    ended = stop if stop is not None else threading.Event()
    with opened(interface, what="egress watch", program=settings.filter_, fanout=settings.fanout) as ring:
        walk = Walk(internal=settings.internal, idle=settings.idle, active=settings.active, capacity=OPEN)
        assembly = Assembly(interface, walk, window_rows=PIECE)
        if keeper is not None and (told := keeper.restore(assembly)) and note is not None:
            note(told)
        reader = _Reader(ring, assembly, keeper, seconds, every, ended)
        thread = threading.Thread(target=reader.run, name="netcam-capture", daemon=True)
        thread.start()
        if ready is not None:
            ready.set()
        try:
            while True:
                try:
                    item = reader.out.get(timeout=0.2)
                except queue.Empty:
                    continue
                except KeyboardInterrupt:
                    ended.set()  # what was seen until now is the result
                    continue
                if item is None:
                    break
                table, snapshot = item
                if keeper is not None:
                    if prepare is not None:
                        prepare(table)
                    keeper.keep(snapshot, table)
                    reader.written.set()
                yield table
        finally:
            ended.set()
            reader.abandoned.set()
            thread.join()
    if reader.error is not None:
        raise reader.error


class _Reader:
    """The thread that reads: does nothing but walk blocks and hand windows over."""

    def __init__(
        self, ring: Ring, assembly: Assembly, keeper: Keeper | None, seconds: float | None, every: float | None, stop: threading.Event
    ) -> None:
        self._ring, self._assembly, self._keeper = ring, assembly, keeper
        self._seconds, self._every, self._stop = seconds, every, stop
        self.out: queue.Queue[tuple[FlowTable, Any] | None] = queue.Queue(WAITING)
        self.written, self.abandoned = threading.Event(), threading.Event()
        self.written.set()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Read until the time or the end comes."""
        try:
            self._read()
        except BaseException as error:  # handed to the caller, which raises it
            self.error = error
        self._put(None)

    def _put(self, item: tuple[FlowTable, Any] | None) -> None:
        while not self.abandoned.is_set():
            try:
                self.out.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def _give(self, table: FlowTable) -> None:
        lost = self._ring.dropped()
        table.counters["kernel_dropped"] = lost
        if lost:
            table.notes.append(f"the kernel dropped {lost} packets before they could be read: counts are lower bounds")
        snapshot = None
        if self._keeper is not None:
            while not self.written.wait(0.2):
                if self.abandoned.is_set():
                    return
            self.written.clear()
            snapshot = self._keeper.snapshot(self._assembly)
        self._put((table, snapshot))

    def _read(self) -> None:
        from netcam.flows.build import merged

        assembly, ring = self._assembly, self._ring
        now = time.monotonic()
        end = now + self._seconds if self._seconds is not None else None
        cut, expire = now + (self._every or 0), now + EXPIRE_EVERY
        while not self._stop.is_set() and (end is None or now < end):
            step = assembly.walk.ring(ring.memory, BLOCK, BLOCKS)
            if not (busy := assembly.through(step, ring.memory)):
                ring.wait(100)
            full = list(assembly.ready())
            if full:
                # what ended since goes along: a checkpoint has room for open conversations only
                self._give(merged([*full, assembly.cut()]))
            now = time.monotonic()
            if now >= expire and not busy:
                expire = now + EXPIRE_EVERY
                for _ in assembly.walk.expire(time.time_ns()):
                    assembly.collect(None)
            if self._every is not None and now >= cut:
                cut = now + self._every
                self._give(assembly.cut())
        for _ in range(BLOCKS):  # what the kernel has handed over and nobody has read is neither lost nor counted as dropped
            if not assembly.through(assembly.walk.ring(ring.memory, BLOCK, BLOCKS), ring.memory):
                break
        for table in assembly.finish():
            self._give(table)
