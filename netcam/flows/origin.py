"""Whose network an outer address is: autonomous system and the country the block is registered in, offline, with the database's date.

Packaged: plevin's network build (RIPE RIS and the registries' own lists). Replaceable by any MMDB file with the members of GeoLite2 ASN
and country, DB-IP Lite or IPinfo Lite.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from netcam.errors import ConfigError
from netcam.flows.records import INTERNAL
from netcam.flows.table import FlowTable, address_text, country_number

MAX_REMEMBERED = 50_000
"""Addresses whose answer is kept."""
MAX_ASKED = 200_000
"""Different addresses of one table that are looked up; an address scan has more, and its rows say so by having no network."""


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
            self._reader = maxminddb.open_database(path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise ConfigError(str(path), f"is no MMDB file: {error}", "give GeoLite2-ASN.mmdb, dbip-asn-lite.mmdb or the like") from None
        self._damaged = maxminddb.InvalidDatabaseError
        made = self._reader.metadata()
        self.name = made.database_type
        self.date = datetime.fromtimestamp(made.build_epoch, UTC).date().isoformat()

    def find(self, address: str) -> Network:
        """The network of an address."""
        try:
            record: Any = self._reader.get(address)
        except (ValueError, self._damaged):
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


class Inside:
    """Which addresses are internal: those of the estate and those that are never outside; remembers what it was asked."""

    def __init__(self, internal: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = (*internal, *INTERNAL)
        self._known: OrderedDict[str, bool] = OrderedDict()

    def __contains__(self, text: str) -> bool:
        known = self._known.get(text)
        if known is None:
            ip = ip_address(text)
            known = self._known[text] = any(ip.version == n.version and ip in n for n in self._networks)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return known


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
    asn, country = np.zeros(len(ends), np.int64), np.zeros(len(ends), np.int64)
    within = np.zeros(len(ends), bool)
    asked = 0
    for n, (hi, lo, version) in enumerate(ends.tolist()):
        text = address_text(hi, lo, version)
        within[n] = text in inside
        if within[n] or asked >= MAX_ASKED:
            continue
        asked += 1
        found = origin.find(text)
        asn[n], country[n] = found.asn, country_number(found.country)
        if found.asn and found.holder:
            table.holders[found.asn] = found.holder
    outer = np.where(within[b] & ~within[a], a, b)
    table.columns["asn"] = asn[outer].astype(table["asn"].dtype)
    table.columns["country"] = country[outer].astype(table["country"].dtype)
    table.origin = f"{origin.name} {origin.date}"
    if asked >= MAX_ASKED:
        table.notes.append(f"networks of the first {MAX_ASKED} outer addresses were looked up, the others have none")
