"""Which observations speak of one device: the same key, the same MAC, or an address that only one MAC of the site had."""

from __future__ import annotations

from collections.abc import Iterable

from netcam.model import Observation


def group(observations: Iterable[Observation]) -> dict[str, list[Observation]]:
    """Device key -> observations. A key given by the source wins, then the MAC; an address joins the one MAC it was seen with."""
    seen = list(observations)
    macs: dict[tuple[str, str], set[str]] = {}
    for one in seen:
        if one.mac and one.address and not one.device:
            macs.setdefault((one.site, one.address), set()).add(one.mac)
    found: dict[str, list[Observation]] = {}
    for one in seen:
        key = one.device or one.mac
        if not key:
            known = macs.get((one.site, one.address), set())
            key = next(iter(known)) if len(known) == 1 else one.address
        found.setdefault(key or "?", []).append(one)
    return found
