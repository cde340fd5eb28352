"""A camera sends pictures or clips to a destination that nobody explains.

What it finds
    Flows that carry 8 kB to 50 MB up within two minutes and little down, at least three in a day: pictures on motion, clips.
Why it matters
    A picture every now and then is as much surveillance as a stream, and stays under every floor for bulk.
Example
    A camera posts a 38 kB picture to an address without name at every motion.
Blind spots
    One picture alone; pictures hidden in a connection that stays open (see upload-ratio); size alone does not prove a picture.
References
    Measured: 38 kB snapshots of an EZVIZ doorbell, 150 kbit/s to 6 Mbit/s camera streams (public write-ups).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_BURSTS = 3
"""Pictures or clips in a day: one may be a crash report."""
MIN_RATIO = 0.6
"""Producer/consumer ratio, as for bulk-upload."""
CLIP = 500_000
"""Bytes above which a burst is a clip rather than a picture."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c, ratio = w.chan, w.ratio
    for k in np.flatnonzero(w.mask(OUT) & ~w.linked & (c["left"] > PLATFORM) & (c["bursts"] >= MIN_BURSTS) & (ratio >= MIN_RATIO)).tolist():
        clips = int(c["burst"][k]) >= CLIP
        yield hit(
            w, k, "medium", f"{{device}} sends {'clips' if clips else 'what has the size of pictures'} to {{to}}",
            f"{int(c['bursts'][k])} short uploads, the largest {size(c['burst'][k])}, {size(c['up'][k])} in all; {size(c['down'][k])} came back.",
            strength=0.7 if clips else 0.4, confidence=0.7, action="Compare the times with motion events of the camera; ask who receives them.",
        )  # fmt: skip


DETECTOR = Detector(id="media-upload", title="A camera sends pictures or clips to somebody nobody knows", component="media", detect=detect)
