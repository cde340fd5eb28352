"""Flows from an interface: a TPACKET_V3 ring, read in whole blocks; what the kernel drops is counted; no packet is ever sent."""

from __future__ import annotations

import mmap
import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from netcam.errors import ConfigError, PrivilegeError, nearest, shown
from netcam.flows.capture import needs_numba
from netcam.flows.table import FlowTable

BLOCK, BLOCKS = 1 << 20, 64
"""A ring of 64 MB: half a second of a full 1 Gbit/s link while Python looks away."""
BLOCK_TIMEOUT = 60
"""Milliseconds after which the kernel hands over a block that is not full."""
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 263, 1, 5, 6, 10  # linux/if_packet.h
PACKET_MR_PROMISC, TPACKET_V3, ETH_P_ALL = 1, 2, 3


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
    names = [name for _, name in socket.if_nameindex()]
    if interface not in names:
        raise ConfigError("--interface", f"no interface {shown(interface)}", nearest(interface, names))
    try:
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise PrivilegeError(
            "egress watch", "listening needs CAP_NET_RAW", "run as root, or: setcap cap_net_raw+ep on a copy of the interpreter"
        ) from None
    with link:
        link.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        frames = BLOCK * BLOCKS // 2048
        link.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("IIIIIII", BLOCK, BLOCKS, 2048, frames, BLOCK_TIMEOUT, 0, 0))
        with mmap.mmap(link.fileno(), BLOCK * BLOCKS, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE) as ring:
            link.bind((interface, ETH_P_ALL))
            link.setsockopt(
                SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b"")
            )
            return _read(link, ring, seconds, stop, ready)


def _read(
    link: socket.socket, ring: mmap.mmap, seconds: float | None, stop: threading.Event | None, ready: threading.Event | None
) -> FlowTable:
    import numpy as np

    from netcam.flows import build, walker
    from netcam.flows.names import Namer

    walk, namer = walker.Walk(), Namer()
    if ready is not None:
        ready.set()
    data = np.frombuffer(ring, np.uint8)
    end = time.monotonic() + seconds if seconds is not None else None
    block, waiter = 0, select.poll()
    waiter.register(link, select.POLLIN)
    try:
        while (end is None or time.monotonic() < end) and not (stop is not None and stop.is_set()):
            status = struct.unpack_from("<I", ring, block * BLOCK + 8)[0]
            if not status & 1:
                waiter.poll(100)
                continue
            walk.room(struct.unpack_from("<I", ring, block * BLOCK + 12)[0])
            walker.ring_block(data, block * BLOCK, walker.ETHERNET, walk.slots, walk.rows, walk.used, walk.counters, walk.hints)
            namer.look(data, walk.take_hints(), walk.rows)
            struct.pack_into("<I", ring, block * BLOCK + 8, 0)
            block = (block + 1) % BLOCKS
    except KeyboardInterrupt:
        pass  # what was seen until now is the result
    _, dropped, _ = struct.unpack("III", link.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))
    made = build.table(walk, namer)
    del data  # the ring cannot be unmapped while an array looks at it
    made.counters["kernel_dropped"] = dropped
    if dropped:
        made.notes.append(f"the kernel dropped {dropped} packets before they could be read: counts are lower bounds")
    return made
