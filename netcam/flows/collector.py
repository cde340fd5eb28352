"""Listens for exporters on a UDP port: NetFlow v5, v9, IPFIX and sFlow on one socket, told apart by their first bytes. Answers nothing."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network

from netcam.errors import ConfigError, shown
from netcam.flows import sflow
from netcam.flows.netflow import Exporters
from netcam.flows.records import Records
from netcam.flows.table import FlowTable

BUFFER = 32 << 20
"""Bytes the kernel may keep while Python is busy: a second of 25,000 full datagrams."""
MAX_RECORDS = 100_000
"""Records of one window; a flood makes windows come sooner instead of growing them."""
AT_ONCE = 1000
"""Datagrams that are read between two looks at the clock."""
LAST = 2 * BUFFER // 768
"""Datagrams that are read when the time is over, as they came before its end: more the kernel's buffer cannot hold (it doubles the size it
is told, and counts at least 768 bytes for each). A flood that goes on does not keep it up longer."""
SO_RXQ_OVFL = 40
"""asm-generic/socket.h: the kernel tells with each datagram how many it dropped."""


def address(text: str) -> tuple[str, int]:
    """ADDRESS:PORT, [ADDRESS6]:PORT or :PORT for every address. Raises ConfigError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ConfigError("--netflow", f"{shown(text)} is no ADDRESS:PORT", "write it as 192.0.2.1:2055, or :2055 for every address")
    return host, int(port)


def windows(
    where: str,
    *,
    seconds: float | None,
    every: float | None,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    stop: threading.Event | None = None,
    ready: Callable[[int], None] | None = None,
) -> Iterator[FlowTable]:
    """Flows that exporters tell, each `every` seconds and at the end; `ready` gets the port when listening has begun.

    Raises ConfigError where the address cannot be listened on.
    """
    host, port = address(where)
    family = socket.AF_INET6 if ":" in host or not host else socket.AF_INET
    records = Records(internal)
    exporters = Exporters(records)
    with socket.socket(family, socket.SOCK_DGRAM) as listener:
        try:
            if family == socket.AF_INET6 and not host:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            listener.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
            listener.bind((host, port))
        except OSError as error:
            raise ConfigError(
                "--netflow", f"cannot listen on {shown(where)}: {error.strerror}", "give an address of this machine"
            ) from None
        listener.setblocking(False)
        if ready is not None:
            ready(listener.getsockname()[1])
        yield from _listen(listener, records, exporters, seconds, every, stop)


def _listen(
    listener: socket.socket,
    records: Records,
    exporters: Exporters,
    seconds: float | None,
    every: float | None,
    stop: threading.Event | None,
) -> Iterator[FlowTable]:
    dropped = told = 0
    now = time.monotonic()
    end = now + seconds if seconds is not None else None
    cut = now + every if every is not None else None
    waiter = select.poll()
    waiter.register(listener, select.POLLIN)

    def window() -> FlowTable:
        nonlocal told
        records.counters["kernel_dropped"] = dropped - told
        if dropped > told:
            records.notes.append(f"the kernel dropped {dropped - told} datagrams before they could be read: counts are lower bounds")
        told = dropped
        return records.take()

    try:
        left = LAST
        while left > 0:
            over = (end is not None and time.monotonic() >= end) or (stop is not None and stop.is_set())
            if not over:
                waiter.poll(100)
            for _ in range(AT_ONCE):
                try:
                    data, extra, _, sender = listener.recvmsg(65_535, 64)
                except BlockingIOError:
                    left = 0 if over else left
                    break
                left -= over
                for level, kind, value in extra:
                    if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL and len(value) >= 4:
                        dropped = struct.unpack("I", value[:4])[0]
                receive(data, str(sender[0]).removeprefix("::ffff:"), time.time_ns(), records, exporters)
            if len(records) >= MAX_RECORDS or (cut is not None and time.monotonic() >= cut):
                cut = time.monotonic() + every if every is not None else None
                yield window()
    except KeyboardInterrupt:
        pass  # what was heard until now is the result
    yield window()


def receive(data: bytes, exporter: str, now: int, records: Records, exporters: Exporters) -> None:
    """One datagram, of whichever protocol it is."""
    if not (sflow.datagram(data, exporter, now, records) or exporters.datagram(data, exporter, now)):
        records.count("unknown_datagrams")
