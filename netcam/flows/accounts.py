"""Compiled: what one packet adds to the row of its conversation (numba).

Imported only to compile (`compiled.py` loads what comes out). Written for one machine-code function without Python objects: arrays are
raw memory that the caller owns, all numbers are 64-bit integers, nothing is allocated and nothing raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netcam.flows.looks import _looks
from netcam.flows.octets import LOW32, LOW48, _fast, _u16, _u32
from netcam.flows.open_table import _drop, _evict, _hash, _minute, _quiet, _tell, _within
from netcam.flows.rows import *


@_fast
def _hint(used: Any, hints: Any, r: Any, kind: Any, begin: Any, end: Any, at: Any, back: Any, counters: Any) -> Any:
    k = used[U_HINTS]
    if k >= hints.shape[0]:
        counters[C_LOST] += 1
        return
    key = r[KEY]
    hints[k, 0], hints[k, 1], hints[k, 2], hints[k, 3], hints[k, 4] = kind, r[SERIAL], begin, end, at
    hints[k, 5] = 1 if back else 0
    hints[k, 6], hints[k, 7], hints[k, 8], hints[k, 9] = r[A_HI], r[A_LO], r[B_HI], r[B_LO]
    hints[k, 10] = key >> 40 & 15
    hints[k, 11] = r[MAC_A] & LOW48
    hints[k, 12] = key & 0xFFFFFFFF
    used[U_HINTS] = k + 1


@_fast
def _account(
    b: Any, i: Any, stop: Any, at: Any, wire: Any, size: Any, payload: Any, version: Any, proto: Any, s_hi: Any, s_lo: Any, d_hi: Any,
    d_lo: Any, s_port: Any, d_port: Any, flags: Any, seq: Any, ack: Any, s_mac: Any, d_mac: Any, vlan: Any, quality: Any, look: Any, memory: Any,
) -> Any:  # fmt: skip
    """Add one packet to its flow. `size` is at the IP layer, `wire` on the link, payload lies in b[i:stop]."""
    rows, doubles, slots, free, used, counters, hints, done, minutes, frags, nets = memory
    h = _hash(used[U_SEED], s_hi, s_lo, d_hi, d_lo, s_port, d_port, proto)
    mask = used[U_SLOTS] - 1
    place = h & mask
    n = np.int64(-1)
    forward = proto << 32 | version << 40 | s_port << 16 | d_port
    backward = proto << 32 | version << 40 | d_port << 16 | s_port
    outward = True
    while True:
        e = slots[place]
        if e < 0:
            break
        if (e >> 32) == h:
            m = e & LOW32
            q = rows[m]
            if q[KEY] == forward and q[A_HI] == s_hi and q[A_LO] == s_lo and q[B_HI] == d_hi and q[B_LO] == d_lo:
                n = m
                break
            if q[KEY] == backward and q[A_HI] == d_hi and q[A_LO] == d_lo and q[B_HI] == s_hi and q[B_LO] == s_lo:
                n = m
                outward = False
                break
        place = (place + 1) & mask
    cont = np.int64(-1)
    if n >= 0:
        r = rows[n]
        state = r[MARKS] >> 48 & 0xFFFF
        reason = 0
        if used[U_IDLE] > 0 and _quiet(r, at, used[U_IDLE]):
            reason = REASON_END if state & S_CLOSED else REASON_IDLE
            if at < r[END]:
                counters[C_CLOCK] += 1
        elif proto == 6 and flags & 0x12 == 2:
            # a SYN whose number is not the one the connection began with begins another (RFC 9293 section 3.4); as tshark tells streams
            known = state & (S_BASE_OUT if outward else S_BASE_IN)
            base = (r[SEQ_OUT] if outward else r[SEQ_IN]) & LOW32
            if known and base != seq:
                reason = REASON_END
        elif (
            (used[U_ACTIVE] > 0 and at - r[START] >= used[U_ACTIVE])
            or (r[PACKETS] & LOW32) >= 0x7FFFFFFF
            or (r[PACKETS] >> 32) >= 0x7FFFFFFF
        ):
            reason = REASON_ACTIVE
        if reason:
            _tell(used, rows, done, minutes, n, reason)
            if reason == REASON_ACTIVE:
                cont = n  # the conversation goes on in the same row: who began stays known
            else:
                _drop(used, rows, slots, free, n)
            n = np.int64(-1)
    if cont >= 0:
        n = cont
        r = rows[n]
        state = r[MARKS] >> 48 & 0xFFFF
        r[MARKS] = (state & (S_SEQ_OUT | S_SEQ_IN | S_BASE_OUT | S_BASE_IN | S_GUESSED)) << 48 | (
            r[MARKS] & ((Q_TUNNELLED | Q_CARRIER | Q_SWAPPED) << 32 | LOW32)  # what it began with is said of each part
        )
        for w in range(8):
            if w != A_HI and w != A_LO and w != B_HI and w != B_LO and w != KEY:
                r[w] = 0
        r[B_OUT] = r[B_IN] = r[L_OUT] = r[L_IN] = r[W_OUT] = r[W_IN] = 0
        r[MAC_A] &= LOW48
        r[RTT] = r[LAST_OUT] = r[LAST_IN] = r[FIRST_IN] = 0
        r[GAPS_OUT] = r[GAPS_IN] = r[SQUARES_OUT] = r[SQUARES_IN] = 0
        r[M_OUT] = r[M_IN] = 0
        r[MORE] &= ~0xFFFFFF
        r[MINUTE] = at // 60_000_000_000 & LOW32
        r[START] = at
        r[END] = at
        r[SERIAL] = used[U_SERIAL]
        used[U_SERIAL] += 1
    elif n < 0:
        if used[U_FREE] == 0 and used[U_NEXT] >= used[U_CAPACITY]:
            _evict(used, rows, slots, free, done, minutes, counters)
        # rows may have moved in the table: the place is looked for again
        place = h & mask
        while slots[place] >= 0:
            place = (place + 1) & mask
        if used[U_FREE] > 0:
            used[U_FREE] -= 1
            n = free[used[U_FREE]]
        else:
            n = used[U_NEXT]
            used[U_NEXT] += 1
        used[U_LIVE] += 1
        slots[place] = h << 32 | n
        r = rows[n]
        for w in range(WIDTH):
            r[w] = 0
        # who began: the SYN says; else a service's port; else who is inside; else who spoke first
        outward = True
        state = np.int64(0)
        if proto == 6 and flags & 2:
            outward = flags & 0x10 == 0
        elif proto == 6 or proto == 17:
            state = S_GUESSED
            if s_port != d_port and (s_port < 1024) != (d_port < 1024):
                outward = s_port >= 1024
            elif proto == 6 or s_port >= 1024:
                inner = _within(nets, used[U_NETS], s_hi, s_lo, version)
                outer = _within(nets, used[U_NETS], d_hi, d_lo, version)
                if inner != outer:
                    outward = inner
        elif (proto == 1 or proto == 58) and stop > i and look:  # not a later part of a datagram
            kind = np.int64(b[i])
            outward = not (kind == 0 and proto == 1) and not (kind == 129 and proto == 58)
            if not outward:
                kind = np.int64(8) if proto == 1 else np.int64(128)  # what it answers
            r[MORE] = (kind << 8 | np.int64(b[i + 1] if stop > i + 1 else 0)) + 1 << 24
        if outward:
            r[A_HI], r[A_LO], r[B_HI], r[B_LO], r[KEY] = s_hi, s_lo, d_hi, d_lo, forward
            r[MAC_A], r[MAC_B] = s_mac, d_mac | vlan << 48
        else:
            r[A_HI], r[A_LO], r[B_HI], r[B_LO], r[KEY] = d_hi, d_lo, s_hi, s_lo, backward
            r[MAC_A], r[MAC_B] = d_mac, s_mac | vlan << 48
            if proto == 17 or (proto == 6 and not flags & 2):
                quality |= Q_SWAPPED
        if proto == 6 and not flags & 2:
            quality |= Q_MIDSTREAM
        r[MARKS] = state << 48
        r[START] = at
        r[END] = at
        r[MINUTE] = at // 60_000_000_000 & LOW32
        r[SERIAL] = used[U_SERIAL]
        used[U_SERIAL] += 1
    r = rows[n]
    d = doubles[n]
    if at < r[END]:
        if r[END] - at > 1_000_000_000:
            counters[C_CLOCK] += 1
            quality |= Q_CLOCK
        if at < r[START]:
            r[START] = at
    else:
        r[END] = at
    minute = at // 60_000_000_000 & LOW32
    if minute != r[MINUTE] & LOW32:
        _minute(used, minutes, r)
        r[MINUTE] = (r[MINUTE] & ~np.int64(LOW32)) | minute
    state = r[MARKS] >> 48 & 0xFFFF
    tells = r[MARKS] & LOW32
    square = np.float64(size) * np.float64(size)
    if outward:
        if r[PACKETS] & LOW32:
            gap = np.float64(at - r[LAST_OUT]) * 1e-9
            d[GAPS_OUT] += gap * gap
        r[LAST_OUT] = at
        r[PACKETS] += 1
        r[B_OUT] += size
        r[L_OUT] += payload
        r[W_OUT] += wire
        r[MAC_A] |= flags << 48
        d[SQUARES_OUT] += square
    else:
        if r[PACKETS] >> 32:
            gap = np.float64(at - r[LAST_IN]) * 1e-9
            d[GAPS_IN] += gap * gap
        else:
            r[FIRST_IN] = at
        r[LAST_IN] = at
        r[PACKETS] += np.int64(1) << 32
        r[B_IN] += size
        r[L_IN] += payload
        r[W_IN] += wire
        r[MAC_A] |= flags << 56
        d[SQUARES_IN] += square
    if proto == 6 and seq >= 0:
        # retransmission: payload that lies wholly before the next expected number, keep-alives apart (one byte or none)
        slot = SEQ_OUT if outward else SEQ_IN
        bit = S_SEQ_OUT if outward else S_SEQ_IN
        length = payload + (1 if flags & 2 else 0) + (1 if flags & 1 else 0)
        nxt = (seq + length) & LOW32
        if flags & 0x12 == 0x12:
            # an answered SYN tells its side's beginning better than a guess from acknowledgements did
            r[slot] = (r[slot] & ~np.int64(LOW32)) | seq
            state |= S_BASE_OUT if outward else S_BASE_IN
        if not state & bit:
            state |= bit
            base = seq if flags & 2 else (seq - 1) & LOW32
            known = state & (S_BASE_OUT if outward else S_BASE_IN)
            r[slot] = nxt << 32 | (r[slot] & LOW32 if known else base)
            state |= S_BASE_OUT if outward else S_BASE_IN
        else:
            expected = r[slot] >> 32 & LOW32
            ahead = (nxt - expected) & LOW32
            if 0 < ahead < 0x80000000:
                r[slot] = nxt << 32 | (r[slot] & LOW32)
            elif payload > 1 or flags & 2:
                if outward:
                    if (r[RTT] >> 32 & 0xFFFF) < 0xFFFF:
                        r[RTT] += np.int64(1) << 32
                elif (r[RTT] >> 48 & 0xFFFF) < 0xFFFF:
                    r[RTT] += np.int64(1) << 48
        if flags & 0x10 and not state & (S_BASE_IN if outward else S_BASE_OUT):
            # what the other side began with, where its beginning was not seen
            state |= S_BASE_IN if outward else S_BASE_OUT
            other = SEQ_IN if outward else SEQ_OUT
            r[other] = (r[other] & ~np.int64(LOW32)) | ((ack - 1) & LOW32)
        if flags & 2:
            state |= S_SYNACK if flags & 0x10 else S_SYN
        elif outward and flags & 0x10 and state & S_SYN and state & S_SYNACK and (r[RTT] & LOW32) == 0:
            took = (at - r[START]) // 1000
            if 0 < took < LOW32:
                r[RTT] |= took
        if flags & 1:
            state |= S_FIN_OUT if outward else S_FIN_IN
        if flags & 4 or flags & 1:
            state |= S_CLOSED
    if look and payload > 0:
        shift = 8 if outward else 16
        seen = r[MORE] >> shift & 0xFF
        want = r[MINUTE] >> (32 if outward else 48) & 0xFFFF
        if want > 0 and stop > i:
            _hint(used, hints, r, TLS, i, min(stop, i + want), at, not outward, counters)
            want = max(np.int64(0), want - payload)
            if outward:
                r[MINUTE] = (r[MINUTE] & ~(np.int64(0xFFFF) << 32)) | want << 32
            else:
                r[MINUTE] = (r[MINUTE] & ~(np.int64(0xFFFF) << 48)) | want << 48
        elif seen < (3 if proto == 6 else 8) or (proto == 17 and (s_port == 53 or d_port == 53)):
            opening = outward and state & S_SYN != 0 and r[MORE] >> 8 & 0xFFFF == 0
            found = _looks(b, i, stop, proto, s_port, d_port, opening)
            tells |= found & LOW32
            kind = found >> 32 & 0xFF
            if kind:
                _hint(used, hints, r, kind, i, stop, at, not outward, counters)
            more = found >> 40 & 0xFFFF
            if more > payload:
                if outward:
                    r[MINUTE] = (r[MINUTE] & ~(np.int64(0xFFFF) << 32)) | (more - payload) << 32
                else:
                    r[MINUTE] = (r[MINUTE] & ~(np.int64(0xFFFF) << 48)) | (more - payload) << 48
        if seen < 255:
            r[MORE] += np.int64(1) << shift
        if proto == 17 and stop - i >= 12 and b[i] >> 6 == 2 and not tells & (T_QUIC | T_DNS | T_RTP):
            # RTP: same source, next number, three times in a row (RFC 3550 section 5.1)
            slot = SEQ_OUT if outward else SEQ_IN
            source = _u32(b, i + 8)
            number = _u16(b, i + 2)
            last = r[slot]
            if (last & LOW32) == source and (last >> 32 & 0xFFFF) == ((number - 1) & 0xFFFF) and source:
                run = (last >> 48 & 0xFF) + 1
                if run >= 3:
                    tells |= T_RTP
                r[slot] = source | number << 32 | min(run, np.int64(100)) << 48
            else:
                r[slot] = source | number << 32
    r[MARKS] = state << 48 | ((r[MARKS] >> 32 & 0xFFFF) | quality) << 32 | tells
