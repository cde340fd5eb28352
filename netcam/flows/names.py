"""Names of flows: TLS or QUIC server name, HTTP Host, the DNS answer that the same client got before, the certificate's name."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netcam.flows import rows as r
from netcam.flows.hello import client_hello, host_header, joined, quic_initial, record_hello, server_flight, server_name, user_agent, valid
from netcam.flows.lookups import Resolver, dns_answers

if TYPE_CHECKING:
    from netcam.flows.walk import Array

__all__ = ["Namer", "dns_answers", "host_header", "server_name", "valid"]

MAX_STREAMS = 4096
"""Beginnings of TLS streams put together at a time; the oldest gives way."""
MAX_STREAM = r.WANTED
"""Bytes of one."""
MAX_NAMED = 1 << 20
"""Open flows with a name: no more than the table holds."""
LOW64 = 0xFFFFFFFFFFFFFFFF
_BASIC = re.compile(rb"(?i)\r\nauthorization:[ \t]*basic[ \t]")
_RTSP = (b"DESC", b"ANNO", b"SETU", b"PLAY", b"RTSP")


@dataclass(slots=True)
class _Told:
    """What the packets of one flow said."""

    name: str = ""
    source: str = ""
    certified: str = ""
    tells: int = 0
    texts: dict[str, str] = field(default_factory=dict)


class Namer:
    """Reads where the loop points to, and gives each ended row what was said in it."""

    def __init__(self) -> None:
        self.resolver = Resolver()
        self._told: OrderedDict[int, _Told] = OrderedDict()
        self._streams: OrderedDict[tuple[int, int], bytearray] = OrderedDict()
        self._initials: OrderedDict[int, dict[int, bytes]] = OrderedDict()

    def look(self, buffer: npt.NDArray[np.uint8], hints: Array) -> None:
        """Parse what the hints point to."""
        for kind, serial, begin, end, at, back, c_hi, c_lo, s_hi, s_lo, version, mac, ports in hints.tolist():
            data = buffer[begin:end].tobytes()
            if kind in (r.DNS, r.DNS_TCP):
                if kind == r.DNS_TCP:
                    data = data[2 : 2 + int.from_bytes(data[:2], "big")]
                client, server = (c_hi & LOW64, c_lo & LOW64), (s_hi & LOW64, s_lo & LOW64)
                self.resolver.heard(data, at, client, server, version, mac, ports)
            elif kind == r.TLS:
                self._stream(serial, back, data)
            elif kind == r.QUIC:
                self._quic(serial, data)
            elif kind == r.HTTP and not back:
                told = self._of(serial)
                if _BASIC.search(data[:4096]):
                    told.tells |= r.T_CREDENTIAL
                if data[:4] in _RTSP or data[8:12] == b"rtsp":
                    continue
                name = host_header(data)
                if name and not told.name:
                    told.name, told.source = name, "http"
                if agent := user_agent(data):
                    told.texts.setdefault("agent", agent)

    def _of(self, serial: int) -> _Told:
        told = self._told.get(serial)
        if told is None:
            told = self._told[serial] = _Told()
            if len(self._told) > MAX_NAMED:
                self._told.popitem(last=False)
        return told

    def _stream(self, serial: int, back: int, data: bytes) -> None:
        """The beginning of one side of a TLS stream; segments are taken in the order they came."""
        key = (serial, back)
        held = self._streams.get(key)
        if held is None:
            if data[:1] != b"\x16":
                return  # the loop hands on more than was asked for
            held = self._streams[key] = bytearray()
            if len(self._streams) > MAX_STREAMS:
                self._streams.popitem(last=False)
        held += data[: MAX_STREAM - len(held)]
        stream = bytes(held)
        first = stream[5] if len(stream) > 5 else 0
        if first == 1:
            whole = len(stream) >= 5 + int.from_bytes(stream[3:5], "big") or len(stream) >= MAX_STREAM
            hello = record_hello(stream)
            if hello is not None:
                told = self._of(serial)
                if hello.name and not told.name:
                    told.name, told.source = hello.name, "sni"
                if max([v for v in hello.versions if v & 0x0F0F != 0x0A0A], default=hello.version) < 0x0303:
                    told.tells |= r.T_TLS_OLD
                if whole:
                    told.texts["ja4"] = hello.ja4()
                    if hello.alpn:
                        told.texts["alpn"] = "".join(c for c in hello.alpn.decode("latin-1") if c.isprintable())
            if whole or (hello is None and len(stream) > 4096):
                del self._streams[key]
        elif first == 2:
            flight = server_flight(stream)
            if flight is not None:
                told = self._of(serial)
                told.texts["ja4s"] = flight.ja4s
                if flight.certificate:
                    told.texts["certificate"] = flight.certificate
                    if flight.issuer:
                        told.texts["issuer"] = flight.issuer
                    told.certified = flight.names[0] if flight.names else ""
                if flight.complete:
                    self._streams.pop(key, None)
            if len(stream) >= MAX_STREAM:
                self._streams.pop(key, None)
        else:
            self._streams.pop(key, None)

    def _quic(self, serial: int, data: bytes) -> None:
        told = self._told.get(serial)
        if told is not None and "ja4" in told.texts:
            return
        frames = quic_initial(data)
        if not frames:
            return
        held = self._initials.setdefault(serial, {})
        held |= frames
        if len(self._initials) > MAX_STREAMS:
            self._initials.popitem(last=False)
        message = joined(held)
        hello = client_hello(message)
        if hello is None:
            return
        told = self._of(serial)
        if hello.name and not told.name:
            told.name, told.source = hello.name, "quic"
        if len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            told.texts["ja4"] = hello.ja4("q")
            self._initials.pop(serial, None)

    def take(self, rows: Array) -> tuple[dict[int, tuple[str, str]], dict[str, dict[int, str]], list[int]]:
        """For ended rows: row -> name and source, text columns, and rows whose DNS name was past its time to live. Adds tells to `rows`."""
        names: dict[int, tuple[str, str]] = {}
        texts: dict[str, dict[int, str]] = {}
        stale: list[int] = []
        certified: dict[int, str] = {}
        if self._told:
            serials = rows[:, r.SERIAL]
            order = np.argsort(serials, kind="stable")
            keys = np.fromiter(self._told, np.int64, len(self._told))
            place = np.searchsorted(serials[order], keys)
            place[place == len(serials)] = 0
            rowed = order[place]
            for key, n in zip(keys[serials[rowed] == keys].tolist(), rowed[serials[rowed] == keys].tolist(), strict=True):
                # a conversation told by its active timeout goes on under another serial: its names stay with the first part
                told = self._told.pop(key)
                rows[n, r.MARKS] |= told.tells
                if told.name:
                    names[n] = (told.name, told.source)
                elif told.certified:
                    certified[n] = told.certified
                for column, text in told.texts.items():
                    texts.setdefault(column, {})[n] = text
        self._by_answers(rows, names, stale)
        for n, name in certified.items():
            names.setdefault(n, (name, "certificate"))
        return names, texts, stale

    def snapshot(self) -> dict[str, Any]:
        """What open conversations were told so far, and the answers that clients got."""
        return {
            "told": [[serial, t.name, t.source, t.certified, t.tells, t.texts] for serial, t in self._told.items()],
            "answers": self.resolver.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a snapshot. Raises KeyError, ValueError, TypeError where it is none."""
        for serial, name, source, certified, tells, texts in state["told"][:MAX_NAMED]:
            self._told[int(serial)] = _Told(
                str(name), str(source), str(certified), int(tells) & 0xFFFFFFFF, {str(k): str(v) for k, v in texts.items()}
            )
        self.resolver.restore(state["answers"])

    def _by_answers(self, rows: Array, names: dict[int, tuple[str, str]], stale: list[int]) -> None:
        known = self.resolver.low_halves()
        if not known:
            return
        wanted = np.fromiter(known, np.uint64, len(known))
        servers = rows.view(np.uint64)[:, r.B_LO]
        for n in np.flatnonzero(np.isin(servers, wanted)).tolist():
            if n in names:
                continue
            row = rows[n]
            client = (int(row[r.A_HI]) & LOW64) << 64 | (int(row[r.A_LO]) & LOW64)
            address = (int(row[r.B_HI]) & LOW64) << 64 | (int(row[r.B_LO]) & LOW64)
            found = self.resolver.name(client, address, int(row[r.START]))
            if found:
                names[n] = (found[0], "dns")
                if found[1]:
                    stale.append(n)
