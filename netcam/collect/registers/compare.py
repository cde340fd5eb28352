"""A register held against the inventory: unknown to the register, not on the network, another maker or model; each with its evidence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from netcam.catalog.families import fold
from netcam.collect.registers.entry import Entry
from netcam.model import Identity, rfc3339

SURE = 0.5
"""Confidence above which the network's word is held against the register's: a MAC prefix alone does not reach it."""
MAX_EVIDENCE = 6
"""Observations shown with one result."""


class Result(StrEnum):
    """What comes of one entry or one device."""

    UNREGISTERED = "unknown to the register"
    ABSENT = "not on the network"
    NOT_LOOKED = "not looked at"
    """The entry's address was in no sweep: nothing is known of it, which is neither present nor absent."""
    DIFFERS = "differs"
    TWICE = "listed twice"
    CANNOT_TELL = "cannot be compared"
    AGREES = "agrees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the last sweep that covered an address made of it."""

    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One result."""

    result: Result
    entry: Entry | None = None
    device: Identity | None = None
    why: str = ""
    evidence: tuple[str, ...] = ()
    last_seen: datetime | None = None


@dataclass(slots=True)
class _Known:
    """The inventory's devices by what a register may name them by."""

    by_serial: dict[str, Identity] = field(default_factory=dict)
    by_mac: dict[str, Identity] = field(default_factory=dict)
    by_address: dict[str, Identity] = field(default_factory=dict)


def compare(
    entries: Iterable[Entry], devices: Sequence[Identity], *, last_seen: Mapping[str, datetime | None], present: frozenset[str],
    gone: frozenset[str], looked: Callable[[str], Looked | None], aliases: Callable[[str], frozenset[str]] = lambda name: frozenset({fold(name)}),
) -> Iterator[Line]:  # fmt: skip
    """Results entry by entry, then the devices that no entry names. Memory grows with the inventory, not with the register.

    `present` are the keys of devices that the last run saw, `gone` those that a later sweep of all their addresses did not see; of the
    others nobody knows. `last_seen` is when each was seen last, `looked` what the last sweep of an address found there, `aliases` the
    folded names under which a maker goes.
    """
    known = _Known()
    for one in devices:
        if serial := fold(one.get("serial") or ""):
            known.by_serial.setdefault(serial, one)
        for mac in one.macs:
            known.by_mac.setdefault(mac, one)
        for address in one.addresses:
            known.by_address.setdefault(address, one)
    named: dict[str, str] = {}
    for entry in entries:
        device, how = _find(entry, known)
        if device is None or device.device not in present:
            yield _absent(entry, device, device is not None and device.device in gone, last_seen, looked)
            if device is not None:
                named.setdefault(device.device, entry.where)
            continue
        if device.device in named:
            yield Line(result=Result.TWICE, entry=entry, device=device, why=f"{named[device.device]} is the same device")
            continue
        named[device.device] = entry.where
        yield _held(entry, device, how, aliases, last_seen.get(device.device))
    for one in devices:
        if one.device not in named and one.is_camera is not False and one.device in present:
            kind = one.get("kind") or "a device of unknown kind"
            yield Line(
                result=Result.UNREGISTERED, device=one, why=f"{kind}, in no entry of the register", evidence=evidence(one),
                last_seen=last_seen.get(one.device),
            )  # fmt: skip


def _find(entry: Entry, known: _Known) -> tuple[Identity | None, str]:
    for how, found in (
        ("serial number", known.by_serial.get(fold(entry.serial)) if entry.serial else None),
        ("MAC", known.by_mac.get(entry.mac) if entry.mac else None),
        ("address", known.by_address.get(entry.address) if entry.address else None),
    ):
        if found is not None:
            return found, how
    return None, ""


def _absent(
    entry: Entry, device: Identity | None, is_gone: bool, last_seen: Mapping[str, datetime | None], looked: Callable[[str], Looked | None]
) -> Line:
    if device is not None:
        seen = last_seen.get(device.device)
        when = f"last seen {seen:%Y-%m-%d %H:%M} UTC" if seen else "seen before, at a time not known"
        if not is_gone:
            when += "; no sweep has asked all its addresses since"
        result = Result.ABSENT if is_gone else Result.NOT_LOOKED
        return Line(result=result, entry=entry, device=device, why=when, evidence=evidence(device), last_seen=seen)
    found = looked(entry.address) if entry.address else None
    if found is None:
        reason = "its address was in no sweep" if entry.address else "the entry has no address, and no device has its MAC or serial number"
        return Line(result=Result.NOT_LOOKED, entry=entry, why=reason)
    when = f" on {found.at:%Y-%m-%d %H:%M} UTC" if found.at else ""
    if found.state in ("silent", "refused"):
        return Line(result=Result.ABSENT, entry=entry, why=f"{entry.address} was asked{when}: {found.state}")
    return Line(result=Result.NOT_LOOKED, entry=entry, why=f"{entry.address}: {found.state}{when}")


