"""Text from the network for a terminal: what could move a cursor, hide or turn text round is shown as an escape."""

from __future__ import annotations

import unicodedata

MAX_SHOWN = 200
"""Characters of one value on a terminal line: enough for any honest banner, too few to push the table away."""

# Cf holds the bidirectional and zero-width marks, Zl and Zp break lines; Co and Cn show as anything or nothing
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
MAX_MARKS = 2
"""Combining marks on one character: scripts in use need no more, and a pile of them paints over other lines."""


def escape(text: str, limit: int = MAX_SHOWN) -> str:
    """`text` on one line, hidden and control characters as `\\x1b` or `\\u202e`, cut after `limit` shown characters."""
    cut = text[: limit + 1]
    if cut.isascii() and cut.isprintable():
        return text if len(text) <= limit else f"{text[:limit]}…"
    out: list[str] = []
    length = marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        shown = _escaped(char) if category in _HIDDEN or marks > MAX_MARKS or (marks and not out) else char
        length += len(shown)
        if length > limit:
            return "".join(out) + "…"
        out.append(shown)
    return "".join(out)


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
