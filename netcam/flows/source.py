"""What a format of flow logs declares, and the registry of all of them."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import IO

import msgspec

from netcam import plugins
from netcam.flows.lookups import Resolver
from netcam.flows.records import Record, Records
from netcam.flows.rows import Q_STALE

MAX_LINE = 1 << 20
"""Bytes of one line of a log; longer ones are counted and skipped."""


@dataclass(slots=True)
class Reading:
    """One reading of logs: where records go, and what formats keep between lines and files."""

    records: Records
    now: int
    """Nanoseconds since 1970: for logs that write no year."""
    resolver: Resolver = field(default_factory=Resolver)
    memory: dict[str, dict[str, object]] = field(default_factory=dict)
    """Format -> what it remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """A format: how it is told by its first bytes and its name, and how a file or a line of it is read.

    `line` takes one line with its place (file name) and returns nothing; `read`, where a format has no lines, reads a whole file and
    yields now and then so that records can be taken away.
    """

    id: str
    title: str
    recognises: Callable[[bytes, str], bool]
    line: Callable[[bytes, str, Reading], None] | None = None
    read: Callable[[IO[bytes], str, Reading], Iterator[None]] | None = None
    documentation: str = ""


@cache
def sources() -> dict[str, LogSource]:
    """Formats by id."""
    return {one.id: one for one in plugins.load("netcam.flows.sources", LogSource, name="SOURCE").values()}


MAX_NAMED = 100_000
"""Connections whose names a log told before them; the oldest are forgotten."""


def told_names(reading: Reading, log: str, key: str) -> dict[str, str]:
    """What a log said of the connection `key` so far, to be added to: `name`, `source`, `certified`, and text columns."""
    waiting: OrderedDict[str, dict[str, str]] = reading.memory.setdefault(log, OrderedDict())  # type: ignore[assignment]
    known = waiting.setdefault(key, {})
    if len(waiting) > MAX_NAMED:
        waiting.popitem(last=False)
    return known


def give_name(record: Record, reading: Reading, log: str, key: str) -> None:
    """Give a connection the name that was told of it, else that of its client's DNS answer, else its certificate's."""
    known = reading.memory.get(log, {}).pop(key, None) if key else None
    known = known if isinstance(known, dict) else {}
    record.name, record.name_source = known.get("name", ""), known.get("source", "")
    record.texts.update({k: v for k, v in known.items() if k not in ("name", "source", "certified")})
    if record.name:
        return
    found = reading.resolver.name(record.a, record.b, record.start)
    if found:
        record.name, record.name_source = found[0], "dns"
        record.quality |= Q_STALE if found[1] else 0
    elif known.get("certified"):
        record.name, record.name_source = known["certified"], "certificate"


_decode = msgspec.json.Decoder().decode
_COMMUNITY = re.compile(r"\d:[A-Za-z0-9+/=]{1,64}")


def told_community(value: object) -> str:
    """A Community ID as a log tells it; empty for anything that is none."""
    return value if isinstance(value, str) and _COMMUNITY.fullmatch(value) else ""


def json_line(raw: bytes) -> object:
    """The value of a line of JSON. Raises ValueError; bytes that are no UTF-8 become U+FFFD, so that a hostile name hides no flow."""
    try:
        return _decode(raw)
    except UnicodeDecodeError:
        return _decode(raw.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def lines(file: IO[bytes], records: Records) -> Iterator[bytes]:
    """Lines of a file without their ends; one that is too long is counted and skipped."""
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            records.count("long_lines")
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            continue
        yield line.rstrip(b"\r\n")
