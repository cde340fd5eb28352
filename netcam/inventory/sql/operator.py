"""Remarks and actions in SQL: what operators say and did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
import sqlalchemy as sa

from netcam.inventory import chain, schema
from netcam.inventory.packing import instant, micros, read_text, stored_text
from netcam.inventory.port import REMARK, Action, Remark, checked_action, checked_remark, remark_time
from netcam.inventory.sql.base import PAGE
from netcam.inventory.sql.ledger import Ledger, append, next_number

_remark_decoder = msgspec.json.Decoder(Remark)


class Operator(Ledger):
    """Kept apart from facts; every word of it enters the chain."""

    def remark(self, remark: Remark) -> None:
        """See Inventory.remark."""
        checked_remark(remark)
        body = msgspec.json.encode(remark)
        statement = self._insert(schema.remark).values(site=stored_text(remark.site), device=stored_text(remark.device), body=body)
        with self._write() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["site", "device"], set_={"body": body}))
            act(connection, REMARK, body, remark_time(remark), remark.by)

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

    def act(self, kind: str, body: bytes, at: datetime, *, by: str) -> Action:
        """See Inventory.act."""
        checked_action(kind, body, by)
        with self._write() as connection:
            number = act(connection, kind, body, at, by)
        return Action(number=number, kind=kind, body=body, at=instant(micros(at)), by=by)

    def actions(self, *, kind: str | None = None, since: datetime | None = None, after: int = 0) -> Iterator[Action]:
        """See Inventory.actions."""
        table = schema.action.c
        query = sa.select(schema.action).order_by(table.seq).limit(PAGE)
        if kind is not None:
            query = query.where(table.kind == stored_text(kind))
        if since is not None:
            query = query.where(table.at >= micros(since))
        while True:
            with self._read() as connection:
                page = connection.execute(query.where(table.seq > after)).all()
            for row in page:
                yield Action(
                    number=row.seq, kind=read_text(row.kind), body=bytes(row.body), at=instant(row.at), by=read_text(row.by),
                )  # fmt: skip
            if len(page) < PAGE:
                return
            after = page[-1].seq


def act(connection: sa.Connection, kind: str, body: bytes, at: datetime, by: str) -> int:
    """Append an action inside a transaction; returns its number."""
    number = next_number(connection, "action")
    row = {"seq": number, "at": micros(at), "by": stored_text(by), "kind": stored_text(kind), "body": body}
    connection.execute(schema.action.insert(), row)
    append(connection, "action", [chain.seal_content("action", number, body, str(micros(at)), by, kind).leaf], number, number)
    return number
