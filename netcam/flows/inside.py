"""Which addresses are internal: those of the estate and those that are never outside (RFC 6890)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import numpy as np
import numpy.typing as npt

Network = IPv4Network | IPv6Network

PRIVATE: tuple[Network, ...] = tuple(
    ip_network(n)
    for n in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
"""Private, link-local, loopback, shared address space."""
NOBODY: tuple[Network, ...] = tuple(ip_network(n) for n in ("224.0.0.0/4", "255.255.255.255/32", "0.0.0.0/8", "ff00::/8", "::/128"))
"""No peer: multicast, broadcast, unspecified."""
INTERNAL = (*PRIVATE, *NOBODY)
"""Never outside."""
LOW64 = 0xFFFFFFFFFFFFFFFF


class Inside:
    """Tells addresses of some networks."""

    def __init__(self, internal: Sequence[Network], always: Sequence[Network] = INTERNAL) -> None:
        """`internal`: the estate's own; `always`: those that count besides."""
        self._networks = (*internal, *always)

    def among(self, ends: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """For rows of (high, low, version) whether each is internal."""
        return self.of(ends[:, 0], ends[:, 1], ends[:, 2])

    def of(self, hi: npt.NDArray[np.uint64], lo: npt.NDArray[np.uint64], version: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """The same of columns."""
        found = np.zeros(len(lo), bool)
        for network in self._networks:
            net, mask = int(network.network_address), int(network.netmask)
            high = (hi & np.uint64(mask >> 64)) == np.uint64(net >> 64)
            found |= (version == network.version) & high & ((lo & np.uint64(mask & LOW64)) == np.uint64(net & LOW64))
        return found
