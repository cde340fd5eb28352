"""The installers' searches of single makers as virtual devices answer them: bytes laid out in the scenario, sent where that maker sends them."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address

from netcam.errors import ContentError, shown
from netcam.lab.scenario import Device, Search

Sent = list[tuple[bytes, tuple[str, int]]]
"""Datagrams and where they go."""


def answer(device: Device, search: Search, address: str, question: bytes, asker: tuple[str, int]) -> Sent:
    """What the device sends for a question: nothing, unless the question is the search itself."""
    wanted = [search.asked[at : at + 2] for at in range(0, len(search.asked), 2)]
    if len(question) < len(wanted) or any(pair not in ("xx", f"{byte:02x}") for pair, byte in zip(wanted, question, strict=False)):
        return []
    data = laid_out(search.answer, device.mac, address, question)
    where = {"sender": asker, "asker": (asker[0], search.reply), "broadcast": ("255.255.255.255", search.reply or asker[1])}
    return [(data, where.get(search.to, (search.to, search.reply)))]


def laid_out(parts: list[str], mac: str, address: str, question: bytes = b"") -> bytes:
    """Bytes from their parts: `hex:..`, `text:..` with {mac} {MAC} {ip} {ip_le}, `mac`, `ip`, `@1f` (zeros up to that offset),
    `asked:FROM:TO` of the question, `rest:FORMAT` (the length of all that follows), `kasa:` (all that follows, enciphered).

    Raises ContentError for any other part.
    """  # fmt: skip
    made = b""
    raw = bytes.fromhex(mac.replace(":", ""))
    number = IPv4Address(address)
    for at, part in enumerate(parts):
        word, _, value = part.partition(":")
        if part == "mac":
            made += raw
        elif part == "ip":
            made += number.packed
        elif part.startswith("@"):
            made = made.ljust(int(part[1:], 16), b"\0")
        elif word == "hex":
            made += bytes.fromhex(value)
        elif word == "text":
            names = {"mac": mac, "MAC": mac.upper().replace(":", "-"), "ip": address, "ip_le": f"0x{number.packed[::-1].hex().upper()}"}
            for name, told in names.items():
                value = value.replace("{" + name + "}", told)
            made += value.encode()
        elif word == "asked":
            first, last = value.split(":")
            made += question[int(first) : int(last)]
        elif word == "rest":
            rest = laid_out(parts[at + 1 :], mac, address, question)
            return made + struct.pack(value, len(rest)) + rest
        elif word == "kasa":
            return made + autokey(laid_out(parts[at + 1 :], mac, address, question))
        else:
            raise ContentError("search", f"no part {shown(part)}", "write hex:, text:, mac, ip, @offset, asked:, rest: or kasa:")
    return made


def autokey(plain: bytes) -> bytes:
    """Each byte XORed with the enciphered byte before it, the first with 171 (TP-Link Kasa, UDP 9999)."""
    key, out = 171, bytearray()
    for byte in plain:
        key ^= byte
        out.append(key)
    return bytes(out)


def socket_for(made: socket.socket) -> socket.socket:
    """The socket, allowed to answer by broadcast."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return made
