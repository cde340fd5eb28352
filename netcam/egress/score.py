"""One number and one class for a camera, a destination group and a day, from named components, with gates that keep timing from accusing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netcam.egress.explained import LINKED, OWN_BY_PORT, PLATFORM, UNKNOWN
from netcam.egress.hit import Hit
from netcam.egress.window import IN, LAN, LAN_IN, P2P, Window
from netcam.flows.table import TELLS

WEIGHTS: Mapping[str, float] = {
    "volume": 0.55, "media": 0.55, "asymmetry": 0.15, "unexplained": 0.40, "novelty": 0.20, "rarity": 0.15, "protocol": 0.20, "timing": 0.10,
    "covert": 0.70, "policy": 0.50, "inbound": 0.60, "lateral": 0.60,
}  # fmt: skip
"""Share of the remaining doubt that a component at full strength takes away (noisy-or). Set on the labelled scenarios so that one strong
movement of data to an unexplained destination passes HIGH, and no two of the others do (netcam egress measure prints the calibration)."""
MOVEMENT = ("volume", "media", "covert", "policy", "inbound", "lateral")
"""Components that show that data moved, or that a rule was broken."""
MOVED = 0.3
"""Strength of one of them below which nothing was shown to move."""
GATE_STILL = 44
"""Most without movement: phone-home, no data movement shown."""
GATE_DOCUMENTED = 35
"""Most for a service as documented, or declared."""
GATE_BY_PORT = 44
"""Most for the maker's service on another port than documented, or by the maker's ports alone."""
GATE_LINKED = 65
"""Most for a peer that the maker's signalling service led to: an open door in use."""
LIFT_VOLUME = 0.8
"""Strength of volume against the device's own past from which a documented service may pass its gate up to GATE_BY_PORT."""
TIMING_MOST = 10
"""Most that timing alone can reach."""
LEVELS = ((70, "high"), (45, "medium"), (25, "low"), (0, "information"))
"""Score and severity."""
RANK = {"information": 1, "low": 2, "medium": 3, "high": 4}
UPDATE_BYTES, UPDATE_RATIO = 1_000_000, -0.8
"""Payload down and ratio of a download."""
CLASSES = {
    "policy-violation": "against the rules of the site", "covert-channel": "data hidden in name service, ping or a tunnel",
    "inbound-view": "the outside comes and fetches", "live-view": "a stream at the pace of video", "event-upload": "pictures or clips",
    "bulk-transfer": "much data, at any pace", "peer-to-peer-media": "video through peer-to-peer", "open-door": "peer-to-peer signalling only",
    "lateral-movement": "towards devices of the estate", "update": "a download", "service": "time or name service", "telemetry": "small reports",
    "signalling": "registration and events with the maker's cloud", "phone-home": "small contacts that nobody explains", "blocked": "refused by a firewall",
}  # fmt: skip


@dataclass(slots=True)
class Judgement:
    """The score of one pair of device and destination group (or of one device as a whole) for one window."""

    device: int
    group: str
    side: int
    score: int
    raw: int
    category: str
    components: dict[str, float]
    gates: tuple[str, ...]
    hits: list[tuple[str, Hit]] = field(default_factory=list)
    """Detector id and hit, strongest first."""
    up: int = 0
    down: int = 0
    known: bool = True
    """False where byte counts per direction are not known."""

    @property
    def severity(self) -> str:
        """The level of the score."""
        return next(word for mark, word in LEVELS if self.score >= mark)


def combine(components: Mapping[str, float]) -> float:
    """0..100: 100 (1 - product (1 - weight x strength)): every factor can only raise it, and its share can be printed."""
    left = 1.0
    for name, strength in components.items():
        left *= 1.0 - WEIGHTS[name] * min(1.0, max(0.0, strength))
    return 100.0 * (1.0 - left)


def gated(components: Mapping[str, float], left: float) -> tuple[int, int, tuple[str, ...]]:
    """Score, score before the gates, and the gates that held it."""
    raw = combine(components)
    limits: list[tuple[float, str]] = []
    moved = max((components.get(name, 0.0) for name in MOVEMENT), default=0.0)
    ruled = components.get("policy", 0.0) >= MOVED
    if moved < MOVED:
        limits.append((GATE_STILL, "no movement of data shown"))
    if not ruled:
        if left <= PLATFORM:
            lifted = components.get("volume", 0.0) >= LIFT_VOLUME and left > 0
            limits.append(
                (GATE_BY_PORT, "documented, but far above its own past")
                if lifted
                else (GATE_DOCUMENTED, "a service as documented or declared")
            )
        elif not components.get("lateral") and not components.get("covert"):
            if left <= OWN_BY_PORT:
                limits.append((GATE_BY_PORT, "the maker's service, by its port or under a shared name"))
            elif left <= LINKED:
                limits.append((GATE_LINKED, "a peer or a host that a service in use leads to"))
    if not set(components) - {"timing"}:
        limits.append((TIMING_MOST, "timing alone"))
    held = tuple(why for limit, why in limits if raw > limit)
    return round(min([raw, *(limit for limit, _ in limits)])), round(raw), held


