"""Receivers that follow the published contracts of Splunk HEC, `_bulk` and Logs Ingestion strictly, and misbehave when told to."""

import contextlib
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SPLUNK_KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}


class StandIn:
    """What a stand-in keeps: events in the order of arrival, and moods for the next requests."""

    def __init__(self):
        self.got, self.moods, self.requests, self.lock = [], [], 0, threading.Lock()
        self.url = ""

    def mood(self):
        with self.lock:
            self.requests += 1
            return self.moods.pop(0) if self.moods else ""

    def answer(self, path, headers, body):
        """Status, object, headers of an answer."""
        raise NotImplementedError


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        stand = self.server.stand
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mood = stand.mood()
        if mood == "cut before":
            return self._cut()
        if mood == "slow":
            time.sleep(1.0)
        if mood in ("429", "503", "500"):
            return self._tell(int(mood), {"text": "Server is busy", "code": 9}, {"Retry-After": "2"} if mood == "429" else {})
        if mood == "garbage":
            return self._tell(200, "<html>a proxy</html>", {})
        status, told, headers = stand.answer(self.path, self.headers, body)
        if mood == "cut after":
            return self._cut()
        return self._tell(status, told, headers)

    def _cut(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    def _tell(self, status, told, headers):
        data = b"" if told is None else told.encode() if isinstance(told, str) else json.dumps(told).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)


