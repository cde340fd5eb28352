"""A pattern of `re` in Hyperscan's language, so that a match there leaves nothing for `re` to confirm.

Hyperscan reads PCRE's language over bytes and does not look around. Since only whether a pattern matches is asked and not where, what
may not follow it can be consumed instead (`(?![a-z])` at the end becomes the end of the text or another character). What is not known
to mean the same in both languages is told apart, and what costs Hyperscan much is left to `re`.

Texts are read many at once, each between two bytes that stand in no text and that no pattern passes: what `re` asks of a text's
beginning or end is asked of these, and what stands before a name may be consumed too.

A text beyond ASCII is read as its shadow, one byte above 127 for each character beyond ASCII, the same for all that `re` takes for one
character; classes that may hold such characters hold all those bytes. There a match says that `re` may find the pattern, and no match
that it cannot.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

EDITION = 5
"""Of the translation: raised with every change of it, so that compiled patterns are made anew."""
SEPARATORS = r"\x1c-\x1f"
"""What `\\s` of `re` holds of ASCII and PCRE's does not."""
START, END = "\x01", "\x00"
"""What a text stands between."""
_START, _END, _BORDERS = r"\x01", r"\x00", r"\x00\x01"
_RESERVED = ("\x00", "\x01", "\x02")
"""Characters that no pattern names: in a text the last, which is in the same classes, stands for the others."""
FOLDED = "\u0130\u0131\u017f\u212a"
"""Characters beyond ASCII that `re` takes for an i, s or k where case does not matter; there are no others."""
OTHERS = r"\x80-\xff"
"""What stands for characters beyond ASCII."""
MAX_REPEAT = 64
"""Times that a repeat is counted: Hyperscan spends a state on each, and a second on `.{0,2000}`."""
MAX_AFTER = 8
"""Characters of a text that may not follow: longer ones are rare and would need a deep pattern."""


class Translation(NamedTuple):
    """A pattern for Hyperscan, caseless, for texts between their borders. It matches every ASCII text in which `re` finds the pattern."""

    pattern: str
    exact: bool
    """It matches no other ASCII text."""
    prefilter: bool
    """It looks around, which Hyperscan passes over only when told that this is a prefilter."""
    beyond: bool
    """It matches the shadow of every other text in which `re` finds the pattern."""


_UNRESERVED = bytes.maketrans(b"\x00\x01", b"\x02\x02")
_ASCII = [chr(code) for code in range(len(_RESERVED) - 1, 128)]
_MEMBER = r"(?:[^\[\]\\]|\\[bdDwWsSnrt]|\\\W)"
_CLASS = rf"\[\^?(?!\]){_MEMBER}+\]"
_ONE = rf"(?:{_CLASS}|\\[dDwWsS]|\\[nrt]|\\\W|[^\[\](){{}}|?*+.^$\\])"
_REPEAT = r"(?:[?*+]|\{\d+(?:,\d*)?\})\??(?![?*+{])"
_BETWEEN = re.compile(r"\{(\d+),(\d+)\}\??")
_REPEATED = re.compile(r"(?:[?*+]|\{(\d+)(?:,\d*)?\})\??")
_OPEN = r"\((?:\?(?:P<\w+>|:|-?i:)|(?!\?))"
_TOKEN = re.compile(rf"{_CLASS}|{_REPEAT}|{_OPEN}|\(\?<?[=!]|\\[AZb]|[)|.^$]|{_ONE}", re.DOTALL)
"""What both read alike, and looks. Not among it: possessive repeats, `{,n}`, sets within sets, comments, references, and `\\B`, which for
`re` is not in an empty text."""
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
_FLAGS = re.compile(r"\(\?(?:i|s|is|si)\)")
_BEFORE = re.compile(rf"\(\?<!({_ONE})\)", re.DOTALL)
_AFTER = re.compile(rf"\(\?!({_ONE}{{1,{MAX_AFTER}}}(?:\|{_ONE}{{1,{MAX_AFTER}}})*)\)\Z", re.DOTALL)


def shadow(text: str) -> str | None:
    """What Hyperscan reads for a text, a byte (as Latin-1) for each character, or None where it would read another text than `re` does."""
    if any(one in text for one in FOLDED):
        return None
    return text.encode("ascii", "netcam-other").translate(_UNRESERVED).decode("latin-1")


def other(char: str) -> int:
    """The byte that stands for a character beyond ASCII, whatever its case."""
    return 128 | ord(char.casefold()[0]) & 127


codecs.register_error(
    "netcam-other", lambda e: (bytes(map(other, e.object[e.start : e.end])), e.end) if isinstance(e, UnicodeEncodeError) else _refuse(e)
)


def _refuse(error: Exception) -> tuple[bytes, int]:
    raise error


