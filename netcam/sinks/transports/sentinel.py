"""Microsoft Sentinel through the Logs Ingestion API of Azure Monitor: a JSON array to one stream of a data collection rule.

Contract: Microsoft Learn, "Logs Ingestion API in Azure Monitor" (version 2023-01-01) and "OAuth 2.0 client credentials flow".
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from netcam import wire
from netcam.config.sinks import SentinelSink
from netcam.errors import SinkError
from netcam.model import rfc3339
from netcam.sinks.transport import Item, Opening, Outcome, Transport
from netcam.sinks.transports._http import Http, Refused, in_halves

MAX_CALL = 900_000
"""Bytes of one call: the service takes 1 MB."""
EARLY_SECONDS = 120.0
"""A token is renewed so long before it ends."""


class SentinelReceiver:
    """One stream of one data collection rule."""

    def __init__(self, settings: SentinelSink, opening: Opening) -> None:
        self._settings = settings
        self._secret = opening.secret(settings.client_secret, "client_secret")
        self._http = Http(settings, opening, settings.endpoint, {"Content-Type": "application/json"})
        self._authority = Http(settings, opening, settings.authority, {"Content-Type": "application/x-www-form-urlencoded"})
        self._path = f"/dataCollectionRules/{quote(settings.rule)}/streams/{quote(settings.stream)}?api-version=2023-01-01"
        self._token, self._until = "", 0.0

    def _bearer(self) -> str:
        if self._token and time.monotonic() < self._until:
            return self._token
        settings = self._settings
        form = {
            "grant_type": "client_credentials", "client_id": settings.client, "client_secret": self._secret,
            "scope": f"{settings.audience}/.default",
        }  # fmt: skip
        answer = self._authority.post(f"/{quote(settings.tenant)}/oauth2/v2.0/token", urlencode(form).encode())
        try:
            told = json.loads(answer.body)
            token, lifetime = str(told["access_token"]), float(told["expires_in"])
        except (ValueError, KeyError, TypeError, RecursionError):
            # the answer to a wrong secret names the client, and the request is in it: it is not shown
            raise SinkError(settings.authority, f"gives no token ({answer.status})", "check tenant, client and its secret") from None
        self._token, self._until = token, time.monotonic() + max(0.0, lifetime - EARLY_SECONDS)
        return self._token

    def row(self, item: Item) -> bytes:
        """An event as a row of the stream: the columns of the shipped rule, and the event whole."""
        at = rfc3339(datetime.fromtimestamp(item.at, UTC))
        told = {
            "TimeGenerated": at, "EventId": item.id, "Kind": item.kind, "Site": item.site, "Sensor": item.sensor, "Device": item.device,
            "Severity": item.severity, "Message": item.message,
        }  # fmt: skip
        return (
            wire.dumps(told)[:-1].encode()
            + b',"Event":'
            + (item.body if item.body.startswith(b"{") else json.dumps(item.body.decode()).encode())
            + b"}"
        )

    def send(self, items: Sequence[Item]) -> Outcome:
        """Post the batch."""

        def post(part: Sequence[Item]) -> None:
            body = b"[" + b",".join(self.row(item) for item in part) + b"]"
            try:
                answer = self._http.post(self._path, body, {"Authorization": f"Bearer {self._bearer()}"})
            except SinkError:
                self._token = ""  # it may have been taken back
                raise
            if answer.status in (200, 201, 202):  # the service says 204; a proxy that says 200 has not taken the events
                raise SinkError(self._settings.endpoint, f"answers {answer.status}, not 204", "is this the data collection endpoint?")
            if answer.status >= 400:
                raise Refused(f"answers {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}")

        return Outcome(refused=in_halves(items, post))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._authority.close()


TRANSPORT = Transport(types=("sentinel",), format="jsonl", open=SentinelReceiver, batch=500, max_bytes=MAX_CALL * 2 // 3)
