"""Observations to claims: every fingerprint whose field and pattern fit says what it says. Values are bounded before a pattern sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from netcam.catalog.makers import MAC_WEIGHT, MAX_MATCHED, Also, Fingerprint, Makers
from netcam.identify.registrant import registrant
from netcam.model import Claim, Observation

MAX_CLAIMS = 500
"""Claims about one device; a real one gets under 60."""
FLAGS = re.IGNORECASE


def pattern(one: Fingerprint) -> re.Pattern[str]:
    """The fingerprint's test as a regular expression; plain text is compared without regard to case."""
    if one.match:
        return re.compile(one.match, FLAGS)
    if one.equals:
        return re.compile(rf"\A{re.escape(one.equals)}\Z", FLAGS)
    if one.prefix:
        return re.compile(rf"\A{re.escape(one.prefix)}", FLAGS)
    return re.compile(re.escape(one.contains), FLAGS)


def _order(seen: Observation) -> tuple[str, str, str, str, str]:
    return seen.field, seen.value, seen.endpoint, seen.via, seen.at.isoformat() if seen.at else ""


class Matcher:
    """All fingerprints, ready to match."""

    def __init__(self, makers: Makers, *, engine: str = "auto", cache: Path | None = None) -> None:
        """`engine`: `re`, `hyperscan`, or `auto` for the faster one that is installed; `cache` keeps its compiled form."""
        self.makers = makers
        self._by_field: dict[str, list[tuple[Fingerprint, re.Pattern[str]]]] = {}
        self._prefixes: list[tuple[str, list[tuple[Fingerprint, re.Pattern[str]]]]] = []
        grouped: dict[str, list[tuple[Fingerprint, re.Pattern[str]]]] = {}
        for one in makers.fingerprints:
            if one.status != "retired":
                grouped.setdefault(one.field, []).append((one, pattern(one)))
        for field, tests in grouped.items():
            if field.endswith("."):
                self._prefixes.append((field, tests))
            else:
                self._by_field[field] = tests
        self._also: dict[Also, re.Pattern[str]] = {
            also: re.compile(also.match, FLAGS) for f in makers.fingerprints for also in (*f.all_of, *f.unless)
        }
        self._registrants = [(start.lower(), file.maker) for file in makers.makers.values() for start in file.mac_registrants]

    def claims(self, observations: Sequence[Observation]) -> list[Claim]:
        """What the fingerprints say of one device's observations, in order of fingerprint and value."""
        found: dict[tuple[str, str, str], Claim] = {}
        # one order, so that what came first on the wire changes nothing in the answer
        observations = sorted(observations, key=_order)
        for seen in observations:
            value = seen.value[:MAX_MATCHED]
            tests = self._by_field.get(seen.field, ())
            for one, test in tests:
                self._try(one, test, value, seen, observations, found)
            for start, others in self._prefixes:
                if seen.field.startswith(start):
                    for one, test in others:
                        self._try(one, test, value, seen, observations, found)
            if seen.field == "mac":
                self._mac(seen, found)
        return [found[key] for key in sorted(found)][:MAX_CLAIMS]

    def _try(
        self, one: Fingerprint, test: re.Pattern[str], value: str, seen: Observation, observations: Sequence[Observation],
        found: dict[tuple[str, str, str], Claim],
    ) -> None:  # fmt: skip
        hit = test.search(value)
        if hit is None:
            return
        captures = {name: text for name, text in hit.groupdict().items() if text is not None}
        because = [seen]
        for also in one.all_of:
            other = self._holds(also, observations)
            if other is None:
                return
            captures |= {k: v for k, v in other[1].items() if k not in captures}
            because.append(other[0])
        if any(self._holds(also, observations) for also in one.unless):
            return
        for slot, template in one.says.items():
            try:
                said = " ".join(re.sub(r"\{(\w+)\}", lambda m: captures[m[1]], template).split())
            except KeyError:
                continue  # an optional group that took no part
            if slot == "brand" and "{" in template:
                said = self.makers.spelt(said)
            if said:
                key = (one.id, slot, said)
                if key not in found:
                    found[key] = Claim(slot=slot, value=said, weight=one.strength, by=one.id, origin=one.group, because=tuple(because))

    def _holds(self, also: Also, observations: Iterable[Observation]) -> tuple[Observation, dict[str, str]] | None:
        test = self._also[also]
        for seen in observations:
            if seen.field == also.field or (also.field.endswith(".") and seen.field.startswith(also.field)):
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
