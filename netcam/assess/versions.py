"""Which of two firmware versions came first, by the maker's way of counting."""

from __future__ import annotations

import re

_PART = re.compile(r"\d+|[a-z]+", re.IGNORECASE)


def compare(scheme: str, one: str, other: str) -> int | None:
    """-1, 0 or 1; None where the two are not of one shape."""
    left, right = _PART.findall(one.casefold()), _PART.findall(other.casefold())
    for a, b in zip(left, right, strict=False):
        if a.isdigit() != b.isdigit():
            return None
        if a.isdigit():
            if int(a) != int(b):
                return -1 if int(a) < int(b) else 1
        elif a != b:
            return None
    return None if len(left) != len(right) else 0
