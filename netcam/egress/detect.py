"""Runs every detector over the flows of a window, joined to the devices that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network

from netcam.catalog.destinations import Destinations
from netcam.egress.registry import detectors
from netcam.egress.window import DeviceRef, outside
from netcam.flows.table import FlowTable
from netcam.model import Finding

__all__ = ["DeviceRef", "detect"]


def detect(
    table: FlowTable,
    devices: Mapping[str, DeviceRef],
    destinations: Destinations,
    *,
    declared: Sequence[str] = (),
    internal: Sequence[IPv4Network | IPv6Network] = (),
    site: str = "",
) -> list[Finding]:
    """Findings in order of rank, detector, device and subject; the order of flows does not change them."""
    conversations = outside(table, devices, destinations, declared=declared, internal=internal)
    found = [finding for one in detectors().values() for finding in one.detect(conversations, site)]
    return sorted(found, key=lambda f: (-f.rank, f.rule, f.device, f.subject))
