"""Flows in columns: one row per conversation, one array per property; an object only for a row that a person looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import numpy as np
import numpy.typing as npt

from netcam.flows.community import community_id
from netcam.model import rfc3339

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 58: "icmp6"}
COLUMNS: Mapping[str, str] = {
    "start": "i8", "end": "i8", "a_hi": "u8", "a_lo": "u8", "b_hi": "u8", "b_lo": "u8", "a_port": "i4", "b_port": "i4", "proto": "i4",
    "version": "i4", "a_mac": "u8", "b_mac": "u8", "packets_out": "i8", "packets_in": "i8", "bytes_out": "i8", "bytes_in": "i8",
    "payload_out": "i8", "payload_in": "i8", "flags_out": "i4", "flags_in": "i4", "vlan": "i4",
    "wire_out": "i8", "wire_in": "i8", "blocked": "i4", "end_reason": "i4", "sampling": "i4", "source": "i4", "quality": "i4", "rtt": "i8",
    "retransmitted_out": "i4", "retransmitted_in": "i4", "size_squares_out": "f8", "size_squares_in": "f8",
    "gap_sum_out": "f8", "gap_sum_in": "f8", "gap_squares_out": "f8", "gap_squares_in": "f8", "tells": "i4",
    "asn": "i8", "country": "i4", "device": "i4", "joined": "i4", "icmp": "i4",
}  # fmt: skip
"""Column -> numpy type. `a` began the conversation, `out` is from a to b; times in nanoseconds since 1970, bytes at the IP layer.

`wire`: bytes of the frames on the link, 0 where the source does not know. `blocked` 1: a firewall refused it, nothing was transferred. `end_reason`: END_REASONS, 0 where it is not known. `sampling`: one packet
in so many was looked at and counts are multiplied; 0 and 1: every packet. `source`: index into `FlowTable.sources`. `quality`: bits
of QUALITY. `rtt`: nanoseconds from SYN to the answer's ACK where seen, else 0. `size_squares`: sum of squared IP packet sizes, `gap_sum`
and `gap_squares`: of the seconds between packets of one direction. `tells`: bits of TELLS. `asn` and `country` (two letters as number,
`country_text`): of the outer end. `device`: index into `FlowTable.devices` plus 1. `joined`: index into JOINED.
`icmp`: type and code of the first ICMP message (`community.icmp_number`), negative where b sent it, 0 where it is not known.
"""
END_REASONS = ("", "idle timeout", "active timeout", "end of flow", "forced end", "lack of resources")
"""IPFIX flowEndReason (information element 136)."""
QUALITY = {
    "midstream": 1, "truncated": 2, "combined": 4, "payload_only": 8, "clock_jump": 16, "no_bytes": 32, "swapped": 64, "stale_name": 128,
    "tunnelled": 256, "carrier": 512, "estimate": 1024,
}  # fmt: skip
"""What a reader of a row must know: the beginning was not seen; packets were cut; one byte count for both directions (stands in
bytes_out); the source counts payload only; time ran backwards; the source tells no bytes; who began is a guess by ports; the DNS answer's time to live was over; the packets came in a tunnel; the row is
the tunnel, whose packets are rows of their own too; counts were multiplied by a sampling rate."""
TELLS = {
    "tls": 1, "http": 2, "dns": 4, "quic": 8, "stun": 16, "turn": 32, "rtp": 64, "rtsp": 128, "rtmp": 256, "pppp": 512,
    "dahua_p2p": 1024, "ssh": 2048, "jpeg": 4096, "mqtt": 8192, "dtls": 16384, "wireguard": 32768, "dns_tcp": 65536, "ntp": 131072,
    "socks": 262144, "tuya": 524288, "credential": 1 << 20, "tls_old": 1 << 21, "smtp": 1 << 22, "ftp": 1 << 23,
    "openvpn": 1 << 24,
}  # fmt: skip
"""What the first payload bytes of a flow look like, by the marks of the protocols' specifications; several may hold. `credential`: a name
and password in the clear (HTTP or RTSP Basic, FTP PASS; only the fact is kept). `tls_old`: the client offers less than TLS 1.2."""
JOINED = ("", "mac", "address", "behind a router", "address only", "told")
"""How a row came to its device: its own MAC; its address at that time; a device that forwards for others; an address that no
observation dates; the source itself says so."""


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
    community_id: str = ""

    def record(self) -> dict[str, Any]:
        """The JSON object of the flow."""
        return {
            "start": rfc3339(self.start),
            "end": rfc3339(self.end),
            "source": self.source, "source_port": self.source_port, "source_mac": self.source_mac, "destination": self.destination,
            "destination_port": self.destination_port, "destination_mac": self.destination_mac, "protocol": self.protocol,
            "packets": self.packets_out + self.packets_in, "packets_out": self.packets_out, "packets_in": self.packets_in,
            "bytes_out": self.bytes_out, "bytes_in": self.bytes_in, "payload_out": self.payload_out, "payload_in": self.payload_in,
            "name": self.name or None, "name_source": self.name_source or None, "community_id": self.community_id or None,
        }  # fmt: skip


def address_text(high: int, low: int, version: int) -> str:
    """An address from its two halves."""
    return str(IPv4Address(low)) if version == 4 else str(IPv6Address(high << 64 | low))


def mac_text(number: int) -> str:
    """A MAC from its number; empty for 0."""
    return number.to_bytes(6, "big").hex(":") if number else ""


def country_text(number: int) -> str:
    """The two letters of a country column's number (ISO 3166-1 alpha-2); empty for 0."""
    return chr(number >> 8 & 0x7F) + chr(number & 0x7F) if number else ""


