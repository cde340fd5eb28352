"""Runs protocol conversations over the gate: feeds them bytes, bounds time and size, turns what the network did into statuses."""

from __future__ import annotations

import errno
import ssl
import warnings
from dataclasses import dataclass, field
from enum import StrEnum

from netcam.collect.gate import Gate, OutOfScope, Stream
from netcam.collect.patience import patience
from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols.commands import MAX_FACTS, Exchange, Receive, Reopen, Send, StartTLS, Target, TLSInfo

MAX_CONVERSATION = 256 * 1024
"""Bytes read in one conversation: a login page with its scripts inline is under 100 kB; a flood ends here."""
MAX_STEPS = 500
"""Commands of one conversation: the longest has under 40. At the end of a stream a read returns at once, so time alone is no bound."""
MAX_RAW = 64 * 1024
"""Bytes of an answer that are kept as evidence."""


TLSContext = ssl.SSLContext
"""For files of this room that hand a context on and must not import ssl themselves."""


UNREACHABLE = "unreachable"
"""Reason of an outcome: nobody at the link layer, or a router says so."""


class ProbeStatus(StrEnum):
    """What became of a probe. Travels with the result; never raised."""

    ANSWERED = "answered"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    GARBLED = "garbled"
    FAILED = "failed"
    OUT_OF_SCOPE = "out-of-scope"


@dataclass(slots=True)
class Outcome:
    """Facts, the raw answer, and how it ended; `open` says that the TCP port took the connection."""

    status: ProbeStatus
    facts: list[Fact] = field(default_factory=list)
    raw: bytes = b""
    open: bool = False
    tls: TLSInfo | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds: to connect, for one read, and for the whole conversation (a drip of a byte a minute ends there)."""

    connect: float = 1.5
    read: float = 4.0
    total: float = 10.0


def banner_context() -> ssl.SSLContext:
    """A TLS context for reading banners of old devices: any version and key, nothing verified, so nothing read is trusted.

    OpenSSL's security level 0 and legacy renegotiation, because cameras of 2012 speak TLS 1.0 with SHA-1 and RSA 1024.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= 0x4  # SSL_OP_LEGACY_SERVER_CONNECT (openssl/ssl.h); a name for it comes with Python 3.12
    return context


async def converse(
    gate: Gate, address: str, port: int, exchange: Exchange, *, protocol: str, tls: bool, limits: Limits, context: ssl.SSLContext,
    owner: bool = False, budget: int = MAX_CONVERSATION,
) -> Outcome:  # fmt: skip
    """Hold one conversation with address:port and read `budget` bytes of it at most; never raises for what the network does.

    With `owner` it carries the owner's credentials.
    """
    result = Outcome(ProbeStatus.FAILED)
    try:
        async with gate.connect(address, port, protocol, timeout=limits.connect, owner=owner) as stream:
            result.open = True
            async with patience(limits.total):
                if tls:
                    result.tls = await start_tls(stream, context, None)
                await run(stream, exchange, result, limits, context, budget)
    except OutOfScope as error:
        result.status, result.reason = ProbeStatus.OUT_OF_SCOPE, str(error)
    except TimeoutError:
        result.status = ProbeStatus.TIMEOUT
    except ConnectionRefusedError:
        result.status = ProbeStatus.REFUSED
    except DecodeError as error:
        result.status, result.reason = ProbeStatus.GARBLED, str(error)[:200]
    except (ssl.SSLError, OSError) as error:
        gone = not result.open and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
        result.status, result.reason = ProbeStatus.FAILED, UNREACHABLE if gone else type(error).__name__
    finally:
        exchange.close()
    if len(result.facts) > MAX_FACTS:
        result.facts = result.facts[:MAX_FACTS]
    return result


async def start_tls(stream: Stream, context: ssl.SSLContext, server_name: str | None) -> TLSInfo:
    """Begin TLS and read what the handshake shows."""
    made = await stream.start_tls(context, server_name)
    leaf = made.getpeercert(binary_form=True)
    cipher = made.cipher()
    return TLSInfo(made.version() or "", cipher[0] if cipher else "", (leaf,) if leaf else ())


async def run(
    stream: Stream, exchange: Exchange, result: Outcome, limits: Limits, context: ssl.SSLContext, budget: int = MAX_CONVERSATION
) -> None:
    """Feed `exchange` until it returns its facts. Raises DecodeError, TimeoutError, OSError."""
    raw = bytearray()
    try:
        command = next(exchange)
        for _ in range(MAX_STEPS):
            answer: bytes | TLSInfo = b""
            if isinstance(command, Send):
                await stream.send(command.data)
            elif isinstance(command, Receive):
                answer = await receive(stream, command, min(command.limit, budget), limits.read)
                budget -= len(answer)
                if len(raw) < MAX_RAW:
                    raw += answer[: MAX_RAW - len(raw)]
            elif isinstance(command, StartTLS):
                answer = result.tls = await start_tls(stream, context, command.server_name)
            elif isinstance(command, Reopen):
                try:
                    await reopen(stream, limits.connect)
                    if result.tls is not None:
                        await start_tls(stream, context, None)
                except (OutOfScope, ssl.SSLError, OSError, TimeoutError) as error:
                    # what was told before stays told
                    command = exchange.throw(ConnectionError(type(error).__name__))
                    continue
            command = exchange.send(answer)
        raise DecodeError("the conversation does not come to an end")
    except StopIteration as done:
        result.facts = list(done.value or ())
        result.status = ProbeStatus.ANSWERED if result.facts else ProbeStatus.GARBLED
    finally:
        result.raw = without_pictures(bytes(raw))


async def reopen(stream: Stream, seconds: float) -> None:
    """Open the connection anew, once more where that runs out of time: a lost SYN must not end what is half said. Raises as the gate does."""
    try:
        await stream.reopen(seconds)
    except TimeoutError:
        await stream.reopen(seconds)


async def receive(stream: Stream, wanted: Receive, limit: int, seconds: float) -> bytes:
    """Read as `wanted` says, at most `limit` bytes and `seconds`; less where the peer ends or is too slow."""
    data = bytearray()
    try:
        async with patience(seconds):
            while len(data) < limit:
                if wanted.until is not None and wanted.until in data:
                    break
                size = limit - len(data)
                if wanted.exactly is not None:
                    size = min(size, wanted.exactly - len(data))
                    if size <= 0:
                        break
                elif wanted.until is not None:
                    size = min(size, 4096)
                chunk = await stream.reader.read(size)
                if not chunk:
                    break
                data += chunk
                if wanted.until is None and wanted.exactly is None:
                    break
    except (TimeoutError, ConnectionError, ssl.SSLError):
        pass  # what was said until then
    return bytes(data)


def without_pictures(raw: bytes) -> bytes:
    """The raw answer with the body of a picture cut off: netcam keeps no picture from a device, not even an icon."""
    head, separator, _ = raw.partition(b"\r\n\r\n")
    if separator and b"\ncontent-type: image/" in head.lower():
        return head + separator
    return raw


def target(address: str, port: int, nonce: str) -> Target:
    """Whom a codec writes into its messages: an IPv6 address in brackets, without its zone (RFC 6874)."""
    host = address.partition("%")[0]
    return Target(host=f"[{host}]" if ":" in host else host, port=port, nonce=nonce)
