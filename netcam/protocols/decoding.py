"""Bytes of unknown charset to text that is safe to keep: decoded, without control characters, cut."""

from __future__ import annotations

import re

from netcam.model import Fact
from netcam.protocols.commands import MAX_FACTS, MAX_VALUE

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""C0 without tab, CR and LF, C1, zero-width and bidirectional controls, lone surrogates: they hide text or drive terminals."""
_SPACE = re.compile(r"\s+")
_NAME = re.compile(r"[^A-Za-z0-9_.:\-]")
MAX_TAIL = 64
"""Characters of the device's part of a field name (`http.header.<name>`): real ones are under 40."""


def text(data: bytes, limit: int = MAX_VALUE) -> str:
    """Decode as UTF-8, else GB18030 (Chinese firmware), else Latin-1; drop control characters; cut at `limit`."""
    return clean(decoded(data), limit)


def decoded(data: bytes) -> str:
    """Decode as UTF-8, else GB18030, else Latin-1, which never fails."""
    for charset in ("utf-8", "gb18030"):
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def clean(value: str, limit: int = MAX_VALUE) -> str:
    """Drop control characters, trim, cut at `limit` characters; line ends stay."""
    if value.isascii() and value.isprintable():
        return value.strip()[:limit]  # most are; none of the controls is among them
    return _CONTROLS.sub("", value).strip()[:limit]


def line(value: str, limit: int = MAX_VALUE) -> str:
    """Like `clean`, with every run of white space made one space."""
    kept = clean(value, limit)
    return kept if kept.isascii() and kept.isprintable() and "  " not in kept else _SPACE.sub(" ", kept)


def tail(name: str) -> str:
    """The device's part of a field name: no white space, nothing that a field name may not hold, cut at MAX_TAIL."""
    return _NAME.sub("_", name.strip())[:MAX_TAIL]


class Facts:
    """Collects facts: cleans values, leaves out empty ones and repeats, stops at MAX_FACTS."""

    __slots__ = ("_facts",)

    def __init__(self) -> None:
        self._facts: dict[Fact, None] = {}

    def add(self, field: str, value: str | None, limit: int = MAX_VALUE) -> None:
        """Keep `value` under `field`, unless it is empty once cleaned or there are MAX_FACTS already."""
        kept = clean(value or "", limit)
        if kept and not field.endswith(".") and len(self._facts) < MAX_FACTS:
            self._facts[Fact(field, kept)] = None

    def extend(self, facts: list[Fact]) -> None:
        """Keep facts that another reader made."""
        for fact in facts:
            if len(self._facts) < MAX_FACTS:
                self._facts[fact] = None

    def done(self) -> list[Fact]:
        """The facts in the order they came."""
        return list(self._facts)
