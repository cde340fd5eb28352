"""A camera talks to a destination for the first time: first for the device, the site, the estate's sensor.

What it finds
    A destination group outside that was not met in the month before, where the device itself has been watched for at least two days.
Why it matters
    A camera that is installed and forgotten has no new friends.
Example
    After five weeks a camera calls an address it never called; no other device of the site ever did.
Blind spots
    The first two days of a device and the days after a firmware change teach, they do not accuse. Services that change addresses often
    are new again and again where no name is seen.
References
    First-seen marks of RITA 5 (7 and 30 days).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import LINKED, PLATFORM
from netcam.egress.hit import Hit, hit
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

LEARNING_DAYS = 2
"""Days with traffic before the window: what is seen first is not new, only unseen."""
FRESH, OLD = 1.0, 30.0
"""Days since first contact: strength 1 up to the first, 0.7 at seven, 0 at the second."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device and destination group."""
    p = w.pairs
    if not len(p["dev"]):
        return
    age = (w.end / 1e9 - p["first_seen"]) / 86400
    begun = np.full(len(w.devices), np.iinfo(np.int64).max)
    np.minimum.at(begun, w.days["dev"], w.days["first"].astype(np.int64))
    learnt = (w.watched_days[p["dev"]] >= LEARNING_DAYS) & (p["first_seen"] - begun[p["dev"]] >= LEARNING_DAYS * 86400)
    fires = (
        (p["side"] == OUT) & (p["left"] != LINKED) & (p["camera"] != 0) & (p["left"] > PLATFORM) & learnt & (age <= 7) & (p["answered"] > 0)
    )
    if not fires.any():
        return
    earliest: dict[int, int] = {}
    groups = np.concatenate([p["group"], w.days["group"]]).astype(np.int64)
    firsts = np.concatenate([p["first_seen"], w.days["first"].astype(np.int64)])
    order = np.lexsort([firsts, groups])
    unique, at = np.unique(groups[order], return_index=True)
    earliest = dict(zip(unique.tolist(), firsts[order][at].tolist(), strict=True))
    for n in np.flatnonzero(fires).tolist():
        first = int(p["first_seen"][n])
        whose = "device and the site" if earliest[int(p["group"][n])] >= first else "device; others of the site have been there"
        k = int(np.flatnonzero(w.chan["pair"] == n)[0])
        days = float(age[n])
        strength = 1.0 if days <= FRESH else 1.0 - 0.3 * (days - FRESH) / 6
        yield hit(
            w, k, "information", "{device} talks to {to} for the first time",
            f"First contact {days:.1f} days ago, after {int(w.watched_days[p['dev'][n]])} days of watching: first for the {whose}.",
            strength=strength if "site" in whose and "others" not in whose else strength / 2, confidence=0.7,
            action="Ask what changed: an installer, a setting, an update.",
        )  # fmt: skip


DETECTOR = Detector(
    id="first-seen",
    title="A camera talks to a destination for the first time",
    component="novelty",
    detect=detect,
    needs="two days of history",
)
