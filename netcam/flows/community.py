"""Community ID version 1: the key that Zeek, Suricata, Wireshark and others give a conversation too (corelight/community-id-spec)."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping

ICMP_PAIRS: Mapping[int, int] = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10}
"""ICMP type -> the type that answers it: the two stand where ports do."""
ICMP6_PAIRS: Mapping[int, int] = {
    128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133, 135: 136, 136: 135, 139: 140, 140: 139, 144: 145, 145: 144,
}  # fmt: skip
"""The same of ICMPv6."""
PAIRS = {1: ICMP_PAIRS, 58: ICMP6_PAIRS}
WITH_PORTS = (6, 17, 132)
"""TCP, UDP and SCTP: of other protocols the addresses and the number alone are hashed."""
MAX_SEED = 0xFFFF
PATTERN = r"1:[A-Za-z0-9+/]{27}="
"""How one looks: version, and SHA-1 in base64."""


def icmp_number(kind: int, code: int) -> int:
    """Type and code of a message as the column `icmp` holds them."""
    return (kind << 8 | code) + 1


def community_id(version: int, a: int, b: int, a_port: int, b_port: int, proto: int, icmp: int = 0, *, seed: int = 0) -> str:
    """The ID of a conversation between two addresses (numbers); `icmp` as the column of that name. Empty where ICMP's type is not known.

    The answer is the same for both directions, except for ICMP messages that nothing answers.
    """
    one_way = False
    if proto in PAIRS:
        if not icmp:
            return ""
        if icmp < 0:
            a, b = b, a
        kind, code = abs(icmp) - 1 >> 8, abs(icmp) - 1 & 0xFF
        answer = PAIRS[proto].get(kind)
        one_way = answer is None
        a_port, b_port = kind, code if answer is None else answer
    if not one_way and (a, a_port) > (b, b_port):
        a, b, a_port, b_port = b, a, b_port, a_port
    size = 4 if version == 4 else 16
    told = seed.to_bytes(2, "big") + a.to_bytes(size, "big") + b.to_bytes(size, "big") + bytes((proto & 0xFF, 0))
    if proto in WITH_PORTS or proto in PAIRS:
        told += struct.pack("!HH", a_port & 0xFFFF, b_port & 0xFFFF)
    return "1:" + base64.b64encode(hashlib.sha1(told, usedforsecurity=False).digest()).decode()


def sql(table: str, seed: int = 0) -> str:
    """A DuckDB query over archived flows: the columns of `table` and `computed_id`, the same as `community_id`. Unused, it costs nothing."""

    def answers(pairs: Mapping[int, int]) -> str:
        return "CASE icmp_kind " + " ".join(f"WHEN {asked} THEN {told}" for asked, told in pairs.items()) + " END"

    messages = f"""SELECT *, CASE proto WHEN 1 THEN {answers(ICMP_PAIRS)} WHEN 58 THEN {answers(ICMP6_PAIRS)} END AS icmp_answer
        FROM (SELECT *, (abs(icmp) - 1) >> 8 AS icmp_kind FROM {table})"""
    sides = f"""SELECT *, CASE WHEN proto NOT IN (1, 58) THEN a_port WHEN icmp > 0 THEN icmp_kind ELSE coalesce(icmp_answer, (abs(icmp) - 1) & 255) END AS p,
        CASE WHEN proto NOT IN (1, 58) THEN b_port WHEN icmp < 0 THEN icmp_kind ELSE coalesce(icmp_answer, (abs(icmp) - 1) & 255) END AS q
        FROM ({messages})"""
    turned = f"""SELECT *, CASE WHEN proto IN (1, 58) AND icmp_answer IS NULL THEN icmp < 0
        ELSE a_hi > b_hi OR (a_hi = b_hi AND (a_lo > b_lo OR (a_lo = b_lo AND p > q))) END AS turned FROM ({sides})"""
    ordered = f"""SELECT *, CASE WHEN turned THEN b_hi ELSE a_hi END AS first_hi, CASE WHEN turned THEN b_lo ELSE a_lo END AS first_lo,
        CASE WHEN turned THEN a_hi ELSE b_hi END AS second_hi, CASE WHEN turned THEN a_lo ELSE b_lo END AS second_lo,
        CASE WHEN turned THEN q ELSE p END AS first_port, CASE WHEN turned THEN p ELSE q END AS second_port FROM ({turned})"""
    listed = ", ".join(str(proto) for proto in (*WITH_PORTS, *PAIRS))
    return f"""SELECT *, CASE WHEN proto IN (1, 58) AND coalesce(icmp, 0) = 0 THEN NULL ELSE '1:' || to_base64(unhex(sha1(unhex(
        CASE WHEN version = 4 THEN format('{seed:04x}{{:08x}}{{:08x}}{{:02x}}00', first_lo, second_lo, proto & 255)
        ELSE format('{seed:04x}{{:016x}}{{:016x}}{{:016x}}{{:016x}}{{:02x}}00', first_hi, first_lo, second_hi, second_lo, proto & 255) END ||
        CASE WHEN proto IN ({listed}) THEN format('{{:04x}}{{:04x}}', first_port, second_port) ELSE '' END)))) END AS computed_id FROM ({ordered})"""
