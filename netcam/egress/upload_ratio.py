"""A camera gives far more than it takes, at a volume that is no keepalive.

What it finds
    Producer/consumer ratio of at least 0.6 with at least 1 MB up in a day, or 100 kB in sixty minutes, to an unexplained destination group.
Why it matters
    Asymmetry is what exfiltration cannot hide without sending as much back; it is also what every push of an event looks like, so it
    weighs little alone.
Example
    1.4 MB up and 90 kB down in a day to one address: a slow leak under every floor for bulk.
Blind spots
    A peer that sends cover traffic back; DNS tunnels (balanced by nature, see dns-tunnel); sources that count both directions together.
References
    Bullard and Gerth (FloCon 2014): +1.0 push, +0.4 mail, 0 balanced, -0.5 browsing, -1 download.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_RATIO = 0.6
"""Producer/consumer ratio: telemetry over TLS shows 0.5, video and file uploads 0.8 and more."""
MIN_BYTES = 1_000_000
"""Payload up in a day."""
MIN_HOUR = 100_000
"""Payload up in sixty minutes: a picture or two."""
FULL = 0.9
"""Ratio at which the strength is 1; it begins at 0.2."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c, ratio = w.chan, w.ratio
    most = w.busiest(np.arange(len(ratio)), len(ratio))
    fires = w.mask(OUT) & ~w.linked & (c["left"] > PLATFORM) & (ratio >= MIN_RATIO) & ((c["up"] >= MIN_BYTES) | (most >= MIN_HOUR))
    for k in np.flatnonzero(fires).tolist():
        yield hit(
            w, k, "low", "{device} gives far more than it takes from {to}",
            f"{size(c['up'][k])} up and {size(c['down'][k])} down, producer/consumer ratio {ratio[k]:+.2f}; at most {size(most[k])} up within sixty minutes.",
            strength=(float(ratio[k]) - 0.2) / (FULL - 0.2), confidence=0.6,
        )  # fmt: skip


DETECTOR = Detector(id="upload-ratio", title="A camera gives far more than it takes", component="asymmetry", detect=detect)
