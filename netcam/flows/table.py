"""Flows in columns: one row per conversation, one array per property; an object only for a row that a person looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import numpy as np
import numpy.typing as npt

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 58: "icmp6"}
COLUMNS: Mapping[str, str] = {
    "start": "i8", "end": "i8", "a_hi": "u8", "a_lo": "u8", "b_hi": "u8", "b_lo": "u8", "a_port": "i4", "b_port": "i4", "proto": "i4",
    "version": "i4", "a_mac": "u8", "b_mac": "u8", "packets_out": "i8", "packets_in": "i8", "bytes_out": "i8", "bytes_in": "i8",
    "payload_out": "i8", "payload_in": "i8", "flags_out": "i4", "flags_in": "i4", "vlan": "i4",
}  # fmt: skip
"""Column -> numpy type. `a` began the conversation, `out` is from a to b; times in nanoseconds since 1970, bytes at the IP layer."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One row, for tests and reports."""

    start: datetime
    end: datetime
    source: str
    destination: str
    source_port: int
    destination_port: int
    protocol: str
    source_mac: str
    destination_mac: str
    packets_out: int
    packets_in: int
    bytes_out: int
    bytes_in: int
    payload_out: int
    payload_in: int
    name: str
    name_source: str

    def record(self) -> dict[str, Any]:
        """The JSON object of the flow."""
        return {
            "start": self.start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "end": self.end.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source": self.source, "source_port": self.source_port, "source_mac": self.source_mac, "destination": self.destination,
            "destination_port": self.destination_port, "destination_mac": self.destination_mac, "protocol": self.protocol,
            "packets": self.packets_out + self.packets_in, "packets_out": self.packets_out, "packets_in": self.packets_in,
            "bytes_out": self.bytes_out, "bytes_in": self.bytes_in, "payload_out": self.payload_out, "payload_in": self.payload_in,
            "name": self.name or None, "name_source": self.name_source or None,
        }  # fmt: skip


def address_text(high: int, low: int, version: int) -> str:
    """An address from its two halves."""
    return str(IPv4Address(low)) if version == 4 else str(IPv6Address(high << 64 | low))


def mac_text(number: int) -> str:
    """A MAC from its number; empty for 0."""
    return number.to_bytes(6, "big").hex(":") if number else ""


@dataclass(slots=True)
class FlowTable:
    """Columns of equal length, the names of flows that have one, and what the reading counted."""

    columns: dict[str, npt.NDArray[Any]]
    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Row -> name and where it comes from: `sni`, `dns`, `http`."""
    counters: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    window: tuple[int, int] = (0, 0)
    """First and last packet, nanoseconds."""

    def __len__(self) -> int:
        return len(self.columns["start"])

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        return self.columns[column]

    def row(self, n: int) -> Flow:
        """One row as an object."""
        c = self.columns
        version = int(c["version"][n])
        name, source = self.names.get(n, ("", ""))
        return Flow(
            start=datetime.fromtimestamp(int(c["start"][n]) / 1e9, UTC),
            end=datetime.fromtimestamp(int(c["end"][n]) / 1e9, UTC),
            source=address_text(int(c["a_hi"][n]), int(c["a_lo"][n]), version),
            destination=address_text(int(c["b_hi"][n]), int(c["b_lo"][n]), version),
            source_port=int(c["a_port"][n]),
            destination_port=int(c["b_port"][n]),
            protocol=PROTOCOLS.get(int(c["proto"][n]), str(int(c["proto"][n]))),
            source_mac=mac_text(int(c["a_mac"][n])),
            destination_mac=mac_text(int(c["b_mac"][n])),
            packets_out=int(c["packets_out"][n]),
            packets_in=int(c["packets_in"][n]),
            bytes_out=int(c["bytes_out"][n]),
            bytes_in=int(c["bytes_in"][n]),
            payload_out=int(c["payload_out"][n]),
            payload_in=int(c["payload_in"][n]),
            name=name,
            name_source=source,
        )

    def __iter__(self) -> Iterator[Flow]:
        return (self.row(n) for n in range(len(self)))


def empty() -> FlowTable:
    """A table without rows."""
    return FlowTable({name: np.zeros(0, kind) for name, kind in COLUMNS.items()})
