"""The inventory in memory: the twin that tests and `--no-store` use, and the statement of what every store does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from netcam.inventory.packing import conclusion, encode, micros, observation_digest
from netcam.inventory.port import DONE, Device, IdentityVersion, Remark, checked_raw, checked_remark, device_of, pick_scan
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

    def __init__(self) -> None:
        self._observations: dict[bytes, Observation] = {}
        self._raw: dict[str, bytes] = {}
        self._scans: dict[str, ScanRecord] = {}
        self._coverage: dict[str, dict[str, Coverage]] = {}
        self._identities: dict[tuple[str, str], list[_Version]] = {}
        self._seen: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self._identity_scans: dict[str, dict[tuple[str, str], _Version]] = {}
        self._findings: dict[str, list[_Version]] = {}
        self._finding_scans: dict[str, dict[str, _Version]] = {}
        self._remarks: dict[tuple[str, str], Remark] = {}
        self._seq = 0

    def record(self, observations: Iterable[Observation]) -> int:
        """See Inventory.record."""
        before = len(self._observations)
        for seen in observations:
            self._observations.setdefault(observation_digest(seen), seen if seen.at is None else replace(seen, at=seen.at.astimezone(UTC)))
        return len(self._observations) - before

    def observations(
        self,
        *,
        device: str | None = None,
        address: str | None = None,
        site: str | None = None,
        scan: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Observation]:
        """See Inventory.observations."""
        for seen in list(self._observations.values()):
            if (
                (device is None or seen.key == device)
                and (address is None or seen.address == address)
                and (site is None or seen.site == site)
                and (scan is None or seen.scan == scan)
                and (since is None or (seen.at is not None and seen.at >= since))
                and (until is None or (seen.at is not None and seen.at < until))
            ):
                yield seen

    def keep(self, raw: bytes) -> str:
        """See Inventory.keep."""
        checked_raw(raw)
        digest = hashlib.sha256(raw).hexdigest()
        self._raw.setdefault(digest, bytes(raw))
        return digest

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

    def coverage(self, scan: str) -> list[Coverage]:
        """See Inventory.coverage."""
        return sorted(self._coverage.get(scan, {}).values(), key=lambda line: line.address)

    def finished(self, scan: str) -> frozenset[str]:
        """See Inventory.finished."""
        return frozenset(line.address for line in self._coverage.get(scan, {}).values() if line.state in DONE)

    def _add(self, versions: list[_Version], record: Identity | Finding, at: datetime, scan: str, said: bytes) -> tuple[_Version, bool]:
        """Add a version unless the head is the same; returns the version that holds, and whether what is said is new."""
        digest = hashlib.sha256(encode(record)).digest()
        head = _as_of(versions, None)
        if head is not None and head.digest == digest:
            return head, False
        self._seq += 1
        version = _Version(at, self._seq, scan, digest, said, record)
        versions.append(version)
        return version, head is None or head.conclusion != said

    def save_identities(self, scan: str | None, identities: Iterable[Identity], at: datetime) -> int:
        """See Inventory.save_identities."""
        micros(at)
        changed = 0
        for identity in identities:
            key = (identity.site, identity.device)
            version, new = self._add(self._identities.setdefault(key, []), identity, at, scan or "", conclusion(identity))
            changed += new
            first, last = self._seen.get(key, (at, at))
            self._seen[key] = (min(first, at), max(last, at))
            if scan is not None:
                self._identity_scans.setdefault(scan, {})[key] = version
        return changed

    def identities(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, evidence: bool = True
    ) -> list[Identity]:
        """See Inventory.identities."""
        if scan is not None:
            found = list(self._identity_scans.get(scan, {}).values())
        else:
            found = [v for versions in self._identities.values() if (v := _as_of(versions, at)) is not None]
        records = [v.record for v in found if isinstance(v.record, Identity) and (site is None or v.record.site == site)]
        if not evidence:
            records = [replace(record, because=(), disputed=()) for record in records]
        return sorted(records, key=lambda i: (i.site, i.device))

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
        self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None, limit: int | None = None
    ) -> list[Device]:
        """See Inventory.devices."""
        listed = [
            device_of(identity, *self._seen[identity.site, identity.device])
            for identity in self.identities(site=site, evidence=False)
            if (camera is None or identity.is_camera is camera)
            and all(identity.slots.get(slot) == value for slot, value in (slots or {}).items())
        ]
        return listed[:limit]

    def save_findings(self, scan: str | None, findings: Iterable[Finding], at: datetime) -> int:
        """See Inventory.save_findings."""
        micros(at)
        changed = 0
        for finding in findings:
            version, new = self._add(self._findings.setdefault(finding.key, []), finding, at, scan or "", encode(finding))
            changed += new
            if scan is not None:
                self._finding_scans.setdefault(scan, {})[finding.key] = version
        return changed

    def findings(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, device: str | None = None
    ) -> list[Finding]:
        """See Inventory.findings."""
        if scan is not None:
            found = list(self._finding_scans.get(scan, {}).values())
        else:
            found = [v for versions in self._findings.values() if (v := _as_of(versions, at)) is not None]
        records = [v.record for v in found if isinstance(v.record, Finding)]
        wanted = [f for f in records if (site is None or f.site == site) and (device is None or f.device == device)]
        return sorted(wanted, key=lambda f: (f.site, f.device, f.kind, f.rule, f.key))

    def remark(self, remark: Remark) -> None:
        """See Inventory.remark."""
        self._remarks[remark.site, remark.device] = checked_remark(remark)

    def remarks(self, *, site: str | None = None) -> list[Remark]:
        """See Inventory.remarks."""
        return [remark for _, remark in sorted(self._remarks.items()) if site is None or remark.site == site]

    def close(self) -> None:
        """See Inventory.close."""
