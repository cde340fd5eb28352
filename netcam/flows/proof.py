"""Packets as proof: for a finding, the first of its packets as a pcap of its own, payload left out unless asked for, with its SHA-256."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netcam.errors import StoreError
from netcam.flows import frames
from netcam.flows import rows as r
from netcam.flows.records import Record
from netcam.flows.sflow import packet
from netcam.flows.table import FlowTable, address_text

LIMIT = 64 << 10
"""Bytes of packets kept for one finding: some hundred headers, or what shows a cleartext exchange."""
MAX_SUBJECTS = 1000
"""Findings of one capture that get a proof."""
MAX_PAIRS = 10_000
"""Address pairs of all findings together."""
SNAP = 65_535


@dataclass(slots=True)
class Wanted:
    """What a finding is about: pairs of inner and outer address with the outer port and protocol."""

    key: str
    pairs: set[tuple[str, str, int, int]] = field(default_factory=set)
    kept: list[tuple[float, bytes, int]] = field(default_factory=list)
    link: int = -1
    size: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """A written proof."""

    path: Path
    packets: int
    seen: int
    digest: str
    source: str
    payload: bool

    @property
    def line(self) -> str:
        """The line of evidence."""
        part = "with payload" if self.payload else "headers only"
        return f"packets: first {self.packets} of {self.seen} in {self.path.name} ({part}), SHA-256 {self.digest}, from a file with SHA-256 {self.source}"


def wanted(table: FlowTable, subjects: Mapping[str, tuple[str, str]]) -> list[Wanted]:
    """What to look for: `subjects` is finding key -> device and subject (`destination:port/protocol`, as egress words it)."""
    by_subject: dict[tuple[str, str], list[Wanted]] = {}
    made: list[Wanted] = []
    for key, (device, subject) in list(subjects.items())[:MAX_SUBJECTS]:
        one = Wanted(key)
        made.append(one)
        by_subject.setdefault((device, subject.partition(" ")[0]), []).append(one)
    pairs = 0
    for n in range(len(table) if made else 0):
        version = int(table["version"][n])
        a = address_text(int(table["a_hi"][n]), int(table["a_lo"][n]), version)
        b = address_text(int(table["b_hi"][n]), int(table["b_lo"][n]), version)
        port, proto = int(table["b_port"][n]), int(table["proto"][n])
        told = int(table["device"][n])
        names = {table.devices[told - 1] if told else "", a, b}
        word = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}.get(proto, str(proto))
        for device in names:
            for place in (table.names.get(n, ("", ""))[0], b, a):
                for one in by_subject.get((device, f"{place}:{port}/{word}"), []):
                    if pairs < MAX_PAIRS:
                        one.pairs.add((a, b, port, proto))
                        pairs += 1
    return [one for one in made if one.pairs]


def write(path: Path, wanted: Iterable[Wanted], folder: Path, *, payload: bool = False, limit: int = LIMIT) -> dict[str, Proof]:
    """Go through a capture once more and write one pcap for each finding; finding key -> proof. Raises StoreError, ContentError."""
    looked: dict[tuple[str, str, int, int], list[Wanted]] = {}
    for one in wanted:
        for a, b, port, proto in one.pairs:
            looked.setdefault((a, b, port, proto), []).append(one)
    if not looked:
        return {}
    for frame in frames.read(path, []):
        link = r.LINKS.get(frame.link)
        found = packet(frame.data, link, len(frame.data)) if link in (r.ETHERNET, r.RAW) else None
        if found is None:
            continue
        for one in _of(found, looked):
            one.seen += 1
            if one.size >= limit or one.link not in (-1, frame.link):
                continue
            data = frame.data if payload else frame.data[: _headers(found, len(frame.data))]
            one.kept.append((frame.at, data[:SNAP], len(frame.data)))
            one.link = frame.link
            one.size += len(data) + 16
    with path.open("rb") as file:
        source = hashlib.file_digest(file, "sha256").hexdigest()
    proofs: dict[str, Proof] = {}
    for one in {id(w): w for ws in looked.values() for w in ws}.values():
        if not one.kept:
            continue
        body = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, SNAP, one.link)
        for at, data, wire in one.kept:
            body += struct.pack("<IIII", int(at), int(at % 1 * 1e9), len(data), wire) + data
        target = folder / f"{one.key[:64]}.pcap"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
        except OSError as error:
            raise StoreError(str(target), error.strerror or "cannot be written", "give another folder with --proof") from None
        proofs[one.key] = Proof(target, len(one.kept), one.seen, hashlib.sha256(body).hexdigest(), source, payload)
    return proofs


def _of(found: Record, looked: Mapping[tuple[str, str, int, int], list[Wanted]]) -> Iterable[Wanted]:
    a = address_text(found.a >> 64, found.a & 0xFFFFFFFFFFFFFFFF, found.version)
    b = address_text(found.b >> 64, found.b & 0xFFFFFFFFFFFFFFFF, found.version)
    return looked.get((a, b, found.b_port, found.proto)) or looked.get((b, a, found.a_port, found.proto)) or ()


def _headers(found: Record, size: int) -> int:
    """Bytes of a frame before its payload; the whole of what has none that can be told."""
    if found.payload_out < 0:
        return min(size, 64)
    return max(0, size - found.payload_out) if size - found.payload_out >= 34 else min(size, 64)