def translated(pattern: str, *, exactly: bool = True, looks: bool = True) -> Translation | None:
    """`pattern` for Hyperscan, or None where nothing is known of what it would find there.

    Not `exactly`: `re` is asked anyway, and a pattern that finds a little more is smaller and faster. Without `looks`, those at
    borders of words among them, it finds all that it may in a shadow, which does not tell letters beyond ASCII from other characters.
    """
    if any(one in pattern for one in (*FOLDED, *_RESERVED)):
        return None
    found = _FLAGS.match(pattern)
    flags = found[0] if found else ""
    everything = rest = pattern[len(flags) :]
    if before := _BEFORE.match(rest):
        rest = rest[before.end() :]
    unwanted: list[tuple[frozenset[str], ...]] = []
    while look := _AFTER.search(rest):
        unwanted += [tuple(_chars(one) for one in re.findall(_ONE, text, re.DOTALL)) for text in _alternatives(look[1])]
        rest = rest[: look.start()]
    parts = _parts(rest)
    if parts is None or not _whole(rest) or ((before or unwanted) and _branches(parts)):
        before, unwanted, parts = None, [], _parts(everything)
        if parts is None:
            return None
    if not looks:
        parts = _blindly(parts)
    if any(one.startswith("[^") and r"\S" in one for one in parts):
        return None  # spaces but some: PCRE has less of them
    looking = any(one in _LOOKS for one in parts)
    anchored = _anchored(parts)
    if looking and not anchored:
        return None  # what it looks at cannot be left out
    wider = parts if looking else [_widened(one) for one in parts if anchored or one not in _ANCHORS]
    more = any(one[0] == "[" and r"\S" in one for one in parts)
    exact = exactly and not looking and not more and wider == parts
    written = "".join(_written(one, "s" in flags) for one in (wider if looking or unwanted else _shortened(wider)))
    ahead = _set({"\x01", *_ASCII} - _chars(before[1])) if before else ""
    behind = _other(unwanted) if unwanted else ""
    return Translation(flags + ahead + written + behind, exact, looking, not (looking or _blind(parts)))


def letters(pattern: str) -> int:
    """Letters and digits that a pattern asks for by themselves: with fewer than two it may fit nearly any text."""
    depth, looking, count = 0, 0, 0
    found = _FLAGS.match(pattern)
    for one in _parts(pattern[found.end() :] if found else pattern) or ():
        depth += one[0] == "("
        if one in _LOOKS and not looking:
            looking = depth
        count += not looking and one.isalnum()
        if one == ")":
            looking = 0 if looking == depth else looking
            depth -= 1
    return count


def _widened(part: str) -> str:
    """A part of a pattern, a repeat that Hyperscan would count at length without its end."""
    found = _BETWEEN.fullmatch(part)
    return f"{{{min(int(found[1]), MAX_REPEAT)},}}" if found and int(found[2]) > MAX_REPEAT else part


def _parts(rest: str) -> list[str] | None:
    """The parts of a pattern, or None where there is one that is not known."""
    found: list[str] = []
    at = 0
    while at < len(rest):
        token = _TOKEN.match(rest, at)
        if token is None or (token[0].startswith("[^") and not token[0].isascii()):
            return None
        found.append(token[0])
        at = token.end()
    return found


_ANCHORS = (r"\A", "^", r"\Z", "$")


def _anchored(parts: list[str]) -> bool:
    """Whether consuming the borders of a text for what is asked of its beginning and end finds the same: no way through the pattern
    comes to the same border twice, none comes from the end to the beginning, and nothing can be consumed behind a last line feed."""
    if "$" in parts and any(one != ")" for one in parts[parts.index("$") + 1 :]):
        return False
    starts, ends = ([n for n, one in enumerate(parts) if one in some] for some in (_ANCHORS[:2], _ANCHORS[2:]))
    if starts and ends and ends[0] < starts[-1]:
        return False
    return _most(parts, _ANCHORS[:2]) <= 1 and _most(parts, _ANCHORS[2:]) <= 1


def _most(parts: list[str], wanted: Sequence[str]) -> int:
    """How many of the wanted parts one way through a pattern comes to, at the most; a repeat comes to them twice, and what is
    looked at is a way of its own."""
    most, now, last = [0], [0], 0
    looks: list[bool] = []
    alone = 0
    for one in parts:
        before, last = last, 0
        if one[0] == "(":
            looks.append(one in _LOOKS)
            most.append(0)
            now.append(0)
        elif one == ")":
            last = max(most.pop(), now.pop())
            if looks.pop():
                alone, last = max(alone, last), 0
            now[-1] += last
        elif one == "|":
            most[-1], now[-1] = max(most[-1], now[-1]), 0
        elif one in wanted:
            now[-1] += 1
        elif one[0] in "*+{":
            now[-1] += before
    return max(most[0], now[0], alone)


