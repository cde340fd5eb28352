"""Banners a second through the whole catalog, cold start with and without the cache, and what a larger catalog costs.

Banners are asked as `netcam.identify.identities` asks for files, re-identification and measures: all together (`Matcher.learn`), then
each one's hits. Both are timed, and nothing is remembered at the beginning. What one banner alone costs is printed beside it.

Run: python tests/bench/identify.py [GREATEST CATALOG, 16 times the present one where nothing is said]
"""

from __future__ import annotations

import random
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from netcam import wire
from netcam.catalog import makers, naming
from netcam.catalog.home import content_root
from netcam.catalog.maker_file import Fingerprint
from netcam.catalog.makers import Makers
from netcam.identify import marks
from netcam.identify.matcher import Matcher
from netcam.model import Observation

ENDINGS = 4
"""Endings with which each banner is asked: devices of one kind differ in a number."""
HERE = Path(__file__).resolve().parent.parent
READ = ("published", "read", "heldback", "banners-read", "banners-heldback")
"""Corpora whose entries have been looked at."""


def named(loaded: Makers) -> list[tuple[str, str]]:
    """What every fingerprint gives as its example, those for classes of fields as titles: nearly every banner hits something."""
    title = next(iter(naming.CLASSES["any.badge"]))
    seen = [(title if f.field.startswith("any.") else f.field, e.see) for f in loaded.fingerprints for e in f.examples]
    return _endings(seen)


def shown(root: Path) -> list[tuple[str, str]]:
    """What cameras and other devices were seen to say, as the corpora, the negatives and one estate have it: most hits nothing."""
    files = [*(f for name in READ for f in sorted((HERE / "corpus" / name).glob("*.observations.jsonl"))), HERE / "data" / "some.jsonl"]
    lines = [line for file in (*files, *sorted((root / "negative").glob("*.jsonl"))) for line in file.read_bytes().splitlines()]
    return _endings([(one.field, one.value) for one in wire.observations(lines) if isinstance(one, Observation)])


def estate(root: Path, count: int = 5_000) -> list[tuple[str, str]]:
    """What a sweep of many devices says, device after device: a few models are common and most are rare, and each device has its own
    MAC, serial number, identifiers and host name. So most of it has been seen before, and nothing is remembered at the beginning."""
    files = [*(f for name in READ for f in sorted((HERE / "corpus" / name).glob("*.observations.jsonl"))), HERE / "data" / "some.jsonl"]
    devices: dict[tuple[Path, str], list[tuple[str, str]]] = {}
    for file in (*files, *sorted((root / "negative").glob("*.jsonl"))):
        for one in wire.observations(file.read_bytes().splitlines()):
            if isinstance(one, Observation):
                devices.setdefault((file, one.key), []).append((one.field, one.value))
    draw = random.Random(2)
    kinds = list(devices.values())
    draw.shuffle(kinds)
    own = marks.SERIALS | marks.MACS | marks.UUIDS | {*naming.CLASSES["any.host"]}
    drawn = draw.choices(kinds, [1 / rank for rank in range(1, len(kinds) + 1)], k=count)
    return [(field, f"{value}{n}" if field in own else value) for n, told in enumerate(drawn) for field, value in told]


