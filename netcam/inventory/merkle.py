"""Merkle trees as RFC 6962 builds them (section 2.1): one root for many records, and the short proof that one is among
them, which `verify.proves` checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def _leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves in order; of none, the SHA-256 of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [_leaf(data) for data in leaves]
    while len(level) > 1:
        # RFC 6962 splits at a power of two; joining neighbours and carrying an odd last one up gives the same tree
        paired = [_node(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) // 2 * 2 :]
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The proof for the leaf at `index`, from the bottom up (RFC 6962 section 2.1.1)."""
    level = [_leaf(data) for data in leaves]
    proof = []
    while len(level) > 1:
        other = index ^ 1
        if other < len(level):
            proof.append(level[other])
        paired = [_node(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) // 2 * 2 :]
        index //= 2
    return proof
