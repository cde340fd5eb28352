"""A camera uploads when nobody works there, more than it ever did at those hours.

What it finds
    Payload up in the site's closed hours of the last day: at least 5 MB to unexplained destinations, and at least three times the
    device's own share of these hours in the days before.
Why it matters
    Motion cameras upload at night for good reasons; an upload that only happens at night, to somebody new, has another one.
Example
    A camera sends 30 MB between two and three at night, every night since Monday.
Blind spots
    Needs three days of history; a site that works at night must say so (closed hours); weighs little without a new destination.
References
    Proposed thresholds; closed hours and time zone of the site.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from netcam.egress.columns import Array
from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size
from netcam.egress.ledger import HISTORY_DAYS
from netcam.egress.registry import Detector
from netcam.egress.window import HOUR, OUT, Window

MIN_BYTES = 5_000_000
"""Payload up in the closed hours: ten pictures of a fox are 400 kB."""
MIN_TIMES = 3.0
"""Of the device's own share of the closed hours."""
MIN_HOURS = 24
"""Closed hours with a value in the history: three nights."""


def closed(w: Window, hours: Array) -> Array:
    """Which hours (since 1970) fall into the site's closed hours, local time."""
    zone, (begin, end) = ZoneInfo(w.rules.timezone), w.rules.closed_hours
    local = np.array([datetime.fromtimestamp(int(h) * 3600, UTC).astimezone(zone).hour for h in hours.tolist()], np.int64)
    return (local >= begin) | (local < end) if begin > end else (local >= begin) & (local < end)


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    last = w.end // HOUR - 1
    hours = np.arange(last - 24 * HISTORY_DAYS + 1, last + 1)
    shut = closed(w, hours)
    before, width = hours <= last - 24, HISTORY_DAYS * 24
    if not len(w.levels) or not shut.any():
        return
    levels = w.levels[:, hours % width]
    known = ~np.isnan(levels)
    night = np.where(known & shut & before, levels, 0).sum(1)
    whole = np.where(known & before, levels, 0).sum(1)
    share = night / np.maximum(whole, 1)
    enough = (known & shut & before).sum(1) >= MIN_HOURS
    today = shut[-24:]
    by_night = today[np.clip(w.hourly["hour"] - (last - 23), 0, 23)] if len(w.hourly["hour"]) else np.zeros(0, bool)
    up = np.bincount(w.hourly["chan"], weights=np.where(by_night, w.hourly["up"], 0), minlength=len(w.chan["dev"]))
    dev = w.chan["dev"]
    all_up = np.bincount(dev, weights=np.where(w.chan["side"] == OUT, w.chan["up"], 0), minlength=len(share))
    all_night = np.bincount(dev, weights=np.where(w.chan["side"] == OUT, up, 0), minlength=len(share))
    ratio = (
        all_night / np.maximum(all_up, 1) / np.maximum(share[: len(all_up)], 0.05) if len(all_up) <= len(share) else np.zeros(len(all_up))
    )
    fires = w.mask(OUT) & (w.chan["left"] > PLATFORM) & (up >= MIN_BYTES) & enough[dev] & (ratio[dev] >= MIN_TIMES)
    for k in np.flatnonzero(fires).tolist():
        begin, end = w.rules.closed_hours
        yield hit(
            w, k, "low", "{device} uploads to {to} while the site is closed",
            f"{size(up[k])} left between {begin}:00 and {end}:00 ({w.rules.timezone}); these hours had {share[dev[k]]:.0%} of its upload before, now "
            f"{all_night[dev[k]] / max(all_up[dev[k]], 1):.0%}.",
            strength=min(1.0, float(ratio[dev[k]]) / 10), confidence=0.5, action="Compare with motion events of that night.",
        )  # fmt: skip


DETECTOR = Detector(
    id="odd-hours", title="A camera uploads when nobody works there", component="timing", detect=detect, needs="three days of history"
)
