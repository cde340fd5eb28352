"""Names of flows: TLS server name, HTTP Host, or the DNS answer that the same client got before. Parsed only where the walker points."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from netcam.flows import walker

MAX_ANSWERS = 200_000
"""DNS answers remembered, oldest forgotten first: 20 for each of 10,000 clients."""
MAX_NAME = 253
"""Characters of a name (RFC 1035 section 2.3.4)."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,40}\.?")


def valid(name: str) -> str:
    """The name in lower case without its last dot, or empty where it is no host name (RFC 1123, and underscores as seen)."""
    return name.lower().rstrip(".") if len(name) <= MAX_NAME + 1 and _NAME.fullmatch(name) else ""


def server_name(hello: bytes) -> str:
    """The server_name of a TLS ClientHello (RFC 6066 section 3); empty where there is none or it is cut."""
    try:
        at = 5 + 4 + 2 + 32
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 1 + hello[at]
        end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 2
        while at + 4 <= min(end, len(hello)):
            kind, size = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
            at += 4
            if kind == 0 and hello[at + 2] == 0:
                length = int.from_bytes(hello[at + 3 : at + 5], "big")
                return valid(hello[at + 5 : at + 5 + length].decode("ascii", "replace")) if at + 5 + length <= len(hello) else ""
            at += size
    except IndexError:
        pass
    return ""


def host_header(request: bytes) -> str:
    """The Host of an HTTP request; empty where there is none."""
    found = re.search(rb"(?i)\r\nhost:[ \t]*([^\r\n]{1,300})", request[:2048])
    return valid(found[1].decode("latin-1").strip().partition(":")[0]) if found else ""


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
        elif size == 0:
            return ".".join(labels), (after if after >= 0 else at + 1)
        else:
            labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
            at += 1 + size
            if len(labels) > 64:
                raise ValueError("too many labels")


def dns_answers(data: bytes) -> list[tuple[str, int]]:
    """Question name and addresses (IPv4 as number, IPv6 as number above 2**32) of a DNS answer."""
    found: list[tuple[str, int]] = []
    try:
        if not data[2] & 0x80:
            return []
        questions, answers = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big")
        at, name = 12, ""
        for _ in range(min(questions, 4)):
            name, at = _label(data, at)
            at += 4
        name = valid(name)
        if not name:
            return []
        for _ in range(min(answers, 64)):
            _, at = _label(data, at)
            kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 8 : at + 10], "big")
            at += 10
            if (kind, size) in ((1, 4), (28, 16)):
                value = data[at : at + size]
                if len(value) == size:
                    found.append((name, int.from_bytes(value, "big")))
            at += size
    except (IndexError, ValueError):
        pass
    return found


class Namer:
    """Collects names as the walk goes on, and gives each row its best one at the end."""

    def __init__(self) -> None:
        self.direct: dict[int, tuple[str, str]] = {}
        self._answers: OrderedDict[tuple[int, int], str] = OrderedDict()

    def look(self, buffer: npt.NDArray[np.uint8], hints: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> None:
        """Parse what the hints point to."""
        for kind, row, begin, end, _ in hints.tolist():
            data = buffer[begin:end].tobytes()
            if kind == walker.DNS:
                client = self._client(rows[row])
                for name, address in dns_answers(data):
                    self._answers[(client, address)] = name
                    self._answers.move_to_end((client, address))
                while len(self._answers) > MAX_ANSWERS:
                    self._answers.popitem(last=False)
            elif row not in self.direct:
                name = server_name(data) if kind == walker.TLS else host_header(data)
                if name:
                    self.direct[row] = (name, "sni" if kind == walker.TLS else "http")

    @staticmethod
    def _client(row: Any) -> int:
        return _number(int(row[walker.A_HI]), int(row[walker.A_LO]))

    def names(self, rows: npt.NDArray[np.int64]) -> dict[int, tuple[str, str]]:
        """Row -> name and source, the order SNI or Host, then the DNS answer of the same client."""
        found = dict(self.direct)
        if self._answers:
            for n in range(len(rows)):
                if n in found:
                    continue
                row = rows[n]
                pair = (self._client(row), _number(int(row[walker.B_HI]), int(row[walker.B_LO])))
                name = self._answers.get(pair)
                if name:
                    found[n] = (name, "dns")
        return found


def _number(high: int, low: int) -> int:
    return (high & 0xFFFFFFFFFFFFFFFF) << 64 | (low & 0xFFFFFFFFFFFFFFFF)
