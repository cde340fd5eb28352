"""Which of many patterns may match a value: Hyperscan over all patterns of a field at once. `re` still decides every match."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

MIN_PATTERNS = 6
"""Patterns of a field from which one pass over all of them is faster than trying each."""
MAX_CACHE = 256 * 1024 * 1024
"""Bytes of a cache file that are read; ours are under 20 MB."""

Candidates = Callable[[str], Sequence[int]]
"""A value -> indices of the patterns that may match it, in rising order. May name too many, never too few."""


class _Part(msgspec.Struct, array_like=True):
    """One field: indices of the patterns that Hyperscan takes, its serialised database, and the indices that it refuses."""

    taken: list[int]
    database: bytes
    refused: list[int]


class _Cache(msgspec.Struct):
    key: str
    parts: dict[str, _Part]


def available() -> bool:
    """Whether Hyperscan is installed."""
    from importlib.util import find_spec

    return find_spec("hyperscan") is not None


def sieves(patterns: Mapping[str, Sequence[str]], cache: Path | None) -> dict[str, tuple[Candidates, frozenset[int]]]:
    """A sieve for each field that has enough patterns, and the indices that it looks at itself (the others it names always).

    Compiled databases are kept in `cache`; a foreign or broken one is made anew.
    """

    wanted = {field: list(texts) for field, texts in patterns.items() if len(texts) >= MIN_PATTERNS}
    material = msgspec.json.encode([version("hyperscan"), sorted(wanted.items())])
    key = hashlib.sha256(material).hexdigest()
    path = cache / f"patterns-{key[:32]}.bin" if cache is not None else None
    parts = _read(path, key) if path is not None else None
    if parts is None or set(parts) != set(wanted):
        parts = {field: _compiled(texts) for field, texts in wanted.items()}
        if path is not None:
            _write(path, _Cache(key, parts))
    return {field: (_sieve(part), frozenset(part.taken)) for field, part in parts.items()}


def _compiled(texts: Sequence[str]) -> _Part:
    import hyperscan

    # a prefilter may report too much, never too little; only whether a pattern matches is asked, not where
    flags = hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
    taken = list(range(len(texts)))
    refused: list[int] = []
    while taken:
        database = hyperscan.Database()
        try:
            database.compile(expressions=[texts[n].encode() for n in taken], ids=taken, elements=len(taken), flags=[flags] * len(taken))
        except hyperscan.HyperscanError:
            bad = [n for n in taken if not _alone(texts[n], flags)]
            if not bad:
                return _Part([], b"", list(range(len(texts))))
            refused += bad
            taken = [n for n in taken if n not in bad]
            continue
        return _Part(taken, bytes(hyperscan.dumpb(database)), refused)
    return _Part([], b"", refused)


def _alone(text: str, flags: int) -> bool:
    import hyperscan

    try:
        hyperscan.Database().compile(expressions=[text.encode()], ids=[0], elements=1, flags=[flags])
    except hyperscan.HyperscanError:
        return False
    return True


def _sieve(part: _Part) -> Candidates:
    everything = sorted([*part.taken, *part.refused])
    if not part.taken:
        return lambda value: everything
    import hyperscan

    database = hyperscan.loadb(part.database, hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    scan: Callable[..., Any] = database.scan
    refused = part.refused
    hits: list[int] = []
    add = hits.append

    # one list for all calls: the scratch space of the database allows one scan at a time as well
    def hit(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
        add(number)

    def candidates(value: str) -> Sequence[int]:
        # `re` folds case and knows letters beyond ASCII, Hyperscan works on bytes: such values are tried against every pattern
        if not value.isascii():
            return everything
        scan(value.encode("ascii"), hit)
        if not hits:
            return refused
        found = sorted({*hits, *refused}) if refused else sorted(hits)
        hits.clear()
        return found

    return candidates


def _read(path: Path, key: str) -> dict[str, _Part] | None:
    try:
        if path.stat().st_size > MAX_CACHE:
            return None
        cached = msgspec.msgpack.decode(path.read_bytes(), type=_Cache)
    except (OSError, msgspec.DecodeError):
        return None
    return cached.parts if cached.key == key else None


def _write(path: Path, cached: _Cache) -> None:
    """Keep the cache; where it cannot be written the next start compiles again."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.write_bytes(msgspec.msgpack.encode(cached))
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
