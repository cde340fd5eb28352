"""Flow tables to rows of known devices: whose flow it is, which way it went, and how much of it can be believed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netcam.egress.columns import Array, Columns, empty, joined, take
from netcam.flows.inside import NOBODY, PRIVATE, Inside, Network
from netcam.flows.table import QUALITY, TELLS, FlowTable, address_text, mac_text

OUT, IN, LAN, LAN_IN = 0, 1, 2, 3
"""Side of a row: the device began it to the outside; the outside began it; the device to an inside peer; an inside peer to the device."""
SIDES = ("to outside", "from outside", "to inside", "from inside")

HOUR = 3_600_000_000_000
"""Nanoseconds."""
MAX_HOURS = 24
"""A flow that lasts longer is shared out over its last 24 hours: exporters with an active timeout never send such a one."""
MAX_DEVICES = 20_000
"""Inside addresses that may be devices: an estate has thousands; a scan with forged inside sources must not fill memory."""
TUNNELS = frozenset({4, 41, 47, 50, 51, 97, 98, 108, 137})
"""IP in IP, IPv6 in IP, GRE, ESP, AH, EtherIP, ENCAP, IPComp, MPLS in IP (IANA protocol numbers)."""
SEALED = TELLS["wireguard"] | TELLS["openvpn"]
"""Payload marks of tunnels that no protocol number shows."""
MAX_VOLUME = 2**40
"""Bytes or packets of one flow, a terabyte: a source that says more is wrong, and a million such rows still add up in 64 bits."""
MAC_BITS = np.uint64(2**48 - 1)
"""A MAC has 48 bits, whatever a source says."""
HEADER = {6: 40, 17: 28}
"""Bytes of headers in each packet (IP and TCP or UDP without options), taken off where a source counts no payload."""
ICMP_HEADER = 8
"""ICMP's own bytes before the data (RFC 792)."""

