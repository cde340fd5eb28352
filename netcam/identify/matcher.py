"""Observations to claims: every fingerprint whose field and pattern fit says what it says. Values are bounded before a pattern sees them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from netcam.catalog import naming
from netcam.catalog.maker_file import Also, Fingerprint
from netcam.catalog.makers import Makers
from netcam.identify import beside, sieve
from netcam.identify.implied import implied
from netcam.identify.look import Field, Group, Look, Said
from netcam.identify.pattern import FLAGS, MAX_NAMED, Hit, Test, expression
from netcam.identify.registrant import named_registrant, registrant
from netcam.model import CAMERA_KINDS, Claim, Observation
from netcam.model.collector import paused

MAC_WEIGHT = 0.4
"""A MAC prefix names whose network chip it is: alone it stays under 0.5 and never makes a kind."""
MAX_MATCHED = 16_384
"""Characters of a value that patterns see: login pages name themselves in their first kilobytes."""
MAX_CLAIMS = 500
"""Claims about one device; a real one gets under 60."""
MAX_REMEMBERED = 100_000
"""Values whose hits are remembered: an estate repeats a few banners many times; about 60 MB at the most."""
TOGETHER = 4096
"""Values of a field that go through in one pass: what a pass costs by itself is spread over them, and two megabytes hold the longest."""
MAX_REMEMBERED_VALUE = 512
"""Characters of a value that is worth remembering; pages differ from device to device."""
MAX_COMPANIES = 50_000
"""Registrants that are remembered: the registry names 34,000, and other programs spell them as they like."""
MAX_FIELDS = 10_000
"""Names of fields that are remembered; a catalog knows some hundreds, and a header of any name is a field."""
SECOND_HAND = 0.6
"""Factor for what another program made of an answer that we did not see."""


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _order(seen: Observation) -> tuple[str, str, str, str, datetime]:
    return seen.field, seen.value, seen.endpoint, seen.via, seen.at or _LONG_AGO


def _template(text: str) -> str | tuple[str, ...]:
    """What a fingerprint says: plain text, or pieces of text with the names of groups between them."""
    pieces = re.split(r"\{(\w+)\}", text)
    return text if len(pieces) == 1 else tuple(pieces)


def _test(one: Fingerprint) -> Test:
    return Test((one,), expression(one), MAX_NAMED if one.field in naming.CLASSES else MAX_MATCHED)


LOUD = " (loud)"
"""What the name of a group ends with whose patterns fit nearly every value: `re` is asked at once."""
_NAMES = frozenset({"any.model", "any.maker", "any.named"})
"""Classes of fields that hold a name and nothing else: what is asked of one of them would be named for every word elsewhere."""


def _home(field: str, test: Test) -> str:
    """The group in which a field's own pattern is looked for: the first of the field's, or one of its own where others would name it for
    nearly everything."""
    passes = naming.passes(field)
    if not passes:
        return field
    if test.loud():
        return field + LOUD
    return passes[0][0] if _NAMES.isdisjoint(naming.classes(field)) else field


_Held = tuple[Observation, dict[str, str]] | None


_MEMBERS = {name: {field: n for n, field in enumerate(fields)} for name, fields in naming.CLASSES.items()}
"""Class -> its fields -> their order in it."""


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
        found = self._places.get(field)
        if found is None:
            by_field = self._by_field
            if field in naming.CLASSES:
                some: Iterable[str] = sorted(by_field.keys() & _MEMBERS[field].keys(), key=_MEMBERS[field].__getitem__)
            else:
                some = sorted(f for f in by_field if f.startswith(field)) if field.endswith(".") else (field,)
            found = self._places[field] = tuple(seen for one in some for seen in by_field.get(one, ()))
        return found


class Matcher:
    """All fingerprints, ready to match."""

    def __init__(self, makers: Makers, *, engine: str = "auto", cache: Path | None = None) -> None:
        """`engine`: `re`, `hyperscan`, or `auto` for the faster one that is installed; `cache` keeps its compiled form."""
        self.makers = makers
        grouped: dict[str, list[Fingerprint]] = {}
        for one in makers.fingerprints:
            if one.status != "retired":
                grouped.setdefault(one.field, []).append(one)
        self._tests = {name: [_test(one) for one in group] for name, group in grouped.items()}
        self._prefixes = [field for field in grouped if field.endswith(".")]
        self._also = {also: re.compile(also.match, FLAGS).search for f in makers.fingerprints for also in (*f.all_of, *f.unless)}
        groups = {name: Group(spoken="any.badge" in classes) for name, classes in naming.GROUPS.items()}
        for name, classes in naming.GROUPS.items():
            for test in (test for one in classes for test in self._tests.get(one, ())):
                groups[name].add(test.sought)
        for field, tests in self._tests.items():
            if field not in naming.CLASSES:
                for test in tests:
                    name = _home(field, test)
                    groups.setdefault(name, Group(spoken=False)).add(test.sought)
        self._patterns = {name: group.sought() for name, group in groups.items()}
        """Group -> its patterns by number."""
        sieved = engine == "hyperscan" or (engine == "auto" and sieve.available())
        sifted = {name: some for name, some in self._patterns.items() if not name.endswith(LOUD)}
        self._sieves = sieve.sieves(sifted, cache) if sieved else {}
        self._numbers = {
            f.id for f in makers.fingerprints if f.field == "any.text" and "/models-" in f.id and f.says.get("kind") in CAMERA_KINDS
        }
        """Fingerprints for a camera's model in running text, which may describe another device."""
        self._looks: dict[tuple[str, ...], Look] = {}
        self._fields: dict[str, Field] = {}
        self._remembered = 0
        self._says = {one.id: tuple((slot, _template(text)) for slot, text in one.says.items()) for one in makers.fingerprints}
        self._of_company: dict[str, list[tuple[str, str]]] = {}
        """Registrant of MAC prefixes -> what they say."""
        self._carried: dict[tuple[str, str], tuple[float, str]] = {}
        """Fingerprint and field -> weight and origin of what it says of it."""

    def learn(self, banners: Iterable[tuple[str, str]]) -> None:
        """Match many values (field, value) and remember what they hit: those of one field go through together, which takes half the time."""
        told: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for field, value in banners:
            told[field][value] = None
        with paused():
            for field, some in told.items():
                place = self._field(field)
                known = place.known
                values = [value for value in some if value not in known and len(value) <= MAX_REMEMBERED_VALUE]
                for start in range(0, len(values), TOGETHER):
                    self._answered(place, values[start : start + TOGETHER])

    def hits(self, field: str, value: str) -> tuple[Hit, ...]:
        """The fingerprints whose own pattern fits `value`, with what they capture; other fields are not looked at."""
        place = self._fields.get(field) or self._field(field)
        known = place.known.get(value)
        if known is None:
            (known,) = self._answered(place, [value])
        return known

    def _answered(self, place: Field, values: Sequence[str]) -> list[tuple[Hit, ...]]:
        """The hits of some values of a field, which are remembered where they are short."""
        found = place.hits(values)
        if len(values) > 1 or len(values[0]) <= MAX_REMEMBERED_VALUE:
            if self._remembered + len(values) > MAX_REMEMBERED:
                self.forget()
            self._remembered += len(values)
            place.known.update(zip(values, found, strict=True))
        return found

    def _judged(self, field: str, value: str, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        """The hits that stand in a field in which a device, or what another program made of it, is described in words."""
        kept = tuple(hit for hit in hits if hit[0].id not in self._numbers)
        if len(kept) < len(hits) and naming.describes_other(value[:MAX_NAMED]):
            hits = kept
        if hits and field == "nmap.product" and self.makers.cautions.named_by_answer(value):
            hits = () if self.makers.cautions.named_by_prompt(value) else tuple(hit for hit in hits if hit[0].field == field)
        return hits

    def forget(self) -> None:
        """Forget what values were answered before."""
        self._remembered = 0
        for place in self._fields.values():
            place.known.clear()
            place.told.clear()

    def _field(self, field: str) -> Field:
        """What is asked of a field, remembered: names of fields are few."""
        place = self._fields.get(field)
        if place is None:
            place = self._asked(field)
            if len(self._fields) < MAX_FIELDS:
                self._fields[field] = place
        return place

    def _asked(self, field: str) -> Field:
        """What is asked of a field by its name, by every prefix it begins with and by its classes."""
        asked: dict[str, list[str]] = {}
        for group, classes in naming.passes(field):
            asked.setdefault(group, []).extend(classes)
        for name in (field, *(start for start in self._prefixes if field.startswith(start) and start != field)):
            for test in self._tests.get(name, ()):
                names = asked.setdefault(_home(name, test), [])
                if name not in names:
                    names.append(name)
        looks = [look for group, names in asked.items() if (look := self._look(group, tuple(names))) is not None]
        return Field(looks, partial(self._judged, field) if field in naming.DESCRIBED else None)

    def _look(self, group: str, names: tuple[str, ...]) -> Look | None:
        """One pass for what some names ask of one group, if they ask anything."""
        key = (group, *names)
        look = self._looks.get(key)
        if look is None:
            tests = [test for name in names for test in self._tests.get(name, ()) if name in naming.CLASSES or _home(name, test) == group]
            if not tests:
                return None
            look = self._looks[key] = Look(tests, self._patterns[group], self._sieves.get(group))
        return look

    def claims(self, observations: Sequence[Observation]) -> list[Claim]:
        """What the fingerprints say of one device's observations, in order of fingerprint and value."""
        found: dict[tuple[str, str, str], Claim] = {}
        made = implied(observations)
        # one order, so that what came first on the wire changes nothing in the answer
        observations = sorted((*observations, *made) if made else observations, key=_order)
        told = _Told(observations)
        for seen in observations:
            field = seen.field
            said, asked = self._told_by(field, seen.value)
            for key, weight, origin in said:
                if key not in found:
                    found[key] = Claim(slot=key[1], value=key[2], weight=weight, by=key[0], origin=origin, because=(seen,))
            for one, captures in asked:
                self._claim(one, captures, seen, told, found)
            if field == "mac":
                self._card(registrant(seen.value), seen, found)
            elif field == "oui":
                self._card(named_registrant(seen.value), seen, found)
        claims = [found[key] for key in sorted(found)][:MAX_CLAIMS]
        if not made:
            return claims
        told_by = {id(seen): by for seen, by in made.items()}  # few claims rest on what is implied; hashing all observations costs more
        return [
            replace(one, because=tuple(dict.fromkeys(told_by.get(id(seen), seen) for seen in one.because)))
            if any(id(seen) in told_by for seen in one.because)
            else one
            for one in claims
        ]

    def _told_by(self, field: str, value: str) -> tuple[tuple[Said, ...], tuple[Hit, ...]]:
        """What a value says whatever else the device tells, and the hits that ask for something else of it.

        Remembered from the second time on: a value that one device alone tells is not worth its room.
        """
        place = self._field(field)
        told = place.told.get(value)
        if told:
            return told
        said: list[Said] = []
        asked: list[Hit] = []
        for hit in self.hits(field, value):
            if hit[0].all_of or hit[0].unless:
                asked.append(hit)
            else:
                said += self._said(*hit, field)
        made = tuple(said), tuple(asked)
        if value in place.known:
            place.told[value] = made if value in place.told else None
        return made

    def _said(self, one: Fingerprint, captures: Mapping[str, str], field: str) -> Iterator[Said]:
        """Each thing that a fingerprint says of what it captured in a field, with its weight and origin."""
        carried = self._carried.get((one.id, field))
        if carried is None:
            weight = one.strength * (SECOND_HAND if field.startswith("nmap.") else 1.0)
            carried = self._carried[one.id, field] = weight, one.origin_of(field)
        for slot, template in self._says[one.id]:
            if isinstance(template, str):
                said = template
            else:
                try:
                    said = " ".join("".join(captures[t] if n % 2 else t for n, t in enumerate(template)).split())
                except KeyError:
                    continue  # an optional group that took no part
                if slot == "brand":
                    said = self.makers.printed(said)
                elif slot == "model":
                    said = beside.bare(said)
            if said:
                yield (one.id, slot, said), *carried

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
        for also in one.unless:
            if self._holds(also, told):
                return
        for key, weight, origin in self._said(one, captures, seen.field):
            if key not in found:
                found[key] = Claim(slot=key[1], value=key[2], weight=weight, by=one.id, origin=origin, because=tuple(because))

    def _holds(self, also: Also, told: _Told) -> _Held:
        """The first observation that fits, with what its pattern captures; many fingerprints of a device ask the same."""
        if also not in told.held:
            told.held[also] = self._sought(also, told)
        return told.held[also]

    def _sought(self, also: Also, told: _Told) -> _Held:
        search = self._also[also]
        for seen in told.where(also.field):
            hit = search(seen.value[:MAX_MATCHED])
            if hit is not None:
                return seen, {k: v for k, v in hit.groupdict().items() if v is not None}
        return None

    def _card(self, company: str, seen: Observation, found: dict[tuple[str, str, str], Claim]) -> None:
        """What the registrant of a MAC prefix says; the empty name says nothing."""
        company = company.lower()
        if not company:
            return
        said = self._of_company.get(company)
        if said is None:
            said = [says for start, told in self.makers.registrants if company.startswith(start) for says in told]
            if len(self._of_company) < MAX_COMPANIES:
                self._of_company[company] = said
        for slot, name in said:
            found[f"{name}/mac-prefix", slot, name] = Claim(
                slot=slot, value=name, weight=MAC_WEIGHT, by="mac-prefix", origin="mac", because=(seen,)
            )
