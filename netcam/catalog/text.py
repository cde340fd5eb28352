"""Content files read with every scalar as text, then typed; an error names file and line and the nearest valid word.

YAML 1.1 loaders ruin this data (`5.10` becomes 5.1, `44:19:06` a number, `no` False), so scalars are never resolved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from netcam.errors import ContentError, shown
from netcam.errors import nearest as nearest

T = TypeVar("T")

MAX_FILE = 16 * 1024 * 1024
"""Bytes of one content file; ours are under 1 MB, an imported pack must not fill memory."""
MAX_DEPTH = 24
"""Nesting of a content file; ours nest 8 deep."""

_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(slots=True)
class Document:
    """A content file as text: `data` holds only dict, list and str; `lines` the line of each path."""

    where: str
    data: Any
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)

    def at(self, *path: str | int) -> str:
        """`file:line` of a path, or of its nearest known parent."""
        for end in range(len(path), -1, -1):
            line = self.lines.get(tuple(path[:end]))
            if line is not None:
                return f"{self.where}:{line}"
        return self.where


def read(path: Path, *, name: str | None = None) -> Document:
    """Read one content file. Raises ContentError where it cannot be read, is no YAML, or repeats a key."""
    where = name or str(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise ContentError(where, f"larger than {MAX_FILE} bytes", "split the file")
        text = path.read_text("utf-8")
    except OSError as error:
        raise ContentError(where, error.strerror or "cannot be read", "check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise ContentError(where, f"is not UTF-8 (byte {error.start})", "save the file as UTF-8") from None
    return parse(text, where)


def parse(text: str, where: str) -> Document:
    """Read YAML text into a Document. Raises ContentError."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ContentError(f"{where}{line}", error.problem or "is not YAML", "mend the YAML at this line") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ContentError(where, f"is not YAML: {shown(str(error))}", "remove control characters and deep nesting") from None
    document = Document(where, None)
    if node is not None:
        document.data = _plain(node, document, (), 0)
    return document


def _plain(node: yaml.Node, document: Document, path: tuple[str | int, ...], depth: int) -> Any:
    line = node.start_mark.line + 1
    document.lines[path] = line
    if depth > MAX_DEPTH:
        raise ContentError(f"{document.where}:{line}", f"nests deeper than {MAX_DEPTH}", "flatten the file")
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, document, (*path, n), depth + 1) for n, child in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key_line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ContentError(f"{document.where}:{key_line}", "a key is not plain text", "use a word as key")
        key = key_node.value
        if key in mapping:
            raise ContentError(
                f"{document.where}:{key_line}", f"key {shown(key)} stands twice", "keep one of the two; the second would win silently"
            )
        mapping[key] = _plain(value_node, document, (*path, key), depth + 1)
        document.lines[(*path, key)] = key_line
    return mapping


_PATH = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")


def typed(document: Document, wanted: type[T], *, prefix: tuple[str | int, ...] = ()) -> T:
    """Convert the document (or the part at `prefix`) to `wanted`, a msgspec Struct with forbid_unknown_fields.

    Numbers, dates and booleans are read from their text. Raises ContentError with file:line of the wrong value.
    """
    data: Any = document.data
    for step in prefix:
        data = data[step]
    try:
        return msgspec.convert(data, wanted, strict=False)
    except msgspec.ValidationError as error:
        message = str(error)
        problem, _, where = message.partition(" - at `$")
        path: list[str | int] = list(prefix)
        for key, index in _PATH.findall(where.rstrip("`")):
            if index == "...":
                break
            path.append(int(index) if index else key)
        cure = "compare with a neighbouring file, or see `netcam explain`"
        if unknown := _UNKNOWN.search(problem):
            path.append(unknown["name"])
            cure = nearest(unknown["name"], _field_names(wanted))
        raise ContentError(document.at(*path), problem[:1].lower() + problem[1:], cure) from None


def _field_names(wanted: Any) -> set[str]:
    """Field names of a Struct and of every Struct inside it."""
    names: set[str] = set()
    seen: set[int] = set()
    todo = [wanted]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            for info in msgspec.structs.fields(one):
                names.add(info.encode_name)
                todo.append(info.type)
        todo.extend(getattr(one, "__args__", ()))
    return names
