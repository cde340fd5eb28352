"""Pictures, video or logins cross the wire in clear. A fact only: nothing of the content is kept.

What it finds
    Flows whose payload is a JPEG picture, RTP or RTSP in clear, plain HTTP or FTP of a camera to the outside, and the marks of a login
    in clear where the source of flows gives them.
Why it matters
    Whoever sits on the way reads it; and a login read once is a login for ever.
Example
    A camera posts pictures by plain HTTP to an address outside.
Blind spots
    Needs a source that looks at payloads. Inside the estate RTSP in clear is the rule and is not told.
References
    ETSI EN 303 645 provision 5.5 (communicate securely).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit, size, told
from netcam.egress.registry import Detector
from netcam.egress.window import IN, OUT, TELLS, Window

MEDIA = TELLS["jpeg"] | TELLS["rtsp"]
"""Marks of pictures and of control in clear."""
RTP, SEALED = TELLS["rtp"], TELLS["stun"] | TELLS["turn"] | TELLS["dtls"]
"""RTP beside these is SRTP: WebRTC knows no other; its header stays readable."""
LOGIN = TELLS.get("credential", 0)
"""Mark of a login in clear; 0 where this build's walker has none."""
PLAIN = TELLS["http"]
"""Plain HTTP."""
MIN_HTTP = 20_000
"""Payload up by plain HTTP: a request with its headers has under 2 kB, a picture 8 kB and more."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    out = w.mask(OUT, IN)
    rtp = ((c["tells"] & RTP) != 0) & ((c["tells"] & SEALED) == 0)
    media, login = out & (((c["tells"] & MEDIA) != 0) | rtp), out & ((c["tells"] & LOGIN) != 0)
    plain = out & ((c["tells"] & PLAIN) != 0) & ((c["tells"] & TELLS["tls"]) == 0) & (c["up"] >= MIN_HTTP)
    for k in np.flatnonzero(media | login | plain).tolist():
        what = "a login" if login[k] else "pictures or video" if media[k] else "data"
        yield hit(
            w, k, "medium" if login[k] else "low", f"{{device}} sends {what} in clear to {{to}}",
            f"Seen on the wire: {told(int(c['tells'][k]))}; {size(c['up'][k])} up. Nothing of the content was kept.", strength=0.5,
            confidence=0.8, action="Switch the camera to TLS, or keep this traffic inside a VPN.",
        )  # fmt: skip


DETECTOR = Detector(
    id="clear-text",
    title="Pictures, video or logins cross the wire in clear",
    component="protocol",
    detect=detect,
    needs="a source that looks at payloads",
)
