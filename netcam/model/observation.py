"""A fact read from an answer, and the observation it becomes when a collector stamps it with time and place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of one answer, as a codec reads it: no time, no place, no judgement."""

    field: str
    """Name from the field list (`netcam explain fields`), such as `http.server`."""
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One fact stamped with who saw it, where, when and how. Stored for ever; everything else is recomputed from these."""

    field: str
    value: str
    at: datetime | None = None
    """When it was seen, time zone aware (UTC). None only where an imported record gives no time."""
    site: str = ""
    sensor: str = ""
    endpoint: str = ""
    """`ip` or `ip:port` (`[v6]:port`); a link-local address carries its zone (`fe80::1%eth0`)."""
    mac: str = ""
    """Lower case with colons; empty where the link layer was not seen."""
    via: str = ""
    """The protocol that carried it, such as `http`; for an import the format's name."""
    device: str = ""
    """Grouping key where the source gives one; else records group by `mac`, else by the address of `endpoint`."""
    scan: str = ""
    raw: str = ""
    """Lower-case hex SHA-256 of the whole answer, which the inventory keeps once; empty where none was kept."""

    @property
    def address(self) -> str:
        """The address of `endpoint` without its port."""
        text = self.endpoint
        if text.startswith("["):
            return text[1:].partition("]")[0]
        return text.partition(":")[0] if text.count(":") == 1 else text

    @property
    def key(self) -> str:
        """What records of one device share: `device`, else `mac`, else the address."""
        return self.device or self.mac or self.address
