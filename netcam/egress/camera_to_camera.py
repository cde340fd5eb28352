"""A camera talks to another camera.

What it finds
    Conversations between two devices that are cameras (recorders, which fetch video, are left out), beyond discovery.
Why it matters
    Cameras have nothing to tell each other. Malware that lives on cameras has.
Example
    A camera opens TCP 23 of the camera next to it.
Blind spots
    Needs both devices in the inventory; traffic inside one switch does not pass a capture at the router.
References
    Mirai and its heirs spread from camera to camera by Telnet, SSH and web (public analyses).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import LAN, Window

DISCOVERY = (1900, 3702, 5353, 5355, 37020, 137, 138, 67, 68)
"""Ports by which devices look for each other."""
ENTRY = (22, 23, 2323, 80, 81, 8080, 443, 5555, 37215, 52869)
"""Ports by which malware enters cameras."""
MIN_PACKETS = 3
"""Packets: less is a stray answer."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    cameras = {a: d for d in w.devices if d.kind in (None, "camera", "encoder") and d.is_camera for a in d.addresses}
    fires = (
        w.mask(LAN, camera=True)
        & np.isin(c["proto"], (6, 17))
        & ~np.isin(c["port"], DISCOVERY)
        & (c["pk_up"] >= MIN_PACKETS)
        & (c["left"] > 0)
    )
    for k in np.flatnonzero(fires).tolist():
        peer = cameras.get(w.label(k))
        if peer is None or w.ref(k).kind == "recorder" or peer.device == w.ref(k).device:
            continue
        entry = int(c["port"][k]) in ENTRY
        yield hit(
            w, k, "medium" if entry else "low", f"{{device}} opens port {int(c['port'][k])} of the camera at {{to}}",
            f"{int(c['n'][k])} conversations, {size(c['up'][k])} up and {size(c['down'][k])} down, {'answered' if c['answered'][k] else 'not answered'}.",
            strength=0.8 if entry else 0.5, confidence=0.7, action="Look at both cameras; separate cameras from each other in the switch.",
        )  # fmt: skip


DETECTOR = Detector(
    id="camera-to-camera",
    title="A camera talks to another camera",
    component="lateral",
    detect=detect,
    needs="both devices in the inventory",
)
