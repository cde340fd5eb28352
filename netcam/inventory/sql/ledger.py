"""The hash chain in SQL: entries appended with what they vouch for, and everything stored held against them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import sqlalchemy as sa

from netcam.errors import StoreError
from netcam.inventory import chain, schema
from netcam.inventory.chain import Damage, Entry, Leaf, Sealed
from netcam.inventory.packing import (
    MAX_CLAIMS,
    decode,
    inflate,
    instant,
    joined,
    observation_digest,
    read_text,
    stored_text,
)
from netcam.inventory.port import RETENTION, emptied_entries
from netcam.inventory.sql.base import MAX_BODY, Store
from netcam.inventory.verify import entry_hash
from netcam.model import Finding, Identity, Observation

ADOPTED = 20_000
"""Records of one entry where an older store is taken into the chain."""


OBSERVED = [schema.observation.c[name] for name in (*Observation.__slots__, "seq")]
"""The columns that make an observation, and its number."""
_FIELD = schema.observation.c.keys().index("field")
"""Where they begin in a row of the whole table."""


def read_observation(row: Any) -> Observation:
    """The observation of a row that begins with the columns OBSERVED: a million of them are read at once."""
    field, value, at, site, sensor, endpoint, mac, via, device, scan, raw, *_ = row
    if "\x1a" in f"{field}{value}{site}{sensor}{endpoint}{mac}{via}{device}{scan}{raw}":
        words = (field, value, site, sensor, endpoint, mac, via, device, scan, raw)
        field, value, site, sensor, endpoint, mac, via, device, scan, raw = map(read_text, words)
    return Observation(
        field=field, value=value, at=None if at is None else instant(at), site=site, sensor=sensor, endpoint=endpoint, mac=mac, via=via,
        device=device, scan=scan, raw=raw,
    )  # fmt: skip


def read_whole(row: Any) -> Observation:
    """The observation of a row of the whole table. Raises ValueError for a time that is none."""
    return read_observation(row[_FIELD:])


def _observation(row: Any) -> Sealed:
    seen = read_whole(row)
    sealed = chain.seal_observation(row.seq, seen)
    if bytes(row.digest) != sealed.leaf[:16] or read_text(row.key) != seen.key or read_text(row.address) != seen.address:
        raise ValueError("the record was altered")
    return sealed


def _identity(row: Any) -> Sealed:
    content = chain.identity_content(row.brief, inflate(row.claims, MAX_CLAIMS))
    if hashlib.sha256(content).digest() != bytes(row.digest):
        raise ValueError("the record was altered")
    return chain.seal_content("identity", row.seq, content, read_text(row.site), read_text(row.device), str(row.at), read_text(row.scan))


def _finding(row: Any) -> Sealed:
    content = inflate(row.body, MAX_BODY)
    told = decode(content, Finding)
    if hashlib.sha256(content).digest() != bytes(row.digest) or (read_text(row.site), read_text(row.device)) != (told.site, told.device):
        raise ValueError("the record was altered")
    return chain.seal_content("finding", row.seq, content, row.key, str(row.at), read_text(row.scan))


def _action(row: Any) -> Sealed:
    return chain.seal_content("action", row.seq, bytes(row.body), str(row.at), read_text(row.by), read_text(row.kind))


SEALS: dict[str, tuple[sa.Table, Callable[[Any], Sealed]]] = {
    "observation": (schema.observation, _observation),
    "identity": (schema.identity, _identity),
    "finding": (schema.finding, _finding),
    "action": (schema.action, _action),
}


def append(connection: sa.Connection, kind: str, leaves: Sequence[bytes], first: int, final: int) -> None:
    """Add the entry of a batch, inside the transaction that stores it."""
    if leaves:
        entry = chain.follow(_last(connection), kind, leaves, first, final)
        connection.execute(schema.chain.insert(), msgspec.to_builtins(entry))


def _last(connection: sa.Connection) -> Entry | None:
    row = connection.execute(sa.select(schema.chain).order_by(schema.chain.c.number.desc()).limit(1)).first()
    return Entry(**row._mapping) if row else None


def next_number(connection: sa.Connection, kind: str) -> int:
    """The number of the next record of a kind: by the chain, because retention may have taken the highest record."""
    table = schema.chain.c
    last = connection.execute(sa.select(table.last).where(table.kind == kind).order_by(table.first.desc()).limit(1)).scalar()
    return 1 if last is None else last + 1


def leaves_between(connection: sa.Connection, kind: str, first: int, final: int) -> list[Leaf]:
    """The leaves of what is stored between two record numbers, and of what retention removed and left the leaf of."""
    table, seal = SEALS[kind]
    told = []
    for row in connection.execute(sa.select(table).where(table.c.seq.between(first, final)).order_by(table.c.seq)):
        try:
            told.append(Leaf(number=row.seq, digest=seal(row).leaf))
        except ValueError as error:
            told.append(Leaf(number=row.seq, problem=str(error) or "the record cannot be read"))
        except (TypeError, AttributeError, OverflowError):  # SQLite lets any column hold any type
            told.append(Leaf(number=row.seq, problem="the record was altered: a value of another type"))
    gone = schema.removed.c
    query = sa.select(gone.seq, gone.leaf).where(gone.kind == kind, gone.seq.between(first, final))
    told += [Leaf(number=row.seq, digest=bytes(row.leaf), removed=True) for row in connection.execute(query)]
    return sorted(told, key=lambda leaf: leaf.number)


def adopt(connection: sa.Connection) -> None:
    """Take what an older store holds into the chain: it is vouched for from now on, not from when it was stored."""
    for kind, (table, seal) in SEALS.items():
        final = 0
        while True:
            page = connection.execute(sa.select(table).where(table.c.seq > final).order_by(table.c.seq).limit(ADOPTED)).all()
            if not page:
                break
            if kind == "identity":
                _digest_anew(connection, page)
                page = connection.execute(
                    sa.select(table).where(table.c.seq.between(page[0].seq, page[-1].seq)).order_by(table.c.seq)
                ).all()
            append(connection, kind, [seal(row).leaf for row in page], page[0].seq, page[-1].seq)
            final = page[-1].seq


def _digest_anew(connection: sa.Connection, page: Sequence[Any]) -> None:
    """Schema 0001 hashed an identity in one piece; since then the digest is that of the content which the chain holds."""
    told = [
        {"b_seq": row.seq, "b_digest": hashlib.sha256(chain.identity_content(row.brief, inflate(row.claims, MAX_CLAIMS))).digest()}
        for row in page
    ]
    for table in (schema.identity, schema.device):
        connection.execute(table.update().where(table.c.seq == sa.bindparam("b_seq")).values(digest=sa.bindparam("b_digest")), told)


class _SignedEnd(msgspec.Struct):
    """The part of a signed root that opening reads; the signature is `inventory check`'s business."""

    number: int
    hash: str


