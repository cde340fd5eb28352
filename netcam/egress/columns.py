"""Columns of equal length: joined, selected and folded by key without a loop over rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Columns = dict[str, Array]


def empty(kinds: Mapping[str, str]) -> Columns:
    """Columns without rows."""
    return {name: np.zeros(0, kind) for name, kind in kinds.items()}


def size(columns: Columns) -> int:
    """Rows."""
    return len(next(iter(columns.values())))


def take(columns: Columns, rows: Array) -> Columns:
    """The rows of a mask or index."""
    return {name: values[rows] for name, values in columns.items()}


def joined(parts: Iterable[Columns], kinds: Mapping[str, str]) -> Columns:
    """All parts one after another."""
    listed = [p for p in parts if size(p)]
    if not listed:
        return empty(kinds)
    return {name: np.concatenate([p[name] for p in listed]).astype(kind, copy=False) for name, kind in kinds.items()}


def order(columns: Columns, keys: Sequence[str]) -> tuple[Array, Array]:
    """Rows sorted by `keys`, and where in that order each new key begins."""
    rows = size(columns)
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    arranged = np.lexsort([columns[k] for k in reversed(keys)])
    new = np.zeros(rows, bool)
    new[0] = True
    for key in keys:
        values = columns[key][arranged]
        new[1:] |= values[1:] != values[:-1]
    return arranged, np.flatnonzero(new)


def folded(columns: Columns, keys: Sequence[str], how: Mapping[str, str]) -> Columns:
    """One row per key; the other columns by `sum`, `max`, `min` or `or`. The order of rows does not change the result."""
    arranged, begins = order(columns, keys)
    if not len(begins):
        return {name: columns[name][:0] for name in (*keys, *how)}
    made = {key: columns[key][arranged][begins] for key in keys}
    calls = {"sum": np.add, "max": np.maximum, "min": np.minimum, "or": np.bitwise_or}
    for name, way in how.items():
        made[name] = calls[way].reduceat(columns[name][arranged], begins)
    return made


def number(columns: Columns, keys: Sequence[str]) -> tuple[Array, Array]:
    """A number per row that is equal for equal keys, and one row for each number, in order of the keys."""
    arranged, begins = order(columns, keys)
    numbers = np.zeros(len(arranged), np.int64)
    marks = np.zeros(len(arranged), np.int64)
    marks[begins] = 1
    numbers[arranged] = np.cumsum(marks) - 1
    return numbers, arranged[begins]


def spans(numbers: Array, count: int) -> Array:
    """Edges of the runs 0..count-1 in sorted `numbers`: run k is edges[k]:edges[k+1]."""
    return np.searchsorted(numbers, np.arange(count + 1))
