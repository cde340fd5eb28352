"""The largest flows of each device and peer, by their Community IDs: what an analyst looks up in Zeek, Suricata or Arkime first."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

import numpy as np

from netcam.flows.table import FlowTable, address_text
from netcam.model import Traffic

MAX_ROWS = 500
"""Flows of one window that are looked at, the largest: 20 ms; what a finding rests on is among them, unless it is a thousand tiny ones."""
MAX_KEYS = 20_000
"""Pairs of device and peer that are remembered, those that were not seen longest go: 10 MB."""
MAX_KEPT = 8
"""Flows of one pair that are remembered."""
MAX_TOLD = 4
"""Flows of one pair that are told."""
LIFE = 26 * 3_600_000_000_000
"""Nanoseconds: findings look back over a day."""


class LargestFlows:
    """Remembers a few flows of each device and peer."""

    def __init__(self) -> None:
        self._flows: OrderedDict[tuple[str, str, int, int], list[tuple[int, int, str]]] = OrderedDict()

    def add(self, table: FlowTable) -> None:
        """Look at a window whose devices are attributed."""
        size = table["bytes_out"] + table["bytes_in"]
        rows = np.argpartition(size, -MAX_ROWS)[-MAX_ROWS:] if len(table) > MAX_ROWS else np.arange(len(table))
        for n in rows.tolist():
            told = table.community_id(n)
            if not told:
                continue
            version, proto = int(table["version"][n]), int(table["proto"][n])
            a, b = (address_text(int(table[f"{end}_hi"][n]), int(table[f"{end}_lo"][n]), version) for end in "ab")
            owner = table.devices[int(table["device"][n]) - 1] if table["device"][n] else ""
            name = table.names.get(n, ("", ""))[0]
            port = int(table["b_port"][n]) if proto in (6, 17) else 0
            pairs = {(a, b), (b, a), (a, name), (owner, a), (owner, b), (owner, name)}
            for device, peer in pairs:
                if device and peer:
                    self._remember((device, peer, port, proto), int(table["end"][n]), int(size[n]), told)

    def _remember(self, key: tuple[str, str, int, int], end: int, size: int, told: str) -> None:
        kept = [one for one in self._flows.get(key, ()) if one[0] >= end - LIFE and one[2] != told]
        kept = sorted([*kept, (end, size, told)], key=lambda one: -one[1])
        self._flows[key] = kept[:MAX_KEPT]
        self._flows.move_to_end(key)
        if len(self._flows) > MAX_KEYS:
            self._flows.popitem(last=False)

    def ids(self, device: str, one: Traffic) -> tuple[str, ...]:
        """Community IDs of the largest flows of a device behind a finding's traffic, the largest first."""
        try:
            first = int(datetime.fromisoformat(one.first).timestamp()) * 1_000_000_000
        except ValueError:
            first = 0
        kept = self._flows.get((device, one.name or one.address, one.port, one.protocol), [])
        return tuple(told for end, _, told in kept if end >= first)[:MAX_TOLD]
