"""The detectors of this room, by listing it, and what each declares."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from netcam import plugins
from netcam.egress.window import Conversation
from netcam.model import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A pure function from the conversations of a window to findings, with what an analyst must know of it."""

    id: str
    title: str
    detect: Callable[[Sequence[Conversation], str], Iterator[Finding]]

    def explain(self) -> str:
        """The module's docstring: what it finds, why it matters, an example, its blind spots, references."""
        return inspect.getdoc(sys.modules[self.detect.__module__]) or self.title


@cache
def detectors() -> dict[str, Detector]:
    """Detectors by id."""
    return {one.id: one for one in plugins.load("netcam.egress", Detector, name="DETECTOR").values()}
