"""The inventory port and its stores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netcam.errors import ConfigError

if TYPE_CHECKING:
    from netcam.config import Settings
    from netcam.inventory.sql import SqlInventory


def default_path() -> Path:
    """Where the inventory lies unless the operator says: $NETCAM_HOME, else $XDG_STATE_HOME/netcam, else ~/.local/state/netcam."""
    home = os.environ.get("NETCAM_HOME")
    if home:
        return Path(home) / "netcam.sqlite"
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "netcam" / "netcam.sqlite"


def chosen(given: str | Path | None = None, settings: Settings | None = None) -> str:
    """Where the inventory lies: as given, else as the settings say (those found where none are handed over), else `default_path`."""
    if given is not None:
        return str(given)
    if settings is None:
        from netcam import config

        settings = config.load()
    return settings.inventory_at() or str(default_path())


def _there(path: Path) -> bool:
    """Whether a file holds an inventory, or may: an empty one may have all of it in its log still."""
    return path.exists() and (not path.is_file() or path.stat().st_size > 0 or path.with_name(path.name + "-wal").exists())


def open_inventory(
    path: str | Path | None = None, *, settings: Settings | None = None, check_end: bool = True, make: bool = False
) -> SqlInventory:
    """Open the inventory at a path or postgresql:// address, made or migrated where needed. Raises StoreError.

    Where no path is given the settings say which, then `default_path`. With `check_end`, the end of its hash chain is held against
    the last signed root first. Without `make` one that is not there raises ConfigError: who reads or edits an inventory must not be told of an empty
    one, and a mistyped path must not become one.
    """
    where = chosen(path, settings)
    if not make and "://" not in where and not _there(Path(where).expanduser()):
        raise ConfigError(where, "there is no inventory", "run `netcam scan` first, or give another with --store")
    from netcam.inventory.sql import SqlInventory  # SQLAlchemy takes 0.2 s to import: only where a store is opened

    inventory = SqlInventory(where)
    if inventory.home is None:  # a database elsewhere: the estate's key stays on this machine
        inventory.home = default_path().parent
    if check_end:
        try:
            inventory.check_end()
        except BaseException:
            inventory.close()
            raise
    return inventory
