"""Packets as proof from an interface: the next packets of what a finding is about, until there are enough or the time is over. Sends nothing."""

from __future__ import annotations

import select
import struct
import threading
import time
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from netcam.flows import rows as r
from netcam.flows.proof import LIMIT, Collector, Proof, Wanted
from netcam.flows.ring import attach, begin, raw_socket

SECONDS = 600.0
"""How long packets are waited for: a camera that uploads or calls home does so within minutes."""
MAX_PEERS = 64
"""Addresses of one filter; a finding about more keeps packets of the first ones."""
LOAD, LOAD_HALF, EQUAL, ALWAYS, RETURN = 0x20, 0x28, 0x15, 0x05, 0x06
"""Classic BPF instructions (linux/bpf_common.h): load a word or a half at a place, compare, jump, end."""
WHOLE = 0xFFFF
_SOURCE_4, _TARGET_4, _SOURCE_6, _TARGET_6 = 26, 30, 22, 38
"""Places of the addresses in an Ethernet frame; a tag is taken off by the kernel."""


def program(peers: Sequence[str]) -> bytes:
    """A filter that lets through what comes from or goes to one of some addresses."""
    four, six = [], []
    for text in peers[:MAX_PEERS]:
        address = ip_address(text)
        if isinstance(address, IPv6Address):
            words = struct.unpack(">IIII", address.packed)
            for place in (_SOURCE_6, _TARGET_6):
                for n, word in enumerate(words):
                    # to the next address where a word differs: two instructions for each word that is left, and the return
                    six += [(LOAD, 0, 0, place + 4 * n), (EQUAL, 0, 2 * (3 - n) + 1, word)]
                six.append((RETURN, 0, 0, WHOLE))
        else:
            for place in (_SOURCE_4, _TARGET_4):
                four += [(LOAD, 0, 0, place), (EQUAL, 0, 1, int(address)), (RETURN, 0, 0, WHOLE)]
    four.append((RETURN, 0, 0, 0))
    six.append((RETURN, 0, 0, 0))
    # IPv4: jump over the next two; IPv6: jump over the IPv4 part; else end
    code = [
        (LOAD_HALF, 0, 0, 12), (EQUAL, 0, 1, 0x0800), (ALWAYS, 0, 0, 3), (EQUAL, 0, 1, 0x86DD), (ALWAYS, 0, 0, 1 + len(four)), (RETURN, 0, 0, 0),
        *four, *six,
    ]  # fmt: skip
    return b"".join(struct.pack("HBBI", *one) for one in code)


class LivePackets:
    """Listens in a thread of its own for the packets of some findings."""

    def __init__(
        self, interface: str, wanted: Sequence[Wanted], *, payload: bool = False, seconds: float = SECONDS, limit: int = LIMIT
    ) -> None:
        """Begins at once. Raises ConfigError and PrivilegeError as `ring.opened`."""
        self._interface, self._seconds = interface, seconds
        self._collector = Collector(wanted, payload=payload, limit=limit)
        self._stop = threading.Event()
        peers = dict.fromkeys(address for one in wanted for a, b, _, _ in one.pairs for address in (a, b) if address not in one.own)
        self._link = raw_socket(interface, "egress watch --proof")
        attach(self._link, program(list(peers)))
        begin(self._link, interface)
        self._thread = threading.Thread(target=self._run, name="netcam-proof", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether there are enough packets, or the time is over."""
        return not self._thread.is_alive()

    def close(self) -> dict[str, Proof]:
        """Stop listening; finding key -> its packets."""
        self._stop.set()
        self._thread.join()
        return self._collector.proofs(f"interface {self._interface}, after the finding")

    def _run(self) -> None:
        end = time.monotonic() + self._seconds
        waiter = select.poll()
        with self._link as link:
            waiter.register(link, select.POLLIN)
            while not self._stop.is_set() and time.monotonic() < end and not self._collector.full:
                if not waiter.poll(200):
                    continue
                try:
                    data = link.recv(0x10000)
                except BlockingIOError:
                    continue
                self._collector.frame(time.time(), r.ETHERNET, data, len(data))
