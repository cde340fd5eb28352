"""The shipped catalog, read once for all tests of a run, and what it takes one device for."""

from __future__ import annotations

from functools import cache

from netcam.catalog import makers
from netcam.catalog.home import content_root
from netcam.cli.scan import cache_folder
from netcam.identify import Matcher, identify
from netcam.model import Identity, Observation
from netcam.pipeline import Content


@cache
def loaded() -> makers.Makers:
    """All maker files."""
    return makers.load(content_root())


@cache
def matcher() -> Matcher:
    """Matched by `re` alone: its patterns are compiled as they are first asked, which takes seconds a field."""
    return Matcher(loaded(), engine="re")


@cache
def content() -> Content:
    """The content with the faster engine, compiled as the commands keep it."""
    return Content(cache=cache_folder())


def seen(matcher: Matcher, **fields: str) -> Identity:
    """Identity of a device that shows `fields`, dots of their names written as two underscores."""
    (found,) = identify([Observation(device="a", field=f.replace("__", "."), value=v) for f, v in fields.items()], matcher)
    return found
