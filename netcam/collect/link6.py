"""The link helper for IPv6: asks all nodes of a link for an echo (RFC 4443 section 4.1). `python -m netcam.collect.link6 INTERFACE TRIES WAIT [mld] SOURCE...`.

It sends one ICMPv6 echo request per SOURCE and try to ff02::1 and prints a JSON line for every node that answers or
announces itself; with `mld` also one general query for groups (RFC 3810 section 5.1). Like the ARP helper it needs CAP_NET_RAW for one packet socket and gives up every privilege after.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
import time

from netcam.collect.link import PACKET_AUXDATA, RECEIVE_BUFFER, SO_ATTACH_FILTER, SOL_PACKET, drop_privileges, receive

ETH_P_IPV6 = 0x86DD
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
ECHO_REPLY, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 129, 135, 136
REPORTS = (131, 143)
"""Multicast listener reports of versions 1 and 2, which come behind a hop-by-hop header (RFC 2710, RFC 3810)."""
SPEAKS = (ECHO_REPLY, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT)
MAX_HEARD = 1 << 17
"""Addresses told of: a node that answers from ten thousand must not fill memory."""

# ethertype IPv6 and next header ICMPv6, or the hop-by-hop header before it (linux/filter.h)
FILTER = (
    (0x28, 0, 0, 12),
    (0x15, 0, 4, ETH_P_IPV6),
    (0x30, 0, 0, 20),
    (0x15, 1, 0, 58),
    (0x15, 0, 1, 0),
    (0x06, 0, 0, 256),
    (0x06, 0, 0, 0),
)


def open_socket(interface: str) -> socket.socket:
    """A packet socket that hears ICMPv6 on `interface`. Raises PermissionError without CAP_NET_RAW."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    buffer = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in FILTER))
    made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(FILTER), ctypes.addressof(buffer)))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    made.bind((interface, ETH_P_IPV6))
    made.setblocking(False)
    # answers to ff02::1 come to this machine alone; announcements go to groups that its network card may filter
    made.setsockopt(SOL_PACKET, 1, struct.pack("iHH8s", socket.if_nametoindex(interface), 2, 0, b""))  # PACKET_MR_ALLMULTI
    return made


def frame(mac: str, source: str) -> bytes:
    """An echo request to all nodes of the link, hop limit 255 so that it never passes a router."""
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
    from scapy.layers.l2 import Ether

    return bytes(Ether(src=mac, dst=ALL_NODES_MAC) / IPv6(src=source, dst=ALL_NODES, hlim=255) / ICMPv6EchoRequest(id=os.getpid() & 0xFFFF))


def query(mac: str, source: str) -> bytes:
    """A general query of MLD version 2: hop limit 1, router alert, answers within a second."""
    from scapy.layers.inet6 import ICMPv6MLQuery2, IPv6, IPv6ExtHdrHopByHop, RouterAlert
    from scapy.layers.l2 import Ether

    asked = IPv6(src=source, dst=ALL_NODES, hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLQuery2(mrd=1000)
    return bytes(Ether(src=mac, dst=ALL_NODES_MAC) / asked)


def answer(data: bytes) -> tuple[str, str] | None:
    """Address and MAC of the node that speaks in an Ethernet frame with ICMPv6, or None for anything else."""
    if len(data) < 62 or data[12:14] != b"\x86\xdd" or data[14] >> 4 != 6:
        return None
    # a hop-by-hop header of eight bytes, router alert alone, stands before a listener report
    reports = data[20] == 0 and data[54:56] == b"\x3a\x00" and data[62:63] and data[62] in REPORTS
    if not reports and (data[20] != 58 or data[54] not in SPEAKS):
        return None
    source = data[22:38]
    if source == bytes(16) or source[0] == 0xFF or data[6] & 1:
        return None
    return socket.inet_ntop(socket.AF_INET6, source), data[6:12].hex(":")


def main(argv: list[str]) -> int:
    """Run; exit 3 without the privilege, 4 where the interface is gone."""
    interface, tries, wait, mld = argv[0], int(argv[1]), float(argv[2]), argv[3:4] == ["mld"]
    sources = argv[4:] if mld else argv[3:]
    try:
        link = open_socket(interface)
    except PermissionError:
        return 3
    except OSError:
        return 4
    mac = link.getsockname()[4].hex(":")
    frames = [frame(mac, source) for source in sources]
    near = next((one for one in sources if one.lower().startswith("fe80")), "")
    groups = [query(mac, near)] if mld and near else []  # a query comes from the link's own address (RFC 3810 section 5.1.14)
    drop_privileges()
    heard: set[tuple[str, str]] = set()
    sent = 0

    def summary() -> None:
        sys.stdout.write(json.dumps({"done": True, "sent": sent, "bytes": sent * len(frames[0]) if frames else 0}) + "\n")
        sys.stdout.flush()

    def stop(_signal: int, _frame: object) -> None:
        summary()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the loss of a terminal
    for round_ in range(tries):
        for one in frames + (groups if not round_ else []):
            try:
                link.send(one)
                sent += 1
            except OSError:
                continue
        end = time.monotonic() + wait / tries
        while (left := end - time.monotonic()) > 0:
            if not select.select([link], [], [], left)[0]:
                continue
            try:
                data, vlan = receive(link, 256)
            except OSError:
                continue
            told = None if vlan else answer(data)
            if told is None or told[1] == mac or told in heard or len(heard) >= MAX_HEARD:
                continue
            heard.add(told)
            sys.stdout.write(json.dumps({"address": told[0], "mac": told[1]}) + "\n")
        sys.stdout.flush()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    summary()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
