"""Capture files to flows: pcap in both byte orders, microseconds and nanoseconds, pcapng with several interfaces, gzip, zstd."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import IO, TYPE_CHECKING

from netcam.errors import ConfigError, ContentError
from netcam.flows.table import FlowTable

if TYPE_CHECKING:
    from netcam.flows.walker import Walk

CHUNK = 32 << 20
"""Bytes read at a time: bounds memory whatever the file's size."""
MAX_BLOCK = 16 << 20
"""Bytes of one pcapng block; real ones hold one packet."""
MAX_INTERFACES = 1024
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": (False, False),
    b"\xa1\xb2\xc3\xd4": (True, False),
    b"\x4d\x3c\xb2\xa1": (False, True),
    b"\xa1\xb2\x3c\x4d": (True, True),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"


def needs_numba() -> None:
    """Raise ConfigError with the cure where the extra `egress` is not installed."""
    try:
        import numba  # noqa: F401
    except ImportError:
        raise ConfigError("egress", "numpy and numba are not installed here", "pip install 'netcam[egress]'") from None


def read(
    path: Path, *, internal: Sequence[IPv4Network | IPv6Network] = (), progress: Callable[[int, int], None] | None = None
) -> FlowTable:
    """Read a capture into a table. A cut or corrupt end is counted and told, not raised.

    Raises ContentError where the file cannot be read or is no capture.
    """
    needs_numba()
    from netcam.flows import build, walker
    from netcam.flows.names import Namer

    where = str(path)
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ContentError(where, error.strerror or "cannot be read", "give a capture file (pcap or pcapng)") from None
    walk, namer = walker.Walk(), Namer()
    notes: list[str] = []
    with raw, _decompressed(raw) as file:
        source = _Reader(file, notes)
        magic = source.take(4)
        if magic in _MAGIC:
            _pcap(source, *_MAGIC[magic], walk, namer, notes, where)
        elif magic == _PCAPNG:
            _pcapng(source, walk, namer, notes)
        else:
            raise ContentError(where, f"is no capture (it begins with {magic!r})", "give a file that tcpdump or Wireshark wrote")
    made = build.table(walk, namer)
    made.notes += notes
    made.counters["file_truncated"] = sum("truncated" in note for note in notes)
    return made


def _decompressed(raw: IO[bytes]) -> IO[bytes]:
    head = raw.read(4)
    raw.seek(0)
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if head == b"\x28\xb5\x2f\xfd":
        import zstandard

        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
    return raw


