"""What a transport is: how a type of sink opens a receiver, and what a receiver says of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from netcam.config.secrets import secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event as it waits for a sink: its body in the sink's format, and what a transport needs beside it."""

    seq: int
    id: str
    at: float
    """Seconds since 1970."""
    kind: str
    site: str
    sensor: str
    device: str
    """Device the event is about; empty where none. Events of one device arrive in order."""
    severity: int
    message: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch. What is in neither mapping was delivered."""

    refused: Mapping[int, str] = field(default_factory=dict)
    """Sequence number -> why it will never be taken."""
    retry: Mapping[int, str] = field(default_factory=dict)
    """Sequence number -> why not now."""
    wait: float | None = None
    """Seconds the receiver asked to be left alone."""


class Receiver(Protocol):
    """An open way to a receiver. `send` raises SinkError where nothing is known to have been taken."""

    def send(self, items: Sequence[Item]) -> Outcome:
        """Hand over a batch and return when the receiver has it."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a transport is opened with besides its settings."""

    name: str
    """Of the sink, for messages."""
    format: str
    media_type: str
    head: bytes
    base: Path
    """Folder of the settings file: relative paths start there."""

    def path(self, text: str) -> Path:
        """A path of the settings."""
        return self.base / Path(text).expanduser()

    def secret(self, reference: str, key: str) -> str:
        """The secret behind a reference of setting `key`. Raises ConfigError."""
        return secret(reference, f"sinks.{self.name}.{key}", base=self.base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """One way to deliver."""

    types: tuple[str, ...]
    """Words for `type` in the settings."""
    format: str
    """Format where the settings name none."""
    open: Callable[[Any, Opening], Receiver]
    """Settings of the sink, and what else is known."""
    batch: int = 500
    max_bytes: int = 4_000_000
    """Bytes of a batch's bodies."""
    partial: bool = False
    """The receiver may take some of a batch and not others: a batch then holds one event of a device, so that order holds."""
    keep: bool = False
    """The receiver connects again by itself and remembers what is unsure; others are opened afresh after a failure, with fresh secrets."""
