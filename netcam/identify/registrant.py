"""The IEEE registrant of a MAC prefix, from the registry copy that netaddr keeps (MA-L and MA-S)."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=65536)
def _of(prefix: str) -> str:
    import netaddr

    try:
        return str(netaddr.EUI(f"{prefix}-00-00-00").oui.registration().org)
    except netaddr.NotRegisteredError:
        return ""


def registrant(mac: str) -> str:
    """Company that the first three bytes are registered to; empty for a local, multicast or unregistered address."""
    if len(mac) != 17 or int(mac[:2], 16) & 0b11:
        return ""
    return _of(mac[:8].replace(":", "-"))
