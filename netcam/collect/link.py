"""The link helper: a process that asks by ARP and does nothing else. `python -m netcam.collect.link INTERFACE SOURCE RATE TRIES WAIT`.

It reads runs of addresses (`FIRST LAST` as integers, a line each) on standard input until the end, asks each address
TRIES times at RATE frames a second, and prints a JSON line per answer and one at the end. It needs CAP_NET_RAW to open one
packet socket and gives up every privilege right after. It alone imports scapy (GPL-2.0-only), which builds the frame.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from itertools import islice

ETH_P_ARP = 0x0806
SO_ATTACH_FILTER = 26  # asm-generic/socket.h
SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA = 263, 6, 8  # linux/if_packet.h
AUXDATA = struct.Struct("IIIHHHH")
"""tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid (linux/if_packet.h)."""
TP_STATUS_USER, TP_STATUS_VLAN_VALID = 0x1, 0x10
PACKET_RX_RING, PACKET_VERSION = 5, 10
TPACKET2 = struct.Struct("IIIHHIIHH")
"""tpacket2_hdr: status, len, snaplen, mac, net, sec, nsec, vlan_tci, vlan_tpid (linux/if_packet.h)."""
STATUS = struct.Struct("I")
SLOT, BLOCK = 128, 1 << 16
"""Bytes of a place for one frame (its header of 66 and an ARP frame of 60), and of a block of them."""
MIN_SLOTS, MAX_SLOTS = 1 << 12, 1 << 17
"""Places at least, and at most: a /16 that answers at once and as many frames that nobody asked for."""
TARGET_AT = 14 + 24
"""Offset of the target protocol address in an Ethernet ARP request (RFC 826)."""
BATCH = 16
"""Frames between two looks at the clock: at the slowest rate a second's worth."""
SAY_EVERY = 0.5
"""Seconds after which it says how many frames it has sent: should it be killed, that much is still counted."""
RECEIVE_BUFFER = 8 << 20
"""Bytes: a /16 that answers at once is 65,536 frames of 60 bytes and the kernel's overhead."""

# ethertype ARP, opcode request or reply: tcpdump -dd "arp[6:2] <= 2" by hand (linux/filter.h)
FILTER = (
    (0x28, 0, 0, 12),
    (0x15, 0, 3, ETH_P_ARP),
    (0x28, 0, 0, 20),
    (0x25, 1, 0, 2),
    (0x06, 0, 0, 128),
    (0x06, 0, 0, 0),
)
PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
LINUX_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h


def drop_privileges() -> None:
    """Give up every capability for good (capset(2)); the open socket stays usable."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header, data = struct.pack("<Ii", LINUX_CAPABILITY_VERSION_3, 0), bytes(24)
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capabilities could not be dropped")


def open_socket(interface: str) -> socket.socket:
    """A packet socket that hears ARP on `interface`. Raises PermissionError without CAP_NET_RAW."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    program = b"".join(struct.pack("HBBI", *step) for step in FILTER)
    buffer = ctypes.create_string_buffer(program)
    made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(FILTER), ctypes.addressof(buffer)))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    made.bind((interface, ETH_P_ARP))
    made.setblocking(False)
    return made


def receive(link: socket.socket, size: int) -> tuple[bytes, int]:
    """A frame, and the VLAN of its 802.1Q tag, which the kernel takes out of the frame and tells beside; 0: it had none."""
    data, told, _, _ = link.recvmsg(size, socket.CMSG_SPACE(AUXDATA.size))
    for level, kind, beside in told:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and len(beside) >= AUXDATA.size:
            status, *_, tci, _ = AUXDATA.unpack_from(beside)
            return data, tci & 0xFFF if status & TP_STATUS_VLAN_VALID else 0
    return data, 0


class Ring:
    """Frames that the kernel writes where we read them (TPACKET_V2, packet_mmap): reading does not hold up sending."""

    def __init__(self, link: socket.socket, answers: int) -> None:
        """With room for twice as many frames as `answers`, within bounds. Raises OSError."""
        slots = min(MAX_SLOTS, max(MIN_SLOTS, 1 << (2 * answers).bit_length()))
        link.setsockopt(SOL_PACKET, PACKET_VERSION, 1)
        while True:
            try:
                link.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("IIII", BLOCK, slots * SLOT // BLOCK, SLOT, slots))
                break
            except OSError:  # a small machine has no such piece of memory
                slots //= 2
                if slots < MIN_SLOTS:
                    raise
        self.slots = slots
        self._memory = mmap.mmap(link.fileno(), slots * SLOT)
        self._at = 0

    def frames(self) -> Iterator[tuple[bytes, int]]:
        """Each frame that waits, and the VLAN of its tag; 0: it had none."""
        for _ in range(self.slots):
            status, _, size, mac, _, _, _, tci, _ = TPACKET2.unpack_from(self._memory, self._at)
            if not status & TP_STATUS_USER:
                return
            start = self._at + mac
            yield self._memory[start : start + size], tci & 0xFFF if status & TP_STATUS_VLAN_VALID else 0
            STATUS.pack_into(self._memory, self._at, 0)  # the kernel may have it again
            self._at = (self._at + SLOT) % (self.slots * SLOT)


def frame(mac: str, source: str) -> bytearray:
    """The ARP request of this interface, with an empty target (RFC 826; RFC 5227 for a source of 0.0.0.0)."""
    from scapy.layers.l2 import ARP, Ether

    built = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc=source, hwdst="00:00:00:00:00:00", pdst="0.0.0.0")  # noqa: S104
    return bytearray(bytes(built).ljust(60, b"\0"))


