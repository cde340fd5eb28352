"""`[retention]`: how long the inventory keeps what."""

from __future__ import annotations

from typing import Any

import msgspec

from netcam.config.reader import Reader


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[retention]` in days; 0 keeps for ever. `netcam run` removes what is not kept once a day; without it nothing goes before `netcam inventory retain`."""

    repeats_days: int = 90
    """Sightings of the same fact between its first and its last."""
    facts_days: int = 0
    """Facts that no present identity rests on."""
    raw_days: int = 365
    """Whole answers that no present identity rests on."""
    coverage_days: int = 365
    """What became of each address of a scan."""
    people_days: int = 30
    """Addresses and names of people's devices (phones, computers)."""
    max_megabytes: int = 0
    """Above this size repeats and whole answers go earlier."""


def read_retention(reader: Reader, told: Any) -> RetentionSettings:
    """The table as settings. Raises ConfigError."""
    read: RetentionSettings = reader.struct(RetentionSettings, told, ("retention",))
    for name in RetentionSettings.__struct_fields__:
        bound = 100_000_000 if name == "max_megabytes" else 36_500
        if not 0 <= getattr(read, name) <= bound:
            reader.fail(("retention", name), f"is not between 0 and {bound}", "0 keeps for ever")
    return read
