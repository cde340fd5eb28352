"""One walk: the memory of the compiled loop, its bounds and settings, and who gets what it finds."""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import numpy as np
import numpy.typing as npt

from netcam.flows import compiled
from netcam.flows import rows as r

Array = npt.NDArray[np.int64]

PCAP, PCAPNG, RING, FLUSH, REBUILD = range(5)
LOW48 = 0xFFFFFFFFFFFF


class Walk:
    """State of the loop. `on_hints` gets where something stands to be read, `on_done` the rows that ended, `on_minutes` bytes by minute.

    What they get is only valid during the call: the loop writes there again.
    """

    def __init__(
        self,
        *,
        on_hints: Callable[[npt.NDArray[np.uint8], Array], None],
        on_done: Callable[[Array], None],
        on_minutes: Callable[[Array], None],
        internal: Sequence[IPv4Network | IPv6Network] = (),
        idle: float = r.IDLE,
        active: float = r.ACTIVE,
        capacity: int = r.CAPACITY,
    ) -> None:
        """`idle` and `active` in seconds, 0 for never; `capacity` at most CAPACITY open conversations."""
        self._loop = compiled.loop()
        self._on_hints, self._on_done, self._on_minutes = on_hints, on_done, on_minutes
        self._memory = mmap.mmap(-1, r.CAPACITY * r.WIDTH * 8)
        self.rows: Array = np.frombuffer(self._memory, np.int64).reshape(r.CAPACITY, r.WIDTH)
        self.slots: Array = np.full(r.SLOTS, -1, np.int64)
        self.free: Array = np.zeros(r.CAPACITY, np.int64)
        self.state: Array = np.zeros(r.STATE, np.int64)
        self.counts: Array = np.zeros(len(r.COUNTERS), np.int64)
        self._hints: Array = np.zeros((r.MAX_HINTS, r.HINT_WIDTH), np.int64)
        self._done: Array = np.zeros((r.MAX_DONE, r.WIDTH), np.int64)
        self._minutes: Array = np.zeros((r.MAX_MINUTES, 4), np.int64)
        self._fragments: Array = np.zeros((r.FRAGMENTS, 3), np.int64)
        self._nets: Array = np.zeros((r.MAX_NETS, 5), np.int64)
        self._interfaces: Array = np.zeros((r.INTERFACES + 128, 4), np.int64)
        links = self._interfaces[r.INTERFACES :].reshape(-1)
        links[:] = -1
        for told, read_as in r.LINKS.items():
            links[told] = read_as
        self.state[r.U_SEED] = secrets.randbits(62)
        self.state[r.U_IDLE], self.state[r.U_ACTIVE] = int(idle * 1e9), int(active * 1e9)
        self.state[r.U_CAPACITY], self.state[r.U_SLOTS] = min(capacity, r.CAPACITY), r.SLOTS
        for n, network in enumerate(list(internal)[: r.MAX_NETS]):
            self._nets[n] = _network(network)
        self.state[r.U_NETS] = min(len(internal), r.MAX_NETS)
        self._arrays = [
            a.ctypes.data
            for a in (
                self.rows, self.rows, self.slots, self.free, self.state, self.counts, self._hints, self._done, self._minutes,
                self._fragments, self._nets, self._interfaces,
            )
        ]  # fmt: skip

    @property
    def counters(self) -> dict[str, int]:
        """What was counted, by name."""
        return {name: int(self.counts[n]) for n, name in enumerate(r.COUNTERS)}

    @property
    def live(self) -> int:
        """Open conversations."""
        return int(self.state[r.U_LIVE])

    def _call(self, what: int, buffer: npt.NDArray[np.uint8] | None, size: int, at: int, *numbers: int) -> int:
        given = (*numbers, 0, 0, 0)[:3]
        return self._loop(what, None if buffer is None else buffer.ctypes.data, size, at, *given, *self._arrays)

    def _hand_over(self, buffer: npt.NDArray[np.uint8] | None) -> None:
        """Give away what the loop collected: hints first, since names belong to rows that may end in the same call."""
        state = self.state
        if (n := int(state[r.U_HINTS])) and buffer is not None:
            self._on_hints(buffer, self._hints[:n])
        if n := int(state[r.U_MINUTES]):
            self._on_minutes(self._minutes[:n])
        if n := int(state[r.U_DONE]):
            self._on_done(self._done[:n])
        state[r.U_HINTS] = state[r.U_MINUTES] = state[r.U_DONE] = 0

    def pcap(self, buffer: npt.NDArray[np.uint8], size: int, *, big: bool, nano: bool, link: int, at: int = 0) -> int:
        """Walk the whole records of buffer[at:size]; returns where it stopped, or -1 minus the place of a record that lies."""
        while True:
            stopped = self._call(PCAP, buffer, size, at, int(big), int(nano), link)
            full = self._is_full()
            self._hand_over(buffer)
            if stopped < 0 or not full:
                return stopped
            at = stopped

    def pcapng(self, buffer: npt.NDArray[np.uint8], size: int) -> tuple[int, int]:
        """Walk the whole blocks of a buffer; returns the bytes used (or as `pcap`) and how many the next block needs."""
        at = 0
        while True:
            stopped = self._call(PCAPNG, buffer, size, at)
            full = self._is_full()
            self._hand_over(buffer)
            if stopped < 0 or not full:
                return stopped, int(self.state[r.U_NEED])
            at = stopped

    def ring(self, memory: npt.NDArray[np.uint8], block_size: int, blocks: int) -> bool:
        """Walk the blocks of a TPACKET_V3 ring that are ready, as far as one call goes; whether there were any."""
        state = self.state
        walked = self._call(RING, memory, len(memory), 0, block_size, blocks, r.ETHERNET)
        if not walked:
            return False
        base = int(state[r.U_BLOCK]) * block_size
        held = int(state[r.U_HINTS]) or int(state[r.U_DONE]) > r.MAX_DONE // 2 or int(state[r.U_MINUTES]) > r.MAX_MINUTES // 2
        self._hand_over(memory)
        if held and not state[r.U_LEFT]:
            memory[base + 8] = 0  # it was kept for what stands to be read in it
            state[r.U_BLOCK] = (state[r.U_BLOCK] + 1) % blocks
        return True

    def _is_full(self) -> bool:
        state, m = self.state, r.MARGIN
        return bool(state[r.U_HINTS] >= r.MAX_HINTS - m or state[r.U_DONE] >= r.MAX_DONE - m or state[r.U_MINUTES] >= r.MAX_MINUTES - m)

    def expire(self, now: int) -> None:
        """Tell the rows that are silent at `now` (ns): for a link on which nothing passes that would move time."""
        self.state[r.U_HAND] = 0
        while not self._call(FLUSH, None, 0, 0, now, 0):
            self._hand_over(None)
        self._hand_over(None)

    def open_rows(self) -> Iterator[Array]:
        """The open rows, some at a time."""
        for start in range(0, int(self.state[r.U_NEXT]), r.MAX_DONE):
            part = self.rows[start : min(start + r.MAX_DONE, int(self.state[r.U_NEXT]))]
            yield part[part[:, r.KEY] >= 0]

    @property
    def serial(self) -> int:
        """The number the next conversation will have."""
        return int(self.state[r.U_SERIAL])

    def restore(self, rows: Array, serial: int) -> None:
        """Put open rows into an empty table."""
        self.rows[: len(rows)] = rows
        self.state[r.U_NEXT] = self.state[r.U_LIVE] = len(rows)
        self.state[r.U_SERIAL] = max(serial, int(rows[:, r.SERIAL].max()) + 1 if len(rows) else 0)
        self._call(REBUILD, None, 0, 0)

    def finish(self) -> Iterator[None]:
        """Tell every row that is open, some at a time; the memory of those told goes back, so that what is made of them has room."""
        self.state[r.U_HAND] = 0
        while not self._call(FLUSH, None, 0, 0, 0, 1):
            self._hand_over(None)
            told = int(self.state[r.U_HAND]) * r.WIDTH * 8 // mmap.PAGESIZE * mmap.PAGESIZE
            if told:
                self._memory.madvise(mmap.MADV_DONTNEED, 0, told)
            yield
        self._hand_over(None)
        yield


