"""The compiled loop: the frames of a capture or a ring, one after another, and the end of a walk (numba).

Imported only to compile (`compiled.py` loads what comes out). Written for one machine-code function without Python objects: arrays are
raw memory that the caller owns, all numbers are 64-bit integers, nothing is allocated and nothing raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, types

from netcam.flows.octets import _fast, _l16, _l32, _n16, _n32, _prefetch, _u32
from netcam.flows.open_table import _drop, _hash, _quiet, _sweep, _tell
from netcam.flows.rows import *
from netcam.flows.walker import _frame

_I8, _P8, _PI = types.int64, types.CPointer(types.uint8), types.CPointer(types.int64)
_PD = types.CPointer(types.float64)
_ENTRY = _I8(_I8, _P8, _I8, _I8, _I8, _I8, _I8, _PI, _PD, *[_PI] * 10)


@_fast
def _full(used: Any, hints: Any, done: Any, minutes: Any) -> Any:
    return (
        used[U_HINTS] >= hints.shape[0] - MARGIN or used[U_DONE] >= done.shape[0] - MARGIN or used[U_MINUTES] >= minutes.shape[0] - MARGIN
    )


@_fast
def _pcap(
    b: Any, n: Any, at: Any, big: Any, nano: Any, link: Any, memory: Any,
) -> Any:  # fmt: skip
    """Walk whole pcap records of b[at:n]; returns where it stopped: a cut record or a full list; -1 - at for a lie."""
    rows, doubles, slots, free, used, counters, hints, done, minutes, frags, nets = memory
    unit = 1 if nano else 1000
    while n - at >= 16 and not _full(used, hints, done, minutes):
        s, f = _n32(b, at, big), _n32(b, at + 4, big)
        cap, wire = _n32(b, at + 8, big), _n32(b, at + 12, big)
        if cap > MAX_PACKET:
            return -1 - at
        # packets of a stream are mostly as long as this one: what one needs of memory is asked for while others are walked
        _prefetch(b, at + AHEAD * (16 + cap))
        _prefetch(b, at + AHEAD * (16 + cap) + 64)
        if n - at - 16 < cap:
            break
        _frame(b, at + 16, at + 16 + cap, max(min(wire, MAX_PACKET), cap), s * 1_000_000_000 + f * unit, link, np.int64(0), memory)
        at += 16 + cap
    _sweep(used, rows, slots, free, done, minutes, used[U_NOW], SWEEP)
    return at


@_fast
def _interface(b: Any, at: Any, end: Any, big: Any, ifs: Any, k: Any) -> Any:
    """Read an Interface Description Block: link type, ticks a second, offset."""
    ifs[k, 0] = _n16(b, at + 8, big)
    ifs[k, 1] = 6  # if_tsresol: microseconds unless it says otherwise
    ifs[k, 2] = 0
    ifs[k, 3] = _n32(b, at + 12, big)
    at += 16
    while at + 4 <= end:
        code, size = _n16(b, at, big), _n16(b, at + 2, big)
        if code == 0 or at + 4 + size > end:
            break
        if code == 9 and size == 1:
            ifs[k, 1] = np.int64(b[at + 4])
        elif code == 14 and size == 8:
            first, second = _n32(b, at + 4, big), _n32(b, at + 8, big)
            ifs[k, 2] = first << 32 | second if big else second << 32 | first
        at += 4 + (size + 3) // 4 * 4


@_fast
def _nanoseconds(ticks: Any, resolution: Any, offset: Any) -> Any:
    """Ticks of an interface as nanoseconds since 1970."""
    power = resolution & 0x7F
    if resolution & 0x80:
        if power > 62:
            return np.int64(0)
        whole = ticks >> power
        rest = ticks - (whole << power)
        while power > 30:
            rest >>= 1
            power -= 1
        ns = whole * 1_000_000_000 + (rest * 1_000_000_000 >> power)
    else:
        ns = ticks
        while power < 9:
            ns *= 10
            power += 1
        while power > 9 and ns:
            ns //= 10
            power -= 1
    return ns + offset * 1_000_000_000


@_fast
def _pcapng(
    b: Any, n: Any, at: Any, links: Any, ifs: Any, memory: Any,
) -> Any:  # fmt: skip
    """Walk whole blocks of b[at:n] (draft-ietf-opsawg-pcapng); returns where it stopped, with the bytes it needs in U_NEED; -1 - at for a lie."""
    rows, doubles, slots, free, used, counters, hints, done, minutes, frags, nets = memory
    used[U_NEED] = 0
    while n - at >= 12 and not _full(used, hints, done, minutes):
        kind = _l32(b, at)
        if kind == 0x0A0D0D0A:
            mark = _l32(b, at + 8)
            if mark == 0x1A2B3C4D:
                used[U_ORDER] = 0
            elif mark == 0x4D3C2B1A:
                used[U_ORDER] = 1
            else:
                return -1 - at
        big = used[U_ORDER] == 1
        if big:
            kind = _u32(b, at)
        size = _n32(b, at + 4, big)
        if size < 12 or size > MAX_BLOCK or size % 4:
            return -1 - at
        if n - at < size:
            used[U_NEED] = size
            break
        end = at + size - 4
        if kind == 0x0A0D0D0A:
            used[U_INTERFACES] = 0
        elif kind == 1:
            if size >= 20 and used[U_INTERFACES] < INTERFACES:
                _interface(b, at, end, big, ifs, used[U_INTERFACES])
                used[U_INTERFACES] += 1
        elif kind == 6 or kind == 2 or kind == 3:
            number = np.int64(0)
            when = used[U_NOW]
            begin = at + 12
            cap = np.int64(0)
            wire = np.int64(0)
            good = used[U_INTERFACES] > 0
            if kind == 3:
                wire = _n32(b, at + 8, big)
                cap = min(wire, end - begin)
                if good and ifs[0, 3] > 0:
                    cap = min(cap, ifs[0, 3])
            elif size >= 32:
                number = _n32(b, at + 8, big) if kind == 6 else _n16(b, at + 8, big)
                good = number < used[U_INTERFACES]
                begin = at + 28
                cap, wire = _n32(b, at + 20, big), _n32(b, at + 24, big)
                if good:
                    when = _nanoseconds(_n32(b, at + 12, big) << 32 | _n32(b, at + 16, big), ifs[number, 1], ifs[number, 2])
            else:
                good = False
            if not good or cap > end - begin or cap > MAX_PACKET:
                counters[C_MALFORMED] += 1
            else:
                link = ifs[number, 0]
                link = links[link] if link < 512 else np.int64(-1)
                _frame(b, begin, begin + cap, max(min(wire, MAX_PACKET), cap), when, link, np.int64(0), memory)
        at += size
    _sweep(used, rows, slots, free, done, minutes, used[U_NOW], SWEEP)
    return at


@_fast
def _ring(b: Any, size: Any, blocks: Any, link: Any, memory: Any) -> Any:
    """Walk the blocks of a TPACKET_V3 ring that the kernel has handed over, from U_BLOCK on (linux/if_packet.h); returns their number.

    A block in which something stands to be read, or whose packets filled a list, is not given back: U_LEFT counts the packets that are
    still to come in it from U_AT on (0: none), and the caller releases it. So whole blocks pass without Python having to run.
    """
    rows, doubles, slots, free, used, counters, hints, done, minutes, frags, nets = memory
    walked = np.int64(0)
    left = used[U_LEFT]
    at = used[U_AT]
    while walked < blocks:
        base = used[U_BLOCK] * size
        if left <= 0:
            if not b[base + 8] & 1:  # block_status: TP_STATUS_USER
                break
            left = _l32(b, base + 12)
            at = base + _l32(b, base + 16)
        while left > 0 and not _full(used, hints, done, minutes):
            onward = _l32(b, at)
            ns = _l32(b, at + 4) * 1_000_000_000 + _l32(b, at + 8)
            cap, wire, status = _l32(b, at + 12), _l32(b, at + 16), _l32(b, at + 20)
            start = at + _l16(b, at + 24)
            vlan = _l32(b, at + 32) & 0x0FFF if status & 16 else np.int64(0)
            _frame(b, start, start + cap, wire, ns, link, vlan, memory)
            left -= 1
            at += onward
        _sweep(used, rows, slots, free, done, minutes, used[U_NOW], SWEEP)
        walked += 1
        if left > 0 or used[U_HINTS] > 0 or used[U_DONE] > MAX_DONE // 2 or used[U_MINUTES] > MAX_MINUTES // 2:
            break
        b[base + 8] = 0
        used[U_BLOCK] = (used[U_BLOCK] + 1) % blocks
    used[U_AT] = at
    used[U_LEFT] = left
    return walked


@_fast
def _flush(now: Any, every: Any, rows: Any, slots: Any, free: Any, used: Any, done: Any, minutes: Any) -> Any:
    """Tell rows from U_HAND on: all of them, or those that are silent or long at `now`; returns 1 when the end was reached."""
    n = used[U_HAND]
    while n < used[U_NEXT]:
        if used[U_DONE] >= done.shape[0] - MARGIN or used[U_MINUTES] >= minutes.shape[0] - MARGIN:
            used[U_HAND] = n
            return 0
        r = rows[n]
        if r[KEY] >= 0:
            closed = (r[MARKS] >> 48) & S_CLOSED
            if every or (used[U_IDLE] > 0 and _quiet(r, now, used[U_IDLE])):
                reason = REASON_END if closed else (REASON_FORCED if every else REASON_IDLE)
                _tell(used, rows, done, minutes, n, reason)
                if every:
                    r[KEY] = -1  # the walk is over: the hash table is not kept up
                else:
                    _drop(used, rows, slots, free, n)
        n += 1
    used[U_HAND] = 0
    if every:
        used[U_NEXT] = 0
        used[U_LIVE] = 0
    return 1


@_fast
def _rebuild(rows: Any, slots: Any, used: Any) -> Any:
    """Enter every row into an empty hash table."""
    mask = used[U_SLOTS] - 1
    for n in range(used[U_NEXT]):
        r = rows[n]
        key = r[KEY]
        if key < 0:
            continue
        h = _hash(used[U_SEED], r[A_HI], r[A_LO], r[B_HI], r[B_LO], key >> 16 & 0xFFFF, key & 0xFFFF, key >> 32 & 0xFF)
        place = h & mask
        while slots[place] >= 0:
            place = (place + 1) & mask
        slots[place] = h << 32 | n
    return 0


def _entry(
    what: Any, buffer: Any, n: Any, at: Any, first: Any, second: Any, third: Any, p_rows: Any, p_doubles: Any, p_slots: Any, p_free: Any,
    p_used: Any, p_counters: Any, p_hints: Any, p_done: Any, p_minutes: Any, p_frags: Any, p_nets: Any, p_ifs: Any,
) -> Any:  # fmt: skip
    used = carray(p_used, (STATE,))
    rows = carray(p_rows, (CAPACITY, WIDTH))
    doubles = carray(p_doubles, (CAPACITY, WIDTH))
    slots = carray(p_slots, (1,))
    free = carray(p_free, (CAPACITY,))
    counters = carray(p_counters, (len(COUNTERS),))
    hints = carray(p_hints, (MAX_HINTS, HINT_WIDTH))
    done = carray(p_done, (MAX_DONE, WIDTH))
    minutes = carray(p_minutes, (MAX_MINUTES, MINUTE_WIDTH))
    frags = carray(p_frags, (FRAGMENTS, 3))
    nets = carray(p_nets, (MAX_NETS, 5))
    ifs = carray(p_ifs, (INTERFACES + 128, 4))
    if what == 3:
        every = second != 0
        return _flush(first, every, rows, slots, free, used, done, minutes)
    if what == 4:
        return _rebuild(rows, slots, used)
    b = carray(buffer, (n,))
    memory = (rows, doubles, slots, free, used, counters, hints, done, minutes, frags, nets)
    if what == 0:
        big, nano = first != 0, second != 0
        return _pcap(b, n, at, big, nano, third, memory)
    if what == 1:
        links = carray(p_ifs, ((INTERFACES + 128) * 4,))[INTERFACES * 4 :]
        return _pcapng(b, n, at, links, ifs, memory)
    return _ring(b, first, second, third, memory)


def compile_object() -> tuple[str, bytes]:
    """The name of the loop's function and the object file that holds it."""
    made = cfunc(_ENTRY, error_model="numpy")(_entry)
    return made._wrapper_name, made._library._get_compiled_object()
