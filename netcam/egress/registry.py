"""The detectors of this room, by listing it, and what each declares."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from netcam import plugins
from netcam.egress.hit import Hit
from netcam.egress.window import Window

COMPONENTS = {
    "volume": "far more data than usual, or more than any service needs", "media": "looks like video or pictures",
    "asymmetry": "goes out and little comes back", "unexplained": "nobody explains the destination", "novelty": "not met before",
    "rarity": "no device of the same type goes there", "protocol": "a protocol that does not fit", "timing": "a pace or an hour that does not fit",
    "covert": "data inside name service, ping or a tunnel", "policy": "the site's rules or the device's profile forbid it",
    "inbound": "the outside began it", "lateral": "towards devices of the estate",
}  # fmt: skip
"""What a detector's strength counts towards in the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A pure function from a window to hits, with what an analyst must know of it."""

    id: str
    title: str
    component: str
    detect: Callable[[Window], Iterator[Hit]]
    needs: str = ""
    """What it cannot judge without, in words; empty: any flows will do."""

    def __post_init__(self) -> None:
        if self.component not in COMPONENTS:
            raise TypeError(f"detector {self.id}: no component {self.component!r}")

    def explain(self) -> str:
        """What it finds, why it matters, an example, its blind spots, references, and its numbers with their reasons."""
        module = sys.modules[self.detect.__module__]
        lines = [inspect.getdoc(module) or self.title, "", f"Counts towards: {self.component} ({COMPONENTS[self.component]})"]
        if self.needs:
            lines.append(f"Needs: {self.needs}")
        found = numbers(inspect.getsource(module))
        if found:
            lines += ["Numbers"] + [f"    {name} = {value}: {reason}" for name, value, reason in found]
        return "\n".join(lines)


def numbers(source: str) -> list[tuple[str, str, str]]:
    """The named constants of a module with the text below each that gives its reason."""
    body = ast.parse(source).body
    found = []
    for here, below in itertools.pairwise(body):
        if not isinstance(here, ast.Assign | ast.AnnAssign) or not isinstance(below, ast.Expr) or not isinstance(below.value, ast.Constant):
            continue
        target = here.targets[0] if isinstance(here, ast.Assign) else here.target
        if here.value is not None and isinstance(below.value.value, str):
            name = ast.unparse(target)
            found.append((name, ast.unparse(here.value), " ".join(below.value.value.split())))
    return found


@cache
def detectors() -> dict[str, Detector]:
    """Detectors by id."""
    return {one.id: one for one in plugins.load("netcam.egress", Detector, name="DETECTOR").values()}
