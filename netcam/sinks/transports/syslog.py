"""RFC 5424 messages over UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS (RFC 5425).

No form of syslog acknowledges. Over TCP and TLS a batch counts when the receiver's kernel has confirmed every byte, and
what went over a connection in its last seconds is sent again when that connection breaks: ids tell the repeats.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import select
import socket
import ssl
import struct
import termios
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from netcam import wire
from netcam.config.sinks import FACILITIES, SyslogSink
from netcam.errors import SinkError
from netcam.model import rfc3339
from netcam.sinks.transport import Item, Opening, Outcome, Transport
from netcam.sinks.transports import _tls

UNSURE_SECONDS = 10.0
"""How long what was sent counts as unsure: a receiver that dies loses what it had in memory."""
UNSURE_MESSAGES = 2000
MAX_UDP, MAX_STREAM = 2_048, 8_192
"""Bytes of a message that receivers take by default (RFC 5426 section 3.2; rsyslog's maxMessageSize)."""
_SEVERITY = (6, 6, 5, 4, 3)
"""RFC 5424 severity by rank: informational, informational, notice, warning, error."""
_NOT_WORD = re.compile(r"[^A-Za-z0-9._-]")
"""Header fields may hold any printable ASCII (section 6.2), but syslog-ng refuses a message whose host name is none."""
_MARK = "…[cut, {} bytes, sha256 {}]"


def header(item: Item, settings: SyslogSink) -> bytes:
    """Everything before the message: priority, time, sensor, netcam, kind, and the id as structured data."""
    priority = FACILITIES.index(settings.facility) * 8 + _SEVERITY[item.severity]
    at = rfc3339(datetime.fromtimestamp(item.at, UTC))
    data = " ".join(
        f'{name}="{_value(text)}"'
        for name, text in (("id", item.id), ("kind", item.kind), ("site", item.site), ("device", item.device))
        if text
    )
    return f"<{priority}>1 {at} {_word(item.sensor, 255)} netcam - {_word(item.kind, 32)} [netcam@{settings.enterprise} {data}] ".encode()


def _word(text: str, limit: int) -> str:
    return _NOT_WORD.sub("_", text)[:limit] or "-"


def _value(text: str) -> str:
    """A parameter value (section 6.3.3): quote, backslash and bracket escaped; controls have no place in a line."""
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", text[:128])
    return re.sub(r'(["\\\]])', r"\\\1", plain)


def message(item: Item, settings: SyslogSink) -> bytes:
    """The whole message without its frame, cut to the bound with the size and SHA-256 of the whole body."""
    head = header(item, settings)
    limit = settings.max_message or (MAX_UDP if settings.protocol == "udp" else MAX_STREAM)
    if len(head) + len(item.body) <= limit:
        return head + item.body
    digest = hashlib.sha256(item.body).hexdigest()
    if item.body.startswith(b"{"):  # a cut object is none: what it was about, and how to find the whole
        short = {"id": item.id, "kind": item.kind, "cut": {"bytes": len(item.body), "sha256": digest}}
        longer = wire.dumps(short | {"device": item.device[:100], "message": item.message[:200]}).encode()
        return head + (longer if len(head) + len(longer) <= limit else wire.dumps(short).encode())
    mark = _MARK.format(len(item.body), digest).encode()
    room = max(0, limit - len(head) - len(mark))
    return head + item.body[:room].decode("utf-8", "ignore").encode() + mark


class SyslogReceiver:
    """One socket to a syslog receiver, opened when it is needed."""

    def __init__(self, settings: SyslogSink, opening: Opening) -> None:
        self._settings, self._opening = settings, opening
        self._host, _, port = settings.address.rpartition(":")
        self._host, self._port = self._host.strip("[]"), int(port)
        self._socket: socket.socket | None = None
        self._unsure: deque[tuple[float, bytes]] = deque(maxlen=UNSURE_MESSAGES)

    def _broken(self, error: OSError | str) -> SinkError:
        self._drop()
        text = error if isinstance(error, str) else (error.strerror or str(error) or "no answer")
        return SinkError(
            f"{self._host}:{self._port} ({self._settings.protocol})", text, "is the receiver running, and its certificate trusted?"
        )

    def _connected(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        kind = socket.SOCK_DGRAM if self._settings.protocol == "udp" else socket.SOCK_STREAM
        secure = _tls.context(self._settings, self._opening) if self._settings.protocol == "tls" else None
        error: OSError = OSError("no address")
        for family, _, _, _, address in socket.getaddrinfo(self._host, self._port, type=kind):
            made = socket.socket(family, kind)
            try:
                made.settimeout(self._settings.timeout_seconds)
                made.connect(address)
                if secure:
                    made = secure.wrap_socket(made, server_hostname=self._settings.server_name or self._host)
            except OSError as problem:
                made.close()
                error = problem
                continue
            self._socket = made
            return made
        raise error

    def _gone(self, made: socket.socket) -> bool:
        """Whether the receiver has closed: it never sends, so anything to read is its end (or a TLS ticket)."""
        if not select.select([made], [], [], 0)[0]:
            return False
        made.setblocking(False)
        try:
            return made.recv(4096) == b""
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            made.settimeout(self._settings.timeout_seconds)

    def send(self, items: Sequence[Item]) -> Outcome:
        """Send the batch; over a stream, return when the receiver's kernel has all of it."""
        messages = [message(item, self._settings) for item in items]
        try:
            if self._settings.protocol == "udp":
                made = self._connected()
                for one in messages:
                    made.send(one)
                return Outcome()
            if self._socket is not None and self._gone(self._socket):
                self._drop()
            fresh = self._socket is None
            made = self._connected()
            now = time.monotonic()
            frames = [b"%d %b" % (len(one), one) for one in messages]
            again = [frame for at, frame in self._unsure if now - at <= UNSURE_SECONDS] if fresh else []
            made.sendall(b"".join(again + frames))
            self._flushed(made)
            now = time.monotonic()
            self._unsure.extend((now, frame) for frame in frames)
        except OSError as error:
            raise self._broken(error) from None
        return Outcome()

    def _flushed(self, made: socket.socket) -> None:
        """Wait until the kernel's queue is empty (SIOCOUTQ): every byte was acknowledged."""
        until = time.monotonic() + self._settings.timeout_seconds
        pause = 0.0005
        while struct.unpack("i", fcntl.ioctl(made.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]:
            if time.monotonic() > until:
                raise TimeoutError("the receiver does not take what was sent")
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        if self._gone(made):
            raise ConnectionResetError("the receiver closed the connection")

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """End TLS properly where that works, then the connection."""
        if isinstance(self._socket, ssl.SSLSocket):
            try:
                self._socket.settimeout(1.0)
                self._socket = self._socket.unwrap()
            except (OSError, ValueError):
                pass
        self._drop()


TRANSPORT = Transport(types=("syslog",), format="cef", open=SyslogReceiver, batch=200, keep=True)
