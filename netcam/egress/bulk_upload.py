"""A camera sends out far more than it gets back: at the pace of video, or more at once than any report needs.

What it finds
    Conversations with an outside destination that nobody explains whose payload goes one way (producer/consumer ratio) and has at least
    the size of a clip within sixty minutes; the more, the stronger. Payload at the pace of a media stream, or much of it in a day, whatever comes
    back. All ports and names of one destination group count together, so that many small flows are one upload.
Why it matters
    This is what data leaving looks like, whatever the port and however it is encrypted.
Example
    20 MB in 25 s from one camera to media-store.example.net, 30 kB back. 8 MB by one HTTP PUT. 5 kB a second is 18 MB in the first hour.
Blind spots
    A name in TLS or HTTP is what the device says: one that lies about its destination is caught by its volume against the past only
    (own-baseline). Leaks under the floors (500 kB in sixty minutes and 50 MB in a day); uploads spread over many destination groups (see spread-upload); a
    relay that the operator declared; traffic that does not pass the place of capture. A sampled or cut capture gives lower bounds.
References
    Bullard and Gerth, Producer Consumer Ratio (FloCon 2014); measured camera stream rates of 150 kbit/s to 8 Mbit/s.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, lasting, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_RATIO = 0.6
"""Producer/consumer ratio of payload: four bytes out for each in. Video over TLS shows 0.8 and above, telemetry about 0.5, browsing is negative."""
MIN_BYTES = 1_000_000
"""Payload out: an update check or telemetry of a day stays below 1 MB to one destination."""
MIN_PAYLOAD = 250
"""Bytes a packet: video fills packets; 250 still admits an audio stream or a tunnel with small segments."""
MIN_GIVEN = -0.2
"""Ratio from which a stream or a day's bulk counts although much comes back: a tunnel or a call is balanced, a download is far below."""
BULK_BYTES = 50_000_000
"""Payload out in a day at any pace: more than 100 clips of 500 kB, and no service in the destination files needs it."""
HOUR_BYTES, HOUR_STRENGTH = (500_000, 1_000_000, 3_000_000, 10_000_000), (0.45, 0.6, 0.82, 1.0)
"""Payload out within sixty minutes to a destination that nobody explains, and how strong that is: half a megabyte is the smallest clip and ten
times what reports and telemetry have in an hour; from 3 MB on, the score passes 70 by volume, direction and destination alone."""
SURE = 0.8
"""Strength from which the upload is called high: 3 MB in sixty minutes, or a day's bulk."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device and destination group, on its largest channel."""
    c, p = w.chan, w.pairs
    considered = w.mask(OUT) & (c["left"] > 0) & ~w.linked
    pair = c["pair"][considered]
    rows = np.flatnonzero(considered)
    up, down = (np.bincount(pair, weights=c[name][rows], minlength=len(p["dev"])) for name in ("up", "down"))
    stream = np.bincount(pair, weights=c["stream_up"][rows], minlength=len(up))
    seconds = np.bincount(pair, weights=c["stream_seconds"][rows], minlength=len(up))
    packets = np.bincount(pair, weights=c["pk_up"][rows], minlength=len(up))
    ratio = (up - down) / np.maximum(up + down, 1)
    full = (up / np.maximum(packets, 1) >= MIN_PAYLOAD) | (packets == 0)
    most = w.busiest(np.where(considered, c["pair"], -1), len(up))
    least = np.where(p["left"] > PLATFORM, MIN_GIVEN, MIN_RATIO)
    streaming = full & (stream >= MIN_BYTES) & (stream >= 0.5 * up) & (ratio >= least)
    bulk = (up >= BULK_BYTES) & (ratio >= least)
    burst = full & (most >= HOUR_BYTES[0]) & (ratio >= MIN_RATIO) & (p["left"] > PLATFORM)
    for n in np.flatnonzero(streaming | bulk | burst).tolist():
        mine = rows[pair == n]
        mine = mine[np.argsort(-c["up"][mine], kind="stable")]
        k = int(mine[0])
        one = w.explained[k]
        documented = float(c["left"][k]) <= PLATFORM
        if streaming[n]:
            how = f"at {stream[n] / max(seconds[n], 1) * 8 / 1e6:.1f} Mbit/s for {lasting(seconds[n])}, the pace of a video stream"
        else:
            how = "in bulk" if bulk[n] else f"within a day, {size(most[n])} of it within sixty minutes"
        strength = 1.0
        if not streaming[n]:
            strength = max(
                float(np.interp(np.log10(max(most[n], 1.0)), np.log10(HOUR_BYTES), HOUR_STRENGTH)) if burst[n] else 0.0,
                min(1.0, 0.8 + 0.2 * up[n] / (10 * BULK_BYTES)) if bulk[n] else 0.0,
            )
        listed = f" {w.label(k)} is a listed service of {one.known.maker}." if one.known is not None else ""
        yield hit(
            w, k, "low" if documented else "high" if strength >= SURE else "medium", f"{{device}} uploads {size(up[n])} to {{to}}",
            f"{size(up[n])} of payload left {how}, {size(down[n])} came back (producer/consumer ratio {ratio[n]:+.2f}).{listed}",
            strength=strength, confidence=0.9 if streaming[n] else 0.8 if strength >= SURE else 0.6,
            channels=tuple(int(x) for x in mine), component="media" if streaming[n] else "volume",
            action="Find out who receives it; isolate the camera if nobody can say.",
        )  # fmt: skip


DETECTOR = Detector(
    id="bulk-upload", title="A camera sends out data at the pace or in the amount of video", component="volume", detect=detect
)