KINDS: Mapping[str, str] = {
    "hour": "i4", "dev": "i4", "name": "i4", "hi": "u8", "lo": "u8", "side": "i2", "port": "i4", "proto": "i4", "start": "i8", "end": "i8",
    "head": "i4", "up": "i8", "down": "i8", "pk_up": "i8", "pk_down": "i8", "answered": "i8", "blocked": "i8", "tells": "i8", "blind": "i8",
    "seconds": "f8", "asn": "i8", "country": "i4", "marks": "i4", "ja4": "i4", "at_hi": "u8", "at_lo": "u8", "whole_up": "i8", "whole_down": "i8",
}  # fmt: skip
"""One row: a flow, or the part of a flow in one hour. `up` and `down` are payload bytes from the device's own point of view; `whole_*` and
`seconds` are those of the whole flow, on each of its parts.
`head` is 1 for the part in which the flow began; `at_*`: the other end's address, also where a name stands for it. `blind` counts rows whose source tells no bytes per direction. `marks`: MARKS."""
LITERAL = re.compile(r"[0-9.]+|[0-9a-f:]*:[0-9a-f:.]*", re.IGNORECASE)
"""An address where a name should stand (HTTP's Host may hold one): no name."""
MARKS = {"no_name_tls": 1, "sampled": 2, "carrier": 4, "unread": 8, "read": 16}
"""TLS in which neither the handshake, a certificate nor an earlier DNS answer gave a name; counts estimated from sampled packets; a tunnel
whose packets were read and are rows of their own; a beginning that was not seen, or cut; packets that the source looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRef:
    """A device as the inventory knows it; traffic is joined by MAC, else by address."""

    device: str
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    maker: str | None = None
    brand: str | None = None
    model: str | None = None
    firmware: str | None = None
    is_camera: bool | None = None
    kind: str | None = None
    restricted: bool = False
    """A policy restricts this device at its site."""
    site: str = ""

    @property
    def type(self) -> tuple[str, str, str]:
        """Maker, model, firmware: devices of one type are peers."""
        return self.maker or self.brand or "", self.model or "", self.firmware or ""


@dataclass(slots=True)
class Numbers:
    """Device keys and names as numbers, for columns."""

    devices: list[DeviceRef] = field(default_factory=list)
    names: list[str] = field(default_factory=lambda: [""])
    device_number: dict[str, int] = field(default_factory=dict)
    name_number: dict[str, int] = field(default_factory=lambda: {"": 0})

    def device(self, ref: DeviceRef) -> int:
        """The number of a device; its newest description is kept."""
        at = self.device_number.setdefault(ref.device, len(self.devices))
        if at == len(self.devices):
            self.devices.append(ref)
        elif self.devices[at] is not ref:
            self.devices[at] = ref
        return at

    def name(self, text: str) -> int:
        """The number of a name; 0 is no name."""
        at = self.name_number.setdefault(text, len(self.names))
        if at == len(self.names):
            self.names.append(text)
        return at


def spelt(hi: int, lo: int) -> str:
    """An address from its halves; one that fits 32 bits is IPv4."""
    return address_text(hi, lo, 4 if hi == 0 and lo < 2**32 else 6)


def rows(
    table: FlowTable, devices: Mapping[str, DeviceRef], numbers: Numbers, internal: Sequence[Network], counters: Counter[str]
) -> Columns:
    """The rows of `table` that concern a device. Rows that cannot be are left out and counted."""
    c = table.columns
    bad = c["end"] < c["start"]
    counters["negative durations"] += int(bad.sum())
    hi = {end: np.where(c["version"] == 4, np.uint64(0), c[f"{end}_hi"]).astype(np.uint64) for end in "ab"}
    lo = {end: c[f"{end}_lo"].astype(np.uint64) for end in "ab"}
    estate, nowhere = Inside(internal, PRIVATE), Inside((), NOBODY)
    inside = {end: estate.of(hi[end], lo[end], c["version"]) for end in "ab"}
    nobody = {end: nowhere.of(hi[end], lo[end], c["version"]) for end in "ab"}
    counters["flows inside"] += int((~bad & inside["a"] & inside["b"]).sum())
    usable = ~bad & ~nobody["a"] & ~nobody["b"] & (inside["a"] | inside["b"])
    by_mac = {mac: ref for ref in devices.values() for mac in ref.macs}
    by_address = {address.partition("%")[0]: ref for ref in devices.values() for address in ref.addresses}
    parts = []
    for end, other, sides in (("a", "b", (OUT, LAN)), ("b", "a", (IN, LAN_IN))):
        mine = np.flatnonzero(usable & inside[end])
        owner, known = _owners(table, mine, end, hi[end], lo[end], devices, by_mac, by_address, numbers, counters)
        outside = ~inside[other][mine]
        # between two inside addresses only what touches a known device, or looks like a tunnel, is kept
        tunnel = np.isin(c["proto"][mine], [1, 58, *TUNNELS]) | (c["b_port"][mine] == 53) | ((c["tells"][mine] & SEALED) != 0)
        keep = (owner >= 0) & (outside | known | (tunnel & (end == "a")))
        mine, owner, outside = mine[keep], owner[keep], outside[keep]
        if not len(mine):
            continue
        side = np.where(outside, sides[0], sides[1])
        parts.append(_sided(table, mine, owner, side, hi[other], lo[other], end, numbers))
    counters["rows joined"] += sum(len(p["dev"]) for p in parts)
    return _by_hour(joined(parts, KINDS))


def _owners(
    table: FlowTable, mine: Array, end: str, hi: Array, lo: Array, devices: Mapping[str, DeviceRef],
    by_mac: Mapping[str, DeviceRef], by_address: Mapping[str, DeviceRef], numbers: Numbers, counters: Counter[str],
) -> tuple[Array, Array]:  # fmt: skip
    """Number of the device at `end` of each row (-1: over the bound), and whether the inventory knows it. One question per address."""
    if not len(mine):
        return np.zeros(0, np.int64), np.zeros(0, bool)
    told = table["device"][mine] if end == "a" else np.zeros(len(mine), np.int64)
    keys = np.stack([hi[mine], lo[mine], table[f"{end}_mac"][mine].astype(np.uint64) & MAC_BITS, told.astype(np.uint64)], 1)
    unique, place = np.unique(keys, axis=0, return_inverse=True)
    number = np.empty(len(unique), np.int64)
    known = np.zeros(len(unique), bool)
    for n, (high, low, mac, key) in enumerate(unique.tolist()):
        address = spelt(high, low)
        ref: DeviceRef | None = devices.get(table.devices[key - 1]) if 0 < key <= len(table.devices) else None
        if ref is None:
            # by MAC, unless another device is known to have the address: a router's MAC is on everything it forwards
            ref = by_mac.get(mac_text(mac)) if mac else None
            if ref is None or address not in ref.addresses:
                ref = by_address.get(address) or ref
        known[n] = ref is not None
        if ref is None and address not in numbers.device_number and len(numbers.devices) >= MAX_DEVICES:
            counters["addresses beyond the bound of devices"] += 1
            number[n] = -1
            continue
        number[n] = numbers.device(ref or DeviceRef(device=address, addresses=(address,)))
    place = place.reshape(-1)
    return number[place], known[place]


def _sided(table: FlowTable, mine: Array, owner: Array, side: Array, hi: Array, lo: Array, end: str, numbers: Numbers) -> Columns:
    """Columns of rows whose device stands at `end`."""
    c = take(table.columns, mine)
    for column in ("packets_out", "packets_in", "bytes_out", "bytes_in", "payload_out", "payload_in"):
        c[column] = np.clip(c[column], 0, MAX_VOLUME)
    up, down = ("out", "in") if end == "a" else ("in", "out")
    quality = c["quality"]
    blind = (quality & (QUALITY["combined"] | QUALITY["no_bytes"])) != 0
    payload = {}
    for way in ("out", "in"):
        header = np.select([c["proto"] == p for p in HEADER], list(HEADER.values()), 20) * c[f"packets_{way}"]
        counted = (c["payload_out"] + c["payload_in"] > 0) | ((quality & QUALITY["payload_only"]) != 0)
        payload[way] = np.where(counted, c[f"payload_{way}"], np.maximum(0, c[f"bytes_{way}"] - header))
        payload[way] = np.where(blind | (c["blocked"] != 0), 0, payload[way])
        icmp = (c["proto"] == 1) | (c["proto"] == 58)
        payload[way] = np.where(icmp, np.maximum(0, payload[way] - ICMP_HEADER * c[f"packets_{way}"]), payload[way])
    name = np.zeros(len(mine), np.int64)
    ja4 = np.zeros(len(mine), np.int64)
    if end == "a":  # names and signatures are the server's and the client's; the device is the client
        place = np.full(len(table), -1, np.int64)
        place[mine] = np.arange(len(mine))
        for row, (text, _) in table.names.items():
            if place[row] >= 0 and not LITERAL.fullmatch(text):
                name[place[row]] = numbers.name(text)
        for row, text in table.texts.get("ja4", {}).items():
            if place[row] >= 0:
                ja4[place[row]] = numbers.name(f"ja4 {text}")
    marks = np.where(c["sampling"] > 1, MARKS["sampled"], 0)
    tls_nameless = ((c["tells"] & TELLS["tls"]) != 0) & (name == 0)
    marks |= np.where(tls_nameless, MARKS["no_name_tls"], 0)
    marks |= np.where((quality & QUALITY["carrier"]) != 0, MARKS["carrier"], 0)
    marks |= np.where((quality & (QUALITY["midstream"] | QUALITY["truncated"])) != 0, MARKS["unread"], 0)
    # only who sees packets knows how their sizes vary
    marks |= np.where(c["size_squares_out"] + c["size_squares_in"] > 0, MARKS["read"], 0)
    # the far port says what the conversation is about where the device began it; its own port where somebody else did
    return {
        "hour": np.zeros(len(mine), np.int32), "dev": owner, "name": name, "hi": np.where(name > 0, np.uint64(0), hi[mine]),
        "lo": np.where(name > 0, np.uint64(0), lo[mine]), "side": side, "port": c["b_port"], "proto": c["proto"],
        "start": c["start"], "end": c["end"], "head": np.ones(len(mine), np.int32), "up": payload[up], "down": payload[down],
        "pk_up": c[f"packets_{up}"], "pk_down": c[f"packets_{down}"],
        "answered": (c["packets_in"] > 0).astype(np.int64), "blocked": (c["blocked"] != 0).astype(np.int64), "tells": c["tells"],
        "blind": blind.astype(np.int64), "seconds": (c["end"] - c["start"]) / 1e9, "asn": c["asn"], "country": c["country"], "marks": marks, "ja4": ja4, "at_hi": hi[mine], "at_lo": lo[mine],
        "whole_up": payload[up], "whole_down": payload[down],
    }  # fmt: skip


def _by_hour(made: Columns) -> Columns:
    """The hour of each row; flows over several hours are shared out by time."""
    if not len(made["dev"]):
        return empty(KINDS)
    last = np.maximum(made["end"] - 1, made["start"]) // HOUR
    first = np.maximum(made["start"] // HOUR, last - MAX_HOURS + 1)
    made["hour"] = last.astype(np.int32)
    if (first == last).all():
        return made
    spread, nth, hour = periods(first, last)
    parts = take(made, spread)
    begin, end = shared(parts, hour, HOUR, ("up", "down", "pk_up", "pk_down"), np.maximum(parts["start"], first[spread] * HOUR))
    parts["head"] = (nth == 0).astype(np.int32)
    parts["hour"], parts["start"], parts["end"] = hour.astype(np.int32), begin, end
    return parts


def periods(first: Array, last: Array) -> tuple[Array, Array, Array]:
    """Rows that last over periods `first` to `last`, once for each of them: row, which of its periods, the period."""
    count = last - first + 1
    spread = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(spread)) - np.repeat(np.cumsum(count) - count, count)
    return spread, nth, first[spread] + nth


def shared(parts: Columns, period: Array, length: int, columns: Sequence[str], since: Array) -> tuple[Array, Array]:
    """Share out `columns` of `parts` by the time since `since` that each has in its period (numbers of `length` nanoseconds); begin and end of it."""
    begin, end = np.maximum(parts["start"], period * length), np.minimum(parts["end"], (period + 1) * length)
    whole = parts["end"] - since
    # a flow of one packet has no length, and lies whole in its period
    upto, before = np.where(whole > 0, (end - since) / np.maximum(whole, 1), 1.0), (begin - since) / np.maximum(whole, 1)
    for column in columns:
        # rounded at the edges of the periods, so that the parts add up to the whole
        parts[column] = (np.rint(parts[column] * upto) - np.rint(parts[column] * before)).astype(np.int64)
    return begin, end
