"""Compiled: the table of open conversations, and what one packet adds to its row (numba).

Imported only to compile (`compiled.py` loads what comes out). Written for one machine-code function without Python objects: arrays are
raw memory that the caller owns, all numbers are 64-bit integers, nothing is allocated and nothing raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from netcam.flows.rows import *

LOW32 = 0xFFFFFFFF
LOW48 = 0xFFFFFFFFFFFF


def _fast(function: Any) -> Any:
    return njit(error_model="numpy", boundscheck=False, _nrt=False)(function)


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line that holds array[index] and go on; an index outside is no error to the processor."""

    def code(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = target.make_array(signature.args[0])(target, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0"
        )
        builder.call(function, [place, number(0), number(3), number(1)])
        return target.get_dummy_value()

    return types.void(array, types.int64), code


@_fast
def _u16(b: Any, i: Any) -> Any:
    return np.int64(b[i]) << 8 | np.int64(b[i + 1])


@_fast
def _u32(b: Any, i: Any) -> Any:
    return np.int64(b[i]) << 24 | np.int64(b[i + 1]) << 16 | np.int64(b[i + 2]) << 8 | np.int64(b[i + 3])


@_fast
def _u64(b: Any, i: Any) -> Any:
    return _u32(b, i) << 32 | _u32(b, i + 4)


@_fast
def _l16(b: Any, i: Any) -> Any:
    return np.int64(b[i]) | np.int64(b[i + 1]) << 8


@_fast
def _l32(b: Any, i: Any) -> Any:
    return np.int64(b[i]) | np.int64(b[i + 1]) << 8 | np.int64(b[i + 2]) << 16 | np.int64(b[i + 3]) << 24


@_fast
def _n16(b: Any, i: Any, big: Any) -> Any:
    return _u16(b, i) if big else _l16(b, i)


@_fast
def _n32(b: Any, i: Any, big: Any) -> Any:
    return _u32(b, i) if big else _l32(b, i)


@_fast
def _mac(b: Any, i: Any) -> Any:
    return _u16(b, i) << 32 | _u32(b, i + 2)


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


@_fast
def _stun(b: Any, i: Any, n: Any) -> Any:
    """Tells of a STUN message, with TURN's for its methods; 0 for anything else (RFC 8489 section 5, RFC 8656 section 17)."""
    if n < 20 or b[i] >= 0x40 or _u32(b, i + 4) != 0x2112A442:
        return np.int64(0)
    kind = _u16(b, i) & 0x3EEF  # without the class bits
    if kind == 3 or kind == 4 or kind == 6 or kind == 7 or kind == 8 or kind == 9:
        return np.int64(T_STUN | T_TURN)
    return np.int64(T_STUN)


@_fast
def _openvpn(b: Any, i: Any, n: Any) -> Any:
    """Whether a client of OpenVPN asks for a new session: opcode 7 or 10, a session's number, then packet number 1 where the wrapping of
    control packets (none, tls-auth with HMAC of 20, 32 or 64 bytes, tls-crypt) puts it; 0 without wrapping."""
    if n == 14:
        return b[i] == 0x38 and b[i + 9] == 0 and _u32(b, i + 10) == 0
    if b[i] == 0x38 and (n == 42 or n == 54 or n == 86):
        after = _u32(b, i + n - 13)  # packet number and time (4 bytes each), no acknowledgement, message number
        return after == 1 or (n == 54 and (_u32(b, i + 9) == 1 or _u32(b, i + 9) == 0x0F000001))
    return b[i] == 0x50 and n >= 300 and (_u32(b, i + 9) == 1 or _u32(b, i + 9) == 0x0F000001)


@_fast
def _looks(b: Any, i: Any, stop: Any, proto: Any, s_port: Any, d_port: Any) -> Any:
    """What the first bytes of a payload look like: tells | kind of hint << 32 | bytes of the stream to hand on << 40."""
    n = stop - i
    if n < 1:
        return np.int64(0)
    b0 = np.int64(b[i])
    tells: Any = np.int64(0)
    hint: Any = np.int64(0)
    want: Any = np.int64(0)
    w0 = _u32(b, i) if n >= 4 else np.int64(-1)
    if proto == 6:
        if n >= 6 and b0 == 0x16 and b[i + 1] == 3 and (b[i + 5] == 1 or b[i + 5] == 2):
            tells |= T_TLS
            hint = TLS
            # a client's hello is one record; a server's first flight ends with its certificates
            want = min(np.int64(WANTED), _u16(b, i + 3) + 5) if b[i + 5] == 1 else np.int64(WANTED)
        elif n >= 5 and (b0 & 0x80) and b[i + 2] == 1 and b[i + 3] == 3 and b[i + 4] <= 3 and ((b0 & 0x7F) << 8 | b[i + 1]) >= 9:
            tells |= T_TLS | T_TLS_OLD  # an SSLv2-compatible hello
        elif w0 == 0x47455420 or w0 == 0x504F5354 or w0 == 0x48454144 or w0 == 0x50555420 or w0 == 0x434F4E4E:  # GET POST HEAD PUT CONN
            tells |= T_HTTP
            hint = HTTP
        elif w0 == 0x48545450:  # HTTP
            tells |= T_HTTP
        elif w0 == 0x52545350 or w0 == 0x44455343 or w0 == 0x414E4E4F or w0 == 0x53455455 or w0 == 0x504C4159:  # RTSP DESC ANNO SETU PLAY
            tells |= T_RTSP
            hint = HTTP
        elif w0 == 0x45484C4F or w0 == 0x48454C4F:  # EHLO HELO
            tells |= T_SMTP
        elif w0 == 0x50415353 and n < 512:  # PASS
            tells |= T_FTP | T_CREDENTIAL if d_port != 110 else T_CREDENTIAL
        elif w0 == 0x55534552 and d_port != 110:  # USER
            tells |= T_FTP
        elif w0 == 0x4F505449:  # OPTI
            tells |= T_RTSP if n >= 12 and _u32(b, i + 8) == 0x72747370 else T_HTTP
        elif w0 == 0x5353482D:
            tells |= T_SSH
        elif b0 == 3 and n >= 1400 and _u32(b, i + 5) == 0:
            tells |= T_RTMP
        elif b0 == 0x10 and n >= 12 and (_u32(b, i + 4) == 0x4D515454 or _u32(b, i + 5) == 0x4D515454 or _u32(b, i + 4) == 0x4D514973):
            tells |= T_MQTT
        elif b0 == 5 and n >= 3 and n == b[i + 1] + 2:
            tells |= T_SOCKS
        elif _stun(b, i, n):
            tells |= _stun(b, i, n)  # not framed over TCP either (RFC 8489 section 6.2.2)
        elif n >= 16 and _u16(b, i) == n - 2 and _openvpn(b, i + 2, n - 2):
            tells |= T_OPENVPN
        elif (s_port == 53 or d_port == 53) and n > 14:
            tells |= T_DNS | T_DNS_TCP
            hint = DNS_TCP
        if n >= 3 and b0 == 0xFF and b[i + 1] == 0xD8 and b[i + 2] == 0xFF:
            tells |= T_JPEG
    elif proto == 17:
        if s_port == 53 or d_port == 53:
            if n >= 12:
                tells |= T_DNS
                hint = DNS
        elif _stun(b, i, n):
            tells |= _stun(b, i, n)
        elif n >= 4 and b0 == 0xF1 and _u16(b, i + 2) == n - 4:
            tells |= T_PPPP
        elif n >= 1200 and (b0 & 0xC0) == 0xC0 and (_u32(b, i + 1) == 1 or _u32(b, i + 1) == 0x6B3343CF):
            tells |= T_QUIC
            hint = QUIC
        elif n >= 20 and (b0 & 0xC0) == 0xC0 and (_u32(b, i + 1) == 1 or _u32(b, i + 1) == 0x6B3343CF):
            tells |= T_QUIC
        elif n >= 13 and 0x14 <= b0 <= 0x17 and b[i + 1] == 0xFE and b[i + 2] >= 0xFD:
            tells |= T_DTLS
        elif (s_port == 123 or d_port == 123) and n >= 48:
            tells |= T_NTP
        elif (n >= 5 and w0 == 0x44484745) or (n >= 6 and w0 == 0x4448504F) or (n >= 24 and w0 == 0x50544350):  # DHGET, DHPOST
            tells |= T_DAHUA
        elif (n == 148 and w0 == 0x01000000) or (n == 92 and w0 == 0x02000000):
            tells |= T_WIREGUARD
        elif n >= 32 and n % 16 == 0 and w0 == 0x04000000 and _u32(b, i + 12) == 0:
            tells |= T_WIREGUARD  # data: padded to 16 bytes, its counter far below 2**32
        elif _openvpn(b, i, n):
            tells |= T_OPENVPN
        elif n >= 16 and w0 == 0x000055AA:
            tells |= T_TUYA
    return tells | hint << 32 | want << 40


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
            found = _looks(b, i, stop, proto, s_port, d_port)
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
