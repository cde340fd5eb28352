"""Commands that protocol code yields and one driver runs, and the two shapes of a protocol."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

from netcam.model import Fact

MAX_DATAGRAM = 65_535
"""Bytes of the largest UDP payload; a parser sees at most this."""
MAX_FACTS = 500
"""Facts that one answer may yield: a real one yields under 60; a flood must not grow one device's memory."""
MAX_VALUE = 4_096
"""Characters of one fact's value (`http.body` alone may be longer, see MAX_BODY)."""
MAX_BODY = 65_536
"""Characters kept of an HTTP body: login pages of cameras are under 40 kB."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes on the stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """Receive up to `limit` bytes: until `until` is seen (kept in the result), or `exactly` bytes, or what comes first.

    The driver answers with bytes; shorter than asked means that the peer ended the stream or the time ran out.
    """

    until: bytes | None = None
    exactly: int | None = None
    limit: int = 65_536


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Begin TLS on the stream in the context for reading banners (any version, nothing verified, nothing trusted).

    The driver answers with `TLSInfo`.
    """

    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Reopen:
    """End the connection and open another to the same port, under TLS again if it was: the peer ends it after each answer.

    The driver answers with no bytes; where no connection can be had it raises ConnectionError in the talk.
    """


@dataclass(frozen=True, slots=True)
class TLSInfo:
    """What the driver saw of a TLS handshake; `certificates` are DER, leaf first."""

    version: str
    cipher: str
    certificates: tuple[bytes, ...] = ()


Command = Send | Receive | StartTLS | Reopen
Exchange = Generator[Command, "bytes | TLSInfo", "list[Fact]"]
"""A conversation in progress: yields commands, is sent what came of them, returns facts. Raises DecodeError."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a conversation talks to, as far as the protocol needs to know for what it writes into its messages."""

    host: str
    """Address as written in a Host header or URL (IPv6 in brackets, no zone)."""
    port: int
    nonce: str = "00000000-0000-4000-8000-000000000000"
    """A UUID where the protocol wants one; the collector gives a random one, tests a fixed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A protocol over TCP: which ports to try, whether TLS comes first, what is said, which fields can come."""

    name: str
    """Becomes `Observation.via`."""
    ports: tuple[int, ...]
    tls_ports: tuple[int, ...] = ()
    """Ports on which the driver starts TLS before the talk (the certificate's facts come from `tls.facts`)."""
    talk: Callable[[Target], Exchange]
    fields: frozenset[str]
    """Field names, or prefixes ending in a dot where the tail is the device's (`http.header.`)."""
    sends: str
    """What goes out, in one line for `netcam explain protocols`."""
    profiles: frozenset[str] = frozenset({"polite", "standard", "deep"})
    source: str = ""
    """RFC section or specification."""


@dataclass(frozen=True, slots=True)
class Question:
    """One datagram to send: where to, from which local port (0: any), which groups to join to hear the answer."""

    data: bytes
    host: str
    """Group, broadcast or `{unicast}` for the address of each device asked alone."""
    port: int
    bind_port: int = 0
    join: tuple[str, ...] = ()
    """Groups in which answers may come, on `listen_port`."""
    listen_port: int = 0
    """A further local port on which answers may come; 0: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """A protocol over UDP: the questions, the reader of answers, the fields that can come."""

    name: str
    questions: Callable[[str], Iterable[Question]]
    """Given a random UUID, the datagrams to send; `multicast` and `unicast` forms both."""
    parse: Callable[[bytes], Iterable[Fact]]
    """One answer (or announcement) to facts; raises DecodeError for anything else, its own questions included."""
    fields: frozenset[str]
    sends: str
    profiles: frozenset[str] = frozenset({"polite", "standard", "deep"})
    source: str = ""
    mac_fields: tuple[str, ...] = field(default=())
    """Fields in which the device names its own MAC."""
    follow: Callable[[Iterable[Fact]], bytes] | None = None
    """From what a device said so far, a further datagram for it alone, to the port of the `{unicast}` question; empty: none."""
    redact: Callable[[bytes], bytes] = bytes
    """An answer without what must never be stored (recovery codes, remote-access ids), for whoever keeps the raw bytes."""
