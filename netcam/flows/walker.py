"""Compiled: one frame, from its link layer through tags and tunnels to the account of its conversation (numba).

Imported only to compile (`compiled.py` loads what comes out). Written for one machine-code function without Python objects: arrays are
raw memory that the caller owns, all numbers are 64-bit integers, nothing is allocated and nothing raised.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netcam.flows.accounts import _account
from netcam.flows.octets import _fast, _l16, _l32, _mac, _u16, _u32, _u64
from netcam.flows.open_table import _hash
from netcam.flows.rows import *


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
