"""What the observations of a run say of which device is which, folded: one record for each address or MAC seen, however much it told.

Folding is commutative: the same observations give the same record in any order and in any number of steps, so that a store
can keep what it has folded and add what is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from netcam.identify import marks
from netcam.identify.marks import Class, Mark
from netcam.model import Observation

_VERSION = 1
"""Of what folding does besides the fields and bounds in `marks`: raised where it changes, so that nothing folded before is used."""
TELLING = frozenset({"tls.serial"}) | marks.SERIALS | marks.MACS | marks.UUIDS | marks.MODELS
"""Fields that say anything of which device is which."""

Seen = tuple[str, str, str, str, str, int]
"""Site, key of the source, MAC, address, scan, day (0: no time)."""


class Sighting(msgspec.Struct, array_like=True, gc=False):
    """What one key, MAC and address told of who it is in one run on one day."""

    site: str
    key: str
    mac: str
    address: str
    scan: str
    day: int
    at: datetime | None
    """When it was first seen."""
    found: set[Mark] = set()
    """Identifiers, certificates and MACs that it told, as marks."""
    serials: dict[str, dict[str, set[str]]] = {}
    """Field -> port -> serial numbers told there."""
    models: dict[str, set[str]] = {}
    """Field -> its values."""


class Addresses(dict[str, str]):
    """Endpoint -> its address: few endpoints, many observations."""

    def __missing__(self, endpoint: str) -> str:
        address = self[endpoint] = Observation(field="", value="", endpoint=endpoint).address
        return address


def fold(observations: Iterable[Observation], into: dict[Seen, Sighting]) -> set[str]:
    """Add observations to the sightings they belong to; returns the scans that any of them are of."""
    addresses, scans = Addresses(), set()
    for one in observations:
        at = one.at
        key = (one.site, one.device, one.mac, addresses[one.endpoint], one.scan, at.toordinal() if at is not None else 0)
        sighting = into.get(key)
        if sighting is None:
            sighting = into[key] = Sighting(*key, at)
            scans.add(one.scan)
        elif at is not None and (sighting.at is None or at < sighting.at):
            sighting.at = at
            scans.add(one.scan)
        if one.field in TELLING:
            _tell(sighting, one)
            scans.add(one.scan)
    return scans


def _tell(sighting: Sighting, one: Observation) -> None:
    if one.field in marks.MODELS:
        if one.value:
            sighting.models.setdefault(one.field, set()).add(one.value)
        return
    mark = marks.of(one)
    if mark is None:
        return
    if mark[0] is Class.SERIAL:
        sighting.serials.setdefault(one.field, {}).setdefault(port_of(one), set()).add(mark[1])
    else:
        sighting.found.add(mark)


def port_of(one: Observation) -> str:
    """The port of an observation's endpoint, empty where it has none."""
    text = one.endpoint
    return text.rpartition(":")[2] if (text.startswith("[") and "]:" in text) or text.count(":") == 1 else ""


def rules() -> bytes:
    """A digest of all that decides what folding gives: what was folded under other rules is folded anew."""
    sets = (marks.SERIALS, marks.MACS, marks.UUIDS, marks.MODELS)
    bounds = (marks.MIN_SERIAL, marks.MIN_CERTIFICATE, marks.MAX_MARK)
    return hashlib.sha256(msgspec.json.encode([_VERSION, [sorted(some) for some in sets], bounds])).digest()
