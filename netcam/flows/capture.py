"""Capture files to flows: pcap in both byte orders, microseconds and nanoseconds, pcapng with several interfaces; gzip, zstd, lz4, xz, bzip2."""

from __future__ import annotations

import ctypes
import io
import mmap
import os
import stat
import struct
import sys
import zlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from netcam.errors import ContentError
from netcam.flows import rows as layout
from netcam.flows.ahead import Ahead
from netcam.flows.compiled import needs_extra as needs_numba
from netcam.flows.walk import Walk

if TYPE_CHECKING:
    from netcam.flows.table import FlowTable

CHUNK = 1 << 20
"""Bytes read at a time: they stay in the processor's cache until they are walked."""
SMALL = 40_000
"""Rows of a window while whose reader is at work the next is made; of larger ones two at a time would take too much memory."""
HEAD = 8192
"""Bytes by which a format is told."""
MAPPED = 32 << 20
"""Bytes of a plain file that are mapped at a time; the next piece is mapped meanwhile."""
COMMON = 1 << 20
"""Bytes that a piece shares with the next: a record begins in one and ends in it."""
SWITCH = 0.0005
"""Seconds a thread runs Python before it gives way while a capture is read: between two pieces the walk must not wait for imports."""
MADV_POPULATE_READ = 22
"""linux/mman.h, since 5.14; where the kernel does not know it, files are read instead."""
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": (False, False),
    b"\xa1\xb2\xc3\xd4": (True, False),
    b"\x4d\x3c\xb2\xa1": (False, True),
    b"\xa1\xb2\x3c\x4d": (True, True),
}
_BROKEN = {"ZstdError", "LZMAError", "RuntimeError"}
"""What zstandard, lzma and lz4 raise for damaged input."""
_PCAPNG = b"\x0a\x0d\x0d\x0a"


def read(
    path: Path,
    *,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    idle: float = layout.IDLE,
    active: float = 0,
) -> FlowTable:
    """Read a capture into one table, whatever its size: for captures that are known to be small. See `windows`."""
    from netcam.flows.build import merged

    return merged(list(windows(path, internal=internal, idle=idle, active=active)))


def windows(
    path: Path,
    *,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    idle: float = layout.IDLE,
    active: float = 0,
    window_rows: int = 0,
) -> Iterator[FlowTable]:
    """Read a capture into tables of bounded size; the last one carries the notes. A cut or corrupt end is counted and told, not raised.

    Reading begins with the call, in a thread; a second one makes the tables, so that the caller has both cores' work done ahead.
    `idle` and `active` in seconds, 0 for never; `window_rows` 0 for the usual size. Raises ContentError where the file cannot be read or is no capture.
    """
    needs_numba()
    where = str(path)
    notes: list[str] = []
    raw = opened(path)
    try:
        source = _Reader(unpacked(raw), notes)
        magic = source.take(4)
        if not recognised(magic):
            if notes or not magic:
                raise ContentError(
                    where, notes[0] if notes else "is empty, or truncated before anything can be unpacked", "copy the file again"
                )
            raise ContentError(where, f"is no capture (it begins with {magic!r})", "give a file that tcpdump or Wireshark wrote")
        walk = Walk(internal=internal, idle=idle, active=active)
        walked = _pcap(source, *_MAGIC[magic], walk, notes, where) if magic in _MAGIC else _pcapng(source, walk, notes)
    except BaseException:
        raw.close()
        raise
    found = Ahead(_found(walked, walk, raw), "netcam-walk", held=lambda one: one.lent)
    return Ahead(_tables(found, walk, where, notes, window_rows), "netcam-tables", held=lambda table: len(table) > SMALL)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a walk collected between two steps: copies; or, where it is lent, what stands in the walk itself, with hints into `buffer`."""

    lent: bool
    buffer: Any
    minutes: bytearray
    done: bytearray


def _found(walked: Iterator[Any], walk: Walk, raw: IO[bytes]) -> Generator[_Found, None, None]:
    """Walk to the end and give what was collected."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        with raw:
            for buffer in walked:
                if walk.state[layout.U_HINTS]:
                    yield _Found(True, buffer, bytearray(), bytearray())
                else:
                    yield _copy(walk)
                walk.clear()
        sys.setswitchinterval(before)
        for _ in walk.finish():
            # lent and not copied: to tell what is open takes no time beside what is made of it
            yield _Found(True, None, bytearray(), bytearray())
            walk.clear()
    finally:
        sys.setswitchinterval(before)


def _copy(walk: Walk) -> _Found:
    minutes, done = walk.copied("minutes", walk.state[layout.U_MINUTES]), walk.copied("done", walk.state[layout.U_DONE])
    return _Found(False, None, minutes, done)


