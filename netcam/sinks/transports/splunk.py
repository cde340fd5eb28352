"""Splunk HTTP Event Collector; with acknowledgement a batch counts only when the indexer has it.

Contract: Splunk documentation, "Format events for HTTP Event Collector" and "HTTP Event Collector indexer acknowledgment".
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence

from netcam import wire
from netcam.config.sinks import SplunkSink
from netcam.errors import SinkError
from netcam.sinks.transport import Item, Opening, Outcome, Transport
from netcam.sinks.transports._http import Answer, Http, Refused, in_halves

ACK_SECONDS = 60.0
"""How long the indexer may take; Splunk's own default for an idle channel is ten minutes, and a batch can come again."""
POST_EVENTS = 200
"""Events of one request: the collector takes 1 MB by default, and a request above it is halved."""
_BAD_EVENT = frozenset({5, 6, 7, 12, 13, 15, 16, 17})
"""Codes that speak of the events sent: no data, invalid data, incorrect index, event field missing or blank, fields wrong."""


class SplunkReceiver:
    """One collector and one channel."""

    def __init__(self, settings: SplunkSink, opening: Opening) -> None:
        self._settings = settings
        self._channel = str(uuid.uuid4())
        headers = {"Authorization": f"Splunk {opening.secret(settings.token, 'token')}", "Content-Type": "application/json"}
        self._http = Http(settings, opening, settings.url, headers | {"X-Splunk-Request-Channel": self._channel})
        self._sourcetype = settings.sourcetype or f"netcam:{opening.format}"
        self._json = "json" in opening.media_type

    def event(self, item: Item) -> bytes:
        """The envelope of an event."""
        told = {
            "time": round(item.at, 3), "host": item.sensor or "netcam", "source": self._settings.source, "sourcetype": self._sourcetype,
            "fields": {"event_id": item.id, "netcam_kind": item.kind, "netcam_site": item.site},
        }  # fmt: skip
        if self._settings.index:
            told["index"] = self._settings.index
        if not self._json:
            return wire.dumps(told | {"event": item.body.decode()}).encode()
        return wire.dumps(told)[:-1].encode() + b',"event":' + item.body + b"}"

    def send(self, items: Sequence[Item]) -> Outcome:
        """Post the batch, and wait for the indexer where that is asked for."""
        acks: list[int] = []

        def post(part: Sequence[Item]) -> None:
            answer = self._http.post("/services/collector/event", b"\n".join(self.event(item) for item in part))
            told = _object(answer)
            if answer.status >= 400:
                code, text = told.get("code"), str(told.get("text", ""))
                if answer.status == 413 or (isinstance(code, int) and code in _BAD_EVENT):
                    raise Refused(f"Splunk answers {answer.status}, code {code}: {text}")
                raise SinkError(self._settings.url, f"answers {answer.status}, code {code}: {text}", "check token, index and channel")
            if told.get("code") != 0:  # a proxy that says 200 has not taken the events
                raise SinkError(self._settings.url, "does not answer as the collector does", "is this the HTTP Event Collector?")
            if self._settings.acknowledge:
                number = told.get("ackId")
                if not isinstance(number, int):
                    raise SinkError(self._settings.url, "gives no ackId", "switch acknowledgement on for the token, or off here")
                acks.append(number)

        refused: dict[int, str] = {}
        for start in range(0, len(items), POST_EVENTS):
            refused |= in_halves(items[start : start + POST_EVENTS], post)
        self._wait(acks)  # for all at once: an indexer takes its second for each
        return Outcome(refused=refused)

    def _wait(self, acks: list[int]) -> None:
        until, pause = time.monotonic() + ACK_SECONDS, 0.05
        missing = set(acks)
        while missing:
            answer = _object(
                self._http.post(f"/services/collector/ack?channel={self._channel}", json.dumps({"acks": sorted(missing)}).encode())
            )
            states = answer.get("acks")
            if isinstance(states, dict):
                missing -= {number for number in missing if states.get(str(number)) is True}
            if missing and time.monotonic() > until:
                raise SinkError(
                    self._settings.url, f"has not indexed {len(missing)} batches after {ACK_SECONDS:.0f} s", "see the indexer's queues"
                )
            if missing:
                time.sleep(pause)
                pause = min(2.0, pause * 2)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _object(answer: Answer) -> dict[str, object]:
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


TRANSPORT = Transport(types=("splunk",), format="ecs", open=SplunkReceiver, batch=2000, max_bytes=4_000_000)
