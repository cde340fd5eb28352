"""A camera asks a time server that neither the site nor its maker names.

What it finds
    NTP to an outside destination that is neither declared, nor a public pool, nor the maker's documented server; and NTP that carries
    more than time.
Why it matters
    Who tells the clock decides what a recording is worth in court; and port 123 is open where others are not.
Example
    A camera asks an address in another country for the time although the site has a server of its own.
Blind spots
    A pool's servers without a DNS answer look like strangers: told as information only.
References
    RFC 5905 (48 bytes and few extensions a packet).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

PORT = 123
"""NTP."""
MAX_PAYLOAD = 80
"""Bytes a packet: time with a signature has 68; more is not time."""
MIN_BYTES = 20_000
"""Of more than time: 50 packets of 400 bytes."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    ntp = w.mask(OUT) & (c["port"] == PORT) & (c["left"] > 0)
    mean = c["up"] / np.maximum(c["pk_up"], 1)
    heavy = ntp & (mean > MAX_PAYLOAD) & (c["up"] >= MIN_BYTES)
    for k in np.flatnonzero(ntp & ((c["left"] > PLATFORM) | heavy)).tolist():
        if w.label(k) in w.rules.time_servers:
            continue
        if heavy[k]:
            yield hit(
                w, k, "high", "{device} moves more than time on port 123 to {to}", f"{size(c['up'][k])} up, {mean[k]:.0f} bytes a packet; time has 48.",
                strength=1.0, confidence=0.8, component="covert", action="Capture some packets; allow NTP to the site's server only.",
            )  # fmt: skip
            continue
        site = f" The site's own: {', '.join(w.rules.time_servers[:3])}." if w.rules.time_servers else ""
        yield hit(
            w, k, "low" if w.rules.time_servers else "information", "{device} asks {to} for the time", f"{int(c['n'][k])} flows; nobody names this server.{site}",
            strength=0.2, confidence=0.6, action="Give cameras the site's time server.",
        )  # fmt: skip


DETECTOR = Detector(id="time-server", title="A camera asks a time server that nobody names", component="protocol", detect=detect)
