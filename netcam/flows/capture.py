"""Capture files to flows: pcap in both byte orders, microseconds and nanoseconds, pcapng with several interfaces; gzip, zstd, lz4, xz, bzip2."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from netcam.errors import ContentError
from netcam.flows import rows as layout
from netcam.flows.compiled import needs_extra as needs_numba

if TYPE_CHECKING:
    from netcam.flows.build import Assembly
    from netcam.flows.table import FlowTable

CHUNK = 1 << 20
"""Bytes read at a time: they stay in the processor's cache until they are walked."""
MAPPED = 8 << 20
"""Bytes of a plain file that are mapped at a time."""
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
    progress: Callable[[int], None] | None = None,
) -> Iterator[FlowTable]:
    """Read a capture into tables of bounded size; the last one carries the notes. A cut or corrupt end is counted and told, not raised.

    `idle` and `active` in seconds, 0 for never; `window_rows` 0 for the usual size. Raises ContentError where the file cannot be read or is no capture.
    """
    needs_numba()
    where = str(path)
    notes: list[str] = []
    with opened(path) as raw, _decompressed(raw) as file:
        source = _Reader(file, notes)
        magic = source.take(4)
        if magic not in _MAGIC and magic != _PCAPNG:
            if notes or not magic:
                raise ContentError(
                    where, notes[0] if notes else "is empty, or truncated before anything can be unpacked", "copy the file again"
                )
            raise ContentError(where, f"is no capture (it begins with {magic!r})", "give a file that tcpdump or Wireshark wrote")
        from netcam.flows.build import WINDOW_ROWS, Assembly

        assembly = Assembly(where, internal=internal, idle=idle, active=active, window_rows=window_rows or WINDOW_ROWS)
        walked = _pcap(source, *_MAGIC[magic], assembly, notes, where) if magic in _MAGIC else _pcapng(source, assembly, notes)
        for used in walked:
            yield from assembly.ready()
            if progress is not None:
                progress(used)
    last: FlowTable | None = None
    for table in assembly.finish():
        if last is not None:
            yield last
        last = table
    assert last is not None
    last.notes += notes
    last.counters["file_truncated"] = sum("truncated" in note for note in notes)
    yield last


def opened(path: Path) -> IO[bytes]:
    """The file. Raises ContentError where it cannot be read."""
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise ContentError(str(path), error.strerror or "cannot be read", "give a capture file (pcap or pcapng)") from None


def _decompressed(raw: IO[bytes]) -> IO[bytes]:
    head = raw.read(6)
    raw.seek(0)
    if head[:2] == b"\x1f\x8b":
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


def _buffer(size: int) -> Any:
    import numpy as np

    return np.empty(size, np.uint8)


def _pcap(source: _Reader, big: bool, nano: bool, assembly: Assembly, notes: list[str], where: str) -> Iterator[int]:
    """Walk a classic capture; yields the bytes used as it goes."""
    head = source.take(20)
    if len(head) < 20:
        raise ContentError(where, "is a capture cut within its header", "copy the file again")
    told = struct.unpack(">I" if big else "<I", head[16:20])[0] & 0x0FFFFFFF
    link = layout.LINKS.get(told)
    if link is None:
        raise ContentError(where, f"has link type {told}, which is not read", "capture on Ethernet, or with the type any (Linux cooked)")
    done = 24
    for buffer, begin, size, base in _pieces(source, 24, layout.MAX_PACKET + 16):
        stopped = assembly.walk.pcap(buffer, size, at=begin, big=big, nano=nano, link=link)
        if stopped < 0:
            notes.append(
                f"a packet claims an impossible length at byte {base - 1 - stopped}: the file is corrupt or truncated from there on"
            )
            return
        source.used = base + stopped
        done = base + size
        yield source.used
    if done > source.used:
        notes.append(f"the last packet is truncated: {done - source.used} bytes are left over")


def _pieces(source: _Reader, start: int, room: int) -> Iterator[tuple[Any, int, int, int]]:
    """Pieces of the file from `start` on: buffer, where to begin and end in it, and the file's byte at its beginning.

    What the caller leaves (`source.used`) comes again at the beginning of the next piece.
    """
    source.used = start
    if (descriptor := source.descriptor()) is not None:
        yield from _mapped(source, descriptor, room)
        if source.used_up:
            return
        source.seek(source.used)
    kept = 0
    rest: Any = None
    base = source.used
    for buffer, got in _ahead(source, room):
        begin = room - kept
        if kept:
            buffer[begin:room] = rest
        yield buffer, begin, room + got, base + kept - room
        left = base + kept + got - source.used
        kept, base = left, source.used
        rest = buffer[room + got - left : room + got].copy()


def _mapped(source: _Reader, descriptor: int, room: int) -> Iterator[tuple[Any, int, int, int]]:
    """Pieces of a plain file mapped into memory: no byte is copied. Stops early, for reading to go on, where that does not work.

    The pages are asked for before they are touched (MADV_POPULATE_READ): where a file has been cut meanwhile that is an error, not a
    signal that would end the program.
    """
    import numpy as np

    step = mmap.ALLOCATIONGRANULARITY
    while True:
        size = os.fstat(descriptor).st_size
        base = source.used // step * step
        length = min(MAPPED + room, size - base)
        if source.used >= size or length <= 0:
            source.used_up = True
            return
        try:
            piece = mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=base)
            piece.madvise(MADV_POPULATE_READ)
        except (OSError, ValueError):
            return
        buffer = np.frombuffer(piece, np.uint8)
        before = source.used
        yield buffer, before - base, length, base
        del buffer, piece  # the mapping goes when the caller has let go of its buffer
        if base + length >= size or source.used == before:
            source.used_up = True
            return


def _ahead(source: _Reader, room: int) -> Iterator[tuple[Any, int]]:
    """Buffers with CHUNK bytes of the file behind `room`; the next is read while the caller walks this one."""
    from concurrent.futures import ThreadPoolExecutor

    buffers = [_buffer(room + CHUNK) for _ in range(2)]
    with ThreadPoolExecutor(1, "netcam-read") as reader:
        turn = 0
        waiting = reader.submit(source.into, memoryview(buffers[0])[room:])
        while got := waiting.result():
            turn ^= 1
            waiting = reader.submit(source.into, memoryview(buffers[turn])[room:])
            yield buffers[turn ^ 1], got


def _pcapng(source: _Reader, assembly: Assembly, notes: list[str]) -> Iterator[int]:
    """Walk the blocks of a pcapng file, its first four bytes being read; yields the bytes used as it goes."""
    import numpy as np

    buffer, done = _buffer(2 * CHUNK), 0
    buffer[:4] = np.frombuffer(_PCAPNG, np.uint8)
    kept = 4
    while got := source.into(memoryview(buffer)[kept : kept + CHUNK]):
        size = kept + got
        stopped, needed = assembly.walk.pcapng(buffer, size)
        if stopped < 0:
            notes.append(f"a block at byte {done - 1 - stopped} claims an impossible size: the file is corrupt or truncated from there on")
            return
        kept = size - stopped
        rest = buffer[stopped:size].copy()
        if needed + CHUNK > len(buffer):
            buffer = _buffer(needed + CHUNK)
        buffer[:kept] = rest
        done += stopped
        yield done
    if kept:
        notes.append(f"the last block is truncated: {kept} bytes are left over")


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
