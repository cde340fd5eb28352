"""Somebody outside opened a connection to a camera, and the camera answered.

What it finds
    Conversations that the outside began and a camera answered, other than peer-to-peer by UDP (see peer-to-peer) and ping.
Why it matters
    A camera that can be reached from outside (port forwarding, UPnP) is exfiltration with the roles swapped: somebody comes and fetches.
Example
    An address outside opens TCP 554 of a camera and 200 MB leave.
Blind spots
    Who began is a guess where the first packet was not seen. A source behind the site's own address translation hides the true peer.
References
    ETSI EN 303 645 provision 5.6 (minimise exposed attack surface).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit, size
from netcam.egress.peer_to_peer import MARKS
from netcam.egress.registry import Detector
from netcam.egress.window import IN, Window

MIN_PACKETS = 3
"""Answered packets: a refusal has one."""
MEDIA_BYTES = 1_000_000
"""Payload up: more than pages of a web interface."""
MIN_ANSWER = 1
"""Bytes of payload up: a handshake that is torn down again gave nothing away."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    fires = w.mask(IN, camera=True) & (c["answered"] > 0) & (c["pk_up"] >= MIN_PACKETS) & (c["up"] >= MIN_ANSWER) & (c["left"] > 0)
    fires &= np.isin(c["proto"], (6, 17)) & ~((c["proto"] == 17) & ((c["tells"] & MARKS) != 0))
    for k in np.flatnonzero(fires).tolist():
        media = int(c["up"][k]) >= MEDIA_BYTES and int(c["up"][k]) > int(c["down"][k])
        yield hit(
            w, k, "high" if media else "medium", f"{{device}} answers {{to}} from outside on port {int(c['port'][k])}",
            f"{int(c['n'][k])} conversations that the outside began; {size(c['up'][k])} went out and {size(c['down'][k])} came in.",
            strength=1.0 if media else 0.6, confidence=0.8, action="Remove the port forwarding; switch UPnP off in router and camera.",
        )  # fmt: skip


DETECTOR = Detector(id="accepted-from-outside", title="A camera answers somebody from outside", component="inbound", detect=detect)
