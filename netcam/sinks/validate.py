"""Checks any file that netcam wrote against the schema that it names; the file is as hostile as any other."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netcam.errors import ConfigError, ContentError, shown
from netcam.sinks import cef, published
from netcam.sinks.csv import COLUMNS
from netcam.sinks.event import SCHEMA, content_id

MAX_LINE = 4 * 1024 * 1024
"""Bytes of a line: an event has less than 256 kB."""
MAX_DOCUMENT = 256 * 1024 * 1024
"""Bytes of an export that is one JSON document: ten thousand devices take 20 MB."""
MAX_PROBLEMS = 1000

_SYSLOG = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)|-) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
    rb'(-|(?:\[[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\])+)(?: (.*))?',
    re.DOTALL,
)
"""RFC 5424 section 6, of one message without its frame."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and in which line."""

    line: int
    text: str


@dataclass(slots=True)
class Result:
    """What a file names as its schema, how many records it has, and what is wrong with them."""

    schema: str
    records: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, texts: list[str]) -> None:
        """Add what is wrong with one record, up to the bound."""
        self.problems += [Problem(line, text[:500]) for text in texts[: MAX_PROBLEMS - len(self.problems)]]


def check_file(path: Path) -> Result:
    """Check a file. Raises ContentError where it cannot be read or names no schema that netcam writes."""
    try:
        with path.open("rb") as file:
            first = file.readline(MAX_LINE)
            if whole := _document(path, first, file):
                return whole
            file.seek(0)
            return _lines(path, first, iter(lambda: file.readline(MAX_LINE + 1), b""))
    except OSError as error:
        raise ContentError(str(path), error.strerror or "cannot be read", "check the path and its permissions") from None


def _document(path: Path, first: bytes, file: io.BufferedReader) -> Result | None:
    """The result for an export that is one JSON document, else None; `first` was read from `file`."""
    if not first.lstrip().startswith(b"{"):
        return None
    try:
        if isinstance(json.loads(first), dict) and file.readline(MAX_LINE).strip():
            return None  # more than one line of whole objects
    except (ValueError, RecursionError):
        pass
    file.seek(0)
    data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        return None
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    if told.get("bomFormat") == "CycloneDX":
        return _against(f"CycloneDX {told.get('specVersion')}", "cyclonedx", told, len(told.get("components") or ()))
    if told.get("type") == "bundle":
        return _against("STIX 2.1", "stix", told, len(told.get("objects") or ()))
    return None


def _against(name: str, file: str, told: Any, records: int) -> Result:
    result = Result(name, records)
    validator = _validator(file)
    result.add(1, [_told(error) for error in validator.iter_errors(told)])
    return result


def _told(error: Any) -> str:
    where = "/".join(str(step) for step in list(error.absolute_path)[:12])
    return f"{where or 'document'}: {shown(error.message)}"


def _validator(name: str) -> Any:
    try:
        import jsonschema
    except ImportError:
        raise ConfigError("validate", "jsonschema is not installed", "pip install 'netcam[sinks]'") from None
    schema = published.schema(name)
    return jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker(("date-time", "date")))


def _lines(path: Path, first: bytes, lines: Iterator[bytes]) -> Result:
    kind = next(((name, check) for looks, name, check in _KINDS if looks(first)), None)
    if kind is None:
        raise ContentError(str(path), f"names no schema that netcam writes: {shown(first[:80])}", "give it a file of events, or an export")
    result = Result(kind[0])
    each = kind[1](result)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            result.add(number, [f"longer than {MAX_LINE} bytes"])
            break
        if len(result.problems) >= MAX_PROBLEMS:
            break
        try:
            text = line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            result.add(number, [f"is not UTF-8 (byte {error.start})"])
            continue
        if len(text.splitlines()) > 1 or re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", text):
            result.add(number, ["holds a control character or a line end"])
        result.add(number, each(text))
    return result


def _json(check: Callable[[Mapping[str, Any]], list[str]]) -> Callable[[Result], Callable[[str], list[str]]]:
    def start(result: Result) -> Callable[[str], list[str]]:
        def each(text: str) -> list[str]:
            result.records += 1
            try:
                told = json.loads(text)
            except (ValueError, RecursionError):
                return ["is no JSON"]
            return check(told) if isinstance(told, dict) else ["is no JSON object"]

        return each

    return start


def own(told: Mapping[str, Any]) -> list[str]:
    """What is wrong with one of netcam's own events: its shape, and an id that is not that of its content."""
    wrong = [_told(error) for error in _validator("event").iter_errors(told)]
    if not wrong:
        plain = {key: value for key, value in told.items() if key not in ("id", "sequence", "version")}
        if content_id(plain) != told["id"]:
            wrong.append("id: is not that of this content")
    return wrong


def _cef(result: Result) -> Callable[[str], list[str]]:
    def each(text: str) -> list[str]:
        result.records += 1
        return cef.problems(text)

    return each


def _csv(result: Result) -> Callable[[str], list[str]]:
    def each(text: str) -> list[str]:
        cells = next(csv.reader([text], strict=False), [])
        if cells == list(COLUMNS):
            return []
        result.records += 1
        wrong = [f"{len(cells)} cells, not {len(COLUMNS)}"] if len(cells) != len(COLUMNS) else []
        return wrong + [f"cell {number + 1} could start a formula" for number, cell in enumerate(cells) if re.match(r"\s*[=+\-@|%]", cell)]

    return each


def _syslog(result: Result) -> Callable[[str], list[str]]:
    def each(text: str) -> list[str]:
        result.records += 1
        found = _SYSLOG.fullmatch(text.encode())
        if not found or int(found[1]) > 191:
            return ["is no RFC 5424 message"]
        return cef.problems(found[8].decode()) if (found[8] or b"").startswith(b"CEF:") else []

    return each


_KINDS: tuple[tuple[Callable[[bytes], bool], str, Callable[[Result], Callable[[str], list[str]]]], ...] = (
    (lambda first: first.startswith(b"CEF:"), "CEF 0", _cef),
    (lambda first: bool(re.match(rb"<\d{1,3}>1 ", first)), "RFC 5424", _syslog),
    (lambda first: first.startswith(f'"{COLUMNS[0]}","{COLUMNS[1]}"'.encode()), "netcam events CSV", _csv),
    (lambda first: f'"schema":"{SCHEMA}"'.encode() in first, SCHEMA, _json(own)),
    (lambda first: b'"ecs":{"version":"9.4.0"}' in first, "ECS 9.4.0", _json(published.ecs)),
    (lambda first: b'"metadata":{"version":"1.8.0"' in first, "OCSF 1.8.0", _json(published.ocsf)),
)
