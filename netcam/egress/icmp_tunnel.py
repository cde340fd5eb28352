"""A device moves data in ping.

What it finds
    Echo traffic whose packets carry more than 64 bytes of data in numbers, or more than 100 kB a day, to any peer, inside or outside.
Why it matters
    Ping passes most firewalls and nobody reads it.
Example
    448 echo packets of 180 bytes to one machine in 19 minutes, answered in kind.
Blind spots
    Data in the 32 to 56 bytes of an ordinary ping, slowly; NetFlow that does not count ICMP. Path MTU tests send a few large ones.
References
    Public capture of an ICMP tunnel (448 and 415 packets, about 180 bytes of data); Elastic's rule for ICMP of 256 bytes and more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import IN, LAN, OUT, Window

MIN_DATA = 64
"""Bytes of data a packet: ping sends 32 (Windows) or 56 (elsewhere)."""
MIN_PACKETS = 20
"""A path test sends a handful."""
MIN_BYTES = 8_000
"""Of data in large packets: twenty pings of 400 bytes."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    icmp = w.mask(OUT, IN, LAN) & ((c["proto"] == 1) | (c["proto"] == 58)) & (c["left"] > 0)
    packets = c["pk_up"] + c["pk_down"]
    data = c["up"] + c["down"]
    mean = data / np.maximum(packets, 1)
    # both ways, or many one way: an error message that quotes a packet is neither
    both = (c["pk_up"] >= MIN_PACKETS // 2) & (c["pk_down"] >= MIN_PACKETS // 2)
    fires = icmp & both & (mean > MIN_DATA) & (packets >= MIN_PACKETS) & (data >= MIN_BYTES)
    one_way = icmp & ~both & (mean > 2 * MIN_DATA) & (c["pk_up"] >= 4 * MIN_PACKETS) & (c["up"] >= 10 * MIN_BYTES)
    for k in np.flatnonzero(fires | one_way).tolist():
        yield hit(
            w, k, "high", "{device} moves data in ping with {to}",
            f"{int(packets[k])} ICMP packets with {mean[k]:.0f} bytes of data each, {size(c['up'][k])} up and {size(c['down'][k])} down.",
            strength=1.0 if data[k] >= 40_000 else 0.8, confidence=0.85, action="Block ICMP echo of cameras beyond their gateway; capture some packets.",
        )  # fmt: skip


DETECTOR = Detector(id="icmp-tunnel", title="A device moves data in ping", component="covert", detect=detect)
