"""Errors that a person reads: where it is wrong, what is wrong, what to do. What the network did is data, not an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_SHOWN_VALUE = 200
"""Characters of a wrong value that a message shows: enough to recognise it, too few to flood a terminal."""


def shown(value: object) -> str:
    """Return `value` by repr, cut at MAX_SHOWN_VALUE characters; repr escapes control characters."""
    text = ascii(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= MAX_SHOWN_VALUE else f"{text[:MAX_SHOWN_VALUE]}...({len(text)} characters)"


def nearest(word: str, words: Iterable[str]) -> str:
    """A cure that proposes the nearest valid word, or lists the valid ones where none is near."""
    known = sorted(set(words))
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "valid: " + ", ".join(known[:20]) + (" ..." if len(known) > 20 else "")


class NetcamError(Exception):
    """An operator's mistake or a fact of the machine: printed without a traceback, ends with `exit_code`."""

    exit_code = 1

    def __init__(self, where: str, problem: str, cure: str) -> None:
        """`where` is file:line, a key or an endpoint; `problem` says what is wrong; `cure` what to do next."""
        self.where, self.problem, self.cure = where, problem, cure
        super().__init__(f"{where}: {problem}\n  help: {cure}")


class ConfigError(NetcamError):
    """A setting or a command-line value is wrong."""

    exit_code = 2


class ContentError(NetcamError):
    """A content file (maker, policy, destination, scenario) or an input file is wrong."""

    exit_code = 2


class ScopeError(NetcamError):
    """The request leaves what the operator is authorised to sweep, or the scope cannot be established."""

    exit_code = 3


class StoreError(NetcamError):
    """The inventory cannot be read or written."""


class SinkError(NetcamError):
    """A receiver of events could not be reached, or took nothing. `wait` is how long it asked to be left alone, in seconds."""

    def __init__(self, where: str, problem: str, cure: str, *, wait: float | None = None) -> None:
        super().__init__(where, problem, cure)
        self.wait = wait


class PrivilegeError(NetcamError):
    """The machine refuses what was asked (raw sockets, namespaces)."""

    exit_code = 2


class DecodeError(ValueError):
    """Bytes that break a protocol. Codecs raise it; only a driver or an importer catches it."""
