"""Which device is which at a site, from what is kept in short of its observations and the observations that are new.

What is kept is never believed beyond what it was made from: it is bound to the rules of folding and to its bytes, goes with every
observation that retention removes, and is made anew where anything does not fit. A full reading gives the same answer.
"""

from __future__ import annotations

import contextlib
import hashlib

from netcam.errors import StoreError
from netcam.identify.sightings import Seen, Sighting, fold, rules
from netcam.inventory.packing import MAX_CLAIMS, deflate, encode_sightings, inflate, read_sightings
from netcam.inventory.port import Folded, Inventory

_SEAL = 16
"""Bytes of the digest before a part: it finds rot and other rules, not an attacker, for whom the chain is there."""


def sightings(inventory: Inventory, site: str) -> list[Sighting]:
    """Everything that was ever seen at a site, folded; keeps what was not kept yet."""
    upto = inventory.newest()
    before = inventory.folded(site)
    held = _held(site, before)
    into = held if held is not None else {}
    after = before.upto if held is not None else 0
    touched = fold(inventory.observations(site=site, after=after, upto=upto), into)
    if touched:
        by_scan: dict[str, list[Sighting]] = {scan: [] for scan in touched}
        for one in into.values():
            if one.scan in by_scan:
                by_scan[one.scan].append(one)
        parts = {scan: _part(site, scan, some) for scan, some in by_scan.items()}
        with contextlib.suppress(StoreError):  # a disk that is full keeps nobody from reading; the next run keeps it
            inventory.save_folded(site, parts, upto, before=before, whole=held is None)
    return list(into.values())


def _seal(site: str, scan: str, body: bytes) -> bytes:
    told = hashlib.sha256(rules())
    for word in (site, scan):
        told.update(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest())
    told.update(body)
    return told.digest()[:_SEAL]


def _part(site: str, scan: str, some: list[Sighting]) -> bytes:
    body = deflate(encode_sightings(some))
    return _seal(site, scan, body) + body


def _held(site: str, kept: Folded) -> dict[Seen, Sighting] | None:
    """The sightings that are kept; None where any part is not what was written, or was written by other rules."""
    held: dict[Seen, Sighting] = {}
    for scan, part in kept.parts.items():
        seal, body = part[:_SEAL], part[_SEAL:]
        if seal != _seal(site, scan, body):
            return None
        try:
            told = read_sightings(inflate(body, MAX_CLAIMS))
        except ValueError:
            return None
        held |= {(one.site, one.key, one.mac, one.address, one.scan, one.day): one for one in told}
    return held
