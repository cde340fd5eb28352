"""A namespace full of devices: `python -m netcam.lab.world SCENARIO devices|outside|SEGMENT`, started by `estate`, one process for all of them."""

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
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from netcam.errors import PrivilegeError
from netcam.lab import answers, conversation, crowd, searches, tagger, traffic
from netcam.lab.estate import ip, until_running
from netcam.lab.scenario import PER_PARENT, ROUTER_HOST, SENSOR_HOST, SENSOR_MAC, Device, Scenario, Search, load, members, parents

TRIPWIRE = range(9100, 9108)
QUEUE = 65535
"""Broadcasts that the kernel keeps for the macvlans: each goes to all of them, and its default of 1,000 drops a sweep's ARP at a thousand devices."""
CROWD = 200
"""Devices above which each is told the sensor's MAC: all namespaces share one neighbour table of 1,024 entries (arp(7), gc_thresh3),
which permanent entries do not fill."""
SHORT_CUT = 27
"""Prefix of the addresses whose rules stand together: of a thousand, as many groups as rules in each."""
SADP = 0x8033
"""EtherType of SADP on the link."""
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


def build(scenario: Scenario, devices: list[Device], part: str) -> dict[str, str]:
    """Bring up one macvlan per device, each answering with its own MAC; returns the interface of each device's name."""
    try:
        for place in ("all", "default"):
            for key, value in QUIET.items():
                (CONTROL / "ipv4/conf" / place / key).write_text(str(value))
        if (CONTROL / "ipv6").exists():
            # no addresses that the scenario does not name, and no chatter of a thousand interfaces about them
            for place in ("default", *parents(len(devices))):
                (CONTROL / "ipv6/conf" / place / "disable_ipv6").write_text("1")
        if part == "outside":
            (CONTROL / "ipv4/ip_forward").write_text("1")
    except OSError as error:
        raise PrivilegeError(
            "lab", f"{error.filename}: {error.strerror}", "run where /proc/sys/net can be written (docker: --privileged)"
        ) from None
    lines = ["link set lo up"]
    for parent in parents(len(devices)):
        wire_like(parent)
    links: dict[str, str] = {}
    for number, device in enumerate(devices):
        name = f"d{number}"
        parent = f"eth{number // PER_PARENT}"
        if part == "outside" and device.host == ROUTER_HOST:
            name = "eth0"
            lines.append(f"link set eth0 address {device.mac}")
        else:
            lines.append(f"link add link {parent} name {name} address {device.mac} type macvlan mode bridge bcqueuelen {QUEUE}")
        links[device.name] = name
    ip("\n".join(lines) + "\n")
    lines = [f"link set {parent} up" for parent in parents(len(devices))]
    for number, device in enumerate(devices):
        lines += _addressed(scenario, device, links[device.name], 1000 + number, crowd=len(devices) > CROWD, outside=part == "outside")
    if len(devices) > CROWD:
        lines += short_cuts([(ip_address(scenario.address(d)), 1000 + n) for n, d in enumerate(devices) if "4" in d.families])
    if part == "outside":
        lines += [f"addr add {destination}/32 dev lo" for destination in conversation.DESTINATIONS.values()]
        # what answers from outside comes back through the router, so under its MAC
        lines += [f"rule add from {far} lookup 900 pref 900" for far in conversation.OUTSIDE]
        lines.append(f"route add {scenario.net()} dev eth0 table 900")
        for n, segment in enumerate(s for s in scenario.segments if s.routed):
            lines += [f"addr add {segment.net().network_address + ROUTER_HOST}/{segment.net().prefixlen} dev r{n}", f"link set r{n} up"]
    ip("\n".join(lines) + "\n")
    if len(devices) > CROWD:
        four = [(number, d) for number, d in enumerate(devices) if "4" in d.families]
        crowd.start(parents(len(devices)), [(f"eth{number // PER_PARENT}", scenario.address(d), d.mac) for number, d in four])
    return links


def short_cuts(rules: list[tuple[IPv4Address | IPv6Address, int]]) -> list[str]:
    """Rules that lead past most of `rules` (an address and its preference): the kernel reads them one after the other for every packet."""
    first: dict[str, int] = {}
    for address, preference in sorted(rules, key=lambda rule: rule[1]):
        first.setdefault(str(ip_network(f"{address}/{SHORT_CUT}", strict=False)), preference)
    return [f"rule add from {near} pref 800 goto {preference}" for near, preference in first.items()] + ["rule add pref 801 goto 32766"]


def _addressed(scenario: Scenario, device: Device, name: str, table: int, *, crowd: bool, outside: bool) -> list[str]:
    """Lines that give a device its addresses and the routes by which it answers."""
    net, address = scenario.net(device.segment), scenario.address(device)
    lines = []
    if "6" in device.families:
        for key, value in (("disable_ipv6", "0"), ("accept_dad", "0"), ("accept_ra", "0")):
            (CONTROL / "ipv6/conf" / name / key).write_text(value)
    if name != "eth0":
        lines.append(f"link set {name} up")
    if six := scenario.address6(device):
        lines.append(f"addr add {six}/64 dev {name} nodad")
    if device.families == "6":
        return lines
    if device.wrong:
        # it answers whoever is on the link, by ARP: its gateway is not there
        lines += [f"addr add {address}/24 dev {name}", f"rule add from {address} lookup {table} pref {table}"]
        return [*lines, f"route add default dev {name} src {address} table {table}"]
    lines.insert(0, f"addr add {address}/{net.prefixlen} dev {name}")
    routed = any(s.routed for s in scenario.segments if s.name == device.segment)
    if crowd and not routed:
        sensor = net.network_address + SENSOR_HOST
        lines.append(f"neigh add {sensor} lladdr {SENSOR_MAC} dev {name} nud permanent")
    lines.append(f"rule add from {address} lookup {table} pref {table}")
    lines.append(f"route add {net} dev {name} src {address} table {table}")
    if not outside:
        lines.append(f"route add default via {net.network_address + ROUTER_HOST} dev {name} src {address} table {table}")
    return lines


