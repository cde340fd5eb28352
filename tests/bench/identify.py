"""Banners a second through the whole catalog, cold start with and without the cache, and what a larger catalog costs.

Run: python tests/bench/identify.py
"""

from __future__ import annotations

import re
import resource
import tempfile
import time
from pathlib import Path

import msgspec

from netcam.catalog import makers, naming
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


LIMIT = 300_000
"""Banners a second on one core that are asked of the whole catalog."""
COLD = 2.0
"""Seconds of a cold start with the cache."""


def rate(matcher: Matcher, values: list[tuple[str, str]], *, rounds: int = 5) -> float:
    """Banners a processor second, best of some rounds; nothing is answered from memory."""
    best = 0.0
    for _ in range(rounds):
        matcher.forget()
        start = time.process_time()
        for field, value in values:
            matcher.hits(field, value)
        best = max(best, len(values) / (time.process_time() - start))
    return best


def main() -> None:
    """Print the figures as they come."""
    root = Path(content_root())
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for label in ("no cache", "cache"):
            start = time.process_time()
            loaded = makers.load(root)
            Matcher(loaded, cache=cache)
            spent = time.process_time() - start
            print(f"cold start, {label}: {spent:.2f} s, {len(loaded.fingerprints)} fingerprints")
        print(f"ratio to the limit of {COLD} s: {spent / COLD:.2f}")
        text = next(iter(naming.CLASSES["any.badge"]))
        seen = [(text if f.field.startswith("any.") else f.field, e.see) for f in loaded.fingerprints for e in f.examples]
        values = [(field, f"{value}{n}") for n in range(4) for field, value in seen]
        plain = rate(Matcher(loaded, engine="re"), values[:: len(values) // 2000], rounds=1)
        rates = []
        for times in (1, 4, 16):
            start = time.process_time()
            matcher = Matcher(grown(loaded, times), cache=cache)
            compiled = time.process_time() - start
            rates.append(rate(matcher, values))
            size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(
                f"catalog x{times}: {rates[-1]:,.0f} new banners a processor second; {compiled:.1f} s to compile; {size} MB at most so far"
            )
        for times, one in zip((1, 4, 16), rates, strict=True):
            print(f"  x{times:<3} {1e6 / one:6.1f} us a banner {'#' * max(1, round(1e6 / one))}")
        print(f"ratio to the limit of {LIMIT:,} a second: {rates[0] / LIMIT:.2f}")
        print(f"ratio to `re` alone over the same catalog ({plain:,.0f} a second): {rates[0] / plain:.0f}")


if __name__ == "__main__":
    main()
