"""How records leave the command line: a table on a terminal, JSON lines in a pipe, everything from a device escaped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from netcam.model import Finding, Identity, severity_rank, verdict_rank

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FINDINGS_EXIT = 10
"""Exit code where a finding stands at or above `--fail-on`."""
INTERRUPTED_EXIT = 130
"""Exit code of what a signal ended before its end."""


class Format(StrEnum):
    """`auto` is a table on a terminal and JSON lines in a pipe."""

    AUTO = "auto"
    TABLE = "table"
    JSONL = "jsonl"


class Level(StrEnum):
    """Levels for `--fail-on`: policy verdicts, and the severities that egress findings have."""

    INFORMATION = "information"
    ADVISORY = "advisory"
    LOW = "low"
    REVIEW = "review"
    MEDIUM = "medium"
    RESTRICTED = "restricted"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0..4, the scale of `Finding.rank`."""
        return severity_rank(self.value) if self.value in ("low", "medium", "high") else verdict_rank(self.value)


def wants_table(chosen: Format) -> bool:
    """Whether the result is for a person."""
    return chosen is Format.TABLE or (chosen is Format.AUTO and sys.stdout.isatty())


def line(record: object) -> None:
    """One JSON line on standard output."""
    from netcam import wire

    sys.stdout.write(wire.dumps(record) + "\n")


def say(text: str) -> None:
    """One line for the operator on standard error, controls escaped."""
    sys.stderr.write(escaped(text, limit=2000) + "\n")


def escaped(text: str, *, limit: int = 200) -> str:
    """A device's text made safe for a terminal: controls and bidirectional marks shown as escapes, cut at `limit`."""
    from netcam.report.terminal_text import escape

    return escape(text, limit=limit)


def console() -> Console:
    """A console on standard output."""
    from rich.console import Console

    # without a terminal rich assumes 80 columns and cuts words that a person asked for with --format table
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, limit: int = 200) -> Table:
    """A table of plain text cells; no markup of a device's text is ever read."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [[escaped(cell, limit=limit) for cell in row] for row in rows]
    made = Table(title=Text(title, style="bold"), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
    for column, width in zip(columns, _widths(columns, cells), strict=True):
        made.add_column(column, overflow="fold", width=width)
    for row in cells:
        made.add_row(*(Text(cell) for cell in row))
    return made


_WORD = 9
"""Characters of a word that stay on one line where a terminal is narrow."""
_KEPT = dict.fromkeys(("address", "addresses", "MAC", "device", "devices", "endpoint", "seen at"), 17) | {
    "brand": 9,
    "maker": 9,
    "firmware": 8,
    "sure": 4,
    "verdict": 11,
}
"""Columns that give way last, and what they keep: addresses, MACs and keys, which people copy, and what they look for first."""


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    """Width of each column: what it needs, and on a narrow terminal the widest give way first, down to their longest word."""
    from rich.cells import cell_len

    texts = [[column, *(row[n] for row in cells)] for n, column in enumerate(columns)]
    wide = [max(map(cell_len, text)) for text in texts]
    words = [max((cell_len(word) for one in text for word in one.split()), default=1) for text in texts]
    floors = [min(word, _KEPT.get(column, _WORD)) for column, word in zip(columns, words, strict=True)]
    room = console().width - 2 * len(columns)
    tight = [floor if column in _KEPT else min(floor, 6) for column, floor in zip(columns, floors, strict=True)]
    for least in (floors, tight, [1] * len(columns)):
        while sum(wide) > room and any(w > f for w, f in zip(wide, least, strict=True)):
            widest = max((n for n in range(len(wide)) if wide[n] > least[n]), key=lambda n: wide[n])
            wide[widest] -= 1
    return wide


def address_order(one: Identity) -> tuple[bytes, str]:
    """Devices by their first address, those without one last."""
    from netcam.model import address_order

    return address_order(next(iter(one.addresses), None)), one.device


def device_row(one: Identity, findings: Sequence[Finding]) -> list[str]:
    """The cells of one device: address, kind, brand, maker, model, firmware, how sure, what the policies say."""
    from netcam.assess.summary import summary

    maker = one.get("maker")
    sure = f"{one.confidence['maker']:.2f}" if maker else ""
    mine = [f for f in findings if f.device == one.device and f.kind == "policy"]
    return [
        one.addresses[0] if one.addresses else one.device,
        one.get("kind") or "unknown",
        one.get("brand") or ("unknown" if one.is_camera is not False else ""),
        # a maker of which a MAC prefix alone speaks is a question, and looks like one
        f"{maker}{'?' if one.confidence['maker'] <= 0.5 else ''}" if maker else ("unknown" if one.is_camera is not False else ""),
        one.get("model") or "",
        one.get("firmware") or "",
        sure,
        str(summary(mine)) if mine else "",
    ]


DEVICE_COLUMNS = ("address", "kind", "brand", "maker", "model", "firmware", "sure", "verdict")


def devices_table(title: str, identities: Iterable[Identity], findings: Sequence[Finding]) -> Table:
    """The table of devices in order of address."""
    rows = [device_row(one, findings) for one in sorted(identities, key=address_order)]
    return table(title, DEVICE_COLUMNS, rows)


def fail_code(findings: Iterable[Finding], level: Level | None) -> int:
    """FINDINGS_EXIT where a finding stands at or above `level`, else 0."""
    if level is None:
        return 0
    return FINDINGS_EXIT if any(f.rank >= level.rank for f in findings) else 0


def clock() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the command line reads the clock and hands it on


def each(records: Iterable[object], show: Callable[[object], None] = line) -> None:
    """Write every record."""
    for record in records:
        show(record)