class _Reader:
    """Reads chunks; a broken compression ends the file there, with a note."""

    def __init__(self, file: IO[bytes], notes: list[str]) -> None:
        self._file, self._notes, self._ended = file, notes, False

    def take(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        parts, left = [], size
        while left and not self._ended:
            try:
                part = self._file.read(left)
            except (EOFError, OSError, zlib.error) as error:
                self._notes.append(f"the compressed file is truncated or corrupt: {type(error).__name__}")
                self._ended = True
                break
            except Exception as error:  # zstandard raises its own class, which is not imported where it is not needed
                if type(error).__name__ != "ZstdError":
                    raise
                self._notes.append("the compressed file is truncated or corrupt: ZstdError")
                self._ended = True
                break
            if not part:
                self._ended = True
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def chunks(self) -> Iterator[bytes]:
        """The rest, CHUNK bytes at a time."""
        while chunk := self.take(CHUNK):
            yield chunk


def _pcap(source: _Reader, big: bool, nano: bool, walk: Walk, namer: object, notes: list[str], where: str) -> None:
    import numpy as np

    from netcam.flows import walker
    from netcam.flows.names import Namer

    assert isinstance(namer, Namer)
    head = source.take(20)
    if len(head) < 20:
        raise ContentError(where, "is a capture cut within its header", "copy the file again")
    link = struct.unpack(">I" if big else "<I", head[16:20])[0] & 0x0FFFFFFF
    if link not in (walker.ETHERNET, walker.RAW, walker.SLL, walker.SLL2, 12, 228, 229):
        raise ContentError(where, f"has link type {link}, which is not read", "capture on Ethernet, or with the type any (Linux cooked)")
    link = walker.RAW if link in (12, 228, 229) else link
    rest = b""
    for chunk in source.chunks():
        data = np.frombuffer(rest + chunk, np.uint8)
        at = 0
        while True:
            walk.room((len(data) - at) // 16)
            stopped = int(walker.pcap(data, at, big, nano, link, walk.slots, walk.rows, walk.used, walk.counters, walk.hints))
            full = int(walk.used[1]) >= walker.MAX_HINTS
            namer.look(data, walk.take_hints(), walk.rows)
            if stopped < 0:
                notes.append(
                    f"a packet claims an impossible length at byte {-1 - stopped} of a chunk: the file is corrupt or truncated from there on"
                )
                return
            at = stopped
            if not full:
                break
        rest = data[at:].tobytes()
    if rest:
        notes.append(f"the last packet is truncated: {len(rest)} bytes are left over")


def _pcapng(source: _Reader, walk: Walk, namer: object, notes: list[str]) -> None:
    """Blocks as draft-ietf-opsawg-pcapng describes them; packets are handed to the walker in pcap shape, by interface type."""
    import numpy as np

    from netcam.flows import walker
    from netcam.flows.names import Namer

    assert isinstance(namer, Namer)
    order, first = "<", True
    interfaces: list[tuple[int, int]] = []
    pending: dict[int, list[bytes]] = {}
    held = 0

    def flush() -> None:
        nonlocal held
        for link, parts in pending.items():
            data = np.frombuffer(b"".join(parts), np.uint8)
            at = 0
            while at < len(data):
                walk.room(len(parts))
                stopped = int(walker.pcap(data, at, False, True, link, walk.slots, walk.rows, walk.used, walk.counters, walk.hints))
                namer.look(data, walk.take_hints(), walk.rows)
                if stopped <= at:
                    break
                at = stopped
        pending.clear()
        held = 0

    while True:
        kind_raw = _PCAPNG if first else source.take(4)
        if not kind_raw:
            break
        size_raw = source.take(4)
        if len(kind_raw) < 4 or len(size_raw) < 4:
            notes.append("the last block is truncated")
            break
        body = b""
        if kind_raw == _PCAPNG:
            mark = source.take(4)
            order = "<" if mark == b"\x4d\x3c\x2b\x1a" else ">"
            body, interfaces = mark, []
        first = False
        size = struct.unpack(order + "I", size_raw)[0]
        if size < 12 or size > MAX_BLOCK or size % 4:
            notes.append(f"a block claims {size} bytes: the file is corrupt or truncated from there on")
            break
        body += source.take(size - 8 - len(body))
        if len(body) < size - 8:
            notes.append("the last block is truncated")
            break
        kind = struct.unpack(order + "I", kind_raw)[0]
        if kind == 1 and len(body) >= 12 and len(interfaces) < MAX_INTERFACES:
            interfaces.append((struct.unpack(order + "H", body[:2])[0], _resolution(body[8:-4], order)))
        elif kind in (6, 3) and interfaces:
            if kind == 6 and len(body) >= 24:
                number, high, low, cap, wire = struct.unpack(order + "IIIII", body[:20])
                data = body[20 : 20 + min(cap, len(body) - 24)]
            elif kind == 3 and len(body) >= 8:
                number, high, low, wire = 0, 0, 0, struct.unpack(order + "I", body[:4])[0]
                data = body[4 : 4 + min(wire, len(body) - 8)]
            else:
                continue
            if number >= len(interfaces):
                walk.counters[walker.C_MALFORMED] += 1
                continue
            link, ticks = interfaces[number]
            link = walker.RAW if link in (12, 228, 229) else link
            if link not in (walker.ETHERNET, walker.RAW, walker.SLL, walker.SLL2):
                walk.counters[walker.C_NOT_IP] += 1
                continue
            ns = (high << 32 | low) * 1_000_000_000 // ticks
            seconds = min(ns // 1_000_000_000, 0xFFFFFFFF)
            pending.setdefault(link, []).append(
                struct.pack("<IIII", seconds, ns % 1_000_000_000, len(data), min(max(wire, len(data)), 0x40000)) + data
            )
            held += len(data) + 16
            if held >= CHUNK:
                flush()
    flush()


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
