"""Any file or folder that tells flows to tables of bounded size: captures, and every log format of `netcam.flows.sources`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from netcam.errors import ContentError
from netcam.flows import capture
from netcam.flows import rows as layout
from netcam.flows.capture import _decompressed, opened
from netcam.flows.lookups import Resolver
from netcam.flows.records import Records
from netcam.flows.source import LogSource, Reading, lines, sources
from netcam.flows.table import FlowTable

WINDOW_RECORDS = 100_000
"""Records of one window of a log."""
HEAD = 8192
"""Bytes by which a format is told."""
MAX_FILES = 10_000
"""Files of one folder."""
_ORDER = ("dns", "ssl", "quic", "http")
"""Zeek's logs that name connections are read before `conn`."""


def windows(
    path: Path,
    *,
    internal: Sequence[IPv4Network | IPv6Network] = (),
    idle: float = layout.IDLE,
    active: float = 0,
    now: int = 0,
    window_rows: int = 0,
) -> Iterator[FlowTable]:
    """Flows of a file, or of the logs of a folder (Zeek writes one file for each protocol), in tables of bounded size.

    `now` in ns, for logs that write no year. Raises ContentError where nothing can read it.
    """
    if path.is_dir():
        yield from _folder(path, internal, now)
        return
    head = _head(path)
    if head[:4] in capture._MAGIC or head[:4] == capture._PCAPNG:
        yield from capture.windows(path, internal=internal, idle=idle, active=active, window_rows=window_rows)
        return
    source = told(head, path)
    reading = Reading(Records(internal), now)
    yield from _logs([(path, source)], reading)


def is_capture(path: Path) -> bool:
    """Whether a file holds packets. Raises ContentError where it cannot be read."""
    if path.is_dir():
        return False
    head = _head(path)
    return head[:4] in capture._MAGIC or head[:4] == capture._PCAPNG


def told(head: bytes, path: Path) -> LogSource:
    """The format of a file that begins with `head`. Raises ContentError where none fits."""
    for one in sources().values():
        if one.recognises(head, path.name):
            return one
    known = "; ".join(one.title for one in sources().values())
    raise ContentError(
        str(path), f"is no capture and no flow log that is known (it begins with {head[:12]!r})", f"give a capture, or: {known}"
    )


def _head(path: Path) -> bytes:
    with opened(path) as raw, _decompressed(raw) as file:
        try:
            return file.read(HEAD)
        except Exception as error:  # a broken compression, whose reader has an error of its own
            raise ContentError(str(path), f"cannot be unpacked: {error}", "copy the file again") from None


def _folder(path: Path, internal: Sequence[IPv4Network | IPv6Network], now: int) -> Iterator[FlowTable]:
    found: list[tuple[Path, LogSource]] = []
    for one in sorted(path.iterdir())[:MAX_FILES]:
        if not one.is_file():
            continue
        head = _head(one)
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
        with opened(path) as raw, _decompressed(raw) as file:
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


__all__ = ["Resolver", "told", "window", "windows"]
