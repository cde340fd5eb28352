"""The order in which devices are listed: by address as a number, not as text."""

from __future__ import annotations

from ipaddress import ip_address

MAX_ORDER = 64
"""Bytes that count of what stands for an address and is none."""
_NO_ADDRESS = b"\x09"
"""Stands after the versions of IP: what has no address comes last."""


def address_order(address: str | None) -> bytes:
    """A key that sorts IPv4 before IPv6 before anything else; the same in a database's bytes as here."""
    text = address or ""
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return _NO_ADDRESS + text.encode("utf-8", "surrogatepass")[:MAX_ORDER]
    return bytes((ip.version,)) + ip.packed
