"""One pass over a value for the patterns that are looked for together, and what its fields make of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from netcam.catalog import naming
from netcam.identify.pattern import MAX_NAMED, Hit, Test
from netcam.identify.sieve import Batch, Sieve, Sought


class Group:
    """Patterns that are looked for in one pass, each once, for whatever field asks for it."""

    def __init__(self, *, spoken: bool) -> None:
        """`spoken`: whether a text may only speak of a badge."""
        self._wanted: dict[str, bool] = {}
        self._spoken = spoken

    def add(self, one: Sought) -> None:
        """Look for a pattern too."""
        self._wanted[one.pattern] = self._wanted.get(one.pattern, False) or one.answer

    def sought(self) -> list[Sought]:
        """All patterns, in order of their numbers."""
        behind = [Sought(naming.SPOKEN_OF, False)] if self._spoken else []
        return [*(Sought(pattern, answer) for pattern, answer in self._wanted.items()), *behind]


class Look:
    """What one field asks of one group: the group's numbers, and the field's tests behind each."""

    __slots__ = ("_answers", "_every", "_sieve", "_spoken", "_tests", "limits")

    def __init__(self, tests: Sequence[Test], patterns: Sequence[Sought], sieve: Sieve | None) -> None:
        """`tests` in order; `patterns` by number, of which the tests are some."""
        self._sieve = sieve
        self.limits = sorted({test.limit for test in tests})
        """Characters of a value that tests see."""
        numbers = {one.pattern: number for number, one in enumerate(patterns)}
        self._spoken = numbers.get(naming.SPOKEN_OF, -1)
        """The number of what a text holds in which a badge may only be spoken of."""
        self._tests: list[list[Test]] = [[] for _ in patterns]
        for test in _joined(tests):
            self._tests[numbers[test.sought.pattern]].append(test)
        self._every = [number for number, mine in enumerate(self._tests) if mine]
        certain = sieve.certain if sieve is not None else frozenset[int]()
        self._answers: list[tuple[Hit, ...] | None] = [
            tuple(hit for test in mine for hit in test.hits)
            if not mine or (number in certain and all(test.sought.answer for test in mine))
            else None
            for number, mine in enumerate(self._tests)
        ]
        """What follows where a number is named for a text of ASCII that speaks of nothing, None where the tests have to be made."""

    def add(self, batch: Batch, values: Sequence[str], found: list[tuple[Hit, ...]]) -> None:
        """Add to what was found in each of some values what the tests say of it. `batch` holds them, or what its limits
        leave of the only one.

        Number by number, so that a pattern that is at hand is tried on all values that need it.
        """
        everything = frozenset(range(len(values)))
        named: Mapping[int, Collection[int]] = self._sieve.candidates(batch) if self._sieve else dict.fromkeys(self._every, everything)
        if batch.cut:
            named = dict.fromkeys(named, everything)
        doubtful = batch.odd.union(named.get(self._spoken, ())) if self._sieve and not batch.cut else everything
        for number in sorted(named):
            tests, answer = self._tests[number], self._answers[number]
            if not tests:
                continue
            owners = {*named[number]}
            if not doubtful.isdisjoint(owners):
                for n in owners & doubtful:
                    for test in tests:
                        found[n] += test.fits(values[n][: test.limit])
                owners -= doubtful
            if answer is not None:
                for n in owners:
                    found[n] += answer
            else:
                for test in tests:
                    fits = test.fits
                    for n in owners:
                        found[n] += fits(values[n], False)


def _joined(tests: Sequence[Test]) -> list[Test]:
    """The tests, those for the same pattern as one: it is searched for once."""
    found: dict[tuple[str, int, bool], list[Test]] = {}
    for test in tests:
        found.setdefault((test.text, test.limit, test.badge), []).append(test)
    return [
        some[0] if len(some) == 1 else Test(tuple(one for test in some for one in test.ones), text, limit)
        for (text, limit, _), some in found.items()
    ]


Said = tuple[tuple[str, str, str], float, str]
"""Fingerprint, slot and value of a claim, with its weight and origin."""
Judge = Callable[[str, tuple[Hit, ...]], tuple[Hit, ...]]
"""What is left of the hits of a value."""


class Field:
    """What is asked of the values of a field, and what it was answered for those that were seen before."""

    __slots__ = ("_judge", "_looks", "known", "told")

    def __init__(self, looks: Sequence[Look], judge: Judge | None) -> None:
        """`judge` looks at the hits of this field once more."""
        self._looks = tuple(looks)
        self._judge = judge
        self.known: dict[str, tuple[Hit, ...]] = {}
        self.told: dict[str, tuple[tuple[Said, ...], tuple[Hit, ...]] | None] = {}
        """What known values say, and the hits that ask for something else besides; None for a value that was asked for once."""

    def hits(self, values: Sequence[str]) -> list[tuple[Hit, ...]]:
        """What follows of each of some values, which are of `MAX_NAMED` characters at the most where there are several."""
        found: list[tuple[Hit, ...]] = [()] * len(values)
        if len(values) > 1 or len(values[0]) <= MAX_NAMED:
            batch = Batch(values)
            for look in self._looks:
                look.add(batch, values, found)
        else:
            for look in self._looks:
                look.add(Batch([values[0][:limit] for limit in look.limits], cut=True), values, found)
        if self._judge is not None:
            return [self._judge(value, hits) if hits else hits for value, hits in zip(values, found, strict=True)]
        return found
