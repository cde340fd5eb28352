"""What the virtual devices send on their own: a steady upload, a beacon, a recorder's stream, and the quiet rest. Real packets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from netcam.lab import leaks
from netcam.lab.conversation import DESTINATIONS, NAMES, ask, client_hello, opened, record, resolved
from netcam.lab.scenario import ROUTER_HOST, Device, Scenario

UPLOAD_RATE = 1_000_000
"""Bytes a second of the uploading camera: 8 Mbit/s, one 1080p main stream at good quality."""
STREAM_RATE = 600_000
"""Bytes a second to the recorder."""
BEAT = 1.0
"""Seconds between two beats of the beaconing camera: short, so that a demo sees twenty."""
RECORDER_PORT = 8554


async def upload(scenario: Scenario, device: Device, link: str) -> None:
    """Send like a camera that streams to somebody: TLS from outside, one connection, for ever."""
    address = scenario.address(device)
    to = await resolved(scenario, link, address, "media-store.example.net")
    _, writer = await opened(link, address, to, 443)
    writer.write(client_hello("media-store.example.net"))
    chunk = b"".join(record(16_000) for _ in range(6))
    while True:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(len(chunk) / UPLOAD_RATE)


async def beacon(scenario: Scenario, device: Device, link: str) -> None:
    """A short exchange every BEAT seconds, a connection each, with little jitter."""
    address = scenario.address(device)
    to = await resolved(scenario, link, address, "status.example.org")
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await opened(link, address, to, 8443)
            writer.write(random.randbytes(120))
            await writer.drain()
            await reader.read(64)
            writer.close()
        await asyncio.sleep(BEAT + random.uniform(-0.02, 0.02))


async def recorder_only(scenario: Scenario, device: Device, link: str) -> None:
    """Video to the estate's recorder and to nobody else."""
    recorder = next(d for d in scenario.devices if d.truth.kind == "recorder" and d.outside)
    _, writer = await opened(link, scenario.address(device), scenario.address(recorder), RECORDER_PORT)
    while True:
        payload = random.randbytes(1400)
        packet = b"$\x00" + struct.pack(">H", len(payload)) + payload  # interleaved RTP, RFC 2326 section 10.12
        writer.write(packet * 40)
        await writer.drain()
        await asyncio.sleep(len(packet) * 40 / STREAM_RATE)


async def time_only(scenario: Scenario, device: Device, link: str) -> None:
    """NTP every ten seconds (RFC 5905), as any camera asks its time server."""
    address = scenario.address(device)
    to = await resolved(scenario, link, address, "time.example.com")
    while True:
        await ask(link, address, to, 123, b"\x23" + bytes(47))
        await asyncio.sleep(10)


STORIES: dict[str, Callable[[Scenario, Device, str], Coroutine[Any, Any, None]]] = {
    "upload": upload,
    "beacon": beacon,
    "recorder-only": recorder_only,
    "time": time_only,
} | leaks.STORIES


def cloud(name: str) -> Callable[[Scenario, Device, str], Coroutine[Any, Any, None]]:
    """The story of a camera that keeps a line to its maker's cloud `name`: a few hundred bytes now and then."""

    async def story(scenario: Scenario, device: Device, link: str) -> None:
        address = scenario.address(device)
        to = await resolved(scenario, link, address, name)
        reader, writer = await opened(link, address, to, 443)
        writer.write(client_hello(name))
        while True:
            writer.write(record(160))
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
    await loop.create_datagram_endpoint(leaks.Relay, local_addr=(DESTINATIONS["relay"], 3478))
    for port in (80, 443):
        await asyncio.start_server(_swallow, DESTINATIONS["upload"], port)
    await asyncio.start_server(_echo, DESTINATIONS["beacon"], 8443)
    await asyncio.start_server(_echo, DESTINATIONS["cloud"], 443)
    for device in scenario.devices:
        if device.outside and device.truth.kind == "recorder":
            await asyncio.start_server(_swallow, scenario.address(device), RECORDER_PORT)
