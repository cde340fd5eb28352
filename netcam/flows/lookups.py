"""DNS as it passes by: questions with their answers, and which name an address had for which client."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np

from netcam.flows.hello import valid
from netcam.flows.table import LOOKUP_COLUMNS, Lookups

MAX_ANSWERS = 200_000
"""DNS answers remembered, oldest forgotten first: 20 for each of 10,000 clients."""
MAX_KEPT = 4
"""Answers kept for one client and address: several names share one server."""
MAX_PENDING = 20_000
"""Questions that wait for their answer; a resolver answers within seconds."""
MAX_LOOKUPS = 100_000
"""Questions kept between two windows; beyond that they are counted only."""
AHEAD = 1_000_000_000
"""Nanoseconds that an answer may be later than the first packet to the address: packets of one moment come in any order."""


@dataclass(frozen=True, slots=True)
class Message:
    """A DNS message as far as it matters here."""

    identifier: int
    response: bool
    rcode: int
    name: str
    kind: int
    addresses: tuple[int, ...]
    """IPv4 as number, IPv6 as number of 128 bits."""
    answers: int
    ttl: int
    length: int
    """Characters of the name as it was asked."""


def _label(data: bytes, at: int) -> tuple[str, int]:
    """A domain name with compression (RFC 1035 section 4.1.4), and where reading goes on. Raises IndexError, ValueError."""
    labels: list[str] = []
    after, jumps = -1, 0
    while True:
        size = data[at]
        if size & 0xC0 == 0xC0:
            after = at + 2 if after < 0 else after
            at = (size & 0x3F) << 8 | data[at + 1]
            jumps += 1
            if jumps > 32:
                raise ValueError("compression loop")
        elif size & 0xC0:
            raise ValueError("reserved label type")
        elif size == 0:
            return ".".join(labels), (after if after >= 0 else at + 1)
        else:
            labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
            at += 1 + size
            if len(labels) > 128:
                raise ValueError("too many labels")


def message(data: bytes) -> Message | None:
    """Read a DNS message (RFC 1035 section 4.1); None where not even its question can be read. A cut answer gives what is whole."""
    try:
        flags = int.from_bytes(data[2:4], "big")
        identifier = int.from_bytes(data[:2], "big")
        questions, answers = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big")
        if questions != 1 or flags >> 11 & 15:
            return None
        told, at = _label(data, 12)
        kind = int.from_bytes(data[at : at + 2], "big")
        if at + 4 > len(data):
            return None
        at += 4
    except (IndexError, ValueError):
        return None
    found: list[int] = []
    ttl = -1
    read = 0
    try:
        for _ in range(min(answers, 64) if flags & 0x8000 else 0):
            _, at = _label(data, at)
            record, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 8 : at + 10], "big")
            life = int.from_bytes(data[at + 4 : at + 8], "big")
            at += 10
            if at + size > len(data):
                break
            if (record, size) in ((1, 4), (28, 16)):
                found.append(int.from_bytes(data[at : at + size], "big"))
            ttl = life if ttl < 0 else min(ttl, life)
            read += 1
            at += size
    except (IndexError, ValueError):
        pass
    name = valid(told) or escaped(told)
    return Message(identifier, bool(flags & 0x8000), flags & 15, name, kind, tuple(found), read, min(max(ttl, 0), 0x7FFFFFFF), len(told))


def escaped(name: str) -> str:
    """A name that is no host name, as RFC 4343 writes it: bytes that do not print as \\DDD, so that tunnels stay visible and harmless."""
    return "".join(c if "!" <= c <= "~" and c != "\\" else f"\\{min(ord(c), 999):03d}" for c in name[:253])


def dns_answers(data: bytes) -> list[tuple[str, int]]:
    """Question name and addresses (IPv4 as number, IPv6 as number above 2**32) of a DNS answer."""
    read = message(data)
    return [(read.name, address) for address in read.addresses] if read and read.response and valid(read.name) else []


class Resolver:
    """Collects questions and answers as the walk goes on."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[int, int], list[tuple[int, int, str]]] = OrderedDict()
        self._pending: OrderedDict[tuple[int, ...], int] = OrderedDict()
        self._rows: list[list[int]] = []
        self._names: dict[str, int] = {}
        self._texts: list[str] = []
        self.lost = 0

    def __len__(self) -> int:
        return len(self._rows)

    def heard(self, data: bytes, at: int, client: tuple[int, int], server: tuple[int, int], version: int, mac: int, ports: int) -> bool:
        """Take a message on; whether it was a DNS message. `client`, `server`: halves of addresses as unsigned numbers."""
        read = message(data)
        if read is None:
            return False
        key = (*client, *server, ports, read.identifier, read.kind)
        n = self._pending.pop(key, None) if read.response else None
        if n is None or n >= len(self._rows) or self._rows[n][0] < 0:
            n = self._new(read, at, client, server, version, mac, ports)
        if n is not None and read.response:
            row = self._rows[n]
            row[9], row[10], row[11], row[13], row[14] = read.rcode, 1, read.answers, max(row[13], len(data)), read.ttl
        elif n is not None:
            self._pending[key] = n
            if len(self._pending) > MAX_PENDING:
                self._pending.popitem(last=False)
        if read.response and valid(read.name):
            self._remember(read, at, client)
        return True

    def told(
        self, *, at: int, client: tuple[int, int], server: tuple[int, int], port: int, name: str, kind: int, rcode: int, answers: int,
        addresses: list[int], ttl: int, matches: int | None = None,
    ) -> None:  # fmt: skip
        """Take on what a log says of a question; `client`, `server`: version and number. `matches`: the message's number, where told."""
        text = valid(name) or escaped(name)
        response = rcode >= 0
        read = Message(matches or 0, response, max(rcode, 0), text, kind, tuple(addresses), answers, ttl, len(name))
        halves = [(ip >> 64, ip & 0xFFFFFFFFFFFFFFFF) for _, ip in (client, server)]
        key = (*halves[0], *halves[1], port, read.identifier, hash(text))
        n = self._pending.pop(key, None) if response and matches is not None else None
        if n is None or n >= len(self._rows):
            n = self._new(read, at, halves[0], halves[1], client[0], 0, port)
        if n is not None and response:
            row = self._rows[n]
            row[9], row[10], row[11], row[14] = read.rcode, 1, answers, ttl
        elif n is not None:
            self._pending[key] = n
            if len(self._pending) > MAX_PENDING:
                self._pending.popitem(last=False)
        if addresses and valid(name):
            self._remember(read, at, halves[0])

    def _new(
        self, read: Message, at: int, client: tuple[int, int], server: tuple[int, int], version: int, mac: int, ports: int
    ) -> int | None:
        if len(self._rows) >= MAX_LOOKUPS:
            self.lost += 1
            return None
        number = self._names.get(read.name)
        if number is None:
            number = self._names[read.name] = len(self._texts)
            self._texts.append(read.name)
        # the order of LOOKUP_COLUMNS
        self._rows.append(
            [at, *client, *server, version, mac, ports & 0xFFFF, read.kind, -1, 0, 0, read.length, len(read.name) + 16, 0, number]
        )
        return len(self._rows) - 1

    def _remember(self, read: Message, at: int, client: tuple[int, int]) -> None:
        who = client[0] << 64 | client[1]
        for address in read.addresses:
            key = (who, address)
            kept = self._answers.setdefault(key, [])
            kept.append((at, read.ttl, read.name))
            del kept[:-MAX_KEPT]
            self._answers.move_to_end(key)
        while len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)

    def low_halves(self) -> set[int]:
        """Low halves of all addresses that were answered: a quick way to see which flows can have a name."""
        return {address & 0xFFFFFFFFFFFFFFFF for _, address in self._answers}

    def name(self, client: int, address: int, start: int) -> tuple[str, bool] | None:
        """The name under which `client` knew `address` when a flow began at `start`, and whether its time to live was over by then."""
        best: tuple[int, int, str] | None = None
        for one in self._answers.get((client, address), ()):
            if one[0] <= start + AHEAD and (best is None or one[0] >= best[0]):
                best = one
        if best is None:
            return None
        return best[2], start > best[0] + max(best[1], 1) * 1_000_000_000

    def snapshot(self) -> list[list[Any]]:
        """The answers remembered: client, address (both as 16 bytes), and when, how long and which name."""
        return [
            [who.to_bytes(16, "big"), address.to_bytes(16, "big"), [list(one) for one in kept]]
            for (who, address), kept in self._answers.items()
        ]

    def restore(self, state: list[list[Any]]) -> None:
        """Take up a snapshot. Raises ValueError, TypeError where it is none."""
        for who, address, kept in state[:MAX_ANSWERS]:
            answers = [(int(at), int(ttl), str(name)) for at, ttl, name in kept[:MAX_KEPT]]
            self._answers[(int.from_bytes(who, "big"), int.from_bytes(address, "big"))] = answers

    def take(self) -> Lookups:
        """The questions so far; those that still wait are forgotten as waiting, not lost: they count as not answered."""
        rows, texts = self._rows, self._texts
        self._rows, self._texts, self._names = [], [], {}
        self._pending.clear()
        columns = {
            name: np.array([row[k] for row in rows], kind) if rows else np.zeros(0, kind)
            for k, (name, kind) in enumerate(LOOKUP_COLUMNS.items())
        }
        return Lookups(columns, texts)
