"""The one gate: every packet netcam sends leaves through this file or through the link helper that only this file starts.

Read it to know what can be sent at all. It holds the scope, the exclusions, the ports never touched, the rates, one
conversation at a time per device, the cap on half-open connections, the audit log and the stop switch.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import IO, Any, cast

from netcam.collect.interfaces import Interface
from netcam.collect.scope import PORTS_NEVER, Address, Network, Scope, inside
from netcam.protocols import never

MULTICAST_TTL = 1
"""Questions to groups stay on the link (RFC 1112 section 6.1)."""
AUDIT_FLUSH = 1.0
"""Seconds after which audit lines are on disk at the latest."""


class OutOfScope(Exception):
    """A packet was asked for that the gate does not let out. A status for the driver, never shown as a traceback."""


class StopSwitch:
    """Set once, seen everywhere: the gate refuses to send from then on, and waiting tasks wake."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def set(self) -> None:
        """Stop: from any thread or signal handler."""
        self._set.set()
        for loop, event in self._waiters:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

    def is_set(self) -> bool:
        """Whether the run shall end."""
        return self._set.is_set()

    async def wait(self) -> None:
        """Return when it is set."""
        event = asyncio.Event()
        self._waiters.append((asyncio.get_running_loop(), event))
        if not self._set.is_set():
            await event.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Upper bounds. The defaults are those of the polite profile: a small switch and an old camera do not notice them."""

    conversations_per_second: float = 100.0
    """New TCP conversations for the whole site."""
    conversations_per_device: float = 8.0
    """New TCP conversations and datagrams a second to one device."""
    half_open: int = 64
    """Conversations at once: entries in the state tables of firewalls and NAT on the way."""
    frames_per_second: float = 1000.0
    """Link-layer frames (ARP) for the whole site."""

    def limited(self, told: dict[str, float]) -> Rates:
        """These rates, lowered (never raised) by those of the scope file."""
        return Rates(
            conversations_per_second=min(self.conversations_per_second, told.get("conversations_per_second", 1e9)),
            conversations_per_device=min(self.conversations_per_device, told.get("conversations_per_device", 1e9)),
            half_open=int(min(self.half_open, told.get("half_open", 1e9))),
            frames_per_second=min(self.frames_per_second, told.get("frames_per_second", 1e9)),
        )


class Pace:
    """Hands out moments no closer together than 1/rate seconds; unused time is not saved up."""

    def __init__(self, rate: float) -> None:
        self._gap, self._next = 1.0 / rate, 0.0

    async def turn(self) -> None:
        """Wait for the next moment."""
        now = time.monotonic()
        moment = max(self._next, now)
        self._next = moment + self._gap
        if moment > now:
            await asyncio.sleep(moment - now)


class Audit:
    """Append-only log of what was sent: one JSON line each, with a hash chain so that a removed line shows."""

    def __init__(self, path: Path | None) -> None:
        self._file: IO[str] | None = None
        self._last, self._flushed = "", time.monotonic()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8")

    def write(self, **told: Any) -> None:
        """Add one line; `previous` is the SHA-256 of the line before."""
        if self._file is None:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")  # noqa: TID251 - the log's own clock
        line = json.dumps({"at": at, **told, "previous": self._last}, separators=(",", ":"))
        self._last = hashlib.sha256(line.encode()).hexdigest()
        self._file.write(line + "\n")
        if time.monotonic() - self._flushed > AUDIT_FLUSH:
            self._file.flush()
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Write out what is left."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Stream:
    """A TCP conversation with one device, with its bytes counted and bounded."""

    def __init__(
        self, gate: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int, protocol: str
    ) -> None:
        self._gate, self.reader, self.writer = gate, reader, writer
        self._address, self._port, self._protocol = address, port, protocol

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises OutOfScope where they are on the never-request list."""
        self._gate.check_bytes(data, self._protocol)
        self._gate.count(self._protocol, 1, len(data), "tcp", self._address, self._port, data)
        self.writer.write(data)
        await self.writer.drain()

    async def start_tls(self, context: ssl.SSLContext, server_name: str | None) -> ssl.SSLObject:
        """Begin TLS on the stream. Raises ssl.SSLError, OSError."""
        self._gate.count(self._protocol, 2, 600, "tls", self._address, self._port, b"")
        await self.writer.start_tls(context, server_hostname=server_name or "", ssl_handshake_timeout=6.0)
        made = self.writer.get_extra_info("ssl_object")
        assert isinstance(made, ssl.SSLObject)  # start_tls has returned, so the transport has one
        return made

    async def reopen(self, timeout: float) -> None:  # noqa: ASYNC109
        """Drop the connection and open another to the same port, at the same pace. Raises OutOfScope, OSError, TimeoutError."""
        self.close()
        self._gate.check(self._address, self._port)
        await self._gate._device(self._address).pace.turn()
        await self._gate._site.turn()
        self._gate.check(self._address, self._port)
        self._gate.count(self._protocol, 3, 180, "tcp", self._address, self._port, b"")
        async with asyncio.timeout(timeout):
            self.reader, self.writer = await asyncio.open_connection(self._address, self._port, limit=1 << 16)

    def close(self) -> None:
        """Drop the connection without waiting for the peer."""
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.transport.abort()


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket of the gate: sends only what the gate permits, hands every datagram to `heard`."""

    def __init__(self, gate: Gate, heard: Callable[[bytes, tuple[Any, ...]], None]) -> None:
        self._gate, self._heard = gate, heard
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        # the selector loop's class does not inherit from DatagramTransport before Python 3.12, though it is one
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """See asyncio."""
        self._heard(data, addr)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error for an earlier datagram: the device has no such service."""

    def send(self, data: bytes, host: str, port: int, protocol: str) -> None:
        """Send one datagram. Raises OutOfScope."""
        self._gate.check(host, port, groups=True)
        self._gate.check_bytes(data, protocol)
        self._gate.count(protocol, 1, len(data), "udp", host, port, data)
        if self.transport is not None:
            self.transport.sendto(data, (host, port))

    def close(self) -> None:
        """Close the socket."""
        if self.transport is not None:
            self.transport.close()


