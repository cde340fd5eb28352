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
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any, cast

from netcam.collect.audit import Audit
from netcam.collect.interfaces import Interface
from netcam.collect.pace import Pace, Rates
from netcam.collect.patience import patience
from netcam.collect.scope import PORTS_NEVER, Address, Network, Scope, inside
from netcam.protocols import never

IP_UNICAST_IF = 50  # linux/in.h
MULTICAST_TTL = 1
"""Questions to groups stay on the link (RFC 1112 section 6.1)."""
MAX_DEVICES = 1 << 15
"""Devices remembered at once; idle ones are forgotten first, so that a /12 of silence fits in memory."""
SLOW_FACTOR, SLOW_LEAST = 6.0, 0.4
"""A device that takes this many times its quickest connect, and at least these seconds, is slowed down for."""
SLOWEST = 0.5
"""Conversations a second at which backing off ends."""
MAX_PLACES = 1 << 12
"""Networks of a /24 told of in the totals: a /12."""
MAX_COUNTED = 1 << 17
"""Addresses whose packets are counted one by one."""
NMAP_GRACE = 10
"""Seconds beyond its own limit after which nmap is ended."""
MAX_XML = 1 << 20
"""Bytes of nmap's account of one device: 16 ports are 20 kB."""
SECRETIVE = frozenset({"snmp"})
"""Protocols whose messages carry what the operator gave in confidence."""
HELPERS = {"arp": "netcam.collect.link", "icmpv6": "netcam.collect.link6", "sadp": "netcam.collect.link_sadp"}
"""The link helpers that may be started, by what they send."""
GIVE_UP = 4
"""Unanswered connects in a row, after an accepted one, after which a device is left alone for the rest of the run."""


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


class Device:
    """What the gate remembers of one device: its pace, its one conversation, how it behaved."""

    __slots__ = ("accepted", "lock", "pace", "quickest", "silent")

    def __init__(self, rate: float) -> None:
        self.pace, self.lock = Pace(rate), asyncio.Lock()
        self.quickest = 0.0
        """Seconds of its fastest accepted connect; 0: none was accepted yet."""
        self.silent = 0
        """Connects in a row that ran out of time on ports that had accepted one: elsewhere a firewall may drop them."""
        self.accepted: set[int] = set()


