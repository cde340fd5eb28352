"""Elasticsearch and OpenSearch: `_bulk` with create under `_id` = event id, so that an event that comes twice is there once.

Contract: Elasticsearch API documentation, "Bulk index or delete documents"; data streams take create only.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence

from netcam.config.sinks import ElasticSink
from netcam.errors import SinkError
from netcam.sinks.transport import Item, Opening, Outcome, Transport
from netcam.sinks.transports._http import Http, Refused, in_halves


class BulkReceiver:
    """One data stream."""

    def __init__(self, settings: ElasticSink, opening: Opening) -> None:
        headers = {"Content-Type": "application/x-ndjson"}
        if settings.api_key:
            headers["Authorization"] = f"ApiKey {opening.secret(settings.api_key, 'api_key')}"
        elif settings.username:
            pair = f"{settings.username}:{opening.secret(settings.password, 'password')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        self._url = settings.url
        self._http = Http(settings, opening, settings.url, headers)
        self._path = f"/{settings.data_stream}/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"

    def send(self, items: Sequence[Item]) -> Outcome:
        """Post the batch and read what became of each event: 200 alone says nothing."""
        refused: dict[int, str] = {}
        retry: dict[int, str] = {}

        def post(part: Sequence[Item]) -> None:
            body = b"".join(b'{"create":{"_id":"' + item.id.encode() + b'"}}\n' + item.body + b"\n" for item in part)
            answer = self._http.post(self._path, body)
            if answer.status >= 400:
                raise Refused(f"answers {answer.status}: {answer.body[:300].decode('utf-8', 'replace')}")
            for item, (status, why) in zip(part, self._results(answer.body, len(part)), strict=True):
                if status < 300 or status == 409:  # 409: it is there already
                    continue
                (retry if status == 429 or status >= 500 else refused)[item.seq] = f"{status} {why}"

        refused |= in_halves(items, post)
        return Outcome(refused=refused, retry=retry)

    def _results(self, body: bytes, count: int) -> list[tuple[int, str]]:
        try:
            told = json.loads(body)
            if told.get("errors") is False:
                return [(201, "")] * count
            results = [(int(one["create"]["status"]), _why(one["create"].get("error"))) for one in told["items"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise SinkError(self._url, "does not answer as _bulk does", "is this Elasticsearch or OpenSearch?") from None
        if len(results) != count:
            raise SinkError(self._url, f"tells of {len(results)} events, not of {count}", "is this Elasticsearch or OpenSearch?")
        return results

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _why(error: object) -> str:
    return f"{error.get('type', '')}: {error.get('reason', '')}"[:500] if isinstance(error, dict) else ""


TRANSPORT = Transport(types=("elasticsearch", "opensearch"), format="ecs", open=BulkReceiver, batch=500, max_bytes=4_000_000, partial=True)
