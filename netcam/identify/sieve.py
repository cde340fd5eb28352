"""Which of many patterns match a text: Hyperscan over all of them at once. What it cannot tell for certain is left to `re`."""

from __future__ import annotations

import contextlib
import hashlib
import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec

from netcam.identify import dialect

MIN_PATTERNS = 2
"""Patterns from which one pass over all of them is faster than trying each."""
KEPT = 12
"""Caches that are kept, 12 MB each: packs, the shipped content, and folders of content that somebody works on side by side."""
MAX_CACHE = 256 * 1024 * 1024
"""Bytes of a cache file that are read; ours are under 20 MB."""


class Sought(NamedTuple):
    """One of many patterns."""

    pattern: str
    answer: bool
    """Whether that it matches is all that is asked; otherwise whoever asks makes the test again."""


Scan = Callable[[bytes, Callable[[int, int, int, int, object], None]], object]
"""What is read of some texts, and what is called with the index of each pattern that may match and where it does, in any order."""
_BETWEEN = dialect.END + dialect.START


class Batch:
    """Texts that are looked through in one pass: the call and what has left the processor's cache since the last cost more than a text."""

    __slots__ = ("beyond", "cut", "ends", "odd", "shadows", "unread", "whole")

    def __init__(self, texts: Sequence[str], *, cut: bool = False) -> None:
        """`cut`: whether the texts are no values but what tests see of a single one, each of them to another limit."""
        self.cut = cut
        self.beyond: list[int] = []
        """Texts beyond ASCII."""
        self.unread: list[int] = []
        """Texts that Hyperscan would take for others than `re` does."""
        joined = _BETWEEN.join(texts)
        bare = joined.count(dialect.START) == joined.count(dialect.END) == len(texts) - 1
        if not bare or not joined.isascii():
            texts = [*texts]
            for n in [n for n, text in enumerate(texts) if not text.isascii() or not bare]:
                read = dialect.shadow(texts[n])
                if read is None:
                    self.unread.append(n)
                elif not texts[n].isascii():
                    self.beyond.append(n)
                texts[n] = read or ""
            joined = _BETWEEN.join(texts)
        self.shadows = texts
        self.whole = _bordered(joined)
        self.ends = list(accumulate([len(one) + 2 for one in texts]))
        """Where the matches of each text end at the latest."""
        self.odd = frozenset((*self.beyond, *self.unread))
        """Texts of which no pattern is certain."""


def _bordered(read: str) -> bytes:
    return f"{dialect.START}{read}{dialect.END}".encode("latin-1")


