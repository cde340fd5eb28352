"""Retention in SQL: what a policy takes goes in small transactions, each with its word in the chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from netcam.identify.correlate import correlate
from netcam.inventory import chain, corrections, schema
from netcam.inventory import engine as opening
from netcam.inventory.packing import micros, observation_digest, stored_text
from netcam.inventory.port import RETENTION
from netcam.inventory.retention import Policy, Retained, is_persons, named_packets, pseudonym, pseudonym_key
from netcam.inventory.sql.base import LOOK_UP, slices
from netcam.inventory.sql.ledger import OBSERVED, SEALS, read_observation
from netcam.inventory.sql.observations import Observations
from netcam.inventory.sql.operator import Operator, act
from netcam.inventory.sql.verdicts import Verdicts
from netcam.model import Identity, ScanRecord

ENTRIES = 20
"""Entries of the chain whose records go in one transaction: at most 400,000 records."""
OBSERVATION_BYTES = 420
"""What an observation takes with its indexes, measured; a dry run estimates by it."""
IDENTITY_BYTES = 1400
LEAF_BYTES = 60
COMPACT_ABOVE = 0.25
"""Share of free pages above which the file is rewritten, where the disk has room for the copy."""


@dataclass(slots=True)
class _People:
    """Record numbers of what goes, or went, of people's devices."""

    observations: set[int] = field(default_factory=set)
    identities: set[int] = field(default_factory=set)
    findings: set[int] = field(default_factory=set)
    devices: int = 0


