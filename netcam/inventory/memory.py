"""The inventory in memory: the twin that tests and `--no-store` use, and the statement of what every store does."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from netcam.inventory import chain
from netcam.inventory.chain import Damage, Entry, Leaf, Sealed
from netcam.inventory.packing import conclusion, encode, instant, micros, observation_digest
from netcam.inventory.port import (
    DONE,
    REMARK,
    RETENTION,
    RETIRE,
    Action,
    Device,
    FindingVersion,
    Folded,
    IdentityVersion,
    Remark,
    Spans,
    as_listed,
    as_ordered,
    checked_action,
    checked_raw,
    checked_remark,
    emptied_entries,
    pick_scan,
    remark_time,
    retire_body,
    scan_ends,
)
from netcam.model import Coverage, Finding, Identity, Observation, ScanRecord


@dataclass(slots=True)
class _Version:
    at: datetime
    seq: int
    scan: str
    digest: bytes
    conclusion: bytes
    record: Identity | Finding


def _as_of(versions: list[_Version], at: datetime | None) -> _Version | None:
    """The latest version by (at, seq), of those not later than `at`."""
    return max((v for v in versions if at is None or v.at <= at), key=lambda v: (v.at, v.seq), default=None)


class MemoryInventory:
    """Everything in dictionaries; gone at the end."""

    home: Path | None = None

    def __init__(self) -> None:
        self._observations: dict[bytes, Observation] = {}
        self._raw: dict[str, bytes] = {}
        self._scans: dict[str, ScanRecord] = {}
        self._coverage: dict[str, dict[str, Coverage]] = {}
        self._identities: dict[tuple[str, str], list[_Version]] = {}
        self._retired: list[tuple[tuple[str, str], int, datetime]] = []
        self._seen: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self._identity_scans: dict[str, dict[tuple[str, str], _Version]] = {}
        self._findings: dict[str, list[_Version]] = {}
        self._finding_scans: dict[str, dict[str, _Version]] = {}
        self._remarks: dict[tuple[str, str], Remark] = {}
        self._actions: list[Action] = []
        self._sealed: dict[str, dict[int, Sealed]] = {kind: {} for kind in chain.KINDS}
        self._entries: list[Entry] = []
        self._signed: dict[int, bytes] = {}
        self._folded: dict[str, Folded] = {}

    def _next(self, kind: str) -> int:
        return next(reversed(self._sealed[kind]), 0) + 1

    def _append(self, kind: str, batch: Sequence[Sealed]) -> None:
        """Add records and their entry of the chain."""
        if batch:
            self._sealed[kind] |= {one.number: one for one in batch}
            last = self._entries[-1] if self._entries else None
            self._entries.append(chain.follow(last, kind, [one.leaf for one in batch], batch[0].number, batch[-1].number))

    def record(self, observations: Iterable[Observation]) -> int:
        """See Inventory.record."""
        fresh = {}
        for seen in observations:
            digest = observation_digest(seen)
            if digest not in self._observations and digest not in fresh:
                fresh[digest] = seen if seen.at is None else replace(seen, at=seen.at.astimezone(UTC))
        self._append("observation", [chain.seal_observation(n, seen) for n, seen in enumerate(fresh.values(), self._next("observation"))])
        self._observations |= fresh
        return len(fresh)

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
        """See Inventory.observations."""
        for seen in list(self._observations.values())[after:upto]:
            if (
                (device is None or seen.key == device)
                and (address is None or seen.address == address)
                and (site is None or seen.site == site)
                and (scan is None or seen.scan == scan)
                and (since is None or (seen.at is not None and seen.at >= since))
                and (until is None or (seen.at is not None and seen.at < until))
            ):
                yield seen

    def newest(self) -> int:
        """See Inventory.newest."""
        return len(self._observations)

    def folded(self, site: str) -> Folded:
        """See Inventory.folded."""
        return self._folded.get(site, Folded())

    def save_folded(self, site: str, parts: Mapping[str, bytes], upto: int, *, before: Folded, whole: bool) -> bool:
        """See Inventory.save_folded."""
        stands = self.folded(site).upto == before.upto
        if stands:
            self._folded[site] = Folded(upto=upto, parts=dict(parts) if whole else {**before.parts, **parts})
        return stands

    def keep(self, raw: bytes) -> str:
        """See Inventory.keep."""
        return self.keep_all([raw])[0]

    def keep_all(self, raws: Sequence[bytes]) -> list[str]:
        """See Inventory.keep_all."""
        for raw in raws:
            checked_raw(raw)
        digests = [hashlib.sha256(raw).hexdigest() for raw in raws]
        for digest, raw in zip(digests, raws, strict=True):
            self._raw.setdefault(digest, bytes(raw))
        return digests

    def raw(self, digest: str) -> bytes | None:
        """See Inventory.raw."""
        return self._raw.get(digest)

    def save_scan(self, scan: ScanRecord) -> None:
        """See Inventory.save_scan."""
        self._scans[scan.id] = scan

    def scans(self, site: str | None = None) -> list[ScanRecord]:
        """See Inventory.scans."""
        return [scan for scan in self._scans.values() if site is None or scan.site == site]

    def scan(self, reference: str, *, site: str | None = None) -> ScanRecord:
        """See Inventory.scan."""
        return pick_scan(self.scans(site), reference)

    def cover(self, scan: str, coverage: Iterable[Coverage]) -> None:
        """See Inventory.cover."""
        self._coverage.setdefault(scan, {}).update({line.address: line for line in coverage})

    def coverage(self, scan: str, *, address: str | None = None) -> list[Coverage]:
        """See Inventory.coverage."""
        told = self._coverage.get(scan, {}).values()
        return sorted((line for line in told if address is None or line.address == address), key=lambda line: line.address)

    def finished(self, scan: str) -> frozenset[str]:
        """See Inventory.finished."""
        return frozenset(line.address for line in self._coverage.get(scan, {}).values() if line.state in DONE)

    def _add(
        self, versions: list[_Version], record: Identity | Finding, at: datetime, scan: str, said: bytes, batch: list[Sealed]
    ) -> tuple[_Version, bool]:
        """Add a version unless the head is the same; returns the version that holds, and whether what is said is new."""
        digest = hashlib.sha256(encode(record)).digest()
        head = _as_of(versions, None)
        if head is not None and self._left(head):
            head = None
        if head is not None and head.digest == digest:
            return head, False
        kind = "identity" if isinstance(record, Identity) else "finding"
        number = batch[-1].number + 1 if batch else self._next(kind)
        if isinstance(record, Identity):
            batch.append(chain.seal_identity(number, record, micros(at), scan))
        else:
            batch.append(chain.seal_finding(number, record, micros(at), scan))
        version = _Version(at, number, scan, digest, said, record)
        versions.append(version)
        return version, head is None or head.conclusion != said

    def save_identities(
        self, scan: str | None, identities: Iterable[Identity], at: datetime, *, seen: Spans | None = None
    ) -> int:  # fmt: skip
        """See Inventory.save_identities."""
        micros(at)
        changed = 0
        batch: list[Sealed] = []
        for identity in identities:
            key = (identity.site, identity.device)
            version, new = self._add(self._identities.setdefault(key, []), identity, at, scan or "", conclusion(identity), batch)
            changed += new
            told = (at, at) if seen is None else seen.get(key) or self._seen.get(key, (at, at))
            first, last = self._seen.get(key, told)
            self._seen[key] = (min(first, told[0]), max(last, told[1]))
            if scan is not None:
                self._identity_scans.setdefault(scan, {})[key] = version
        self._append("identity", batch)
        return changed

    def identities(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, evidence: bool = True,
        only: Collection[tuple[str, str]] | None = None,
    ) -> list[Identity]:  # fmt: skip
        """See Inventory.identities."""
        if scan is not None:
            found = list(self._identity_scans.get(scan, {}).values())
        else:
            heads = [(key, v) for key, versions in self._identities.items() if (v := _as_of(versions, at)) is not None]
            found = [v for key, v in heads if not self._is_retired(key, v, at)]
        records = [v.record for v in found if isinstance(v.record, Identity) and (site is None or v.record.site == site)]
        if only is not None:
            records = [record for record in records if (record.site, record.device) in only]
        if not evidence:
            records = [replace(record, because=(), disputed=()) for record in records]
        return sorted(records, key=lambda i: (i.site, i.device))

    def _is_retired(self, key: tuple[str, str], version: _Version, at: datetime | None) -> bool:
        return any(who == key and seq >= version.seq and (at is None or when <= at) for who, seq, when in self._retired)

    def _is_gone(self, version: _Version, at: datetime | None) -> bool:
        of = version.record
        return any(who == (of.site, of.device) and when >= version.at and (at is None or when <= at) for who, _, when in self._retired)

    def _left(self, version: _Version) -> bool:
        of = version.record
        return self._is_retired((of.site, of.device), version, None) if isinstance(of, Identity) else self._is_gone(version, None)

    def retire(self, site: str, into: Mapping[str, str], at: datetime, *, by: str) -> None:
        """See Inventory.retire."""
        if into:
            self._retired += [((site, device), self._next("identity") - 1, at) for device in into]
            self.act(RETIRE, retire_body(site, into), at, by=by)

    def history(self, device: str, *, site: str | None = None) -> list[IdentityVersion]:
        """See Inventory.history."""
        told: list[IdentityVersion] = []
        for (place, name), versions in sorted(self._identities.items()):
            if name != device or (site is not None and place != site):
                continue
            before = b""
            for version in sorted(versions, key=lambda v: (v.at, v.seq)):
                if version.conclusion != before and isinstance(version.record, Identity):
                    told.append(IdentityVersion(at=version.at, scan=version.scan, identity=version.record))
                before = version.conclusion
        return told

    def devices(
        self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None, limit: int | None = None,
        after: tuple[str, str] | None = None, by_address: bool = False,
    ) -> list[Device]:  # fmt: skip
        """See Inventory.devices."""
        listed = [
            replace(as_listed(identity), first_seen=first, last_seen=last)
            for identity in self.identities(site=site, evidence=False)
            for first, last in (self._seen[identity.site, identity.device],)
            if (camera is None or identity.is_camera is camera)
            and all(identity.slots.get(slot) == value for slot, value in (slots or {}).items())
            and (after is None or (identity.site, identity.device) > after)
        ]
        return (sorted(listed, key=as_ordered) if by_address else listed)[:limit]

    def seen_until(self, at: datetime, *, site: str | None = None) -> dict[tuple[str, str], tuple[datetime, datetime]]:
        """See Inventory.seen_until."""
        told = {}
        for key, versions in self._identities.items():
            times = [version.at for version in versions if version.at <= at]
            if times and site in (None, key[0]):
                told[key] = min(times), max(times)
        for scan, ended in scan_ends(self._scans.values(), at).items():
            for key in self._identity_scans.get(scan, {}).keys() & told.keys():
                told[key] = told[key][0], max(told[key][1], ended)
        return told

    def spellings(self, slot: str, text: str) -> list[str]:
        """See Inventory.spellings."""
        told = {identity.slots[slot] for identity in self.identities(evidence=False) if slot in identity.slots}
        return sorted(value for value in told if value.casefold() == text.casefold())

    def count_devices(self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None) -> int:
        """See Inventory.count_devices."""
        return len(self.devices(site=site, camera=camera, slots=slots))

    def save_findings(self, scan: str | None, findings: Iterable[Finding], at: datetime) -> int:
        """See Inventory.save_findings."""
        micros(at)
        changed = 0
        batch: list[Sealed] = []
        for finding in findings:
            version, new = self._add(self._findings.setdefault(finding.key, []), finding, at, scan or "", encode(finding), batch)
            changed += new
            if scan is not None:
                self._finding_scans.setdefault(scan, {})[finding.key] = version
        self._append("finding", batch)
        return changed

    def findings(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, device: str | None = None
    ) -> list[Finding]:
        """See Inventory.findings."""
        if scan is not None:
            found = list(self._finding_scans.get(scan, {}).values())
        else:
            found = [v for versions in self._findings.values() if (v := _as_of(versions, at)) is not None and not self._is_gone(v, at)]
        records = [v.record for v in found if isinstance(v.record, Finding)]
        wanted = [f for f in records if (site is None or f.site == site) and (device is None or f.device == device)]
        return sorted(wanted, key=lambda f: (f.site, f.device, f.kind, f.rule, f.key))

    def finding_history(self, device: str, *, site: str | None = None) -> list[FindingVersion]:
        """See Inventory.finding_history."""
        versions = sorted((v for told in self._findings.values() for v in told), key=lambda v: (v.at, v.seq))
        found = [(v, v.record) for v in versions if isinstance(v.record, Finding) and v.record.device == device]
        return [FindingVersion(at=v.at, scan=v.scan, finding=one) for v, one in found if site is None or one.site == site]

    def scans_of(self, device: str, *, site: str | None = None) -> frozenset[str]:
        """See Inventory.scans_of."""
        keys = {key for key in self._identities if key[1] == device and (site is None or key[0] == site)}
        return frozenset(scan for scan, told in self._identity_scans.items() if keys & told.keys())

    def remark(self, remark: Remark) -> None:
        """See Inventory.remark."""
        self._remarks[remark.site, remark.device] = checked_remark(remark)
        self.act(REMARK, msgspec.json.encode(remark), remark_time(remark), by=remark.by)

    def remarks(self, *, site: str | None = None) -> list[Remark]:
        """See Inventory.remarks."""
        return [remark for _, remark in sorted(self._remarks.items()) if site is None or remark.site == site]

    def act(self, kind: str, body: bytes, at: datetime, *, by: str) -> Action:
        """See Inventory.act."""
        checked_action(kind, body, by)
        action = Action(number=len(self._actions) + 1, kind=kind, body=body, at=instant(micros(at)), by=by)
        self._actions.append(action)
        self._append("action", [chain.seal_content("action", action.number, body, str(micros(at)), by, kind)])
        return action

    def actions(self, *, kind: str | None = None, since: datetime | None = None, after: int = 0) -> Iterator[Action]:
        """See Inventory.actions."""
        for action in self._actions[max(0, after) :]:
            if (kind is None or action.kind == kind) and (since is None or action.at >= since):
                yield action

    def entries(self, after: int = 0) -> list[Entry]:
        """See Inventory.entries."""
        return self._entries[max(0, after) :]

    def verify(self) -> list[Damage]:
        """See Inventory.verify."""
        newest = {kind: self._next(kind) - 1 for kind in chain.KINDS}
        emptied = emptied_entries(action.body for action in self.actions(kind=RETENTION))
        return list(chain.check(self._entries, self._leaves, newest, emptied))

    def _leaves(self, kind: str, first: int, last: int) -> list[Leaf]:
        stored = self._sealed[kind]
        return [Leaf(number=n, digest=stored[n].leaf) for n in range(first, last + 1) if n in stored]

    def leaves(self, entry: Entry) -> list[Leaf]:
        """See Inventory.leaves."""
        return self._leaves(entry.kind, entry.first, entry.last)

    def entry_of(self, kind: str, number: int) -> Entry | None:
        """See Inventory.entry_of."""
        return next((e for e in self._entries if e.kind == kind and e.first <= number <= e.last), None)

    def sealed(self, record: Observation | Identity | Finding) -> Sealed | None:
        """See Inventory.sealed."""
        if isinstance(record, Observation):
            wanted = chain.seal_observation(0, record).words
            return next((one for one in self._sealed["observation"].values() if one.words == wanted), None)
        versions = (
            self._identities.get((record.site, record.device), []) if isinstance(record, Identity) else self._findings.get(record.key, [])
        )
        same = [version for version in versions if version.record == record]
        kind = "identity" if isinstance(record, Identity) else "finding"
        return self._sealed[kind][same[-1].seq] if same else None

    def save_signed(self, number: int, body: bytes) -> None:
        """See Inventory.save_signed."""
        self._signed.setdefault(number, body)

    def signed(self) -> list[bytes]:
        """See Inventory.signed."""
        return [body for _, body in sorted(self._signed.items())]

    def close(self) -> None:
        """See Inventory.close."""
