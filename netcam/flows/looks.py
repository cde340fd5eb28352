"""Compiled: what the first bytes of a payload look like (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np

from netcam.flows.octets import _fast, _u16, _u32
from netcam.flows.rows import *


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
def _looks(b: Any, i: Any, stop: Any, proto: Any, s_port: Any, d_port: Any, opening: Any) -> Any:
    """What the first bytes of a payload look like: tells | kind of hint << 32 | bytes of the stream to hand on << 40.

    `opening`: they are the first of a TCP connection whose beginning was seen, from who began it.
    """
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
        elif opening and b0 == 5 and n >= 3 and n == b[i + 1] + 2:
            tells |= T_SOCKS  # RFC 1928 section 3: what opens the connection; amid a stream two bytes come so by chance
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
