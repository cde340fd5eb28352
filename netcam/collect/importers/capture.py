"""Captures (pcap, pcapng, also packed), read by the passive collector."""

from __future__ import annotations

from collections.abc import Iterator

from netcam.collect import listen
from netcam.collect.importers.source import Importer, Problem, Source
from netcam.model import Observation

_MAGIC = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a", b"\x28\xb5\x2f\xfd")
"""Both forms of pcap in both byte orders, pcapng, and zstd around one of them."""


def read(file: Source) -> Iterator[Observation]:
    """What was heard, with the packets' times."""
    notes: list[str] = []
    yield from listen.file(file.path, listen.Ear(site="", sensor="", scan=""), notes)
    file.problems += [Problem(0, note, dropped=False) for note in notes]


def recognises(head: bytes, _name: str) -> bool:
    """The magic number."""
    return head.startswith(_MAGIC)


IMPORTER = Importer(name="pcap", title="packet capture (pcap, pcapng, gzip, zstd)", recognises=recognises, read=read, rank=1, hears=True)
