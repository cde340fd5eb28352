"""A namespace full of devices: `python -m netcam.lab.world SCENARIO devices|outside`, started by `estate`, one process for all of them."""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import functools
import os
import resource
import signal
import socket
import struct
import sys
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from netcam.errors import PrivilegeError
from netcam.lab import answers, traffic
from netcam.lab.estate import ip
from netcam.lab.scenario import ROUTER_HOST, SENSOR_HOST, SENSOR_MAC, Device, Scenario, load

TRIPWIRE = range(9100, 9108)
QUEUE = 65535
"""Broadcasts that the kernel keeps for the macvlans: each goes to all of them, and its default of 1,000 drops a sweep's ARP at a thousand devices."""
CROWD = 200
"""Devices above which each is told the sensor's MAC: all namespaces share one neighbour table of 1,024 entries (arp(7), gc_thresh3),
which permanent entries do not fill."""
CONTROL = Path("/proc/sys/net")
QUIET = {
    # ARP is answered only by the interface that has the address, and asked with that interface's own (kernel: ip-sysctl)
    "arp_ignore": 1,
    "arp_announce": 2,
    # answers leave by the device's interface though the network is reachable by all of them
    "rp_filter": 0,
}
BACKLOG = 64
"""Connections a device keeps waiting: a sweep opens a handful at once."""
MAX_FILES = 1 << 16
"""Sockets one process may hold: a thousand devices need about ten each."""
_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x17, 0x19, 0x1F, 0x24)
"""ETHTOOL_STXCSUM, SSG, STSO, SGSO (linux/ethtool.h)."""


def build(scenario: Scenario, devices: list[Device], *, outside: bool) -> dict[str, str]:
    """Bring up one macvlan per device, each answering with its own MAC; returns the interface of each device's name."""
    net = scenario.net()
    router = net.network_address + ROUTER_HOST
    try:
        for place in ("all", "default"):
            for key, value in QUIET.items():
                (CONTROL / "ipv4/conf" / place / key).write_text(str(value))
        if (CONTROL / "ipv6").exists():
            # no addresses that the scenario does not name, and no chatter of a thousand interfaces about them
            (CONTROL / "ipv6/conf/default/disable_ipv6").write_text("1")
            (CONTROL / "ipv6/conf/eth0/disable_ipv6").write_text("1")
    except OSError as error:
        raise PrivilegeError(
            "lab", f"{error.filename}: {error.strerror}", "run where /proc/sys/net can be written (docker: --privileged)"
        ) from None
    wire_like("eth0")
    lines = ["link set lo up"]
    links: dict[str, str] = {}
    for number, device in enumerate(devices):
        name = f"d{number}"
        if outside and device.host == ROUTER_HOST:
            name = "eth0"
            lines.append(f"link set eth0 address {device.mac}")
        else:
            lines.append(f"link add link eth0 name {name} address {device.mac} type macvlan mode bridge bcqueuelen {QUEUE}")
        links[device.name] = name
    lines.append("link set eth0 up")
    for number, device in enumerate(devices):
        address, name = scenario.address(device), links[device.name]
        lines.append(f"addr add {address}/{net.prefixlen} dev {name}")
        if name != "eth0":
            lines.append(f"link set {name} up")
        if len(devices) > CROWD:
            sensor = net.network_address + SENSOR_HOST
            lines.append(f"neigh add {sensor} lladdr {SENSOR_MAC} dev {name} nud permanent")
        table = 1000 + number
        lines.append(f"rule add from {address} lookup {table} pref {table}")
        lines.append(f"route add {net} dev {name} src {address} table {table}")
        if not outside:
            lines.append(f"route add default via {router} dev {name} src {address} table {table}")
    if outside:
        lines += [f"addr add {destination}/32 dev lo" for destination in traffic.DESTINATIONS.values()]
        # what answers from outside comes back through the router, so under its MAC
        lines += [f"rule add from {far} lookup 900 pref 900" for far in traffic.OUTSIDE]
        lines.append(f"route add {net} dev eth0 table 900")
    ip("\n".join(lines) + "\n")
    return links


