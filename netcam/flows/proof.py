"""Packets as proof: for a finding, the first of its packets as a pcap of its own, payload left out unless asked for, with its SHA-256."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from netcam.errors import StoreError
from netcam.flows import frames
from netcam.flows import rows as r
from netcam.flows.records import Record
from netcam.flows.sflow import packet
from netcam.flows.table import FlowTable, address_text
from netcam.model import Finding

LIMIT = 64 << 10
"""Bytes of packets kept for one finding: some hundred headers, or what shows a cleartext exchange."""
MAX_SUBJECTS = 1000
"""Findings of one capture that get a proof."""
MAX_PAIRS = 10_000
"""Address pairs of all findings together."""
SNAP = 65_535
_COOKED = {r.SLL: 16, r.SLL2: 20}
"""Bytes before the packet on Linux cooked links."""


@dataclass(slots=True)
class Wanted:
    """What a finding is about: its device's key and peers, and the address pairs with port and protocol that this came to."""

    key: str
    device: str
    peers: frozenset[tuple[str, int, int]]
    """Name or address, port (0 where the protocol has none) and protocol."""
    pairs: set[tuple[str, str, int, int]] = field(default_factory=set)
    own: frozenset[str] = frozenset()
    """The device's own addresses, where they are known."""
    kept: list[tuple[float, bytes, int]] = field(default_factory=list)
    link: int = -1
    size: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """The first packets of a finding, as the bytes of a pcap."""

    name: str
    body: bytes
    packets: int
    seen: int
    source: str
    """Where they come from, in words."""
    payload: bool

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def line(self) -> str:
        """The line of evidence."""
        part = "with payload" if self.payload else "headers only"
        return f"packets: first {self.packets} of {self.seen} in {self.name} ({part}), SHA-256 {self.digest}, from {self.source}"

    def write(self, folder: Path) -> Path:
        """Write the pcap into a folder. Raises StoreError."""
        target = folder / self.name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.write_bytes(self.body)
        except OSError as error:
            raise StoreError(str(target), error.strerror or "cannot be written", "give another folder with --proof") from None
        return target


def wanted(findings: Iterable[Finding]) -> list[Wanted]:
    """What to look for: the flows behind each finding."""
    made = []
    for finding in islice(findings, MAX_SUBJECTS):
        peers = frozenset((one.name or one.address, one.port, one.protocol) for one in finding.traffic if one.name or one.address)
        if peers:
            made.append(Wanted(finding.key, finding.device, peers))
    return made


def coming(findings: Iterable[Finding], addresses: Mapping[str, Sequence[str]]) -> list[Wanted]:
    """What to look for in packets that are still to come; `addresses`: device -> its own."""
    made = []
    for finding in islice(findings, MAX_SUBJECTS):
        own = frozenset(addresses.get(finding.device) or (finding.device,))
        one = Wanted(finding.key, finding.device, frozenset(), own=own)
        for traffic in finding.traffic:
            for mine in own if traffic.address else ():
                ends = (traffic.address, mine) if traffic.way.startswith("from") else (mine, traffic.address)
                one.pairs.add((*ends, traffic.port, traffic.protocol))
        if one.pairs:
            made.append(one)
    return made


def look(table: FlowTable, wanted: Sequence[Wanted]) -> None:
    """Note the address pairs of a window's rows that findings are about; devices are attributed already."""
    by_end: dict[tuple[int, int], list[Wanted]] = {}
    for one in wanted:
        for _, port, proto in one.peers:
            by_end.setdefault((port, proto), []).append(one)
    ends = np.array(sorted({port << 8 | proto for port, proto in by_end}), np.int64)
    ports = np.where(np.isin(table["proto"], (6, 17)), table["b_port"], 0).astype(np.int64)
    pairs = sum(len(one.pairs) for one in wanted)
    for n in np.flatnonzero(np.isin(ports << 8 | table["proto"], ends)).tolist():
        version, port, proto = int(table["version"][n]), int(ports[n]), int(table["proto"][n])
        a, b = (address_text(int(table[f"{end}_hi"][n]), int(table[f"{end}_lo"][n]), version) for end in "ab")
        told = int(table["device"][n])
        owners = {table.devices[told - 1] if told else "", a, b}
        places = {table.names.get(n, ("", ""))[0], a, b}
        for one in by_end[port, proto]:
            if one.device in owners and any((place, port, proto) in one.peers for place in places):
                pair = (a, b, int(table["b_port"][n]), proto)
                if pairs < MAX_PAIRS and pair not in one.pairs:
                    one.pairs.add(pair)
                    pairs += 1


