"""What a look can answer of the questions that guidance puts to the keeper of every camera; the rest is said to be not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netcam.model import Finding, Identity

NOT_KNOWN = "Not known."
MAX_NAMED = 8
"""Destinations and ports named in one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """The questions of one text: what is asked, and which part of the look can answer it (`connected`, `records`, `sends`, `reached`)."""

    title: str
    questions: tuple[tuple[str, str], ...]


def answers(identity: Identity, findings: Iterable[Finding]) -> dict[str, str]:
    """The answers for one camera by what they are about. `findings` are the camera's own."""
    egress = [finding for finding in findings if finding.kind == "egress"]
    return {
        "connected": _connected(identity),
        "records": _records(identity),
        "sends": _sends(egress),
        "reached": _reached(identity),
    }


def _connected(identity: Identity) -> str:
    told = []
    if identity.addresses:
        told.append(f"address {', '.join(identity.addresses[:MAX_NAMED])}")
    if identity.macs:
        told.append(f"MAC {', '.join(identity.macs[:MAX_NAMED])}")
    if identity.site:
        told.append(f"site {identity.site}")
    seen = f"Seen at {', '.join(told)}. " if told else ""
    return f"{seen}Through which switch, and to which recorder: not known."


def _records(identity: Identity) -> str:
    kind, model = identity.get("kind"), identity.get("model")
    what = f"It is a {kind}{f' ({model})' if model else ''}. " if kind else "What kind of device it is: not known. "
    return f"{what}What it looks at, and what it keeps: not known; netcam looks at no picture."


def _sends(egress: list[Finding]) -> str:
    if not egress:
        return f"{NOT_KNOWN} No traffic of it was analysed, or nothing that was analysed raised a finding."
    named = list(dict.fromkeys(finding.subject or finding.title for finding in egress))
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    return f"It was seen talking to {', '.join(named[:MAX_NAMED])}{more}. Where that is processed and kept: not known."


def _reached(identity: Identity) -> str:
    ports: dict[str, None] = {}
    for claim in identity.because:
        for seen in claim.because:
            port = seen.endpoint.rpartition(":")[2] if seen.endpoint.count(":") == 1 or seen.endpoint.startswith("[") else ""
            if port.isdigit():
                ports[port] = None
    if not ports:
        return f"{NOT_KNOWN} Nothing that was asked of it over the network answered."
    named = ", ".join(sorted(ports, key=int)[:MAX_NAMED])
    return f"Whoever is where this look was taken from: it answered there on port {named}. Who else: not known."
