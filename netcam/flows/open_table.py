"""Compiled: the table of open conversations: found by hash, told when they end, evicted when it is full (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np

from netcam.flows.octets import LOW32, _fast
from netcam.flows.rows import *


@_fast
def _mix(h: Any, v: Any) -> Any:
    h = (h ^ np.uint64(v)) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@_fast
def _above(a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any) -> Any:
    """Whether address a sorts after b; any order serves, so the bits are compared as signed numbers."""
    return a_hi > b_hi or (a_hi == b_hi and a_lo > b_lo)


@_fast
def _hash(seed: Any, s_hi: Any, s_lo: Any, d_hi: Any, d_lo: Any, s_port: Any, d_port: Any, proto: Any) -> Any:
    """The same number for both directions, 32 bits; seeded, so that nobody can choose addresses that collide."""
    if _above(s_hi, s_lo, d_hi, d_lo) or (s_hi == d_hi and s_lo == d_lo and s_port > d_port):
        s_hi, s_lo, s_port, d_hi, d_lo, d_port = d_hi, d_lo, d_port, s_hi, s_lo, s_port
    h = _mix(np.uint64(seed), s_hi)
    h = _mix(h, s_lo)
    h = _mix(h, d_hi)
    h = _mix(h, d_lo)
    h = _mix(h, proto << 32 | s_port << 16 | d_port)
    return np.int64((h ^ (h >> np.uint64(32))) & np.uint64(0x7FFFFFFF))


@_fast
def _unlink(slots: Any, used: Any, rows: Any, n: Any) -> Any:
    """Take row n out of the hash table; what was pushed past its place moves back (no tombstones, so months change nothing)."""
    mask = used[U_SLOTS] - 1
    r = rows[n]
    key = r[KEY]
    h = _hash(used[U_SEED], r[A_HI], r[A_LO], r[B_HI], r[B_LO], key >> 16 & 0xFFFF, key & 0xFFFF, key >> 32 & 0xFF)
    place = h & mask
    while slots[place] >= 0 and (slots[place] & LOW32) != n:
        place = (place + 1) & mask
    if slots[place] < 0:
        return
    hole = place
    place = (place + 1) & mask
    while slots[place] >= 0:
        home = (slots[place] >> 32) & mask
        if ((place - home) & mask) >= ((place - hole) & mask):
            slots[hole] = slots[place]
            hole = place
        place = (place + 1) & mask
    slots[hole] = -1


@_fast
def _minute(used: Any, minutes: Any, r: Any) -> Any:
    """Tell the bytes of the minute that a flow leaves, if any passed in it."""
    out, back = r[B_OUT] - r[M_OUT], r[B_IN] - r[M_IN]
    if out > 0 or back > 0:
        k = used[U_MINUTES]
        minutes[k, 0], minutes[k, 1], minutes[k, 2], minutes[k, 3] = r[SERIAL], r[MINUTE] & LOW32, out, back
        used[U_MINUTES] = k + 1
    r[M_OUT], r[M_IN] = r[B_OUT], r[B_IN]


@_fast
def _tell(used: Any, rows: Any, done: Any, minutes: Any, n: Any, reason: Any) -> Any:
    """Copy row n to the ended ones."""
    r = rows[n]
    if r[START] // 60_000_000_000 != r[END] // 60_000_000_000:
        _minute(used, minutes, r)
    r[MORE] = (r[MORE] & ~0xFF) | reason
    k = used[U_DONE]
    for w in range(WIDTH):
        done[k, w] = r[w]
    used[U_DONE] = k + 1


@_fast
def _drop(used: Any, rows: Any, slots: Any, free: Any, n: Any) -> Any:
    """Give row n back."""
    _unlink(slots, used, rows, n)
    rows[n, KEY] = -1
    free[used[U_FREE]] = n
    used[U_FREE] += 1
    used[U_LIVE] -= 1


@_fast
def _quiet(r: Any, at: Any, idle: Any) -> Any:
    """Whether a row has been silent too long; a clock that jumped back as far counts as silence."""
    gap = at - r[END]
    return gap > idle or -gap > idle


@_fast
def _sweep(used: Any, rows: Any, slots: Any, free: Any, done: Any, minutes: Any, at: Any, budget: Any) -> Any:
    """Look at the next rows and tell those that are over."""
    if used[U_IDLE] <= 0:
        return
    top = used[U_NEXT]
    hand = used[U_HAND]
    for _ in range(min(budget, top)):
        if hand >= top:
            hand = 0
        if used[U_DONE] >= done.shape[0] - MARGIN or used[U_MINUTES] >= minutes.shape[0] - MARGIN:
            break
        r = rows[hand]
        if r[KEY] >= 0 and _quiet(r, at, used[U_IDLE]):
            closed = (r[MARKS] >> 48) & S_CLOSED
            reason = REASON_END if closed else REASON_IDLE
            _tell(used, rows, done, minutes, hand, reason)
            _drop(used, rows, slots, free, hand)
        hand += 1
    used[U_HAND] = hand


@_fast
def _evict(used: Any, rows: Any, slots: Any, free: Any, done: Any, minutes: Any, counters: Any) -> Any:
    """Make room: of some rows the one that is closed, else the one silent longest."""
    top = used[U_NEXT]
    best, best_score = np.int64(-1), np.int64(0)
    hand = used[U_HAND]
    for _ in range(SAMPLE):
        if hand >= top:
            hand = 0
        r = rows[hand]
        if r[KEY] >= 0:
            score = r[END] - (np.int64(1) << 61 if (r[MARKS] >> 48) & S_CLOSED else np.int64(0))
            if best < 0 or score < best_score:
                best, best_score = hand, score
        hand += 1
    used[U_HAND] = hand
    if best < 0:
        best = np.int64(0)
    closed = (rows[best, MARKS] >> 48) & S_CLOSED
    if not closed:
        counters[C_EVICTED] += 1
    reason = REASON_END if closed else REASON_RESOURCES
    _tell(used, rows, done, minutes, best, reason)
    _drop(used, rows, slots, free, best)


@_fast
def _within(nets: Any, count: Any, hi: Any, lo: Any, version: Any) -> Any:
    """Whether an address lies in a network that is known as internal."""
    for k in range(count):
        if nets[k, 0] == version and (hi & nets[k, 3]) == nets[k, 1] and (lo & nets[k, 4]) == nets[k, 2]:
            return True
    return False
