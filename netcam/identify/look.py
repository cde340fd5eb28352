"""One pass over a value for the patterns that are looked for together, and what its fields make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netcam.catalog import naming
from netcam.identify.pattern import Hit, Test, rests
from netcam.identify.sieve import Scan, Sieve, Sought


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

    __slots__ = ("_answers", "_limit", "_sieve", "_spoken", "_tests", "_words", "name", "named", "scan")

    def __init__(self, tests: Sequence[Test], patterns: Sequence[Sought], sieve: Sieve | None, *, words: bool) -> None:
        """`tests` in order; `patterns` by number, of which the tests are some. `words`: whether words may stand before what is sought."""
        self._sieve, self._words = sieve, words
        self._limit = max(test.limit for test in tests)
        numbers = {one.pattern: number for number, one in enumerate(patterns)}
        self._spoken = numbers.get(naming.SPOKEN_OF, -1)
        """The number of what a text holds in which a badge may only be spoken of."""
        self._tests: list[list[Test]] = [[] for _ in patterns]
        for test in _joined(tests):
            self._tests[numbers[test.sought.pattern]].append(test)
        certain = sieve.certain if sieve is not None else frozenset[int]()
        self._answers: list[tuple[Hit, ...] | None] = [
            tuple(hit for test in mine for hit in test.hits)
            if not mine or (number in certain and all(test.sought.answer for test in mine))
            else None
            for number, mine in enumerate(self._tests)
        ]
        """What follows where a number is named for a text of ASCII, None where the tests have to be made."""
        self.named: list[int] = []
        """Numbers that the last pass named."""
        name = self.named.append

        # a function of Python's, since Hyperscan gives five arguments
        def hit(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            name(number)

        self.name = hit
        """What a pass calls with each number."""
        self.scan = self._scan()
        """The pass over a text of ASCII."""

    def _scan(self) -> Scan:
        if self._sieve is None:
            every, named = range(len(self._tests)), self.named
            return lambda text, hit: named.extend(every)
        scan, refused = self._sieve.scan, self._sieve.refused
        if not refused and not self._words:
            return scan

        def several(text: bytes, hit: Callable[[int, int, int, int, object], None]) -> None:
            scan(text, hit)
            if self._words and (b" " in text or b"_" in text):
                for rest in rests(text.decode("ascii")):
                    scan(rest.encode("ascii"), hit)
            self.named[:] = {*self.named, *refused}

        return several

    def confirmed(self, value: str) -> tuple[Hit, ...]:
        """What follows from the numbers that were named for a text of ASCII."""
        named, answers = self.named, self._answers
        if len(named) > 1:
            named.sort()
        spoken = named[-1] == self._spoken
        found: tuple[Hit, ...] = ()
        small = ""
        for number in named:
            answer = answers[number]
            if answer is None:
                for test in self._tests[number]:
                    if test.names and not spoken:
                        small = small or value.lower()
                        found += test.hits if test.plainly(small) else test.fits(value)
                    else:
                        found += test.fits(value)
            elif answer:
                found += answer
        named.clear()
        return found

    def hits(self, value: str) -> tuple[Hit, ...]:
        """What the tests say of any value."""
        short = value[: self._limit]
        pieces = [short, *(rests(short) if self._words else ())]
        told = [self._sieve.candidates(piece) for piece in pieces] if self._sieve is not None else [None]
        if None in told:
            return tuple(hit for tests in self._tests for test in tests for hit in test.fits(value[: test.limit]))
        candidates = sorted({number for some in told for number in some or ()})
        # in the shadow of a text names in another script may look the same
        small = short.lower()
        tests = [test for number in candidates for test in self._tests[number] if test.may(small)]
        return tuple(hit for test in tests for hit in test.fits(value[: test.limit]))


def _joined(tests: Sequence[Test]) -> list[Test]:
    """The tests, those for the same pattern as one: it is searched for once."""
    found: dict[tuple[str, int, bool], list[Test]] = {}
    for test in tests:
        found.setdefault((test.text, test.limit, test.badge), []).append(test)
    return [
        some[0] if len(some) == 1 else Test(tuple(one for test in some for one in test.ones), text, limit)
        for (text, limit, _), some in found.items()
    ]


class Field:
    """What is asked of the values of a field, and what it was answered for those that were seen before."""

    __slots__ = ("judged", "known", "looks", "passes", "room")

    def __init__(self, looks: Sequence[Look], *, sieved: bool, judged: bool) -> None:
        """`sieved`: whether passes are made at all; `judged`: whether hits of this field are looked at once more."""
        self.looks = tuple(looks)
        self.passes = tuple((one.scan, one.name, one.named, one.confirmed) for one in looks) if sieved else ()
        """Each look again, as the short way through it needs it."""
        self.judged = judged
        self.known: dict[str, tuple[Hit, ...]] = {}
        self.room = 0
        """Values that it may hold."""

    def drop(self) -> None:
        """Let go of what an interrupted pass named."""
        for look in self.looks:
            look.named.clear()
