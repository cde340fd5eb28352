"""The compiled loop: link-layer frames to flow columns, and where in the buffer a name may stand (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276
"""Link types (tcpdump.org/linktypes)."""
IDLE = 300 * 1_000_000_000
"""Nanoseconds of silence after which a conversation is over (IPFIX idle timeout; 300 s keeps camera heartbeats of 120 s in one flow)."""
SLOTS = 1 << 21
"""Places of the hash table: a million flows at half load, 16 MB."""
MAX_FLOWS = 1 << 20
"""Rows of one table: an address scan beyond that is counted, not stored."""
MAX_HINTS = 1 << 16
"""Places where a name may stand, kept between two looks of the caller."""

START, END, A_HI, A_LO, B_HI, B_LO, PORTS, PROTO, A_MAC, B_MAC = range(10)
P_OUT, P_IN, B_OUT, B_IN, L_OUT, L_IN, FLAGS, VLAN, VERSION = range(10, 19)
WIDTH = 19

C_PACKETS, C_TRUNCATED, C_NOT_IP, C_FRAGMENTS, C_FULL, C_BYTES, C_MALFORMED = range(7)
COUNTERS = ("packets", "truncated", "not_ip", "fragments", "table_full", "bytes", "malformed")

DNS, TLS, HTTP = 1, 2, 3


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _u16(b: Any, i: Any) -> Any:
    return (np.uint32(b[i]) << 8) | np.uint32(b[i + 1])


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _u64(b: Any, i: Any) -> Any:
    r = np.uint64(0)
    for k in range(8):
        r = (r << np.uint64(8)) | np.uint64(b[i + k])
    return r


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _mac(b: Any, i: Any) -> Any:
    r = np.uint64(0)
    for k in range(6):
        r = (r << np.uint64(8)) | np.uint64(b[i + k])
    return r


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _mix(h: Any, v: Any) -> Any:
    h = (h ^ v) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@njit(cache=True)  # type: ignore[untyped-decorator]
def frame(b: Any, i: Any, end: Any, wire: Any, at: Any, link: Any, slots: Any, rows: Any, used: Any, counters: Any, hints: Any) -> None:
    """Account one frame that lies in b[i:end]; `wire` is its length on the wire, `at` its time in ns."""
    counters[C_PACKETS] += 1
    counters[C_BYTES] += wire
    if end - i < wire:
        counters[C_TRUNCATED] += 1
    src_mac = np.uint64(0)
    dst_mac = np.uint64(0)
    vlan = 0
    kind = 0
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
    else:
        if end - i < 1:
            counters[C_MALFORMED] += 1
            return
        kind = 0x0800 if b[i] >> 4 == 4 else 0x86DD
    # tags and tunnels below IP: 802.1Q, 802.1ad, MPLS, PPPoE
    for _ in range(8):
        if kind in (0x8100, 0x88A8, 0x9100):
            if end - i < 4:
                counters[C_MALFORMED] += 1
                return
            vlan = _u16(b, i) & 0x0FFF
            kind = _u16(b, i + 2)
            i += 4
        elif kind in (0x8847, 0x8848):
            bottom = False
            while not bottom and end - i >= 4:
                bottom = b[i + 2] & 1 == 1
                i += 4
            if end - i < 1:
                counters[C_MALFORMED] += 1
                return
            kind = 0x0800 if b[i] >> 4 == 4 else 0x86DD
        elif kind == 0x8864:
            if end - i < 8:
                counters[C_MALFORMED] += 1
                return
            protocol = _u16(b, i + 6)
            kind = 0x0800 if protocol == 0x0021 else (0x86DD if protocol == 0x0057 else 0)
            i += 8
        else:
            break
    if kind == 0x0800:
        if end - i < 20 or b[i] >> 4 != 4:
            counters[C_MALFORMED] += 1
            return
        header = (b[i] & 15) * 4
        total = np.int64(_u16(b, i + 2))
        if total == 0:
            total = wire  # segmentation offload writes no length
        if header < 20 or total < header:
            counters[C_MALFORMED] += 1
            return
        proto = np.int64(b[i + 9])
        s_hi = np.uint64(0)
        d_hi = np.uint64(0)
        s_lo = (np.uint64(_u16(b, i + 12)) << np.uint64(16)) | np.uint64(_u16(b, i + 14))
        d_lo = (np.uint64(_u16(b, i + 16)) << np.uint64(16)) | np.uint64(_u16(b, i + 18))
        fragment = _u16(b, i + 6) & 0x1FFF
        size = total
        stop = min(end, i + total)
        i += header
        body = total - header
        version = 4
    elif kind == 0x86DD:
        if end - i < 40 or b[i] >> 4 != 6:
            counters[C_MALFORMED] += 1
            return
        body = np.int64(_u16(b, i + 4))
        size = body + 40
        proto = np.int64(b[i + 6])
        s_hi, s_lo, d_hi, d_lo = _u64(b, i + 8), _u64(b, i + 16), _u64(b, i + 24), _u64(b, i + 32)
        stop = min(end, i + size)
        i += 40
        fragment = np.uint32(0)
        version = 6
        for _ in range(8):
            if proto in (0, 43, 60, 135):
                if stop - i < 8:
                    break
                length = (np.int64(b[i + 1]) + 1) * 8
                proto = np.int64(b[i])
                i += length
                body -= length
            elif proto == 44:
                if stop - i < 8:
                    break
                fragment = _u16(b, i + 2) >> 3
                proto = np.int64(b[i])
                i += 8
                body -= 8
            else:
                break
    else:
        counters[C_NOT_IP] += 1
        return
    s_port: Any = 0
    d_port: Any = 0
    flags: Any = 0
    payload = body
    if fragment:
        counters[C_FRAGMENTS] += 1
    elif proto == 6 and stop - i >= 14:
        s_port, d_port = np.int64(_u16(b, i)), np.int64(_u16(b, i + 2))
        flags = np.int64(b[i + 13])
        offset = (b[i + 12] >> 4) * 4
        payload = body - offset
        i += offset
    elif proto == 17 and stop - i >= 8:
        s_port, d_port = np.int64(_u16(b, i)), np.int64(_u16(b, i + 2))
        payload = body - 8
        i += 8
    if payload < 0:
        payload = 0
    # the key is the same for both directions
    swap = s_hi > d_hi or (s_hi == d_hi and (s_lo > d_lo or (s_lo == d_lo and s_port > d_port)))
    if swap:
        k0, k1, k2, k3, ports = d_hi, d_lo, s_hi, s_lo, (d_port << 16) | s_port
    else:
        k0, k1, k2, k3, ports = s_hi, s_lo, d_hi, d_lo, (s_port << 16) | d_port
    h = _mix(_mix(_mix(_mix(_mix(np.uint64(proto), k0), k1), k2), k3), np.uint64(ports))
    place = np.int64(h & np.uint64(slots.shape[0] - 1))
    n = -1
    while True:
        n = slots[place]
        if n < 0:
            break
        r = rows[n]
        a_port, b_port = r[PORTS] >> 16, r[PORTS] & 0xFFFF
        if r[PROTO] == proto:
            x0, x1, x2, x3 = np.uint64(r[A_HI]), np.uint64(r[A_LO]), np.uint64(r[B_HI]), np.uint64(r[B_LO])
            same = x0 == s_hi and x1 == s_lo and x2 == d_hi and x3 == d_lo and a_port == s_port and b_port == d_port
            back = x0 == d_hi and x1 == d_lo and x2 == s_hi and x3 == s_lo and a_port == d_port and b_port == s_port
            if same or back:
                break
        place = (place + 1) & (slots.shape[0] - 1)
    if n >= 0 and (at - rows[n, END] > IDLE or (proto == 6 and flags & 0x12 == 2 and rows[n, FLAGS] & 0x0505 != 0)):
        n = -2  # idle too long, or a new connection on the ports of one that has ended: a new row in the same place
    if n < 0:
        if used[0] >= rows.shape[0]:
            counters[C_FULL] += 1
            return
        n = used[0]
        used[0] += 1
        slots[place] = n
        r = rows[n]
        # who began: the SYN says; without one, the side with the higher port
        out = True
        if (proto == 6 and flags & 0x12 == 0x12) or (
            not (proto == 6 and flags & 2) and proto in (6, 17) and s_port < d_port and s_port < 1024
        ):
            out = False
        r[START] = at
        if out:
            r[A_HI], r[A_LO], r[B_HI], r[B_LO] = np.int64(s_hi), np.int64(s_lo), np.int64(d_hi), np.int64(d_lo)
            r[PORTS] = (s_port << 16) | d_port
            r[A_MAC], r[B_MAC] = np.int64(src_mac), np.int64(dst_mac)
        else:
            r[A_HI], r[A_LO], r[B_HI], r[B_LO] = np.int64(d_hi), np.int64(d_lo), np.int64(s_hi), np.int64(s_lo)
            r[PORTS] = (d_port << 16) | s_port
            r[A_MAC], r[B_MAC] = np.int64(dst_mac), np.int64(src_mac)
        r[PROTO] = proto
        r[VLAN] = vlan
        r[VERSION] = version
        r[END] = at
    r = rows[n]
    outward = np.uint64(r[A_HI]) == s_hi and np.uint64(r[A_LO]) == s_lo and (r[PORTS] >> 16) == s_port
    r[END] = max(r[END], at)
    r[START] = min(r[START], at)
    if outward:
        r[P_OUT] += 1
        r[B_OUT] += size
        r[L_OUT] += payload
        r[FLAGS] |= flags
    else:
        r[P_IN] += 1
        r[B_IN] += size
        r[L_IN] += payload
        r[FLAGS] |= flags << 8
    what = 0
    if payload > 16 and stop - i > 16:
        if proto == 17 and s_port == 53:
            what = DNS
        elif proto == 6 and b[i] == 0x16 and b[i + 1] == 3 and b[i + 5] == 1:
            what = TLS
        elif proto == 6 and outward and ((b[i] == 71 and b[i + 1] == 69 and b[i + 2] == 84) or (b[i] == 80 and b[i + 1] == 79)):
            what = HTTP
    if what and used[1] < hints.shape[0]:
        k = used[1]
        hints[k, 0], hints[k, 1], hints[k, 2], hints[k, 3], hints[k, 4] = what, n, i, stop, at
        used[1] += 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def pcap(b: Any, at: Any, big: Any, nano: Any, link: Any, slots: Any, rows: Any, used: Any, counters: Any, hints: Any) -> Any:
    """Walk whole pcap records of `b` from `at`; returns where it stopped: a cut record, a full list of hints, or -1 - at for a lie."""
    n = b.shape[0]
    while n - at >= 16 and used[1] < hints.shape[0]:
        if big:
            s = (np.int64(_u16(b, at)) << 16) | np.int64(_u16(b, at + 2))
            f = (np.int64(_u16(b, at + 4)) << 16) | np.int64(_u16(b, at + 6))
            cap = (np.int64(_u16(b, at + 8)) << 16) | np.int64(_u16(b, at + 10))
            wire = (np.int64(_u16(b, at + 12)) << 16) | np.int64(_u16(b, at + 14))
        else:
            s = np.int64(b[at]) | np.int64(b[at + 1]) << 8 | np.int64(b[at + 2]) << 16 | np.int64(b[at + 3]) << 24
            f = np.int64(b[at + 4]) | np.int64(b[at + 5]) << 8 | np.int64(b[at + 6]) << 16 | np.int64(b[at + 7]) << 24
            cap = np.int64(b[at + 8]) | np.int64(b[at + 9]) << 8 | np.int64(b[at + 10]) << 16 | np.int64(b[at + 11]) << 24
            wire = np.int64(b[at + 12]) | np.int64(b[at + 13]) << 8 | np.int64(b[at + 14]) << 16 | np.int64(b[at + 15]) << 24
        if cap > 0x40000:
            return -1 - at
        if n - at - 16 < cap:
            return at
        frame(
            b,
            at + 16,
            at + 16 + cap,
            max(wire, cap),
            s * 1_000_000_000 + f * (1 if nano else 1000),
            link,
            slots,
            rows,
            used,
            counters,
            hints,
        )
        at += 16 + cap
    return at


@njit(cache=True)  # type: ignore[untyped-decorator]
def ring_block(b: Any, base: Any, link: Any, slots: Any, rows: Any, used: Any, counters: Any, hints: Any) -> Any:
    """Walk one TPACKET_V3 block that begins at b[base] (linux/if_packet.h: tpacket_block_desc, tpacket3_hdr); returns its packets."""
    count = np.int64(b[base + 12]) | np.int64(b[base + 13]) << 8 | np.int64(b[base + 14]) << 16 | np.int64(b[base + 15]) << 24
    first = np.int64(b[base + 16]) | np.int64(b[base + 17]) << 8 | np.int64(b[base + 18]) << 16 | np.int64(b[base + 19]) << 24
    at = base + first
    for _ in range(count):
        following = np.int64(b[at]) | np.int64(b[at + 1]) << 8 | np.int64(b[at + 2]) << 16 | np.int64(b[at + 3]) << 24
        s = np.int64(b[at + 4]) | np.int64(b[at + 5]) << 8 | np.int64(b[at + 6]) << 16 | np.int64(b[at + 7]) << 24
        ns = np.int64(b[at + 8]) | np.int64(b[at + 9]) << 8 | np.int64(b[at + 10]) << 16 | np.int64(b[at + 11]) << 24
        cap = np.int64(b[at + 12]) | np.int64(b[at + 13]) << 8 | np.int64(b[at + 14]) << 16 | np.int64(b[at + 15]) << 24
        wire = np.int64(b[at + 16]) | np.int64(b[at + 17]) << 8 | np.int64(b[at + 18]) << 16 | np.int64(b[at + 19]) << 24
        mac = np.int64(b[at + 24]) | np.int64(b[at + 25]) << 8
        frame(b, at + mac, at + mac + cap, wire, s * 1_000_000_000 + ns, link, slots, rows, used, counters, hints)
        at += following
    return count


class Walk:
    """The state of one walk: hash table, rows, counters, hints."""

    def __init__(self, max_flows: int = MAX_FLOWS) -> None:
        self.slots: npt.NDArray[np.int64] = np.full(SLOTS, -1, np.int64)
        self.rows: npt.NDArray[np.int64] = np.zeros((1 << 12, WIDTH), np.int64)
        self.used: npt.NDArray[np.int64] = np.zeros(2, np.int64)
        self.counters: npt.NDArray[np.int64] = np.zeros(len(COUNTERS), np.int64)
        self.hints: npt.NDArray[np.int64] = np.zeros((MAX_HINTS, 5), np.int64)
        self._max = max_flows

    def room(self, packets: int) -> None:
        """Make sure that `packets` further frames find rows, up to the table's bound."""
        wanted = min(self._max, int(self.used[0]) + packets)
        if wanted > len(self.rows):
            grown = np.zeros((min(self._max, max(wanted, 2 * len(self.rows))), WIDTH), np.int64)
            grown[: len(self.rows)] = self.rows
            self.rows = grown

    def take_hints(self) -> npt.NDArray[np.int64]:
        """The hints since the last look: kind, row, begin, end, time."""
        taken = self.hints[: int(self.used[1])].copy()
        self.used[1] = 0
        return taken
