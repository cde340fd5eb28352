"""The inventory in SQL: SQLite by default, PostgreSQL for the hub, the same statements for both."""

from __future__ import annotations

from netcam.inventory.sql.upkeep import Upkeep


class SqlInventory(Upkeep):
    """The store behind a path or a database address; see the port for what it does."""
