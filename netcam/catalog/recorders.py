"""How many channels a recorder has, by its model: one file, whose examples are its tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from netcam.catalog import text
from netcam.catalog.families import fold
from netcam.errors import ContentError, shown

MAX_MODEL = 80
"""Characters of a model that are looked at."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one maker numbers its recorders."""

    maker: str
    models: str
    source: str
    examples: dict[str, str]
    near_misses: tuple[str, ...]
    note: str = ""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """recorders.yaml."""

    recorders: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Recorders:
    """The rows by maker, patterns compiled."""

    rows: dict[str, tuple[re.Pattern[str], Row]]

    def channels(self, maker: str | None, model: str | None) -> tuple[int, str] | None:
        """Number of channels of `model` and the source that tells it, or None where the model does not tell."""
        row = self.rows.get(fold(maker or ""))
        found = row[0].match((model or "")[:MAX_MODEL].strip()) if row else None
        digits = next((group for group in found.groups() if group), "") if found else ""
        return (int(digits), row[1].source) if row and digits else None


def load(root: Path) -> Recorders:
    """Read `recorders.yaml`. Raises ContentError with file and line, also where an example does not hold."""
    document = text.read(root / "recorders.yaml", name=f"{root.name}/recorders.yaml")
    rows: dict[str, tuple[re.Pattern[str], Row]] = {}
    made = Recorders(rows)
    for number, row in enumerate(text.typed(document, File).recorders):
        where = document.at("recorders", number)
        try:
            rows[fold(row.maker)] = (re.compile(row.models, re.IGNORECASE), row)
        except re.error as error:
            raise ContentError(where, f"{shown(row.models)} is no pattern: {error}", "see the re module of Python") from None
        for model, told in row.examples.items():
            if (got := made.channels(row.maker, model)) is None or str(got[0]) != told:
                raise ContentError(
                    where, f"{shown(model)} has {got[0] if got else 'no'} channels, not {told}", "mend the pattern or the example"
                )
        for model in row.near_misses:
            if (got := made.channels(row.maker, model)) is not None:
                raise ContentError(where, f"{shown(model)} must not match, and has {got[0]} channels", "mend the pattern")
    return made
