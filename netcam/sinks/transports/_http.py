"""One POST to a receiver: bounded in time and size, never redirected, with errors told apart by who can do something about them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from netcam.config.sinks import TlsSettings
from netcam.errors import ConfigError, SinkError, shown
from netcam.sinks.transport import Item, Opening
from netcam.sinks.transports import _tls

if TYPE_CHECKING:
    import urllib3

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer: the items of a `_bulk` of 500 take 100 kB."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer that is not the receiver's trouble."""

    status: int
    body: bytes


class Refused(Exception):
    """The receiver will never take this body."""


class Http:
    """A receiver spoken to over HTTP. Secrets are in headers only, and no message shows a header."""

    def __init__(self, settings: TlsSettings, opening: Opening, url: str, headers: Mapping[str, str]) -> None:
        try:
            import urllib3
        except ImportError:
            raise ConfigError(f"sinks.{opening.name}", "urllib3 is not installed", "pip install 'netcam[sinks]'") from None
        self._url, self._headers = url.rstrip("/"), dict(headers)
        timeout = urllib3.Timeout(connect=settings.timeout_seconds, read=settings.timeout_seconds)
        secure = _tls.context(settings, opening) if url.startswith("https:") else None
        self._pool: urllib3.PoolManager = urllib3.PoolManager(num_pools=2, maxsize=1, timeout=timeout, retries=False, ssl_context=secure)
        self._errors = urllib3.exceptions.HTTPError

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST; returns an answer of 2xx, or of 4xx that speaks of this body. Raises SinkError for all else."""
        url = self._url + path
        try:
            answer = self._pool.request(
                "POST", url, body=body, headers=self._headers | dict(headers or {}), redirect=False, preload_content=False
            )
            try:
                data = answer.read(MAX_ANSWER + 1, decode_content=True)
            finally:
                answer.release_conn() if answer.status < 300 else answer.close()
        except (self._errors, OSError) as error:
            raise SinkError(
                url, f"{type(error).__name__}: {shown(str(error))}", "is the receiver running, and its certificate trusted?"
            ) from None
        status, wait = answer.status, _retry_after(answer.headers.get("Retry-After"))
        if len(data) > MAX_ANSWER:
            raise SinkError(self._url, f"answers with more than {MAX_ANSWER} bytes", "is this the receiver?")
        if 200 <= status < 300 or status in (400, 409, 413, 422):
            return Answer(status, data)
        told = f"answers {status}: {shown(data[:300].decode('utf-8', 'replace'))}"
        cures = {
            401: "check the secret",
            403: "check the secret, and what it may do",
            404: "check the address",
            429: "it asks to be left alone",
        }
        raise SinkError(self._url, told, cures.get(status, "see the receiver's own log"), wait=wait)

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110 section 10.2.3)."""
    if not text:
        return None
    if re.fullmatch(r"[0-9]+", text.strip()):
        return float(text.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def in_halves(items: Sequence[Item], post: Callable[[Sequence[Item]], None]) -> dict[int, str]:
    """Post items together; where the receiver refuses the body, its halves, down to the events that it refuses: number -> why.

    A SinkError passes through: what was taken before it comes again, with the same ids.
    """
    try:
        post(items)
    except Refused as error:
        if len(items) == 1:
            return {items[0].seq: str(error)}
        middle = len(items) // 2
        return in_halves(items[:middle], post) | in_halves(items[middle:], post)
    return {}
