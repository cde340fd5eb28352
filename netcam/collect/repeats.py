"""What was told lately, so that a fact that stays true is recorded again and again only after a while. Bounded memory."""

from __future__ import annotations

from collections import OrderedDict

MAX_REMEMBERED = 400_000
"""Facts remembered (about 100 MB): 10,000 devices of 40 facts."""


class Repeats:
    """Facts by a hash of their words, and when each was told."""

    def __init__(self, seconds: float) -> None:
        """A fact may be told again `seconds` after it was told."""
        self._seconds = seconds
        self._told: OrderedDict[int, float] = OrderedDict()
        self.count = 0
        """How many were held back."""

    def __len__(self) -> int:
        return len(self._told)

    def fresh(self, key: int, at: float | None) -> bool:
        """Whether the fact `key`, seen at `at` (seconds; None: at no known time), is to be told; it is remembered as told then."""
        last = self._told.get(key)
        if last is not None and (at is None or abs(at - last) < self._seconds):
            self.count += 1
            return False
        self._told[key] = at or 0.0
        self._told.move_to_end(key)
        if len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)
        return True

    def forget(self, key: int) -> None:
        """Take back what `fresh` has remembered: it was not told after all."""
        self._told.pop(key, None)
