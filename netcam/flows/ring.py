"""A TPACKET_V3 ring on an interface: whole blocks as the kernel hands them over; nothing is ever sent on its socket."""

from __future__ import annotations

import ctypes
import mmap
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from netcam.errors import ConfigError, PrivilegeError, nearest, shown

BLOCK, BLOCKS = 1 << 20, 96
"""A ring of 96 MB: 0.7 s of a full 1 Gbit/s link, or a quarter of a second at 400,000 packets of 900 bytes, while nobody reads."""
BLOCK_TIMEOUT = 60
"""Milliseconds after which the kernel hands over a block that is not full."""
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 263, 1, 5, 6, 10  # linux/if_packet.h
PACKET_MR_PROMISC, TPACKET_V3, ETH_P_ALL = 1, 2, 3
PACKET_FANOUT, PACKET_FANOUT_HASH = 18, 0
SO_ATTACH_FILTER = 26
MAX_INSTRUCTIONS = 4096
"""Instructions of one filter (linux/bpf_common.h: BPF_MAXINSNS)."""
_HEADER = struct.Struct("<IIIIIIH")
"""Head of tpacket3_hdr: next offset, seconds, nanoseconds, captured, on the wire, status, offset of the frame (linux/if_packet.h)."""


class Ring:
    """An open ring: its memory, its blocks in order, and how many packets the kernel dropped."""

    def __init__(self, link: socket.socket, memory: mmap.mmap) -> None:
        self._link, self.memory = link, memory

    def blocks(self, *, seconds: float | None, stop: threading.Event | None = None, idle: bool = False) -> Iterator[tuple[int, int]]:
        """Offset and number of packets of each full block until the time or `stop` comes; a block goes back after its turn."""
        end = time.monotonic() + seconds if seconds is not None else None
        block, waiter = 0, select.poll()
        waiter.register(self._link, select.POLLIN)
        while (end is None or time.monotonic() < end) and not (stop is not None and stop.is_set()):
            at = block * BLOCK
            if not struct.unpack_from("<I", self.memory, at + 8)[0] & 1:
                waiter.poll(100)
                continue
            yield at, struct.unpack_from("<I", self.memory, at + 12)[0]
            struct.pack_into("<I", self.memory, at + 8, 0)
            block = (block + 1) % BLOCKS

    def wait(self, milliseconds: int) -> None:
        """Sleep until the kernel hands a block over, at most so long."""
        waiter = select.poll()
        waiter.register(self._link, select.POLLIN)
        waiter.poll(milliseconds)

    def frames(self, at: int, packets: int) -> Iterator[tuple[float, bytes]]:
        """Time (seconds since 1970) and bytes of each packet of the block at `at`."""
        here = at + int(struct.unpack_from("<I", self.memory, at + 16)[0])
        for _ in range(packets):
            onward, seconds, ns, size, _wire, _status, offset = _HEADER.unpack_from(self.memory, here)
            start = here + offset
            yield seconds + ns / 1e9, self.memory[start : start + size]
            if not onward:
                return
            here += onward

    def dropped(self) -> int:
        """Packets the kernel had no room for since the last call."""
        return int(struct.unpack("III", self._link.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))[1])


def _program(text: str) -> bytes:
    """A classic BPF program as `tcpdump -ddd` prints it: the number of instructions, then four numbers each. Raises ConfigError."""
    try:
        numbers = [int(word) for word in text.replace(",", " ").split()]
        if not numbers or len(numbers) != 1 + 4 * numbers[0] or not 0 < numbers[0] <= MAX_INSTRUCTIONS:
            raise ValueError
        return b"".join(struct.pack("HBBI", *numbers[1 + 4 * n : 5 + 4 * n]) for n in range(numbers[0]))
    except (ValueError, struct.error):
        raise ConfigError("--filter", f"{shown(text)} is no BPF program", "give what `tcpdump -ddd 'net 10.0.0.0/8'` prints") from None


def raw_socket(interface: str, what: str) -> socket.socket:
    """A socket for frames of `interface` that hears nothing yet, for the command `what`.

    Raises ConfigError for an interface that is not there, PrivilegeError without CAP_NET_RAW.
    """
    names = [name for _, name in socket.if_nameindex()]
    if interface not in names:
        raise ConfigError("--interface", f"no interface {shown(interface)}", nearest(interface, names))
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise PrivilegeError(
            what, "listening needs CAP_NET_RAW", "run as root, or: setcap cap_net_raw+ep on a copy of the interpreter"
        ) from None


def attach(link: socket.socket, code: bytes) -> None:
    """Let through what a classic BPF program lets through."""
    kept = ctypes.create_string_buffer(code)
    link.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(code) // 8, ctypes.addressof(kept)))


def begin(link: socket.socket, interface: str) -> None:
    """Hear everything that passes on the interface from now on."""
    link.bind((interface, ETH_P_ALL))
    member = struct.pack("iHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b"")
    link.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)


@contextmanager
def opened(interface: str, *, what: str, program: str = "", fanout: int = 0) -> Iterator[Ring]:
    """A ring on `interface` for the command `what`; `program` as `tcpdump -ddd` prints it, `fanout` a group number that rings share.

    Raises ConfigError for an interface that is not there or a program that is none, PrivilegeError without CAP_NET_RAW.
    """
    with raw_socket(interface, what) as link:
        link.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        frames = BLOCK * BLOCKS // 2048
        link.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("IIIIIII", BLOCK, BLOCKS, 2048, frames, BLOCK_TIMEOUT, 0, 0))
        with mmap.mmap(link.fileno(), BLOCK * BLOCKS, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE) as memory:
            if program:
                attach(link, _program(program))
            begin(link, interface)
            if fanout:
                # not FLAG_DEFRAG: the kernel would make one packet of all parts, and two groups would take parts from each other. The
                # parts of a datagram come to one ring without it, since the hash leaves out the ports of all of them
                link.setsockopt(SOL_PACKET, PACKET_FANOUT, struct.pack("I", fanout & 0xFFFF | PACKET_FANOUT_HASH << 16))
            yield Ring(link, memory)
