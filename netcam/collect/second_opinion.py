"""nmap as a second opinion on devices that stay unknown: only on their open ports, lightly, one device's conversation at a time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from netcam.collect.gate import Gate, OutOfScope
from netcam.collect.importers import nmap
from netcam.collect.importers.source import Source
from netcam.model import Fact

SENDS = (
    "nmap -sT -sV --version-intensity 2 on open ports of devices that stay unknown: its probes NULL, GenericLines, GetRequest, "
    "SSLSessionReq, TLSSessionReq and those it keeps for the port"
)
"""What nmap sends is nmap's own: its file nmap-service-probes says it byte by byte."""
LOGIN_FIRST = frozenset({8000, 9000, 9527, 34567, 35000, 37777})
"""Ports where nmap's probes are the first message of a maker's own protocol, which begins a login."""
MAX_DEVICES = 64
"""Devices asked about in one run; each takes up to a minute."""
MAX_PORTS = 16
AT_ONCE = 4
"""Devices that nmap looks at at the same time, each in a process of its own."""
SECONDS = 30
"""Seconds that nmap gets for one device."""

Opinion = tuple[str, Fact]
"""Endpoint and fact."""


async def ask(gate: Gate, doubtful: Mapping[str, Collection[int]], notes: list[str]) -> tuple[dict[str, list[Opinion]], dict[str, bytes]]:
    """Facts by address, and the XML they come from. Where nmap is absent that is noted, and nothing is asked."""
    facts: dict[str, list[Opinion]] = {}
    raw: dict[str, bytes] = {}
    absent: list[str] = []
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(address: str, wanted: Sequence[int]) -> None:
        async with slots:
            if absent:
                absent.append(address)
                return
            try:
                code, said = await gate.nmap(address, wanted, SECONDS)
            except OutOfScope as refused:
                notes.append(f"{address}: nmap was not asked: {refused}")
                return
        if code == 3:
            absent.append(address)
        elif code:
            notes.append(f"{address}: nmap gave no answer")
        elif told := read(said):
            facts[address], raw[address] = [(_endpoint(address, port), fact) for port, fact in told], said

    if len(doubtful) > MAX_DEVICES:
        notes.append(f"nmap was asked about the first {MAX_DEVICES} of {len(doubtful)} unknown devices")
    async with asyncio.TaskGroup() as group:
        for address, ports in list(doubtful.items())[:MAX_DEVICES]:
            if wanted := sorted(set(ports) - LOGIN_FIRST - gate.ports_never)[:MAX_PORTS]:
                group.create_task(one(address, wanted))
    if absent:
        notes.append(
            f"nmap or python-nmap is not installed: {len(absent)} devices stay unknown without a second opinion"
            " (apt-get install nmap, and the extra nmap)"
        )
    return facts, raw


def read(said: bytes) -> list[tuple[int, Fact]]:
    """Port and fact of each thing that nmap's XML says of services; what netcam knows by itself (MAC, open ports) is left."""
    found = nmap.read(Source(Path("nmap"), io.BytesIO(said)))
    return [(record.port, record.fact) for record in found if record.fact.field.startswith(("nmap.", "http.", "tls."))]


def _endpoint(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" if port else address
