"""Logs of flows, one file or a folder of them, to tables of bounded size: every format of `netcam.flows.sources`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from netcam.errors import ContentError
from netcam.flows.capture import beginning, opened, unpacked
from netcam.flows.records import Records
from netcam.flows.source import LogSource, Reading, lines, sources
from netcam.flows.table import FlowTable

WINDOW_RECORDS = 100_000
"""Records of one window of a log."""
MAX_FILES = 10_000
"""Files of one folder."""
_ORDER = ("dns", "ssl", "quic", "http")
"""Zeek's logs that name connections are read before `conn`."""


def windows(path: Path, head: bytes, internal: Sequence[IPv4Network | IPv6Network], now: int) -> Iterator[FlowTable]:
    """Flows of a log that begins with `head`, or of a folder of logs. Raises ContentError where nothing can read it."""
    if path.is_dir():
        yield from _folder(path, internal, now)
    else:
        yield from _logs([(path, told(head, path))], Reading(Records(internal), now))


def told(head: bytes, path: Path) -> LogSource:
    """The format of a file that begins with `head`. Raises ContentError where none fits."""
    for one in sources().values():
        if one.recognises(head, path.name):
            return one
    known = "; ".join(one.title for one in sources().values())
    raise ContentError(
        str(path), f"is no capture and no flow log that is known (it begins with {head[:12]!r})", f"give a capture, or: {known}"
    )


def _folder(path: Path, internal: Sequence[IPv4Network | IPv6Network], now: int) -> Iterator[FlowTable]:
    found: list[tuple[Path, LogSource]] = []
    for one in sorted(path.iterdir())[:MAX_FILES]:
        if not one.is_file():
            continue
        head = beginning(one)
        for source in sources().values():
            if source.recognises(head, one.name):
                found.append((one, source))
                break
    if not found:
        raise ContentError(str(path), "has no flow log that is known", "give a folder with Zeek's conn.log, or files")
    found.sort(key=lambda pair: (_rank(pair[0]), pair[0].name))
    yield from _logs(found, Reading(Records(internal), now))


def _rank(path: Path) -> int:
    return next((n for n, name in enumerate(_ORDER) if path.name.startswith(name)), len(_ORDER))


def _logs(found: Sequence[tuple[Path, LogSource]], reading: Reading) -> Iterator[FlowTable]:
    records = reading.records
    given = False
    for path, source in found:
        with opened(path) as raw, unpacked(raw) as file:
            try:
                if source.read is not None:
                    for _ in source.read(file, str(path), reading):
                        if len(records) >= WINDOW_RECORDS:
                            yield window(reading)
                            given = True
                elif source.line is not None:
                    for line in lines(file, records):
                        source.line(line, str(path), reading)
                        if len(records) >= WINDOW_RECORDS:
                            yield window(reading)
                            given = True
            except (EOFError, OSError) as error:
                records.notes.append(f"{path}: truncated or corrupt: {type(error).__name__}")
    if len(records) or not given or records.notes or len(reading.resolver):
        yield window(reading)


def window(reading: Reading) -> FlowTable:
    """What was read since the last window."""
    table = reading.records.take()
    table.lookups = reading.resolver.take()
    if table.counters.get("malformed"):
        table.notes.append(f"{table.counters['malformed']} lines or records could not be read")
    return table