def _shortened(parts: list[str]) -> list[str]:
    """The parts of a pattern without what may be left out at its end: whether it matches is asked, and every end would be told."""
    parts = list(parts)
    while len(parts) > 2 and parts[-2] != ")" and (repeat := _REPEATED.fullmatch(parts[-1])) and not _branches(parts):
        least = 0 if repeat[0][0] in "?*" else int(repeat[1] or 1)
        if least:
            parts[-1:] = [] if least == 1 else [f"{{{least}}}"]
            break
        del parts[-2:]
    return parts


def _written(part: str, everything: bool) -> str:
    """A part of a pattern for Hyperscan; `everything`: whether a dot stands for line feeds too."""
    if part in (r"\A", "^"):
        return _START
    if part == r"\Z":
        return _END
    if part == "$":
        return rf"(?:\n?{_END})"
    if part == ".":
        return f"[^{_BORDERS}]" if everything else rf"[^\n{_BORDERS}]"
    if part == r"\S":
        return rf"[^\s{SEPARATORS}{_BORDERS}]"
    if part in (r"\W", r"\D"):
        return f"[^{part.lower()}{_BORDERS}]"
    if part[0] == "[":
        return _class(part)
    if part in (r"\d", r"\w", r"\s"):
        return _class(f"[{part}]")
    return part if part.isascii() else rf"\x{other(part):02x}"


_SPANS = {r"\W": r"\x02-/:-@\[-\^`{-\x7f", r"\D": r"\x02-/:-\x7f", r"\S": r"\x02-\x08\x0e-\x1b!-\x7f"}
"""What is no letter, no digit and no space of ASCII, without the borders of a text."""


def _class(part: str) -> str:
    """A class for Hyperscan."""
    head = "[^" if part[1] == "^" else "["
    body = re.sub(r"[^\x00-\x7f]", r"\\xff", part[len(head) :])
    more = SEPARATORS if r"\s" in body else ""
    if head == "[^":
        more += _BORDERS
    elif not part.isascii() or re.search(r"\\[dwsDWS]", body):
        more += OTHERS
    body = re.sub(r"\\.", lambda found: _SPANS.get(found[0], found[0]), body)
    return head + more + (r"\-" + body[1:] if more and body[0] == "-" else body)


def _blindly(parts: list[str]) -> list[str]:
    """The parts of a pattern without what it looks at; it finds no less."""
    found: list[str] = []
    depth = within = 0
    for one in parts:
        depth += one[0] == "("
        if one in _LOOKS and not within:
            within = depth
        if not within and one != r"\b":
            found.append(one)
        if one == ")":
            within = 0 if within == depth else within
            depth -= 1
    return found


def _blind(parts: list[str]) -> bool:
    """Whether a pattern may fit characters beyond ASCII that their shadow hides: borders of words, and what is not a space and such."""
    return any(one == r"\b" or (one.startswith("[^") and re.search(r"\\[DWS]", one) is not None) for one in parts)


def _whole(rest: str) -> bool:
    """Whether what is left is a pattern by itself: what was taken off was not a part of something."""
    try:
        re.compile(rest)
    except re.error:
        return False
    return True


def _branches(parts: list[str]) -> bool:
    """Whether a pattern has alternatives outside of every group: a look at its end belongs to the last one alone."""
    depth = 0
    for one in parts:
        depth += (one[0] == "(") - (one == ")")
        if one == "|" and not depth:
            return True
    return False


def _alternatives(text: str) -> list[str]:
    """The alternatives of `a|[b|c]d`."""
    return [one[0] for one in re.finditer(rf"{_ONE}+", text, re.DOTALL)]


def _chars(item: str) -> frozenset[str]:
    """The ASCII characters that one item of a pattern stands for, whatever their case."""
    test = re.compile(item, re.IGNORECASE | re.DOTALL)
    return frozenset(c for c in _ASCII if test.fullmatch(c))


def _set(chars: Iterable[str]) -> str:
    """A class of these characters and every other beyond ASCII, in which nothing has a meaning of its own."""
    spans: list[tuple[int, int]] = []
    for code in sorted(ord(c) for c in chars):
        if spans and spans[-1][1] == code - 1:
            spans[-1] = (spans[-1][0], code)
        else:
            spans.append((code, code))
    return "[" + "".join(rf"\x{a:02x}-\x{b:02x}" if a < b else rf"\x{a:02x}" for a, b in (*spans, (128, 255))) + "]"


def _other(unwanted: list[tuple[frozenset[str], ...]]) -> str:
    """A pattern for the end of the text or anything that begins with none of the unwanted texts."""
    begun: dict[frozenset[int], list[str]] = {frozenset(): []}
    for c in _ASCII:
        begun.setdefault(frozenset(n for n, text in enumerate(unwanted) if c in text[0]), []).append(c)
    ways = [_END, _set(begun.pop(frozenset()))]
    for numbers, chars in begun.items():
        rests = [unwanted[n][1:] for n in sorted(numbers)]
        if all(rests):
            ways.append(_set(chars) + _other(rests))
    return f"(?:{'|'.join(ways)})"
