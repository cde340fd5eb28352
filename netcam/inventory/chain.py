"""The hash chain over everything that was stored: an entry for each batch, with the batch's Merkle root and the entry before.

An entry's hash is SHA-256 over `<characters>:<text>` of: `netcam-chain/1`, number, kind, first, last, count, root, previous.
A leaf of the tree is the SHA-256 of the record's own `<characters>:<text>` words: the fields of an observation; of an
identity, a finding or an action its kind, its place, its time and the SHA-256 of its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from netcam.inventory import merkle
from netcam.inventory.packing import claims_apart, encode, observation_words
from netcam.inventory.verify import entry_hash, words
from netcam.model import Finding, Identity, Observation

KINDS = ("observation", "identity", "finding", "action")
"""What enters the chain: what was seen, what was made of it, what was found, what operators and retention did."""
START = "0" * 64
"""What the first entry has for a previous one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One batch: records `first` to `last` of a kind, `count` of them, under one root. Hashes in hex."""

    number: int
    kind: str
    first: int
    last: int
    count: int
    root: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A record as the chain holds it: its words, and the content of which the last word is the SHA-256 (none for an observation)."""

    kind: str
    number: int
    words: tuple[str, ...]
    content: bytes = b""

    @property
    def leaf(self) -> bytes:
        """Its leaf of the batch's tree."""
        return hashlib.sha256(words(self.words)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A stored record's leaf, or what keeps it from having one; `removed` where retention took the record and left the leaf."""

    number: int
    digest: bytes = b""
    problem: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A place where what is stored is not what was stored."""

    entry: int
    kind: str
    record: int | None
    """Number of the record, where the place is known that closely."""
    problem: str


def seal_observation(number: int, seen: Observation) -> Sealed:
    """An observation as the chain holds it."""
    return Sealed(kind="observation", number=number, words=observation_words(seen))


def seal_content(kind: str, number: int, content: bytes, *place: str) -> Sealed:
    """A record whose content is hashed apart from its place."""
    return Sealed(kind=kind, number=number, words=(kind, *place, hashlib.sha256(content).hexdigest()), content=content)


def seal_identity(number: int, identity: Identity, at: int, scan: str) -> Sealed:
    """An identity version as the chain holds it; `at` in microseconds."""
    return seal_content("identity", number, identity_content(*claims_apart(identity)), identity.site, identity.device, str(at), scan)


def seal_finding(number: int, finding: Finding, at: int, scan: str) -> Sealed:
    """A finding version as the chain holds it; `at` in microseconds."""
    return seal_content("finding", number, encode(finding), finding.key, str(at), scan)


def identity_content(brief: bytes, claims: bytes) -> bytes:
    """An identity's two stored parts as one content; `claims` is not compressed."""
    return b"%d:%b%d:%b" % (len(brief), brief, len(claims), claims)


def follow(last: Entry | None, kind: str, leaves: Sequence[bytes], first: int, final: int) -> Entry:
    """The entry of a batch after the entry `last`."""
    number, previous = (last.number, last.hash) if last is not None else (0, START)
    entry = Entry(
        number=number + 1, kind=kind, first=first, last=final, count=len(leaves), root=merkle.root(leaves).hex(), previous=previous, hash="",
    )  # fmt: skip
    return replace(entry, hash=entry_hash(asdict(entry)))


def check(
    entries: Iterable[Entry],
    read: Callable[[str, int, int], Sequence[Leaf]],
    newest: Mapping[str, int],
    emptied: Container[int] = frozenset(),
) -> Iterator[Damage]:
    """Walk the chain against what is stored. `newest` is the highest record number of each kind, `emptied` the entries
    all of whose records retention removed, as its actions say.
    """
    previous, number = START, 0
    covered = dict.fromkeys(KINDS, 0)
    for entry in entries:
        number += 1
        if entry.number != number:
            yield Damage(entry=number, kind=entry.kind, record=None, problem="an entry is missing")
            number = entry.number
        elif entry.previous != previous:
            yield Damage(entry=number, kind=entry.kind, record=None, problem="it does not follow the entry before")
        previous = entry.hash
        if entry.kind not in covered:
            yield Damage(entry=number, kind=entry.kind, record=None, problem="its kind is unknown")
            continue
        if entry_hash(asdict(entry)) != entry.hash:
            yield Damage(entry=number, kind=entry.kind, record=None, problem="the entry itself was altered")
        if entry.first <= covered[entry.kind]:
            yield Damage(entry=number, kind=entry.kind, record=entry.first, problem="records stand in two entries")
        covered[entry.kind] = entry.last
        stored = read(entry.kind, entry.first, entry.last)
        if stored or entry.number not in emptied:
            yield from _records(entry, stored)
    for kind, seq in newest.items():
        if seq > covered[kind]:
            yield Damage(entry=number, kind=kind, record=seq, problem="records stand outside the chain")


def _records(entry: Entry, stored: Sequence[Leaf]) -> Iterator[Damage]:
    found = False
    for leaf in stored:
        if leaf.problem:
            found = True
            yield Damage(entry=entry.number, kind=entry.kind, record=leaf.number, problem=leaf.problem)
    if len(stored) != entry.count:
        found = True
        problem = f"{len(stored)} records where {entry.count} were stored"
        yield Damage(entry=entry.number, kind=entry.kind, record=None, problem=problem)
    if not found and merkle.root([leaf.digest for leaf in stored]).hex() != entry.root:
        yield Damage(entry=entry.number, kind=entry.kind, record=None, problem=f"records {entry.first} to {entry.last} were altered")
