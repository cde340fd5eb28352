"""A device of the estate builds a tunnel: GRE, IP in IP, IPsec, WireGuard.

What it finds
    IP protocols 4, 41, 47, 50, 51 and other encapsulations of a camera, or of a device of unknown kind, to any peer, and WireGuard
    or SOCKS by payload.
Why it matters
    A tunnel carries anything past every other rule. A camera does not need one; where it has one, somebody set it up and can declare it.
Example
    A camera sends GRE to an address outside.
Blind spots
    Tunnels inside TLS or SSH (see long-connection, bulk-upload); OpenVPN on a TLS port.
References
    IANA protocol numbers; RFC 2784, RFC 4301; WireGuard's message types.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import PROTOCOL, Hit, hit, size
from netcam.egress.join import TUNNELS
from netcam.egress.registry import Detector
from netcam.egress.window import IN, LAN, OUT, TELLS, Window

MARKS = TELLS["wireguard"] | TELLS["socks"]
"""Payload marks of tunnels over UDP and TCP."""
MUCH = 100_000
"""Bytes up at which the strength is 1: below it a tunnel is open, above it something went through."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    fires = w.mask(OUT, IN, LAN) & (np.isin(c["proto"], list(TUNNELS)) | ((c["tells"] & MARKS) != 0)) & (c["left"] > 0)
    for k in np.flatnonzero(fires & (c["blocked"] < c["n"])).tolist():
        proto = int(c["proto"][k])
        what = PROTOCOL.get(proto, f"IP protocol {proto}") if proto in TUNNELS else "WireGuard or SOCKS"
        moved = int(c["up"][k] + c["down"][k])
        yield hit(
            w, k, "high", f"{{device}} has a tunnel ({what}) with {{to}}",
            f"{int(c['pk_up'][k] + c['pk_down'][k])} packets, {size(c['up'][k])} up and {size(c['down'][k])} down inside the tunnel.",
            strength=1.0 if moved >= MUCH else 0.8, confidence=0.85, action="Find out who set it up; block these protocols for cameras.",
        )  # fmt: skip


DETECTOR = Detector(id="ip-tunnel", title="A device builds a tunnel", component="covert", detect=detect)
