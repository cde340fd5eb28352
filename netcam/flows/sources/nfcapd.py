"""nfdump's flow files of layout 2 (nfdump 1.7, nffileV2.h and nfxV3.h): blocks of records made of elements, in the order of the writer."""

from __future__ import annotations

import bz2
import struct
from collections.abc import Iterator
from typing import IO

from netcam.flows import rows as r
from netcam.flows.records import Record
from netcam.flows.source import LogSource, Reading
from netcam.flows.unpack import lz4_block, lzo1x

_MAGIC = b"\x0c\xa5\x02\x00"
_HEAD = struct.Struct("<HHIqBBHIqII")
_BLOCK = struct.Struct("<IIHH")
_GENERIC = struct.Struct("<QQQQQHHBBBB")
MAX_BLOCK = 16 << 20
"""Bytes of one block, unpacked: nfdump writes blocks of one or two MB."""
MAX_BLOCKS = 1 << 20
_DATA, _V3 = 3, 11


def read(file: IO[bytes], where: str, reading: Reading) -> Iterator[None]:
    """Read a whole file, one block at a time."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        reading.records.notes.append(f"{where}: cut within its header")
        return
    _, _, _, _, packing, cipher, _, _, _, _, blocks = _HEAD.unpack(head)
    if cipher:
        reading.records.notes.append(f"{where}: is encrypted, nothing was read")
        return
    for _ in range(min(blocks, MAX_BLOCKS)):
        told = file.read(_BLOCK.size)
        if len(told) < _BLOCK.size:
            reading.records.notes.append(f"{where}: truncated")
            return
        count, size, kind, flags = _BLOCK.unpack(told)
        if size > MAX_BLOCK:
            reading.records.notes.append(f"{where}: a block claims {size} bytes: corrupt from there on")
            return
        body = file.read(size)
        if len(body) < size:
            reading.records.notes.append(f"{where}: truncated")
        if kind != _DATA:
            continue
        try:
            body = body if flags & 1 else _unpacked(body, packing)
        except ValueError as error:
            reading.records.count("malformed")
            reading.records.notes.append(f"{where}: a block cannot be unpacked: {error}")
            continue
        _records(body, count, where, reading)
        yield


def _unpacked(body: bytes, packing: int) -> bytes:
    if packing == 0:
        return body
    if packing == 1:
        return lzo1x(body, MAX_BLOCK)
    if packing == 2:
        opened = bz2.BZ2Decompressor()
        try:
            return opened.decompress(body, MAX_BLOCK)
        except OSError as error:
            raise ValueError(str(error)) from None
    if packing == 3:
        return lz4_block(body, MAX_BLOCK)
    if packing == 4:
        import zstandard

        try:
            return zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BLOCK)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None
    raise ValueError(f"unknown compression {packing}")


def _records(body: bytes, count: int, where: str, reading: Reading) -> None:
    at = 0
    for _ in range(count):
        if at + 4 > len(body):
            break
        kind, size = struct.unpack_from("<HH", body, at)
        if size < 4 or at + size > len(body):
            reading.records.count("malformed")
            return
        if kind == _V3 and size >= 12:
            _record(body, at, at + size, where, reading)
        at += size


def _record(body: bytes, at: int, end: int, where: str, reading: Reading) -> None:
    elements, flags = struct.unpack_from("<H", body, at + 4)[0], body[at + 10]
    exporter = struct.unpack_from("<H", body, at + 8)[0]
    made = Record(version=0, a=0, b=0)
    place = at + 12
    for _ in range(elements):
        if place + 4 > end:
            break
        kind, size = struct.unpack_from("<HH", body, place)
        if size < 4 or place + size > end:
            reading.records.count("malformed")
            return
        begin, length = place + 4, size - 4
        place += size
        if kind == 1 and length >= _GENERIC.size:
            first, last, _, packets, octets, s_port, d_port, proto, tcp, status, _ = _GENERIC.unpack_from(body, begin)
            made.start, made.end = first * 1_000_000, last * 1_000_000
            made.packets_out, made.bytes_out, made.proto, made.flags_out = packets, octets, proto, tcp
            if proto not in (1, 58):
                made.a_port, made.b_port = s_port, d_port
            elif d_port:
                made.icmp = d_port + 1
            made.blocked = int(status >> 6 == 2)
        elif kind == 2 and length >= 8:
            made.version = 4
            made.a, made.b = struct.unpack_from("<II", body, begin)
        elif kind == 3 and length >= 32:
            made.version = 6
            a_hi, a_lo, b_hi, b_lo = struct.unpack_from("<QQQQ", body, begin)
            made.a, made.b = a_hi << 64 | a_lo, b_hi << 64 | b_lo
        elif kind == 5 and length >= 24:
            _, made.packets_in, made.bytes_in = struct.unpack_from("<QQQ", body, begin)
            made.paired = bool(made.packets_in)
        elif kind == 6 and length >= 8:
            made.vlan = struct.unpack_from("<I", body, begin)[0] & 0xFFF
        elif kind == 15 and length >= 32:
            macs = struct.unpack_from("<QQQQ", body, begin)
            made.a_mac, made.b_mac = macs[0] & 0xFFFFFFFFFFFF, macs[1] & 0xFFFFFFFFFFFF
    if not made.version:
        reading.records.count("not_ip")
        return
    if flags & 8:
        made.quality |= r.Q_ESTIMATE  # the writer multiplied by a sampling rate
    reading.records.add(made, f"nfcapd {where} exporter {exporter}")


def recognises(head: bytes, name: str) -> bool:
    """The magic number and layout 2."""
    return head.startswith(_MAGIC)


SOURCE = LogSource(
    id="nfcapd",
    title="nfdump flow files (nfcapd, nfpcapd; layout 2)",
    recognises=recognises,
    read=read,
    documentation="https://github.com/phaag/nfdump",
)
