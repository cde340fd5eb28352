"""Whose network an outer address is: autonomous system and the country the block is registered in, offline, with the database's date.

Packaged: plevin's network build (RIPE RIS and the registries' own lists). Replaceable by any MMDB file with the members of GeoLite2 ASN
and country, DB-IP Lite or IPinfo Lite.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from netcam.errors import ConfigError
from netcam.flows.inside import Inside
from netcam.flows.table import FlowTable, address_text, country_number

MAX_REMEMBERED = 50_000
"""Addresses whose answer is kept."""
MAX_ASKED = 5000
"""Addresses of one table that are looked up anew, a second or two; an address scan has more, and a note says so."""


_DAMAGED = (ValueError, TypeError, LookupError, OverflowError, RecursionError, MemoryError, struct.error)
"""What maxminddb's reader raises, besides its own error, for damaged files."""


@dataclass(frozen=True, slots=True)
class Network:
    """Number and holder of an autonomous system, and the country the registry lists for the block; 0 and empty where not known."""

    asn: int = 0
    holder: str = ""
    country: str = ""


class Origin(Protocol):
    """A database of networks."""

    name: str
    date: str
    """Day it was built, YYYY-MM-DD."""

    def find(self, address: str) -> Network:
        """The network of an address."""
        ...


class Packaged:
    """The database that comes with the extra `egress`."""

    def __init__(self) -> None:
        import plevin

        self._reader = plevin.Plevin()
        self.name, self.date = "plevin network", str(self._reader.built).replace(".", "-")[:10]

    def find(self, address: str) -> Network:
        """The network of an address."""
        network = self._reader.lookup(address).network
        if network is None:
            return Network()
        operator = network.operator
        holder = (operator.brand or operator.company if operator else "") or network.handle or ""
        return Network(network.asn or 0, str(holder), network.country or "")


class Mmdb:
    """An MMDB file of the operator."""

    def __init__(self, path: Path) -> None:
        import maxminddb

        try:
            # the reader in Python: the one in C ends the program on some damaged files
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MMAP)
            made = self._reader.metadata()
            self.date = datetime.fromtimestamp(made.build_epoch, UTC).date().isoformat()
        except (OSError, *_DAMAGED, maxminddb.InvalidDatabaseError) as error:
            raise ConfigError(str(path), f"is no MMDB file: {error}", "give GeoLite2-ASN.mmdb, dbip-asn-lite.mmdb or the like") from None
        self._damaged = maxminddb.InvalidDatabaseError
        self.name = str(made.database_type)[:100]

    def find(self, address: str) -> Network:
        """The network of an address."""
        try:
            record: Any = self._reader.get(address)
        except (*_DAMAGED, self._damaged):
            return Network()
        if not isinstance(record, dict):
            return Network()
        told = record.get("autonomous_system_number", record.get("asn", 0))
        digits = str(told).upper().removeprefix("AS")
        country = record.get("country", record.get("country_code", ""))
        if isinstance(country, dict):
            country = country.get("iso_code", "")
        holder = record.get("autonomous_system_organization", record.get("as_name", record.get("name", "")))
        return Network(
            int(digits) if digits.isdigit() and len(digits) < 11 else 0, str(holder)[:200], str(record.get("country_code", country))[:2]
        )


def opened(path: Path | None) -> Origin | None:
    """The operator's database, else the packaged one; None where neither is installed. Raises ConfigError for a file that is none."""
    if path is not None:
        return Mmdb(path)
    try:
        return Packaged()
    except (ImportError, OSError, ValueError):
        return None


def unique_ends(table: FlowTable) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each address of a table once (high, low, version), and for every row the places of its two ends."""
    n = len(table)
    hi = np.concatenate([table["a_hi"], table["b_hi"]])
    lo = np.concatenate([table["a_lo"], table["b_lo"]])
    version = np.tile(table["version"].astype(np.uint64), 2)
    order = np.lexsort((lo, hi, version))
    hi, lo, version = hi[order], lo[order], version[order]
    fresh = np.ones(len(order), bool)
    if len(order):
        fresh[1:] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1]) | (version[1:] != version[:-1])
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(fresh) - 1
    return np.stack([hi[fresh], lo[fresh], version[fresh]], 1), place[:n], place[n:]


def mark(table: FlowTable, origin: Origin, inside: Inside) -> None:
    """Write `asn` and `country` of each row's outer end, and the holders' names."""
    if not len(table):
        return
    ends, a, b = unique_ends(table)
    within = inside.among(ends)
    asn, country = np.zeros(len(ends), np.int64), np.zeros(len(ends), np.int64)
    # those that most went to come first: a scan's thousand addresses must not stand before the one that takes an upload
    weight = np.bincount(b, table["bytes_out"].astype(np.float64), len(ends)) + np.bincount(
        a, table["bytes_in"].astype(np.float64), len(ends)
    )
    outside = np.flatnonzero(~within)
    order = outside[np.argsort(-weight[outside], kind="stable")]
    asked = 0
    for n in order.tolist():
        hi, lo, version = ends[n].tolist()
        key = (hi << 64 | lo, version)
        found = _remembered.get(key)
        if found is None or found[0] is not origin:
            if asked >= MAX_ASKED:
                continue
            asked += 1
            found = _remembered[key] = (origin, origin.find(address_text(hi, lo, version)))
            if len(_remembered) > MAX_REMEMBERED:
                _remembered.popitem(last=False)
        network = found[1]
        asn[n], country[n] = network.asn, country_number(network.country)
        if network.asn and network.holder:
            table.holders[network.asn] = network.holder
    outer = np.where(within[b] & ~within[a], a, b)
    table.columns["asn"] = asn[outer].astype(table["asn"].dtype)
    table.columns["country"] = country[outer].astype(table["country"].dtype)
    table.origin = f"{origin.name} {origin.date}"
    if asked >= MAX_ASKED:
        table.notes.append(f"networks were looked up for the {MAX_ASKED} outer addresses with most traffic, the others have none")


_remembered: OrderedDict[tuple[int, int], tuple[Origin, Network]] = OrderedDict()
"""Answers by address and version."""
