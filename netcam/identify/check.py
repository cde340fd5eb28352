"""The checks that every maker file must pass: its examples behave, it claims nobody else's, and nothing fires on what is no camera."""

from __future__ import annotations

import re
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netcam import wire
from netcam.catalog import destinations, naming
from netcam.catalog import makers as maker_files
from netcam.catalog.maker_file import Fingerprint
from netcam.catalog.makers import Makers
from netcam.catalog.text import nearest
from netcam.errors import ContentError, shown
from netcam.identify import group, resolve
from netcam.identify.matcher import Matcher
from netcam.model import CAMERA_KINDS, Claim, Observation


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the content, and where."""

    where: str
    problem: str
    cure: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}\n  help: {self.cure}"


def check(root: Path, *, cache: Path | None = None) -> list[Problem]:
    """All problems of the maker files and of the negative examples under `root`; `cache` keeps the compiled patterns."""
    try:
        makers = maker_files.load(root)
    except ContentError as error:
        return [Problem(error.where, error.problem, error.cure)]
    if not makers.makers:
        return [Problem(str(root / "makers"), "holds no maker file", "give the folder that holds makers/")]
    matcher = Matcher(makers, cache=cache)
    return [*_patterns(makers), *_examples(makers, matcher), *_negatives(root, matcher), *_destinations(root, makers)]


def _destinations(root: Path, makers: Makers) -> Iterator[Problem]:
    """A destination's maker must be spelt as its devices' maker is: else they would find their own cloud to be somebody else's."""
    folder = root / "destinations"
    if not folder.is_dir():
        return
    try:
        known = destinations.load(root)
    except ContentError as error:
        yield Problem(error.where, error.problem, error.cure)
        return
    for name in sorted(known.makers - makers.makers.keys()):
        called, spelt = makers.called(name), makers.spelt(name)
        if makers.is_name(name) and called == spelt == name:
            continue  # a brand with a cloud of its own
        written = next((one for one in (called, spelt) if one != name), "")
        cure = f"write {written}" if written else f"{nearest(name, makers.makers)}; or mark the file as platform"
        yield Problem(str(folder), f"maker {shown(name)} is neither maker nor brand of makers/", cure)


def _patterns(makers: Makers) -> Iterator[Problem]:
    for one in makers.fingerprints:
        for pattern in (one.match, *(a.match for a in (*one.all_of, *one.unless))):
            if pattern and (why := hazard(pattern)):
                yield Problem(makers.places[one.id], f"{one.id}: pattern {pattern!r} {why}", "bound the repeats: {1,64} instead of + or *")


def hazard(pattern: str) -> str:
    """Why a pattern may take exponential or steep time (a repeat without bound inside or right beside another one), or empty."""
    tree = parser.parse(pattern, re.IGNORECASE)
    if _nested(tree, 0):
        return "repeats a repeat without bound"
    return "has two repeats without bound side by side that take the same characters" if _beside(tree) else ""


def _unbounded(high: Any) -> bool:
    return high is parser.MAXREPEAT or bool(high == parser.MAXREPEAT)


def _nested(tree: Any, depth: int) -> bool:
    for op, argument in tree:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            _, high, body = argument
            unbounded = _unbounded(high)
            if (unbounded and depth) or _nested(body, depth + (1 if unbounded else 0)):
                return True
        elif (name == "SUBPATTERN" and _nested(argument[3], depth)) or (
            name == "BRANCH" and any(_nested(branch, depth) for branch in argument[1])
        ):
            return True
    return False


_EVERYTHING = frozenset(map(chr, range(128)))


def _flat(tree: Any) -> Iterator[tuple[str, Any]]:
    """The items of a sequence, with groups opened: what stands behind a group stands beside its last item."""
    for op, argument in tree:
        if str(op) == "SUBPATTERN":
            yield from _flat(argument[3])
        else:
            yield str(op), argument


def _beside(tree: Any) -> bool:
    before: frozenset[str] = frozenset()
    for name, argument in _flat(tree):
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, body = argument
            taken = _characters(body)
            if _unbounded(high):
                if before & taken:
                    return True
                before = taken
            elif low:
                before = frozenset()
            if _beside(body):
                return True
        elif name == "BRANCH":
            if any(_beside(branch) for branch in argument[1]):
                return True
            if all(branch for branch in argument[1]):
                before = frozenset()
        elif name not in ("AT", "ASSERT", "ASSERT_NOT"):
            before = frozenset()
    return False


