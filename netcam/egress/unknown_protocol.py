"""A camera gives much to somebody nobody explains, in a protocol that is none of the known ones, or not the one that its port is for.

What it finds
    At least 100 kB up to an unexplained destination in conversations of which the sensor read the first payload and recognised nothing;
    stronger where the port belongs to a protocol that would have been recognised (443 without TLS, 80 without HTTP).
Why it matters
    Services that makers run speak TLS, HTTP, MQTT or their documented peer-to-peer. Bytes without any structure are what tunnels send that
    do not want to be told apart.
Example
    2 MB to port 8388 of a rented server, random from the first byte on: Shadowsocks.
Blind spots
    Says nothing where the sensor does not read payloads (NetFlow), or did not see the beginning. Makers' own undocumented protocols look
    the same: it weighs little, and only beside data that moves.
References
    nDPI's risk "known protocol on non-standard port"; IANA service names and ports; the marks of netcam/flows (`netcam explain fields`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size
from netcam.egress.join import MARKS
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_BYTES = 100_000
"""Payload up: small registrations in a maker's own format are common and harmless."""
TALKING = {80: "HTTP", 443: "TLS", 554: "RTSP", 853: "TLS", 993: "TLS", 8443: "TLS", 8883: "TLS", 22: "SSH", 1935: "RTMP"}
"""TCP ports whose protocol is recognised by its first bytes."""
UNKNOWN, MISMATCH = 0.5, 0.8
"""Strength of an unknown protocol; of another one than the port's."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    fires = w.mask(OUT) & (c["tells"] == 0) & np.isin(c["proto"], (6, 17)) & ~w.linked
    fires &= (c["marks"] & (MARKS["read"] | MARKS["unread"])) == MARKS["read"]
    fires &= (c["left"] > PLATFORM) & (c["up"] >= MIN_BYTES) & (c["up"] > c["down"])
    for k in np.flatnonzero(fires).tolist():
        expected = TALKING.get(int(c["port"][k])) if int(c["proto"][k]) == 6 else None
        why = (
            f"port {int(c['port'][k])} is {expected}'s, and this is none"
            if expected
            else "the first bytes belong to no protocol that netcam knows"
        )
        yield hit(
            w, k, "low", "{device} speaks an unknown protocol with {to}", f"{size(c['up'][k])} up; {why}.", strength=MISMATCH if expected else UNKNOWN,
            confidence=0.5, action="Capture the beginning of one conversation; ask who runs the other end.",
        )  # fmt: skip


DETECTOR = Detector(
    id="unknown-protocol",
    title="A camera gives much in a protocol that nobody knows",
    component="protocol",
    detect=detect,
    needs="a source that looks at payloads",
)
