"""A camera sends more to the outside than it ever used to.

What it finds
    Hours of the last day whose payload up lies far above the same hours of the days before (robust z of its logarithm), added up so
    that a small lasting rise counts like a large short one (CUSUM), told for the destinations that took part.
Why it matters
    A camera is a machine with a rhythm. A lasting change in what it gives away has a cause.
Example
    A camera that gave 2 MB an hour to its maker's cloud for three weeks gives 20 MB an hour since last night.
Blind spots
    Three days of history are needed; a leak that was there from the first day is the baseline; motion makes honest peaks, which is
    why one loud hour is not enough.
References
    CUSUM as in HomeSpy (2018); median and median deviation, z = 0.6745 (x - median) / MAD.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit, size
from netcam.egress.ledger import HISTORY_DAYS
from netcam.egress.registry import Detector
from netcam.egress.window import HOUR, OUT, Window

MIN_DAYS = 3
"""Days with a value for the hour of day: fewer give no median."""
MIN_SPREAD = 0.15
"""Least median deviation of log10 bytes: below it a steady camera would alarm at 40 % more."""
SLACK, ALARM = 0.5, 5.0
"""Of the CUSUM over hourly z: the textbook's k and h."""
MIN_Z = 3.5
"""Of the loudest hour: the usual mark for outliers by median deviation."""
MIN_OVER = 1.5
"""Of the loudest day before: less has been there already."""
FULL_DAYS = 7
"""Days of history at which the strength counts in full: three days have not seen a week's loudest."""
MIN_RISE = 5_000_000
"""Bytes above the usual in a day: ten pictures more are weather."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device whose day is out of its rhythm, on the channel that rose most."""
    last = w.end // HOUR - 1
    hours = np.arange(last - 23, last + 1)
    width = HISTORY_DAYS * 24
    if not len(w.levels):
        return
    now = w.levels[:, hours % width]
    # the same hour of day on each of the 29 days before
    past = np.stack([w.levels[:, (hours - 24 * d) % width] for d in range(1, HISTORY_DAYS)], 2)
    known = (~np.isnan(past)).sum(2)
    usable = (known >= MIN_DAYS) & ~np.isnan(now)
    candidates = np.flatnonzero(usable.sum(1) >= 6)
    if not len(candidates):
        return
    logs = np.log10(np.nan_to_num(past[candidates]) + 1)
    logs[np.isnan(past[candidates])] = np.nan
    fit = usable[candidates]
    logs[~fit] = 0.0
    middle = np.nanmedian(logs, 2)
    spread = np.maximum(np.nanmedian(np.abs(logs - middle[:, :, None]), 2), MIN_SPREAD)
    z = np.where(fit, 0.6745 * (np.log10(np.nan_to_num(now[candidates]) + 1) - middle) / spread, 0.0)
    z = np.clip(z, -3, 8)
    total = np.zeros(len(candidates))
    most = np.zeros(len(candidates))
    for h in range(24):
        total = np.maximum(0, total + z[:, h] - SLACK)
        most = np.maximum(most, total)
    usual = np.where(fit, 10**middle - 1, 0).sum(1)
    actual = np.where(fit, np.nan_to_num(now[candidates]), 0).sum(1)
    # the largest of the days before, as far as each was watched: viewers and weather make loud days of their own
    loudest = np.nansum(past[candidates], 1).max(1)
    days = (~np.isnan(past[candidates])).any(1).sum(1)
    fires = (actual >= MIN_OVER * loudest) & (most > ALARM) & (z.max(1) >= MIN_Z) & (actual - usual >= MIN_RISE)
    if not fires.any():
        return
    out = w.mask(OUT) & (w.chan["left"] > 0)
    rise = w.chan["up"] - w.pairs["most_up"][w.chan["pair"]]
    for n in np.flatnonzero(fires).tolist():
        mine = np.flatnonzero(out & (w.chan["dev"] == candidates[n]))
        if not len(mine):
            continue
        mine = mine[np.lexsort([mine, -rise[mine]])]
        if rise[mine[0]] < MIN_RISE / 2:  # no destination rose by itself: the largest stands for all
            mine = mine[np.lexsort([mine, -w.chan["up"][mine]])]
        k = int(mine[0])
        times = actual[n] / max(usual[n], 1e6)
        yield hit(
            w, k, "medium", "{device} sends more to the outside than it used to, most of it to {to}",
            f"{size(actual[n])} of payload left in a day; the same hours of the days before had {size(usual[n])}. "
            f"Cumulated deviation {most[n]:.1f} (alarm above {ALARM}), loudest hour z {z[n].max():.1f}.",
            strength=np.log10(max(times, 1.0)) / 1.5 * min(1.0, days[n] / FULL_DAYS), confidence=0.7, channels=(k,),
            action="Look when the rise began and what else changed then: firmware, settings, a new viewer.",
        )  # fmt: skip


DETECTOR = Detector(
    id="own-baseline",
    title="A camera sends more to the outside than it used to",
    component="volume",
    detect=detect,
    needs="three days of history",
)
