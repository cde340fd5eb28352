"""What the shipped catalog, matched by `re` alone, takes one device for."""

from __future__ import annotations

from functools import cache

from netcam.catalog import makers
from netcam.catalog.home import content_root
from netcam.identify import Matcher, identify
from netcam.model import Identity, Observation


@cache
def matcher() -> Matcher:
    """Reading the catalog takes seconds: once for all tests."""
    return Matcher(makers.load(content_root()), engine="re")


def seen(matcher: Matcher, **fields: str) -> Identity:
    """Identity of a device that shows `fields`, dots of their names written as two underscores."""
    (found,) = identify([Observation(device="a", field=f.replace("__", "."), value=v) for f, v in fields.items()], matcher)
    return found
