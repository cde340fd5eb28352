"""`[egress]`: how flows are named and how long their archive is kept."""

from __future__ import annotations

from typing import Any

import msgspec

from netcam.config.reader import Reader

MAX_DAYS = 36_500
"""A hundred years."""
MAX_GIGABYTES = 1_000_000.0
"""A petabyte."""


class EgressSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[egress]`."""

    archive: str = ""
    """Folder of the flow archive where a command names none; `netcam run` keeps it within the bounds below. Relative to the settings file."""
    archive_days: int = 365
    """Days of the flow archive that are kept; 0 keeps all."""
    archive_gigabytes: float = 0.0
    """Above this size the oldest days go; 0: no bound."""
    community_id_seed: int = 0
    """Seed of Community IDs: the one that the site's Zeek and Suricata use."""


def read_egress(reader: Reader, told: Any) -> EgressSettings:
    """The table as settings. Raises ConfigError."""
    read: EgressSettings = reader.struct(EgressSettings, told, ("egress",))
    bounds = {"archive_days": MAX_DAYS, "archive_gigabytes": MAX_GIGABYTES, "community_id_seed": 65_535}
    for name, bound in bounds.items():
        if not 0 <= getattr(read, name) <= bound:
            reader.fail(("egress", name), f"is not between 0 and {bound:.0f}", "leave it out for the usual value")
    return read
