"""The device list of Hikvision's SADP tool saved as CSV: what devices answered to its search, under the tool's own headings."""

from __future__ import annotations

from collections.abc import Iterator

from netcam.collect.importers import source
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.model import Fact
from netcam.protocols import decoding

HEADINGS = {
    "device type": "sadp.DeviceDescription",
    "software version": "sadp.SoftwareVersion",
    "dsp version": "sadp.DSPVersion",
    "device serial no.": "sadp.DeviceSN",
    "http port": "sadp.HttpPort",
    "port": "sadp.CommandPort",
    "encoding channel(s)": "sadp.DigitalChannelNum",
    "ipv4 address": "sadp.IPv4Address",
    "mac address": "sadp.MAC",
}
"""Heading of the tool's table -> element of the answer that it shows."""
_TELLING = ("device type", "device serial no.", "ipv4 address")


def read(file: Source) -> Iterator[Record]:
    """Records row by row."""
    lines = file.lines()
    number, raw = next(lines, (0, b""))
    head = decoding.decoded(raw).lstrip("\ufeff")
    separator = max(",;\t", key=head.count)
    names = [cell.strip().lower() for cell in source.cells(head, separator)]
    for number, raw in lines:
        if not raw.strip():
            continue
        row = dict(zip(names, source.cells(decoding.decoded(raw), separator), strict=False))
        address, mac = source.address(row.get("ipv4 address", "")), source.mac(row.get("mac address", ""))
        if not address and not mac:
            file.problems.append(Problem(number, "a row without an address or a MAC"))
            continue
        facts = [Fact("mac", mac)] if mac else []
        facts += [Fact(field, value) for name, field in HEADINGS.items() if (value := decoding.line(row.get(name, ""), 255))]
        for fact in facts:
            yield Record(number, fact, address, 0, mac)


def recognises(head: bytes, _name: str) -> bool:
    """A heading line with the tool's words."""
    first = decoding.decoded(head.split(b"\n", 1)[0]).lower()
    return all(word in first for word in _TELLING)


IMPORTER = Importer(name="sadp", title="SADP tool's device list as CSV", recognises=recognises, read=read, rank=8)