def answer(data: bytes) -> tuple[str, str, int] | None:
    """Address, MAC and opcode of who speaks in an ARP frame, or None for anything else."""
    if len(data) < 42 or data[12:14] != b"\x08\x06" or data[14:20] != b"\x00\x01\x08\x00\x06\x04":
        return None
    sender = data[28:32]
    if sender in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
        return None
    return socket.inet_ntoa(sender), data[22:28].hex(":"), data[21]


def main(argv: list[str]) -> int:
    """Run; exit 3 without the privilege, 4 where the interface is gone."""
    interface, source, rate, tries, wait = argv[0], argv[1], float(argv[2]), int(argv[3]), float(argv[4])
    try:
        link = open_socket(interface)
    except PermissionError:
        return 3
    except OSError:
        return 4
    mac = link.getsockname()[4].hex(":")
    request = frame(mac, source)
    drop_privileges()
    runs = [(int(first), int(last)) for first, last in (line.split() for line in sys.stdin if line.strip())]
    ring = Ring(link, sum(last - first + 1 for first, last in runs))
    heard: dict[str, set[str]] = {}
    vlans: set[int] = set()
    packed = struct.Struct(">I")
    sent = lost = 0

    def hear() -> None:
        for data, vlan in ring.frames():
            if vlan:
                vlans.add(vlan)  # of another network: its addresses are not those of this link
                continue
            found = answer(data)
            if found is None or found[1] == mac or (found[2] == 2 and data[6:12] == bytes(request[6:12])):
                continue
            address, who, op = found
            if who not in heard.setdefault(address, set()) and len(heard) < 1 << 20:
                heard[address].add(who)
                sys.stdout.write(f'{{"address":"{address}","mac":"{who}","op":{op}}}\n')

    def summary() -> None:
        """Say what was sent; `first_round` is the seconds that it took to ask everybody once, `processor` those of them that it computed."""
        _, drops = struct.unpack("II", link.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        sys.stdout.write(
            json.dumps(
                {"done": True, "sent": sent, "lost": lost, "dropped": drops, "vlans": sorted(vlans)}
                | {"first_round": first_round, "processor": processor}
            )
            + "\n"
        )
        sys.stdout.flush()

    def stop(_signal: int, _frame: object) -> None:
        # whoever stops the run still wants to know what was sent
        summary()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the sweep decides and says SIGTERM
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # so does the loss of a terminal
    put, send = packed.pack_into, link.send
    begin = said = time.monotonic()
    computed, first_round, processor = time.process_time(), 0.0, 0.0
    for round_ in range(tries):
        if round_:
            pause = time.monotonic() + wait / tries
            while (left := pause - time.monotonic()) > 0:
                select.select([link], [], [], left)
                hear()
            sys.stdout.flush()
            begin, sent_now = time.monotonic(), 0
        else:
            sent_now = 0
        numbers = (n for first, last in runs for n in range(first, last + 1))
        if round_:
            numbers = (n for n in numbers if socket.inet_ntoa(packed.pack(n)) not in heard)
        while batch := list(islice(numbers, BATCH)):
            at = 0
            while at < len(batch):
                try:
                    for number in batch[at:]:
                        put(request, TARGET_AT, number)
                        send(request)
                        at += 1
                except (BlockingIOError, InterruptedError):
                    select.select([], [link], [], 0.05)  # the ring takes the answers meanwhile
                except OSError:
                    lost += 1
                    at += 1
            sent += len(batch)
            sent_now += len(batch)
            ahead = begin + sent_now / rate - time.monotonic()
            if ahead > 0.002:
                if time.monotonic() - said > SAY_EVERY:
                    said = time.monotonic()
                    sys.stdout.write(json.dumps({"so_far": sent}) + "\n")
                sys.stdout.flush()
                select.select([link], [], [], ahead)
                remaining = begin + sent_now / rate - time.monotonic()
                hear()
                if remaining > 0:
                    time.sleep(remaining)
            elif sent_now % (ring.slots // 2) == 0:
                hear()
        first_round = first_round or time.monotonic() - begin
        processor = processor or time.process_time() - computed
    end = time.monotonic() + wait
    latest = time.monotonic() + 3 * wait
    while (left := end - time.monotonic()) > 0:
        known = len(heard)
        select.select([link], [], [], left)
        hear()
        if len(heard) > known:  # who is late is waited for, up to a bound
            end = min(latest, max(end, time.monotonic() + wait / 2))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    summary()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
