"""A backup back in place: checked page by page and against its own chain before anything is replaced."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from netcam.errors import StoreError
from netcam.inventory import engine, signing
from netcam.inventory.chain import Damage


def damages(path: Path) -> list[Damage]:
    """What is wrong with a store: its chain, its records and its signed roots. Raises StoreError where it cannot be opened."""
    from netcam.inventory.sql import SqlInventory

    store = SqlInventory(path)
    try:
        store.check()
        return [*store.verify(), *signing.check(store)]
    finally:
        store.close()


def restore(backup: Path, target: Path, now: datetime) -> Path | None:
    """Put a backup in the place of the store at `target`; returns where the store that stood there lies now.

    Raises StoreError where the backup is damaged or the store is in use; then nothing was changed.
    """
    if not backup.is_file():
        raise StoreError(str(backup), "is not a file", "give a backup of `netcam inventory backup`")
    if backup.stat().st_size == 0:
        raise StoreError(str(backup), "is empty", "restore an older backup")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = target.with_name(f"{target.name}.restoring")
    aside = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%SZ}") if target.exists() else None
    try:
        engine.copy_file(backup, fresh)
        try:
            found = damages(fresh)
        except StoreError as error:  # the copy is nothing that the operator knows of
            raise StoreError(str(backup), error.problem, "restore an older backup") from None
        if found:
            first = found[0]
            raise StoreError(str(backup), f"is damaged: {first.kind} of entry {first.entry}: {first.problem}", "restore an older backup")
        engine.put_in_place(fresh, target, aside or target)
    finally:
        for left in fresh.parent.glob(f"{fresh.name}*"):
            left.unlink(missing_ok=True)
    return aside
