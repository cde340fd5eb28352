"""The inventory in SQL: SQLite by default, PostgreSQL for the hub, the same statements for both."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from netcam.errors import StoreError
from netcam.inventory import engine as opening
from netcam.inventory import schema
from netcam.inventory.packing import (
    claims_apart,
    conclusion,
    decode,
    deflate,
    encode,
    inflate,
    instant,
    joined,
    micros,
    observation_digest,
    read_text,
    stored_text,
)
from netcam.inventory.port import DONE, MAX_RAW, Device, IdentityVersion, Remark, checked_raw, checked_remark, device_of, pick_scan
from netcam.model import Coverage, CoverageState, Finding, Identity, Observation, ScanRecord

BATCH = 20_000
"""Observations of one transaction: a commit costs a disk flush, a long one holds up other writers."""
LOOK_UP = 400
"""Keys of one query, under SQLite's old limit of 999 parameters."""
PAGE = 5_000
"""Rows read at once, so that a reader holds no transaction open while its caller works."""

T = TypeVar("T")

_SLOT_COLUMNS = ("kind", "brand", "maker", "model", "firmware")
_remark_decoder = msgspec.json.Decoder(Remark)


class SqlInventory:
    """The store behind a path or a database address."""

    def __init__(self, target: str | Path) -> None:
        """Open `target`, made or migrated where needed. Raises StoreError."""
        self._engine, self.where = opening.open_store(target)
        self._insert: Any = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert

    @contextlib.contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with opening.guarded(self.where), self._engine.connect().execution_options(netcam_write=True) as connection, connection.begin():
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(opening.WRITER_LOCK)))
            yield connection

    @contextlib.contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with opening.guarded(self.where), self._engine.connect() as connection, connection.begin():
            yield connection

    def _broken(self, what: str, error: Exception) -> StoreError:
        return StoreError(self.where, f"{what} is damaged: {str(error)[:200]}", "restore the last backup")

    def check(self) -> None:
        """Check every page of a SQLite store. Raises StoreError where one is damaged."""
        opening.check(self._engine, self.where)

    def backup(self, target: Path) -> None:
        """Copy a SQLite store, whole and at one moment, while others write. Raises StoreError."""
        if self._engine.dialect.name != "sqlite":
            raise StoreError(self.where, "is a PostgreSQL database", "back it up with pg_dump")
        if target.exists():
            raise StoreError(str(target), "is already there", "give another file")
        with opening.guarded(self.where):
            opening.copy(self._engine, target)
        target.chmod(0o600)

    # observations and raw answers

    def record(self, observations: Iterable[Observation]) -> int:
        """See Inventory.record."""
        statement = self._insert(schema.observation).on_conflict_do_nothing()
        new = 0
        arriving = iter(observations)
        while batch := list(itertools.islice(arriving, BATCH)):
            # a repeat inside one batch counts once in the twin, so it must not reach the row count here
            rows = {digest: _row(seen, digest) for seen in batch for digest in (observation_digest(seen)[:16],)}
            with self._write() as connection:
                if self._engine.dialect.name == "sqlite":
                    new += connection.execute(statement, list(rows.values())).rowcount
                    continue
                # a batch has no row count in PostgreSQL; writers queue, so what is there now is all there is
                column = schema.observation.c.digest
                for there in connection.execute(sa.select(column).where(column.in_(list(rows)))).scalars().all():
                    del rows[there]
                if rows:
                    connection.execute(schema.observation.insert(), list(rows.values()))
                new += len(rows)
        return new

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
        table = schema.observation.c
        query = sa.select(schema.observation).order_by(table.seq).limit(PAGE)
        for column, wanted in ((table.key, device), (table.address, address), (table.site, site), (table.scan, scan)):
            if wanted is not None:
                query = query.where(column == stored_text(wanted))
        if since is not None:
            query = query.where(table.at >= micros(since))
        if until is not None:
            query = query.where(table.at < micros(until))
        last = 0
        while True:
            with self._read() as connection:
                page = connection.execute(query.where(table.seq > last)).all()
            for row in page:
                yield _observation(row)
            if len(page) < PAGE:
                return
            last = page[-1].seq

    def keep(self, raw: bytes) -> str:
        """See Inventory.keep."""
        checked_raw(raw)
        digest = hashlib.sha256(raw)
        with self._write() as connection:
            connection.execute(
                self._insert(schema.raw).on_conflict_do_nothing(), {"digest": digest.digest(), "size": len(raw), "body": deflate(raw)}
            )
        return digest.hexdigest()

    def raw(self, digest: str) -> bytes | None:
        """See Inventory.raw."""
        try:
            wanted = bytes.fromhex(digest)
        except ValueError:
            return None
        with self._read() as connection:
            body = connection.execute(sa.select(schema.raw.c.body).where(schema.raw.c.digest == wanted)).scalar()
        if body is None:
            return None
        try:
            data = inflate(body, MAX_RAW)
        except ValueError as error:
            raise self._broken(f"raw answer {digest[:12]}", error) from None
        if hashlib.sha256(data).digest() != wanted:
            raise self._broken(f"raw answer {digest[:12]}", ValueError("its bytes have another digest"))
        return data

    # scans and coverage

    def save_scan(self, scan: ScanRecord) -> None:
        """See Inventory.save_scan."""
        statement = self._insert(schema.scan)
        body = encode(scan)
        statement = statement.values(id=stored_text(scan.id), site=stored_text(scan.site), body=body)
        statement = statement.on_conflict_do_update(index_elements=["id"], set_={"site": stored_text(scan.site), "body": body})
        with self._write() as connection:
            connection.execute(statement)

    def scans(self, site: str | None = None) -> list[ScanRecord]:
        """See Inventory.scans."""
        query = sa.select(schema.scan.c.id, schema.scan.c.body).order_by(schema.scan.c.seq)
        if site is not None:
            query = query.where(schema.scan.c.site == stored_text(site))
        with self._read() as connection:
            return [self._decoded(row.body, ScanRecord, f"scan {row.id}") for row in connection.execute(query)]

    def scan(self, reference: str, *, site: str | None = None) -> ScanRecord:
        """See Inventory.scan."""
        return pick_scan(self.scans(site), reference)

    def cover(self, scan: str, coverage: Iterable[Coverage]) -> None:
        """See Inventory.cover."""
        statement = self._insert(schema.coverage)
        told = {"state": statement.excluded.state, "reason": statement.excluded.reason}
        statement = statement.on_conflict_do_update(index_elements=["scan", "address"], set_=told)
        lines = {line.address: line for line in coverage}  # PostgreSQL refuses to touch a row twice in one statement
        rows = [
            {"scan": stored_text(scan), "address": stored_text(line.address), "state": line.state.value, "reason": stored_text(line.reason)}
            for line in lines.values()
        ]
        if rows:
            with self._write() as connection:
                connection.execute(statement, rows)

    def coverage(self, scan: str) -> list[Coverage]:
        """See Inventory.coverage."""
        with self._read() as connection:
            rows = connection.execute(sa.select(schema.coverage).where(schema.coverage.c.scan == stored_text(scan))).all()
        told = [Coverage(address=read_text(row.address), state=CoverageState(row.state), reason=read_text(row.reason)) for row in rows]
        return sorted(told, key=lambda line: line.address)

    def finished(self, scan: str) -> frozenset[str]:
        """See Inventory.finished."""
        table = schema.coverage.c
        query = sa.select(table.address).where(table.scan == stored_text(scan), table.state.in_([state.value for state in DONE]))
        with self._read() as connection:
            return frozenset(read_text(address) for address in connection.execute(query).scalars())

    # identities

    def save_identities(self, scan: str | None, identities: Iterable[Identity], at: datetime) -> int:
        """See Inventory.save_identities."""
        when, run = micros(at), stored_text(scan or "")
        changed = 0
        arriving = iter(identities)
        while batch := list(itertools.islice(arriving, BATCH)):
            # two identities of one device in one call: the later one holds, as if saved one after the other
            latest = {(stored_text(i.site), stored_text(i.device)): i for i in batch}
            with self._write() as connection:
                changed += self._save_identities(connection, latest, scan is not None, run, when)
        return changed

    def _save_identities(
        self, connection: sa.Connection, latest: Mapping[tuple[str, str], Identity], of_scan: bool, run: str, when: int
    ) -> int:
        heads = self._heads(connection, latest)
        seq = connection.execute(sa.select(sa.func.coalesce(sa.func.max(schema.identity.c.seq), 0))).scalar_one()
        versions, devices, links, again = [], [], [], []
        changed = 0
        for (site, device), identity in latest.items():
            digest = hashlib.sha256(encode(identity)).digest()
            head = heads.get((site, device))
            if head is not None and head.digest == digest:
                again.append(
                    {"b_site": site, "b_device": device, "b_first": min(head.first_seen, when), "b_last": max(head.last_seen, when)}
                )
                links.append({"scan": run, "site": site, "device": device, "seq": head.seq})
                continue
            seq += 1
            said = conclusion(identity)
            changed += head is None or head.conclusion != said
            brief, claims = claims_apart(identity)
            shared = {"site": site, "device": device, "seq": seq, "at": when, "digest": digest, "conclusion": said, "brief": brief}
            versions.append(shared | {"scan": run, "claims": claims})
            links.append({"scan": run, "site": site, "device": device, "seq": seq})
            if head is None or when >= head.at:
                slots = {slot: None if (value := identity.get(slot)) is None else stored_text(value) for slot in _SLOT_COLUMNS}
                seen = {"first_seen": when if head is None else min(head.first_seen, when)}
                seen["last_seen"] = when if head is None else max(head.last_seen, when)
                devices.append(shared | slots | seen | {"is_camera": identity.is_camera})
            else:
                again.append({"b_site": site, "b_device": device, "b_first": min(head.first_seen, when), "b_last": head.last_seen})
        if versions:
            connection.execute(schema.identity.insert(), versions)
        if devices:
            statement = self._insert(schema.device)
            told = {name: statement.excluded[name] for name in devices[0] if name not in ("site", "device")}
            connection.execute(statement.on_conflict_do_update(index_elements=["site", "device"], set_=told), devices)
        if again:
            connection.execute(
                schema.device.update()
                .where(schema.device.c.site == sa.bindparam("b_site"), schema.device.c.device == sa.bindparam("b_device"))
                .values(first_seen=sa.bindparam("b_first"), last_seen=sa.bindparam("b_last")),
                again,
            )
        if of_scan and links:
            statement = self._insert(schema.identity_scan)
            statement = statement.on_conflict_do_update(index_elements=["scan", "site", "device"], set_={"seq": statement.excluded.seq})
            connection.execute(statement, links)
        return changed

    def _heads(self, connection: sa.Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        """The stored head of each (site, device)."""
        table = schema.device.c
        by_site: dict[str, list[str]] = {}
        for site, device in keys:
            by_site.setdefault(site, []).append(device)
        heads: dict[tuple[str, str], Any] = {}
        query = sa.select(table.site, table.device, table.seq, table.at, table.first_seen, table.last_seen, table.digest, table.conclusion)
        for site, names in by_site.items():
            for some in _slices(names, LOOK_UP):
                rows = connection.execute(query.where(table.site == site, table.device.in_(some)))
                heads |= {(row.site, row.device): row for row in rows}
        return heads

    def identities(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, evidence: bool = True
    ) -> list[Identity]:
        """See Inventory.identities."""
        table = schema.identity.c
        columns = [table.device, table.brief, *([table.claims] if evidence else [])]
        query = sa.select(*columns)
        if scan is not None:
            link = schema.identity_scan.c
            query = query.join_from(schema.identity_scan, schema.identity, link.seq == table.seq).where(link.scan == stored_text(scan))
        elif at is None:
            query = query.join_from(schema.device, schema.identity, schema.device.c.seq == table.seq)
        else:
            query = query.where(table.seq.in_(_as_of(schema.identity, (table.site, table.device), at)))
        if site is not None:
            query = query.where(table.site == stored_text(site))
        with self._read() as connection:
            rows = connection.execute(query).all()
        found = [self._identity(row, evidence) for row in rows]
        return sorted(found, key=lambda i: (i.site, i.device))

    def _identity(self, row: Any, evidence: bool) -> Identity:
        try:
            return joined(row.brief, row.claims) if evidence else decode(row.brief, Identity)
        except ValueError as error:
            raise self._broken(f"the identity of {row.device}", error) from None

    def _decoded(self, body: bytes, kind: type[Any], what: str) -> Any:
        try:
            return decode(body, kind)
        except ValueError as error:
            raise self._broken(what, error) from None

    def history(self, device: str, *, site: str | None = None) -> list[IdentityVersion]:
        """See Inventory.history."""
        table = schema.identity.c
        query = sa.select(schema.identity).where(table.device == stored_text(device))
        if site is not None:
            query = query.where(table.site == stored_text(site))
        with self._read() as connection:
            rows = connection.execute(query).all()
        told: list[IdentityVersion] = []
        before: tuple[str, bytes] = ("", b"")
        for row in sorted(rows, key=lambda row: (read_text(row.site), row.at, row.seq)):
            if (row.site, row.conclusion) != before:
                told.append(IdentityVersion(at=instant(row.at), scan=read_text(row.scan), identity=self._identity(row, True)))
            before = (row.site, row.conclusion)
        return told

    def devices(
        self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None, limit: int | None = None
    ) -> list[Device]:
        """See Inventory.devices."""
        table = schema.device.c
        query = sa.select(table.device, table.brief, table.first_seen, table.last_seen)
        if site is not None:
            query = query.where(table.site == stored_text(site))
        if camera is not None:
            query = query.where(table.is_camera.is_(camera))
        rest = {}
        for slot, value in (slots or {}).items():
            if slot in _SLOT_COLUMNS:
                query = query.where(table[slot] == stored_text(value))
            else:
                rest[slot] = value
        with self._read() as connection:
            rows = connection.execute(query).all()
        listed = []
        for row in rows:
            identity = self._decoded(row.brief, Identity, f"the identity of {row.device}")
            if all(identity.slots.get(slot) == value for slot, value in rest.items()):
                listed.append(device_of(identity, instant(row.first_seen), instant(row.last_seen)))
        return sorted(listed, key=lambda d: (d.site, d.device))[:limit]

    # findings

    def save_findings(self, scan: str | None, findings: Iterable[Finding], at: datetime) -> int:
        """See Inventory.save_findings."""
        when, run = micros(at), stored_text(scan or "")
        changed = 0
        arriving = iter(findings)
        while batch := list(itertools.islice(arriving, BATCH)):
            with self._write() as connection:
                changed += self._save_findings(connection, {f.key: f for f in batch}, scan is not None, run, when)
        return changed

    def _save_findings(self, connection: sa.Connection, latest: Mapping[str, Finding], of_scan: bool, run: str, when: int) -> int:
        head_table = schema.finding_head
        stored: dict[str, Any] = {}
        for some in _slices(list(latest), LOOK_UP):
            stored |= {row.key: row for row in connection.execute(sa.select(head_table).where(head_table.c.key.in_(some)))}
        seq = connection.execute(sa.select(sa.func.coalesce(sa.func.max(schema.finding.c.seq), 0))).scalar_one()
        versions, heads, links = [], [], []
        for key, finding in latest.items():
            body = encode(finding)
            digest = hashlib.sha256(body).digest()
            head = stored.get(key)
            held = {"key": key, "site": stored_text(finding.site), "device": stored_text(finding.device)}
            first, last = (when, when) if head is None else (min(head.first_seen, when), max(head.last_seen, when))
            if head is None or head.digest != digest:
                seq += 1
                versions.append(held | {"seq": seq, "at": when, "scan": run, "digest": digest, "body": deflate(body)})
                links.append({"scan": run, "key": key, "seq": seq})
                if head is None or when >= head.at:
                    heads.append(held | {"seq": seq, "at": when, "first_seen": first, "last_seen": last, "digest": digest})
                    continue
            else:
                links.append({"scan": run, "key": key, "seq": head.seq})
            heads.append(held | {"seq": head.seq, "at": head.at, "first_seen": first, "last_seen": last, "digest": head.digest})
        if versions:
            connection.execute(schema.finding.insert(), versions)
        if heads:
            statement = self._insert(head_table)
            told = {name: statement.excluded[name] for name in ("seq", "at", "first_seen", "last_seen", "digest")}
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=told), heads)
        if of_scan and links:
            statement = self._insert(schema.finding_scan)
            statement = statement.on_conflict_do_update(index_elements=["scan", "key"], set_={"seq": statement.excluded.seq})
            connection.execute(statement, links)
        return len(versions)

    def findings(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, device: str | None = None
    ) -> list[Finding]:
        """See Inventory.findings."""
        table = schema.finding.c
        query = sa.select(table.key, table.body)
        if scan is not None:
            link = schema.finding_scan.c
            query = query.join_from(schema.finding_scan, schema.finding, link.seq == table.seq).where(link.scan == stored_text(scan))
        elif at is None:
            query = query.join_from(schema.finding_head, schema.finding, schema.finding_head.c.seq == table.seq)
        else:
            query = query.where(table.seq.in_(_as_of(schema.finding, (table.key,), at)))
        if site is not None:
            query = query.where(table.site == stored_text(site))
        if device is not None:
            query = query.where(table.device == stored_text(device))
        with self._read() as connection:
            rows = connection.execute(query).all()
        found: list[Finding] = []
        for row in rows:
            try:
                found.append(decode(inflate(row.body, opening.MAX_BODY), Finding))
            except ValueError as error:
                raise self._broken(f"finding {row.key}", error) from None
        return sorted(found, key=lambda f: (f.site, f.device, f.kind, f.rule, f.key))

    # what the operator says

    def remark(self, remark: Remark) -> None:
        """See Inventory.remark."""
        checked_remark(remark)
        body = msgspec.json.encode(remark)
        statement = self._insert(schema.remark).values(site=stored_text(remark.site), device=stored_text(remark.device), body=body)
        with self._write() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["site", "device"], set_={"body": body}))

    def remarks(self, *, site: str | None = None) -> list[Remark]:
        """See Inventory.remarks."""
        query = sa.select(schema.remark.c.device, schema.remark.c.body)
        if site is not None:
            query = query.where(schema.remark.c.site == stored_text(site))
        with self._read() as connection:
            rows = connection.execute(query).all()
        try:
            told = [_remark_decoder.decode(row.body) for row in rows]
        except msgspec.DecodeError as error:
            raise self._broken("a remark", error) from None
        return sorted(told, key=lambda remark: (remark.site, remark.device))

    def close(self) -> None:
        """See Inventory.close."""
        self._engine.dispose()


