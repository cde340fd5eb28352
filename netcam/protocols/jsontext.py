"""Bounded JSON of devices: depth counted before it is parsed, members flattened to facts."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from netcam.errors import DecodeError
from netcam.protocols import decoding

MAX_BYTES = 16_384
"""Bytes of one document: real answers are under 2 kB."""
MAX_DEPTH = 8
"""Nesting: real answers reach 4."""


def read(data: bytes) -> dict[str, object]:
    """Read one JSON object, padding stripped. Raises DecodeError for anything else, for too deep and for too long."""
    if len(data) > MAX_BYTES:
        raise DecodeError(f"JSON of more than {MAX_BYTES} bytes")
    body = decoding.decoded(data.rstrip(b"\x00\r\n \t"))
    if depth(body) > MAX_DEPTH:
        raise DecodeError("JSON nested too deep")
    try:
        found = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        raise DecodeError("no JSON") from None
    if not isinstance(found, dict):
        raise DecodeError("JSON that is no object")
    return found


def depth(text: str) -> int:
    """Deepest nesting of brackets outside strings; counts without recursion."""
    deepest = level = 0
    inside = escape = False
    for character in text:
        if escape:
            escape = False
        elif inside:
            escape = character == "\\"
            inside = character != '"'
        elif character == '"':
            inside = True
        elif character in "{[":
            level += 1
            deepest = max(deepest, level)
        elif character in "}]":
            level -= 1
    return deepest


def members(facts: decoding.Facts, prefix: str, found: Mapping[str, object], leave: Collection[str] = ()) -> None:
    """Keep each scalar member under `prefix` and its name, nested objects joined by a dot; those named in `leave` are dropped."""
    for key, value in found.items():
        name = f"{prefix}{decoding.tail(key)}"
        if key in leave:
            continue
        if isinstance(value, dict):
            members(facts, f"{name}.", value, leave)
        elif isinstance(value, bool):
            facts.add(name, "true" if value else "false")
        elif isinstance(value, str | int | float):
            facts.add(name, decoding.line(str(value), 512))


def inner(found: Mapping[str, object], *path: str) -> dict[str, object]:
    """The object at the end of `path`, empty where there is none."""
    at: object = found
    for step in path:
        at = at.get(step) if isinstance(at, dict) else None
    return at if isinstance(at, dict) else {}
