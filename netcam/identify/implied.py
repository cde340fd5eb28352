"""What an observation holds of other fields: the title in a page, a header under its name, an answer kept whole.

netcam's own scan tells these apart; lists that others made often keep them together. A claim from what is implied rests on the
observation that was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from netcam.errors import DecodeError
from netcam.model import Fact, Observation
from netcam.protocols import http, markup, message, rtsp

MAX_READ = 65_536
"""Characters of a page or answer that are read again: a title stands in the head of a page, and no header field behind the first 64 KiB."""


def _title(value: str) -> list[Fact]:
    return [Fact("http.title", markup.title(value[:MAX_READ]))] if any(tag in value for tag in ("<title", "<TITLE", "<Title")) else []


def _cookie(value: str) -> list[Fact]:
    return [Fact("http.cookie", value.partition("=")[0].strip())] if "=" in value else []


def _answer(parse: Callable[[bytes], list[Fact]]) -> Callable[[str], list[Fact]]:
    def read(value: str) -> list[Fact]:
        try:
            return parse(value[:MAX_READ].encode("utf-8", "replace"))
        except DecodeError:
            return []

    return read


def _same(field: str) -> Callable[[str], list[Fact]]:
    return lambda value: [Fact(field, value)]


def _realms(field: str) -> Callable[[str], list[Fact]]:
    return lambda value: [Fact(field, realm) for realm in message.challenge_realms(value[:MAX_READ])]


_HOLDS: Mapping[str, tuple[str, Callable[[str], list[Fact]]]] = MappingProxyType(
    {
        "http.body": ("http.title", _title),
        "http.header.server": ("http.server", _same("http.server")),
        "http.header.location": ("http.location", _same("http.location")),
        "http.header.www-authenticate": ("http.realm", _realms("http.realm")),
        "http.header.set-cookie": ("http.cookie", _cookie),
        "http.raw": ("http.status", _answer(http.parse_response)),
        "rtsp.header.server": ("rtsp.server", _same("rtsp.server")),
        "rtsp.header.www-authenticate": ("rtsp.realm", _realms("rtsp.realm")),
        "rtsp.header.public": ("rtsp.public", _same("rtsp.public")),
        "rtsp.raw": ("rtsp.status", _answer(rtsp.parse)),
    }
)
"""Field -> the field whose presence shows that the facts were told apart already, and the facts that a value of it holds besides."""


def implied(observations: Sequence[Observation]) -> dict[Observation, Observation]:
    """Observation that one device's observations imply and do not hold themselves -> the one that implies it."""
    holding = [one for one in observations if one.field in _HOLDS]
    if not holding:
        return {}
    told = {one.field for one in observations}
    holding = [one for one in holding if _HOLDS[one.field][0] not in told]
    facts = [(one, fact) for one in holding for fact in _HOLDS[one.field][1](one.value) if fact.value]
    known: set[tuple[str, str]] = set()
    found: dict[Observation, Observation] = {}
    for one, fact in facts:
        if (fact.field, fact.value) not in known:
            known.add((fact.field, fact.value))
            found[replace(one, field=fact.field, value=fact.value)] = one
    return found
