"""Merkle trees against the definition of RFC 6962 section 2.1, and proofs that a changed step does not pass."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from netcam.inventory import merkle, verify

LEAVES = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


def defined(leaves):
    """MTH of RFC 6962: split at the largest power of two below the count."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + defined(leaves[:split]) + defined(leaves[split:])).digest()


def test_the_root_is_that_of_the_definition_for_every_size():
    for count in range(70):
        leaves = [bytes([n]) for n in range(count)]
        assert merkle.root(leaves) == defined(leaves)


@given(LEAVES, st.data())
def test_every_leaf_has_a_proof_and_no_other_leaf_place_or_path_passes(leaves, data):
    wanted = merkle.root(leaves)
    place = data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle.path(leaves, place)
    assert verify.proves(leaves[place], place, len(leaves), proof, wanted)
    assert not verify.proves(leaves[place] + b"x", place, len(leaves), proof, wanted)
    assert not verify.proves(leaves[place], place, len(leaves), [*proof, b"x" * 32], wanted)
    assert not verify.proves(leaves[place], len(leaves), len(leaves), proof, wanted)
    assert not verify.proves(leaves[place], place, len(leaves), [b"\x00" * 32] * (verify.MAX_NESTING + 1), wanted)
    for step in range(len(proof)):
        broken = [bytes([p[0] ^ 1]) + p[1:] if n == step else p for n, p in enumerate(proof)]
        assert not verify.proves(leaves[place], place, len(leaves), broken, wanted)
