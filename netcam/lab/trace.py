"""Flows of made-up devices as columns: what an exporter beside them would have sent, without a packet."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import numpy as np
import numpy.typing as npt

from netcam.flows.table import COLUMNS, LOOKUP_COLUMNS, TELLS, FlowTable, Lookups

Array = npt.NDArray[Any]
ACTIVE = 1800.0
"""Seconds after which an exporter sends a flow that goes on (the usual active timeout)."""
SEGMENT = 1380
"""Payload bytes of a full packet over Ethernet with options and a tunnel's room."""
EPOCH = 1_763_942_400
"""2025-11-24 00:00 UTC, a Monday: the traces begin here."""
DAY = 86_400.0
_NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "gre": 47, "ipip": 4, "esp": 50}


@dataclass(slots=True)
class Trace:
    """Collects conversations; `tables` hands them out in order of their end, as a sensor would."""

    rng: np.random.Generator
    _parts: list[dict[str, Array]] = field(default_factory=list)
    _names: list[str] = field(default_factory=lambda: [""])
    _asked: list[dict[str, Array]] = field(default_factory=list)
    _questions: list[str] = field(default_factory=list)

    def add(
        self, source: str, to: str | Array, port: int | Array, start: Array | float, *, up: Array | float, down: Array | float, seconds: Array | float = 1.0,
        name: str = "", proto: str = "tcp", tells: str = "", answered: bool | Array = True, packet: int = SEGMENT, blocked: bool = False,
    ) -> None:  # fmt: skip
        """Conversations that `source` begins; arrays give many at once, times in seconds since EPOCH. `up` is from `source`."""
        begin = np.atleast_1d(np.asarray(start, float))
        count = len(begin)
        if not count:
            return

        def wide(value: Any, kind: str = "f8") -> Array:
            return np.broadcast_to(np.asarray(value, kind), (count,)).copy()

        length = wide(seconds)
        ends = wide(to if isinstance(to, np.ndarray) else int(ip_address(to)), "u8")
        part = {
            "start": begin, "seconds": length, "up": np.maximum(0, wide(up)), "down": np.maximum(0, wide(down)), "port": wide(port, "i4"), "b": ends,
            "a": wide(int(ip_address(source)), "u8"), "proto": wide(_NUMBERS[proto], "i4"), "tells": wide(sum(TELLS[t] for t in tells.split()), "i4"),
            "answered": wide(answered, "i4"), "name": wide(self._name(name), "i4"), "packet": wide(packet, "i4"), "blocked": wide(blocked, "i4"),
        }  # fmt: skip
        cuts = np.maximum(1, np.ceil(length / ACTIVE)).astype(np.int64)
        if cuts.max() > 1:  # long flows are sent in parts
            row = np.repeat(np.arange(count), cuts)
            nth = np.arange(len(row)) - np.repeat(np.cumsum(cuts) - cuts, cuts)
            part = {k: v[row] for k, v in part.items()}
            whole = part["seconds"]
            part["start"] = part["start"] + nth * ACTIVE
            part["seconds"] = np.minimum(ACTIVE, whole - nth * ACTIVE)
            for way in ("up", "down"):
                part[way] = part[way] * part["seconds"] / np.maximum(whole, 1e-9)
        self._parts.append(part)

    def ask(self, source: str, resolver: str, names: list[str], at: Array, kind: int = 1) -> None:
        """Questions to a resolver; every one is a flow on port 53 too."""
        if not names:
            return
        sizes = np.array([len(n) for n in names], float)
        self.add(source, resolver, 53, at, up=sizes + 18, down=sizes + 60, seconds=0.05, proto="udp", tells="dns", packet=512)
        first = len(self._questions)
        self._questions += names
        self._asked.append({
            "at": np.asarray(at, float), "client_lo": np.full(len(names), int(ip_address(source)), "u8"), "length": sizes.astype("i4"),
            "server_lo": np.full(len(names), int(ip_address(resolver)), "u8"), "type": np.full(len(names), kind, "i4"),
            "name": np.arange(first, first + len(names), dtype="i4"), "size": (sizes + 60).astype("i4"),
        })  # fmt: skip

    def take(self, other: Trace, begin: float, end: float) -> None:
        """The conversations of `other` that are told, and its questions that are asked, between `begin` and `end`."""
        renamed = np.array([self._name(text) for text in other._names], "i4")
        for part in other._parts:
            finish = part["start"] + part["seconds"]
            keep = (finish >= begin) & (finish < end)
            self._parts.append({k: renamed[v[keep]] if k == "name" else v[keep] for k, v in part.items()})
        for asked in other._asked:
            keep = (asked["at"] >= begin) & (asked["at"] < end)
            first = len(self._questions)
            self._questions += [other._questions[int(n)] for n in asked["name"][keep]]
            kept = {k: v[keep] for k, v in asked.items()}
            self._asked.append(kept | {"name": np.arange(first, len(self._questions), dtype="i4")})

    def quieten(self, most: float) -> None:
        """No direction of a conversation gets more than `most` bytes: streams to a recorder would fill a capture."""
        for part in self._parts:
            for way in ("up", "down"):
                part[way] = np.minimum(part[way], most)

    def _name(self, text: str) -> int:
        if text not in self._names:
            self._names.append(text)
        return self._names.index(text)

    def table(self, begin: float, end: float) -> FlowTable:
        """The flows whose record is sent between `begin` and `end` (seconds since EPOCH), and the questions asked then."""
        picked = []
        for part in self._parts:
            finish = part["start"] + part["seconds"]
            keep = (finish >= begin) & (finish < end)
            if keep.any():
                picked.append({k: v[keep] for k, v in part.items()})
        if not picked:
            rows = {
                k: np.zeros(0)
                for k in ("start", "seconds", "up", "down", "port", "b", "a", "proto", "tells", "answered", "name", "packet", "blocked")
            }
        else:
            rows = {k: np.concatenate([p[k] for p in picked]) for k in picked[0]}
        made = _columns(rows)
        named = np.flatnonzero(rows["name"] > 0)
        names = {int(n): (self._names[int(rows["name"][n])], "dns") for n in named}
        return FlowTable(made, names, lookups=self._lookups(begin, end))

    def _lookups(self, begin: float, end: float) -> Lookups:
        picked = []
        for part in self._asked:
            keep = (part["at"] >= begin) & (part["at"] < end)
            if keep.any():
                picked.append({k: v[keep] for k, v in part.items()})
        if not picked:
            return Lookups()
        whole = {k: np.concatenate([p[k] for p in picked]) for k in picked[0]}
        whole["at"] = ((whole["at"] + EPOCH) * 1e9).astype("i8")
        size = len(whole["at"])
        used, whole["name"] = np.unique(whole["name"], return_inverse=True)
        fixed = {"version": 4, "port": 53, "answered": 1, "answers": 1, "ttl": 300}
        columns = {k: (whole[k] if k in whole else np.full(size, fixed.get(k, 0))).astype(kind) for k, kind in LOOKUP_COLUMNS.items()}
        return Lookups(columns, [self._questions[int(n)] for n in used])


