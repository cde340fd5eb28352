"""Observations to claims: every fingerprint whose field and pattern fit says what it says. Values are bounded before a pattern sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from netcam.catalog import naming
from netcam.catalog.makers import MAC_WEIGHT, MAX_MATCHED, Also, Fingerprint, Makers
from netcam.identify import sieve
from netcam.identify.dialect import shadow
from netcam.identify.implied import implied
from netcam.identify.registrant import registrant
from netcam.model import CAMERA_KINDS, Claim, Observation

MAX_NAMED = 1024
"""Characters in which names and models are looked for in running text: banners are shorter, and hundreds of patterns are tried."""
MAX_CLAIMS = 500
"""Claims about one device; a real one gets under 60."""
MAX_REMEMBERED = 100_000
"""Values whose hits are remembered: an estate repeats a few banners many times; about 60 MB at the most."""
MAX_REMEMBERED_VALUE = 512
"""Characters of a value that is worth remembering; pages differ from device to device."""
MAX_FIELDS = 10_000
"""Names of fields that are remembered; a catalog knows some hundreds, and a header of any name is a field."""
SECOND_HAND = 0.6
"""Factor for what another program made of an answer that we did not see."""
FLAGS = re.IGNORECASE


_Hit = tuple[Fingerprint, dict[str, str]]


def expression(one: Fingerprint) -> str:
    """The fingerprint's test as a regular expression; plain text is compared without regard to case."""
    if one.match:
        return one.match
    if one.equals:
        return rf"\A{re.escape(one.equals)}\Z"
    if one.prefix:
        return rf"\A{re.escape(one.prefix)}"
    return re.escape(one.contains)


_NOBODY = Fingerprint(id="", field="", says={}, weight=0, examples=[])
_NOTHING: dict[str, str] = {}
"""What a pattern without groups captures."""


class _Test:
    """A pattern, compiled when it is first needed: most are needed never."""

    def __init__(self, one: Fingerprint | None, text: str) -> None:
        self.text = text
        self.captures = "(?P<" in text
        self.badge = one is not None and one.field == "any.badge" and "/named-" in one.id
        """A badge's name in running text, which may only be spoken of there."""
        self.hit: _Hit = (one or _NOBODY, _NOTHING)
        # what comes after a name is spelt in a hundred ways, and what must not is checked where the name was seen
        short = next((text.removesuffix(end) + less for end, less in _ENDS if text.endswith(end)), text)
        short = next((less + short.removeprefix(start) for start, less in _STARTS if short.startswith(start)), short)
        self.sought = sieve.Sought(short, short == text and not self.captures and not self.badge)
        self.names, self.starts = _names(text)
        """Names whose place in a text tells that the pattern fits, and beginnings of names without which it does not."""

    @cached_property
    def search(self) -> Callable[[str], re.Match[str] | None]:
        """The pattern's own search."""
        return re.compile(self.text, FLAGS).search

    def fits(self, value: str) -> _Hit | None:
        """Whether the pattern fits, with what it captures."""
        match = self.search(value)
        if match is None or (self.badge and naming.mentioned(value, *match.span())):
            return None
        return (self.hit[0], _captured(match)) if self.captures else self.hit


_ENDS = ((naming.NOUN, naming.GAP), (naming.COMPANY, "[ ,]"), (naming.SITE_END, ""), (naming.ALONE_END, ""))
_STARTS = ((naming.SITE_START, ""), (naming.MAKER_START, ""), (naming.MODEL_START, r"(?:\A|[ _])"), (naming.HOST_START, r"(?:\A|[ _-])"))
"""What is around a name or model -> what Hyperscan is asked for instead: it need only find no less, and a small database stays at hand."""
_NAMES = re.compile(r"\(\?<!\[A-Za-z0-9\]\)\(\?:([^()]+)\)\(\?!\[A-Za-z\](?:\|\['’\]s)?\).*", re.DOTALL)
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")


