"""A camera keeps in touch with its maker's cloud: an open door, and where volume goes through a relay, data leaving.

What it finds
    Answered conversations with documented services of the device's maker or of a platform that devices of many brands are built on.
    Signalling alone is told as an open door; payload above a relay's floor as data that leaves by that door.
Why it matters
    Documented is not harmless: who runs the service can reach the camera, and a policy may forbid it.
Example
    A camera registers at dev.hik-connect.com every two minutes.
Blind spots
    A service behind shared hosting has no name of its own. Content is encrypted: volume is seen, what it shows is not.
References
    fingerprints/destinations, each entry with its source.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.catalog.destinations import MEDIA_PURPOSES
from netcam.egress.explained import OWN_BY_PORT
from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

RELAY_BYTES = 1_000_000
"""Payload up in a day: registration, events and telemetry of a camera stay below 1 MB to one service; a minute of substream does not."""
NO_DOOR = frozenset({"ntp", "update", "ddns", "connectivity_check", "resolver"})
"""Purposes that let nobody in."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel; information only: the score of a documented service is capped."""
    c = w.chan
    for k in np.flatnonzero(w.mask(OUT) & (c["answered"] > 0) & (c["left"] <= OWN_BY_PORT)).tolist():
        known = w.explained[k].known
        if known is None or known.generic or not set(known.purposes) - NO_DOOR:
            continue
        leaves = int(c["up"][k]) >= RELAY_BYTES
        carries = f"{size(c['up'][k])} left through it" + (
            "" if MEDIA_PURPOSES & set(known.purposes) else ", more than its documented purpose needs"
        )
        seat = f" Seat of the operator: {known.jurisdiction}." if known.jurisdiction else ""
        yield hit(
            w, k, "low" if leaves else "information", f"{{device}} is in touch with {{to}}, a service of {known.maker}",
            f"{' and '.join(known.purposes).replace('_', ' ')} of {known.maker}: {carries if leaves else 'a door that is kept open; no volume went through it'}.{seat}",
            strength=0.2 if leaves else 0.1, confidence=0.9,
            action="Decide whether this site wants the maker's remote service; switch it off in the camera or at the firewall if not.",
        )  # fmt: skip


DETECTOR = Detector(
    id="maker-cloud", title="A camera is in touch with its maker's cloud or peer-to-peer service", component="protocol", detect=detect
)
