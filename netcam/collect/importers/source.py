"""The file an importer reads: unpacked in bounds, line by line, with what an importer hands back."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import IO, TYPE_CHECKING

from netcam import plugins, wire
from netcam.collect.repeats import Repeats
from netcam.collect.scope import Network, inside
from netcam.errors import ConfigError, ContentError, nearest, shown
from netcam.model import Fact, Observation, rfc3339
from netcam.protocols import decoding

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_LINE = 4 << 20
"""Bytes of one line: the longest real ones (masscan with banners) are under 1 MB."""
MAX_RATIO, RATIO_FROM = 400, 256 << 20
"""A gzip file that unpacks to more than RATIO_FROM bytes and MAX_RATIO times its size holds no logs (those reach 40)."""
MEMO, MAX_WRITTEN = 1 << 16, 80
"""Addresses and times remembered as read (a /16), and characters of the longest that is looked at."""
REPEAT = 86_400.0
"""Seconds after which a fact that a file tells again is recorded again."""
HEAD = 16_384
"""Bytes shown to `recognises`."""
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read, and in which line (0: the file as a whole)."""

    line: int
    problem: str
    dropped: bool = True
    """The line, or what comes after it, is not taken; otherwise it is, changed as the problem says."""


@dataclass(frozen=True, slots=True)
class Record:
    """One fact of the file: of whom, when, in which line."""

    line: int
    fact: Fact
    address: str = ""
    port: int = 0
    mac: str = ""
    at: datetime | None = None


