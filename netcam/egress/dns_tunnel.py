"""A device hides data in questions to the name service.

What it finds
    In two hours on end, or slowly over a day, under one registered domain (or under ever new ones): many distinct names, nearly each asked once,
    that are long or dense or of unusual type. Without questions to read (NetFlow), port 53 with long packets in numbers.
Why it matters
    Name service is open where everything else is closed, and the data passes through the site's own resolver.
Example
    iodine: 222 questions of type NULL for 222 different names in 24 s. dnscat2: 150 names of 156 characters in MX, TXT and CNAME.
    One question for a name with a 58-character label that looks random is told as well, as a hint.
Blind spots
    DNS over HTTPS or TLS (see foreign-resolver); fewer than 25 names a day; content networks also make dense names, but few per domain.
References
    Measured on public captures of iodine and dnscat2; RITA's marks for subdomains (100, 500, 800, 1000).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.columns import Array
from netcam.egress.hit import Hit, device, hit, size
from netcam.egress.join import spelt
from netcam.egress.registry import Detector
from netcam.egress.window import LAN, OUT, Window

MIN_NAMES = 50
"""Distinct names under one domain in two hours on end: a camera asks for a handful a day."""
MIN_NAMES_DAY = 100
"""Distinct names under one domain in a day, for a tunnel that drips."""
MIN_NEW = 0.8
"""Distinct names per question: a client of a service repeats itself, a tunnel cannot."""
LONG_NAME = 50
"""Mean characters of the names; iodine 47 and more with unusual types, dnscat2 156; names of services have about 25."""
MIN_LONG = 20
"""Questions with long names that are enough."""
MIN_ODD = 0.3
"""Share of NULL, TXT, MX and CNAME questions: a camera asks for addresses."""
MIN_BYTES, MIN_PAYLOAD, MIN_PACKETS = 12_000, 65, 100
"""Payload up to port 53, its mean per packet and packets, where questions cannot be read: an ordinary question has 30 to 50 bytes, iodine's 76, dnscat2's 174."""
MOSTLY = 0.5
"""Share of the packets up whose questions were read from which the questions themselves are judged, and not their volume."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device and domain, else per device and resolver."""
    c, q = w.chan, w.dns
    told: set[int] = set()
    kinds = np.array([{True: 1, False: 0, None: -1}[d.is_camera] for d in w.devices] or [-1])
    if len(q["dev"]):
        asked, unique = q["asked"], q["unique"]
        mean = q["length"] / np.maximum(asked, 1)
        odd, dense = q["odd"] / np.maximum(asked, 1), q["dense"] / np.maximum(asked, 1)
        fresh = unique / np.maximum(asked, 1) >= MIN_NEW
        shaped = (mean >= LONG_NAME) | (odd >= MIN_ODD) | (dense >= 0.5)
        sure = fresh & shaped & ((q["hours_unique"] >= MIN_NAMES) | (unique >= MIN_NAMES_DAY) | ((asked >= MIN_LONG) & (mean >= LONG_NAME)))
        hint = ~sure & (dense > 0) & (q["longest"] >= 50) & ~fresh | (~sure & fresh & (dense >= 0.5))
        hint &= ~np.isin(q["dev"], q["dev"][sure])  # cut and broken names of a tunnel that is told already
        for n in np.flatnonzero((sure | hint) & (kinds[q["dev"]] != 0)).tolist():
            if sure[n]:
                told.add(int(q["dev"][n]))
            yield from _questions(w, n, bool(sure[n]), float(mean[n]), float(odd[n]))
    read = np.bincount(q["dev"], weights=q["asked"], minlength=len(w.devices)) if len(q["dev"]) else np.zeros(max(1, len(w.devices)))
    packets = np.maximum(c["pk_up"], 1)
    wide = (
        w.mask(OUT, LAN)
        & (c["port"] == 53)
        & (c["up"] >= MIN_BYTES)
        & (c["up"] / packets >= MIN_PAYLOAD - 8 * (c["proto"] == 6))
        & (packets >= MIN_PACKETS)
        & (read[c["dev"]] < MOSTLY * packets)
    )
    for k in np.flatnonzero(wide).tolist():
        if int(c["dev"][k]) in told:
            continue
        yield hit(
            w, k, "high", "{device} moves data in questions to the resolver {to}",
            f"{size(c['up'][k])} up and {size(c['down'][k])} down on port 53, {c['up'][k] / packets[k]:.0f} bytes a packet up; the questions themselves were not seen.",
            strength=1.0, confidence=0.7, action="Capture the questions; block the resolver's recursion for cameras.",
        )  # fmt: skip


def _questions(w: Window, n: int, sure: bool, mean: float, odd: float) -> Iterator[Hit]:
    q = w.dns
    dev = int(q["dev"][n])
    resolver = spelt(int(q["server_hi"][n]), int(q["server_lo"][n]))
    domain = w.names[int(q["parent"][n])] or f"ever new names at {resolver}"
    mine = _channels(w, dev)
    if not len(mine):
        return
    k = int(mine[0])
    shape = f"{int(q['unique'][n])} different names in {int(q['asked'][n])} questions, {mean:.0f} characters on average, {odd:.0%} of types that carry data"
    title = (
        f"{device(w, k)} hides data in names under {domain}"
        if sure
        else f"{device(w, k)} asks for a name under {domain} that looks like data"
    )
    yield hit(
        w, k, "high" if sure else "low", title, f"{shape}; resolver {resolver}.", strength=1.0 if sure else 0.25,
        confidence=0.9 if sure else 0.4, subject=f"{domain} by dns", channels=(k,), whole_device=True,
        evidence=(f"most in two hours on end: {int(q['hours_unique'][n])} names, {int(q['hours_asked'][n])} questions", f"longest name {int(q['longest'][n])} characters"),
        would_change=(f"the operator knows why this device asks for names under {domain}",),
        action="Find out who answers for the domain; allow cameras only the names they need.",
    )  # fmt: skip


def _channels(w: Window, dev: int) -> Array:
    """The device's channels to name servers, else all it has."""
    mine = np.flatnonzero(w.chan["dev"] == dev)
    name_service = mine[w.chan["port"][mine] == 53]
    return name_service if len(name_service) else mine


DETECTOR = Detector(id="dns-tunnel", title="A device hides data in questions to the name service", component="covert", detect=detect)
