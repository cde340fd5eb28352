"""Flows from an interface: a TPACKET_V3 ring, read in whole blocks; what the kernel drops is counted; no packet is ever sent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from netcam.flows.capture import needs_numba
from netcam.flows.ring import Ring, opened
from netcam.flows.table import FlowTable


def watch(
    interface: str,
    *,
    seconds: float | None,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    stop: threading.Event | None = None,
    ready: threading.Event | None = None,
) -> FlowTable:
    """Listen for `seconds` (None: until `stop` or Ctrl-C) and return the flows; `ready` is set when listening has begun.

    Raises ConfigError for an interface that is not there, PrivilegeError without CAP_NET_RAW.
    """
    needs_numba()
    with opened(interface, what="egress watch") as ring:
        return _read(ring, seconds, stop, ready)


def _read(ring: Ring, seconds: float | None, stop: threading.Event | None, ready: threading.Event | None) -> FlowTable:
    import numpy as np

    from netcam.flows import build, walker
    from netcam.flows.names import Namer

    walk, namer = walker.Walk(), Namer()
    if ready is not None:
        ready.set()
    data = np.frombuffer(ring.memory, np.uint8)
    try:
        for at, packets in ring.blocks(seconds=seconds, stop=stop):
            walk.room(packets)
            walker.ring_block(data, at, walker.ETHERNET, walk.slots, walk.rows, walk.used, walk.counters, walk.hints)
            namer.look(data, walk.take_hints(), walk.rows)
    except KeyboardInterrupt:
        pass  # what was seen until now is the result
    dropped = ring.dropped()
    made = build.table(walk, namer)
    del data  # the ring cannot be unmapped while an array looks at it
    made.counters["kernel_dropped"] = dropped
    if dropped:
        made.notes.append(f"the kernel dropped {dropped} packets before they could be read: counts are lower bounds")
    return made