class Gate:
    """What may leave: `networks` minus exclusions, never PORTS_NEVER, at `rates`, until `stop` is set."""

    def __init__(
        self,
        *,
        networks: Sequence[Network],
        scope: Scope | None,
        rates: Rates,
        stop: StopSwitch,
        groups: Sequence[str] = (),
        audit: Path | None = None,
    ) -> None:
        """`groups` are the multicast and broadcast addresses that codecs ask; anything else of that kind is refused."""
        self.networks = tuple(networks)
        self.exclude = scope.exclude if scope else ()
        self.ports_never = PORTS_NEVER | (scope.ports_never if scope else frozenset())
        self.rates = rates.limited(scope.rates) if scope else rates
        self.stop = stop
        self.sent: Counter[str] = Counter()
        self._groups = frozenset(groups)
        self._audit = Audit(audit)
        self._site = Pace(self.rates.conversations_per_second)
        self._devices: dict[str, Pace] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._half_open = asyncio.Semaphore(self.rates.half_open)

    def check(self, host: str, port: int, *, groups: bool = False) -> None:
        """Raise OutOfScope unless a packet to host:port may leave."""
        if self.stop.is_set():
            raise OutOfScope("stopped")
        if port in self.ports_never or port in PORTS_NEVER:
            raise OutOfScope(f"port {port} is never touched")
        if groups and host in self._groups:
            return
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            raise OutOfScope(f"{host!r} is not an address") from None
        if not inside(address, self.networks):
            raise OutOfScope(f"{host} is outside the scope")
        if inside(address, self.exclude):
            raise OutOfScope(f"{host} is excluded")

    def check_bytes(self, data: bytes, protocol: str) -> None:
        """Raise OutOfScope for a message of the never-request list: the second wall behind the codecs, which cannot make one."""
        if reason := never.refuses(data):
            raise OutOfScope(f"{protocol}: {reason}")

    def permits(self, address: Address) -> bool:
        """Whether the address itself lies in scope."""
        return inside(address, self.networks) and not inside(address, self.exclude)

    def count(self, protocol: str, packets: int, size: int, transport: str, host: str, port: int, data: bytes) -> None:
        """Add to the totals and to the audit log."""
        self.sent[f"{protocol}.packets"] += packets
        self.sent[f"{protocol}.bytes"] += size
        self._audit.write(
            protocol=protocol, transport=transport, host=host, port=port, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()[:16]
        )

    @contextlib.asynccontextmanager
    async def device(self, address: str) -> AsyncIterator[None]:
        """Hold the one conversation that may be open with a device."""
        async with self._locks.setdefault(address, asyncio.Lock()):
            yield

    async def turn(self, address: str) -> None:
        """Wait for this device's next moment."""
        pace = self._devices.get(address)
        if pace is None:
            pace = self._devices[address] = Pace(self.rates.conversations_per_device)
        await pace.turn()

    @contextlib.asynccontextmanager
    async def connect(self, address: str, port: int, protocol: str, *, timeout: float) -> AsyncIterator[Stream]:  # noqa: ASYNC109
        """Open a TCP conversation. Raises OutOfScope, OSError, TimeoutError (connect took longer than `timeout` seconds)."""
        self.check(address, port)
        await self.turn(address)
        async with self._half_open:
            await self._site.turn()
            self.check(address, port)
            self.count(protocol, 3, 180, "tcp", address, port, b"")
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(address, port, limit=1 << 16)
            stream = Stream(self, reader, writer, address, port, protocol)
            try:
                yield stream
            finally:
                stream.close()

    async def datagrams(
        self, interface: Interface | None, heard: Callable[[bytes, tuple[Any, ...]], None], *, bind_port: int = 0, join: Sequence[str] = ()
    ) -> Datagrams:
        """A UDP socket on `interface` (None: by route), bound to `bind_port`, joined to groups. Raises OSError where the port is taken."""
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if bind_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)  # a thousand devices answer one question at once
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if interface is not None and interface.ipv4:
                own = socket.inet_aton(interface.ipv4)
                made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
                made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, MULTICAST_TTL)
                made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
                for group in join:
                    if ip_address(group).is_multicast and ip_address(group).version == 4:
                        request = struct.pack("=4s4si", socket.inet_aton(group), own, interface.index)
                        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            made.bind(("", bind_port))
            loop = asyncio.get_running_loop()
            _, protocol = await loop.create_datagram_endpoint(lambda: Datagrams(self, heard), sock=made)
        except OSError:
            made.close()
            raise
        return protocol

    async def link(self, *argv: str) -> asyncio.subprocess.Process:
        """Start the link helper, which sends ARP frames only and gets its targets on its standard input."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "netcam.collect.link", *argv,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 20,
        )  # fmt: skip

    def arp_targets(self, network: Network) -> list[tuple[int, int]]:
        """First and last address (as integers) of each run of `network` that may be asked."""
        if network.version != 4:
            return []
        allowed: list[Network] = [network]
        for hole in self.exclude:
            if hole.version != 4:
                continue
            rest: list[Network] = []
            for part in allowed:
                if part.subnet_of(hole):  # type: ignore[arg-type]
                    continue
                rest += part.address_exclude(hole) if hole.subnet_of(part) else [part]  # type: ignore[arg-type]
            allowed = rest
        runs = []
        for part in allowed:
            first, last = int(part.network_address), int(part.broadcast_address)
            if part.num_addresses > 2 and part == network:
                first, last = first + 1, last - 1
            runs.append((first, last))
        return sorted(runs)

    def totals(self) -> dict[str, int]:
        """What was sent so far, as `sent.<protocol>.packets` and `.bytes`."""
        return {f"sent.{key}": value for key, value in sorted(self.sent.items())}

    def close(self) -> None:
        """Write the audit log out."""
        self._audit.close()


def as_address(number: int) -> str:
    """Dotted text of an IPv4 address as integer."""
    return str(IPv4Address(number))
