"""A relocatable object file as running code: what a linker does, for the few kinds of reference that a compiled loop has (x86-64, ELF).

LLVM's loader does the same for every processor, but its library takes 45 MB of memory and 25 ms of every start (`compiled.py`, which
falls back to it).
"""

from __future__ import annotations

import ctypes
import mmap
import struct

MACHINE_X86_64 = 62
_ALLOCATED, _NOTHING, _SYMBOLS, _RELOCATIONS, _UNWIND = 2, 8, 2, 4, 0x70000001
"""Section flag SHF_ALLOC; section types SHT_NOBITS, SHT_SYMTAB, SHT_RELA, SHT_X86_64_UNWIND (System V ABI, chapter 4)."""
_UNDEFINED, _ABSOLUTE, _COMMON = 0, 0xFFF1, 0xFFF2
_WIDTHS = {1: (8, False), 24: (8, True), 2: (4, True), 4: (4, True)}
"""Relocation type -> bytes, and whether it is relative to its place: R_X86_64_64, PC64, PC32, PLT32 (x86-64 psABI, table 4.9)."""


class Image:
    """Code in memory that can be run and no longer written."""

    def __init__(self, content: bytes, absent: int) -> None:
        """Lay out and relocate an object file; names it does not define get the address `absent`.

        Raises ValueError for what is not understood here, OSError where the system allows no such memory.
        """
        try:
            self._lay_out(content, absent)
        except (struct.error, IndexError) as error:
            raise ValueError(f"a damaged object file: {error}") from None

    def _lay_out(self, content: bytes, absent: int) -> None:
        if content[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", content, 18)[0] != MACHINE_X86_64:
            raise ValueError("an object file of another machine")
        (table,) = struct.unpack_from("<Q", content, 40)
        width, count = struct.unpack_from("<HH", content, 58)
        sections = [struct.unpack_from("<IIQQQQIIQQ", content, table + n * width) for n in range(count)]
        places: dict[int, int] = {}
        size = 0
        for n, (_, kind, flags, _, _, length, _, _, alignment, _) in enumerate(sections):
            if flags & _ALLOCATED and kind != _UNWIND:
                size = -(-size // max(alignment, 1)) * max(alignment, 1)
                places[n] = size
                size += length
        (symbols,) = (s for s in sections if s[1] == _SYMBOLS)
        names = sections[symbols[6]]
        entries = [struct.unpack_from("<IBBHQQ", content, symbols[4] + at) for at in range(0, symbols[5], 24)]
        common: dict[int, int] = {}
        for n, (_, _, _, where, value, length) in enumerate(entries):
            if where == _COMMON:
                size = -(-size // max(value, 1)) * max(value, 1)
                common[n] = size
                size += length
        self._memory = mmap.mmap(-1, max(size, 1), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for n, place in places.items():
            _, kind, _, _, offset, length = sections[n][:6]
            if kind != _NOTHING:
                self._memory[place : place + length] = content[offset : offset + length]
        addresses: list[int | None] = []
        for n, (_, _, _, where, value, _) in enumerate(entries):
            if where == _UNDEFINED:
                addresses.append(absent)
            elif where == _COMMON:
                addresses.append(base + common[n])
            else:
                addresses.append(value if where == _ABSOLUTE else base + places[where] + value if where in places else None)
        for _, kind, _, _, offset, length, _, target, _, _ in sections:
            if kind == _RELOCATIONS and target in places:
                for at in range(offset, offset + length, 24):
                    place, info, addend = struct.unpack_from("<QQq", content, at)
                    self._relocate(base, places[target] + place, info & 0xFFFFFFFF, addresses[info >> 32], addend)
        self._named: dict[str, int] = {}
        for (name, _, _, where, _, _), address in zip(entries, addresses, strict=True):
            if where in places and address is not None:
                begin = names[4] + name
                self._named[content[begin : content.index(b"\0", begin)].decode()] = address
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        if protect(ctypes.c_void_p(base), ctypes.c_size_t(len(self._memory)), mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError(ctypes.get_errno(), "memory that holds code is not allowed")

    def _relocate(self, base: int, at: int, kind: int, address: int | None, addend: int) -> None:
        if kind not in _WIDTHS or address is None:
            raise ValueError(f"relocation type {kind}")
        width, relative = _WIDTHS[kind]
        value = address + addend - (base + at if relative else 0)
        if width == 4 and not -(1 << 31) <= value < 1 << 31:
            raise ValueError("a reference too far")
        struct.pack_into("<I" if width == 4 else "<Q", self._memory, at, value & ((1 << 8 * width) - 1))

    def address(self, name: str) -> int:
        """Where a function begins. Raises ValueError where there is none of that name."""
        if name not in self._named:
            raise ValueError(f"no function {name[:60]!r}")
        return self._named[name]
