"""ONVIF as the polite profile asks it: only the operations that the standard lets anybody call (ONVIF Core, access class PRE_AUTH)."""

from __future__ import annotations

from dataclasses import replace

from netcam.protocols import onvif
from netcam.protocols.commands import Exchange, Target


def talk(target: Target) -> Exchange:
    """Ask onvif.PRE_AUTH in order; stop at a refusal."""
    return (yield from onvif.ask(target, onvif.PATH, onvif.PRE_AUTH))


CONVERSATION = replace(
    onvif.CONVERSATION,
    talk=talk,
    profiles=frozenset({"polite"}),
    sends="GetSystemDateAndTime, GetServices, GetCapabilities, without credentials, until refused",
)
