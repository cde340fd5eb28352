"""What people decided on findings: exceptions with an end, and disputes. Folded from the actions that the inventory keeps for ever.

An exception covers one finding, until its day, and no stronger verdict than the one it was given for; then the finding is raised again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from netcam.errors import ConfigError, shown
from netcam.model import Finding

EXCEPTION, EXCEPTION_END, DISPUTE, DISPUTE_END = "exception", "exception.end", "dispute", "dispute.end"
"""Kinds of action that this module writes and reads."""
MAX_TEXT = 4096
"""Characters of a reason or a name: a sentence, not a document."""
MAX_LIFE = timedelta(days=731)
"""How long an exception may last: two years, after which somebody has to look again."""


class Act(Protocol):
    """An operator's action as the inventory keeps it."""

    @property
    def number(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def at(self) -> datetime: ...
    @property
    def by(self) -> str: ...


class Standing(StrEnum):
    """Where a finding stands after what people decided."""

    OPEN = "open"
    EXCEPTED = "excepted"
    DISPUTED = "disputed"
    """Somebody says that the device is not what the finding takes it for; the slot is locked to their word."""
    LAPSED = "exception lapsed"
    """The exception ended: raised again."""
    OUTGROWN = "exception outgrown"
    """The finding is stronger than what was excepted: raised again."""


RAISED = frozenset({Standing.OPEN, Standing.DISPUTED, Standing.LAPSED, Standing.OUTGROWN})
"""Standings that count for `--fail-on`: a dispute is an argument, not a decision."""


class _Exception(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    rule: str
    site: str
    device: str
    rank: int
    reason: str
    approver: str
    until: date


class _Dispute(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    rule: str
    site: str
    device: str
    slot: str
    value: str
    reason: str
    lock: int
    """Number of the action that locked the slot."""


class _End(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One exception or dispute."""

    number: int
    kind: str
    key: str
    """Key of the finding."""
    rule: str
    site: str
    device: str
    reason: str
    by: str
    at: datetime
    approver: str = ""
    until: date | None = None
    rank: int = 0
    slot: str = ""
    value: str = ""
    lock: int = 0
    ended: str = ""
    """Why and by whom it was ended before its day; empty while it holds."""

    def says(self) -> str:
        """The decision as a sentence."""
        end = f" Ended: {self.ended}." if self.ended else ""
        if self.kind == DISPUTE:
            told = self.value or "not known"
            return f"Disputed by {self.by} on {self.at:%Y-%m-%d}: {self.slot} is {told}. Reason: {self.reason}.{end}"
        return f"Excepted until {self.until}, approved by {self.approver}, recorded by {self.by} on {self.at:%Y-%m-%d}. Reason: {self.reason}.{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where one finding stands, and the decision it rests on."""

    standing: Standing
    decision: Decision | None = None

    @property
    def text(self) -> str:
        """The sentence for a reader; empty for an open finding."""
        if self.decision is None:
            return ""
        return f"{self.standing.value[:1].upper()}{self.standing.value[1:]}. {self.decision.says()}"

    @property
    def raised(self) -> bool:
        """Whether the finding still counts."""
        return self.standing in RAISED


OPEN = Stand(standing=Standing.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Every decision, oldest first, and the newest of each finding."""

    all: tuple[Decision, ...] = ()
    exceptions: Mapping[str, Decision] = field(default_factory=dict)
    disputes: Mapping[str, Decision] = field(default_factory=dict)

    def of(self, finding: Finding, on: date) -> Stand:
        """Where a finding stands on a day."""
        excepted = self.exceptions.get(finding.key)
        if excepted is not None and not excepted.ended:
            if finding.rank > excepted.rank:
                return Stand(standing=Standing.OUTGROWN, decision=excepted)
            if excepted.until is not None and on > excepted.until:
                return Stand(standing=Standing.LAPSED, decision=excepted)
            return Stand(standing=Standing.EXCEPTED, decision=excepted)
        disputed = self.disputes.get(finding.key)
        if disputed is not None and not disputed.ended:
            return Stand(standing=Standing.DISPUTED, decision=disputed)
        return OPEN

    def raised(self, findings: Iterable[Finding], on: date) -> list[Finding]:
        """The findings that no exception covers on a day."""
        return [finding for finding in findings if self.of(finding, on).raised]


def fold(actions: Iterable[Act]) -> Decisions:
    """The decisions of all actions in order. A body that does not parse, which nothing here writes, is passed over."""
    told: dict[int, Decision] = {}
    for action in actions:
        try:
            if action.kind == EXCEPTION:
                body = msgspec.json.decode(action.body, type=_Exception)
                told[action.number] = Decision(
                    number=action.number, kind=EXCEPTION, key=body.key, rule=body.rule, site=body.site, device=body.device,
                    reason=body.reason, by=action.by, at=action.at, approver=body.approver, until=body.until, rank=body.rank,
                )  # fmt: skip
            elif action.kind == DISPUTE:
                doubt = msgspec.json.decode(action.body, type=_Dispute)
                told[action.number] = Decision(
                    number=action.number, kind=DISPUTE, key=doubt.key, rule=doubt.rule, site=doubt.site, device=doubt.device,
                    reason=doubt.reason, by=action.by, at=action.at, slot=doubt.slot, value=doubt.value, lock=doubt.lock,
                )  # fmt: skip
            elif action.kind in (EXCEPTION_END, DISPUTE_END):
                end = msgspec.json.decode(action.body, type=_End)
                held = told.get(end.number)
                if held is not None and held.kind == action.kind.removesuffix(".end"):
                    told[end.number] = replace(held, ended=f"{action.at:%Y-%m-%d} by {action.by}: {end.reason}")
        except msgspec.DecodeError:
            continue
    ordered = tuple(told[number] for number in sorted(told))
    return Decisions(
        all=ordered,
        exceptions={one.key: one for one in ordered if one.kind == EXCEPTION},
        disputes={one.key: one for one in ordered if one.kind == DISPUTE},
    )


def exception(finding: Finding, *, reason: str, approver: str, until: date, on: date) -> bytes:
    """The body of an exception for a finding. Raises ConfigError where it lacks what an exception needs."""
    for name, text in (("--reason", reason), ("--approver", approver)):
        _said(name, text)
    if until <= on:
        raise ConfigError(
            "--until", f"{until} is not after {on}", "give its last day, one that lies ahead; then the finding is raised again"
        )
    if until - on > MAX_LIFE:
        raise ConfigError("--until", f"{until} is more than two years away", "give an earlier day; the exception can be renewed then")
    return msgspec.json.encode(
        _Exception(
            key=finding.key, rule=finding.rule, site=finding.site, device=finding.device, rank=finding.rank, reason=reason,
            approver=approver, until=until,
        )
    )  # fmt: skip


def dispute(finding: Finding, *, slot: str, value: str, reason: str, lock: int) -> bytes:
    """The body of a dispute: which slot is said to be what, and the action that locks it. Raises ConfigError."""
    _said("--reason", reason)
    return msgspec.json.encode(
        _Dispute(
            key=finding.key, rule=finding.rule, site=finding.site, device=finding.device, slot=slot, value=value, reason=reason, lock=lock
        )
    )


def ending(decisions: Decisions, number: int, *, reason: str) -> tuple[str, bytes]:
    """Kind and body of the action that ends a decision before its day. Raises ConfigError where there is none that holds."""
    _said("--reason", reason)
    held = next((one for one in decisions.all if one.number == number), None)
    if held is None or held.ended:
        known = ", ".join(str(one.number) for one in decisions.all if not one.ended) or "there is none"
        raise ConfigError(f"decision {number}", "no exception or dispute with this number holds", f"one of: {known}")
    return f"{held.kind}.end", msgspec.json.encode(_End(number=number, reason=reason))


def _said(name: str, text: str) -> None:
    if not text.strip():
        raise ConfigError(name, "is empty", "say it in a sentence: it is what an auditor reads")
    if len(text) > MAX_TEXT:
        raise ConfigError(name, f"{shown(text)} is longer than {MAX_TEXT} characters", "write less")
