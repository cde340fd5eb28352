"""One entry of a register, whatever kind of register it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A device as the register has it; empty where it says nothing."""

    where: str
    """`file:line` or the entry's address in the register."""
    id: str = ""
    name: str = ""
    address: str = ""
    mac: str = ""
    serial: str = ""
    maker: str = ""
    model: str = ""
