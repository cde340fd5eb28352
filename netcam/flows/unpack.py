"""LZ4 blocks and LZO1X streams (the compressions of nfcapd files), bounded; a damaged one raises ValueError."""

from __future__ import annotations


def _copy(out: bytearray, distance: int, length: int, limit: int) -> None:
    """Repeat what stands `distance` bytes back."""
    if not 0 < distance <= len(out) or len(out) + length > limit:
        raise ValueError("a match points outside")
    start = len(out) - distance
    if distance >= length:
        out += out[start : start + length]
        return
    piece = bytes(out[start:])
    out += (piece * (length // distance + 1))[:length]


def lz4_block(data: bytes, limit: int) -> bytes:
    """Unpack one LZ4 block (lz4_Block_format.md) of at most `limit` bytes. Raises ValueError."""
    import lz4.block

    try:
        return bytes(lz4.block.decompress(data, uncompressed_size=limit))
    except (lz4.block.LZ4BlockError, MemoryError) as error:
        raise ValueError(str(error)[:200]) from None


def lzo1x(data: bytes, limit: int) -> bytes:
    """Unpack one LZO1X stream (kernel documentation, staging/lzo.rst) of at most `limit` bytes. Raises ValueError."""
    out = bytearray()
    at = 0
    state = 0
    """Literals that the last instruction copied: 0, 1 to 3, or 4 for a longer run."""

    def literals(count: int) -> None:
        nonlocal at
        if at + count > len(data) or len(out) + count > limit:
            raise ValueError("literals beyond the end")
        out.extend(data[at : at + count])
        at += count

    def length_of(low: int, bits: int) -> int:
        nonlocal at
        if low:
            return low
        total = 0
        while data[at] == 0:
            total += 255
            at += 1
            if total > limit:
                raise ValueError("a length without end")
        total += data[at] + bits
        at += 1
        return total

    try:
        if data[at] > 17:
            count = data[at] - 17
            at += 1
            literals(count)
            state = min(count, 4)
        while True:
            code = data[at]
            at += 1
            if code < 16:
                if state == 0:
                    literals(length_of(code & 15, 15) + 3)
                    state = 4
                    continue
                follow = code & 3
                second = data[at]
                at += 1
                if state == 4:
                    _copy(out, (second << 2) + (code >> 2) + 2049, 3, limit)
                else:
                    _copy(out, (second << 2) + (code >> 2) + 1, 2, limit)
            elif code < 32:
                length = length_of(code & 7, 7) + 2
                low = data[at] | data[at + 1] << 8
                at += 2
                distance = ((code & 8) << 11) + (low >> 2)
                follow = low & 3
                if distance == 0:
                    return bytes(out)  # the mark of the end
                _copy(out, distance + 16384, length, limit)
            elif code < 64:
                length = length_of(code & 31, 31) + 2
                low = data[at] | data[at + 1] << 8
                at += 2
                follow = low & 3
                _copy(out, (low >> 2) + 1, length, limit)
            else:
                second = data[at]
                at += 1
                follow = code & 3
                _copy(out, (second << 3) + (code >> 2 & 7) + 1, (code >> 5) + 1, limit)
            literals(follow)
            state = follow
    except IndexError:
        raise ValueError("cut LZO stream") from None