class Sieve:
    """What one pass over some texts tells of many patterns. One pass at a time: the database's scratch space allows no more."""

    def __init__(self, part: _Part, patterns: Sequence[Sought]) -> None:
        self._part, self._patterns = part, patterns
        self.certain = frozenset(part.certain)
        """Patterns that match a text of ASCII if they are named for it."""

    @cached_property
    def _scan(self) -> Scan:
        """One pass. The database is loaded when it is first needed: most fields are seen never."""
        return self._loaded("database")

    @cached_property
    def _scan_beyond(self) -> Scan:
        """One pass over the shadow of a text beyond ASCII for the patterns that look around."""
        return self._loaded("beyond")

    def _loaded(self, name: str) -> Scan:
        kept: bytes = getattr(self._part, name)
        if not kept:
            return lambda text, hit: None
        import hyperscan

        try:
            database = hyperscan.loadb(kept, hyperscan.HS_MODE_BLOCK)
        except hyperscan.HyperscanError:  # kept by a processor that could do more than this one
            database = hyperscan.loadb(getattr(_compiled(self._patterns), name), hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
        scan: Scan = database.scan
        return scan

    def candidates(self, batch: Batch) -> dict[int, list[int]]:
        """Index of a pattern -> the texts that it may match, some of them twice; too many and never too few."""
        ends = batch.ends
        named: defaultdict[int, list[int]] = defaultdict(list)

        def hit(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            named[number].append(bisect_left(ends, end))

        self._scan(batch.whole, hit)
        for number in self._part.refused:
            named[number] += range(len(ends))
        for n in batch.beyond:
            for number in self._part.blind:
                named[number].append(n)
            if self._part.beyond:
                self._scan_beyond(_bordered(batch.shadows[n]), lambda number, *_, n=n: named[number].append(n))
        for n in batch.unread:
            for number in range(len(self._patterns)):
                named[number].append(n)
        return named


class _Part(msgspec.Struct, array_like=True):
    """A compiled list of patterns, by their indices."""

    database: bytes
    """Serialised; empty where Hyperscan takes none of them."""
    certain: list[int]
    blind: list[int]
    """What has to be tried on texts beyond ASCII whatever Hyperscan says."""
    refused: list[int]
    """What has to be tried on every text."""
    beyond: bytes = b""
    """Another database, for what would be blind: the same patterns without what they look at."""


class _Cache(msgspec.Struct):
    key: str
    parts: dict[str, _Part]


def available() -> bool:
    """Whether Hyperscan is installed."""
    from importlib.util import find_spec

    return find_spec("hyperscan") is not None


def sieves(patterns: Mapping[str, Sequence[Sought]], cache: Path | None) -> dict[str, Sieve]:
    """A sieve for each list that is long enough.

    Compiled databases are kept in `cache`; a foreign or broken one is made anew.
    """

    wanted = {name: list(some) for name, some in patterns.items() if len(some) >= MIN_PATTERNS}
    material = msgspec.json.encode([version("hyperscan"), dialect.EDITION, sorted(wanted.items())])
    key = hashlib.sha256(material).hexdigest()
    path = cache / f"patterns-{key[:32]}.bin" if cache is not None else None
    parts = _read(path, key) if path is not None else None
    if parts is None or set(parts) != set(wanted):
        parts = {name: _compiled(some) for name, some in wanted.items()}
        if path is not None:
            _write(path, _Cache(key, parts))
    return {name: Sieve(part, wanted[name]) for name, part in parts.items()}


def _compiled(patterns: Sequence[Sought]) -> _Part:
    import hyperscan

    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_ALLOWEMPTY
    told = [dialect.translated(one.pattern, exactly=one.answer) for one in patterns]
    known = {number: one for number, one in enumerate(told) if one is not None}
    asked = {n: (one.pattern, flags | (hyperscan.HS_FLAG_PREFILTER if one.prefilter else 0)) for n, one in known.items()}
    database = _database(asked)
    blind = [number for number in asked if not known[number].beyond]
    loose = {n: dialect.translated(patterns[n].pattern, exactly=False, looks=False) for n in blind}
    seen = {n: (one.pattern, flags) for n, one in loose.items() if one is not None and one.beyond}
    beyond = _database(seen)
    return _Part(
        database=database,
        certain=[number for number in asked if known[number].exact],
        blind=[number for number in blind if number not in seen],
        refused=[number for number in range(len(patterns)) if number not in asked],
        beyond=beyond,
    )


def _database(asked: dict[int, tuple[str, int]]) -> bytes:
    """Patterns and their flags by number, compiled and serialised; those that Hyperscan refuses are taken out of `asked`."""
    import hyperscan

    while asked:
        database = hyperscan.Database()
        try:
            database.compile(
                expressions=[text.encode("latin-1") for text, _ in asked.values()],
                ids=list(asked),
                elements=len(asked),
                flags=[flag for _, flag in asked.values()],
            )
        except hyperscan.HyperscanError:
            bad = [number for number, one in asked.items() if not _alone(*one)]
            for number in bad or list(asked):
                del asked[number]
            continue
        return bytes(hyperscan.dumpb(database))
    return b""


def _alone(text: str, flags: int) -> bool:
    import hyperscan

    try:
        hyperscan.Database().compile(expressions=[text.encode()], ids=[0], elements=1, flags=[flags])
    except hyperscan.HyperscanError:
        return False
    return True


def _read(path: Path, key: str) -> dict[str, _Part] | None:
    try:
        if path.stat().st_size > MAX_CACHE:
            return None
        cached = msgspec.msgpack.decode(path.read_bytes(), type=_Cache)
    except (OSError, msgspec.DecodeError):
        return None
    with contextlib.suppress(OSError):  # a folder that is only read is one that others keep
        os.utime(path)
    return cached.parts if cached.key == key else None


def _write(path: Path, cached: _Cache) -> None:
    """Keep the cache; where it cannot be written the next start compiles again."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.write_bytes(msgspec.msgpack.encode(cached))
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return
    _forget_old(path.parent)


def _forget_old(folder: Path) -> None:
    """Remove all but the newest caches: every change of a fingerprint makes another one."""
    kept: list[tuple[int, Path]] = []
    for one in folder.glob("patterns-*.bin"):
        with contextlib.suppress(OSError):  # another process may do the same
            kept.append((one.stat().st_mtime_ns, one))
    for _, one in sorted(kept, reverse=True)[KEPT:]:
        with contextlib.suppress(OSError):
            one.unlink()
