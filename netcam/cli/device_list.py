"""The device list: which devices, in which order, with which columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain, islice, product
from typing import TYPE_CHECKING, Any

from netcam.errors import ConfigError, nearest, shown
from netcam.model import SLOTS, Finding, Identity, Observation, address_order, rfc3339

if TYPE_CHECKING:
    from netcam.identify.assign import Tie
    from netcam.inventory.port import Device, Inventory, Remark

MAX_WAYS = 8
"""Ways in which the values asked for are spelt that are looked up one by one; more are sought in the whole list."""
FEW = 1_000
"""Devices whose findings are looked up one by one; for more, all findings are read."""
REMARKS = ("owner", "location", "contract", "tags", "notes")
COLUMNS = (
    "address", "addresses", "mac", "macs", "site", "device", *SLOTS, "sure", "verdict", "first_seen", "last_seen", "missing", *REMARKS,
)  # fmt: skip
"""Every column by its name."""
DEFAULT = ("address", "kind", "brand", "maker", "model", "firmware", "sure", "verdict")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a column: `=`, `!=` or `~`, in any case."""

    column: str
    how: str
    text: str

    def holds(self, row: Row) -> bool:
        """Whether a device fits."""
        mine, wanted = row.cell(self.column).casefold(), self.text.casefold()
        if self.how == "~":
            return wanted in mine
        same = wanted in mine.split(", ") if wanted and self.column in ("addresses", "macs", "tags") else mine == wanted
        return same if self.how == "=" else not same


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which devices."""

    site: str | None = None
    at: datetime | None = None
    camera: bool | None = None
    filters: tuple[Filter, ...] = ()
    missing: bool = False
    network: IPv4Network | IPv6Network | None = None
    not_seen_since: datetime | None = None
    first: int | None = None
    """So many in the order of addresses are enough."""

    @property
    def page(self) -> int | None:
        """How many devices the inventory need give: only where it applies every condition itself."""
        looked_up = all(one.how == "=" and one.text and one.column in SLOTS for one in self.filters)
        plain = self.at is None and self.network is None and self.not_seen_since is None and not self.missing
        return self.first if looked_up and plain else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One device of the list with what stands beside it."""

    of: Device
    remark: Remark | None = None
    verdict: str = ""
    missing: str = ""
    """The scan that did not see it."""

    @property
    def site(self) -> str:
        """Its site."""
        return self.of.site

    @property
    def device(self) -> str:
        """Its key."""
        return self.of.device

    def value(self, column: str) -> Any:
        """The value of a column for JSON; None where unknown."""
        if column in SLOTS:
            return self.of.slots.get(column)
        if column == "sure":
            return self.of.confidence.get("maker")
        if column in ("address", "mac"):
            values = self.of.addresses if column == "address" else self.of.macs
            return values[0] if values else None
        if column in REMARKS:
            told = getattr(self.remark, column) if self.remark else None
            return list(told) if isinstance(told, tuple) else told or None
        if column in ("first_seen", "last_seen"):
            at = getattr(self.of, column)
            return rfc3339(at, "seconds") if at is not None else None
        if column in ("verdict", "missing"):
            return getattr(self, column) or None
        told = getattr(self.of, column)
        return list(told) if isinstance(told, tuple) else told

    def cell(self, column: str) -> str:
        """The value of a column as text; empty where unknown."""
        told = self.value(column)
        if told is None:
            return ""
        if column == "sure":
            return f"{told:.2f}"
        return ", ".join(map(str, told)) if isinstance(told, list) else str(told)

    def beside(self) -> dict[str, Any]:
        """What the list knows besides the identity."""
        told: dict[str, Any] = {"first_seen": self.value("first_seen"), "last_seen": self.value("last_seen")}
        told |= {"missing": self.missing} if self.missing else {}
        return told | (remark_record(self.remark) if self.remark else {})


def parse_filter(text: str) -> Filter:
    """A condition as written. Raises ConfigError."""
    for how in ("!=", "~", "="):
        column, found, value = text.partition(how)
        if found and not (how == "=" and column.endswith("!")):
            return Filter(_column(column.strip(), "--where"), how, value.strip())
    raise ConfigError("--where", f"{shown(text)} is no condition", "write maker=Hikvision, model!=, or location~gate")


def parse_columns(text: str | None) -> tuple[str, ...]:
    """Columns as written. Raises ConfigError."""
    if text is None:
        return DEFAULT
    if text == "all":
        return COLUMNS
    return tuple(_column(name.strip(), "--columns") for name in text.split(",") if name.strip()) or DEFAULT


