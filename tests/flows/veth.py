"""A link of two interfaces for scripts that run in a network namespace of their own: what is sent on s0 arrives at h0."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path


def made() -> socket.socket:
    """Make the link, on which nothing is said but what the test sends; returns a socket that sends on s0."""
    for words in (
        ["link", "add", "s0", "type", "veth", "peer", "name", "h0"], ["link", "set", "s0", "addrgenmode", "none"],
        ["link", "set", "h0", "addrgenmode", "none"], ["link", "set", "s0", "up"], ["link", "set", "h0", "up"],
    ):  # fmt: skip
        subprocess.run(["ip", *words], check=True)
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.bind(("s0", 0))
    return link


def sent() -> int:
    """Packets that went out by h0."""
    (line,) = [line for line in Path("/proc/self/net/dev").read_text().splitlines() if line.strip().startswith("h0:")]
    return int(line.split()[10])
