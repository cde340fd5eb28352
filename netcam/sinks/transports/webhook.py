"""POST to any address, signed as the Standard Webhooks specification describes: webhook-id, webhook-timestamp, webhook-signature.

The id of a batch is made of the ids in it: a batch that comes again has the same one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Sequence

from netcam.config.sinks import WebhookSink
from netcam.errors import ConfigError
from netcam.sinks.transport import Item, Opening, Outcome, Transport
from netcam.sinks.transports._http import Http, Refused, in_halves

MIN_SECRET = 24
"""Bytes of a key, as the specification asks."""


def key(secret: str, where: str) -> bytes:
    """The key of a secret. Raises ConfigError where it is too short."""
    try:
        made = base64.b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error:
        raise ConfigError(where, "is no base64 after whsec_", "write whsec_ and the base64 of 24 to 64 bytes") from None
    if len(made) < MIN_SECRET:
        raise ConfigError(where, f"holds fewer than {MIN_SECRET} bytes", "make one with `openssl rand -base64 32`")
    return made


def signed(key: bytes, id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed request."""
    mac = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{base64.b64encode(mac).decode()}"}


class WebhookReceiver:
    """One address."""

    def __init__(self, settings: WebhookSink, opening: Opening) -> None:
        headers = {"Content-Type": opening.media_type}
        if settings.authorization:
            headers["Authorization"] = opening.secret(settings.authorization, "authorization")
        secret = opening.secret(settings.secret, "secret")
        self._key = key(secret, f"sinks.{opening.name}.secret") if secret else b""
        self._head = opening.head
        self._http = Http(settings, opening, settings.url, headers)

    def send(self, items: Sequence[Item]) -> Outcome:
        """Post the batch as lines."""

        def post(part: Sequence[Item]) -> None:
            body = self._head + b"".join(item.body + b"\n" for item in part)
            id = hashlib.sha256("".join(item.id for item in part).encode()).hexdigest()
            headers = signed(self._key, f"msg_{id[:32]}", int(time.time()), body) if self._key else {}
            answer = self._http.post("", body, headers)
            if answer.status >= 400 and answer.status != 409:
                raise Refused(f"answers {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}")

        return Outcome(refused=in_halves(items, post))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


TRANSPORT = Transport(types=("webhook",), format="jsonl", open=WebhookReceiver, batch=100, max_bytes=1_000_000)
