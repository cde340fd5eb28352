"""JSON objects line by line, as logs hold them; a broken line is told and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from netcam.collect.importers.source import Problem, Source
from netcam.errors import shown

_decoder = msgspec.json.Decoder()


def objects(file: Source) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object; brackets and commas of an array around the lines are skipped, an array in one line is opened."""
    for number, line in file.lines():
        text = line.strip(b" \t,\xef\xbb\xbf")
        if text in (b"", b"[", b"]", b"{finished: 1}"):
            continue
        try:
            read = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            try:
                read = _decoder.decode(text.strip(b"[], \t"))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                file.problems.append(Problem(number, f"no JSON: {shown(str(error))}"))
                continue
        for one in read if isinstance(read, list) else (read,):
            if isinstance(one, dict):
                yield number, one
            else:
                file.problems.append(Problem(number, "no JSON object"))


def sub(record: Any, *path: str) -> Any:
    """The value at the end of `path`, None where a step is missing or no object."""
    for step in path:
        record = record.get(step) if isinstance(record, dict) else None
    return record


def text(value: Any) -> str:
    """A string or number as text; empty for anything else."""
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
