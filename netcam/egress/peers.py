"""A camera talks to a destination that no other device of the same maker, model and firmware talks to.

What it finds
    A destination group of one device that none of at least five devices of exactly its type calls, in the window or the month before.
Why it matters
    Equal firmware behaves equally. "None of 412 like it talks there" is evidence that a setting or a guest made the difference.
Example
    One of 40 cameras of one model and firmware talks to an address in another country; 39 never did.
Blind spots
    Devices whose firmware is not known have no exact peers; a fleet that is infected as a whole agrees with itself; a camera with
    another job (a remote viewer, a licence plate service) differs for a good reason.
References
    Prevalence as in RITA 5 (2 % of hosts), applied within one device type.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcam.egress.explained import PLATFORM
from netcam.egress.hit import Hit, hit
from netcam.egress.registry import Detector
from netcam.egress.window import OUT, Window

MIN_PEERS = 5
"""Further devices of the same type that were seen in the window: with fewer, one camera's errand is no exception."""
MAX_SHARE = 0.02
"""Share of the peers that may go there too (RITA's mark for rare)."""


def detect(w: Window) -> Iterator[Hit]:
    """One hit per device and destination group."""
    p = w.pairs
    types: dict[tuple[str, str, str], int] = {}
    # without maker, model and firmware there is no type: the firmware decides what a device calls
    kind = np.array([types.setdefault(d.type, len(types)) if all(d.type) else -1 for d in w.devices] or [-1])
    out = p["side"] == OUT
    dev = p["dev"]
    active = np.unique(dev[out])
    fleet = np.bincount(kind[active][kind[active] >= 0], minlength=len(types) + 1) if len(active) else np.zeros(1, int)
    now = np.flatnonzero(out & (kind[dev] >= 0) & (p["left"] > PLATFORM) & (p["answered"] > 0)) if len(dev) else np.zeros(0, int)
    if not len(now):
        return
    # who of the type went there, in the window or before
    both_dev = np.concatenate([dev[out], w.days["dev"][w.days["side"] == OUT]]).astype(np.int64)
    both_group = np.concatenate([p["group"][out], w.days["group"][w.days["side"] == OUT]]).astype(np.int64)
    goers = np.unique(np.stack([kind[both_dev], both_group, both_dev], 1), axis=0)
    place, counts = np.unique(goers[:, 0] << 32 | goers[:, 1], return_counts=True)
    going = dict(zip(place.tolist(), counts.tolist(), strict=True))
    for n in now.tolist():
        of_type = int(kind[dev[n]])
        like = int(fleet[of_type]) - 1
        others = going[of_type << 32 | int(p["group"][n])] - 1
        if like < MIN_PEERS or others > MAX_SHARE * like:
            continue
        k = int(np.flatnonzero(w.chan["pair"] == n)[0])
        none = "none" if others == 0 else str(others)
        yield hit(
            w, k, "low", f"{{device}} talks to {{to}}; {none} of {like} like it does",
            f"Maker {w.ref(k).maker}, model {w.ref(k).model}, firmware {w.ref(k).firmware}: {like} further devices were seen, {none} of them talked there.",
            strength=1.0 if others == 0 else 0.5, confidence=0.8, action="Compare the settings of this camera with those of one like it.",
        )  # fmt: skip


DETECTOR = Detector(
    id="peers", title="A camera talks where no other of its type talks", component="rarity", detect=detect,
    needs="at least five further devices of the same maker, model and firmware",
)  # fmt: skip
