"""The codecs of this room, by listing it."""

from __future__ import annotations

from functools import cache

from netcam import plugins
from netcam.protocols.commands import Conversation, Discovery


@cache
def discoveries() -> dict[str, Discovery]:
    """Datagram protocols by module name."""
    return plugins.load("netcam.protocols", Discovery, name="DISCOVERY")


@cache
def conversations() -> dict[str, Conversation]:
    """Stream protocols by module name."""
    return plugins.load("netcam.protocols", Conversation, name="CONVERSATION")
