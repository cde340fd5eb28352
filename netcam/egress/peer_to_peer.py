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
from netcam.egress.ledger import STREAM_RATE
from netcam.egress.registry import Detector
from netcam.egress.window import IN, OUT, TELLS, Window

MARKS = TELLS["stun"] | TELLS["turn"] | TELLS["pppp"] | TELLS["dahua_p2p"]
"""Payload marks whose layout is confirmed."""
PPPP_PORT = 32100
"""UDP port of PPPP servers, where payload was not seen."""
MEDIA_BYTES = 60_000
"""Payload up in a day in packets of media size: three seconds of the lowest substream."""
MIN_RATIO = 0.3
"""Producer/consumer ratio of a camera that gives; a call in both directions is balanced, and told by its pace."""
PACED_BYTES = 300_000
"""Payload up at the pace of video (ledger.STREAM_RATE), whatever comes back: sixteen seconds of the lowest substream, one of 2.4 Mbit/s."""
MEDIA_PAYLOAD = 450
"""Bytes a packet up on average: signalling has 20 to 200, audio 170, video 700 and more."""


ACTION = "Switch peer-to-peer off in the camera, or block it, unless somebody needs it."


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel; one per device for all the peers that its maker's signalling led to."""
    c, ratio = w.chan, w.ratio
    like = w.mask(OUT, IN) & (((c["tells"] & MARKS) != 0) | ((c["port"] == PPPP_PORT) & (c["proto"] == 17))) & (c["left"] > 0)
    mean = c["up"] / np.maximum(c["pk_up"], 1)
    paced = (c["up"] >= PACED_BYTES) & (c["up"] >= STREAM_RATE * c["busy"]) & ((c["tells"] & MARKS) != 0)
    media = (c["up"] >= MEDIA_BYTES) & ((ratio >= MIN_RATIO) | paced) & (mean >= MEDIA_PAYLOAD)
    for k in np.flatnonzero(like & ~w.linked & (media | (c["answered"] > 0))).tolist():
        left = float(c["left"][k])
        volume = f"{size(c['up'][k])} up, {mean[k]:.0f} bytes a packet, {size(c['down'][k])} down"
        if media[k]:
            severity, title, strength = "low" if left <= PLATFORM else "high", "{device} sends media by peer-to-peer to {to}", 1.0
        else:
            severity, title, strength = "information" if left <= LINKED else "low", "{device} holds a peer-to-peer door open at {to}", 0.6
        yield hit(
            w, k, severity, title, f"{_marks(c['tells'][k])}: {volume}.", strength=strength, component="media" if media[k] else "protocol",
            confidence=0.9 if int(c["tells"][k]) & MARKS else 0.6, action=ACTION,
        )  # fmt: skip
    led = w.mask(OUT, IN) & w.linked
    for d in np.unique(c["dev"][led]).tolist():
        mine = np.flatnonzero(led & (c["dev"] == d))
        mine = mine[np.lexsort([mine, -c["up"][mine]])]
        k = int(mine[0])
        watched = mine[media[mine]]
        carried = f"video to {len(watched)} of them" if len(watched) else "no volume to any"
        yield hit(
            w, k, "medium" if len(watched) else "information", f"{{device}} talks by peer-to-peer with {len(mine)} peers, {carried}",
            f"After its maker's signalling it called {len(mine)} addresses without name: {size(c['up'][mine].sum())} up in all. "
            "Whoever has its number and password, or runs the service, can be one of them.",
            strength=1.0 if len(watched) else 0.3, component="media" if len(watched) else "protocol", confidence=0.8,
            channels=tuple(int(x) for x in mine), subject=f"peers by {_marks(c['tells'][k])}", whole_device=True, action=ACTION,
        )  # fmt: skip


def _marks(tells: int) -> str:
    return told(int(tells) & MARKS) or f"port {PPPP_PORT}"


DETECTOR = Detector(
    id="peer-to-peer", title="A camera holds a peer-to-peer door open, or sends video through it", component="protocol", detect=detect
)
