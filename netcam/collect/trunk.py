"""The link helper for one VLAN of a trunk: `python -m netcam.collect.trunk TRUNK VLAN NAME ADDRESS/PREFIX...`.

It makes a network device NAME whose frames leave TRUNK with the 802.1Q tag of VLAN (IEEE 802.1Q section 9.6), and to which the
frames that come with that tag are handed without it. Nothing passes before `go` comes on standard input; the device is gone when
standard input ends. It needs CAP_NET_ADMIN and CAP_NET_RAW to set up and gives up every privilege after.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import sys
from ipaddress import IPv6Interface, ip_interface
from pathlib import Path

from netcam.collect.link import RECEIVE_BUFFER, SO_ATTACH_FILTER, SOL_PACKET, drop_privileges

TPID = 0x8100
"""Ethertype of a tagged frame."""
LARGEST = 9216
"""Bytes of the largest frame: jumbo frames are 9,000 and their headers."""
ETH_P_ALL = 0x3
AT_ONCE = 64
"""Frames carried one way before the other has its turn."""
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x2, 0x1000  # linux/if_tun.h
_SIOCGIFHWADDR, _SIOCSIFHWADDR, _SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8927, 0x8924, 0x8913, 0x8914  # linux/sockios.h
_SIOCSIFADDR, _SIOCSIFNETMASK = 0x8916, 0x891C
_PACKET_OUTGOING, _PACKET_MR_PROMISC = 4, 1  # linux/if_packet.h


def vlan_filter(vlan: int) -> tuple[tuple[int, int, int, int], ...]:
    """Frames that came with the tag of `vlan`: the kernel has taken it out and keeps it beside (linux/filter.h, SKF_AD_VLAN_TAG)."""
    ancillary = 0xFFFFF000
    return (
        (0x20, 0, 0, ancillary + 48),  # SKF_AD_VLAN_TAG_PRESENT
        (0x15, 4, 0, 0),
        (0x20, 0, 0, ancillary + 44),
        (0x54, 0, 0, 0xFFF),
        (0x15, 0, 1, vlan),
        (0x06, 0, 0, LARGEST),
        (0x06, 0, 0, 0),
    )


def open_wire(trunk: str, vlan: int) -> socket.socket:
    """A packet socket that hears one VLAN's frames on `trunk`. Raises PermissionError, OSError."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    steps = vlan_filter(vlan)
    buffer = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(steps), ctypes.addressof(buffer)))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.bind((trunk, ETH_P_ALL))
    # a network card drops the tags of VLANs that it was not told of, unless it hands over everything
    made.setsockopt(SOL_PACKET, 1, struct.pack("iHH8s", socket.if_nametoindex(trunk), _PACKET_MR_PROMISC, 0, b""))
    made.setblocking(False)
    return made


def make_device(name: str, trunk: str, addresses: list[str]) -> int:
    """Make the device, with the MAC of `trunk` and `addresses`, and take it up; returns its descriptor. Raises PermissionError, OSError."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    six = [one for text in addresses if isinstance(one := ip_interface(text), IPv6Interface)]
    quiet = Path("/proc/sys/net/ipv6/conf") / name
    if quiet.exists():
        # the tests for a double address and the search for routers are for machines that stay
        for key, value in (("disable_ipv6", "0" if six else "1"), ("accept_dad", "0"), ("accept_ra", "0"), ("router_solicitations", "0")):
            (quiet / key).write_text(value)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        own = fcntl.ioctl(asker, _SIOCGIFHWADDR, struct.pack("16s16x", trunk.encode()))[16:32]
        fcntl.ioctl(asker, _SIOCSIFHWADDR, struct.pack("16s16s", name.encode(), own))
        for text in addresses:
            one = ip_interface(text)
            if one.version == 4:
                for request, part in ((_SIOCSIFADDR, one.ip), (_SIOCSIFNETMASK, one.netmask)):
                    fcntl.ioctl(asker, request, struct.pack("16sH2x4s8x", name.encode(), socket.AF_INET, socket.inet_aton(str(part))))
        flags = struct.unpack_from("<H", fcntl.ioctl(asker, _SIOCGIFFLAGS, struct.pack("16s16x", name.encode())), 16)[0]
        fcntl.ioctl(asker, _SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | 1))  # IFF_UP
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asker:
        for one in six:
            index = socket.if_nametoindex(name)
            fcntl.ioctl(asker, _SIOCSIFADDR, struct.pack("16sIi", one.ip.packed, one.network.prefixlen, index))
    return device


def tagged(frame: bytes, vlan: int) -> bytes:
    """An Ethernet frame with the tag of `vlan`, priority 0."""
    return frame[:12] + struct.pack(">HH", TPID, vlan & 0xFFF) + frame[12:]


def carry(device: int, wire: socket.socket, vlan: int) -> None:
    """Carry frames both ways until standard input ends."""
    stdin = sys.stdin.fileno()
    while True:
        ready = select.select([device, wire.fileno(), stdin], [], [])[0]
        if stdin in ready and not os.read(stdin, 64):
            return
        if device in ready:
            with contextlib.suppress(OSError):  # a full queue drops, as a port does
                for _ in range(AT_ONCE):
                    wire.send(tagged(os.read(device, LARGEST), vlan))
        if wire.fileno() in ready:
            with contextlib.suppress(OSError):
                for _ in range(AT_ONCE):
                    frame, where = wire.recvfrom(LARGEST)
                    if where[2] != _PACKET_OUTGOING:
                        os.write(device, frame)


def main(argv: list[str]) -> int:
    """Run; exit 3 without the privilege, 4 where the trunk or the device cannot be had."""
    trunk, vlan, name, addresses = argv[0], int(argv[1]), argv[2], argv[3:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the sweep decides and ends standard input
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the loss of a terminal
    try:
        wire = open_wire(trunk, vlan)
        device = make_device(name, trunk, addresses)
    except PermissionError:
        return 3
    except OSError:
        return 4
    drop_privileges()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.readline().strip() == "go":
        carry(device, wire, vlan)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
