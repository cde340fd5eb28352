"""Observations, raw answers, scans and coverage in SQL."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from netcam.inventory import schema
from netcam.inventory.packing import deflate, encode, inflate, micros, observation_digest, read_text, stored_text
from netcam.inventory.port import DONE, MAX_RAW, RETENTION, Folded, checked_raw, pick_scan
from netcam.inventory.sql.base import BATCH, PAGE
from netcam.inventory.sql.ledger import OBSERVED, Ledger, append, next_number, read_observation
from netcam.model import Coverage, CoverageState, Observation, ScanRecord


class Observations(Ledger):
    """What was seen, and where was looked."""

    def record(self, observations: Iterable[Observation]) -> int:
        """See Inventory.record."""
        new = 0
        arriving = iter(observations)
        while batch := list(itertools.islice(arriving, BATCH)):
            # a repeat inside one batch counts once in the twin, so it must not reach the row count here
            wholes = {digest[:16]: (digest, seen) for seen in batch for digest in (observation_digest(seen),)}
            with self._write() as connection:
                new += self._record(connection, wholes)
        return new

    def _record(self, connection: sa.Connection, wholes: dict[bytes, tuple[bytes, Observation]]) -> int:
        table = schema.observation
        before = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.seq), 0))).scalar_one()
        if self._engine.dialect.name == "sqlite":
            rows = [_row(seen, short) for short, (_, seen) in wholes.items()]
            connection.execute(self._insert(table).on_conflict_do_nothing(), rows)
        else:
            # writers queue, so what is there now is all there is; a conflict clause would burn a number for every repeat
            for there in connection.execute(sa.select(table.c.digest).where(table.c.digest.in_(list(wholes)))).scalars().all():
                del wholes[there]
            if wholes:
                connection.execute(table.insert(), [_row(seen, short) for short, (_, seen) in wholes.items()])
        stored = connection.execute(sa.select(table.c.seq, table.c.digest).where(table.c.seq > before).order_by(table.c.seq)).all()
        if stored:
            append(connection, "observation", [wholes[row.digest][0] for row in stored], stored[0].seq, stored[-1].seq)
        return len(stored)

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
        table = schema.observation.c
        query = sa.select(*OBSERVED).order_by(table.seq).limit(PAGE)
        for column, wanted in ((table.key, device), (table.address, address), (table.site, site), (table.scan, scan)):
            if wanted is not None:
                query = query.where(column == stored_text(wanted))
        if since is not None:
            query = query.where(table.at >= micros(since))
        if until is not None:
            query = query.where(table.at < micros(until))
        if upto is not None:
            query = query.where(table.seq <= upto)
        last = after
        while True:
            with self._read() as connection:
                # plain tuples: a million rows are read at once, and the names of their columns cost as much as the rows
                page = connection.execute(query.where(table.seq > last)).cursor.fetchall()
            yield from map(read_observation, page)
            if len(page) < PAGE:
                return
            last = page[-1][-1]

    def newest(self) -> int:
        """See Inventory.newest."""
        with self._read() as connection:
            return next_number(connection, "observation") - 1

    def folded(self, site: str) -> Folded:
        """See Inventory.folded."""
        table = schema.folded.c
        with self._read() as connection:
            rows = connection.execute(sa.select(table.scan, table.upto, table.body).where(table.site == stored_text(site))).all()
            removals = _removals(connection)
        parts = {read_text(row.scan): bytes(row.body) for row in rows}
        return Folded(upto=max((row.upto for row in rows), default=0), parts=parts, removals=removals)

    def save_folded(self, site: str, parts: Mapping[str, bytes], upto: int, *, before: Folded, whole: bool) -> bool:
        """See Inventory.save_folded."""
        table, place = schema.folded, stored_text(site)
        rows = [{"site": place, "scan": stored_text(scan), "upto": upto, "body": body} for scan, body in parts.items()]
        statement = self._insert(table)
        told = {"upto": statement.excluded.upto, "body": statement.excluded.body}
        statement = statement.on_conflict_do_update(index_elements=["site", "scan"], set_=told)
        with self._write() as connection:
            held = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.upto), 0)).where(table.c.site == place)).scalar_one()
            if held != before.upto or _removals(connection) != before.removals:
                return False
            if whole:
                connection.execute(table.delete().where(table.c.site == place))
            if rows:
                connection.execute(statement, rows)
        return True

    def keep(self, raw: bytes) -> str:
        """See Inventory.keep."""
        return self.keep_all([raw])[0]

    def keep_all(self, raws: Sequence[bytes]) -> list[str]:
        """See Inventory.keep_all."""
        for raw in raws:
            checked_raw(raw)
        digests = [hashlib.sha256(raw).digest() for raw in raws]
        rows = [{"digest": digest, "size": len(raw), "body": deflate(raw)} for digest, raw in zip(digests, raws, strict=True)]
        if rows:
            with self._write() as connection:
                connection.execute(self._insert(schema.raw).on_conflict_do_nothing(), rows)
        return [digest.hex() for digest in digests]

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

    def coverage(self, scan: str, *, address: str | None = None) -> list[Coverage]:
        """See Inventory.coverage."""
        query = sa.select(schema.coverage).where(schema.coverage.c.scan == stored_text(scan))
        if address is not None:
            query = query.where(schema.coverage.c.address == stored_text(address))
        with self._read() as connection:
            rows = connection.execute(query).all()
        told = [Coverage(address=read_text(row.address), state=CoverageState(row.state), reason=read_text(row.reason)) for row in rows]
        return sorted(told, key=lambda line: line.address)

    def finished(self, scan: str) -> frozenset[str]:
        """See Inventory.finished."""
        table = schema.coverage.c
        query = sa.select(table.address).where(table.scan == stored_text(scan), table.state.in_([state.value for state in DONE]))
        with self._read() as connection:
            return frozenset(read_text(address) for address in connection.execute(query).scalars())


def _removals(connection: sa.Connection) -> int:
    table = schema.action.c
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.seq), 0)).where(table.kind == RETENTION)).scalar_one())


def _row(seen: Observation, digest: bytes) -> dict[str, Any]:
    return {
        "digest": digest, "field": stored_text(seen.field), "value": stored_text(seen.value),
        "at": None if seen.at is None else micros(seen.at), "site": stored_text(seen.site), "sensor": stored_text(seen.sensor),
        "endpoint": stored_text(seen.endpoint), "mac": stored_text(seen.mac), "via": stored_text(seen.via),
        "device": stored_text(seen.device), "scan": stored_text(seen.scan), "raw": stored_text(seen.raw),
        "key": stored_text(seen.key), "address": stored_text(seen.address),
    }  # fmt: skip
