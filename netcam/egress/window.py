"""What a detector looks at: flows of known devices to the outside, grouped by device and destination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import numpy as np
import numpy.typing as npt

from netcam.catalog.destinations import Destination, Destinations
from netcam.flows.table import FlowTable, address_text, mac_text

INTERNAL = tuple(
    ip_network(n)
    for n in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "0.0.0.0/8",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
        "::1/128",
        "::/128",
    )
)
"""Never outside: private, link-local, loopback, multicast, shared address space (RFC 6890)."""


MAX_ADDRESSES = 64
"""Addresses of one destination that evidence names."""


@dataclass(frozen=True, slots=True)
class DeviceRef:
    """A device as the inventory knows it; traffic is joined by MAC, else by address."""

    device: str
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    maker: str | None = None
    brand: str | None = None
    model: str | None = None
    is_camera: bool | None = None


@dataclass(slots=True)
class Conversation:
    """All flows of one device to one destination (a name, else an address) and port, in one window."""

    device: DeviceRef
    destination: str
    name_source: str
    addresses: frozenset[str]
    port: int
    protocol: int
    rows: npt.NDArray[np.int64]
    known: Destination | None
    declared: bool
    """The operator expects it."""
    starts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    sizes_out: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Payload out of each flow."""
    packets: int = 0
    payload_out: int = 0
    payload_in: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    first: int = 0
    last: int = 0
    answered: int = 0
    """Flows in which the other side sent something."""

    @property
    def seconds(self) -> float:
        """From the first packet to the last."""
        return (self.last - self.first) / 1e9

    @property
    def ratio(self) -> float:
        """Producer/consumer ratio of payload, -1..+1; 0 where nothing was sent (Bullard and Gerth, PCR)."""
        total = self.payload_out + self.payload_in
        return (self.payload_out - self.payload_in) / total if total else 0.0

    @property
    def documented(self) -> bool:
        """A sourced destination of the device's own maker, or one that the operator declared."""
        return self.declared or (self.known is not None and self.known.maker in (self.device.maker, self.device.brand))


def outside(
    table: FlowTable,
    devices: Mapping[str, DeviceRef],
    destinations: Destinations,
    *,
    declared: Sequence[str],
    internal: Sequence[IPv4Network | IPv6Network],
) -> list[Conversation]:
    """Conversations that a device of the estate began with the outside, in order of device and destination."""
    inside = (*internal, *INTERNAL)
    by_mac = {mac: one for one in devices.values() for mac in one.macs}
    by_address = {address.partition("%")[0]: one for one in devices.values() for address in one.addresses}
    # every question about an address is asked once per address, not once per flow
    ends = np.concatenate([np.stack([table[f"{end}_hi"], table[f"{end}_lo"], table["version"].astype("u8")], 1) for end in "ab"])
    unique, place = np.unique(ends, axis=0, return_inverse=True)
    texts = [address_text(high, low, version) for high, low, version in unique.tolist()]
    within = np.array([_inside(text, inside) for text in texts], bool)
    source, target = place.reshape(2, -1)
    rows_out = np.flatnonzero(within[source] & ~within[target]) if len(table) else np.zeros(0, np.int64)
    name_ids: dict[str, int] = {}
    where = target.astype(np.int64)
    for n, (name, _) in table.names.items():
        where[n] = len(texts) + name_ids.setdefault(name, len(name_ids))
    labels = [*texts, *name_ids]
    owners, owner = np.unique(np.stack([source[rows_out], table["a_mac"][rows_out].astype(np.int64)], 1), axis=0, return_inverse=True)
    known_owners = [_owner(texts[at], mac_text(mac), by_mac, by_address) for at, mac in owners.tolist()]
    order = {one.device: n for n, one in enumerate(known_owners)}
    number = np.array([order[one.device] for one in known_owners], np.int64)[owner.reshape(-1)] if len(known_owners) else owner.reshape(-1)
    keys, group = np.unique(
        np.stack([number, where[rows_out], table["b_port"][rows_out].astype(np.int64), table["proto"][rows_out].astype(np.int64)], 1),
        axis=0,
        return_inverse=True,
    )
    arranged = np.argsort(group.reshape(-1), kind="stable")
    edges = np.searchsorted(group.reshape(-1)[arranged], np.arange(len(keys) + 1))
    groups: dict[tuple[str, str, int, int], npt.NDArray[np.int64]] = {}
    who: dict[str, DeviceRef] = {}
    for n, (device_number, label, port, proto) in enumerate(keys.tolist()):
        one = known_owners[device_number]
        who[one.device] = one
        groups[(one.device, labels[label], port, proto)] = rows_out[arranged[edges[n] : edges[n + 1]]]
    wanted = [d.lower().rstrip(".") for d in declared]
    found = []
    for key in sorted(groups):
        rows = groups[key]
        device, name, port, proto = key
        addresses = {texts[at] for at in np.unique(target[rows])[:MAX_ADDRESSES].tolist()}
        name_source = table.names.get(int(rows[0]), ("", "address"))[1]
        one = who[device]
        known = destinations.match(name if name_source != "address" else None, maker=one.maker)
        found.append(
            Conversation(
                device=one, destination=name, name_source=name_source, addresses=frozenset(addresses), port=port, protocol=proto, rows=rows,
                known=known, declared=_declared(name, addresses, wanted), starts=np.sort(table["start"][rows]),
                sizes_out=table["payload_out"][rows],
                packets=int(table["packets_out"][rows].sum() + table["packets_in"][rows].sum()),
                payload_out=int(table["payload_out"][rows].sum()), payload_in=int(table["payload_in"][rows].sum()),
                bytes_out=int(table["bytes_out"][rows].sum()), bytes_in=int(table["bytes_in"][rows].sum()),
                first=int(table["start"][rows].min()), last=int(table["end"][rows].max()),
                answered=int((table["packets_in"][rows] > 0).sum()),
            )
        )  # fmt: skip
    return found


def _inside(text: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    ip = ip_address(text)
    return any(ip.version == n.version and ip in n for n in networks)


def _owner(address: str, mac: str, by_mac: Mapping[str, DeviceRef], by_address: Mapping[str, DeviceRef]) -> DeviceRef:
    """The device that sent: by MAC, unless another one is known to have the address (a router's MAC is on everything it forwards)."""
    one = by_mac.get(mac) if mac else None
    if one is None or address not in one.addresses:
        one = by_address.get(address) or one
    return one or DeviceRef(device=address, addresses=(address,))


def _declared(name: str, addresses: Iterable[str], wanted: Sequence[str]) -> bool:
    """Whether the operator's list names it: a host, `*.domain`, an address or a network."""
    for one in wanted:
        if one == name or (one.startswith("*.") and name.endswith(one[1:])):
            return True
        try:
            network = ip_network(one, strict=False)
        except ValueError:
            continue
        if all(ip_address(a).version == network.version and ip_address(a) in network for a in addresses):
            return True
    return False
