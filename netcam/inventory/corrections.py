"""What operators said against the program: devices joined and split, slots locked. Read from their actions; undone by one more action."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import msgspec

from netcam.errors import ConfigError, nearest, shown
from netcam.identify.assign import Correction
from netcam.inventory.port import MAX_NOTE, Action, Inventory
from netcam.model import KINDS, SLOTS, Claim, Identity

LOCK, JOIN, SPLIT, WITHDRAW = "lock", "join", "split", "withdraw"
"""Action kinds. `withdraw` takes an earlier action of these kinds back by its number."""
FOLLOW = "lock-follow"
"""Action kind: a lock went with its device into the one that took it in, or back."""
BY_OPERATOR = "operator/"
"""How the claim of a locked slot begins: no fingerprint is called so."""
T = TypeVar("T")

SURE = 1.0
"""Confidence of the operator's word: whoever stands before the device needs no fingerprint."""


class _LockBody(msgspec.Struct):
    site: str
    device: str
    slot: str
    value: str
    reason: str = ""


class _MarksBody(msgspec.Struct):
    site: str
    marks: list[str]
    reason: str = ""


class _FollowBody(msgspec.Struct):
    site: str
    device: str
    former: str
    number: int
    slot: str = ""


class _WithdrawBody(msgspec.Struct):
    number: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A slot whose value the operator gave; an empty value says that it is not known, whatever fingerprints say."""

    slot: str
    value: str
    by: str
    at: datetime
    number: int
    reason: str = ""
    given: str = ""
    """The device that it was given to: another one, where that took it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A lock that holds for another device from now on."""

    site: str
    lock: Lock
    former: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """Everything that holds."""

    locks: Mapping[tuple[str, str], tuple[Lock, ...]] = field(default_factory=dict)
    """(site, device) -> its locks, by slot."""
    ties: tuple[Correction, ...] = ()
    all_locks: tuple[tuple[str, str, Lock], ...] = ()
    """Site, device, lock: those too for whose slot a later one of the same device counts."""


def read(inventory: Inventory) -> Corrections:
    """The corrections that hold. A body that does not parse, which nothing here writes, is passed over."""
    withdrawn: set[int] = set()
    for action in inventory.actions(kind=WITHDRAW):
        told = parsed(action, _WithdrawBody)
        if told is not None:
            withdrawn.add(told.number)
    held: dict[int, tuple[str, str, Lock]] = {}
    for action in inventory.actions(kind=LOCK):
        lock = parsed(action, _LockBody)
        if lock is not None and action.number not in withdrawn:
            told_lock = Lock(
                slot=lock.slot, value=lock.value, by=action.by, at=action.at, number=action.number, reason=lock.reason, given=lock.device
            )
            held[action.number] = lock.site, lock.device, told_lock
    for action in inventory.actions(kind=FOLLOW):
        went = parsed(action, _FollowBody)
        if went is not None and went.number in held:
            held[went.number] = held[went.number][0], went.device, held[went.number][2]
    ties = []
    for kind in (JOIN, SPLIT):
        for action in inventory.actions(kind=kind):
            word = parsed(action, _MarksBody)
            if word is not None and action.number not in withdrawn:
                ties.append(Correction(kind=kind, site=word.site, marks=tuple(word.marks), number=action.number))
    return _of(held.values(), tuple(sorted(ties, key=lambda tie: tie.number)))


def _of(held: Iterable[tuple[str, str, Lock]], ties: tuple[Correction, ...]) -> Corrections:
    """Of several locks of one slot of a device the last one given counts."""
    everyone = tuple(sorted(held, key=lambda one: one[2].number))
    locks: dict[tuple[str, str], dict[str, Lock]] = {}
    for site, device, one in everyone:
        locks.setdefault((site, device), {})[one.slot] = one
    by_slot = {key: tuple(one for _, one in sorted(told.items())) for key, told in locks.items()}
    return Corrections(locks=by_slot, ties=ties, all_locks=everyone)


def placed(holds: Corrections, site: str, live: Container[str], into: Mapping[str, str]) -> tuple[Corrections, tuple[Move, ...]]:
    """The corrections where every lock of a site stands with its device: the one it was given to while that is `live`, else the one
    that took that in; and which locks went elsewhere by that."""
    moves, held = [], []
    for place, device, one in holds.all_locks:
        target = device
        if place == site:
            target = one.given if one.given in live else into.get(one.given) or into.get(device) or device
            if target != device:
                moves.append(Move(site=site, lock=one, former=device, device=target))
        held.append((place, target, one))
    return (_of(held, holds.ties), tuple(moves)) if moves else (holds, ())


def follow(inventory: Inventory, moves: Iterable[Move], at: datetime, *, by: str) -> None:
    """Write down that locks went with their devices."""
    for move in moves:
        body = _FollowBody(site=move.site, device=move.device, former=move.former, number=move.lock.number, slot=move.lock.slot)
        inventory.act(FOLLOW, msgspec.json.encode(body), at, by=by)


def parsed(action: Action, kind: type[T]) -> T | None:
    """The body of an action; None where it does not parse, which nothing here writes."""
    try:
        return msgspec.json.decode(action.body, type=kind)
    except msgspec.DecodeError:
        return None


def lock(
    inventory: Inventory, site: str, device: str, slot: str, value: str, at: datetime, *, by: str, reason: str = ""
) -> Action:  # fmt: skip
    """Say what a slot of a device is; empty says that it is not known. Raises ConfigError for a slot or kind that is none."""
    if slot not in SLOTS:
        raise ConfigError(f"slot {shown(slot)}", "is not a slot", nearest(slot, SLOTS))
    if slot == "kind" and value and value not in KINDS:
        raise ConfigError(f"kind {shown(value)}", "is not a kind of device", nearest(value, KINDS))
    for name, text in (("value", value), ("reason", reason)):
        if len(text) > MAX_NOTE:
            raise ConfigError(name, f"longer than {MAX_NOTE} characters", "write less")
    body = msgspec.json.encode(_LockBody(site=site, device=device, slot=slot, value=value, reason=reason))
    return inventory.act(LOCK, body, at, by=by)


def tie(inventory: Inventory, kind: str, site: str, marks: Iterable[str], at: datetime, *, by: str, reason: str = "") -> Action:
    """Join what bears these marks to one device, or split it off."""
    assert kind in (JOIN, SPLIT)
    return inventory.act(kind, msgspec.json.encode(_MarksBody(site=site, marks=list(marks), reason=reason)), at, by=by)


def withdraw(inventory: Inventory, number: int, at: datetime, *, by: str, reason: str = "") -> Action:
    """Take an action back. Raises ConfigError where there is no such correction."""
    found = next((action for action in inventory.actions(after=number - 1) if action.number == number), None) if number > 0 else None
    if found is None or found.kind not in (LOCK, JOIN, SPLIT):
        raise ConfigError(f"action {number}", "is no lock, join or split", "see `netcam edit list` for their numbers")
    if any((told := parsed(action, _WithdrawBody)) is not None and told.number == number for action in inventory.actions(kind=WITHDRAW)):
        raise ConfigError(f"action {number}", "is withdrawn already", "see `netcam edit list` for what holds")
    return inventory.act(WITHDRAW, msgspec.json.encode(_WithdrawBody(number=number, reason=reason)), at, by=by)


def locked(identity: Identity, locks: Iterable[Lock]) -> Identity:
    """The identity with the operator's values; what fingerprints claimed for another value stays visible as disputed."""
    for one in locks:
        claims = [c for c in (*identity.because, *identity.disputed) if c.slot == one.slot]
        agree = [c for c in claims if c.value == one.value]
        word = Claim(slot=one.slot, value=one.value, weight=SURE, by=BY_OPERATOR + (one.by or "unnamed"), origin="operator")
        slots = {slot: value for slot, value in identity.slots.items() if slot != one.slot}
        confidence = {slot: value for slot, value in identity.confidence.items() if slot != one.slot}
        if one.value:
            slots[one.slot], confidence[one.slot] = one.value, SURE
        identity = replace(
            identity,
            slots={slot: slots[slot] for slot in SLOTS if slot in slots},
            confidence=confidence,
            because=(word, *agree, *(c for c in identity.because if c.slot != one.slot)),
            disputed=(*(c for c in identity.disputed if c.slot != one.slot), *(c for c in claims if c.value != one.value)),
            locked=tuple(sorted({*identity.locked, one.slot})),
        )
    return identity
