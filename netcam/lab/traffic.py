"""What the virtual devices send on their own: a steady upload, a beacon, a recorder's stream, and the quiet rest. Real packets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from netcam.lab.scenario import ROUTER_HOST, Device, Scenario

DESTINATIONS = {
    "upload": "203.0.113.80",
    "beacon": "203.0.113.90",
    "cloud": "203.0.113.20",
    "time": "198.51.100.123",
}
"""Addresses outside the site (RFC 5737), all played by the third namespace."""
OUTSIDE = ("203.0.113.0/24", "198.51.100.0/24")
"""The networks of those addresses."""
NAMES = {
    "media-store.example.net": DESTINATIONS["upload"],
    "status.example.org": DESTINATIONS["beacon"],
    "time.example.com": DESTINATIONS["time"],
}
"""What the lab's DNS server knows; any other name is a maker's cloud."""
UPLOAD_RATE = 1_000_000
"""Bytes a second of the uploading camera: 8 Mbit/s, one 1080p main stream at good quality."""
STREAM_RATE = 600_000
"""Bytes a second to the recorder."""
BEAT = 1.0
"""Seconds between two beats of the beaconing camera: short, so that a demo sees twenty."""
RECORDER_PORT = 8554


def _socket(kind: int, link: str, address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    made.bind((address, 0))
    return made


async def _open(link: str, address: str, to: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    made = _socket(socket.SOCK_STREAM, link, address)
    try:
        await asyncio.get_running_loop().sock_connect(made, (to, port))
    except BaseException:
        made.close()
        raise
    return await asyncio.open_connection(sock=made)


async def _ask(link: str, address: str, to: str, port: int, data: bytes) -> bytes:
    """One datagram out, one back (or nothing within two seconds)."""
    loop = asyncio.get_running_loop()
    made = _socket(socket.SOCK_DGRAM, link, address)
    try:
        await loop.sock_sendto(made, data, (to, port))
        async with asyncio.timeout(2):
            return await loop.sock_recv(made, 2048)
    except (TimeoutError, OSError):
        return b""
    finally:
        made.close()


async def _resolve(scenario: Scenario, link: str, address: str, name: str) -> str:
    """An A question to the router's DNS server (RFC 1035); returns the address."""
    question = struct.pack(">HHHHHH", random.getrandbits(16), 0x0100, 1, 0, 0, 0)
    question += b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack(">HH", 1, 1)
    router = str(scenario.net().network_address + ROUTER_HOST)
    answer = await _ask(link, address, router, 53, question)
    return socket.inet_ntoa(answer[-4:]) if len(answer) > len(question) else DESTINATIONS["cloud"]


@functools.cache
def _client() -> ssl.SSLContext:
    """A client that never reaches its server's certificate; made once, it reads no store of authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def client_hello(name: str) -> bytes:
    """A real TLS ClientHello that asks for `name`; for no name where it is empty."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        _client().wrap_bio(incoming, outgoing, server_hostname=name or None).do_handshake()
    return outgoing.read()


def _record(size: int) -> bytes:
    """A TLS application data record of random bytes (RFC 5246 section 6.2)."""
    return b"\x17\x03\x03" + struct.pack(">H", size) + random.randbytes(size)


async def upload(scenario: Scenario, device: Device, link: str) -> None:
    """Send like a camera that streams to somebody: TLS from outside, one connection, for ever."""
    address = scenario.address(device)
    to = await _resolve(scenario, link, address, "media-store.example.net")
    _, writer = await _open(link, address, to, 443)
    writer.write(client_hello("media-store.example.net"))
    chunk = b"".join(_record(16_000) for _ in range(6))
    while True:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(len(chunk) / UPLOAD_RATE)


async def beacon(scenario: Scenario, device: Device, link: str) -> None:
    """A short exchange every BEAT seconds, a connection each, with little jitter."""
    address = scenario.address(device)
    to = await _resolve(scenario, link, address, "status.example.org")
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await _open(link, address, to, 8443)
            writer.write(random.randbytes(120))
            await writer.drain()
            await reader.read(64)
            writer.close()
        await asyncio.sleep(BEAT + random.uniform(-0.02, 0.02))


