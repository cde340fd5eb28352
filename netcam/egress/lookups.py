"""DNS questions of devices, counted per hour and per registered domain: how many, how new, how long, how odd."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from zlib import crc32

import numpy as np

from netcam.catalog.destinations import registrable
from netcam.egress.columns import Columns, empty, folded, order, take
from netcam.egress.join import HOUR, MAC_BITS, DeviceRef, Numbers, spelt
from netcam.flows.table import FlowTable, mac_text

KINDS: Mapping[str, str] = {
    "hour": "i4", "dev": "i4", "parent": "i4", "server_hi": "u8", "server_lo": "u8", "asked": "i8", "length": "i8", "longest": "i4",
    "odd": "i8", "dense": "i8", "size": "i8", "unanswered": "i8",
}  # fmt: skip
"""One row per hour, device, registered domain and resolver: questions, sum and maximum of the names' lengths, questions of unusual type,
names with a long dense label, bytes of the larger messages, questions without answer."""
NAMES: Mapping[str, str] = {"hour": "i4", "dev": "i4", "parent": "i4", "hash": "i8"}
"""Which names: 64-bit hashes, the MAX_NAMES smallest of each hour, device and domain."""
MAX_NAMES = 512
"""Names remembered per hour, device and domain: a tunnel passes the mark of 50 long before; the count beyond is an estimate."""
ODD_TYPES = frozenset({10, 15, 16, 5})
"""NULL, MX, TXT, CNAME: what tunnels carry data in; a camera asks for A and AAAA."""
NULL_TYPES = frozenset({10, 65399, 65534})
DENSE_LABEL = 30
"""Characters of a label above which names of machines are rare; hex or base32 payload fills up to 63."""
DENSE_BITS = 3.0
"""Bits of entropy per character of such a label: hex payload has up to 4.0, words under 3.5 only by chance at this length."""


def entropy(text: str) -> float:
    """Bits per character (Shannon)."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values()) if text else 0.0


def dense(name: str) -> bool:
    """Whether a label of `name` is long and looks random."""
    label = max(name.split("."), key=len)
    return len(label) >= DENSE_LABEL and entropy(label) >= DENSE_BITS


def parent(name: str) -> str:
    """The registered domain, or the last two labels where the name ends in no known suffix."""
    tail = ".".join(name.lower().rstrip(".").rsplit(".", 4)[-4:])
    return registrable(tail[:253]) if tail else ""


def digest(name: str) -> int:
    """A stable hash of a name, 62 bits: the same in every run and process."""
    data = name.encode("utf-8", "surrogatepass")
    return (crc32(data) << 30 | crc32(data[::-1] + b"\1")) & (2**62 - 1)


def rows(table: FlowTable, devices: Mapping[str, DeviceRef], numbers: Numbers) -> tuple[Columns, Columns]:
    """Counted questions and hashes of names, unfolded across tables: fold them with `fold`."""
    asked = table.lookups
    if not len(asked):
        return empty(KINDS), empty(NAMES)
    c = asked.columns
    by_mac = {mac: ref for ref in devices.values() for mac in ref.macs}
    by_address = {address.partition("%")[0]: ref for ref in devices.values() for address in ref.addresses}
    hi = np.where(c["version"] == 4, np.uint64(0), c["client_hi"]).astype(np.uint64)
    server_hi = np.where(c["version"] == 4, np.uint64(0), c["server_hi"]).astype(np.uint64)
    keys, place = np.unique(np.stack([hi, c["client_lo"].astype("u8"), c["mac"].astype("u8") & MAC_BITS], 1), axis=0, return_inverse=True)
    owners = np.full(len(keys), -1, np.int64)
    for n, (high, low, mac) in enumerate(keys.tolist()):
        address = spelt(high, low)
        ref = by_mac.get(mac_text(mac)) if mac else None
        if ref is None or address not in ref.addresses:
            ref = by_address.get(address) or ref
        if ref is None and address not in numbers.device_number:
            continue  # the flow table has joined every inside client already; what it refused stays refused
        owners[n] = numbers.device(ref) if ref else numbers.device_number[address]
    owner = owners[place.reshape(-1)]
    names = asked.names
    parents = np.array([numbers.name(parent(name)) for name in names] or [0], np.int64)
    thick = np.array([dense(name) for name in names] or [False], bool)
    hashes = np.array([digest(name) for name in names] or [0], np.int64)
    at = c["name"].astype(np.int64)
    made = {
        "hour": (c["at"] // HOUR).astype(np.int32), "dev": owner, "parent": parents[at], "server_hi": server_hi,
        "server_lo": c["server_lo"].astype(np.uint64), "asked": np.ones(len(asked), np.int64), "length": c["length"].astype(np.int64),
        "longest": c["length"], "odd": np.isin(c["type"], list(ODD_TYPES)).astype(np.int64), "dense": thick[at].astype(np.int64),
        "size": c["size"].astype(np.int64), "unanswered": (c["answered"] == 0).astype(np.int64), "hash": hashes[at],
    }  # fmt: skip
    made = take(made, owner >= 0)
    return fold({k: made[k] for k in KINDS}), bottom({k: made[k] for k in NAMES})


def fold(columns: Columns) -> Columns:
    """One row per hour, device, domain and resolver."""
    how = dict.fromkeys(("asked", "length", "odd", "dense", "size", "unanswered"), "sum") | {"longest": "max"}
    return folded(columns, ("hour", "dev", "parent", "server_hi", "server_lo"), how)


def bottom(columns: Columns) -> Columns:
    """Distinct hashes, the MAX_NAMES smallest of each hour, device and domain: the same whatever order they came in."""
    distinct = folded(columns, ("hour", "dev", "parent", "hash"), {})
    arranged, begins = order(distinct, ("hour", "dev", "parent"))
    if not len(begins):
        return distinct
    nth = np.arange(len(arranged)) - np.repeat(begins, np.diff([*begins, len(arranged)]))
    return take(distinct, arranged[nth < MAX_NAMES])
