"""Registries are folder listings: every module of a package that declares one object of a type is part of it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TypeVar

T = TypeVar("T")


def load(package: str, declared: type[T], *, name: str) -> dict[str, T]:
    """Return the objects called `name` of type `declared` from the modules of `package`, by module name, sorted.

    Modules whose name starts with an underscore, and modules without an attribute `name`, are not part of the
    registry. Raises TypeError where `name` is there but is of another type: that is a bug, not data.
    """
    found: dict[str, T] = {}
    home = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(home.__path__), key=lambda i: i.name):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        thing = getattr(module, name, None)
        if thing is None:
            continue
        if not isinstance(thing, declared):
            raise TypeError(f"{package}.{info.name}.{name} is not a {declared.__name__}")
        found[info.name] = thing
    return found
