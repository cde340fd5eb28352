"""TLS that does not fit a camera: no name at all, or an odd port.

What it finds
    TLS without a name in handshake, certificate or earlier DNS answer to an unexplained address; TLS on a port other than the usual
    ones to an unexplained destination.
Why it matters
    A service that somebody runs for many devices has a name and a usual port. What a visitor brought along often has neither.
Example
    A camera speaks TLS to an address without name on port 4444.
Blind spots
    Old cameras send no server name at all; a changed client signature (JA4) is not compared yet; needs a source that reads handshakes.
References
    RFC 6066 section 3; IANA service names and ports.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, TELLS, Window

USUAL = (443, 8443, 8883, 993, 465, 853, 5671, 5061)
"""Ports on which TLS is no surprise: HTTPS and its second port, MQTT, mail, DNS, AMQP, SIP."""
NAMELESS = 1
"""Bit of the channel's marks: TLS without any name."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    out = w.mask(OUT) & (c["left"] > PLATFORM) & (c["answered"] > 0) & ((c["tells"] & TELLS["tls"]) != 0)
    nameless = out & ((c["marks"] & NAMELESS) != 0) & (c["name"] == 0)
    odd = out & ~np.isin(c["port"], USUAL)
    for k in np.flatnonzero(nameless | odd).tolist():
        why = " and ".join(word for word, holds in (("without any name", nameless[k]), (f"on port {int(c['port'][k])}", odd[k])) if holds)
        yield hit(
            w, k, "low", f"{{device}} speaks TLS {why} with {{to}}", f"{int(c['n'][k])} flows; nobody explains the destination.",
            strength=0.4 if nameless[k] and odd[k] else 0.3, confidence=0.6, action="Read the certificate of the server; ask who runs it.",
        )  # fmt: skip


DETECTOR = Detector(
    id="tls-oddity", title="TLS that does not fit a camera", component="protocol", detect=detect, needs="a source that looks at payloads"
)