def wire_like(link: str) -> None:
    """Switch off what a real wire does not have: frames larger than the MTU, and checksums left to the hardware."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in _OFFLOADS:
            value = array.array("I", [command, 0])
            request = struct.pack("16sP", link.encode(), value.buffer_info()[0])
            with contextlib.suppress(OSError):  # a kernel without one of them has nothing to switch off
                fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


def bound(kind: int, link: str, address: str, port: int, *, group: str | None = None) -> socket.socket:
    """A socket of one device, bound to its interface and address, or to a group or broadcast address that it hears there.

    `address` `::` is every IPv6 address of the interface.
    """
    six = ":" in address
    made = socket.socket(socket.AF_INET6 if six else socket.AF_INET, kind)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    if six:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if group is not None and ip_address(group).is_multicast:
        index = socket.if_nametoindex(link)
        if six:
            made.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack("=i", index)
            )
        else:
            request = struct.pack("=4s4si", socket.inet_aton(group), socket.inet_aton(address), index)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    made.bind((group if group and not six else address, port))
    if kind == socket.SOCK_STREAM:
        made.listen(BACKLOG)
    return made


class Searched(asyncio.DatagramProtocol):
    """A maker's search: the answer goes where that maker sends it."""

    def __init__(self, device: Device, search: Search, address: str, reply: socket.socket) -> None:
        self.device, self.search, self.address, self.reply = device, search, address, reply

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """See asyncio."""
        for message, where in searches.answer(self.device, self.search, self.address, data, (str(addr[0]), int(addr[1]))):
            with contextlib.suppress(OSError):  # who asked may be gone
                self.reply.sendto(message, where)


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
    places = [address] if "4" in device.families else []
    places += ["::"] if "6" in device.families else []
    for place in places:
        for port, groups, answer in answers.datagrams(device, address):
            mine = [g for g in groups if (":" in g) == (place == "::")]
            if place == "::":
                if not mine:
                    continue  # a protocol of IPv4 alone
                # one socket: the kernel answers from the address that it was asked at, or the link's own
                own = bound(socket.SOCK_DGRAM, link, place, port, group=mine[0])
                await loop.create_datagram_endpoint(functools.partial(Answering, answer, own), sock=own)
                continue
            own = bound(socket.SOCK_DGRAM, link, address, port)
            # heard by group and asked alone: two sockets, since one bound to a group could not answer from the device's address
            for heard in (own, *(bound(socket.SOCK_DGRAM, link, address, port, group=group) for group in mine)):
                await loop.create_datagram_endpoint(functools.partial(Answering, answer, own), sock=heard)
        for search in device.searches if place == address else ():
            own = searches.socket_for(bound(socket.SOCK_DGRAM, link, address, search.port))
            places_heard = search.groups or ["255.255.255.255"]
            for heard in (own, *(bound(socket.SOCK_DGRAM, link, address, search.port, group=group) for group in places_heard)):
                await loop.create_datagram_endpoint(functools.partial(Searched, device, search, address, own), sock=heard)
        for port, handler, context in answers.streams(device, address):
            waiting = bound(socket.SOCK_STREAM, link, place, port)
            await asyncio.start_server(handler, sock=waiting, ssl=context, ssl_handshake_timeout=10 if context else None)
    if device.sadp_link:
        frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(SADP))
        frames.bind((link, SADP))
        frames.setblocking(False)
        loop.add_reader(frames, on_link, frames, device, address)
    if device.tripwire:
        for port in TRIPWIRE:
            await asyncio.start_server(functools.partial(tripped, address, port), sock=bound(socket.SOCK_STREAM, link, address, port))


def on_link(frames: socket.socket, device: Device, address: str) -> None:
    """Answer SADP on the link."""
    with contextlib.suppress(OSError):
        question, where = frames.recvfrom(2048)
        if where[2] != socket.PACKET_OUTGOING and (frame := answers.sadp_frame(device, address, question)):
            frames.send(frame)


async def tripped(address: str, port: int, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tell the parent that somebody touched a port that prints what it is sent."""
    sys.stdout.write(f"tripped {address} {port}\n")
    sys.stdout.flush()
    writer.close()


async def run(scenario: Scenario, part: str) -> None:
    """Serve until standard input ends; `traffic` on it starts the traffic."""
    outside = part == "outside"
    mine = members(scenario, part)
    segment = next((s for s in scenario.segments if s.name == part), None)
    if segment is not None and segment.vlan:
        ip("link set trunk up\n")
        wire_like("trunk")
        tagger.start("trunk", "eth0", segment.vlan)
    links = build(scenario, mine, part)
    for device in mine:
        await serve(scenario, device, links[device.name])
    if outside:
        await traffic.sinks(scenario)
    until_running(links.values())
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
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
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
