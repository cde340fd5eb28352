"""What a test waits for, instead of for a time: that a process has its own network namespace, that servers listen in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

HANGS = 120.0
"""Seconds after which what is waited for does not come: many times what a busy machine takes."""


def until(promise: Callable[[], bool], what: str, seconds: float = HANGS) -> None:
    """Wait for a promise. Raises AssertionError with `what` it is where it is not kept."""
    end = time.monotonic() + seconds
    while not promise():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.02)


def until_apart(pid: int) -> None:
    """Wait until a process that was started with `unshare --net` has its own network namespace."""
    mine = Path("/proc/self/ns/net").readlink()
    until(lambda: Path(f"/proc/{pid}/ns/net").readlink() != mine, f"process {pid} has a network namespace of its own")


def listening(pid: int) -> set[tuple[str, int]]:
    """("tcp" or "udp", port) of the sockets that take what comes in the network namespace of a process (proc(5))."""
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == ("0A" if name.startswith("tcp") else "07"):  # listening; a datagram socket without a peer
                found.add((name[:3], int(local.rpartition(":")[2], 16)))
    return found


def capturing(pid: int) -> int:
    """How many packet sockets are bound to an interface and take frames in the network namespace of a process (net/packet/af_packet.c)."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/packet").read_text().splitlines()[1:]]
    return sum(interface != "0" and running == "1" for _, _, _, _, interface, running, *_ in rows)
