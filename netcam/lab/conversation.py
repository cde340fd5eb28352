"""What the virtual devices' conversations are made of: sockets of their own, questions to the lab's DNS server, TLS as it looks on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import socket
import ssl
import struct

from netcam.lab.scenario import ROUTER_HOST, Scenario

DESTINATIONS = {
    "upload": "203.0.113.80",
    "beacon": "203.0.113.90",
    "cloud": "203.0.113.20",
    "time": "198.51.100.123",
    "relay": "203.0.113.70",
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


def bound(kind: int, link: str, address: str, protocol: int = 0) -> socket.socket:
    """A socket of a device's own link and address."""
    made = socket.socket(socket.AF_INET, kind, protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    made.bind((address, 0))
    return made


async def opened(link: str, address: str, to: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection from a device."""
    made = bound(socket.SOCK_STREAM, link, address)
    try:
        await asyncio.get_running_loop().sock_connect(made, (to, port))
    except BaseException:
        made.close()
        raise
    return await asyncio.open_connection(sock=made)


async def ask(link: str, address: str, to: str, port: int, data: bytes) -> bytes:
    """One datagram out, one back (or nothing within two seconds)."""
    loop = asyncio.get_running_loop()
    made = bound(socket.SOCK_DGRAM, link, address)
    try:
        await loop.sock_sendto(made, data, (to, port))
        async with asyncio.timeout(2):
            return await loop.sock_recv(made, 2048)
    except (TimeoutError, OSError):
        return b""
    finally:
        made.close()


def question(name: str, kind: int = 1) -> bytes:
    """A question to a DNS server (RFC 1035 section 4.1)."""
    head = struct.pack(">HHHHHH", random.getrandbits(16), 0x0100, 1, 0, 0, 0)
    return head + b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack(">HH", kind, 1)


async def resolved(scenario: Scenario, link: str, address: str, name: str) -> str:
    """The address that the router's DNS server has for a name."""
    sent = question(name)
    answer = await ask(link, address, str(scenario.net().network_address + ROUTER_HOST), 53, sent)
    return socket.inet_ntoa(answer[-4:]) if len(answer) > len(sent) else DESTINATIONS["cloud"]


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


def record(size: int) -> bytes:
    """A TLS application data record of random bytes (RFC 5246 section 6.2)."""
    return b"\x17\x03\x03" + struct.pack(">H", size) + random.randbytes(size)