def judge(w: Window, found: Sequence[tuple[str, str, Hit]]) -> list[Judgement]:
    """Every pair of the window, and every device-wide hit, judged. `found`: detector id, component, hit."""
    p = w.pairs
    count = len(p["dev"]) if p else 0
    hits: list[list[tuple[str, str, Hit]]] = [[] for _ in range(count)]
    wide: dict[tuple[int, str], list[tuple[str, str, Hit]]] = {}
    for detector, component, one in found:
        k = one.channels[0]
        if one.whole_device:
            wide.setdefault((int(w.chan["dev"][k]), one.subject), []).append((detector, component, one))
        else:
            hits[int(w.chan["pair"][k])].append((detector, component, one))
    made = []
    first = np.full(count, -1, np.int64)
    if count:
        first[w.chan["pair"][::-1]] = np.arange(len(w.chan["pair"]))[::-1]
    for n in range(count):
        left = _left(w, n, hits[n])
        made.append(_judgement(w, int(p["dev"][n]), _group(w, n, int(first[n])), int(p["side"][n]), left, hits[n], n))
    for (dev, subject), several in wide.items():
        k = several[0][2].channels[0]
        # names under which data is hidden pass through the site's own resolver: that one explains nothing
        left = UNKNOWN if subject.endswith("by dns") else float(w.chan["left"][k])
        made.append(_judgement(w, dev, subject, int(w.chan["side"][k]), left, several, -1))
    return sorted(made, key=lambda j: (-j.score, w.devices[j.device].device, j.group, j.side))


def _left(w: Window, n: int, hits: Sequence[tuple[str, str, Hit]]) -> float:
    """How unexplained the pair is: that of the channel with the strongest hit, else the most unexplained one."""
    if hits:
        strongest = max(hits, key=lambda h: (WEIGHTS[h[2].component or h[1]] * h[2].strength, h[0]))
        return float(w.chan["left"][strongest[2].channels[0]])
    return float(w.pairs["left"][n])


def _group(w: Window, n: int, k: int) -> str:
    """The group in words: its only address where a network has one, else its name."""
    text = w.names[int(w.pairs["group"][n])]
    if "/" in text and k >= 0:
        mine = np.flatnonzero(w.chan["pair"] == n) if w.pairs["n"][n] < 64 else np.zeros(0, int)
        labels = {w.label(int(x)) for x in mine}
        return labels.pop() if len(labels) == 1 else text
    return text


def _judgement(w: Window, dev: int, group: str, side: int, left: float, several: list[tuple[str, str, Hit]], n: int) -> Judgement:
    components: dict[str, float] = {}
    for _, component, one in several:
        name = one.component or component
        if name != "unexplained":
            components[name] = max(components.get(name, 0.0), one.strength)
    if several and (side not in (LAN, LAN_IN) or left == UNKNOWN):
        components["unexplained"] = left
    score, raw, gates = gated(components, left) if several else (0, 0, ())
    ordered = sorted(several, key=lambda h: (-WEIGHTS[h[2].component or h[1]] * h[2].strength, h[0], h[2].channels))
    made = Judgement(
        device=dev, group=group, side=side, score=score, raw=raw, category="", components={k: round(v, 3) for k, v in sorted(components.items())},
        gates=gates, hits=[(detector, one) for detector, _, one in ordered],
    )  # fmt: skip
    if n >= 0:
        made.up, made.down, made.known = int(w.pairs["up"][n]), int(w.pairs["down"][n]), not w.pairs["blind"][n]
    made.category = _category(w, made, n)
    return made


def _category(w: Window, one: Judgement, n: int) -> str:
    """The class, by the strongest thing that was seen."""
    c, detectors = one.components, {d for d, _ in one.hits}
    if c.get("policy", 0) >= MOVED:
        return "policy-violation"
    if c.get("covert", 0) >= MOVED:
        return "covert-channel"
    if c.get("lateral", 0) > 0:
        return "lateral-movement"
    if one.side == IN and c.get("inbound", 0) > 0:
        return "inbound-view"
    if n < 0 and "peer-to-peer" in detectors:
        return "peer-to-peer-media" if c.get("media", 0) >= 1.0 else "open-door"
    if n < 0:
        return "bulk-transfer" if c.get("volume", 0) > 0 else "phone-home"
    tells = int(w.pairs["tells"][n])
    peer = tells & P2P & ~TELLS["quic"] & ~TELLS["rtp"]
    if c.get("media", 0) >= 1.0:
        return "peer-to-peer-media" if "peer-to-peer" in detectors and peer else "live-view"
    if c.get("volume", 0) >= MOVED:
        return "bulk-transfer"
    if c.get("media", 0) > 0:
        return "event-upload"
    if "peer-to-peer" in detectors:
        return "open-door"
    if w.pairs["blocked"][n] and not w.pairs["answered"][n]:
        return "blocked"
    total = one.up + one.down
    if one.down >= UPDATE_BYTES and (one.up - one.down) / max(total, 1) <= UPDATE_RATIO:
        return "update"
    mine = np.flatnonzero(w.chan["pair"] == n)
    ports = set(w.chan["port"][mine].tolist())
    if ports <= {53, 123, 853}:
        return "service"
    known = next((e.known for e in (w.explained[int(k)] for k in mine) if e.known is not None), None)
    if known is not None:
        if set(known.purposes) & {"p2p_signalling", "push", "mqtt_events", "cloud_config", "cloud_api", "management", "stun_turn", "ddns"}:
            return "signalling"
        if "update" in known.purposes:
            return "update"
        return "telemetry"
    return "phone-home"
