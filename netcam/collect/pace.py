"""How fast: the upper bounds of a run, and the clock that keeps them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Upper bounds. The defaults are those of the polite profile: a small switch and an old camera do not notice them."""

    conversations_per_second: float = 100.0
    """New TCP conversations for the whole site."""
    conversations_per_device: float = 8.0
    """New TCP conversations and datagrams a second to one device."""
    half_open: int = 64
    """Conversations at once: entries in the state tables of firewalls and NAT on the way."""
    frames_per_second: float = 1000.0
    """Link-layer frames (ARP) for the whole site."""
    datagrams_per_second: float = 200.0
    """UDP questions for the whole site."""

    def limited(self, told: Mapping[str, float]) -> Rates:
        """These rates, lowered (never raised) by those of the settings or the scope file."""
        return Rates(
            conversations_per_second=min(self.conversations_per_second, told.get("conversations_per_second", 1e9)),
            conversations_per_device=min(self.conversations_per_device, told.get("conversations_per_device", 1e9)),
            half_open=int(min(self.half_open, told.get("half_open", 1e9))),
            frames_per_second=min(self.frames_per_second, told.get("frames_per_second", 1e9)),
            datagrams_per_second=min(self.datagrams_per_second, told.get("datagrams_per_second", 1e9)),
        )


class Pace:
    """Hands out moments no closer together than 1/rate seconds; unused time is not saved up."""

    def __init__(self, rate: float) -> None:
        self._gap, self._next = 1.0 / rate, 0.0

    def slower(self, factor: float, least: float) -> None:
        """Widen the gap by `factor`, to `least` moments a second at the slowest."""
        self._gap = min(self._gap * factor, 1.0 / least)

    @property
    def idle(self) -> bool:
        """Whether its next moment has passed."""
        return self._next <= time.monotonic()

    async def turn(self) -> None:
        """Wait for the next moment."""
        now = time.monotonic()
        moment = max(self._next, now)
        self._next = moment + self._gap
        if moment > now:
            await asyncio.sleep(moment - now)
