"""The sentences and evidence lines that detectors share."""

from __future__ import annotations

from datetime import UTC, datetime

from netcam.egress.window import Conversation

PROTOCOL = {6: "TCP", 17: "UDP", 1: "ICMP", 58: "ICMPv6", 47: "GRE"}


def size(count: int) -> str:
    """Bytes in words: 12 kB, 3.4 MB."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} bytes"


def instant(ns: int) -> str:
    """RFC 3339 of nanoseconds since 1970."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def window(one: Conversation) -> tuple[str, str]:
    """Start and end of a conversation."""
    return instant(one.first), instant(one.last)


def subject(one: Conversation) -> str:
    """Destination, port and protocol: the stable subject of a finding."""
    return f"{one.destination}:{one.port}/{PROTOCOL.get(one.protocol, str(one.protocol)).lower()}"


def evidence(one: Conversation) -> tuple[str, ...]:
    """What the flows show, in figures."""
    lines = [
        f"{len(one.rows)} flows, {one.packets} packets, {size(one.payload_out)} payload out, {size(one.payload_in)} in, over {one.seconds:.0f} s",
        f"destination {one.destination} (named by {one.name_source}) at {', '.join(sorted(one.addresses)[:8])}",
    ]
    if one.known is not None:
        lines.append(
            f"listed as {one.known.purpose} of {one.known.maker} ({one.known.confidence} confidence; {'; '.join(one.known.sources)})"
        )
    else:
        lines.append("no file of destinations names it")
    return tuple(lines)


def device(one: Conversation) -> str:
    """The device in words: brand and model, or its key."""
    words = " ".join(w for w in (one.device.brand or one.device.maker, one.device.model) if w)
    return words or one.device.device


def benign(one: Conversation) -> tuple[str, ...]:
    """What would change the finding."""
    return (
        f"the operator declares {one.destination} as expected for this site (netcam.toml, declared)",
        "a sourced entry in fingerprints/destinations explains it",
    )
