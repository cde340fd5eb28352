"""One conversation that several exporters tell counts once."""

from __future__ import annotations

from collections import OrderedDict

from netcam.flows.records import Record

MAX_HELD = 100_000
"""Conversations whose teller is remembered, about 40 MB: beyond it the oldest is forgotten, and may count twice."""
SILENCE = 300_000_000_000
"""Nanoseconds after which another exporter's word is taken, where the first has fallen silent: exporters tell long flows every minute to half hour."""

Key = tuple[int, int, int, int, int, int]


class Twice:
    """Who tells which direction of which conversation: the first that did, while it goes on.

    Two routers on the way of a camera's upload both export it, and an upload of 25 MB is none of 50. Each direction stands for itself: where
    ways there and back differ, each has its own teller.
    """

    def __init__(self) -> None:
        self._tellers: OrderedDict[Key, tuple[str, int, int]] = OrderedDict()

    def told(self, one: Record, origin: str) -> bool:
        """Whether another exporter than `origin` tells this."""
        there = (one.version, one.a, one.b, one.a_port, one.b_port, one.proto)
        held = self._tellers.get(there)
        if held is not None and held[0] != origin and held[1] - SILENCE <= one.end and one.start <= held[2] + SILENCE:
            return True
        back = (one.version, one.b, one.a, one.b_port, one.a_port, one.proto)
        for key in (there, back) if one.paired else (there,):
            mine = self._tellers.get(key)
            first, last = (min(mine[1], one.start), max(mine[2], one.end)) if mine and mine[0] == origin else (one.start, one.end)
            self._tellers[key] = origin, first, last
            self._tellers.move_to_end(key)
        while len(self._tellers) > MAX_HELD:
            self._tellers.popitem(last=False)
        return False
