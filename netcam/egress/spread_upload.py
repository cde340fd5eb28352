"""A camera sends much in small portions to many destinations, none of which would stand out alone.

What it finds
    Payload up of one device to all unexplained destinations together, where it passes the bulk floor, at least five destination groups
    take part and none has most of it.
Why it matters
    Whoever knows that volume per destination is watched spreads it over the addresses of a provider.
Example
    60 MB in a day from one camera to 50 addresses of hosting networks, 1.2 MB each.
Blind spots
    Below 20 MB a day altogether; destinations that hide behind one shared name count as one (see bulk-upload).
References
    Producer Consumer Ratio (FloCon 2014) summed over destinations.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import LINKED
from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_BYTES = 20_000_000
"""Payload up in a day to destinations that nobody explains: forty clips; a camera has no unexplained need for them."""
MIN_GROUPS = 5
"""Destination groups: two or three may be one service's front ends."""
MAX_SHARE = 0.6
"""Of one group: above it the upload has one destination and bulk-upload tells it."""
MIN_RATIO = 0.6
"""Producer/consumer ratio, as for bulk-upload."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device."""
    c, p = w.chan, w.pairs
    considered = np.flatnonzero(w.mask(OUT) & (c["left"] > LINKED))
    if not len(considered):
        return
    up, down = (np.bincount(c["pair"][considered], weights=c[name][considered], minlength=len(p["dev"])) for name in ("up", "down"))
    one_way = (up - down) / np.maximum(up + down, 1) >= MIN_RATIO
    total = np.bincount(p["dev"], weights=np.where(one_way, up, 0))
    for d in np.flatnonzero(total >= MIN_BYTES).tolist():
        groups = np.flatnonzero((p["dev"] == d) & one_way & (up > 0))
        if len(groups) < MIN_GROUPS or up[groups].max() > MAX_SHARE * total[d]:
            continue
        mine = considered[np.isin(c["pair"][considered], groups)]
        mine = mine[np.lexsort([mine, -c["up"][mine]])]
        yield hit(
            w, int(mine[0]), "high", f"{{device}} uploads {size(total[d])} in portions to {len(groups)} destinations",
            f"{size(total[d])} of payload left in a day to {len(groups)} destinations that nobody explains, none with more than {MAX_SHARE:.0%} of it.",
            strength=1.0, confidence=0.8, channels=tuple(int(k) for k in mine), subject="many destinations", whole_device=True,
            action="Find out what the destinations have in common; isolate the camera if nobody can say.",
        )  # fmt: skip


DETECTOR = Detector(
    id="spread-upload", title="A camera sends much in small portions to many destinations", component="volume", detect=detect
)
