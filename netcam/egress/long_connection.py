"""A camera holds a connection to an unexplained destination for hours.

What it finds
    Flows of one hour and more to a destination that neither operator nor maker explains.
Why it matters
    A connection that stays open is a way in that no firewall rule for new connections stops.
Example
    One TCP connection from a camera to a rented server, open for 14 hours with 300 bytes a minute.
Blind spots
    Exporters that cut long flows show many short ones (summed per channel here where they follow each other); push services of makers
    stay open for days and are explained by their name alone.
References
    RITA 5 (marks at 1, 4, 8, 12 hours); corelight/zeek-long-connections.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, lasting
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

UNBROKEN, MIN_PART = 0.95, 300
"""Share of the time that parts of one connection cover, and their mean seconds: exporters cut at 1 to 30 minutes."""
MARKS = ((3600, 0.2), (14400, 0.4), (28800, 0.6), (43200, 0.8))
"""Seconds and strength, as RITA maps them."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    seconds, strengths = np.array(MARKS).T
    # flows that follow each other without a gap are one connection that the exporter cut
    whole = (c["last"] - c["first"]) / 1e9
    cut = (c["busy"] >= UNBROKEN * whole) & (c["busy"] <= whole * (2 - UNBROKEN)) & (c["busy"] >= MIN_PART * c["n"])
    length = np.maximum(c["longest"], np.where(cut, whole, 0))
    for k in np.flatnonzero(w.mask(OUT) & ~w.linked & (c["left"] > PLATFORM) & (c["answered"] > 0) & (length >= seconds[0])).tolist():
        yield hit(
            w, k, "low", f"{{device}} holds a connection to {{to}} for {lasting(length[k])}",
            f"The longest conversation lasted {lasting(length[k])}; nobody explains the destination.",
            strength=float(strengths[np.searchsorted(seconds, length[k], "right") - 1]), confidence=0.6,
        )  # fmt: skip


DETECTOR = Detector(
    id="long-connection", title="A camera holds a connection to an unexplained destination for hours", component="timing", detect=detect
)
