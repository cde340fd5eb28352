"""A fingerprint's own pattern: what is asked of one value of its field, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable

from netcam.catalog import naming
from netcam.catalog.maker_file import Fingerprint
from netcam.identify import dialect, sieve

FLAGS = re.IGNORECASE
MAX_NAMED = 1024
"""Characters in which names and models are looked for in running text: banners are shorter, and hundreds of patterns are tried."""
MIN_LETTERS = 2
"""Letters and digits in a pattern with which it seldom fits what it was not made for."""
_ANYTHING = ("Login", "Web Viewer2", "Acme Camera", "DS-2032-I", "C1234", "192.0.2.1", "Linux 3.10 (armv7l), build 2021")
"""Texts of the kinds that devices fill fields with."""

Hit = tuple[Fingerprint, dict[str, str]]
"""A fingerprint whose pattern fits, and what the pattern captures."""


def expression(one: Fingerprint) -> str:
    """The fingerprint's test as a regular expression; plain text is compared without regard to case."""
    if one.match:
        return one.match
    if one.equals:
        return rf"\A{re.escape(one.equals)}\Z"
    if one.prefix:
        return rf"\A{re.escape(one.prefix)}"
    return re.escape(one.contains)


_NOTHING: dict[str, str] = {}
"""What a pattern without groups captures."""


class Test:
    """A pattern, compiled when it is first needed: most are needed never."""

    __slots__ = ("badge", "captures", "group", "hits", "limit", "ones", "search", "sought", "text")

    def __init__(self, ones: tuple[Fingerprint, ...], text: str, limit: int) -> None:
        self.ones, self.text, self.limit = ones, text, limit
        """The fingerprints that ask for this pattern, and the characters of a value that it sees."""
        self.captures = "(?P<" in text
        self.group = ""
        """The only group of a pattern, where it has a name."""
        self.badge = any(one.field == "any.badge" and "/named-" in one.id for one in ones)
        """A badge's name in running text, which may only be spoken of there."""
        self.hits: tuple[Hit, ...] = tuple((one, _NOTHING) for one in ones)
        """What follows where the pattern fits and captures nothing."""
        # what comes after a name is spelt in a hundred ways, and what must not is checked where the name was seen
        short = next((text.removesuffix(end) + less for end, less in _ENDS if text.endswith(end)), text)
        short = next((less + short.removeprefix(start) for start, less in _STARTS if short.startswith(start)), short)
        self.sought = sieve.Sought(short, short == text and not self.captures)
        """What is looked for, and whether it fits where that is found, a badge only in a text that does not just speak of it."""
        self.search: Callable[[str], re.Match[str] | None] = self._first
        """The pattern's own search."""

    def _first(self, value: str) -> re.Match[str] | None:
        compiled = re.compile(self.text, FLAGS)
        self.search = compiled.search
        if compiled.groups == 1 and compiled.groupindex and len(self.ones) == 1:  # by far the most of those that capture
            (self.group,) = compiled.groupindex
        return self.search(value)

    def fits(self, value: str, spoken: bool = True) -> tuple[Hit, ...]:
        """What follows where the pattern fits, with what it captures; nothing where it does not. `spoken`: whether the value may hold what
        makes a name in it one that is only spoken of."""
        match = self.search(value)
        if match is None or (spoken and self.badge and naming.mentioned(value, *match.span())):
            return ()
        if not self.captures:
            return self.hits
        if self.group and (value := match[1]) is not None:
            return ((self.ones[0], {self.group: value}),)
        captures = {name: held for name, held in match.groupdict().items() if held is not None}
        return tuple([(one, captures) for one in self.ones])

    def loud(self) -> bool:
        """Whether the pattern fits much of what devices say anywhere: a field's own, for which its being there is the news."""
        few = dialect.letters(self.sought.pattern) < MIN_LETTERS
        return few and any(self.search(text) is not None for text in _ANYTHING)


_BEHIND_A_WORD = r"(?:\A|[ _])"
_ENDS = ((naming.NOUN, naming.NOUN_BEGINS), (naming.COMPANY, naming.COMPANY_BEGINS), (naming.SITE_END, ""), (naming.HOST_END, ""))
_STARTS = (
    (naming.SITE_START, ""), (naming.ALONE_START, ""), (naming.COMPANY_START, ""), (naming.MAKER_START, ""), (naming.MODEL_START, _BEHIND_A_WORD), (naming.HOST_START, r"(?:\A|[ _-])"),
)  # fmt: skip
"""What is around a name or model -> what Hyperscan is asked for instead: it need only find no less, and a small database stays at hand."""