def parse_sort(texts: Sequence[str]) -> list[tuple[str, bool]]:
    """Columns to sort by, each with whether it is the other way. Raises ConfigError."""
    return [(_column(text.removeprefix("-"), "--sort"), text.startswith("-")) for text in texts]


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """A network as written. Raises ConfigError."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ConfigError("--network", f"{shown(text)} is not a network", "write it as 10.20.0.0/16") from None


def _column(name: str, where: str) -> str:
    if name not in COLUMNS:
        raise ConfigError(where, f"no column {shown(name)}", nearest(name, COLUMNS))
    return name


def select(inventory: Inventory, wanted: Wanted, *, shown: Collection[str] = ()) -> list[Row]:
    """The devices that fit; verdicts and absences, which take longer, only where a filter or a column that is shown needs them."""
    devices = _devices(inventory, wanted)
    remarks = {(remark.site, remark.device): remark for remark in inventory.remarks(site=wanted.site)}
    asked = {one.column for one in wanted.filters} | set(shown)
    findings: dict[tuple[str, str], list[Finding]] = {}
    if "verdict" in asked:
        few = wanted.page is not None and len(devices) <= FEW
        by_one = (inventory.findings(site=one.site, device=one.device) for one in devices)
        for finding in chain.from_iterable(by_one) if few else inventory.findings(wanted.at, site=wanted.site):
            if finding.kind == "policy":
                findings.setdefault((finding.site, finding.device), []).append(finding)
    gone = _missing(inventory, wanted, devices) if wanted.missing or "missing" in asked else {}
    rows = []
    for one in devices:
        key = one.site, one.device
        row = Row(of=one, remark=remarks.get(key), verdict=_verdict(findings.get(key, ())), missing=gone.get(key, ""))
        if _fits(row, wanted):
            rows.append(row)
    return rows


def _devices(inventory: Inventory, wanted: Wanted) -> list[Device]:
    if wanted.at is not None:
        from netcam.inventory.port import as_listed

        seen = inventory.seen_until(wanted.at, site=wanted.site)
        nobody = (None, None)
        found = []
        # a file that was read then may be older than the day on which it was read
        ever = {(one.site, one.device): one.last_seen for one in inventory.devices(site=wanted.site)}
        for one in inventory.identities(wanted.at, site=wanted.site, evidence=False):
            first, last = seen.get((one.site, one.device), nobody)
            if first is not None and last is not None and (known := ever.get((one.site, one.device))) is not None:
                last = min(last, known)
                first = min(first, last)
            found.append(replace(as_listed(one), first_seen=first, last_seen=last))
        return [one for one in found if wanted.camera is None or one.is_camera is wanted.camera]
    asked = {one.column: one.text for one in wanted.filters if one.how == "=" and one.text and one.column in SLOTS}
    spelt = {slot: inventory.spellings(slot, text) for slot, text in asked.items()}
    ways = [dict(zip(spelt, way, strict=True)) for way in islice(product(*spelt.values()), MAX_WAYS + 1)]
    if len(ways) > MAX_WAYS:
        return inventory.devices(site=wanted.site, camera=wanted.camera)
    page = wanted.page
    return [
        one
        for slots in ways
        for one in inventory.devices(site=wanted.site, camera=wanted.camera, slots=slots, limit=page, by_address=page is not None)
    ]


def _missing(inventory: Inventory, wanted: Wanted, devices: Sequence[Device]) -> dict[tuple[str, str], str]:
    from netcam.inventory.history import missing_at

    told: dict[tuple[str, str], str] = {}
    for site in sorted({one.site for one in devices}):
        here = [Identity(device=one.device, site=site, addresses=one.addresses) for one in devices if one.site == site]
        told |= {(site, name): scan.id for name, scan in missing_at(inventory, site, here, wanted.at).items()}
    return told


def _verdict(findings: Sequence[Finding]) -> str:
    from netcam.assess.summary import summary

    return str(summary(findings)) if findings else ""


def _fits(row: Row, wanted: Wanted) -> bool:
    if wanted.missing and not row.missing:
        return False
    if wanted.not_seen_since is not None and (row.of.last_seen is None or row.of.last_seen >= wanted.not_seen_since):
        return False
    if wanted.network is not None and not any(_inside(address, wanted.network) for address in row.of.addresses):
        return False
    return all(one.holds(row) for one in wanted.filters)


def _inside(address: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(address.partition("%")[0]) in network
    except ValueError:
        return False


def ordered(rows: Sequence[Row], order: Sequence[tuple[str, bool]]) -> list[Row]:
    """The rows by the columns; by address where none is given. Unknown values come last either way."""
    from netcam.inventory.port import as_ordered

    told = sorted(rows, key=lambda row: as_ordered(row.of))
    for column, other_way in reversed(order):
        known = [row for row in told if row.cell(column)]
        unknown = [row for row in told if not row.cell(column)]
        key = (lambda row: address_order(row.value("address"))) if column == "address" else (lambda row, c=column: row.cell(c).casefold())
        told = sorted(known, key=key, reverse=other_way) + unknown
    return told


def observed(inventory: Inventory, one: Identity) -> list[Observation]:
    """What was seen of a device by its key and MACs, and without a MAC at its addresses, in order of time."""
    told: dict[Observation, None] = {}
    for key in dict.fromkeys((one.device, *one.macs, *one.addresses)):
        told |= dict.fromkeys(seen for seen in inventory.observations(device=key, site=one.site))
    return sorted(told, key=lambda seen: (seen.at is not None, seen.at.timestamp() if seen.at else 0.0))


def remark_record(remark: Remark) -> dict[str, Any]:
    """What the operator says of a device, as far as anything is said."""
    told = {name: getattr(remark, name) for name in REMARKS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items() if value}


def tie_record(tie: Tie) -> dict[str, Any]:
    """Why a sighting belongs to its device."""
    at = rfc3339(tie.at, "seconds") if tie.at is not None else None
    return {"type": "tie", "mark": tie.mark, "at": at, "endpoint": tie.endpoint, "scan": tie.scan, "because": tie.because}
