"""The inventory port: records in, records out. Stores stand behind it; nothing above it knows a query."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from netcam.errors import StoreError, shown
from netcam.inventory.chain import Damage, Entry, Leaf, Sealed
from netcam.model import Coverage, CoverageState, Finding, Identity, Observation, ScanRecord, address_order

MAX_RAW = 16 * 1024 * 1024
"""Bytes of one raw answer: collectors bound theirs far lower; a mistake must not write a disk full."""
MAX_NOTE = 4096
"""Characters of one operator field: a note, not a document."""
MAX_TAGS = 64
"""Tags of one device."""
MAX_ACTION = 1024 * 1024
"""Bytes of one action: it lists what an operator did, it carries no files."""
REMARK = "remark"
"""Kind of the action that each remark leaves."""
RETIRE = "retire"
"""Kind of the action that says which device took another one in."""
RETENTION = "retention"
"""Kind of the action that says what was removed under which policy."""

_ACTION_KIND = re.compile(r"[a-z][a-z0-9.-]{0,63}")

DONE = frozenset(CoverageState) - {CoverageState.NOT_REACHED}
"""What became of an address that a resumed scan need not ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One line of the device list: the present identity's slots and when it was first and last saved."""

    device: str
    site: str
    slots: Mapping[str, str] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)
    is_camera: bool | None = None
    addresses: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityVersion:
    """What a device was taken for from `at` on, and the scan that said so (empty: a re-identification)."""

    at: datetime
    scan: str
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingVersion:
    """What a rule said of a device from `at` on, and the scan that said so (empty: another look)."""

    at: datetime
    scan: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What the operator says of a device. Kept apart from facts: it never feeds an identity."""

    device: str
    site: str = ""
    owner: str = ""
    location: str = ""
    contract: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    at: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What an operator, or the program on a policy's word, did. Appended, never changed; the chain vouches for it."""

    number: int
    """1, 2, 3 ... in the order of writing."""
    kind: str
    body: bytes
    """JSON, as the kind defines it."""
    at: datetime
    by: str


def checked_action(kind: str, body: bytes, by: str) -> None:
    """Raise StoreError for an action that is too long, ValueError for a kind that is no word: that is a bug of the caller."""
    if not _ACTION_KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is not an action kind")
    if len(body) > MAX_ACTION:
        raise StoreError(f"action {kind}", f"{len(body)} bytes, more than {MAX_ACTION}", "do less in one step")
    if len(by) > MAX_NOTE:
        raise StoreError(f"action {kind}", f"its author is longer than {MAX_NOTE} characters", "write less")


def remark_time(remark: Remark) -> datetime:
    """When a remark's action happened; 1970 where the remark does not say."""
    return remark.at if remark.at is not None else datetime(1970, 1, 1, tzinfo=UTC)


class _Emptied(msgspec.Struct):
    """The part of a retention action that the chain's check reads."""

    emptied: list[int] = []


def retire_body(site: str, into: Mapping[str, str]) -> bytes:
    """The body of a retire action."""
    return msgspec.json.encode({"site": site, "into": dict(sorted(into.items()))})


def emptied_entries(bodies: Iterable[bytes]) -> frozenset[int]:
    """Numbers of the entries all of whose records were removed, of the bodies of retention actions; a broken body vouches for none."""
    told: set[int] = set()
    for body in bodies:
        try:
            told |= set(msgspec.json.decode(body, type=_Emptied).emptied)
        except msgspec.DecodeError:
            continue
    return frozenset(told)


def checked_raw(raw: bytes) -> None:
    """Raise StoreError for a raw answer above MAX_RAW bytes."""
    if len(raw) > MAX_RAW:
        raise StoreError("raw answer", f"{len(raw)} bytes, more than {MAX_RAW}", "collect less of the answer")


def checked_remark(remark: Remark) -> Remark:
    """The remark, or StoreError where a field is too long."""
    for name in ("owner", "location", "contract", "notes", "by"):
        if len(getattr(remark, name)) > MAX_NOTE:
            raise StoreError(f"{name} of {remark.device}", f"longer than {MAX_NOTE} characters", "write less")
    if len(remark.tags) > MAX_TAGS or any(len(tag) > MAX_NOTE for tag in remark.tags):
        raise StoreError(f"tags of {remark.device}", f"more than {MAX_TAGS} tags, or one is too long", "write fewer")
    return remark


