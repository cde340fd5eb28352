"""The inventory in SQL: SQLite by default, PostgreSQL for the hub, the same statements for both."""

from __future__ import annotations

from netcam.inventory.sql.observations import Observations
from netcam.inventory.sql.operator import Operator
from netcam.inventory.sql.verdicts import Verdicts


class SqlInventory(Observations, Verdicts, Operator):
    """The store behind a path or a database address; see the port for what it does."""
