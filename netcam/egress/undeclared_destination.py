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

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

QUIET_PORTS = (53, 123, 853)
"""Name and time service: their own detectors look at odd ones."""
MIN_PACKETS = 4
"""An answered exchange: fewer packets are a probe or a scan's echo."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    fires = w.mask(OUT) & ~w.linked & (c["left"] > PLATFORM) & ~np.isin(c["port"], QUIET_PORTS) & (c["answered"] > 0)
    fires &= c["pk_up"] + c["pk_down"] >= MIN_PACKETS
    for k in np.flatnonzero(fires).tolist():
        known = w.explained[k].known
        other = f" It is a listed service of {known.maker}, not of this device's maker." if known is not None else ""
        volume = f"{size(c['up'][k])} went out and {size(c['down'][k])} came back." if not c["blind"][k] else "How much went is not known."
        yield hit(
            w, k, "low", "{device} talks to undeclared {to}", volume + other, strength=float(c["left"][k]), confidence=0.6,
            action="Ask who needs this connection; block it at the firewall until somebody says.",
        )  # fmt: skip


DETECTOR = Detector(
    id="undeclared-destination", title="A camera talks to a destination that nobody declared", component="unexplained", detect=detect
)