def _names(pattern: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of a pattern of `naming` that looks for names between borders of words: the names whose place tells all, and what each name begins
    with, in small letters; both empty for another pattern."""
    found = _NAMES.fullmatch(pattern)
    words = found[1].lower().split("|") if found else []
    starts = tuple(word.partition("[ _-]?")[0] for word in words)
    if found is None or not all(re.fullmatch(r"[\w ]+", one) for one in starts):
        return (), ()
    whole = tuple(word for one in words if re.fullmatch(r"[a-z0-9 ]+", word := one.replace("[ _-]?", " ")))
    return (whole if found.end(1) + len(")(?![A-Za-z]|['’]s)") >= len(pattern) else ()), starts


def _may(starts: tuple[str, ...], text: str) -> bool:
    """Whether one of the names may be in a text in small letters."""
    return not starts or any(start in text for start in starts)


def _plainly(names: tuple[str, ...], text: str) -> bool:
    """Whether one of the names stands between borders of words in a text in small letters, at the first place where it stands: quicker
    than its pattern and certain where it is true."""
    for name in names:
        start = text.find(name)
        if start >= 0 and (not start or not text[start - 1].isalnum()):
            end = start + len(name)
            after = text[end : end + 1]
            if after not in _LETTERS and after not in ("'", "’"):
                return True
    return False


def _captured(match: re.Match[str]) -> dict[str, str]:
    """What the groups that took part in a match hold."""
    if match.re.groups == 1:  # by far the most
        value = match[1]
        return {match.lastgroup: value} if match.lastgroup is not None else {}
    captures: dict[str, str] = match.groupdict()
    return {k: v for k, v in captures.items() if v is not None} if None in captures.values() else captures


def _key(names: tuple[str, ...]) -> str:
    """Fields or classes that are looked at in one pass, as one word."""
    return " ".join(names)


class _Look:
    """One pass over a value of a field."""

    def __init__(self, tests: list[_Test], limit: int, sieved: sieve.Sieve | None) -> None:
        self.tests, self.limit, self.sieve = tests, limit, sieved
        """`limit`: characters of a value that the tests see."""
        certain = sieved.certain if sieved is not None else frozenset[int]()
        self.answers = [test.hit if number in certain else None for number, test in enumerate(tests)]
        """What follows where the sieve names a test for an ASCII text, None where the test has to be made."""
        self.always = sieved.refused if sieved is not None else tuple(range(len(tests)))
        """Tests to be made whatever the sieve names."""

    def hits(self, value: str) -> list[_Hit]:
        """What the tests say of any value."""
        short = value[: self.limit]
        candidates = self.sieve.candidates(short) if self.sieve is not None else None
        if candidates is None:
            tests = self.tests
        else:
            # in the shadow of a text every name in another script of as many letters is the same
            small = short.lower()
            tests = [test for n in candidates if n < len(self.tests) and _may((test := self.tests[n]).starts, small)]
        return [hit for test in tests if (hit := test.fits(short)) is not None]


class _Field:
    """The tests of a field, and what they said of the values that were seen before."""

    def __init__(self, looks: tuple[_Look, ...]) -> None:
        self.looks = looks
        self.passes = tuple((one.sieve.scan if one.sieve is not None else None, one.always, one.answers, one.tests) for one in looks)
        """Each look again, as the short way through it needs it."""
        self.known: dict[str, tuple[_Hit, ...]] = {}


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _order(seen: Observation) -> tuple[str, str, str, str, datetime]:
    return seen.field, seen.value, seen.endpoint, seen.via, seen.at or _LONG_AGO


def _template(text: str) -> str | tuple[str, ...]:
    """What a fingerprint says: plain text, or pieces of text with the names of groups between them."""
    pieces = re.split(r"\{(\w+)\}", text)
    return text if len(pieces) == 1 else tuple(pieces)


_Held = tuple[Observation, dict[str, str]] | None


class _Told:
    """What one device told, and what was found in it so far of what fingerprints ask for besides their own field."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._by_field: dict[str, list[Observation]] = {}
        for seen in observations:
            self._by_field.setdefault(seen.field, []).append(seen)
        self._places: dict[str, tuple[Observation, ...]] = {}
        self.held: dict[Also, _Held] = {}

    def where(self, field: str) -> tuple[Observation, ...]:
        """The observations of a field, of a class of fields or of all fields that begin so, in their order."""
        if field not in self._places:
            by_field = self._by_field
            if field in naming.CLASSES:
                fields: Iterable[str] = naming.CLASSES[field]
            else:
                fields = sorted(f for f in by_field if f.startswith(field)) if field.endswith(".") else (field,)
            self._places[field] = tuple(seen for one in fields for seen in by_field.get(one, ()))
        return self._places[field]


class Matcher:
    """All fingerprints, ready to match."""

    def __init__(self, makers: Makers, *, engine: str = "auto", cache: Path | None = None) -> None:
        """`engine`: `re`, `hyperscan`, or `auto` for the faster one that is installed; `cache` keeps its compiled form."""
        self.makers = makers
        grouped: dict[str, list[Fingerprint]] = {}
        for one in makers.fingerprints:
            if one.status != "retired":
                grouped.setdefault(one.field, []).append(one)
        self._tests = {field: [_Test(one, expression(one)) for one in group] for field, group in grouped.items()}
        self._prefixes = [field for field in grouped if field.endswith(".")]
        self._also = {also: _Test(None, also.match) for f in makers.fingerprints for also in (*f.all_of, *f.unless)}
        self._sieves: dict[str, sieve.Sieve] = {}
        if engine == "hyperscan" or (engine == "auto" and sieve.available()):
            own = [(name,) for name in self._tests if name not in naming.CLASSES]
            joint = {names for fields in naming.CLASSES.values() for field in fields for names in naming.passes(field)}
            groups = {_key(names): [one.sought for one in self._tests_of(names)] for names in (*own, *joint)}
            for names in joint:
                if "any.badge" in names:  # behind the last test: whether a badge may only be spoken of
                    groups[_key(names)].append(sieve.Sought(naming.SPOKEN_OF, False))
            self._sieves = sieve.sieves(groups, cache)
        self._numbers = {
            f.id for f in makers.fingerprints if f.field == "any.text" and "/models-" in f.id and f.says.get("kind") in CAMERA_KINDS
        }
        """Fingerprints for a camera's model in running text, which may describe another device."""
        self._looks: dict[tuple[str, ...], _Look] = {}
        self._fields: dict[str, _Field] = {}
        self._remembered = 0
        self._named: list[int] = []
        name = self._named.append

        # a function of Python's, since Hyperscan gives five arguments
        def hit(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            name(number)

        self._name = hit
        self._says = {one.id: tuple((slot, _template(text)) for slot, text in one.says.items()) for one in makers.fingerprints}
        self._origins: dict[tuple[str, str], str] = {}

    def hits(self, field: str, value: str) -> tuple[_Hit, ...]:
        """The fingerprints whose own pattern fits `value`, with what they capture; other fields are not looked at."""
        place = self._fields.get(field) or self._field(field)
        known = place.known.get(value)
        if known is not None:
            return known
        if not place.looks:
            return ()
        size = len(value)
        if size <= MAX_NAMED and value.isascii() and (value.isprintable() or shadow(value) is not None):  # nearly all are
            text = value.encode("ascii")
            found: list[_Hit] = []
            named = self._named
            named.clear()  # an interrupted call may have left something
            for scan, always, answers, tests in place.passes:
                if scan is not None:
                    scan(text, self._name)
                if always:
                    named.extend(always)
                if named:
                    if len(named) > 1:
                        named.sort()
                    plain = scan is not None and named[-1] != len(tests)  # no badge is only spoken of
                    if named[-1] == len(tests):
                        named.pop()
                    small = ""
                    for number in named:
                        hit = answers[number]
                        if hit is None:
                            test = tests[number]
                            if plain and test.names:
                                small = small or value.lower()
                                hit = test.hit if _plainly(test.names, small) else test.fits(value)
                            else:
                                hit = test.fits(value)
                        if hit is not None:
                            found.append(hit)
                    named.clear()
            known = tuple(found)
        else:
            known = tuple(hit for look in place.looks for hit in look.hits(value))
        if known and field in naming.DESCRIBED:
            kept = tuple(hit for hit in known if hit[0].id not in self._numbers)
            if len(kept) < len(known) and naming.describes_other(value[:MAX_NAMED]):
                known = kept
        if known and field == "nmap.product" and naming.named_by_answer(value[:MAX_NAMED]):
            known = () if naming.named_by_prompt(value) else tuple(hit for hit in known if hit[0].field == field)
        if size <= MAX_REMEMBERED_VALUE:
            if self._remembered >= MAX_REMEMBERED:
                self.forget()
            self._remembered += 1
            place.known[value] = known
        return known

    def forget(self) -> None:
        """Forget what values were answered before."""
        self._remembered = 0
        for place in self._fields.values():
            place.known.clear()

    def _field(self, field: str) -> _Field:
        """The tests of a field by its name, by every prefix it begins with and by its classes; remembered, names of fields being few."""
        own = [(field,), *((start,) for start in self._prefixes if field.startswith(start) and start != field)]
        place = _Field(tuple(self._look(names) for names in (*own, *naming.passes(field)) if self._tests_of(names)))
        if len(self._fields) < MAX_FIELDS:
            self._fields[field] = place
        return place

    def _tests_of(self, names: tuple[str, ...]) -> list[_Test]:
        """The tests of a field, or of the classes that a field belongs to."""
        return [test for name in names for test in self._tests.get(name, ())]

    def _look(self, names: tuple[str, ...]) -> _Look:
        look = self._looks.get(names)
        if look is None:
            limit = MAX_NAMED if names[0] in naming.CLASSES else MAX_MATCHED
            look = self._looks[names] = _Look(self._tests_of(names), limit, self._sieves.get(_key(names)))
        return look

    def claims(self, observations: Sequence[Observation]) -> list[Claim]:
        """What the fingerprints say of one device's observations, in order of fingerprint and value."""
        found: dict[tuple[str, str, str], Claim] = {}
        made = implied(observations)
        # one order, so that what came first on the wire changes nothing in the answer
        observations = sorted((*observations, *made) if made else observations, key=_order)
        told = _Told(observations)
        for seen in observations:
            for one, captures in self.hits(seen.field, seen.value):
                self._claim(one, captures, seen, told, found)
            if seen.field == "mac":
                self._mac(seen, found)
        claims = [found[key] for key in sorted(found)][:MAX_CLAIMS]
        if made:
            return [replace(one, because=tuple(dict.fromkeys(made.get(seen, seen) for seen in one.because))) for one in claims]
        return claims

    def _claim(
        self, one: Fingerprint, captures: dict[str, str], seen: Observation, told: _Told, found: dict[tuple[str, str, str], Claim]
    ) -> None:
        because = [seen]
        for also in one.all_of:
            other = self._holds(also, told)
            if other is None:
                return
            captures = {**other[1], **captures}
            because.append(other[0])
        if any(self._holds(also, told) for also in one.unless):
            return
        for slot, template in self._says[one.id]:
            if isinstance(template, str):
                said = template
            else:
                try:
                    said = " ".join("".join(captures[t] if n % 2 else t for n, t in enumerate(template)).split())
                except KeyError:
                    continue  # an optional group that took no part
                if slot == "brand":
                    said = self.makers.spelt(said)
            key = (one.id, slot, said)
            if said and key not in found:
                origin = self._origins.get((one.id, seen.field))
                if origin is None:
                    origin = self._origins[one.id, seen.field] = one.origin_of(seen.field)
                weight = one.strength * SECOND_HAND if seen.field.startswith("nmap.") else one.strength
                found[key] = Claim(slot=slot, value=said, weight=weight, by=one.id, origin=origin, because=tuple(because))

    def _holds(self, also: Also, told: _Told) -> _Held:
        """The first observation that fits, with what its pattern captures; many fingerprints of a device ask the same."""
        if also not in told.held:
            told.held[also] = self._sought(also, told)
        return told.held[also]

    def _sought(self, also: Also, told: _Told) -> _Held:
        search = self._also[also].search
        for seen in told.where(also.field):
            hit = search(seen.value[:MAX_MATCHED])
            if hit is not None:
                return seen, {k: v for k, v in hit.groupdict().items() if v is not None}
        return None

    def _mac(self, seen: Observation, found: dict[tuple[str, str, str], Claim]) -> None:
        company = registrant(seen.value).lower()
        if not company:
            return
        for start, says in self.makers.registrants:
            if company.startswith(start):
                for slot, name in says:
                    found[f"{name}/mac-prefix", slot, name] = Claim(
                        slot=slot, value=name, weight=MAC_WEIGHT, by="mac-prefix", origin="mac", because=(seen,)
                    )