def _held(entry: Entry, device: Identity, how: str, aliases: Callable[[str], frozenset[str]], seen: datetime | None) -> Line:
    """An entry against the device that it names."""
    differs: list[str] = []
    open_: list[str] = []
    if how == "serial number" and entry.mac and device.macs and entry.mac not in device.macs:
        differs.append(f"the register has MAC {entry.mac}, the network {', '.join(device.macs[:3])}")
    if how == "address" and entry.mac and device.macs and entry.mac not in device.macs:
        differs.append(f"another device has this address: MAC {', '.join(device.macs[:3])} instead of {entry.mac}")
    if how != "address" and entry.address and device.addresses and entry.address not in device.addresses:
        differs.append(f"it stands at {', '.join(device.addresses[:3])}, the register says {entry.address}")
    told = device.get("serial")
    if entry.serial and told and fold(entry.serial) != fold(told) and not _contains(told, entry.serial):
        differs.append(f"serial number {told}, the register says {entry.serial}")
    if entry.maker:
        names = {name: device.confidence.get(name, 0.0) for name in ("brand", "maker") if device.get(name)}
        if not names or max(names.values()) <= SURE:
            open_.append("the network does not tell the maker surely enough")
        elif not any(aliases(entry.maker) & aliases(device.get(name) or "") for name in names):
            which = " / ".join(f"{name} {device.get(name)}" for name in names)
            differs.append(f"{which}, the register says {entry.maker}")
    if entry.model:
        model = device.get("model")
        if not model or device.confidence.get("model", 0.0) <= SURE:
            open_.append("the network does not tell the model surely enough")
        elif not _contains(model, entry.model):
            differs.append(f"model {model}, the register says {entry.model}")
    if differs:
        return Line(result=Result.DIFFERS, entry=entry, device=device, why="; ".join(differs), evidence=evidence(device), last_seen=seen)
    if open_:
        return Line(result=Result.CANNOT_TELL, entry=entry, device=device, why="; ".join(open_), last_seen=seen)
    return Line(result=Result.AGREES, entry=entry, device=device, why=f"found by its {how}", last_seen=seen)


def _contains(one: str, other: str) -> bool:
    """Whether one writing holds the other from its beginning or its end: registers add lens and colour, or leave out the maker's prefix."""
    a, b = re.sub(r"[^0-9a-z]", "", one.lower()), re.sub(r"[^0-9a-z]", "", other.lower())
    short, long = sorted((a, b), key=len)
    return a == b or (len(short) >= 4 and (long.startswith(short) or long.endswith(short)))


def evidence(device: Identity) -> tuple[str, ...]:
    """The observations that its identity rests on, strongest first."""
    found: dict[str, None] = {}
    for claim in device.because:
        for seen in claim.because[:1]:
            when = f" ({seen.at:%Y-%m-%d})" if seen.at else ""
            found[f"{claim.slot} {claim.value}: {seen.field}={seen.value[:80]}{when}"] = None
    return tuple(found)[:MAX_EVIDENCE]


def record(line: Line) -> dict[str, Any]:
    """A line for JSON."""
    made: dict[str, Any] = {"type": "reconcile", "result": line.result.value, "why": line.why}
    if line.entry is not None:
        one = line.entry
        made["register"] = {
            name: value
            for name in ("where", "id", "name", "address", "mac", "serial", "maker", "model")
            if (value := getattr(one, name))
        }  # fmt: skip
    if line.device is not None:
        device = line.device
        made["network"] = {"device": device.device, "addresses": list(device.addresses), "macs": list(device.macs)} | dict(device.slots)
    if line.evidence:
        made["evidence"] = list(line.evidence)
    if line.last_seen:
        made["last_seen"] = rfc3339(line.last_seen, "seconds")
    return made


def totals(lines: Iterable[Line], counts: Counter[str]) -> Iterator[Line]:
    """The same lines, counted by result as they pass."""
    for line in lines:
        counts[line.result.value] += 1
        yield line
