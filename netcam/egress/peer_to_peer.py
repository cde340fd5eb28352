"""Peer-to-peer viewing: a door held open, or video going through it.

What it finds
    Flows whose payload is PPPP, Dahua's P2P, STUN or TURN, and PPPP's port 32100 where payloads are not seen: signalling as an open door;
    with volume up, media to a peer. A peer that follows the maker's signalling is half explained; one that nobody explains is not.
Why it matters
    Peer-to-peer passes firewalls by design: whoever has the device's number and password, or controls the servers, sees the picture.
Example
    A TURN allocation followed by 8 MB up to an address without name: video to somebody.
Blind spots
    Makers that scramble every byte leave port and pace only; WebRTC over TCP 443 with TURN looks like TLS.
References
    pmarrapese/iot p2p/dissector; khoanguyen-3fc/dh-p2p; RFC 8489, RFC 8656.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import LINKED, PLATFORM
from netcam.egress.hit import Hit, hit, size, told
from netcam.egress.registry import Detector
from netcam.egress.window import IN, OUT, TELLS, Window

MARKS = TELLS["stun"] | TELLS["turn"] | TELLS["pppp"] | TELLS["dahua_p2p"]
"""Payload marks whose layout is confirmed."""
PPPP_PORT = 32100
"""UDP port of PPPP servers, where payload was not seen."""
MEDIA_BYTES = 250_000
"""Payload up in a day: signalling of all these protocols stays under 250 kB to one peer; ten seconds of substream do not."""
MIN_RATIO = 0.3
"""Producer/consumer ratio: a call in both directions is balanced, a camera gives."""
MEDIA_PAYLOAD = 400
"""Bytes a packet up: signalling has 20 to 200, video 700 and more."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c, ratio = w.chan, w.ratio
    like = w.mask(OUT, IN) & (((c["tells"] & MARKS) != 0) | ((c["port"] == PPPP_PORT) & (c["proto"] == 17))) & (c["left"] > 0)
    mean = c["up"] / np.maximum(c["pk_up"], 1)
    media = (c["up"] >= MEDIA_BYTES) & (ratio >= MIN_RATIO) & (mean >= MEDIA_PAYLOAD)
    for k in np.flatnonzero(like).tolist():
        left = float(c["left"][k])
        marks = told(int(c["tells"][k]) & MARKS) or f"port {PPPP_PORT}"
        if media[k]:
            severity = "low" if left <= PLATFORM else "medium" if left <= LINKED else "high"
            title, text = (
                "{device} sends media by peer-to-peer to {to}",
                f"{marks}: {size(c['up'][k])} up, {mean[k]:.0f} bytes a packet, {size(c['down'][k])} down.",
            )
        elif int(c["answered"][k]):
            severity = "information" if left <= LINKED else "low"
            title, text = "{device} holds a peer-to-peer door open at {to}", f"{marks}: {size(c['up'][k])} up, signalling only."
        else:
            continue
        yield hit(
            w, k, severity, title, text, strength=1.0 if media[k] else 0.6, component="media" if media[k] else "protocol",
            confidence=0.9 if int(c["tells"][k]) & MARKS else 0.6, action="Switch peer-to-peer off in the camera, or block it, unless somebody needs it.",
        )  # fmt: skip


DETECTOR = Detector(
    id="peer-to-peer", title="A camera holds a peer-to-peer door open, or sends video through it", component="protocol", detect=detect
)
