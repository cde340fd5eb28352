"""Observations to claims: every fingerprint whose field and pattern fit says what it says. Values are bounded before a pattern sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from netcam.catalog import naming
from netcam.catalog.makers import MAC_WEIGHT, MAX_MATCHED, Also, Fingerprint, Makers
from netcam.identify import sieve
from netcam.identify.implied import implied
from netcam.identify.registrant import registrant
from netcam.model import Claim, Observation

MAX_NAMED = 1024
"""Characters in which names and models are looked for in running text: banners are shorter, and hundreds of patterns are tried."""
MAX_CLAIMS = 500
"""Claims about one device; a real one gets under 60."""
MAX_REMEMBERED = 100_000
"""Values whose hits are remembered: an estate repeats a few banners many times; about 60 MB at the most."""
MAX_REMEMBERED_VALUE = 512
"""Characters of a value that is worth remembering; pages differ from device to device."""
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
        self.plain = one is not None and bool(one.prefix or one.contains)
        self.certain = False
        """Plain text that a sieve looks at: where it reports it for an ASCII value, it is there."""
        self.badge = one is not None and one.field == "any.badge" and "/named-" in one.id
        """A badge's name in running text, which may only be spoken of there."""
        self.hit: _Hit = (one or _NOBODY, _NOTHING)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.text, FLAGS)


_Group = tuple[list[_Test], sieve.Candidates | None, int]
"""Tests, which of them may match, and how many characters of a value they see."""


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _order(seen: Observation) -> tuple[str, str, str, str, datetime]:
    return seen.field, seen.value, seen.endpoint, seen.via, seen.at or _LONG_AGO


def _template(text: str) -> str | tuple[str, ...]:
    """What a fingerprint says: plain text, or pieces of text with the names of groups between them."""
    pieces = re.split(r"\{(\w+)\}", text)
    return text if len(pieces) == 1 else tuple(pieces)


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
        self._registrants = [(start.lower(), file.maker) for file in makers.makers.values() for start in file.mac_registrants]
        self._sieves: dict[str, sieve.Candidates] = {}
        if engine == "hyperscan" or (engine == "auto" and sieve.available()):
            made = sieve.sieves({field: [t.text for t in tests] for field, tests in self._tests.items()}, cache)
            self._sieves = {field: candidates for field, (candidates, _) in made.items()}
            for field, (_, looked_at) in made.items():
                for number in looked_at:
                    self._tests[field][number].certain = self._tests[field][number].plain
        self._groups: dict[str, tuple[_Group, ...]] = {}
        self._memory: dict[tuple[str, str], tuple[_Hit, ...]] = {}
        self._says = {one.id: tuple((slot, _template(text)) for slot, text in one.says.items()) for one in makers.fingerprints}
        self._origins: dict[tuple[str, str], str] = {}

    def hits(self, field: str, value: str) -> tuple[_Hit, ...]:
        """The fingerprints whose own pattern fits `value`, with what they capture; other fields are not looked at."""
        known = self._memory.get((field, value))
        if known is not None:
            return known
        groups = self._groups.get(field)
        size = len(value)
        found: list[_Hit] = []
        for tests, candidates, limit in self._grouped(field) if groups is None else groups:
            short = value if size <= limit else value[:limit]
            for number in range(len(tests)) if candidates is None else candidates(short):
                test = tests[number]
                if test.certain and value.isascii():
                    found.append(test.hit)
                elif (match := test.pattern.search(short)) is not None and not (test.badge and naming.mentioned(short, *match.span())):
                    found.append(
                        (test.hit[0], {k: v for k, v in match.groupdict().items() if v is not None}) if match.re.groups else test.hit
                    )
        known = tuple(found)
        if size <= MAX_REMEMBERED_VALUE:
            if len(self._memory) >= MAX_REMEMBERED:
                self._memory.clear()
            self._memory[field, value] = known
        return known

    def forget(self) -> None:
        """Forget what values were answered before."""
        self._memory.clear()

    def _grouped(self, field: str) -> tuple[_Group, ...]:
        """The tests of a field by its name and by every prefix it begins with; remembered for the fields that have any."""
        names = [field, *(start for start in self._prefixes if field.startswith(start) and start != field), *naming.classes(field)]
        groups = tuple(
            (self._tests[name], self._sieves.get(name), MAX_NAMED if name in naming.CLASSES else MAX_MATCHED)
            for name in names
            if name in self._tests
        )
        if len(self._groups) < MAX_REMEMBERED:
            self._groups[field] = groups
        return groups

    def claims(self, observations: Sequence[Observation]) -> list[Claim]:
        """What the fingerprints say of one device's observations, in order of fingerprint and value."""
        found: dict[tuple[str, str, str], Claim] = {}
        made = implied(observations)
        # one order, so that what came first on the wire changes nothing in the answer
        observations = sorted((*observations, *made) if made else observations, key=_order)
        by_field: dict[str, list[Observation]] = {}
        for seen in observations:
            by_field.setdefault(seen.field, []).append(seen)
        for seen in observations:
            for one, captures in self.hits(seen.field, seen.value):
                self._claim(one, captures, seen, by_field, found)
            if seen.field == "mac":
                self._mac(seen, found)
        claims = [found[key] for key in sorted(found)][:MAX_CLAIMS]
        if made:
            return [replace(one, because=tuple(dict.fromkeys(made.get(seen, seen) for seen in one.because))) for one in claims]
        return claims

    def _claim(
        self, one: Fingerprint, captures: dict[str, str], seen: Observation, observations: Mapping[str, Sequence[Observation]],
        found: dict[tuple[str, str, str], Claim],
    ) -> None:  # fmt: skip
        because = [seen]
        for also in one.all_of:
            other = self._holds(also, observations)
            if other is None:
                return
            captures = {**other[1], **captures}
            because.append(other[0])
        if any(self._holds(also, observations) for also in one.unless):
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
                found[key] = Claim(slot=slot, value=said, weight=one.strength, by=one.id, origin=origin, because=tuple(because))

    def _holds(self, also: Also, observations: Mapping[str, Sequence[Observation]]) -> tuple[Observation, dict[str, str]] | None:
        test = self._also[also].pattern
        if also.field in naming.CLASSES:
            fields: Iterable[str] = naming.CLASSES[also.field]
        else:
            fields = sorted(f for f in observations if f.startswith(also.field)) if also.field.endswith(".") else (also.field,)
        for field in fields:
            for seen in observations.get(field, ()):
                hit = test.search(seen.value[:MAX_MATCHED])
                if hit is not None:
                    return seen, {k: v for k, v in hit.groupdict().items() if v is not None}
        return None

    def _mac(self, seen: Observation, found: dict[tuple[str, str, str], Claim]) -> None:
        company = registrant(seen.value).lower()
        if not company:
            return
        for start, maker in self._registrants:
            if company.startswith(start):
                key = (f"{maker}/mac-prefix", "maker", maker)
                found[key] = Claim(slot="maker", value=maker, weight=MAC_WEIGHT, by="mac-prefix", origin="mac", because=(seen,))
