"""A camera does what the rules of its site forbid.

What it finds
    Any answered conversation with the outside, other than time and name service, on a site whose cameras must not talk to the internet; and
    a restricted maker's device in touch with its maker's cloud from a sensitive site.
Why it matters
    The rule was made by somebody who weighed it. A documented service is no excuse where the rule says none.
Example
    A Hikvision camera of a site that is marked sensitive registers at dev.hik-connect.com.
Blind spots
    Only rules that netcam.toml or a policy states; a camera of unknown maker is not called restricted.
References
    The site's entry in netcam.toml; the policy that restricts the device (netcam policy show).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit, size
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

SERVICES = (53, 123)
"""Name and time service have detectors of their own."""
MIN_PACKETS = 4
"""An answered exchange."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per channel."""
    c = w.chan
    talk = (
        w.mask(OUT, camera=True)
        & (c["answered"] > 0)
        & (c["pk_up"] + c["pk_down"] >= MIN_PACKETS)
        & ~np.isin(c["port"], SERVICES)
        & (c["left"] > 0)
    )
    for k in np.flatnonzero(talk).tolist():
        known = w.explained[k].known
        theirs = w.ref(k).restricted and w.rules.sensitive and known is not None and float(c["left"][k]) <= PLATFORM and not known.generic
        if not w.rules.no_internet and not theirs:
            continue
        if theirs and known is not None:
            why = f"a policy restricts this device, the site is sensitive, and {w.label(k)} is a service of {known.maker}"
        else:
            why = "cameras of this site must not talk to the outside"
        yield hit(
            w, k, "high" if theirs else "medium", "{device} talks to {to} against the rules of its site",
            f"{why[0].upper()}{why[1:]}; {size(c['up'][k])} went out, {size(c['down'][k])} came back.", strength=1.0, confidence=0.9,
            would_change=("the rule of the site changes", "the device turns out to be another one"), action="Block it at the firewall now; then ask who switched it on.",
        )  # fmt: skip


DETECTOR = Detector(
    id="site-rules",
    title="A camera does what the rules of its site forbid",
    component="policy",
    detect=detect,
    needs="rules of the site in netcam.toml",
)
