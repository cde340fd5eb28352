"""A camera tries again and again what the firewall refuses.

What it finds
    At least ten attempts in a day of one device to one outside destination that a firewall refused, with nothing let through.
Why it matters
    Nothing left, and the wish is known: what the camera would do on a site without this firewall.
Example
    A camera tries its maker's cloud every minute, and is refused.
Blind spots
    Needs a source that tells refusals (firewall logs); attempts that die silently look like unanswered flows.
References
    pfSense and OPNsense filterlog; RFC 6302 on what such logs hold.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_ATTEMPTS = 10
"""In a day: fewer are a start-up that found no way."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    for k in np.flatnonzero(w.mask(OUT) & (c["blocked"] >= MIN_ATTEMPTS) & (c["answered"] == 0)).tolist():
        yield hit(
            w, k, "information", "{device} keeps trying {to}, which the firewall refuses", f"{int(c['blocked'][k])} attempts were refused; nothing was transferred.",
            strength=0.1, confidence=0.9, action="Nothing left the site. Switch the service off in the camera if it is not wanted.",
        )  # fmt: skip


DETECTOR = Detector(
    id="blocked-attempts",
    title="A camera tries what the firewall refuses",
    component="timing",
    detect=detect,
    needs="a source that tells refusals",
)