def _network(network: IPv4Network | IPv6Network) -> list[int]:
    """Version, network and mask in halves, as signed numbers."""
    net, mask = int(network.network_address), int(network.netmask)
    parts = (net >> 64, net & 0xFFFFFFFFFFFFFFFF, mask >> 64, mask & 0xFFFFFFFFFFFFFFFF)
    return [network.version, *(signed(part) for part in parts)]


def signed(number: int) -> int:
    """A 64-bit pattern as the signed number that an int64 array holds."""
    return number - (1 << 64) if number >= 1 << 63 else number


def columns(rows: Array) -> dict[str, npt.NDArray[Any]]:
    """Columns of a FlowTable from ended rows."""
    key, marks, rtt, more = rows[:, r.KEY], rows[:, r.MARKS], rows[:, r.RTT], rows[:, r.MORE]
    mac_a, mac_b = rows[:, r.MAC_A], rows[:, r.MAC_B]
    doubles = rows.view(np.float64)
    packets_out, packets_in = rows[:, r.PACKETS] & 0xFFFFFFFF, rows[:, r.PACKETS] >> 32
    unsigned = rows.view(np.uint64)
    first_out = rows[:, r.START]
    return {
        "start": rows[:, r.START].copy(), "end": rows[:, r.END].copy(),
        "a_hi": unsigned[:, r.A_HI].copy(), "a_lo": unsigned[:, r.A_LO].copy(), "b_hi": unsigned[:, r.B_HI].copy(),
        "b_lo": unsigned[:, r.B_LO].copy(), "a_port": key >> 16 & 0xFFFF, "b_port": key & 0xFFFF, "proto": key >> 32 & 0xFF,
        "version": key >> 40 & 15, "a_mac": (mac_a & LOW48).astype(np.uint64), "b_mac": (mac_b & LOW48).astype(np.uint64),
        "packets_out": packets_out, "packets_in": packets_in, "bytes_out": rows[:, r.B_OUT].copy(), "bytes_in": rows[:, r.B_IN].copy(),
        "payload_out": rows[:, r.L_OUT].copy(), "payload_in": rows[:, r.L_IN].copy(),
        "wire_out": rows[:, r.W_OUT].copy(), "wire_in": rows[:, r.W_IN].copy(),
        "flags_out": mac_a >> 48 & 0xFF, "flags_in": mac_a >> 56 & 0xFF, "vlan": mac_b >> 48 & 0xFFF,
        "end_reason": more & 0xFF, "icmp": more >> 24 & 0x1FFFF, "quality": marks >> 32 & 0xFFFF, "tells": marks & 0xFFFFFFFF, "rtt": (rtt & 0xFFFFFFFF) * 1000,
        "retransmitted_out": rtt >> 32 & 0xFFFF, "retransmitted_in": rtt >> 48 & 0xFFFF,
        "size_squares_out": doubles[:, r.SQUARES_OUT].copy(), "size_squares_in": doubles[:, r.SQUARES_IN].copy(),
        "gap_sum_out": np.where(packets_out > 1, (rows[:, r.LAST_OUT] - first_out) / 1e9, 0.0),
        "gap_sum_in": np.where(packets_in > 1, (rows[:, r.LAST_IN] - rows[:, r.FIRST_IN]) / 1e9, 0.0),
        "gap_squares_out": doubles[:, r.GAPS_OUT].copy(), "gap_squares_in": doubles[:, r.GAPS_IN].copy(),
    }  # fmt: skip