class Upkeep(Observations, Verdicts, Operator):
    """What makes a store smaller."""

    def size(self) -> int:
        """Bytes in use: free pages inside the file do not count."""
        with self._read() as connection:
            if self._engine.dialect.name == "postgresql":
                return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())
            pages, free, size = (
                connection.exec_driver_sql(f"PRAGMA {word}").scalar_one() for word in ("page_count", "freelist_count", "page_size")
            )
            return int((pages - free) * size)

    def retain(self, policy: Policy, now: datetime, *, by: str, dry_run: bool = False) -> Retained:
        """Remove what the policy takes. Every step is whole or not done; killed, it goes on at the next run."""
        self._freeing = True  # the last free bytes of a disk are for this
        before = self.size()
        told = self._once(policy, now, by, dry_run)
        notes = list(told.notes)
        if policy.max_bytes is not None:
            told, notes = self._by_size(policy, policy.max_bytes, now, by, dry_run, told, before)
        if not dry_run:
            notes += self._compact()
        after = before - _estimate(told) if dry_run else self.size()
        return replace(told, bytes_before=before, bytes_after=max(0, after), notes=tuple(notes))

    def _by_size(
        self, policy: Policy, limit: int, now: datetime, by: str, dry_run: bool, told: Retained, before: int
    ) -> tuple[Retained, list[str]]:
        """Take repeats and whole answers earlier, by halves, until the size fits."""
        notes = list(told.notes)
        days = policy.repeats_days or 90
        while True:
            size = before - _estimate(told) if dry_run else self.size()
            if size <= limit:
                return told, notes
            if days <= policy.least_days:
                notes.append(f"still {size} bytes, above {limit}: what is left is younger than {policy.least_days} days or not repeated")
                return told, notes
            days = max(policy.least_days, days // 2)
            stricter = replace(policy, repeats_days=days, raw_days=min(days, policy.raw_days or days))
            more = self._once(stricter, now, by, dry_run)
            told = more if dry_run else _both(told, more)

    def _once(self, policy: Policy, now: datetime, by: str, dry_run: bool) -> Retained:
        people = self._people(policy, now, by, dry_run)
        observations, safe = self._observations_to_go(policy, now)
        scans_of = self._identities_to_go(policy, now)
        if not dry_run:
            told = {"policy": {k: v for k, v in asdict(policy).items() if v is not None}}
            self._remove("observation", observations, now, by, told)
            self._remove("identity", list(scans_of), now, by, told, scans_of)
        observed, identified = people.observations | set(observations), people.identities | set(scans_of)
        raws = self._raws(policy, now, by, dry_run, safe, observed if dry_run else set())
        coverage = self._coverage(policy, now, dry_run)
        return Retained(
            observations=len(observed), identities=len(identified), findings=len(people.findings), raws=raws, coverage=coverage,
            people=people.devices,
        )  # fmt: skip

    # what goes

    def _observations_to_go(self, policy: Policy, now: datetime) -> tuple[list[int], set[bytes]]:
        """Record numbers of observations to go, and the digests of those that present identities rest on."""
        table = schema.observation.c
        safe = self._evidence()
        fact = [table.site, table.key, table.address, table.via, table.field, table.value]
        first, last = [table.at, table.seq], [table.at.desc(), table.seq.desc()]
        ranked = sa.select(
            table.seq,
            table.at,
            table.digest,
            sa.func.row_number().over(partition_by=fact, order_by=first).label("first"),
            sa.func.row_number().over(partition_by=fact, order_by=last).label("last"),
            sa.func.row_number().over(partition_by=[table.site, table.key], order_by=first).label("sighting"),
        ).subquery()
        wanted = []
        if policy.repeats_days is not None:
            wanted.append(sa.and_(ranked.c.at < _before(now, policy.repeats_days), ranked.c.first > 1, ranked.c.last > 1))
        if policy.facts_days is not None:
            wanted.append(sa.and_(ranked.c.at < _before(now, policy.facts_days), ranked.c.sighting > 1))
        if not wanted:
            return [], safe
        with self._read() as connection:
            rows = connection.execute(sa.select(ranked.c.seq, ranked.c.digest).where(sa.or_(*wanted)).order_by(ranked.c.seq))
            return [row.seq for row in rows if bytes(row.digest) not in safe], safe

    def _evidence(self) -> set[bytes]:
        """Digests (as the table has them) of the observations that present identities rest on."""
        return {
            observation_digest(seen)[:16]
            for identity in self.identities()
            for claim in (*identity.because, *identity.disputed)
            for seen in claim.because
        }

    def _identities_to_go(self, policy: Policy, now: datetime) -> dict[int, int]:
        """Identity versions that only saw the same again -> the version of the same conclusion that stays for their scans."""
        if policy.repeats_days is None:
            return {}
        table = schema.identity.c
        query = sa.select(table.seq, table.site, table.device, table.at, table.conclusion).order_by(
            table.site, table.device, table.at, table.seq
        )
        limit, gone = _before(now, policy.repeats_days), {}
        with self._read() as connection:
            heads = set(connection.execute(sa.select(schema.device.c.seq)).scalars())
            stay: Any = None
            held: Any = None
            for row in connection.execute(query):
                same = held is not None and (row.site, row.device, row.conclusion) == (held.site, held.device, held.conclusion)
                if same and held is not stay and held.at < limit and held.seq not in heads:
                    gone[held.seq] = stay.seq
                if not same:
                    stay = row
                held = row
        return gone

    def _raws(self, policy: Policy, now: datetime, by: str, dry_run: bool, safe: set[bytes], going: set[int]) -> int:
        """Remove whole answers that nothing refers to, or only observations older than the policy that nothing rests on."""
        table, raw = schema.observation.c, schema.raw.c
        limit = _before(now, policy.raw_days) if policy.raw_days is not None else None
        needed = {digest for finding in self.findings() for digest in named_packets(finding)}
        with self._read() as connection:
            rows = connection.execute(sa.select(table.raw, table.at, table.digest, table.seq).where(table.raw != ""))
            for row in rows:
                old = limit is not None and row.at is not None and row.at < limit and bytes(row.digest) not in safe
                if not old and row.seq not in going:
                    needed.add(row.raw)
            kept = [bytes(digest) for digest in connection.execute(sa.select(raw.digest)).scalars()]
        gone = [digest for digest in kept if digest.hex() not in needed]
        if not dry_run:
            for some in slices(gone, LOOK_UP):
                with self._write() as connection:
                    connection.execute(schema.raw.delete().where(raw.digest.in_(some)))
                    act(connection, RETENTION, msgspec.json.encode({"raws": len(some)}), now, by)
        return len(gone)

    def _coverage(self, policy: Policy, now: datetime, dry_run: bool) -> int:
        """Remove what became of each address in old scans, but not of the newest finished one of a site."""
        if policy.coverage_days is None:
            return 0
        limit, newest, count = now - timedelta(days=policy.coverage_days), {}, 0
        scans = self.scans()
        for scan in scans:
            if scan.status == "complete":
                newest[scan.site] = scan.id
        old = [s.id for s in scans if s.id != newest.get(s.site) and _ended(s) is not None and _ended(s) < limit]  # type: ignore[operator]
        table = schema.coverage
        for scan_id in old:
            with self._read() as connection:
                count += connection.execute(sa.select(sa.func.count()).where(table.c.scan == stored_text(scan_id))).scalar_one()
            if not dry_run:
                with self._write() as connection:
                    connection.execute(table.delete().where(table.c.scan == stored_text(scan_id)))
        return count

    # how it goes

    def _remove(
        self, kind: str, numbers: list[int], now: datetime, by: str, told: Mapping[str, object], scans: Mapping[int, int] | None = None
    ) -> None:  # fmt: skip
        """Delete records, entry by entry of the chain: their leaves stay where others of the entry do."""
        for batch in self._batches(kind, numbers):
            with self._write() as connection:
                emptied = [entry for entry, some in batch if self._remove_of(connection, kind, entry, some)]
                count = sum(len(some) for _, some in batch)
                if kind == "observation":  # it speaks of what goes: the next run folds what is left
                    connection.execute(schema.folded.delete())
                if scans is not None:
                    link = schema.identity_scan
                    moved = [{"b_old": n, "b_new": scans[n]} for _, some in batch for n in some if n in scans]
                    if moved:
                        statement = link.update().where(link.c.seq == sa.bindparam("b_old")).values(seq=sa.bindparam("b_new"))
                        connection.execute(statement, moved)
                body = {**told, "kind": kind, "records": count, "emptied": [entry.number for entry in emptied]}
                act(connection, RETENTION, msgspec.json.encode(body), now, by)

    def _batches(self, kind: str, numbers: Iterable[int]) -> Iterator[list[tuple[chain.Entry, list[int]]]]:
        """The record numbers by their entries, some entries at a time."""
        left = sorted(numbers)
        if not left:
            return
        entries = [entry for entry in self.entries() if entry.kind == kind]
        batch: list[tuple[chain.Entry, list[int]]] = []
        place = 0
        for entry in entries:
            some = []
            while place < len(left) and left[place] <= entry.last:
                some.append(left[place])
                place += 1
            if some:
                batch.append((entry, some))
            if len(batch) == ENTRIES:
                yield batch
                batch = []
        if batch:
            yield batch

    def _remove_of(self, connection: sa.Connection, kind: str, entry: chain.Entry, numbers: list[int]) -> bool:
        """Delete some records of an entry; True where none is left."""
        table, seal = SEALS[kind]
        going, leaves = set(numbers), []
        query = sa.select(table).where(table.c.seq.between(entry.first, entry.last))
        left = 0
        for row in connection.execute(query):
            if row.seq in going:
                try:
                    leaves.append({"kind": kind, "seq": row.seq, "leaf": seal(row).leaf})
                except ValueError as error:
                    raise self._broken(f"{kind} {row.seq}", error) from None
            else:
                left += 1
        gone = schema.removed
        for some in slices(sorted(going), LOOK_UP):
            connection.execute(table.delete().where(table.c.seq.in_(some)))
        if left:
            if leaves:
                connection.execute(self._insert(gone).on_conflict_do_nothing(), leaves)
            return False
        connection.execute(gone.delete().where(gone.c.kind == kind, gone.c.seq.between(entry.first, entry.last)))
        return True

    # people

    def _people(self, policy: Policy, now: datetime, by: str, dry_run: bool) -> _People:
        """Take the addresses of people's devices away: what was seen of them goes, a keyed hash with the kind stays."""
        going = _People()
        if policy.people_days is None:
            return going
        limit = now - timedelta(days=policy.people_days)
        marked = {(remark.site, remark.device) for remark in self.remarks()} | set(corrections.read(self).locks)
        sites: dict[str, list[tuple[Identity, datetime]]] = {}
        for device in self.devices():
            if device.last_seen is not None and device.last_seen < limit and (device.site, device.device) not in marked:
                identity = Identity(
                    device=device.device, site=device.site, slots=device.slots, macs=device.macs, addresses=device.addresses
                )
                if is_persons(identity) and not device.device.startswith("hashed-"):
                    sites.setdefault(device.site, []).append((identity, device.last_seen))
        for site, strangers in sorted(sites.items()):
            self._strangers(site, strangers, now, by, dry_run, going)
        return going

    def _strangers(
        self, site: str, strangers: list[tuple[Identity, datetime]], now: datetime, by: str, dry_run: bool, going: _People
    ) -> None:
        names = {one.device for one, _ in strangers}
        table = schema.observation
        with self._read() as connection:
            rows = connection.execute(sa.select(*OBSERVED).where(table.c.site == stored_text(site)).order_by(table.c.seq)).all()
        seen = [(row.seq, read_observation(row)) for row in rows]
        known = correlate([one for _, one in seen], corrections.read(self).ties)
        observations = [seq for seq, one in seen if known.device_of(one) in names]
        identities: list[int] = []
        findings: list[int] = []
        stored = [stored_text(name) for name in names]
        with self._read() as connection:
            for some in slices(stored, LOOK_UP):
                for kind, found in ((schema.identity, identities), (schema.finding, findings)):
                    query = sa.select(kind.c.seq).where(kind.c.site == stored_text(site), kind.c.device.in_(some))
                    found += connection.execute(query).scalars()
        if not dry_run:
            key = pseudonym_key(self.home) if self.home is not None else b"\0" * 32
            self._hashed(site, strangers, key)
            for name, numbers in (("observation", observations), ("finding", findings), ("identity", identities)):
                self._remove(name, numbers, now, by, {"people": len(names)})
            self._forget(site, stored)
        going.observations.update(observations)
        going.identities.update(identities)
        going.findings.update(findings)
        going.devices += len(names)

    def _hashed(self, site: str, strangers: list[tuple[Identity, datetime]], key: bytes) -> None:
        """Store the hashed names first: killed here, a device stands twice until the next run, never not at all."""
        by_time: dict[datetime, list[Identity]] = {}
        for one, seen in strangers:
            kind = {"kind": one.slots["kind"]} if "kind" in one.slots else {}
            fresh = Identity(device=pseudonym(key, site, one.device), site=site, slots=kind, confidence=dict.fromkeys(kind, 0.5))
            by_time.setdefault(seen, []).append(fresh)
        for seen, some in sorted(by_time.items()):
            self.save_identities(None, some, seen)

    def _forget(self, site: str, stored: list[str]) -> None:
        """Take the names out of the lists and links."""
        place = stored_text(site)
        for some in slices(stored, LOOK_UP):
            with self._write() as connection:
                for table in (schema.device, schema.identity_scan, schema.finding_head, schema.retired):
                    connection.execute(table.delete().where(table.c.site == place, table.c.device.in_(some)))
                link = schema.finding_scan.c
                orphan = ~sa.exists().where(schema.finding.c.seq == link.seq)
                connection.execute(schema.finding_scan.delete().where(orphan))

    def _compact(self) -> list[str]:
        """Rewrite the file where much of it is free and the disk has room; says what it could not do."""
        if self._engine.dialect.name != "sqlite":
            return []
        with self._read() as connection:
            pages, free, size = (
                connection.exec_driver_sql(f"PRAGMA {word}").scalar_one() for word in ("page_count", "freelist_count", "page_size")
            )
        if pages == 0 or free / pages < COMPACT_ABOVE:
            return []
        needed = 2 * (pages - free) * size
        room = opening.free_bytes(self.where)
        if room is not None and room < needed:
            return [f"{free * size} bytes in the file are free for new records; giving them back to the disk needs {needed} bytes of room"]
        with opening.guarded(self.where):
            opening.compact(self._engine)
        return []


def _ended(scan: ScanRecord) -> datetime | None:
    return scan.finished or scan.started


def _before(now: datetime, days: int) -> int:
    return micros(now - timedelta(days=days))


def _estimate(told: Retained) -> int:
    return told.observations * (OBSERVATION_BYTES - LEAF_BYTES) + told.identities * (IDENTITY_BYTES - LEAF_BYTES)


def _both(a: Retained, b: Retained) -> Retained:
    names = ("observations", "identities", "findings", "raws", "coverage", "people")
    return Retained(**{name: getattr(a, name) + getattr(b, name) for name in names}, notes=a.notes + b.notes)
