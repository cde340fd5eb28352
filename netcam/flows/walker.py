"""The compiled loop: link-layer frames to flow rows, and where in the buffer something may stand to be read (numba).

Imported only to compile (`compiled.py` loads what comes out). Written for one machine-code function without Python objects: arrays are
raw memory that the caller owns, all numbers are 64-bit integers, nothing is allocated and nothing raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, types

from netcam.flows.accounts import (
    _account,
    _drop,
    _fast,
    _hash,
    _l16,
    _l32,
    _mac,
    _n16,
    _n32,
    _prefetch,
    _quiet,
    _sweep,
    _tell,
    _u16,
    _u32,
    _u64,
)
from netcam.flows.rows import *

_I8, _P8, _PI = types.int64, types.CPointer(types.uint8), types.CPointer(types.int64)
_PD = types.CPointer(types.float64)
_ENTRY = _I8(_I8, _P8, _I8, _I8, _I8, _I8, _I8, _PI, _PD, *[_PI] * 10)


@_fast
def _frame(
    b: Any, i: Any, end: Any, wire: Any, at: Any, link: Any, vlan: Any, memory: Any,
) -> Any:  # fmt: skip
    """Account one frame that lies in b[i:end]; `wire` is its length on the wire, `at` its time in ns."""
    rows, doubles, slots, free, used, counters, hints, done, minutes, frags, nets = memory
    counters[C_PACKETS] += 1
    counters[C_BYTES] += wire
    used[U_NOW] = at
    quality = np.int64(0)
    cut = wire - (end - i)
    if cut > 0:
        counters[C_TRUNCATED] += 1
        quality |= Q_TRUNCATED
    else:
        cut = np.int64(0)
    src_mac = np.int64(0)
    dst_mac = np.int64(0)
    kind = np.int64(-1)
    depth = 0
    while depth <= MAX_LAYERS:
        # the link layer, unless a tunnel said what follows
        if kind < 0:
            if link == ETHERNET:
                if end - i < 14:
                    counters[C_MALFORMED] += 1
                    return
                dst_mac = _mac(b, i)
                src_mac = _mac(b, i + 6)
                kind = _u16(b, i + 12)
                i += 14
            elif link == SLL:
                if end - i < 16:
                    counters[C_MALFORMED] += 1
                    return
                if _u16(b, i + 4) == 6:
                    src_mac = _mac(b, i + 6)
                kind = _u16(b, i + 14)
                i += 16
            elif link == SLL2:
                if end - i < 20:
                    counters[C_MALFORMED] += 1
                    return
                if b[i + 11] == 6:
                    src_mac = _mac(b, i + 12)
                kind = _u16(b, i)
                i += 20
            elif link == NULL or link == LOOP:
                if end - i < 5:
                    counters[C_MALFORMED] += 1
                    return
                family = np.int64(b[i]) | np.int64(b[i + 3])  # in the byte order of the machine that captured
                i += 4
                kind = np.int64(0)
                if family == 2:
                    kind = np.int64(0x0800)
                elif family == 10 or family == 24 or family == 28 or family == 30:  # AF_INET6 of Linux, NetBSD, FreeBSD, macOS
                    kind = np.int64(0x86DD)
            elif link == CHDLC or (link == PPP and end - i >= 4 and (b[i] == 0x0F or b[i] == 0x8F)):
                if end - i < 4:
                    counters[C_MALFORMED] += 1
                    return
                kind = _u16(b, i + 2)  # Cisco HDLC: address, control, EtherType
                i += 4
            elif link == PPP:
                if end - i >= 4 and b[i] == 0xFF and b[i + 1] == 3:
                    i += 2
                if end - i < 2:
                    counters[C_MALFORMED] += 1
                    return
                kind = np.int64(b[i])
                if kind & 1:
                    i += 1
                else:
                    kind = _u16(b, i)
                    i += 2
                kind = np.int64(0x0800) if kind == 0x21 else (np.int64(0x86DD) if kind == 0x57 else np.int64(0))
            elif link == WIFI or link == RADIOTAP:
                if link == RADIOTAP:
                    if end - i < 8 or _l16(b, i + 2) < 8:
                        counters[C_MALFORMED] += 1
                        return
                    i += _l16(b, i + 2)
                if end - i < 24:
                    counters[C_NOT_IP] += 1
                    return
                control, more = np.int64(b[i]), np.int64(b[i + 1])
                if control & 0x0C != 8 or control & 0x40 or more & 0x40:
                    counters[C_NOT_IP] += 1  # no data frame, an empty one, or enciphered
                    return
                ways = more & 3
                dst_mac = _mac(b, i + 16) if ways & 1 else _mac(b, i + 4)
                src_mac = _mac(b, i + 16) if ways == 2 else _mac(b, i + 10)
                # four addresses, QoS control, HT control (IEEE 802.11 section 9.3.2.1)
                i += 24 + (6 if ways == 3 else 0) + (2 if control & 0x80 else 0) + (4 if control & 0x80 and more & 0x80 else 0)
                if end - i < 8 or _u32(b, i) & 0xFFFFFF00 != 0xAAAA0300:
                    counters[C_NOT_IP] += 1
                    return
                kind = _u16(b, i + 6)
                i += 8
            elif link == NFLOG:
                if end - i < 4:
                    counters[C_MALFORMED] += 1
                    return
                family = np.int64(b[i])
                kind = np.int64(0)
                i += 4
                while end - i >= 4:  # type, length, value in the byte order of the machine that captured
                    length = _l16(b, i)
                    if _l16(b, i + 2) == 9:  # NFULA_PAYLOAD
                        i += 4
                        kind = np.int64(0x0800) if family == 2 else (np.int64(0x86DD) if family == 10 else np.int64(0))
                        break
                    i += max(np.int64(4), (length + 3) // 4 * 4)
            elif link == PKTAP:
                if end - i < 12 or _l32(b, i) < 12 or _l32(b, i) > end - i:
                    counters[C_MALFORMED] += 1
                    return
                told = _l32(b, i + 8)
                i += _l32(b, i)
                if told == 1:
                    link = np.int64(ETHERNET)
                elif told == 0:
                    link = np.int64(NULL)
                elif told == 12 or told == 101:
                    link = np.int64(RAW)
                else:
                    link = np.int64(-1)
                continue
            elif link == RAW:
                if end - i < 1:
                    counters[C_MALFORMED] += 1
                    return
                kind = np.int64(0x0800) if b[i] >> 4 == 4 else np.int64(0x86DD)
            else:
                counters[C_LINK] += 1
                return
        # tags and tunnels below IP: 802.1Q, 802.1ad, MPLS, PPPoE
        for _ in range(8):
            if kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
                if end - i < 4:
                    counters[C_MALFORMED] += 1
                    return
                vlan = _u16(b, i) & 0x0FFF
                kind = _u16(b, i + 2)
                i += 4
            elif kind == 0x8847 or kind == 0x8848:
                bottom = False
                while not bottom and end - i >= 4:
                    bottom = b[i + 2] & 1 == 1
                    i += 4
                if end - i < 1 or not bottom:
                    counters[C_MALFORMED] += 1
                    return
                first = b[i] >> 4
                if first == 4 or first == 6:
                    kind = np.int64(0x0800) if first == 4 else np.int64(0x86DD)
                elif end - i >= 18 and _u32(b, i) == 0:
                    i += 4  # pseudowire with a control word (RFC 4448)
                    dst_mac = _mac(b, i)
                    src_mac = _mac(b, i + 6)
                    kind = _u16(b, i + 12)
                    i += 14
                else:
                    kind = np.int64(0)
            elif kind == 0x8864:
                if end - i < 8:
                    counters[C_MALFORMED] += 1
                    return
                protocol = _u16(b, i + 6)
                i += 8
                if protocol & 0x0100:  # protocol field compression (RFC 1661 section 6.5): one odd byte
                    protocol >>= 8
                    i -= 1
                kind = np.int64(0x0800) if protocol == 0x0021 else (np.int64(0x86DD) if protocol == 0x0057 else np.int64(0))
            elif kind < 1536 and link == ETHERNET and end - i >= 8 and _u32(b, i) & 0xFFFFFF00 == 0xAAAA0300:
                kind = _u16(b, i + 6)  # IEEE 802.3 with a SNAP header (RFC 1042), tagged or not
                i += 8
            else:
                break
        s_hi = np.int64(0)
        d_hi = np.int64(0)
        if kind == 0x0800:
            if end - i < 20 or b[i] >> 4 != 4:
                counters[C_MALFORMED] += 1
                return
            header = (np.int64(b[i]) & 15) * 4
            total = _u16(b, i + 2)
            if total == 0:
                total = end - i + cut  # segmentation offload writes no length
            if header < 20 or total < header:
                counters[C_MALFORMED] += 1
                return
            if total > end - i + cut:
                counters[C_LYING] += 1
                total = end - i + cut
                if total < header:
                    return
            proto = np.int64(b[i + 9])
            s_lo = _u32(b, i + 12)
            d_lo = _u32(b, i + 16)
            pieces = _u16(b, i + 6)
            fragment = pieces & 0x1FFF
            more_fragments = pieces & 0x2000
            identity = _u16(b, i + 4)
            size = total
            stop = min(end, i + total)
            i += header
            body = total - header
            version = np.int64(4)
            if proto == 51 and fragment == 0 and stop - i >= 8 and (np.int64(b[i + 1]) + 2) * 4 <= body:
                proto = np.int64(b[i])  # an authentication header (RFC 4302)
                header = (np.int64(b[i + 1]) + 2) * 4
                i = min(stop, i + header)
                body -= header
        elif kind == 0x86DD:
            if end - i < 40 or b[i] >> 4 != 6:
                counters[C_MALFORMED] += 1
                return
            body = _u16(b, i + 4)
            proto = np.int64(b[i + 6])
            if body == 0 and proto != 59:
                body = end - i + cut - 40  # a jumbogram, or segmentation offload
            if body > end - i + cut - 40:
                counters[C_LYING] += 1
                body = end - i + cut - 40
            size = body + 40
            s_hi, s_lo, d_hi, d_lo = _u64(b, i + 8), _u64(b, i + 16), _u64(b, i + 24), _u64(b, i + 32)
            stop = min(end, i + size)
            i += 40
            fragment = np.int64(0)
            more_fragments = np.int64(0)
            identity = np.int64(0)
            version = np.int64(6)
            for _ in range(12):
                if proto == 0 or proto == 43 or proto == 60 or proto == 135 or proto == 139 or proto == 140 or proto == 51:
                    if stop - i < 8:
                        break
                    length = (np.int64(b[i + 1]) + 2) * 4 if proto == 51 else (np.int64(b[i + 1]) + 1) * 8
                    if length > body:
                        break
                    proto = np.int64(b[i])
                    i += length
                    body -= length
                elif proto == 44:
                    if stop - i < 8:
                        break
                    pieces = _u16(b, i + 2)
                    fragment = pieces >> 3
                    more_fragments = pieces & 1
                    identity = _u32(b, i + 4)
                    proto = np.int64(b[i])
                    i += 8
                    body -= 8
                    if fragment:
                        break
                else:
                    break
            if i > stop:
                i = stop
        else:
            if depth == 0:
                counters[C_NOT_IP] += 1
            return
        s_port = np.int64(0)
        d_port = np.int64(0)
        flags = np.int64(0)
        seq = np.int64(-1)
        ack = np.int64(0)
        payload = body
        look = True
        inner = np.int64(-2)
        begin = i
        follow = i
        if fragment or more_fragments:
            counters[C_FRAGMENTS] += 1
            tag = _hash(used[U_SEED], s_hi, s_lo, 0, d_lo ^ d_hi, identity & 0xFFFF, 0, proto ^ identity >> 16)
            k = tag & (FRAGMENTS - 1)
            if fragment == 0:
                if (proto == 6 or proto == 17 or proto == 132) and stop - i >= 4:
                    frags[k, 0], frags[k, 1], frags[k, 2] = tag + 1, _u32(b, i), at
            else:
                look = False
                if frags[k, 0] == tag + 1 and -30_000_000_000 < at - frags[k, 2] < 30_000_000_000:
                    s_port, d_port = frags[k, 1] >> 16 & 0xFFFF, frags[k, 1] & 0xFFFF
        if fragment:
            pass
        elif proto == 6 and stop - i >= 4:
            s_port, d_port = _u16(b, i), _u16(b, i + 2)
            if stop - i >= 14:
                flags = np.int64(b[i + 13])
                seq = _u32(b, i + 4)
                ack = _u32(b, i + 8)
                offset = (np.int64(b[i + 12]) >> 4) * 4
                payload = body - offset
                begin = i + offset
                if offset < 20:
                    counters[C_MALFORMED] += 1
                    begin = stop
                    payload = np.int64(0)
            else:
                payload = max(np.int64(0), body - 20)
                begin = stop
        elif (proto == 17 or proto == 136) and stop - i >= 4:
            s_port, d_port = _u16(b, i), _u16(b, i + 2)
            payload = body - 8
            begin = min(stop, i + 8)
            if proto == 17 and d_port == 4789 and stop - begin >= 8 + 14 and b[begin] & 8 and depth < MAX_LAYERS:
                inner = np.int64(-1)  # VXLAN (RFC 7348)
                follow = begin + 8
            elif proto == 17 and d_port == 6081 and stop - begin >= 8 and b[begin] >> 6 == 0 and depth < MAX_LAYERS:
                inner = _u16(b, begin + 2)  # Geneve (RFC 8926)
                follow = begin + 8 + (np.int64(b[begin]) & 63) * 4
                if inner == 0x6558:
                    inner = np.int64(-1)
                elif inner != 0x0800 and inner != 0x86DD:
                    inner = np.int64(-2)
        elif (proto == 132 or proto == 33) and stop - i >= 4:
            s_port, d_port = _u16(b, i), _u16(b, i + 2)
            payload = max(np.int64(0), body - 12)
            begin = stop
        elif (proto == 1 or proto == 58) and stop - i >= 2:
            payload = max(np.int64(0), body - 8)
        elif proto == 4 and depth < MAX_LAYERS:
            inner, follow = np.int64(0x0800), i
        elif proto == 41 and depth < MAX_LAYERS:
            inner, follow = np.int64(0x86DD), i
        elif proto == 97 and stop - i >= 2 and depth < MAX_LAYERS:
            inner, follow = np.int64(-1), i + 2  # EtherIP (RFC 3378)
        elif proto == 137 and depth < MAX_LAYERS:
            inner, follow = np.int64(0x8847), i  # MPLS in IP (RFC 4023)
        elif proto == 47 and stop - i >= 4 and depth < MAX_LAYERS:
            bits, protocol = _u16(b, i), _u16(b, i + 2)
            follow = i + 4 + (4 if bits & 0x8000 else 0) + (4 if bits & 0x2000 else 0) + (4 if bits & 0x1000 else 0)
            if bits & 7 == 1:
                if protocol == 0x880B:  # PPTP (RFC 2637): sequence and acknowledgement numbers are optional
                    follow = i + 8 + (4 if bits & 0x1000 else 0) + (4 if bits & 0x0080 else 0)
                    if stop - follow >= 4 and b[follow] == 0xFF and b[follow + 1] == 3:
                        follow += 2
                    if stop - follow >= 2:
                        if b[follow] == 0x21 or _u16(b, follow) == 0x21:
                            inner = np.int64(0x0800)
                            follow += 1 if b[follow] == 0x21 else 2
                        elif b[follow] == 0x57 or _u16(b, follow) == 0x57:
                            inner = np.int64(0x86DD)
                            follow += 1 if b[follow] == 0x57 else 2
            elif protocol == 0x0800 or protocol == 0x86DD or protocol == 0x8847:
                inner = protocol
            elif protocol == 0x6558:
                inner = np.int64(-1)
            elif protocol == 0x883E and stop - follow >= 4:
                inner = np.int64(0x0800)  # WCCP: version 2 puts a redirect header of 4 bytes before the packet
                if b[follow] >> 4 != 4:
                    follow += 4
            elif protocol == 0x88BE:
                inner = np.int64(-1)  # ERSPAN: a copied frame, with a header of 8 bytes where a sequence number is present
                follow += 8 if bits & 0x1000 else 0
            elif protocol == 0x22EB and stop - follow >= 12:
                inner = np.int64(-1)
                follow += 12 + (8 if b[follow + 11] & 1 else 0)
            if bits & 0x4000:
                inner = np.int64(-2)  # routing within GRE was withdrawn (RFC 2784)
        if payload < 0:
            payload = np.int64(0)
        carries = inner > -2 and not fragment and stop - follow >= 20
        told = quality
        if depth > 0:
            told |= Q_TUNNELLED
        if carries:
            told |= Q_CARRIER
            look = False
        _account(
            b, begin, stop, at, wire, size, payload, version, proto, s_hi, s_lo, d_hi, d_lo, s_port, d_port, flags, seq, ack, src_mac, dst_mac,
            vlan, told, look, memory,
        )  # fmt: skip
        if not carries:
            return
        if depth == 0:
            counters[C_TUNNELLED] += 1
        # the frame that is carried: its length is what the outer packet says is left
        depth += 1
        left = body - (follow - i)
        cut = max(np.int64(0), left - (stop - follow))
        wire = left
        end = stop
        i = follow
        kind = inner
        link = np.int64(ETHERNET)
        vlan = np.int64(0)
        if inner != -1:
            src_mac = np.int64(0)
            dst_mac = np.int64(0)


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
