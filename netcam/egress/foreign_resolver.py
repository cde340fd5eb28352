"""A camera asks a name server outside the site, or hides its questions in TLS or HTTPS.

What it finds
    Port 53 to the outside, DNS over TLS (853), HTTPS to a known resolver's address or name.
Why it matters
    The camera ignores the site's network policy, its lookups escape the site's log, and a hard-coded resolver is a good fingerprint.
Example
    A Xiongmai based camera asks 114.114.114.114 and 8.8.8.8 whatever its lease says.
Blind spots
    DNS over HTTPS behind a name that no list has.
References
    fingerprints/destinations (resolvers that firmware has built in); RFC 7858, RFC 8484.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.hit import Hit, hit
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

ENCRYPTED = 853
"""DNS over TLS and over QUIC."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    for k in np.flatnonzero(w.mask(OUT) & (c["left"] > 0)).tolist():
        port, known = int(c["port"][k]), w.explained[k].known
        public = known is not None and "resolver" in known.purposes
        if port not in (53, ENCRYPTED) and not public:
            continue
        if w.label(k) in w.rules.resolvers:
            continue
        hidden = port == ENCRYPTED or (public and port == 443)
        how = "questions hidden in TLS" if hidden else "plain questions"
        yield hit(
            w, k, "low", "{device} asks the outside resolver {to}",
            f"{int(c['n'][k])} flows, {how}; {'a public resolver' if public else 'nobody names this resolver'}.",
            strength=0.5 if hidden else 0.3, confidence=0.8, action="Give cameras the site's resolver by DHCP and block port 53 and 853 to the outside.",
        )  # fmt: skip


DETECTOR = Detector(id="foreign-resolver", title="A camera asks a name server outside the site", component="protocol", detect=detect)