def country_number(text: str) -> int:
    """The number under which a country stands in a column; 0 for anything but two letters."""
    return ord(text[0]) << 8 | ord(text[1]) if len(text) == 2 and text.isascii() and text.isalpha() else 0


MINUTE_COLUMNS: Mapping[str, str] = {"row": "i8", "minute": "i8", "out": "i8", "in": "i8"}
"""Bytes of each minute of a flow that lasts longer than one: row of the table, minutes since 1970, bytes out and in at the IP layer."""
LOOKUP_COLUMNS: Mapping[str, str] = {
    "at": "i8", "client_hi": "u8", "client_lo": "u8", "server_hi": "u8", "server_lo": "u8", "version": "i4", "mac": "u8", "port": "i4",
    "type": "i4", "rcode": "i4", "answered": "i4", "answers": "i4", "length": "i4", "size": "i4", "ttl": "i4", "name": "i4",
}  # fmt: skip
"""One DNS question each. `type`, `rcode` (RFC 1035; -1 not answered), `answered` 1 or 0, number of `answers`, `length` of the name in
characters, `size` of the larger message in bytes, smallest `ttl` in seconds, `name`: index into `Lookups.names`."""


def _no_rows(columns: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.zeros(0, kind) for name, kind in columns.items()}


@dataclass(slots=True)
class Lookups:
    """Names that clients asked a resolver for."""

    columns: dict[str, npt.NDArray[Any]] = field(default_factory=lambda: _no_rows(LOOKUP_COLUMNS))
    names: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.columns["at"])

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        return self.columns[column]


@dataclass(slots=True)
class FlowTable:
    """Columns of equal length, the names of flows that have one, and what the reading counted."""

    columns: dict[str, npt.NDArray[Any]]
    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Row -> name and where it comes from: `sni`, `dns`, `certificate`, `http`, `quic`, `told`."""
    counters: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    window: tuple[int, int] = (0, 0)
    """First and last packet, nanoseconds."""
    texts: dict[str, dict[int, str]] = field(default_factory=dict)
    """Text column -> row -> text, for few rows each: `ja4`, `ja4s`, `alpn`, `certificate` (SHA-256), `issuer`, `agent` (User-Agent),
    `service` (as the source calls it), `id` (the source's own key: Zeek uid, Suricata flow_id), `community_id` (where the source tells it)."""
    sources: list[str] = field(default_factory=list)
    """Where rows come from: a file, an exporter with its domain, a log."""
    devices: list[str] = field(default_factory=list)
    """Keys of the devices that the column `device` points to."""
    minutes: dict[str, npt.NDArray[Any]] = field(default_factory=lambda: _no_rows(MINUTE_COLUMNS))
    lookups: Lookups = field(default_factory=Lookups)
    holders: dict[int, str] = field(default_factory=dict)
    """Autonomous system -> its holder, for those in the column `asn`."""
    origin: str = ""
    """Name and date of the database behind `asn` and `country`."""
    seed: int = 0
    """Seed of computed Community IDs."""

    def __post_init__(self) -> None:
        """Columns that a source does not fill are zero."""
        size = len(self.columns["start"])
        for name, kind in COLUMNS.items():
            if name not in self.columns:
                self.columns[name] = np.zeros(size, kind)

    def text(self, column: str, row: int) -> str:
        """A text of a row; empty where it has none."""
        return self.texts.get(column, {}).get(row, "")

    def community_id(self, n: int) -> str:
        """The Community ID of a row: the source's own, else computed. Empty for ICMP whose type is not known."""
        if told := self.text("community_id", n):
            return told
        c = self.columns
        ends = (int(c[f"{end}_hi"][n]) << 64 | int(c[f"{end}_lo"][n]) for end in "ab")
        ports = (int(c[name][n]) for name in ("a_port", "b_port", "proto", "icmp"))
        return community_id(int(c["version"][n]), *ends, *ports, seed=self.seed)

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
            community_id=self.community_id(n),
        )

    def __iter__(self) -> Iterator[Flow]:
        return (self.row(n) for n in range(len(self)))


def empty() -> FlowTable:
    """A table without rows."""
    return FlowTable({name: np.zeros(0, kind) for name, kind in COLUMNS.items()})
