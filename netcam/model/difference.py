"""What two looks at an estate differ in, as those who show it and those who tell it read it."""

from __future__ import annotations

from typing import Protocol


class Difference(Protocol):
    """One change of a device, as the inventory's diff tells it."""

    @property
    def kind(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def old(self) -> str | None: ...
    @property
    def new(self) -> str | None: ...
