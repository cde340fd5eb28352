"""Identities, the device list and findings in SQL."""

from __future__ import annotations

import hashlib
import itertools
import operator
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from netcam.inventory import chain, schema
from netcam.inventory.packing import (
    Listed,
    claims_apart,
    conclusion,
    decode,
    deflate,
    encode,
    inflate,
    instant,
    joined,
    micros,
    read_listed,
    read_text,
    stored_text,
)
from netcam.inventory.port import RETIRE, Device, FindingVersion, IdentityVersion, Spans, as_ordered, retire_body, scan_ends
from netcam.inventory.sql.base import BATCH, LOOK_UP, MAX_BODY, slices
from netcam.inventory.sql.ledger import Ledger, append, next_number
from netcam.inventory.sql.operator import act
from netcam.model import CAMERA_KINDS, Finding, Identity, ScanRecord, address_order
from netcam.model.collector import paused

_TELLS = {"kind": 2, "brand": 1, "maker": 1, "model": 0, "firmware": 0}
"""Slots with a column of their own -> how little a value tells: most of an estate is of one kind, and of few makers."""
_SLOT_COLUMNS = tuple(_TELLS)
FEW = 2_000
"""Devices whose runs are looked up one by one; above, a run is read whole."""
_PLAIN = re.compile(r"[ !#-\[\]-~]+")
"""Values that JSON writes in one way alone, so that a record which does not hold these bytes does not hold the value."""
_SITE_AND_DEVICE = operator.attrgetter("site", "device")


def _in_records(slots: Mapping[str, str] | None) -> dict[str, str]:
    """The slots without a column, which are held against the records themselves."""
    return {slot: value for slot, value in (slots or {}).items() if slot not in _TELLS}