async def recorder_only(scenario: Scenario, device: Device, link: str) -> None:
    """Video to the estate's recorder and to nobody else."""
    recorder = next(d for d in scenario.devices if d.truth.kind == "recorder" and d.outside)
    _, writer = await _open(link, scenario.address(device), scenario.address(recorder), RECORDER_PORT)
    while True:
        payload = random.randbytes(1400)
        packet = b"$\x00" + struct.pack(">H", len(payload)) + payload  # interleaved RTP, RFC 2326 section 10.12
        writer.write(packet * 40)
        await writer.drain()
        await asyncio.sleep(len(packet) * 40 / STREAM_RATE)


async def time_only(scenario: Scenario, device: Device, link: str) -> None:
    """NTP every ten seconds (RFC 5905), as any camera asks its time server."""
    address = scenario.address(device)
    to = await _resolve(scenario, link, address, "time.example.com")
    while True:
        await _ask(link, address, to, 123, b"\x23" + bytes(47))
        await asyncio.sleep(10)


STORIES: dict[str, Callable[[Scenario, Device, str], Coroutine[Any, Any, None]]] = {
    "upload": upload,
    "beacon": beacon,
    "recorder-only": recorder_only,
    "time": time_only,
}


def cloud(name: str) -> Callable[[Scenario, Device, str], Coroutine[Any, Any, None]]:
    """The story of a camera that keeps a line to its maker's cloud `name`: a few hundred bytes now and then."""

    async def story(scenario: Scenario, device: Device, link: str) -> None:
        address = scenario.address(device)
        to = await _resolve(scenario, link, address, name)
        reader, writer = await _open(link, address, to, 443)
        writer.write(client_hello(name))
        while True:
            writer.write(_record(160))
            await writer.drain()
            await reader.read(64)
            await asyncio.sleep(random.uniform(6, 12))

    return story


async def run(scenario: Scenario, devices: list[Device], links: dict[str, str]) -> None:
    """Let the devices of this namespace talk until cancelled."""

    async def one(device: Device) -> None:
        assert device.traffic is not None
        story = STORIES.get(device.traffic) or cloud(device.traffic.removeprefix("cloud:"))
        while True:
            with contextlib.suppress(OSError):
                await story(scenario, device, links[device.name])
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        for device in devices:
            if device.traffic is not None:
                group.create_task(one(device))


class _Names(asyncio.DatagramProtocol):
    """The lab's DNS server: an A record for every name."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """See asyncio."""
        if len(data) < 17 or data[2] & 0x80:
            return
        end = data.index(b"\0", 12) + 5
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        found = NAMES.get(".".join(labels).lower(), DESTINATIONS["cloud"])
        answer = data[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + data[12:end]
        answer += struct.pack(">HHHIH", 0xC00C, 1, 1, 300, 4) + socket.inet_aton(found)
        self.transport.sendto(answer, addr)


class _Time(asyncio.DatagramProtocol):
    """The lab's NTP server: 48 bytes back."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """See asyncio."""
        if len(data) == 48:
            self.transport.sendto(b"\x24\x02" + bytes(46), addr)


async def _swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read everything, say nothing: where uploads and streams end."""
    with contextlib.suppress(OSError):
        while await reader.read(1 << 16):
            pass
    writer.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sixty bytes back for whatever comes."""
    with contextlib.suppress(OSError):
        while await reader.read(1 << 12):
            writer.write(bytes(60))
            await writer.drain()
    writer.close()


async def sinks(scenario: Scenario) -> None:
    """Everything that the devices talk to outside: DNS, time, clouds, and where uploads and beacons go."""
    loop = asyncio.get_running_loop()
    router = str(scenario.net().network_address + ROUTER_HOST)
    await loop.create_datagram_endpoint(_Names, local_addr=(router, 53))
    await loop.create_datagram_endpoint(_Time, local_addr=(DESTINATIONS["time"], 123))
    await asyncio.start_server(_swallow, DESTINATIONS["upload"], 443)
    await asyncio.start_server(_echo, DESTINATIONS["beacon"], 8443)
    await asyncio.start_server(_echo, DESTINATIONS["cloud"], 443)
    for device in scenario.devices:
        if device.outside and device.truth.kind == "recorder":
            await asyncio.start_server(_swallow, scenario.address(device), RECORDER_PORT)
