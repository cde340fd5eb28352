"""A VLAN's side of a trunk in user space (IEEE 802.1Q): frames of a TAP device get the tag on the wire, tagged frames lose it.

The kernel may have no VLAN devices; a TAP device and a packet socket it has everywhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import threading

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x2, 0x1000  # linux/if_tun.h
_SOL_PACKET, _PACKET_AUXDATA, _PACKET_OUTGOING = 263, 8, 4  # linux/if_packet.h
_AUXDATA = struct.Struct("IIIHHHH")
"""tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid."""
_VLAN_VALID = 0x10
"""TP_STATUS_VLAN_VALID: the kernel has taken the tag out of the frame and tells it beside."""
_ETH_P_ALL, _TPID = 0x3, 0x8100
_LARGEST = 9216
"""Bytes of the largest frame: jumbo frames are 9,000 and their headers."""


def start(trunk: str, tap: str, vlan: int) -> None:
    """Make the device `tap` and carry its frames over `trunk` with the tag of `vlan`, in a thread, until the process ends. Raises OSError."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", tap.encode(), _IFF_TAP | _IFF_NO_PI))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    wire.bind((trunk, _ETH_P_ALL))
    # frames to the devices' own MACs are not to the trunk's
    wire.setsockopt(_SOL_PACKET, 1, struct.pack("iHH8s", socket.if_nametoindex(trunk), 1, 0, b""))  # PACKET_MR_PROMISC
    threading.Thread(target=_carry, args=(device, wire, vlan), daemon=True).start()


def _carry(device: int, wire: socket.socket, vlan: int) -> None:
    tag = struct.pack(">HH", _TPID, vlan)
    while True:
        ready: list[object] = list(select.select([device, wire.fileno()], [], [])[0])
        with contextlib.suppress(OSError):  # a device that is not up yet loses its frames, as a port would
            if device in ready:
                frame = os.read(device, _LARGEST)
                wire.send(frame[:12] + tag + frame[12:])
            if wire.fileno() in ready:
                frame, told, _, where = wire.recvmsg(_LARGEST, socket.CMSG_SPACE(_AUXDATA.size))
                if where[2] != _PACKET_OUTGOING and tagged(told) == vlan:
                    os.write(device, frame)


def tagged(told: list[tuple[int, int, bytes]]) -> int:
    """The VLAN of a frame, as the kernel tells it beside; 0: it had no tag."""
    for level, kind, data in told:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA) and len(data) >= _AUXDATA.size:
            status, _, _, _, _, tci, _ = _AUXDATA.unpack_from(data)
            return tci & 0xFFF if status & _VLAN_VALID else 0
    return 0