@dataclass(slots=True)
class Source:
    """An opened file. `columns` maps netcam's words to a list's own column names."""

    path: Path
    file: IO[bytes]
    columns: Mapping[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    line: int = 0
    """Where an importer that hands back whole observations is."""

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each line without its end; one that is too long is told and skipped."""
        number, long = 0, False
        while line := self.read_line():
            whole = line.endswith(b"\n") or len(line) < MAX_LINE
            if not long:
                number += 1
                if whole:
                    yield number, line.rstrip(b"\r\n")
                else:
                    self.problems.append(Problem(number, f"longer than {MAX_LINE} bytes"))
            long = not whole

    def read_line(self) -> bytes:
        """A line or its first MAX_LINE bytes; a broken compression ends the file with a problem."""
        return self._guarded(lambda: self.file.readline(MAX_LINE))

    def chunk(self) -> bytes:
        """The next bytes, none at the end."""
        return self._guarded(lambda: self.file.read(CHUNK))

    def _guarded(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (EOFError, OSError, zlib.error, _BombError) as error:
            self.problems.append(Problem(0, f"the file ends here: {error or type(error).__name__}"))
            return b""


class _BombError(Exception):
    """A compressed file that unpacks beyond MAX_RATIO."""


class _Recoded(io.RawIOBase):
    """A UTF-16 file as UTF-8: what spreadsheets and Windows tools call Unicode text. What is no UTF-16 becomes U+FFFD."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._left = raw, b""
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Only back to the beginning."""
        if offset or whence:
            raise io.UnsupportedOperation("a recoded file is read from its beginning on")
        self._raw.seek(0)
        self._left = b""
        self._decoder.reset()
        return 0

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, into: Buffer) -> int:
        view = memoryview(into)
        while not self._left:
            data = self._raw.read(CHUNK)
            self._left = self._decoder.decode(data, not data).encode("utf-8")
            if not data:
                break
        part, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(part)] = part
        return len(part)

    def close(self) -> None:
        super().close()
        self._raw.close()


class _Unpacked(gzip.GzipFile):
    """gzip with a bound on what comes out of it."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__(fileobj=raw)
        self._packed, self._out = raw, 0

    def read(self, size: int | None = -1) -> bytes:
        return self._count(super().read(size))

    def readline(self, size: int | None = -1) -> bytes:
        return self._count(super().readline(-1 if size is None else size))

    def close(self) -> None:
        super().close()
        self._packed.close()

    def _count(self, data: bytes) -> bytes:
        self._out += len(data)
        if self._out > RATIO_FROM and self._out > MAX_RATIO * self._packed.tell():
            raise _BombError(f"it unpacks to more than {MAX_RATIO} times its size")
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """A file format: how it is recognised and read."""

    name: str
    """For `--from`, and becomes `Observation.via`."""
    title: str
    recognises: Callable[[bytes, str], bool]
    """Given the first bytes (unpacked) and the file's name."""
    read: Callable[[Source], Iterator[Record | Observation]]
    rank: int = 5
    """Lower ones are tried first."""
    hears: bool = False
    """Tells what passed by, and so of servers at the far end of the internet too: nobody chose to look at them."""


class Strangers:
    """Addresses that are no device of the site: outside its networks, and without a MAC that would put them on its link."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        """`networks`: the site's own; without any nobody is a stranger."""
        self._networks, self.count = tuple(networks), 0
        self._known: dict[str, bool] = {}

    def passed_over(self, one: Observation) -> bool:
        """Whether an observation is of a stranger; counts those."""
        where = one.address
        if not self._networks or one.mac or not where:
            return False
        known = self._known.get(where)
        if known is None:
            if len(self._known) >= MEMO:
                self._known.clear()
            found = _address(where.partition("%")[0])
            known = self._known[where] = bool(found) and not inside(ip_address(found), self._networks)
        self.count += known
        return known


@cache
def importers() -> dict[str, Importer]:
    """The formats by name, those that recognise most surely first."""
    found = plugins.load("netcam.collect.importers", Importer, name="IMPORTER").values()
    return {one.name: one for one in sorted(found, key=lambda one: (one.rank, one.name))}


def opened(path: Path) -> IO[bytes]:
    """The file, unpacked where it is gzip. Raises ContentError."""
    try:
        raw = path.open("rb")
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
    except OSError as error:
        raise ContentError(str(path), error.strerror or "cannot be read", "give a file that another program wrote") from None
    file: IO[bytes] = _Unpacked(raw) if packed else raw  # type: ignore[assignment]
    try:
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        file.seek(0)
    except (EOFError, OSError, zlib.error):
        wide = False  # whoever reads it is told
    return io.BufferedReader(_Recoded(file)) if wide else file


def choose(path: Path, wanted: str | None) -> Importer:
    """The format called `wanted`, or the one that recognises the file. Raises ConfigError or ContentError."""
    known = importers()
    if wanted is not None:
        if wanted not in known:
            raise ConfigError("--from", f"no format {shown(wanted)}", nearest(wanted, known))
        return known[wanted]
    with opened(path) as file:
        try:
            head = file.read(HEAD)
        except (EOFError, OSError, zlib.error) as error:
            raise ContentError(str(path), f"cannot be unpacked: {error}", "copy the file again") from None
    for one in known.values():
        if one.recognises(head, path.name):
            return one
    raise ContentError(str(path), "is of no format that netcam knows", f"say which with --from: {', '.join(known)}")


def read(
    path: Path, *, wanted: str | None, columns: Mapping[str, str], site: str, scan: str, now: datetime, problems: list[Problem],
    repeats: Repeats | None = None, strangers: Strangers | None = None,
) -> Iterator[Observation]:  # fmt: skip
    """Observations of a file; `problems` grows as it is read. A time after `now` is told, and left out.

    A fact that the file tells again within REPEAT is left out and counted in `repeats`: a log of a month has each a million times.
    Of a format that tells what passed by, `strangers` are left out and counted.

    Raises ContentError for a file of no known format, ConfigError for a format that is none.
    """
    one = choose(path, wanted)
    name, told = decoding.line(path.name, 200), repeats if repeats is not None else Repeats(REPEAT)
    with opened(path) as file:
        source, nobody = Source(path, file, columns, problems), -1
        for record in one.read(source):
            if isinstance(record, Observation):
                late = False
                if record.at is not None and record.at > now:
                    late = True
                    problems.append(
                        Problem(source.line, f"its time {rfc3339(record.at, 'seconds')} is still to come: left out", dropped=False)
                    )
                own = record.at if not late else None
                key = hash((record.key, record.via, record.endpoint, record.field, record.value, record.sensor))
                if not told.fresh(key, own.timestamp() if own else None):
                    continue
                if one.hears and strangers and strangers.passed_over(record):
                    continue
                yield replace(record, site=record.site or site, sensor=record.sensor or name, scan=scan, at=own)
                continue
            at = record.at
            if at is not None and at > now:
                problems.append(Problem(record.line, f"its time {rfc3339(at, 'seconds')} is still to come: left out", dropped=False))
                at = None
            if not record.address and not record.mac:
                if record.line != nobody:  # several facts of one line are one problem
                    problems.append(Problem(record.line, "says of whom by no address and no MAC"))
                nobody = record.line
                continue
            value = decoding.clean(record.fact.value, wire.MAX_VALUE)
            if not value:
                continue
            key = hash((record.mac, record.address, record.port, record.fact.field, value))
            if not told.fresh(key, at.timestamp() if at else None):
                continue
            made = Observation(
                field=record.fact.field, value=value, at=at, site=site, sensor=f"{name}:{record.line}", mac=record.mac,
                endpoint=endpoint(record.address, record.port), via=one.name, scan=scan,
            )  # fmt: skip
            if not (one.hears and strangers and strangers.passed_over(made)):
                yield made


def endpoint(host: str, port: int) -> str:
    """`ip`, `ip:port` or `[v6]:port`."""
    if not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address(text: object) -> str:
    """An IP address in its usual writing; empty where `text` is none."""
    return _address(text) if isinstance(text, str) and len(text) <= MAX_WRITTEN else ""


# a log names the same hosts and moments again and again: reading them is most of the work


@lru_cache(maxsize=MEMO)
def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""


mac = lru_cache(maxsize=MEMO)(wire.normal_mac)
"""A MAC as wire.normal_mac writes it."""


def cells(line: str, separator: str = ",") -> list[str]:
    """The cells of one row; a row that breaks the form of CSV has none."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def seconds(text: object) -> datetime | None:
    """Seconds since 1970 as UTC, or None."""
    try:
        value = float(str(text))
        return datetime.fromtimestamp(value, UTC) if value > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def instant(text: object) -> datetime | None:
    """An ISO 8601 time as UTC (no zone: taken as UTC), or None."""
    return _instant(text) if isinstance(text, str) and len(text) <= MAX_WRITTEN else None


@lru_cache(maxsize=MEMO)
def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.strip()))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def port(text: object) -> int:
    """A port number, 0 where it is none."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 and int(digits) < 65_536 else 0