def _tables(found: Ahead[_Found], walk: Walk, where: str, notes: list[str], window_rows: int) -> Generator[FlowTable, None, None]:
    """Windows of what a walk finds."""
    try:
        import numpy as np

        from netcam.flows.build import WINDOW_ROWS, Assembly

        assembly = Assembly(where, walk, window_rows=window_rows or WINDOW_ROWS)
        for one in found:
            if one.lent:
                assembly.collect(one.buffer)
            else:
                minutes, done = np.frombuffer(one.minutes, np.int64), np.frombuffer(one.done, np.int64)
                assembly.take(minutes.reshape(-1, layout.MINUTE_WIDTH), done.reshape(-1, layout.WIDTH))
            del one
            yield from assembly.ready()
    finally:
        found.close()
    last = assembly.cut()
    last.notes += notes
    last.counters["file_truncated"] = sum("truncated" in note for note in notes)
    yield last


def recognised(head: bytes) -> bool:
    """Whether a file that begins so is a capture."""
    return head[:4] in _MAGIC or head[:4] == _PCAPNG


def beginning(path: Path) -> bytes:
    """The first bytes of a file, unpacked, by which its format is told. Raises ContentError where it cannot be read or unpacked."""
    with opened(path) as raw, unpacked(raw) as file:
        try:
            return file.read(HEAD)
        except Exception as error:  # a broken compression, whose reader has an error of its own
            raise ContentError(str(path), f"cannot be unpacked: {error}", "copy the file again") from None


def opened(path: Path) -> IO[bytes]:
    """The file. Raises ContentError where it cannot be read."""
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise ContentError(str(path), error.strerror or "cannot be read", "give a capture file (pcap or pcapng)") from None


def unpacked(raw: IO[bytes]) -> IO[bytes]:
    head = raw.read(6)
    raw.seek(0)
    if head[:2] == b"\x1f\x8b":
        import gzip

        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if head[:4] == b"\x28\xb5\x2f\xfd":
        import zstandard

        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
    if head[:4] == b"\x04\x22\x4d\x18":
        import lz4.frame

        return lz4.frame.LZ4FrameFile(raw)  # type: ignore[no-any-return]
    if head == b"\xfd7zXZ\0":
        import lzma

        return lzma.LZMAFile(raw)
    if head[:3] == b"BZh":
        import bz2

        return bz2.BZ2File(raw)
    return raw