def _endings(seen: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each banner once with each ending, in an order that favours nothing."""
    values = list(dict.fromkeys((field, f"{value}{n}") for field, value in seen for n in range(ENDINGS)))
    random.Random(1).shuffle(values)
    return values


def grown(loaded: Makers, times: int) -> Makers:
    """The catalog `times` over: the copies ask for other beginnings, as the fingerprints of other makers would."""
    everything = tuple(_copy(f, n) if n else f for n in range(times) for f in loaded.fingerprints)
    return Makers(loaded.makers, everything, loaded.digest, loaded.places, cautions=loaded.cautions)


def _copy(one: Fingerprint, n: int) -> Fingerprint:
    start = f"z{chr(97 + n)}"
    changed = {key: start + getattr(one, key) for key in ("equals", "prefix", "contains") if getattr(one, key)}
    if one.match:
        flags = re.match(r"\(\?[a-z]+\)", one.match)
        rest = one.match[flags.end() :] if flags else one.match
        # what is looked for anywhere stays so, and what stands before it or behind it stays where it is
        known = next((text for text in (naming.MODEL_START, naming.HOST_START, naming.SITE_START) if rest.startswith(text)), "")
        border = re.match(r"\\A|\^|\(\?<!\[[^\]]*\]\)|\\b", rest)
        head = known or (border[0] if border else "")
        rest = rest[len(head) :]
        changed["match"] = f"{flags[0] if flags else ''}{head}{start}{f'(?:{rest})' if _alternatives(rest) else rest}"
    return msgspec.structs.replace(one, id=f"{one.id}-{n}", **changed)


def _alternatives(pattern: str) -> bool:
    """Whether a pattern has alternatives outside of every group and set."""
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "", pattern, flags=re.DOTALL)
    depth = 0
    for c in plain:
        depth += (c == "(") - (c == ")")
        if c == "|" and not depth:
            return True
    return False


LIMIT = 300_000
"""Banners a second on one core that are asked of the whole catalog."""
COLD = 2.0
"""Seconds of a cold start with the cache."""


def rate(matcher: Matcher, values: list[tuple[str, str]], *, rounds: int = 7, forget: bool = True, together: bool = True) -> float:
    """Banners a processor second, best of some rounds; where it forgets, nothing of an earlier round is answered from memory."""
    best = 0.0
    for _ in range(rounds):
        if forget:
            matcher.forget()
        start = time.process_time()
        if together:
            matcher.learn(values)
        for field, value in values:
            matcher.hits(field, value)
        best = max(best, len(values) / (time.process_time() - start))
    return best


def main() -> None:
    """Print the figures as they come."""
    root = Path(content_root())
    greatest = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for label in ("no cache", "cache"):
            start = time.process_time()
            loaded = makers.load(root)
            matcher = Matcher(loaded, cache=cache)
            spent = time.process_time() - start
            print(f"cold start, {label}: {spent:.2f} s, {len(loaded.fingerprints)} fingerprints")
        print(f"ratio to the limit of {COLD} s: {spent / COLD:.2f}")
        mixes = {"examples": named(loaded), "devices": shown(root), "estate": estate(root)}
        hits = {label: sum(len(matcher.hits(*one)) for one in values) / len(values) for label, values in mixes.items()}
        for label, values in mixes.items():
            length = sum(len(value) for _, value in values) / len(values)
            print(
                f"{label}: {len(values):,} banners, {len(set(values)):,} different, {length:.0f} characters and {hits[label]:.2f} hits each"
            )
        values = mixes["examples"]
        plain = rate(Matcher(loaded, engine="re"), values[:: len(values) // 2000], rounds=1)
        rates: dict[int, dict[str, float]] = {}
        for times in (one for one in (1, 4, 16) if one <= greatest):
            start = time.process_time()
            matcher = Matcher(grown(loaded, times), cache=cache)
            compiled = time.process_time() - start
            rates[times] = {label: rate(matcher, some) for label, some in mixes.items()}
            size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            told = ", ".join(f"{one:,.0f} {label}" for label, one in rates[times].items())
            print(f"catalog x{times}: {told} a processor second; {compiled:.1f} s to compile; {size} MB at most so far")
            if times == 1:
                print(f"banners seen before: {rate(matcher, values, forget=False):,.0f} a processor second")
                print(f"banners one by one: {rate(matcher, values, together=False):,.0f} a processor second")
        for times, some in rates.items():
            for label, one in some.items():
                print(f"  x{times:<3} {1e6 / one:6.1f} us a banner, {label:8} {'#' * max(1, round(2e6 / one))}")
        for label, one in rates[1].items():
            print(f"ratio to the limit of {LIMIT:,} a second, {label}: {one / LIMIT:.2f}")
        print(f"ratio to `re` alone over the same catalog ({plain:,.0f} a second): {rates[1]['examples'] / plain:.0f}")


if __name__ == "__main__":
    main()