def _characters(body: Any) -> frozenset[str]:
    """The ASCII characters that a repeated part may take; every one where it is more than a single character."""
    items = list(_flat(body))
    if len(items) != 1:
        return _EVERYTHING
    compiled = items[0]
    if compiled[0] == "LITERAL":
        return frozenset((chr(compiled[1]).lower(), chr(compiled[1]).upper())) & _EVERYTHING
    if compiled[0] == "NOT_LITERAL":
        return _EVERYTHING - {chr(compiled[1])}
    if compiled[0] != "IN":
        return _EVERYTHING
    taken: set[str] = set()
    negated = False
    for op, argument in compiled[1]:
        name = str(op)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            taken |= {chr(argument).lower(), chr(argument).upper()}
        elif name == "RANGE":
            span = {chr(c) for c in range(argument[0], min(argument[1], 127) + 1)}
            taken |= span | {c.swapcase() for c in span}
        else:
            kind = {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s", "CATEGORY_WORD": r"\w"}.get(str(argument))
            inverse = {"CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_NOT_SPACE": r"\S", "CATEGORY_NOT_WORD": r"\W"}.get(str(argument))
            taken |= {c for c in _EVERYTHING if re.match(kind or inverse or ".", c)}
    return frozenset(_EVERYTHING - taken if negated else taken & _EVERYTHING)


def said(matcher: Matcher, field: str, value: str, also: dict[str, str]) -> list[Claim]:
    """Claims about a device that shows just this."""
    full = naming.CLASSES[field][0] if field in naming.CLASSES else field + "example" if field.endswith(".") else field
    seen = [Observation(field=full, value=value)]
    seen += [Observation(field=f + "example" if f.endswith(".") else f, value=v) for f, v in also.items()]
    return matcher.claims(seen)


def _examples(makers: Makers, matcher: Matcher) -> Iterator[Problem]:
    for name, one in makers.owned:
        yield from _fingerprint(name, one, makers, matcher)


def _fingerprint(maker: str, one: Fingerprint, makers: Makers, matcher: Matcher) -> Iterator[Problem]:
    where = makers.places[one.id]
    if one.status == "retired":
        return  # kept to say why; nothing is matched by it
    for example in one.examples:
        claims = said(matcher, one.field, example.see, example.also)
        mine = {c.slot: c.value for c in claims if c.by == one.id}
        if not mine:
            yield Problem(where, f"{one.id} does not match its example {example.see[:120]!r}", "mend the pattern or the example")
            continue
        for slot, value in example.says.items():
            if mine.get(slot) != value:
                yield Problem(
                    where,
                    f"{one.id}: on {example.see[:80]!r} says {slot} = {mine.get(slot)!r}, not {value!r}",
                    "mend the pattern or the example",
                )
        if not example.source.strip():
            yield Problem(where, f"{one.id}: an example has no source", "say where it was seen")
        if "maker" not in one.says and not makers.makers[maker].makes_cameras:
            continue  # what any maker's device says of itself is claimed by its maker too
        others = {
            c.value: c.by
            for c in claims
            if c.slot == "maker" and c.by != one.id and c.value != one.says.get("maker", maker) and c.by != "mac-prefix"
        }
        for other, by in others.items():
            yield Problem(
                where,
                f"{one.id}: its example {example.see[:80]!r} is claimed for {other} by {by}",
                "narrow one of the two, or add `unless`",
            )
    for miss in one.near_misses:
        if any(c.by == one.id for c in said(matcher, one.field, miss.see, miss.also)):
            yield Problem(where, f"{one.id} matches its near miss {miss.see[:120]!r}", "narrow the pattern")


def _negatives(root: Path, matcher: Matcher) -> Iterator[Problem]:
    for path in sorted((root / "negative").glob("*.jsonl")):
        with path.open("rb") as file:
            things = list(wire.observations(file))
        for thing in things:
            if isinstance(thing, wire.Problem) and thing.dropped:
                yield Problem(f"{path.name}:{thing.line}", thing.problem, "mend the line")
        for (_, device), seen in group(t for t in things if isinstance(t, Observation)).items():
            identity = resolve(device, seen, matcher.claims(seen), matcher.makers)
            if identity.get("kind") in CAMERA_KINDS:
                by = next((c.by for c in identity.because if c.slot == "kind"), f"the usual kind of {identity.get('maker')}")
                yield Problem(
                    f"{path.name}: {device}", f"is no camera, and {by} calls it a {identity.get('kind')}", "narrow that fingerprint"
                )