@contextlib.contextmanager
def serving(stand, authority=None):
    """A stand-in on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.stand = True, stand
    if authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.cert, authority.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stand.url = f"http{'s' if authority else ''}://127.0.0.1:{server.server_port}"
    try:
        yield stand
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Splunk(StandIn):
    """HEC: token, channel, concatenated objects, error codes, and acknowledgements that come late and once."""

    def __init__(self, token="t0ken", *, acknowledge=False, bad=()):
        super().__init__()
        self._token, self._acknowledge, self._bad, self._acks, self._next = token, acknowledge, set(bad), {}, 0

    def answer(self, path, headers, body):
        url = urlsplit(path)
        if headers.get("Authorization") != f"Splunk {self._token}":
            return 403, {"text": "Invalid token", "code": 4}, {}
        if url.path == "/services/collector/ack":
            asked, channel = json.loads(body)["acks"], parse_qs(url.query)["channel"][0]
            states = {}
            for number in asked:
                polls = self._acks.get((channel, number))
                if polls is None:
                    states[str(number)] = False
                    continue
                self._acks[channel, number] = polls - 1
                states[str(number)] = polls <= 0
                if polls <= 0:
                    del self._acks[channel, number]  # an acknowledgement is told once
            return 200, {"acks": states}, {}
        if url.path != "/services/collector/event":
            return 404, {"text": "not found", "code": 404}, {}
        if self._acknowledge and not headers.get("X-Splunk-Request-Channel"):
            return 400, {"text": "Data channel is missing", "code": 10}, {}
        if len(body) > 1_000_000:
            return 413, {"text": "Content too large", "code": 27}, {}
        decoder, text, events = json.JSONDecoder(), body.decode(), []
        while text:
            try:
                one, end = decoder.raw_decode(text)
            except ValueError:
                return 400, {"text": "Invalid data format", "code": 6, "invalid-event-number": len(events)}, {}
            text = text[end:].lstrip()
            if not isinstance(one, dict) or not set(one) <= SPLUNK_KEYS:
                return 400, {"text": "Invalid data format", "code": 6, "invalid-event-number": len(events)}, {}
            if one.get("event") in (None, ""):
                return 400, {"text": "Event field is required", "code": 12, "invalid-event-number": len(events)}, {}
            if not all(isinstance(value, str | int | float) for value in one.get("fields", {}).values()):
                return 400, {"text": "Error in handling indexed fields", "code": 15, "invalid-event-number": len(events)}, {}
            events.append(one)
        if any(one["fields"]["event_id"] in self._bad for one in events):
            return 400, {"text": "Incorrect index", "code": 7, "invalid-event-number": 0}, {}
        if not events:
            return 400, {"text": "No data", "code": 5}, {}
        self.got += [one["fields"]["event_id"] for one in events]
        told = {"text": "Success", "code": 0}
        if self._acknowledge:
            self._acks[headers["X-Splunk-Request-Channel"], self._next] = 2
            told["ackId"] = self._next
            self._next += 1
        return 200, told, {}


class Elastic(StandIn):
    """`_bulk` of a data stream: create only, one document per id, failures told for each item."""

    def __init__(self, *, bad=(), busy=0):
        super().__init__()
        self.documents, self._bad, self._busy = {}, set(bad), busy

    def answer(self, path, headers, body):
        if headers.get("Content-Type") != "application/x-ndjson" or not body.endswith(b"\n"):
            return 400, {"error": {"type": "illegal_argument_exception", "reason": "The bulk request must be terminated by a newline"}}, {}
        if len(body) > 5_000_000:
            return 413, {"error": {"type": "too_large"}}, {}
        lines = body.decode().split("\n")[:-1]
        items = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            told = json.loads(action)
            if list(told) != ["create"] or list(told["create"]) != ["_id"]:
                return (
                    400,
                    {"error": {"type": "illegal_argument_exception", "reason": "only write ops with an op_type of create are allowed"}},
                    {},
                )
            id, one = told["create"]["_id"], json.loads(document)
            assert one["event"]["id"] == id
            if id in self.documents:
                items.append(
                    {"create": {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "document already exists"}}}
                )
            elif self._busy and len(items) % self._busy == self._busy - 1:
                items.append({"create": {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}})
            elif id in self._bad:
                items.append({"create": {"status": 400, "error": {"type": "document_parsing_exception", "reason": "failed to parse"}}})
            else:
                self.documents[id] = one
                self.got.append(id)
                items.append({"create": {"status": 201}})
        return 200, {"errors": any(one["create"]["status"] >= 300 for one in items), "items": items}, {}


class Sentinel(StandIn):
    """The authority and the data collection endpoint in one: tokens end, a call has at most 1 MB, success is 204."""

    def __init__(self, *, lifetime=3600):
        super().__init__()
        self._lifetime, self.tokens, self.rows = lifetime, [], []

    def answer(self, path, headers, body):
        url = urlsplit(path)
        if url.path == "/tenant-1/oauth2/v2.0/token":
            form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
            wanted = {
                "grant_type": "client_credentials",
                "client_id": "app-1",
                "client_secret": "s3cret",
                "scope": "https://monitor.azure.com/.default",
            }
            if form != wanted:
                return 401, {"error": "invalid_client"}, {}
            self.tokens.append(f"token-{len(self.tokens)}")
            return 200, {"token_type": "Bearer", "expires_in": self._lifetime, "access_token": self.tokens[-1]}, {}
        if url.path != "/dataCollectionRules/dcr-1/streams/Custom-Netcam_CL" or parse_qs(url.query) != {"api-version": ["2023-01-01"]}:
            return 404, {"error": {"code": "NotFound"}}, {}
        if headers.get("Authorization") != f"Bearer {self.tokens[-1] if self.tokens else ''}":
            return 401, {"error": {"code": "InvalidToken"}}, {}
        if len(body) > 1_000_000:
            return 413, {"error": {"code": "PayloadTooLarge"}}, {}
        rows = json.loads(body)
        if not isinstance(rows, list) or not all("TimeGenerated" in row for row in rows):
            return 400, {"error": {"code": "InvalidPayload"}}, {}
        self.rows += rows
        self.got += [row["EventId"] for row in rows]
        return 204, None, {}


class Hook(StandIn):
    """A webhook that keeps what it was sent."""

    def __init__(self, *, refuse=b"\0"):
        super().__init__()
        self.calls, self._refuse = [], refuse

    def answer(self, path, headers, body):
        if self._refuse in body:
            return 422, {"error": "refused"}, {}
        self.calls.append((dict(headers), body))
        self.got += [json.loads(line)["id"] for line in body.decode().splitlines()]
        return 204, None, {}
