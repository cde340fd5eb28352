"""A camera sends out far more than it gets back, at the pace or in the amount of video.

What it finds
    Conversations with an undeclared outside destination whose payload goes one way (producer/consumer ratio) and is either
    paced like a media stream or adds up to more than the services a camera needs.
Why it matters
    This is what data leaving looks like, whatever the port and however it is encrypted.
Example
    20 MB in 25 s from one camera to media-store.example.net, 30 kB back.
Blind spots
    Slow leaks under the floor; uploads split over many destinations; a relay that the operator declared; traffic that does not
    pass the place of capture. A sampled or cut capture gives lower bounds.
References
    Bullard and Gerth, Producer Consumer Ratio (FloCon 2014); measured camera stream rates of 150 kbit/s to 8 Mbit/s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcam.egress import wording
from netcam.egress.registry import Detector
from netcam.egress.window import Conversation
from netcam.model import Finding

MIN_RATIO = 0.6
"""Producer/consumer ratio of payload: four bytes out for each in. Video over TLS shows 0.8 and above, telemetry about 0.5, browsing is negative."""
MIN_BYTES = 1_000_000
"""Payload out: an update check or telemetry of a day stays below 1 MB to one destination."""
STREAM_RATE = 150_000 / 8
"""Bytes a second: the lowest substream of cameras is about 150 kbit/s."""
STREAM_SECONDS = 20.0
"""A snapshot or a clip is over sooner; a live stream is not."""
BULK_BYTES = 50_000_000
"""Payload out at any pace: more than 100 clips of 500 kB, and no service in the destination files needs it."""


def detect(conversations: Sequence[Conversation], site: str) -> Iterator[Finding]:
    """One finding per device and destination."""
    for one in conversations:
        if one.device.is_camera is False or one.declared or one.ratio < MIN_RATIO or one.payload_out < MIN_BYTES:
            continue
        rate = one.payload_out / max(one.seconds, 1.0)
        streaming = rate >= STREAM_RATE and one.seconds >= STREAM_SECONDS
        if not streaming and one.payload_out < BULK_BYTES:
            continue
        severity = "medium" if one.documented else "high"
        how = f"at {rate * 8 / 1e6:.1f} Mbit/s for {one.seconds:.0f} s, the pace of a video stream" if streaming else "in bulk"
        listed = f" {one.destination} is a listed service of {one.known.maker}." if one.known else ""
        yield Finding(
            rule=DETECTOR.id,
            kind="egress",
            device=one.device.device,
            site=site,
            subject=wording.subject(one),
            severity=severity,
            title=f"{wording.device(one)} uploads {wording.size(one.payload_out)} to {one.destination}",
            text=f"{wording.size(one.payload_out)} of payload left {how}, {wording.size(one.payload_in)} came back (producer/consumer ratio {one.ratio:+.2f}).{listed}",
            confidence=0.9 if streaming else 0.8,
            evidence=wording.evidence(one),
            would_change=(*wording.benign(one), "the destination is the site's own remote recorder or viewing service"),
            action="Find out who receives it; isolate the camera if nobody can say.",
            window=wording.window(one),
        )


DETECTOR = Detector(id="bulk-upload", title="A camera sends out data at the pace or in the amount of video", detect=detect)