def _these(table: Any, keys: Iterable[tuple[str, str]]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that find some (site, device), as they are stored, by the index; in pieces that one query holds."""
    by_site: dict[str, list[str]] = {}
    for site, device in keys:
        by_site.setdefault(site, []).append(device)
    return (sa.and_(table.site == site, table.device.in_(some)) for site, names in by_site.items() for some in slices(names, LOOK_UP))


def _later(told: dict[tuple[str, str], tuple[int, int]], key: tuple[str, str], when: int) -> None:
    """Take note that a device of the list was seen as late as `when`."""
    known = told.get(key)
    if known is not None and known[1] < when:
        told[key] = known[0], when


def _span(head: Any, key: tuple[str, str], when: int, seen: Spans | None) -> tuple[int, int]:
    """When a device of the list was first and last seen, now that it is judged again; `head` is None where it is new."""
    told = None if seen is None else seen.get(key)
    if told is not None:
        first, last = map(micros, told)
    elif seen is None or head is None:
        first = last = when
    else:
        return head.first_seen, head.last_seen
    return (first, last) if head is None else (min(head.first_seen, first), max(head.last_seen, last))


class _Instants(dict[int, datetime]):
    """Stored microseconds -> their time: a list of devices tells few times, each often."""

    def __missing__(self, stored: int) -> datetime:
        at = self[stored] = instant(stored)
        return at


class Verdicts(Ledger):
    """What was made of the observations."""

    def save_identities(
        self, scan: str | None, identities: Iterable[Identity], at: datetime, *, seen: Spans | None = None
    ) -> int:  # fmt: skip
        """See Inventory.save_identities."""
        when, run = micros(at), stored_text(scan or "")
        changed = 0
        arriving = iter(identities)
        while batch := list(itertools.islice(arriving, BATCH)):
            # two identities of one device in one call: the later one holds, as if saved one after the other
            latest = {(stored_text(i.site), stored_text(i.device)): i for i in batch}
            with self._write() as connection:
                changed += self._save_identities(connection, latest, scan is not None, run, when, seen)
        return changed

    def _save_identities(
        self, connection: sa.Connection, latest: Mapping[tuple[str, str], Identity], of_scan: bool, run: str, when: int,
        seen: Spans | None,
    ) -> int:  # fmt: skip
        heads = self._heads(connection, latest)
        seq = next_number(connection, "identity") - 1
        versions, devices, links, again = [], [], [], []
        leaves: list[bytes] = []
        changed, first = 0, seq + 1
        for (site, device), identity in latest.items():
            brief, claims = claims_apart(identity)
            content = chain.identity_content(brief, claims)
            digest = hashlib.sha256(content).digest()
            head = heads.get((site, device))
            first_seen, last_seen = _span(head, (identity.site, identity.device), when, seen)
            moved = {"b_site": site, "b_device": device, "b_first": first_seen, "b_last": last_seen}
            if head is not None and head.digest == digest:
                again.append(moved)
                links.append({"scan": run, "site": site, "device": device, "seq": head.seq})
                continue
            seq += 1
            said = conclusion(identity)
            changed += head is None or head.conclusion != said
            sealed = chain.seal_content("identity", seq, content, identity.site, identity.device, str(when), read_text(run))
            leaves.append(sealed.leaf)
            shared = {"site": site, "device": device, "seq": seq, "at": when, "digest": digest, "conclusion": said, "brief": brief}
            versions.append(shared | {"scan": run, "claims": deflate(claims)})
            links.append({"scan": run, "site": site, "device": device, "seq": seq})
            if head is None or when >= head.at:
                slots = {slot: None if (value := identity.get(slot)) is None else stored_text(value) for slot in _SLOT_COLUMNS}
                place = address_order(next(iter(identity.addresses), None))
                times = {"first_seen": first_seen, "last_seen": last_seen}
                devices.append(shared | slots | times | {"is_camera": identity.is_camera, "place": place})
            else:
                again.append(moved)
        if versions:
            connection.execute(schema.identity.insert(), versions)
            append(connection, "identity", leaves, first, seq)
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
        heads: dict[tuple[str, str], Any] = {}
        query = sa.select(table.site, table.device, table.seq, table.at, table.first_seen, table.last_seen, table.digest, table.conclusion)
        for some in _these(table, keys):
            heads |= {(row.site, row.device): row for row in connection.execute(query.where(some))}
        return heads

    def identities(
        self, at: datetime | None = None, *, scan: str | None = None, site: str | None = None, evidence: bool = True,
        only: Collection[tuple[str, str]] | None = None,
    ) -> list[Identity]:  # fmt: skip
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
            gone = schema.retired.c
            taken_in = sa.exists().where(
                gone.site == table.site, gone.device == table.device, gone.seq >= table.seq, gone.at <= micros(at)
            )  # fmt: skip
            query = query.where(table.seq.in_(_as_of(schema.identity, (table.site, table.device), at)), ~taken_in)
        if site is not None:
            query = query.where(table.site == stored_text(site))
        listed = table if scan is not None or at is not None else schema.device.c
        asked = (
            [query] if only is None else [query.where(one) for one in _these(listed, ((stored_text(s), stored_text(d)) for s, d in only))]
        )
        with self._read() as connection:
            rows = [row for one in asked for row in connection.execute(one)]
        found = [self._identity(row, evidence) for row in rows]
        return sorted(found, key=lambda i: (i.site, i.device))

    def retire(self, site: str, into: Mapping[str, str], at: datetime, *, by: str) -> None:
        """See Inventory.retire."""
        if not into:
            return
        place, names = stored_text(site), [stored_text(name) for name in into]
        with self._write() as connection:
            seq = next_number(connection, "identity") - 1
            rows = [{"site": place, "device": name, "seq": seq, "at": micros(at)} for name in names]
            connection.execute(self._insert(schema.retired).on_conflict_do_nothing(), rows)
            for some in slices(names, LOOK_UP):
                head = schema.device
                connection.execute(head.delete().where(head.c.site == place, head.c.device.in_(some)))
                finding = schema.finding_head
                connection.execute(finding.delete().where(finding.c.site == place, finding.c.device.in_(some)))
            act(connection, RETIRE, retire_body(site, into), at, by)

    def _identity(self, row: Any, evidence: bool) -> Identity:
        try:
            return joined(row.brief, row.claims) if evidence else decode(row.brief, Identity)
        except ValueError as error:
            raise self._broken(f"the identity of {row.device}", error) from None

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
        self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None, limit: int | None = None,
        after: tuple[str, str] | None = None, by_address: bool = False,
    ) -> list[Device]:  # fmt: skip
        """See Inventory.devices."""
        table, rest = schema.device.c, _in_records(slots)
        query = sa.select(table.device, table.is_camera, table.first_seen, table.last_seen, table.brief)
        if by_address and after is not None:
            raise ValueError("pages go by site and device")
        wanted = self._listed(site, camera, slots or {})
        if limit is None and after is None:
            query = query.where(*wanted)
        else:
            # the page's keys first, from an index alone: the records of what is not shown are not read
            key = [column.collate("C") if self._engine.dialect.name == "postgresql" else column for column in (table.site, table.device)]
            if after is not None:
                wanted.append(sa.tuple_(*key) > sa.tuple_(*(sa.literal(stored_text(word)) for word in after)))
            page = sa.select(table.site, table.device).where(*wanted).order_by(*((table.place,) if by_address else ()), *key)
            shown = (page if limit is None or rest else page.limit(limit)).subquery()
            query = query.join_from(shown, schema.device, sa.and_(shown.c.site == table.site, shown.c.device == table.device))
        times, listed = _Instants(), []
        with paused():
            with self._read() as connection:
                rows = connection.execute(query).all()
            for name, is_camera, first, last, brief in rows:
                try:
                    told = read_listed(brief)
                except ValueError:
                    told = self._decoded(brief, Listed, f"the identity of {name}")
                if rest and any(told.slots.get(slot) != value for slot, value in rest.items()):
                    continue
                listed.append(
                    Device(
                        device=told.device, site=told.site, slots=told.slots, confidence=told.confidence, is_camera=is_camera,
                        addresses=told.addresses, macs=told.macs, first_seen=times[first], last_seen=times[last],
                    )
                )  # fmt: skip
        return sorted(listed, key=as_ordered if by_address else _SITE_AND_DEVICE)[:limit]

    def seen_until(self, at: datetime, *, site: str | None = None) -> dict[tuple[str, str], tuple[datetime, datetime]]:
        """See Inventory.seen_until."""
        table, link = schema.identity.c, schema.identity_scan.c
        first_and_last = (sa.func.min(table.at), sa.func.max(table.at))
        query = sa.select(table.site, table.device, *first_and_last).where(table.at <= micros(at)).group_by(table.site, table.device)
        if site is not None:
            query = query.where(table.site == stored_text(site))
        with self._read() as connection:
            told = {(where, name): (first, last) for where, name, first, last in connection.execute(query)}
            rows = connection.execute(sa.select(schema.scan.c.id, schema.scan.c.body)).all()
            scans = {row.id: self._decoded(row.body, ScanRecord, f"scan {row.id}") for row in rows}
            ends = {stored_text(scan): micros(ended) for scan, ended in scan_ends(scans.values(), at).items()}
            # the newest runs saw most of what there is; what they did not is looked up by itself
            left = set(told)
            for scan in sorted(ends, key=ends.__getitem__, reverse=True):
                if len(left) <= FEW:
                    break
                for seen in connection.execute(sa.select(link.site, link.device).where(link.scan == scan)):
                    _later(told, (seen.site, seen.device), ends[scan])
                    left.discard((seen.site, seen.device))
            for some in slices(sorted({name for _, name in left}), LOOK_UP):
                for row in connection.execute(sa.select(link.site, link.device, link.scan).where(link.device.in_(some))):
                    _later(told, (row.site, row.device), ends.get(row.scan, 0))
        times = _Instants()
        return {(read_text(where), read_text(name)): (times[first], times[last]) for (where, name), (first, last) in told.items()}

    def spellings(self, slot: str, text: str) -> list[str]:
        """See Inventory.spellings."""
        if slot in _TELLS:
            with self._read() as connection:
                values = connection.execute(sa.select(schema.device.c[slot]).distinct()).scalars().all()
            told = {read_text(value) for value in values if value is not None}
        else:
            told = {one.slots[slot] for one in self.devices() if slot in one.slots}
        return sorted(value for value in told if value.casefold() == text.casefold())

    def count_devices(self, *, site: str | None = None, camera: bool | None = None, slots: Mapping[str, str] | None = None) -> int:
        """See Inventory.count_devices."""
        if _in_records(slots):
            return len(self.devices(site=site, camera=camera, slots=slots))
        query = sa.select(sa.func.count()).select_from(schema.device).where(*self._listed(site, camera, slots or {}))
        with self._read() as connection:
            return int(connection.execute(query).scalar_one())

    def _listed(self, site: str | None, camera: bool | None, slots: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
        """The conditions of a device list. Of the slots the one that tells most is looked up by its index, the others are compared."""
        table, wanted = schema.device.c, []
        best = min((_TELLS[slot] for slot in slots if slot in _TELLS), default=_TELLS["kind"])
        if best == _TELLS["kind"] and _in_records(slots):
            best = -1  # records that must all be looked into are read faster in their own order than by the index of what most of them are
        if site is not None:
            wanted.append(table.site == stored_text(site))
        for slot, value in slots.items():
            if slot in _TELLS:
                column: sa.ColumnElement[Any] = table[slot] if _TELLS[slot] == best else table[slot] + ""
                wanted.append(column == stored_text(value))
            elif self._engine.dialect.name == "sqlite" and _PLAIN.fullmatch(value):
                wanted.append(sa.func.instr(table.brief, f'"{slot}":"{value}"'.encode()) > 0)
        if camera is not None:
            kind: sa.ColumnElement[Any] = table.kind if best == _TELLS["kind"] else table.kind + ""
            wanted.append(kind.in_(sorted(CAMERA_KINDS)) if camera else kind.not_in(sorted(CAMERA_KINDS)))
        return wanted

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
        for some in slices(list(latest), LOOK_UP):
            stored |= {row.key: row for row in connection.execute(sa.select(head_table).where(head_table.c.key.in_(some)))}
        seq = next_number(connection, "finding") - 1
        versions, heads, links = [], [], []
        leaves: list[bytes] = []
        start = seq + 1
        for key, finding in latest.items():
            body = encode(finding)
            digest = hashlib.sha256(body).digest()
            head = stored.get(key)
            held = {"key": key, "site": stored_text(finding.site), "device": stored_text(finding.device)}
            first, last = (when, when) if head is None else (min(head.first_seen, when), max(head.last_seen, when))
            if head is None or head.digest != digest:
                seq += 1
                versions.append(held | {"seq": seq, "at": when, "scan": run, "digest": digest, "body": deflate(body)})
                leaves.append(chain.seal_content("finding", seq, body, key, str(when), read_text(run)).leaf)
                links.append({"scan": run, "key": key, "seq": seq})
                if head is None or when >= head.at:
                    heads.append(held | {"seq": seq, "at": when, "first_seen": first, "last_seen": last, "digest": digest})
                    continue
            else:
                links.append({"scan": run, "key": key, "seq": head.seq})
            heads.append(held | {"seq": head.seq, "at": head.at, "first_seen": first, "last_seen": last, "digest": head.digest})
        if versions:
            connection.execute(schema.finding.insert(), versions)
            append(connection, "finding", leaves, start, seq)
        if heads:
            statement = self._insert(head_table)
            told = {name: statement.excluded[name] for name in ("seq", "at", "first_seen", "last_seen", "digest")}
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=told), heads)
        if of_scan and links:
            statement = self._insert(schema.finding_scan)
            statement = statement.on_conflict_do_update(index_elements=["scan", "key"], set_={"seq": statement.excluded.seq})
            connection.execute(statement, links)
        return len(versions)

    def _finding(self, row: Any) -> Finding:
        try:
            return decode(inflate(row.body, MAX_BODY), Finding)
        except ValueError as error:
            raise self._broken(f"finding {row.key}", error) from None

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
            gone = schema.retired.c
            taken_in = sa.exists().where(gone.site == table.site, gone.device == table.device, gone.at >= table.at, gone.at <= micros(at))
            query = query.where(table.seq.in_(_as_of(schema.finding, (table.key,), at)), ~taken_in)
        if site is not None:
            query = query.where(table.site == stored_text(site))
        if device is not None:
            query = query.where(table.device == stored_text(device))
        with self._read() as connection:
            rows = connection.execute(query).all()
        return sorted(map(self._finding, rows), key=lambda f: (f.site, f.device, f.kind, f.rule, f.key))

    def finding_history(self, device: str, *, site: str | None = None) -> list[FindingVersion]:
        """See Inventory.finding_history."""
        table = schema.finding.c
        query = sa.select(schema.finding).where(table.device == stored_text(device)).order_by(table.at, table.seq)
        if site is not None:
            query = query.where(table.site == stored_text(site))
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [FindingVersion(at=instant(row.at), scan=read_text(row.scan), finding=self._finding(row)) for row in rows]

    def scans_of(self, device: str, *, site: str | None = None) -> frozenset[str]:
        """See Inventory.scans_of."""
        table = schema.identity_scan.c
        query = sa.select(table.scan).where(table.device == stored_text(device))
        if site is not None:
            query = query.where(table.site == stored_text(site))
        with self._read() as connection:
            return frozenset(read_text(scan) for scan in connection.execute(query).scalars())


def _as_of(table: sa.Table, keys: Sequence[sa.ColumnElement[Any]], at: datetime) -> sa.Select[Any]:
    """The seq of the latest version of each key not later than `at`."""
    order = [table.c.at.desc(), table.c.seq.desc()]
    ranked = (
        sa.select(table.c.seq, sa.func.row_number().over(partition_by=list(keys), order_by=order).label("rank"))
        .where(table.c.at <= micros(at))
        .subquery()
    )
    return sa.select(ranked.c.seq).where(ranked.c.rank == 1)