class Ledger(Store):
    """The chain of a store."""

    def entries(self, after: int = 0) -> list[Entry]:
        """See Inventory.entries."""
        table = schema.chain
        with self._read() as connection:
            rows = connection.execute(sa.select(table).where(table.c.number > after).order_by(table.c.number)).all()
        return [Entry(**row._mapping) for row in rows]

    def verify(self) -> list[Damage]:
        """See Inventory.verify."""
        with self._read() as connection:
            tops = {kind: sa.func.coalesce(sa.func.max(table.c.seq), 0) for kind, (table, _) in SEALS.items()}
            newest = {kind: connection.execute(sa.select(top)).scalar_one() for kind, top in tops.items()}
            rows = connection.execute(sa.select(schema.chain).order_by(schema.chain.c.number)).all()
            bodies = connection.execute(sa.select(schema.action.c.body).where(schema.action.c.kind == RETENTION)).scalars()
            emptied = emptied_entries(bytes(body) for body in bodies)
            entries = [Entry(**row._mapping) for row in rows]
            return list(chain.check(entries, functools.partial(leaves_between, connection), newest, emptied))

    def check_end(self) -> None:
        """Hold the end of the chain against the last signed root; takes a millisecond. Raises StoreError where it was cut or rewritten."""
        table = schema.chain
        with self._read() as connection:
            last = _last(connection)
            body = connection.execute(sa.select(schema.signed.c.body).order_by(schema.signed.c.number.desc()).limit(1)).scalar()
            try:
                root = msgspec.json.decode(bytes(body), type=_SignedEnd) if body is not None else None
            except msgspec.DecodeError as error:
                raise self._broken("the last signed root", error) from None
            held = connection.execute(sa.select(table.c.hash).where(table.c.number == root.number)).scalar() if root else None
        problem = ""
        if last is not None and entry_hash(asdict(last)) != last.hash:
            problem = f"entry {last.number} of the hash chain was altered"
        elif root is not None and held != root.hash:
            problem = f"entry {root.number} of the hash chain is not what was signed: records were cut off or rewritten"
        if problem:
            raise StoreError(self.where, problem, "run `netcam inventory check` for all of it, then restore a backup")

    def leaves(self, entry: Entry) -> list[Leaf]:
        """See Inventory.leaves."""
        with self._read() as connection:
            return leaves_between(connection, entry.kind, entry.first, entry.last)

    def entry_of(self, kind: str, number: int) -> Entry | None:
        """See Inventory.entry_of."""
        table = schema.chain
        query = sa.select(table).where(table.c.kind == kind, table.c.first <= number).order_by(table.c.first.desc()).limit(1)
        with self._read() as connection:
            row = connection.execute(query).first()
        return Entry(**row._mapping) if row and row.last >= number else None

    def sealed(self, record: Observation | Identity | Finding) -> Sealed | None:
        """See Inventory.sealed."""
        read: Callable[[Any], Any]
        if isinstance(record, Observation):
            table, read = schema.observation, read_whole
            wanted = [table.c.digest == observation_digest(record)[:16]]
        elif isinstance(record, Identity):
            table, read = schema.identity, lambda row: joined(row.brief, row.claims)
            wanted = [table.c.site == stored_text(record.site), table.c.device == stored_text(record.device)]
        else:
            table, read = schema.finding, lambda row: decode(inflate(row.body, MAX_BODY), Finding)
            wanted = [table.c.key == record.key]
        with self._read() as connection:
            rows = connection.execute(sa.select(table).where(*wanted).order_by(table.c.seq.desc())).all()
        for row in rows:  # compared as records: the bytes of an older netcam lack the fields that came later
            try:
                if read(row) == record:
                    return SEALS[table.name][1](row)
            except ValueError as error:
                raise self._broken(f"{table.name} {row.seq}", error) from None
        return None

    def save_signed(self, number: int, body: bytes) -> None:
        """See Inventory.save_signed."""
        statement = self._insert(schema.signed).values(number=number, body=body)
        with self._write() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def signed(self) -> list[bytes]:
        """See Inventory.signed."""
        with self._read() as connection:
            return [bytes(body) for body in connection.execute(sa.select(schema.signed.c.body).order_by(schema.signed.c.number)).scalars()]
