"""One walk: the memory of the compiled loop, its bounds and settings. Needs no numpy, so that a walk can begin while that is imported."""

from __future__ import annotations

import ctypes
import mmap
import secrets
from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from netcam.flows import compiled
from netcam.flows import rows as r

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.int64]

LOW48 = 0xFFFFFFFFFFFF
PCAP, PCAPNG, RING, FLUSH, REBUILD = range(5)
_SHAPES = {
    "rows": (r.CAPACITY, r.WIDTH), "slots": (r.SLOTS, 1), "free": (r.CAPACITY, 1), "state": (r.STATE, 1), "counts": (len(r.COUNTERS), 1),
    "hints": (r.MAX_HINTS, r.HINT_WIDTH), "done": (r.MAX_DONE, r.WIDTH), "minutes": (r.MAX_MINUTES, r.MINUTE_WIDTH), "fragments": (r.FRAGMENTS, 3),
    "nets": (r.MAX_NETS, 5), "interfaces": (r.INTERFACES + 128, 4),
}  # fmt: skip
"""The arrays of the loop, all of 64-bit numbers, in the order in which it takes them."""
WORD = 8
MADV_HUGEPAGE = 14
"""linux/mman.h: pages of 2 MB where the kernel has them; the table is walked at random."""


class Walk:
    """State of the loop. What it collects (hints, minutes, ended rows) is taken after each step and cleared by `clear`."""

    def __init__(
        self,
        *,
        internal: Sequence[IPv4Network | IPv6Network] = (),
        idle: float = r.IDLE,
        active: float = r.ACTIVE,
        capacity: int = r.CAPACITY,
    ) -> None:
        """`idle` and `active` in seconds, 0 for never; `capacity` at most CAPACITY open conversations."""
        self._loop = compiled.loop()
        self._given = 0  # rows at the table's beginning whose memory went back when the walk ended
        self._memory = {
            name: mmap.mmap(-1, height * width * WORD, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for name, (height, width) in _SHAPES.items()
        }
        for name in ("rows", "slots", "done"):
            _large_pages(self._memory[name])
        at = {name: ctypes.addressof(ctypes.c_char.from_buffer(memory)) for name, memory in self._memory.items()}
        self.state = (ctypes.c_int64 * r.STATE).from_buffer(self._memory["state"])
        capacity = min(capacity, r.CAPACITY)
        self.state[r.U_CAPACITY], self.state[r.U_SLOTS] = capacity, min(r.SLOTS, 1 << (capacity * 5 // 2).bit_length())
        self._arrays = [at["rows"], *at.values()]  # rows twice: as numbers and as doubles
        self._counts = (ctypes.c_int64 * len(r.COUNTERS)).from_buffer(self._memory["counts"])
        self._empty()
        links = (ctypes.c_int64 * (128 * 4)).from_buffer(self._memory["interfaces"], r.INTERFACES * 4 * WORD)
        ctypes.memset(links, 0xFF, ctypes.sizeof(links))
        for told, read_as in r.LINKS.items():
            links[told] = read_as
        self.state[r.U_SEED] = secrets.randbits(62)
        self.state[r.U_IDLE], self.state[r.U_ACTIVE] = int(idle * 1e9), int(active * 1e9)
        nets = (ctypes.c_int64 * (r.MAX_NETS * 5)).from_buffer(self._memory["nets"])
        for n, network in enumerate(list(internal)[: r.MAX_NETS]):
            for k, part in enumerate(_network(network)):
                nets[5 * n + k] = part
        self.state[r.U_NETS] = min(len(internal), r.MAX_NETS)

    def _empty(self) -> None:
        ctypes.memset(self._arrays[1 + list(_SHAPES).index("slots")], 0xFF, self.state[r.U_SLOTS] * WORD)

    def _view(self, name: str) -> Array:
        import numpy as np

        return np.frombuffer(self._memory[name], np.int64).reshape(_SHAPES[name])

    @cached_property
    def rows(self) -> Array:
        """The table."""
        return self._view("rows")

    @cached_property
    def slots(self) -> Array:
        """The hash table: hash << 32 | row, -1 where nothing is."""
        return self._view("slots").reshape(-1)[: self.state[r.U_SLOTS]]

    @cached_property
    def _hints(self) -> Array:
        return self._view("hints")

    @cached_property
    def _minutes(self) -> Array:
        return self._view("minutes")

    @cached_property
    def _done(self) -> Array:
        return self._view("done")

    def hints(self) -> Array:
        """Where in the buffer something stands to be read."""
        return self._hints[: self.state[r.U_HINTS]]

    def minutes(self) -> Array:
        """Bytes by minute."""
        return self._minutes[: self.state[r.U_MINUTES]]

    def done(self) -> Array:
        """Rows that ended."""
        return self._done[: self.state[r.U_DONE]]

    def copied(self, name: str, count: int) -> bytearray:
        """The first rows of one of these lists."""
        return bytearray(memoryview(self._memory[name])[: count * _SHAPES[name][1] * WORD])

    def collected(self) -> bool:
        """Whether one of them has something."""
        return bool(self.state[r.U_HINTS] or self.state[r.U_MINUTES] or self.state[r.U_DONE])

    def clear(self) -> None:
        """Make room in them."""
        self.state[r.U_HINTS] = self.state[r.U_MINUTES] = self.state[r.U_DONE] = 0

    @property
    def counters(self) -> dict[str, int]:
        """What was counted, by name."""
        return dict(zip(r.COUNTERS, self._counts, strict=True))

    @property
    def live(self) -> int:
        """Open conversations."""
        return self.state[r.U_LIVE]

    def _call(self, what: int, at: int | None, size: int, begin: int, *numbers: int) -> int:
        given = (*numbers, 0, 0, 0)[:3]
        return self._loop(what, at, size, begin, *given, *self._arrays)

    def pcap(self, buffer: Any, size: int, *, big: bool, nano: bool, link: int, at: int = 0) -> Generator[None, None, int]:
        """Walk the whole records of buffer[at:size], with a step each time something was collected.

        Returns where it stopped, or -1 minus the place of a record that lies. `buffer` is one that can be written, though it is not.
        """
        return (yield from self._steps(PCAP, buffer, size, at, int(big), int(nano), link))

    def pcapng(self, buffer: Any, size: int, *, at: int = 0) -> Generator[None, None, int]:
        """Walk the whole blocks of buffer[at:size], as `pcap`."""
        return (yield from self._steps(PCAPNG, buffer, size, at))

    def _steps(self, what: int, buffer: Any, size: int, at: int, *numbers: int) -> Generator[None, None, int]:
        place = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        while True:
            stopped = self._call(what, place, size, at, *numbers)
            full = self._is_full()
            if self.collected():
                yield
            if stopped < 0 or not full:
                return stopped
            at = stopped

    def ring(self, memory: mmap.mmap, block_size: int, blocks: int) -> Generator[None, None, bool]:
        """Walk the blocks of a TPACKET_V3 ring that are ready, as far as one call goes; whether there were any."""
        state = self.state
        place = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        walked = self._call(RING, place, len(memory), 0, block_size, blocks, r.ETHERNET)
        if not walked:
            return False
        base = state[r.U_BLOCK] * block_size
        held = state[r.U_HINTS] or state[r.U_DONE] > r.MAX_DONE // 2 or state[r.U_MINUTES] > r.MAX_MINUTES // 2
        if self.collected():
            yield
        if held and not state[r.U_LEFT]:
            memory[base + 8] = 0  # it was kept for what stands to be read in it
            state[r.U_BLOCK] = (state[r.U_BLOCK] + 1) % blocks
        return True

    def _is_full(self) -> bool:
        state, m = self.state, r.MARGIN
        return bool(state[r.U_HINTS] >= r.MAX_HINTS - m or state[r.U_DONE] >= r.MAX_DONE - m or state[r.U_MINUTES] >= r.MAX_MINUTES - m)

    def expire(self, now: int) -> Iterator[None]:
        """Tell the rows that are silent at `now` (ns): for a link on which nothing passes that would move time."""
        self.state[r.U_HAND] = 0
        while not self._call(FLUSH, None, 0, 0, now, 0):
            yield
        yield

    def open_rows(self) -> Iterator[Array]:
        """The open rows, some at a time."""
        for start in range(self._given, self.state[r.U_NEXT], r.MAX_DONE):
            part = self.rows[start : min(start + r.MAX_DONE, self.state[r.U_NEXT])]
            yield part[part[:, r.KEY] >= 0]

    @property
    def serial(self) -> int:
        """The number the next conversation will have."""
        return self.state[r.U_SERIAL]

    def restore(self, rows: Array, serial: int) -> None:
        """Put open rows into an empty table."""
        self.rows[: len(rows)] = rows
        self.state[r.U_NEXT] = self.state[r.U_LIVE] = len(rows)
        self.state[r.U_SERIAL] = max(serial, int(rows[:, r.SERIAL].max()) + 1 if len(rows) else 0)
        self._call(REBUILD, None, 0, 0)

    def finish(self) -> Iterator[None]:
        """Tell every row that is open, some at a time; the memory of those told goes back, so that what is made of them has room.

        The walk is over then: the hash table is not kept up, but empty at the end.
        """
        self.state[r.U_HAND] = 0
        while not self._call(FLUSH, None, 0, 0, 0, 1):
            yield
            told = self.state[r.U_HAND] * r.WIDTH * WORD // mmap.PAGESIZE * mmap.PAGESIZE
            if told > self._given * r.WIDTH * WORD:
                self._memory["rows"].madvise(mmap.MADV_DONTNEED, 0, told)
                self._given = told // (r.WIDTH * WORD)
        self._empty()
        self._given = 0
        yield


def _large_pages(memory: mmap.mmap) -> None:
    try:
        memory.madvise(MADV_HUGEPAGE)
    except OSError:
        return  # a kernel without them


def _network(network: IPv4Network | IPv6Network) -> list[int]:
    """Version, network and mask in halves, as signed numbers."""
    net, mask = int(network.network_address), int(network.netmask)
    parts = (net >> 64, net & 0xFFFFFFFFFFFFFFFF, mask >> 64, mask & 0xFFFFFFFFFFFFFFFF)
    return [network.version, *(signed(part) for part in parts)]


def signed(number: int) -> int:
    """A 64-bit pattern as the signed number that an int64 array holds."""
    return number - (1 << 64) if number >= 1 << 63 else number