class Collector:
    """Keeps the first packets of each finding from frames as they come."""

    def __init__(self, wanted: Iterable[Wanted], *, payload: bool = False, limit: int = LIMIT) -> None:
        """`limit`: bytes kept for each finding."""
        self._payload, self._limit = payload, limit
        self._looked: dict[tuple[str, str, int, int], list[Wanted]] = {}
        self._wanted = [one for one in wanted if one.pairs]
        for one in self._wanted:
            for pair in one.pairs:
                self._looked.setdefault(pair, []).append(one)

    def frame(self, at: float, number: int, data: bytes, wire: int) -> None:
        """One frame: time in seconds, link type, bytes and length on the wire."""
        link = r.LINKS.get(number)
        cooked = _COOKED.get(link or 0, 0)
        if link not in (r.ETHERNET, r.RAW) and not cooked:
            return
        found = packet(data[cooked:], r.RAW if cooked else link, wire)
        if found is None:
            return
        for one in _of(found, self._looked):
            one.seen += 1
            if one.size >= self._limit or one.link not in (-1, number):
                continue
            kept = data if self._payload else data[: cooked + _headers(data[cooked:], found, link == r.ETHERNET)]
            one.kept.append((at, kept[:SNAP], max(wire, len(data))))
            one.link = number
            one.size += len(kept) + 16

    @property
    def full(self) -> bool:
        """Whether every finding has all that is kept."""
        return all(one.size >= self._limit for one in self._wanted)

    def proofs(self, source: str) -> dict[str, Proof]:
        """Finding key -> its packets; `source` in words."""
        made: dict[str, Proof] = {}
        for one in self._wanted:
            if not one.kept:
                continue
            body = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, SNAP, one.link)
            for at, data, wire in one.kept:
                body += struct.pack("<IIII", int(at), int(at % 1 * 1e9), len(data), wire) + data
            made[one.key] = Proof(f"{one.key[:64]}.pcap", body, len(one.kept), one.seen, source, self._payload)
        return made


def collect(path: Path, wanted: Iterable[Wanted], *, payload: bool = False, limit: int = LIMIT) -> dict[str, Proof]:
    """Go through a capture once more; finding key -> its first packets. Raises ContentError."""
    collector = Collector(wanted, payload=payload, limit=limit)
    for frame in frames.read(path, []):
        collector.frame(frame.at, frame.link, frame.data, len(frame.data))
    with path.open("rb") as file:
        source = hashlib.file_digest(file, "sha256").hexdigest()
    return collector.proofs(f"a file with SHA-256 {source}")


def _of(found: Record, looked: Mapping[tuple[str, str, int, int], list[Wanted]]) -> Iterable[Wanted]:
    a = address_text(found.a >> 64, found.a & 0xFFFFFFFFFFFFFFFF, found.version)
    b = address_text(found.b >> 64, found.b & 0xFFFFFFFFFFFFFFFF, found.version)
    return looked.get((a, b, found.b_port, found.proto)) or looked.get((b, a, found.a_port, found.proto)) or ()


def _headers(data: bytes, found: Record, ethernet: bool) -> int:
    """Bytes of a frame before its payload; of protocols whose payload is not told the IP header and eight bytes."""
    at = 0
    if ethernet:
        at = 14
        while data[at - 2 : at] in (b"\x81\0", b"\x88\xa8", b"\x91\0"):
            at += 4
    head = (data[at] & 15) * 4 if found.version == 4 else 40
    return at + (found.bytes_out - found.payload_out if found.payload_out >= 0 else head + 8)
