"""Entries of a list as CSV: an asset register's or a management system's export, with the operator's column map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from netcam import wire
from netcam.collect.importers import cameras, source
from netcam.collect.importers.source import Problem, Source
from netcam.collect.registers.entry import Entry
from netcam.protocols import decoding


def entries(path: Path, columns: Mapping[str, str], problems: list[Problem]) -> Iterator[Entry]:
    """Entries row by row, however many; a row that names no device is told. Raises ContentError, ConfigError."""
    name = decoding.line(path.name, 200)
    with source.opened(path) as file:
        for number, row in cameras.rows(Source(path, file, columns, problems)):
            told = {role: decoding.line(value, 255) for role, value in row.items()}
            one = Entry(
                where=f"{name}:{number}", id=told.get("id", ""), name=told.get("name", "") or told.get("hostname", ""),
                address=source.address(told.get("address", "")), mac=wire.normal_mac(told.get("mac", "")), serial=told.get("serial", ""),
                maker=told.get("maker", ""), model=told.get("model", ""),
            )  # fmt: skip
            if one.address or one.mac or one.serial:
                yield one
            else:
                problems.append(Problem(number, "a row without an address, a MAC or a serial number"))
