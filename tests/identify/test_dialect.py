"""Patterns in Hyperscan's language find what `re` finds."""

from __future__ import annotations

import importlib.util
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netcam.identify import dialect

ITEMS = ["a", "B", "s", "k", "1", "-", " ", r"\.", r"\ ", ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[a-c]", "[^a-c]", r"[\w-]", r"[^\w]", "[-a]", r"[\S-]", r"[^\sa]", r"[-\s]", r"[^\S ]", "[É-б]", "Б",
         r"[^\W\d]", "[\N{EN DASH}-]", "\N{EN DASH}", "é", r"[\s.]", r"\b", r"\n"]  # fmt: skip
ENDS = ["", "", r"\Z", "$", r"(?:\Z|-)", "(?:-|$)", r"(?:\Z|a)\Z", "$\n", r"(?![a-c])", r"(?![\w-])", "(?![a-c]|['’]s)", "(?!a|1b)(?!kk)",
        r"(?!\W)"]  # fmt: skip
STARTS = ["", "", r"\A", "^", r"(?:\A|[ -])", r"\A(?:^|a)", r"(?:\Z|\A)", "(?<![a-c])", r"(?<![\w-])", r"(?<!\s)", "(?i)", "(?is)(?<!-)"]
REPEATS = ["", "", "", "", "?", "*", "+", "{2}", "{0,2}", "{1,}?", "??"]


def repeated(one: str, repeat: str) -> str:
    return one if one == r"\b" else one + repeat


PIECES = st.lists(st.builds(repeated, st.sampled_from(ITEMS), st.sampled_from(REPEATS)), min_size=1, max_size=4).map("".join)
BODIES = st.recursive(
    PIECES,
    lambda inner: st.one_of(
        st.builds("(?:{}|{}){}".format, inner, inner, st.sampled_from(REPEATS)),
        st.builds("(?-i:{}){}".format, inner, PIECES),
        st.builds("{}|{}".format, inner, PIECES),
    ),
    max_leaves=3,
)
PATTERNS = st.builds("{}{}{}".format, st.sampled_from(STARTS), BODIES, st.sampled_from(ENDS))
TEXTS = st.lists(st.sampled_from("abcABsSkK1- .'_\n\t\x00\x01\x02’–éÉбБſKİı\x1c\x1f\u00a0\u0661"), max_size=8).map("".join)


def found(translation: dialect.Translation, read: list[str]) -> list[bool]:
    """In which of some texts Hyperscan finds a pattern, all of them looked through at once."""
    import hyperscan

    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_ALLOWEMPTY
    flags |= hyperscan.HS_FLAG_PREFILTER if translation.prefilter else 0
    database = hyperscan.Database()
    database.compile(expressions=[translation.pattern.encode("latin-1")], ids=[1], elements=1, flags=[flags])
    whole = "".join(f"{dialect.START}{text}{dialect.END}" for text in read).encode("latin-1")
    owners = [0, *(n for n, text in enumerate(read) for _ in range(len(text) + 2))]
    hits: set[int] = set()
    database.scan(whole, lambda _number, _start, end, *_: hits.add(owners[end]))
    return [n in hits for n in range(len(read))]


@given(pattern=PATTERNS, texts=st.lists(TEXTS, min_size=1, max_size=8), exactly=st.booleans())
@settings(max_examples=500, deadline=None)
@example(pattern=r"([(?![a])", texts=["a"], exactly=True)
@example(pattern=r"a|b(?!c)", texts=["ac", "bc", "bd"], exactly=True)
@example(pattern=r"(?<!a)b|c", texts=["ab", "ac"], exactly=True)
@example(pattern=r"\A(?:^|a)a(?![a-c])", texts=["a"], exactly=False)
@example(pattern=r"a\Z", texts=["a\n", "a"], exactly=True)
@example(pattern=r"(?<![a-c])s(?![a-c]|['’]s)", texts=["s's", "s'k", "s’s", "sé", "éſ"], exactly=True)
def test_what_is_translated_finds_the_same(pattern: str, texts: list[str], exactly: bool) -> None:
    assert importlib.util.find_spec("hyperscan"), "the extra `fast` is part of what the tests install"
    import hyperscan

    translation = dialect.translated(pattern, exactly=exactly)
    if translation is None:
        return
    try:
        test = re.compile(pattern, re.IGNORECASE)
    except re.error:
        return
    read = {text: one for text in texts if (one := dialect.shadow(text)) is not None}
    if not read:
        return
    try:
        told = found(translation, list(read.values()))
    except hyperscan.HyperscanError:
        return  # refused: it is tried on every text
    for text, hit in zip(read, told, strict=True):
        if text.isascii() and translation.exact:
            assert hit == bool(test.search(text)), (pattern, text, translation)
        elif (text.isascii() or translation.beyond) and test.search(text):
            assert hit, (pattern, text, translation)


def test_only_four_characters_beyond_ascii_are_letters_of_it_where_case_does_not_matter() -> None:
    letters = re.compile("[a-zA-Z]", re.IGNORECASE)
    assert "".join(c for c in map(chr, range(128, 0x110000)) if letters.match(c)) == dialect.FOLDED


def test_characters_that_are_one_where_case_does_not_matter_have_one_byte() -> None:
    cased = "".join(c for c in map(chr, range(128, 0x110000)) if (c.lower() != c or c.upper() != c) and c not in dialect.FOLDED)
    assert len(cased) > 2000
    for c in cased:
        for same in re.findall(c, cased, re.IGNORECASE):
            assert dialect.other(same) == dialect.other(c), (c, same)


@pytest.mark.parametrize(
    "pattern", ["a{,3}", "a++", "[[:alpha:]]", "(a)(?P<x>b)(?P=x)", "(?#a)b", "[^é]", "\u017fa", r"\va", r"a\B", "(?x)a b", r"[^\S ]"]
)
def test_what_the_two_may_read_apart_is_left_alone(pattern: str) -> None:
    assert dialect.translated(pattern) is None


@pytest.mark.parametrize("pattern", [r"\A(?!0+\Z)\d", r"a(?=b)", r"(?<=a)b", r"(?P<m>(?<!TL-)IPC)"])
def test_other_looks_only_sift(pattern: str) -> None:
    translation = dialect.translated(pattern)
    assert translation is not None
    assert not translation.exact
    assert not translation.beyond


def test_the_shadow_has_a_byte_for_each_character_and_none_where_the_two_read_apart() -> None:
    assert dialect.shadow("a b\n") == "a b\n"
    assert dialect.shadow("海康 a\ud800") == f"{chr(128 | 0x77)}{chr(128 | 0x37)} a\x80"
    assert dialect.shadow("a\x1cb") == "a\x1cb"
    assert dialect.shadow("\x00a\x01\x02") == "\x02a\x02\x02", "what stands between texts stands in none"
    assert dialect.shadow("ſé") is None
