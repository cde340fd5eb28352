"""ARP of a crowd: `python -m netcam.lab.crowd`, one process that answers for all devices, each with its own MAC (RFC 826).

The kernel copies every broadcast to every macvlan: ARP for a thousand addresses is a million frames, and its answers come late by seconds,
which no wire does to anybody. Here the requests are read in front of the macvlans and go no further.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable

_ETH_P_ALL, _SO_ATTACH_FILTER, _PACKET_OUTGOING = 0x3, 26, 4  # linux/if_ether.h, asm-generic/socket.h, linux/if_packet.h
_REQUESTS = ((0x28, 0, 0, 12), (0x15, 0, 3, 0x0806), (0x28, 0, 0, 20), (0x15, 0, 1, 1), (0x06, 0, 0, 64), (0x06, 0, 0, 0))
"""EtherType ARP and opcode request, else nothing (linux/filter.h)."""
_AT_ONCE = 256
"""Requests read of one link before the next has its turn."""


def start(links: Iterable[str], devices: Iterable[tuple[str, str, str]]) -> None:
    """Answer for `devices` (link, address, MAC) until this process ends, and keep requests from the devices on `links`.

    Does nothing where the command nft is missing: the devices then answer by themselves.
    """
    tool = shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if tool is None:
        return
    rules = "".join(
        f'chain {link} {{ type filter hook ingress device "{link}" priority 0; ether daddr ff:ff:ff:ff:ff:ff ether type arp drop; }}\n'
        for link in links
    )
    done = subprocess.run([tool, "-f", "-"], input=f"table netdev crowd {{\n{rules}}}\n".encode(), capture_output=True, check=False)
    if done.returncode:
        return  # a kernel without that hook
    process = subprocess.Popen([sys.executable, "-m", "netcam.lab.crowd"], stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write("".join(f"{link} {address} {mac}\n" for link, address, mac in devices) + "\n")
    process.stdin.flush()
    _RUNNING.append(process)  # its standard input stays open as long as this process


_RUNNING: list[subprocess.Popen[str]] = []


def main() -> None:
    """Read who is where, then answer."""
    owners: dict[str, dict[bytes, bytes]] = {}
    while line := sys.stdin.readline().strip():
        link, address, mac = line.split()
        owners.setdefault(link, {})[socket.inet_aton(address)] = bytes.fromhex(mac.replace(":", ""))
    program = b"".join(struct.pack("HBBI", *step) for step in _REQUESTS)
    buffer = ctypes.create_string_buffer(program)
    wires: dict[int, tuple[socket.socket, dict[bytes, bytes]]] = {}
    for link, mine in owners.items():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_REQUESTS), ctypes.addressof(buffer)))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        wire.bind((link, _ETH_P_ALL))
        wire.setblocking(False)
        wires[wire.fileno()] = wire, mine
    while True:
        ready: list[int] = select.select([sys.stdin.fileno(), *wires], [], [])[0]
        if sys.stdin.fileno() in ready:
            return
        for number in ready:
            wire, mine = wires[number]
            with contextlib.suppress(OSError):
                for _ in range(_AT_ONCE):
                    request, where = wire.recvfrom(64)
                    mac = mine.get(request[38:42])
                    if mac is None or where[2] == _PACKET_OUTGOING or request[:6] != b"\xff" * 6:
                        continue
                    asker = request[22:32]
                    wire.send(asker[:6] + mac + request[12:20] + b"\0\2" + mac + request[38:42] + asker + bytes(18))


if __name__ == "__main__":
    main()
