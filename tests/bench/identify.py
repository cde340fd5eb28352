"""Banners a second through the whole catalog, cold start with and without the cache, and what a larger catalog costs.

Run: python tests/bench/identify.py
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import msgspec

from netcam.catalog import makers
from netcam.catalog.home import content_root
from netcam.catalog.makers import Fingerprint, Makers
from netcam.identify.matcher import Matcher


def grown(loaded: Makers, times: int) -> Makers:
    """The catalog `times` over: the copies ask for other beginnings, as the fingerprints of other makers would."""
    everything = tuple(_copy(f, n) if n else f for n in range(times) for f in loaded.fingerprints)
    return Makers(loaded.makers, everything, loaded.digest, loaded.places)


def _copy(one: Fingerprint, n: int) -> Fingerprint:
    start = f"z{chr(97 + n)}"
    changed = {key: start + getattr(one, key) for key in ("equals", "prefix", "contains") if getattr(one, key)}
    if one.match:
        flags = re.match(r"\(\?[a-z]+\)", one.match)
        rest = one.match[flags.end() :] if flags else one.match
        changed["match"] = (flags[0] if flags else "") + r"\A" + start + re.sub(r"\A(\\A|\^)", "", rest)
    return msgspec.structs.replace(one, id=f"{one.id}-{n}", **changed)


def main() -> None:
    """Print the figures as they come."""
    root = Path(content_root())
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for label in ("cold start, no cache", "cold start, cache"):
            start = time.perf_counter()
            loaded = makers.load(root)
            Matcher(loaded, cache=cache)
            print(f"{label}: {time.perf_counter() - start:.2f} s, {len(loaded.fingerprints)} fingerprints")
        seen = [(f.field, e.see) for f in loaded.fingerprints for e in f.examples]
        for times in (1, 4, 16):
            matcher = Matcher(grown(loaded, times), cache=cache)
            for field, value in seen:  # compile the patterns that are ever needed
                matcher.hits(field, value)
            # every value is new, so that nothing is answered from memory
            values = [(field, f"{value}{n}") for n in range(8) for field, value in seen]
            start = time.perf_counter()
            for field, value in values:
                matcher.hits(field, value)
            new = len(values) / (time.perf_counter() - start)
            start = time.perf_counter()
            for field, value in values:
                matcher.hits(field, value)
            again = len(values) / (time.perf_counter() - start)
            print(f"catalog x{times}: {new:,.0f} new banners a second, {again:,.0f} that were seen before")


if __name__ == "__main__":
    main()
