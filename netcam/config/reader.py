"""Tables of TOML as typed settings, and where in the file a wrong one stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, get_args, get_origin

import msgspec

from netcam.config.secrets import SecretRef, is_secret_reference, is_secret_setting
from netcam.errors import ConfigError, nearest, shown


class Reader:
    """Types tables and says where they are wrong."""

    def __init__(self, where: str, lines: Mapping[tuple[str, ...], int]) -> None:
        self._where, self._lines = where, lines

    def fail(self, path: tuple[str, ...], problem: str, cure: str) -> NoReturn:
        """Raise ConfigError at the line of a path."""
        place = self._where
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                place = f"{self._where}:{self._lines[path[:end]]}"
                break
        key = ".".join(toml_key(part) for part in path)
        raise ConfigError(f"{place}: {key}" if key else place, problem, cure)

    def struct(self, kind: type[Any], told: Any, path: tuple[str, ...], *, hidden: tuple[str, ...] = ()) -> Any:
        """A table as a struct; `hidden` are fields that no file may set."""
        if not isinstance(told, dict):
            self.fail(path, "is not a table", f"write [{'.'.join(path)}]")
        known = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
        hints = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        for name in hidden:
            known.pop(name)
        for key, value in told.items():
            if is_secret_setting(hints.get(key)):
                self._secret(value, (*path, key), many=hints[key] is not SecretRef)
                continue
            if key not in known:
                self.fail((*path, key), "is not a setting", nearest(key, known))
            try:
                msgspec.convert(value, hints[key])
            except msgspec.ValidationError:
                wanted = _words(hints[key])
                self.fail((*path, key), f"{shown(value)} is not {wanted}", f"write {key} = {_EXAMPLE[wanted]}")
        return msgspec.convert(told, kind)

    def _secret(self, value: Any, path: tuple[str, ...], *, many: bool) -> None:
        """A secret is referred to. What stands there instead may be one, and is not shown."""
        if many and not isinstance(value, list):
            self.fail(path, "is no list", 'write ["env:NAME"]: settings hold no secrets')
        for text in value if many else [value]:
            if not isinstance(text, str) or not is_secret_reference(text):
                self.fail(path, "is no reference to a secret", 'write "env:NAME" or "file:/path": settings hold no secrets')


_EXAMPLE = {
    "text": '"..."', "a list of texts": '["..."]', "a whole number": "10", "a number": "1.5", "true or false": "true", "a table": "{ }",
}  # fmt: skip


def _words(hint: Any) -> str:
    if get_origin(hint) is tuple and get_args(hint)[0] is str:
        return "a list of texts"
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "a table")


def toml_key(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else shown(part)


_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def lines_of(text: str) -> dict[tuple[str, ...], int]:
    """The line of each table and key. Keys of inline tables, and lines inside a longer text, are not told apart."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(_PART.findall(header[1]))
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(_PART.findall(key[1]))), number)
    return lines


def _parts(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in found)