def pick_scan(scans: Sequence[ScanRecord], reference: str) -> ScanRecord:
    """The scan that `reference` names: an id, a unique beginning of one, or `last`. Raises StoreError."""
    where = f"scan {shown(reference)}"
    if reference == "last":
        if not scans:
            raise StoreError(where, "no scan is stored", "run `netcam scan` first")
        return scans[-1]
    exact = [scan for scan in scans if scan.id == reference]
    found = exact or [scan for scan in scans if reference and scan.id.startswith(reference)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise StoreError(where, "no such scan", "give an id, its beginning, or `last`")
    some = ", ".join(scan.id for scan in found[:4])
    raise StoreError(where, f"{len(found)} scans begin so: {some}", "give more of the id")


def as_listed(identity: Identity) -> Device:
    """The line of the device list of an identity, where nobody knows when it was seen."""
    return Device(
        device=identity.device, site=identity.site, slots=identity.slots, confidence=identity.confidence,
        is_camera=identity.is_camera, addresses=identity.addresses, macs=identity.macs,
    )  # fmt: skip


def as_ordered(one: Device) -> tuple[bytes, str, str]:
    """The key of the list by address."""
    return address_order(next(iter(one.addresses), None)), one.site, one.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a store keeps of a site's observations in short (`netcam.inventory.folded`), and up to which of them it speaks."""

    upto: int = 0
    """Number of the newest observation of the site when it was written; 0 where nothing is kept."""
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """Scan -> its part."""
    removals: int = 0
    """Number of the last retention action: what was read before one is not written after it."""


def scan_ends(scans: Iterable[ScanRecord], at: datetime) -> dict[str, datetime]:
    """When each of the scans ended that had ended by `at`."""
    return {scan.id: scan.finished for scan in scans if scan.finished is not None and scan.finished <= at}


Spans = Mapping[tuple[str, str], tuple[datetime, datetime]]
"""(site, device) -> when it was first and last observed."""


class Inventory(Protocol):
    """Observations for ever, what was made of them, and what the operator says. Every call that returns is on disk.

    Raises StoreError where the store cannot be read or written. Times are time zone aware.
    """

    home: Path | None
    """The folder beside the store for the estate's key and other files; None where nothing is kept."""

    def record(self, observations: Iterable[Observation]) -> int:
        """Store observations; returns how many were new. An observation is the hash of its content, so repeats cost nothing."""
        ...

    def observations(
        self,
        *,
        device: str | None = None,
        address: str | None = None,
        site: str | None = None,
        scan: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
        upto: int | None = None,
    ) -> Iterator[Observation]:
        """Observations in the order of arrival. `device` is Observation.key; `since` is included, `until` is not.

        They are numbered as they arrive: above `after`, and up to `upto`.
        """
        ...

    def newest(self) -> int:
        """The number of the newest observation; what is recorded from now on has a higher one."""
        ...

    def folded(self, site: str) -> Folded:
        """What is kept of a site's observations in short."""
        ...

    def save_folded(self, site: str, parts: Mapping[str, bytes], upto: int, *, before: Folded, whole: bool) -> bool:
        """Keep parts by scan, and with `whole` nothing but them; False where the store does not stand as `before` any more."""
        ...

    def keep(self, raw: bytes) -> str:
        """Keep a raw answer once; returns its SHA-256 in hex. Raises StoreError above MAX_RAW bytes."""
        ...

    def keep_all(self, raws: Sequence[bytes]) -> list[str]:
        """The same for many at once: all are kept, or none."""
        ...

    def raw(self, digest: str) -> bytes | None:
        """The raw answer of this digest, or None where none is kept. Raises StoreError where the bytes no longer match."""
        ...

    def save_scan(self, scan: ScanRecord) -> None:
        """Write a scan, or write it again as it went on."""
        ...

    def scans(self, site: str | None = None) -> list[ScanRecord]:
        """All scans, oldest first."""
        ...

    def scan(self, reference: str, *, site: str | None = None) -> ScanRecord:
        """A scan by id, by a unique beginning of it, or `last`. Raises StoreError where none or several fit."""
        ...

    def cover(self, scan: str, coverage: Iterable[Coverage]) -> None:
        """Write what became of addresses; a later word on an address replaces the earlier one."""
        ...

    def coverage(self, scan: str, *, address: str | None = None) -> list[Coverage]:
        """What became of every address of the scan, by address; or of one."""
        ...

    def finished(self, scan: str) -> frozenset[str]:
        """Addresses of the scan that `--resume` need not ask again."""
        ...

    def save_identities(
        self, scan: str | None, identities: Iterable[Identity], at: datetime, *, seen: Spans | None = None
    ) -> int:  # fmt: skip
        """Store what devices were taken for at `at`; returns how many differ from what was stored before.

        `seen` is when each was first and last observed; a device that is not in it was judged anew and not seen. None: all were seen at `at`.
        """
        ...

    def identities(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, evidence: bool = True,
        only: Collection[tuple[str, str]] | None = None,
    ) -> list[Identity]:  # fmt: skip
        """The latest identity of every device, as of `at`, or those that `scan` saved; without `evidence` no claims are read.

        `only`: of these (site, device) alone.
        """
        ...

    def retire(self, site: str, into: Mapping[str, str], at: datetime, *, by: str) -> None:
        """Take devices off the list from `at` on, each with the one that took it in (empty: none did); their history stays."""
        ...

    def history(self, device: str, *, site: str | None = None) -> list[IdentityVersion]:
        """Everything a device was ever taken for, oldest first."""
        ...

    def devices(
        self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None, limit: int | None = None,
        after: tuple[str, str] | None = None, by_address: bool = False,
    ) -> list[Device]:  # fmt: skip
        """The device list by site and device, filtered by exact slot values; `camera` filters by is_camera.

        Page by page: the first `limit` that stand after the (site, device) `after`. Or the first `limit` `by_address`, which has no `after`.
        """
        ...

    def seen_until(self, at: datetime, *, site: str | None = None) -> dict[tuple[str, str], tuple[datetime, datetime]]:
        """When each device (site, device) was first and last seen as of `at`, by what was judged and the runs that saw it."""
        ...

    def spellings(self, slot: str, text: str) -> list[str]:
        """The values of a slot in the device list that are `text` in any case, sorted."""
        ...

    def count_devices(self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None) -> int:
        """How many devices the list holds under these filters."""
        ...

    def save_findings(self, scan: str | None, findings: Iterable[Finding], at: datetime) -> int:
        """Store findings at `at`; returns how many differ from what was stored before under their key."""
        ...

    def findings(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, device: str | None = None
    ) -> list[Finding]:
        """The latest finding of every key, as of `at`, or those that `scan` saved."""
        ...

    def finding_history(self, device: str, *, site: str | None = None) -> list[FindingVersion]:
        """Everything that was ever found of a device, oldest first."""
        ...

    def scans_of(self, device: str, *, site: str | None = None) -> frozenset[str]:
        """Ids of the scans that saw a device."""
        ...

    def remark(self, remark: Remark) -> None:
        """Write the operator's fields of a device; replaces what stood there."""
        ...

    def remarks(self, *, site: str | None = None) -> list[Remark]:
        """The operator's fields of all devices that have some, by site and device."""
        ...

    def act(self, kind: str, body: bytes, at: datetime, *, by: str) -> Action:
        """Append what was done; it is never changed. Raises StoreError above MAX_ACTION bytes, ValueError for a kind that is no word."""
        ...

    def actions(self, *, kind: str | None = None, since: datetime | None = None, after: int = 0) -> Iterator[Action]:
        """Actions in the order of writing: of a kind, not before `since`, with a number above `after`."""
        ...

    def entries(self, after: int = 0) -> list[Entry]:
        """The hash chain, oldest entry first, from the entry after number `after` on."""
        ...

    def verify(self) -> list[Damage]:
        """Read everything and hold it against the chain; every altered, missing or foreign record is located."""
        ...

    def leaves(self, entry: Entry) -> list[Leaf]:
        """The leaves of an entry's records, by number; of those that retention removed from it too."""
        ...

    def entry_of(self, kind: str, number: int) -> Entry | None:
        """The entry that vouches for a record, or None."""
        ...

    def sealed(self, record: Observation | Identity | Finding) -> Sealed | None:
        """The stored record as the chain holds it, the latest where it was stored several times; None where it is not stored."""
        ...

    def save_signed(self, number: int, body: bytes) -> None:
        """Keep a signature over the chain up to the entry `number`; the first one for an entry stays."""
        ...

    def signed(self) -> list[bytes]:
        """The signatures, oldest first."""
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...