def _columns(rows: dict[str, Array]) -> dict[str, Array]:
    start = ((rows["start"] + EPOCH) * 1e9).astype("i8")
    ok = rows["answered"] > 0
    blocked = rows["blocked"] > 0
    up, down = np.where(blocked, 0, rows["up"]).astype("i8"), np.where(ok & ~blocked, rows["down"], 0).astype("i8")
    tcp = rows["proto"] == 6
    # acknowledgements of the other direction count as packets without payload
    out = np.maximum(1, up // np.maximum(rows["packet"], 1) + 1) + np.where(tcp & ok, 3 + down // (2 * SEGMENT), 0)
    back = np.where(ok & ~blocked, np.maximum(1, down // np.maximum(rows["packet"], 1) + 1) + np.where(tcp, 3 + up // (2 * SEGMENT), 0), 0)
    header = np.where(tcp, 52, np.where(rows["proto"] == 17, 28, 28))
    made = {
        "start": start, "end": start + (rows["seconds"] * 1e9).astype("i8"), "a_lo": rows["a"], "b_lo": rows["b"], "b_port": rows["port"],
        "a_port": 40000 + (rows["start"].astype("i8") % 20000), "proto": rows["proto"], "version": np.full(len(start), 4), "packets_out": out,
        "packets_in": back, "payload_out": up, "payload_in": down, "bytes_out": up + header * out, "bytes_in": down + header * back,
        "tells": rows["tells"], "blocked": rows["blocked"],
    }  # fmt: skip
    return {k: made[k].astype(kind) if k in made else np.zeros(len(start), kind) for k, kind in COLUMNS.items()}
