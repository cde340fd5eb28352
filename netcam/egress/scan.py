"""A camera scans: many addresses, or many ports, few of them answering.

What it finds
    In two hours on end: conversations of one camera with at least 25 inside or 60 outside addresses on one port of which most do not answer,
    or with at least 20 ports of one address.
Why it matters
    A camera that looks for others is looking for somebody else.
Example
    A camera tries TCP 23 of 200 addresses in ten minutes.
Blind spots
    A slow scan of a few addresses an hour; peer-to-peer software tries many peers on many ports, by UDP (left out here); recorders that
    look for cameras are left out.
References
    Public analyses of Mirai (Telnet scans at hundreds of addresses a minute).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.columns import folded, number
from netcam.egress.hit import Hit, hit
from netcam.egress.ledger import OTHERS
from netcam.egress.registry import Detector
from netcam.egress.window import LAN, OUT, Window, with_next

MIN_INSIDE, MIN_OUTSIDE = 25, 60
"""Addresses on one port in two hours on end. A camera knows its recorder and some services; content networks and pools add tens of addresses."""
MAX_ANSWERED = 0.5
"""Share that answers: who calls services that exist is answered."""
MIN_PORTS = 20
"""Ports of one address."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device and port, or per device and address."""
    c, h = w.chan, w.hourly
    of = h["chan"]
    usable = np.isin(c["side"], (OUT, LAN))[of] & (c["proto"] == 6)[of] & (c["camera"] == 1)[of] & (c["name"] == 0)[of]
    crowd = (
        np.isin(c["side"], (OUT, LAN))[of]
        & (c["camera"] == 1)[of]
        & np.array([w.names[n] == OTHERS for n in c["name"].tolist()] or [False])[of]
    )
    rows = np.flatnonzero(usable & ~crowd)
    found: dict[tuple[int, str], tuple[list[int], int, int, str]] = {}
    seen = {k: h[k][rows].astype(np.int64) for k in ("dev", "side", "port", "hour", "hi", "lo", "chan")} | {"ok": h["answered"][rows] > 0}
    # each hour together with the one before: a full hour in the middle of a scan hides nothing
    per = folded(with_next(seen), ("dev", "side", "port", "hour", "chan"), {"ok": "max", "hi": "max", "lo": "max"})
    per |= {"one": np.ones(len(per["dev"]), np.int64), "ok": per["ok"].astype(np.int64)}
    by_port = folded(per, ("dev", "side", "port", "hour"), {"one": "sum", "ok": "sum"})
    for n in range(len(by_port["dev"])):
        count, ok, side = int(by_port["one"][n]), int(by_port["ok"][n]), int(by_port["side"][n])
        if count < (MIN_INSIDE if side == LAN else MIN_OUTSIDE) or ok > MAX_ANSWERED * count:
            continue
        key = (int(by_port["dev"][n]), f"port {int(by_port['port'][n])} of many addresses")
        mine = per["chan"][(per["dev"] == key[0]) & (per["port"] == by_port["port"][n]) & (per["hour"] == by_port["hour"][n])]
        if key not in found or count > found[key][1]:
            found[key] = (np.unique(mine).tolist(), count, ok, "addresses")
    at, first = number(per, ("dev", "hi", "lo", "hour"))
    ports = np.bincount(at, minlength=len(first))
    for n in np.flatnonzero(ports >= MIN_PORTS).tolist():
        mine = per["chan"][at == n]
        key = (int(per["dev"][first[n]]), f"many ports of {w.label(int(mine[0]))}")
        if key not in found or int(ports[n]) > found[key][1]:
            found[key] = (np.unique(mine).tolist(), int(ports[n]), int(per["ok"][at == n].sum()), "ports")
    for k in np.unique(of[crowd]).tolist():
        found[(int(c["dev"][k]), "hundreds of destinations")] = ([k], 512, int(c["answered"][k]), "destinations and more")
    for (_, subject), (channels, count, ok, what) in sorted(found.items(), key=lambda item: (w.devices[item[0][0]].device, item[0][1])):
        yield hit(
            w, channels[0], "medium", f"{{device}} scans {subject}", f"{count} {what} in two hours on end, {ok} answered.", strength=1.0, confidence=0.85,
            channels=tuple(channels), subject=subject, whole_device=True, action="Isolate the camera and look at its firmware.",
        )  # fmt: skip


DETECTOR = Detector(id="scan", title="A camera scans the network", component="lateral", detect=detect, needs="the camera in the inventory")