class _Reader:
    """Reads chunks; a broken compression ends the file there, with a note."""

    def __init__(self, file: IO[bytes], notes: list[str]) -> None:
        self._file, self._notes, self._ended = file, notes, False
        self.used, self.used_up = 0, False
        """Bytes that were walked, and whether the file was walked to its end."""

    def descriptor(self) -> int | None:
        """The file's number where it is a plain one that can be mapped."""
        if not isinstance(self._file, io.RawIOBase):
            return None
        try:
            number = self._file.fileno()
            return number if stat.S_ISREG(os.fstat(number).st_mode) else None
        except OSError:
            return None

    def seek(self, at: int) -> None:
        """Go to a byte of a plain file."""
        self._file.seek(at)

    def take(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        parts, left = [], size
        while left and not self._ended:
            try:
                part = self._file.read(left)
            except (
                Exception
            ) as error:  # lzma, lz4 and zstandard raise classes of their own, which are not imported where they are not needed
                if not isinstance(error, (EOFError, OSError, zlib.error)) and type(error).__name__ not in _BROKEN:
                    raise
                self._notes.append(f"the compressed file is truncated or corrupt: {type(error).__name__}")
                self._ended = True
                break
            if not part:
                self._ended = True
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def into(self, view: memoryview) -> int:
        """Fill a buffer as far as the file goes; returns the bytes read, 0 at the end."""
        if not isinstance(self._file, io.RawIOBase):
            part = self.take(len(view))
            view[: len(part)] = part
            return len(part)
        filled = 0
        while filled < len(view):
            try:
                got = self._file.readinto(view[filled:])
            except OSError as error:
                self._notes.append(f"the file cannot be read on, and is truncated there: {error.strerror}")
                break
            if not got:
                break
            filled += got
        return filled


def _steps(walked: Generator[None, None, int], buffer: Any) -> Generator[Any, None, int]:
    """The steps of a walk over `buffer`, which each of them gives; returns where it stopped."""
    while True:
        try:
            next(walked)
        except StopIteration as end:
            return int(end.value)
        yield buffer


def _pcap(source: _Reader, big: bool, nano: bool, walk: Walk, notes: list[str], where: str) -> Generator[Any, None, None]:
    """Walk a classic capture; yields the buffer each time something was collected."""
    head = source.take(20)
    if len(head) < 20:
        raise ContentError(where, "is a capture cut within its header", "copy the file again")
    told = struct.unpack(">I" if big else "<I", head[16:20])[0] & 0x0FFFFFFF
    link = layout.LINKS.get(told)
    if link is None:
        raise ContentError(where, f"has link type {told}, which is not read", "capture on Ethernet, or with the type any (Linux cooked)")
    done = 24
    for buffer, begin, size, base in _pieces(source, 24, layout.MAX_PACKET + 16):
        stopped = yield from _steps(walk.pcap(buffer, size, at=begin, big=big, nano=nano, link=link), buffer)
        if stopped < 0:
            notes.append(
                f"a packet claims an impossible length at byte {base - 1 - stopped}: the file is corrupt or truncated from there on"
            )
            return
        source.used = base + stopped
        done = base + size
    if done > source.used:
        notes.append(f"the last packet is truncated: {done - source.used} bytes are left over")


def _pcapng(source: _Reader, walk: Walk, notes: list[str]) -> Generator[Any, None, None]:
    """Walk the blocks of a pcapng file, as `_pcap`."""
    done = len(_PCAPNG)
    for buffer, begin, size, base in _pieces(source, 0, layout.MAX_BLOCK, _PCAPNG):
        stopped = yield from _steps(walk.pcapng(buffer, size, at=begin), buffer)
        if stopped < 0:
            notes.append(f"a block at byte {base - 1 - stopped} claims an impossible size: the file is corrupt or truncated from there on")
            return
        source.used = base + stopped
        done = base + size
    if done > source.used:
        notes.append(f"the last block is truncated: {done - source.used} bytes are left over")


def _pieces(source: _Reader, start: int, room: int, head: bytes = b"") -> Iterator[tuple[Any, int, int, int]]:
    """Pieces of the file from `start` on: buffer, where to begin and end in it, and the file's byte at its beginning.

    What the caller leaves (`source.used`) comes again at the beginning of the next piece; it is at most `room` bytes. `head` are bytes
    from `start` on that have been read already.
    """
    source.used = start
    kept, rest = len(head), head
    if (descriptor := source.descriptor()) is not None:
        yield from _mapped(source, descriptor)
        if source.used_up:
            return
        source.seek(source.used)
        kept, rest = 0, b""
    base = source.used
    for buffer, got in Ahead(_read(source, room), "netcam-read"):
        begin = room - kept
        buffer[begin:room] = rest
        yield buffer, begin, room + got, base + kept - room
        left = base + kept + got - source.used
        kept, base = left, source.used
        rest = bytes(memoryview(buffer)[room + got - left : room + got])


def _mapped(source: _Reader, descriptor: int) -> Iterator[tuple[Any, int, int, int]]:
    """Pieces of a plain file mapped into memory: no byte is copied. Stops early, for reading to go on, where that does not work."""
    for piece, base in Ahead(_maps(descriptor, source.used), "netcam-map"):
        begin = source.used - base
        if not 0 <= begin <= len(piece):
            return  # a record that is longer than two pieces have in common
        yield piece, begin, len(piece), base
        source.used_up = base + len(piece) >= os.fstat(descriptor).st_size


def _maps(descriptor: int, start: int) -> Generator[tuple[mmap.mmap, int], None, None]:
    """Mappings from `start` on with the file's byte at which each begins; the last COMMON bytes of one are the first of the next.

    The pages are asked for before they are touched (MADV_POPULATE_READ): where a file has been cut meanwhile that is an error, not a
    signal that would end the program. Private and writable only because an address is taken of buffers that can be written.
    """
    advise = ctypes.CDLL(None, use_errno=True).madvise  # mmap.madvise keeps the interpreter's lock
    base = start // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    while (size := os.fstat(descriptor).st_size) > base:
        length = min(MAPPED + COMMON, size - base)
        try:
            piece = mmap.mmap(descriptor, length, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE, offset=base)
        except (OSError, ValueError):
            return
        place = ctypes.addressof(ctypes.c_char.from_buffer(piece))
        if advise(ctypes.c_void_p(place), ctypes.c_size_t(length), MADV_POPULATE_READ):
            return
        yield piece, base
        del piece  # the mapping goes when the reader has let go of it
        if base + length >= size:
            return
        base += MAPPED


def _read(source: _Reader, room: int) -> Generator[tuple[bytearray, int], None, None]:
    """Buffers with CHUNK bytes of the file behind `room`. Three: one is walked, one waits, one is filled."""
    buffers = [bytearray(room + CHUNK) for _ in range(3)]
    turn = 0
    while got := source.into(memoryview(buffers[turn])[room:]):
        yield buffers[turn], got
        turn = (turn + 1) % 3


def _resolution(options: bytes, order: str) -> int:
    """Ticks a second of an interface (option if_tsresol, default microseconds)."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack(order + "HH", options[at : at + 4])
        if code == 0:
            break
        if code == 9 and size == 1 and at + 4 < len(options):
            value = options[at + 4]
            return int(1 << min(value & 0x7F, 62)) if value & 0x80 else int(10 ** min(value, 18))
        at += 4 + (size + 3) // 4 * 4
    return 1_000_000
