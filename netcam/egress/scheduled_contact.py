"""A device calls one outside destination at the same time of day, day after day.

What it finds
    One to four contacts a day with an unexplained destination group, on at least four of the last eight days (the window's day among
    them), whose first contact falls within a quarter of an hour of the same time.
Why it matters
    A call once a day is under every mark for beacons and enough to hand over a day's harvest or fetch an order.
Example
    Every night at 03:17 one connection of 2 kB to an address that nobody knows. Found on the fourth day.
Blind spots
    A call whose time is drawn anew each day; a call once a week. Update checks look alike: documented ones are left out.
References
    Proposed thresholds; a day's grid as in RITA's histogram, over days.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.columns import folded
from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit
from netcam.egress.registry import Detector
from netcam.egress.window import HOUR, OUT, Window

MIN_DAYS, OF_DAYS = 4, 8
"""Days with contact among the last ones: three may be an errand."""
MAX_CONTACTS = 4
"""A day: more is a service in use, for beacon to judge."""
MAX_SPREAD = 900
"""Seconds of median deviation of the time of day: clocks of cron and of cameras are better than that."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device and destination group."""
    p, days = w.pairs, w.days
    fit = (p["side"] == OUT) & (p["camera"] != 0) & (p["left"] > PLATFORM) & (p["n"] <= MAX_CONTACTS) & (p["n"] > 0)
    now = np.flatnonzero(fit)
    if not len(now):
        return
    today = w.end // (24 * HOUR)
    recent = (days["side"] == OUT) & (days["day"] >= today - OF_DAYS)
    many = folded(
        {k: days[k][recent] for k in ("dev", "group", "day", "n", "first")}, ("dev", "group", "day"), {"n": "sum", "first": "min"}
    )
    key = many["dev"].astype(np.int64) << 32 | many["group"].astype(np.int64)
    for n in now.tolist():
        mine = np.flatnonzero(key == (int(p["dev"][n]) << 32 | int(p["group"][n])))
        if len(mine) + 1 < MIN_DAYS or (many["n"][mine] > MAX_CONTACTS).any():
            continue
        times = np.append(many["first"][mine].astype(np.int64), int(p["first"][n]) // 1_000_000_000)
        if len(np.unique(times // 86400)) < MIN_DAYS:
            continue
        # the time of day goes round at midnight: measured from the newest contact's
        off = (times - times[-1] + 43200) % 86400 - 43200
        spread = float(np.median(np.abs(off - np.median(off))))
        if spread > MAX_SPREAD or float(np.abs(off - np.median(off)).max()) > 4 * MAX_SPREAD:
            continue
        k = int(np.flatnonzero(w.chan["pair"] == n)[0])
        at = (int(times[-1]) % 86400) // 60
        yield hit(
            w, k, "low", f"{{device}} calls {{to}} every day at {at // 60:02d}:{at % 60:02d} UTC",
            f"On {len(np.unique(times // 86400))} of the last {OF_DAYS + 1} days, {int(p['n'][n])} contacts today, at the same time within {spread:.0f} s.",
            strength=1.0, confidence=0.6, action="Capture the next call; look for a timer in the camera's settings.",
        )  # fmt: skip


DETECTOR = Detector(
    id="scheduled-contact",
    title="A device calls one destination at the same time every day",
    component="timing",
    detect=detect,
    needs="three days of history",
)
