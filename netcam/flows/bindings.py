"""Which device a flow belongs to: by its MAC, by who had its address at that time, or as traffic that another device forwards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from netcam.flows.inside import Inside
from netcam.flows.origin import unique_ends
from netcam.flows.table import JOINED, FlowTable, address_text, mac_text

BY_MAC, BY_ADDRESS, FORWARDED, UNDATED = (JOINED.index(word) for word in ("mac", "address", "behind a router", "address only"))
MAX_ENTRIES = 1_000_000
"""Sightings kept: ten thousand devices with a hundred changes of address each."""


@dataclass(slots=True)
class Bindings:
    """Devices by MAC, and for each address who had it since when."""

    by_mac: dict[str, str] = field(default_factory=dict)
    undated: dict[str, str] = field(default_factory=dict)
    """Address -> device, from identities that carry no dates."""
    _times: dict[str, list[int]] = field(default_factory=dict)
    _who: dict[str, list[str]] = field(default_factory=dict)
    _entries: int = 0

    def device(self, key: str, macs: Iterable[str], addresses: Iterable[str]) -> None:
        """A device as the inventory knows it now."""
        for mac in macs:
            self.by_mac[mac.lower()] = key
        for address in addresses:
            self.undated[address.partition("%")[0]] = key

    def seen(self, address: str, device: str, at: int) -> None:
        """`device` had `address` at `at` (ns). Sightings mostly come in the order of time; a late one finds its place."""
        times, who = self._times.setdefault(address, []), self._who.setdefault(address, [])
        place = bisect_right(times, at)
        if place and who[place - 1] == device:
            return
        if place < len(who) and who[place] == device:
            times[place] = at
        elif self._entries < MAX_ENTRIES:
            times.insert(place, at)
            who.insert(place, device)
            self._entries += 1

    def at(self, address: str, when: int) -> tuple[str, int]:
        """The device that had `address` at `when`, and how that is known; empty where nobody is known to."""
        times = self._times.get(address)
        if times:
            place = bisect_right(times, when)
            # before the first sighting it was most likely the same device: that is a guess, and said so
            return (self._who[address][place - 1], BY_ADDRESS) if place else (self._who[address][0], UNDATED)
        found = self.undated.get(address, "")
        return (found, UNDATED) if found else ("", 0)

    def changes(self, address: str) -> bool:
        """Whether several devices had the address."""
        return len(self._times.get(address, ())) > 1

    def owner(self, address: str, mac: str, when: int) -> tuple[str, int]:
        """Device and how it was joined for the inner end of a flow."""
        wearer = self.by_mac.get(mac, "") if mac else ""
        holder, how = self.at(address, when)
        if not wearer:
            return holder, how
        if not holder or holder == wearer:
            # its own MAC on an address nobody else has: a device that has just moved, unless it is known to forward
            forwards = not holder and self._elsewhere(address, wearer)
            return (wearer, FORWARDED if forwards else BY_MAC)
        # a camera passes on nobody's packets: it has the address now
        return (wearer, BY_MAC) if wearer in self._ends else (holder, FORWARDED)

    def _elsewhere(self, address: str, device: str) -> bool:
        """Whether `device` is known to be at other addresses now, so that an unknown one is somebody behind it."""
        return device in self._forwarders

    _forwarders: set[str] = field(default_factory=set)

    _ends: set[str] = field(default_factory=set)

    def end(self, device: str) -> None:
        """`device` speaks for itself alone: a camera."""
        self._ends.add(device)

    def forwarder(self, device: str) -> None:
        """`device` passes on packets of others: a router, or a recorder with a network of its own."""
        self._forwarders.add(device)


def attribute(table: FlowTable, bindings: Bindings, inside: Inside) -> None:
    """Write `device` and `joined` for the inner end of each row (the side that began it, where both are inside)."""
    if not len(table) or not (bindings.by_mac or bindings.undated or bindings._times):
        return
    ends, a, b = unique_ends(table)
    within = inside.among(ends)
    texts = [address_text(hi, lo, version) if own else "" for (hi, lo, version), own in zip(ends.tolist(), within.tolist(), strict=True)]
    use_b = ~within[a] & within[b]
    end = np.where(use_b, b, a)
    mac = np.where(use_b, table["b_mac"], table["a_mac"])
    numbers = {key: n + 1 for n, key in enumerate(table.devices)}
    device, joined = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)

    def number(key: str) -> int:
        if key not in numbers:
            table.devices.append(key)
            numbers[key] = len(table.devices)
        return numbers[key]

    pairs, place = np.unique(np.stack([end.astype(np.uint64), mac], 1), axis=0, return_inverse=True)
    place = place.reshape(-1)
    answers = np.zeros((len(pairs), 2), np.int64)
    moving = np.zeros(len(pairs), bool)
    for n, (at, number_of_mac) in enumerate(pairs.tolist()):
        if not within[at]:
            continue
        if bindings.changes(texts[at]):
            moving[n] = True
            continue
        key, how = bindings.owner(texts[at], mac_text(number_of_mac), table.window[1])
        if key:
            answers[n] = number(key), how
    device, joined = answers[place, 0], answers[place, 1]
    for row in np.flatnonzero(moving[place]).tolist():
        key, how = bindings.owner(texts[int(end[row])], mac_text(int(mac[row])), int(table["start"][row]))
        if key:
            device[row], joined[row] = number(key), how
    table.columns["device"] = device.astype(table["device"].dtype)
    table.columns["joined"] = joined.astype(table["joined"].dtype)
