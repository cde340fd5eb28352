"""A camera talks to a destination that nobody declared and no file explains.

What it finds
    Answered conversations of a camera, or of a device of unknown kind, with an outside name or address that is neither declared
    by the operator nor a sourced destination of the device's own maker, nor time or name service.
Why it matters
    A camera needs its recorder, a clock and perhaps its maker's service. Anything else wants an explanation.
Example
    A camera opens TCP 8443 to status.example.org, which neither netcam.toml nor fingerprints/destinations name.
Blind spots
    Destinations behind shared hosting look alike; a name that the camera resolved before the window is missing; traffic that does
    not pass the place of capture is not seen.
References
    ETSI EN 303 645 provision 5.6; NCSC device security guidance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcam.egress import wording
from netcam.egress.registry import Detector
from netcam.egress.window import Conversation
from netcam.model import Finding

QUIET_PORTS = frozenset({53, 123, 853})
"""Name and time service: their own detectors look at odd ones."""
MIN_PACKETS = 4
"""An answered exchange: fewer packets are a probe or a scan's echo."""


def detect(conversations: Sequence[Conversation], site: str) -> Iterator[Finding]:
    """One finding per device and destination."""
    for one in conversations:
        if one.device.is_camera is False or one.documented or one.port in QUIET_PORTS or not one.answered or one.packets < MIN_PACKETS:
            continue
        other = f" It is a listed service of {one.known.maker}, not of this device's maker." if one.known else ""
        yield Finding(
            rule=DETECTOR.id,
            kind="egress",
            device=one.device.device,
            site=site,
            subject=wording.subject(one),
            severity="low",
            title=f"{wording.device(one)} talks to undeclared {one.destination}",
            text=f"{wording.size(one.payload_out)} went out to {wording.subject(one)} and {wording.size(one.payload_in)} came back.{other}",
            confidence=0.6,
            evidence=wording.evidence(one),
            would_change=wording.benign(one),
            action="Ask who needs this connection; block it at the firewall until somebody says.",
            window=wording.window(one),
        )


DETECTOR = Detector(id="undeclared-destination", title="A camera talks to a destination that nobody declared", detect=detect)
