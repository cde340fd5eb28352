"""Flows from an interface: a TPACKET_V3 ring, read in whole blocks; what the kernel drops is counted; no packet is ever sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from netcam.flows import rows as layout
from netcam.flows.compiled import needs_extra
from netcam.flows.ring import opened
from netcam.flows.table import FlowTable

if TYPE_CHECKING:
    from netcam.flows.build import Assembly

EXPIRE_EVERY = 5.0
"""Seconds between two looks for conversations that are over, where nothing passes that would move time."""


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

    return merged(list(windows(interface, seconds=seconds, every=None, internal=internal, stop=stop, ready=ready)))


def windows(
    interface: str,
    *,
    seconds: float | None,
    every: float | None,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
    filter_: str = "",
    fanout: int = 0,
    idle: float = layout.IDLE,
    active: float = layout.ACTIVE,
    begin: Callable[[Assembly], None] | None = None,
    keep: Callable[[Assembly, FlowTable], None] | None = None,
) -> Iterator[FlowTable]:
    """Flows that ended, each `every` seconds and at the end; a window that is full comes sooner. For months: memory is bounded.

    `filter_`: a BPF program as `tcpdump -ddd` prints it; `fanout`: rings that share the interface's packets under this group number,
    0 for one ring. `begin` may put an earlier state into the new table; `keep` gets each window with the state behind it. Raises as `watch`.
    """
    needs_extra()
    import numpy as np

    from netcam.flows.build import Assembly, merged

    with opened(interface, what="egress watch", program=filter_, fanout=fanout) as ring:
        assembly = Assembly(interface, internal=internal, idle=idle, active=active)
        if begin is not None:
            begin(assembly)
        if ready is not None:
            ready.set()
        data = np.frombuffer(ring.memory, np.uint8)
        dropped = 0

        def told(table: FlowTable) -> FlowTable:
            nonlocal dropped
            lost, dropped = dropped + ring.dropped(), 0
            table.counters["kernel_dropped"] = lost
            if lost:
                table.notes.append(f"the kernel dropped {lost} packets before they could be read: counts are lower bounds")
            if keep is not None:
                keep(assembly, table)
            return table

        now = time.monotonic()
        cut, expire = now + (every or 0), now + EXPIRE_EVERY
        try:
            for at, packets in ring.blocks(seconds=seconds, stop=stop, idle=True):
                if packets:
                    assembly.walk.ring_block(data, at, packets)
                full = list(assembly.ready())
                if full:
                    # what ended since goes along: a checkpoint has room for open conversations only
                    yield told(merged([*full, assembly.cut()]))
                now = time.monotonic()
                if now >= expire:
                    expire = now + EXPIRE_EVERY
                    if not packets:
                        assembly.walk.expire(time.time_ns())
                if every is not None and now >= cut:
                    cut = now + every
                    yield told(assembly.cut())
        except KeyboardInterrupt:
            pass  # what was seen until now is the result
        finally:
            del data  # the ring cannot be unmapped while an array looks at it
        for table in assembly.finish():
            yield told(table)
