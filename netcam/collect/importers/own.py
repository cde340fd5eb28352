"""netcam's own observations as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator

from netcam import wire
from netcam.collect.importers.source import Importer, Problem, Source
from netcam.model import Observation


def read(file: Source) -> Iterator[Observation]:
    """The observations as they stand; broken lines are told."""

    def lines() -> Iterator[bytes]:
        for number, line in file.lines():
            file.line = number
            yield line

    for thing in wire.observations(lines()):
        if isinstance(thing, wire.Problem):
            file.problems.append(Problem(file.line, thing.problem, thing.dropped))
        elif not thing.key:
            file.problems.append(Problem(file.line, "says of whom by no device, no MAC and no address"))
        else:
            yield thing


def recognises(head: bytes, _name: str) -> bool:
    """An object with a field and a value."""
    first = head.split(b"\n", 1)[0]
    return first.lstrip().startswith(b"{") and b'"field"' in first and b'"value"' in first


IMPORTER = Importer(name="netcam", title="netcam observations (JSON lines)", recognises=recognises, read=read, rank=2)
