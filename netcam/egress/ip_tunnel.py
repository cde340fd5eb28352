"""A device of the estate builds a tunnel: GRE, IP in IP, IPsec, VXLAN, WireGuard, OpenVPN, SSH.

What it finds
    IP protocols 4, 41, 47, 50, 51 and other encapsulations of a camera, or of a device of unknown kind, to any peer; VXLAN to the
    outside; WireGuard, OpenVPN or SOCKS by payload, else by their ports; SSH that the device begins, which forwards whatever it is asked to.
Why it matters
    A tunnel carries anything past every other rule. A camera does not need one; where it has one, somebody set it up and can declare it.
Example
    A camera sends GRE to an address outside.
Blind spots
    Tunnels inside TLS, and those without any mark of their own (OpenVPN with a static key, Shadowsocks): told by their volume only (see
    bulk-upload, long-connection). Sessions of OpenVPN, SOCKS and SSH whose beginning was not seen.
References
    IANA protocol numbers; RFC 2784, RFC 4301, RFC 7348, RFC 4253; WireGuard's message types; OpenVPN's network protocol.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import PROTOCOL, Hit, hit, size, told
from netcam.egress.join import MARKS as MARK
from netcam.egress.join import TUNNELS
from netcam.egress.registry import Detector
from netcam.egress.window import IN, LAN, OUT, TELLS, Window

MARKS = TELLS["wireguard"] | TELLS["socks"] | TELLS["openvpn"]
"""Payload marks of tunnels over UDP and TCP."""
SHELL = TELLS["ssh"]
"""A remote shell that can forward ports both ways."""
PORTS = {500: "IPsec's key exchange", 4500: "IPsec behind address translation", 1194: "OpenVPN", 1701: "L2TP", 51820: "WireGuard"}
"""UDP ports that are registered for tunnels, or their programs' default: where no payload was read they are all there is."""
BY_PORT = 0.5
"""Strength of a port alone."""
MUCH = 100_000
"""Bytes up at which the strength is 1: below it a tunnel is open, above it something went through."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    sealed = np.isin(c["proto"], list(TUNNELS)) | ((c["tells"] & MARKS) != 0)
    # inside, switches wrap what they mirror for a sensor
    sealed |= w.mask(OUT, IN) & ((c["marks"] & MARK["carrier"]) != 0)
    shell = w.mask(OUT) & ((c["tells"] & SHELL) != 0) & (c["left"] > PLATFORM) & (c["answered"] > 0)
    likely = w.mask(OUT) & ~sealed & (c["tells"] == 0) & (c["proto"] == 17) & np.isin(c["port"], list(PORTS))
    likely &= (c["left"] > PLATFORM) & (c["answered"] > 0) & (c["up"] >= MUCH)
    fires = (shell | likely | (w.mask(OUT, IN, LAN) & sealed)) & (c["left"] > 0)
    for k in np.flatnonzero(fires & (c["blocked"] < c["n"])).tolist():
        proto, marked = int(c["proto"][k]), told(int(c["tells"][k]) & (MARKS | SHELL))
        by_port = f"{PORTS[int(c['port'][k])]}, by its port" if likely[k] else "VXLAN or the like"
        what = PROTOCOL.get(proto, f"IP protocol {proto}") if proto in TUNNELS else marked or by_port
        moved = int(c["up"][k] + c["down"][k])
        strength = BY_PORT if likely[k] else 1.0 if moved >= MUCH else 0.8 if sealed[k] else 0.4
        yield hit(
            w, k, "high" if sealed[k] or (shell[k] and moved >= MUCH) else "medium", f"{{device}} has a tunnel ({what}) with {{to}}",
            f"{int(c['pk_up'][k] + c['pk_down'][k])} packets, {size(c['up'][k])} up and {size(c['down'][k])} down inside the tunnel.",
            strength=strength, confidence=0.5 if likely[k] else 0.85, action="Find out who set it up; block these protocols for cameras.",
        )  # fmt: skip


DETECTOR = Detector(id="ip-tunnel", title="A device builds a tunnel", component="covert", detect=detect)
