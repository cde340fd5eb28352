"""Captured packets one by one, for readers that look into payloads: pcap and pcapng, gzip, zstd, in bounded memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from netcam.errors import ContentError
from netcam.flows.capture import _MAGIC, _PCAPNG, _Reader, _resolution, unpacked
from netcam.flows.rows import INTERFACES, MAX_BLOCK

MAX_PACKET = 262_144
"""Bytes of one packet: the largest snapshot length that capture programs use."""
MAX_UNPACKED = 64 << 30
"""Bytes read of one file after unpacking: a compressed file must not keep us busy for ever."""


class Frame(NamedTuple):
    """One packet: its link type (tcpdump.org/linktypes), time in seconds since 1970, bytes, and number in the file (from 1)."""

    link: int
    at: float
    data: bytes
    number: int


def read(path: Path, notes: list[str]) -> Iterator[Frame]:
    """Packets of a capture in order; a cut or corrupt end becomes a note. Raises ContentError where it is no capture."""
    where = str(path)
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ContentError(where, error.strerror or "cannot be read", "give a capture file (pcap or pcapng)") from None
    with raw, unpacked(raw) as file:
        source = _Reader(file, notes)
        magic = source.take(4)
        if magic in _MAGIC:
            yield from _pcap(source, *_MAGIC[magic], notes, where)
        elif magic == _PCAPNG:
            yield from _pcapng(source, notes)
        else:
            raise ContentError(where, f"is no capture (it begins with {magic!r})", "give a file that tcpdump or Wireshark wrote")


def _pcap(source: _Reader, big: bool, nano: bool, notes: list[str], where: str) -> Iterator[Frame]:
    order = ">" if big else "<"
    head = source.take(20)
    if len(head) < 20:
        raise ContentError(where, "is a capture cut within its header", "copy the file again")
    link = struct.unpack(order + "I", head[16:20])[0] & 0x0FFFFFFF
    record, ticks, unpacked, number = struct.Struct(order + "IIII"), 1e9 if nano else 1e6, 0, 0
    while head := source.take(16):
        number += 1
        if len(head) < 16:
            notes.append(f"packet {number} is truncated")
            return
        seconds, part, size, _ = record.unpack(head)
        if size > MAX_PACKET:
            notes.append(f"packet {number} claims {size} bytes: the file is corrupt or truncated from there on")
            return
        data = source.take(size)
        if len(data) < size:
            notes.append(f"packet {number} is truncated")
            return
        unpacked += size + 16
        if unpacked > MAX_UNPACKED:
            notes.append(f"only the first {MAX_UNPACKED} bytes were read")
            return
        yield Frame(link, seconds + part / ticks, data, number)


def _pcapng(source: _Reader, notes: list[str]) -> Iterator[Frame]:
    """Blocks as draft-ietf-opsawg-pcapng describes them; of packets only those of a known interface."""
    order, first, unpacked, number = "<", True, 0, 0
    interfaces: list[tuple[int, int]] = []
    while kind_raw := (_PCAPNG if first else source.take(4)):
        size_raw = source.take(4)
        if len(kind_raw) < 4 or len(size_raw) < 4:
            notes.append("the last block is truncated")
            return
        body = b""
        if kind_raw == _PCAPNG:
            body = source.take(4)
            order, interfaces = "<" if body == b"\x4d\x3c\x2b\x1a" else ">", []
        first = False
        size = struct.unpack(order + "I", size_raw)[0]
        if size < 12 or size > MAX_BLOCK or size % 4:
            notes.append(f"a block claims {size} bytes: the file is corrupt or truncated from there on")
            return
        body += source.take(size - 8 - len(body))
        if len(body) < size - 8:
            notes.append("the last block is truncated")
            return
        unpacked += size
        if unpacked > MAX_UNPACKED:
            notes.append(f"only the first {MAX_UNPACKED} bytes were read")
            return
        kind = struct.unpack(order + "I", kind_raw)[0]
        if kind == 1 and len(body) >= 12 and len(interfaces) < INTERFACES:
            interfaces.append((struct.unpack(order + "H", body[:2])[0], _resolution(body[8:-4], order)))
        elif kind == 6 and len(body) >= 24:
            number += 1
            which, high, low, size = struct.unpack(order + "IIII", body[:16])
            if which < len(interfaces):
                link, ticks = interfaces[which]
                yield Frame(link, (high << 32 | low) / ticks, body[20 : 20 + min(size, len(body) - 24)], number)
        elif kind == 3 and interfaces and len(body) >= 8:
            number += 1
            size = struct.unpack(order + "I", body[:4])[0]
            yield Frame(interfaces[0][0], 0.0, body[4 : 4 + min(size, len(body) - 8)], number)