def _as_of(table: sa.Table, keys: Sequence[sa.ColumnElement[Any]], at: datetime) -> sa.Select[Any]:
    """The seq of the latest version of each key not later than `at`."""
    order = [table.c.at.desc(), table.c.seq.desc()]
    ranked = (
        sa.select(table.c.seq, sa.func.row_number().over(partition_by=list(keys), order_by=order).label("rank"))
        .where(table.c.at <= micros(at))
        .subquery()
    )
    return sa.select(ranked.c.seq).where(ranked.c.rank == 1)


def _slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _row(seen: Observation, digest: bytes) -> dict[str, Any]:
    return {
        "digest": digest, "field": stored_text(seen.field), "value": stored_text(seen.value),
        "at": None if seen.at is None else micros(seen.at), "site": stored_text(seen.site), "sensor": stored_text(seen.sensor),
        "endpoint": stored_text(seen.endpoint), "mac": stored_text(seen.mac), "via": stored_text(seen.via),
        "device": stored_text(seen.device), "scan": stored_text(seen.scan), "raw": stored_text(seen.raw),
        "key": stored_text(seen.key), "address": stored_text(seen.address),
    }  # fmt: skip


def _observation(row: Any) -> Observation:
    return Observation(
        field=read_text(row.field), value=read_text(row.value), at=None if row.at is None else instant(row.at),
        site=read_text(row.site), sensor=read_text(row.sensor), endpoint=read_text(row.endpoint), mac=read_text(row.mac),
        via=read_text(row.via), device=read_text(row.device), scan=read_text(row.scan), raw=read_text(row.raw),
    )  # fmt: skip
