"""RTSP, RTP, RTMP or ONVIF leaves the site.

What it finds
    Conversations with the outside whose payload is RTSP, RTP or RTMP, or that use their ports, whoever began them.
Why it matters
    These protocols carry video or control of a camera and have no business outside the site without a tunnel that somebody built.
Example
    A camera pushes RTMP to an address on port 1935.
Blind spots
    The same inside TLS; ports that are used otherwise are told only where data moved.
References
    RFC 2326, RFC 3550, ONVIF Core; RTMP specification.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size, told
from netcam.egress.registry import Detector
from netcam.egress.window import IN, OUT, TELLS, Window

MARKS = TELLS["rtsp"] | TELLS["rtp"] | TELLS["rtmp"]
"""Payload marks of the three."""
PORTS = (554, 8554, 1935, 7070, 3702)
"""RTSP, its second port, RTMP, older RTSP, WS-Discovery of ONVIF."""
MEDIA_BYTES = 100_000
"""Payload up: a few seconds of any video; a refused request has some hundred bytes."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    # RTP beside STUN is told as peer-to-peer
    marked = ((c["tells"] & MARKS) != 0) & ~(((c["tells"] & MARKS) == TELLS["rtp"]) & ((c["tells"] & (TELLS["stun"] | TELLS["turn"])) != 0))
    fires = (
        w.mask(OUT, IN) & (marked | np.isin(c["port"], PORTS)) & (c["left"] > PLATFORM) & ((c["answered"] > 0) | (c["up"] >= MEDIA_BYTES))
    )
    for k in np.flatnonzero(fires).tolist():
        media = int(c["up"][k]) >= MEDIA_BYTES and int(c["up"][k]) > int(c["down"][k])
        what = told(int(c["tells"][k]) & MARKS) or f"port {int(c['port'][k])}"
        began = "which began it" if int(c["side"][k]) == IN else "outside"
        yield hit(
            w, k, "high" if media else "medium", f"{{device}} speaks {what} with {{to}}, {began}",
            f"{size(c['up'][k])} up, {size(c['down'][k])} down.", strength=1.0 if media else 0.3, component="media" if media else "protocol",
            confidence=0.9 if marked[k] else 0.6, action="Close the port to the outside; give remote viewers a VPN.",
        )  # fmt: skip


DETECTOR = Detector(id="video-leaving", title="RTSP, RTP, RTMP or ONVIF leaves the site", component="media", detect=detect)
