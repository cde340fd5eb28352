"""What changed between two looks at an estate. Silence is `missing` only where a finished scan covered the address."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from netcam.model import SLOTS, Coverage, CoverageState, Identity, not_looked_at

Kind = Literal["new", "changed", "missing", "returned", "not-covered"]

_LOOKED = frozenset({CoverageState.ANSWERED, CoverageState.SILENT, CoverageState.REFUSED, CoverageState.OFF_SUBNET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. `field` is a slot, `addresses` or `macs` for `changed`, else empty; None where a value is unknown."""

    kind: Kind
    device: str
    site: str = ""
    field: str = ""
    old: str | None = None
    new: str | None = None
    reason: str = ""


def looked_at(coverage: Iterable[Coverage]) -> set[str]:
    """Addresses that were really asked: what was excluded or not reached says nothing of its device."""
    return {line.address for line in coverage if line.state in _LOOKED}


def diff(
    before: Sequence[Identity],
    after: Sequence[Identity],
    *,
    coverage_after: Iterable[Coverage] | None = None,
    seen_earlier: Iterable[tuple[str, str]] = (),
    targets: Collection[str] = (),
    coverage_before: Iterable[Coverage] | None = None,
    targets_before: Collection[str] = (),
) -> list[Change]:
    """Changes from `before` to `after`, by site and device.

    `coverage_after` is what the later scan of `targets` looked at: only a device all of whose addresses it covered is missing, the
    others are not-covered. None means that no finished scan stands behind `after`, so nothing is missing.
    `seen_earlier` holds (site, device) known from before `before`: one of these that is new here has returned, where the earlier scan
    of `targets_before` looked at its addresses (`coverage_before`; None: it did); else nothing is known of a change.
    """
    looked_before = looked_at(coverage_before) if coverage_before is not None else None
    looked = looked_at(coverage_after or ())
    known = set(seen_earlier)
    old = {(i.site, i.device): i for i in before}
    new = {(i.site, i.device): i for i in after}
    changes: list[Change] = []
    for key, identity in new.items():
        earlier = old.get(key)
        if earlier is None:
            asked = looked_before is None or (identity.addresses and not not_looked_at(identity.addresses, looked_before, targets_before))
            if key in known and not asked:
                continue
            kind: Kind = "returned" if key in known else "new"
            changes.append(Change(kind=kind, device=identity.device, site=identity.site))
        elif earlier is not identity:
            changes.extend(_fields(earlier, identity))
    for key, identity in old.items():
        if key in new:
            continue
        outside = not_looked_at(identity.addresses, looked, targets)
        if coverage_after is not None and identity.addresses and not outside:
            changes.append(Change(kind="missing", device=identity.device, site=identity.site, reason="its addresses were covered"))
        else:
            why = f"not covered: {', '.join(outside[:4])}" if outside else "its address is not known"
            changes.append(Change(kind="not-covered", device=identity.device, site=identity.site, reason=why))
    return sorted(changes, key=lambda change: (change.site, change.device, change.kind, change.field))


def _fields(old: Identity, new: Identity) -> list[Change]:
    """One Change per slot, and for addresses and MACs, that differ."""
    changes = []
    if old.slots != new.slots:
        for slot in SLOTS:
            was, now = old.slots.get(slot), new.slots.get(slot)
            if was != now:
                changes.append(Change(kind="changed", device=new.device, site=new.site, field=slot, old=was, new=now))
    for name, was_all, now_all in (("addresses", old.addresses, new.addresses), ("macs", old.macs, new.macs)):
        if was_all != now_all and set(was_all) != set(now_all):
            was, now = ", ".join(sorted(was_all)) or None, ", ".join(sorted(now_all)) or None
            changes.append(Change(kind="changed", device=new.device, site=new.site, field=name, old=was, new=now))
    return changes