def wire_like(link: str) -> None:
    """Switch off what a real wire does not have: frames larger than the MTU, and checksums left to the hardware."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in _OFFLOADS:
            value = array.array("I", [command, 0])
            request = struct.pack("16sP", link.encode(), value.buffer_info()[0])
            with contextlib.suppress(OSError):  # a kernel without one of them has nothing to switch off
                fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


def bound(kind: int, link: str, address: str, port: int, *, group: str | None = None) -> socket.socket:
    """A socket of one device, bound to its interface and address, or to a group or broadcast address that it hears there."""
    made = socket.socket(socket.AF_INET, kind)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    if group is not None and ip_address(group).is_multicast:
        request = struct.pack("=4s4si", socket.inet_aton(group), socket.inet_aton(address), socket.if_nametoindex(link))
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    made.bind((group or address, port))
    if kind == socket.SOCK_STREAM:
        made.listen(BACKLOG)
    return made


class Answering(asyncio.DatagramProtocol):
    """A UDP service: every question gets what `answer` says, from the device's own address and the service's port."""

    def __init__(self, answer: answers.Answer, reply: socket.socket) -> None:
        self.answer, self.reply = answer, reply

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """See asyncio."""
        for message in self.answer(data):
            with contextlib.suppress(OSError):  # who asked may be gone
                self.reply.sendto(message, addr)


async def serve(scenario: Scenario, device: Device, link: str) -> None:
    """Start every service of one device."""
    loop, address = asyncio.get_running_loop(), scenario.address(device)
    for port, groups, answer in answers.datagrams(device, address):
        own = bound(socket.SOCK_DGRAM, link, address, port)
        # heard by group and asked alone: two sockets, since one bound to a group could not answer from the device's address
        for heard in (own, *(bound(socket.SOCK_DGRAM, link, address, port, group=group) for group in groups)):
            await loop.create_datagram_endpoint(functools.partial(Answering, answer, own), sock=heard)
    for port, handler, context in answers.streams(device, address):
        waiting = bound(socket.SOCK_STREAM, link, address, port)
        await asyncio.start_server(handler, sock=waiting, ssl=context, ssl_handshake_timeout=10 if context else None)
    if device.tripwire:
        for port in TRIPWIRE:
            await asyncio.start_server(functools.partial(tripped, address, port), sock=bound(socket.SOCK_STREAM, link, address, port))


async def tripped(address: str, port: int, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tell the parent that somebody touched a port that prints what it is sent."""
    sys.stdout.write(f"tripped {address} {port}\n")
    sys.stdout.flush()
    writer.close()


async def run(scenario: Scenario, part: str) -> None:
    """Serve until standard input ends; `traffic` on it starts the traffic."""
    outside = part == "outside"
    mine = [d for d in scenario.devices if d.outside == outside]
    links = build(scenario, mine, outside=outside)
    for device in mine:
        await serve(scenario, device, links[device.name])
    if outside:
        await traffic.sinks(scenario)
    ended = asyncio.Event()
    begin = asyncio.Event()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "traffic":
                loop.call_soon_threadsafe(begin.set)
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=listen, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()

    async def talk() -> None:
        await begin.wait()
        await traffic.run(scenario, mine, links)

    async with asyncio.TaskGroup() as group:
        group.create_task(talk())
        await ended.wait()
        os._exit(0)  # nothing here is worth an orderly end: the namespace goes with the process


def main(argv: list[str]) -> None:
    """Wait for the interface, then serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep; devices end with their parent
    scenario = load(argv[0])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MAX_FILES) if hard != resource.RLIM_INFINITY else MAX_FILES, hard))
    sys.stdout.write("here\n")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != "go":
        return
    asyncio.run(run(scenario, argv[1]))
    os._exit(0)  # the reading thread holds standard input


if __name__ == "__main__":
    main(sys.argv[1:])