class Stream:
    """A TCP conversation with one device, with its bytes counted and bounded."""

    def __init__(
        self,
        gate: Gate,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        address: str,
        port: int,
        protocol: str,
        owner: bool = False,
    ) -> None:
        self._gate, self.reader, self.writer = gate, reader, writer
        self._address, self._port, self._protocol, self._owner = address, port, protocol, owner

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises OutOfScope where they are on the never-request list."""
        self._gate.check_bytes(data, self._protocol, owner=self._owner)
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
        async with patience(timeout):
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
        self._until = scope.until if scope else None
        self.sent: Counter[str] = Counter()
        self.sent_to: Counter[str] = Counter()
        """Packets by address that they went to; ARP and questions to groups are nobody's own."""
        self._groups = frozenset(groups)
        self._audit = Audit(audit, scope.id if scope else "")
        self._site = Pace(self.rates.conversations_per_second)
        self._datagrams = Pace(self.rates.datagrams_per_second)
        self._devices: dict[str, Device] = {}
        self.left_alone: set[str] = set()
        """Devices that stopped answering while they were asked."""
        self._half_open = asyncio.Semaphore(self.rates.half_open)

    def check(self, host: str, port: int, *, groups: bool = False) -> None:
        """Raise OutOfScope unless a packet to host:port may leave."""
        if self.stop.is_set():
            raise OutOfScope("stopped")
        if self.over:
            raise OutOfScope("the scope is no longer in force")
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

    def check_bytes(self, data: bytes, protocol: str, *, owner: bool = False) -> None:
        """Raise OutOfScope for a message of the never-request list: the second wall behind the codecs, which cannot make one.

        With `owner` the message may carry the owner's credentials, and nothing else of that list.
        """
        if reason := never.refuses(data, owner=owner):
            raise OutOfScope(f"{protocol}: {reason}")

    @property
    def over(self) -> bool:
        """Whether the scope's window has closed, or it has expired, since the run began."""
        return self._until is not None and time.time() >= self._until.timestamp()

    def permits(self, address: Address) -> bool:
        """Whether the address itself lies in scope."""
        return inside(address, self.networks) and not inside(address, self.exclude)

    def count(self, protocol: str, packets: int, size: int, transport: str, host: str, port: int, data: bytes) -> None:
        """Add to the totals and to the audit log."""
        self.sent[f"{protocol}.packets"] += packets
        self.sent[f"{protocol}.bytes"] += size
        if port and host not in self._groups and (host in self.sent_to or len(self.sent_to) < MAX_COUNTED):
            self.sent_to[host] += packets
        # a digest of a message with a secret in it could be tried against a list of secrets
        digest = hashlib.sha256(data).hexdigest() if protocol not in SECRETIVE else ""
        self._audit.write(
            protocol=protocol, transport=transport, host=host, port=port, bytes=len(data), sha256=digest, packets=packets
        )  # fmt: skip

    def _device(self, address: str) -> Device:
        one = self._devices.get(address)
        if one is None:
            if len(self._devices) >= MAX_DEVICES:
                idle = [a for a, d in self._devices.items() if not d.lock.locked() and d.pace.idle and not d.quickest]
                for gone in idle:
                    del self._devices[gone]
            one = self._devices[address] = Device(self.rates.conversations_per_device)
        return one

    def _behaved(self, address: str, device: Device, port: int, seconds: float | None) -> None:
        """Back off from a device that answers a connect far slower than before, or (None) no longer."""
        if seconds is None:
            if port in device.accepted:
                device.silent += 1
                device.pace.slower(2.0, SLOWEST)
                if device.silent >= GIVE_UP:
                    self.left_alone.add(address)
            return
        device.silent = 0
        device.accepted.add(port)
        if device.quickest and seconds > max(SLOW_LEAST, SLOW_FACTOR * device.quickest):
            device.pace.slower(2.0, SLOWEST)
        device.quickest = min(device.quickest or seconds, max(seconds, 0.001))

    async def ask(self, made: Datagrams, data: bytes, host: str, port: int, protocol: str) -> None:
        """Send one datagram when it is its device's (or group's) and the site's moment. Raises OutOfScope, OSError."""
        self.check(host, port, groups=True)
        if host not in self._groups:
            await self._device(host).pace.turn()
        await self._datagrams.turn()
        made.send(data, host, port, protocol)

    @contextlib.asynccontextmanager
    async def connect(
        self,
        address: str,
        port: int,
        protocol: str,
        *,
        timeout: float,  # noqa: ASYNC109
        owner: bool = False,
    ) -> AsyncIterator[Stream]:
        """Open a TCP conversation, the only one with this device at a time; `owner`: with the owner's credentials.

        Raises OutOfScope, OSError, TimeoutError (connect took longer than `timeout` seconds).
        """
        self.check(address, port)
        device = self._device(address)
        async with device.lock:
            if address in self.left_alone:
                raise OutOfScope(f"{address} stopped answering and is left alone")
            await device.pace.turn()
            async with self._half_open:
                await self._site.turn()
                self.check(address, port)
                self.count(protocol, 1, 60, "tcp", address, port, b"")
                begin = time.monotonic()
                try:
                    async with patience(timeout):
                        reader, writer = await asyncio.open_connection(address, port, limit=1 << 16)
                except TimeoutError:
                    self._behaved(address, device, port, None)
                    raise
                self._behaved(address, device, port, time.monotonic() - begin)
                self.count(protocol, 2, 80, "tcp", address, port, b"")  # what was accepted is acknowledged, and dropped in the end
                stream = Stream(self, reader, writer, address, port, protocol, owner)
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
            if interface is not None:
                # a broadcast follows the routes otherwise: out of another interface, or nowhere
                try:
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
                except PermissionError:
                    made.setsockopt(socket.IPPROTO_IP, IP_UNICAST_IF, struct.pack("!I", interface.index))
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

    async def datagrams6(
        self, interface: Interface, heard: Callable[[bytes, tuple[Any, ...]], None], *, bind_port: int = 0, join: Sequence[str] = ()
    ) -> Datagrams:
        """The same for IPv6 (RFC 3493), always on one link. Raises OSError."""
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if bind_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, MULTICAST_TTL)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            for group in join:
                request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("=i", interface.index)
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
            made.bind(("::", bind_port))
            _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Datagrams(self, heard), sock=made)
        except OSError:
            made.close()
            raise
        return protocol

    async def link(self, *argv: str, helper: str = "arp") -> asyncio.subprocess.Process:
        """Start a link helper of HELPERS: frames to the targets on its standard input, or to all nodes of the link."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", HELPERS[helper], *argv,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
        )  # fmt: skip

    async def nmap(self, address: str, ports: Sequence[int], seconds: int) -> tuple[int, bytes]:
        """Let nmap look at open ports of one device, as its only conversation, at its pace. Raises OutOfScope.

        Returns its exit code (3: not installed) and its XML. Should this be cancelled, nmap ends at once.
        """
        for port in ports:
            self.check(address, port)
        device = self._device(address)
        async with device.lock, self._half_open:
            if address in self.left_alone:
                raise OutOfScope(f"{address} stopped answering and is left alone")
            await self._site.turn()
            self.check(address, ports[0])
            rate = max(1, int(self.rates.conversations_per_device))
            order = {"address": address, "ports": list(ports), "delay": 1000 // rate, "rate": rate, "seconds": seconds}
            self.sent["nmap.runs"] += 1
            self._audit.write(protocol="nmap", transport="tcp", host=address, ports=list(ports), rate=rate)
            helper = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "netcam.collect.nmap_process", start_new_session=True,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                async with asyncio.timeout(seconds + NMAP_GRACE):
                    said, _ = await helper.communicate(json.dumps(order).encode())
            except TimeoutError:
                return 4, b""
            finally:
                if helper.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(helper.pid, signal.SIGKILL)
                    await helper.wait()
            return helper.returncode or 0, said[:MAX_XML]

    def arp_targets(self, network: Network, done: Collection[str] = ()) -> list[tuple[int, int]]:
        """First and last address (as integers) of each run of `network` that may be asked and is not `done`."""
        if network.version != 4:
            return []
        first, last = int(network.network_address), int(network.broadcast_address)
        holes = [(int(n.network_address), int(n.broadcast_address)) for n in self.exclude if n.version == 4]
        for text in done:
            if ":" not in text:
                number = int(IPv4Address(text))
                holes.append((number, number))
        runs = []
        for begin, end in sorted(holes):
            if end < first or begin > last:
                continue
            if begin > first:
                runs.append((first, begin - 1))
            first = end + 1
        if first <= last:
            runs.append((first, last))
        return runs

    def totals(self) -> dict[str, int]:
        """What was sent so far: `sent.<protocol>.packets` and `.bytes`; packets per device and per /24 (IPv6: /64)."""
        told = {f"sent.{key}": value for key, value in sorted(self.sent.items())}
        if self.sent_to:
            told["sent.device.most"] = max(self.sent_to.values())
        places: Counter[str] = Counter()
        for host, packets in self.sent_to.items():
            plain = host.partition("%")[0]
            place = str(ip_network(f"{plain}/{64 if ':' in plain else 24}", strict=False))
            places[place if place in places or len(places) < MAX_PLACES else "elsewhere"] += packets
        return told | {f"sent.network.{place}": packets for place, packets in sorted(places.items())}

    def close(self) -> None:
        """Write the audit log out."""
        self._audit.close()
