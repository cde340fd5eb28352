"""What a detector says of one channel, or of a device as a whole, before the score weighs it; and the words that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from netcam.egress.join import SIDES, spelt
from netcam.egress.ledger import OTHERS
from netcam.egress.window import IN, LAN, LAN_IN, Window
from netcam.flows.table import TELLS, country_text
from netcam.model import Traffic, rfc3339

PROTOCOL = {6: "TCP", 17: "UDP", 1: "ICMP", 58: "ICMPv6", 47: "GRE", 4: "IP-in-IP", 41: "IPv6-in-IP", 50: "ESP", 51: "AH"}
MAX_LISTED = 8
"""Channels that evidence lists by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One detector's word."""

    channels: tuple[int, ...]
    """Rows of the window's channels it rests on; the first gives device and destination."""
    strength: float
    """0..1, how much of the detector's component."""
    severity: str
    """The most that this detector alone would call it; the score may lower it, and raises it where several agree."""
    title: str
    text: str
    confidence: float
    evidence: tuple[str, ...] = ()
    would_change: tuple[str, ...] = ()
    action: str = ""
    subject: str = ""
    """Other than the first channel's destination."""
    whole_device: bool = False
    """About the device, not about one destination."""
    component: str = ""
    """Other than the detector's."""


def hit(w: Window, k: int, severity: str, title: str, text: str, *, strength: float, confidence: float, **more: object) -> Hit:
    """A hit on one channel. `{device}` and `{to}` in title and text stand for the device and the destination."""
    words = {"device": device(w, k), "to": w.label(k)}
    made = Hit(
        channels=(k,), severity=severity, title=_fill(title, words), text=_fill(text, words), strength=round(min(1.0, max(0.0, strength)), 3),
        confidence=round(confidence, 2), would_change=benign(w, k), action="Find out who runs the destination and who needs this connection.",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def _fill(text: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text


def device(w: Window, k: int) -> str:
    """The device in words: brand and model, or its key."""
    ref = w.ref(k)
    return " ".join(word for word in (ref.brand or ref.maker, ref.model) if word) or ref.device


def size(count: float) -> str:
    """Bytes in words: 12 kB, 3.4 MB."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count:.0f} bytes"


def lasting(seconds: float) -> str:
    """A time in words."""
    for unit, step in (("days", 86400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * step:
            return f"{seconds / step:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def instant(ns: int) -> str:
    """RFC 3339 of nanoseconds since 1970."""
    return rfc3339(datetime.fromtimestamp(ns / 1e9, UTC), "seconds")


def subject(w: Window, k: int) -> str:
    """Destination, port and protocol: the stable subject of a finding."""
    proto = int(w.chan["proto"][k])
    name = PROTOCOL.get(proto, str(proto)).lower()
    end = f"{w.label(k)}:{int(w.chan['port'][k])}/{name}" if proto in (6, 17) else f"{w.label(k)}/{name}"
    return f"from {end}" if int(w.chan["side"][k]) in (IN, LAN_IN) else end


def told(tells: int) -> str:
    """What the first payload bytes look like."""
    return ", ".join(name for name, bit in TELLS.items() if tells & bit)


def evidence(w: Window, channels: Sequence[int]) -> tuple[str, ...]:
    """What the flows show, in figures."""
    lines = []
    for k in channels[:MAX_LISTED]:
        c = {name: values[k] for name, values in w.chan.items()}
        span = (int(c["last"]) - int(c["first"])) / 1e9
        volume = f"{size(c['up'])} payload up, {size(c['down'])} down" if not c["blind"] else "byte counts per direction are not known"
        line = f"{subject(w, k)} ({SIDES[int(c['side'])]}): {int(c['n'])} flows, {int(c['pk_up'] + c['pk_down'])} packets, {volume}, over {lasting(span)}"
        extra = [told(int(c["tells"]))] if c["tells"] else []
        if int(c["asn"]):
            extra.append(f"AS{int(c['asn'])}")
        if int(c["country"]):
            extra.append(country_text(int(c["country"])))
        if int(c["marks"]) & 2:
            extra.append("estimated from sampled packets")
        if int(c["distinct"]) > 1:
            extra.append(f"{int(c['distinct'])} destinations folded into one")
        lines.append(line + (f" [{'; '.join(extra)}]" if extra else ""))
    if len(channels) > MAX_LISTED:
        lines.append(f"and {len(channels) - MAX_LISTED} further channels")
    one = w.explained[channels[0]]
    lines.append(f"destination: {one.why}")
    if one.known is not None:
        where = f", seat of the operator {one.known.jurisdiction}" if one.known.jurisdiction else ""
        lines.append(f"source: {'; '.join(one.known.sources)} ({one.known.confidence} confidence{where})")
    return tuple(lines)


def traffic(w: Window, channels: Sequence[int]) -> tuple[Traffic, ...]:
    """The same channels as records, for who joins them with other logs."""
    found = []
    for k in channels[:MAX_LISTED]:
        c = {name: int(w.chan[name][k]) for name in ("name", "hi", "lo", "at_hi", "at_lo", "side", "asn", "country", "distinct", "blind")}
        c |= {name: int(w.chan[name][k]) for name in ("port", "proto", "n", "up", "down", "pk_up", "pk_down", "first", "last")}
        name = w.names[c["name"]]
        folded = name == OTHERS or c["distinct"] > 1
        # halves of several IPv6 addresses of one name are kept apart, and would make an address that nobody has
        hi, lo = ((0, 0) if c["at_hi"] else (0, c["at_lo"])) if name else (c["hi"], c["lo"])
        found.append(
            Traffic(
                address=spelt(hi, lo) if (hi or lo) and not folded else "", name="" if folded else name,
                port=0 if folded or c["proto"] not in (6, 17) else c["port"], protocol=c["proto"], way=SIDES[c["side"]], flows=c["n"],
                bytes_out=None if c["blind"] else c["up"], bytes_in=None if c["blind"] else c["down"],
                packets_out=None if c["blind"] else c["pk_up"], packets_in=None if c["blind"] else c["pk_down"],
                first=instant(c["first"]), last=instant(c["last"]), asn=c["asn"], country=country_text(c["country"]) if c["country"] else "",
            )
        )  # fmt: skip
    return tuple(found)


def benign(w: Window, k: int) -> tuple[str, ...]:
    """What would change the finding."""
    if int(w.chan["side"][k]) in (LAN, LAN_IN):
        return ("the operator says what the two devices have to do with each other",)
    if w.label(k) == OTHERS:
        return ("the operator says why this device calls so many destinations",)
    return (
        f"the operator declares {w.label(k)} as expected for this site (netcam.toml, declared)",
        "a sourced entry in fingerprints/destinations explains it",
    )
