"""A run of a sweep and what became of every address it was asked to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class CoverageState(StrEnum):
    """What became of one address of the scope. Silence is not absence; not reached is not empty."""

    ANSWERED = "answered"
    SILENT = "silent"
    REFUSED = "refused"
    EXCLUDED = "excluded"
    NOT_REACHED = "not reached"
    OFF_SUBNET = "off subnet"
    """It answered from an address outside the network it stands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One address, what became of it, and why."""

    address: str
    state: CoverageState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRecord:
    """One run: what it was asked, when, how it ended and what it sent."""

    id: str
    site: str
    sensor: str = ""
    targets: tuple[str, ...] = ()
    profile: str = "polite"
    scope_id: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    status: str = "running"
    """`running`, `complete`, `interrupted`, or `failed`: a network of the targets could not be reached at all."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Addresses by CoverageState value; `sent.<protocol>.packets` and `.bytes`; packets per device (`sent.device.mean`, `.most`) and
    to each /24 (`sent.network.<network>`)."""
    notes: tuple[str, ...] = ()
    """What the run could not do, in words for the operator."""
