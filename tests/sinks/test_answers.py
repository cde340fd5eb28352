"""What receivers answer is not trusted either: any bytes are an outcome or a SinkError, never a crash."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.config.sinks import SplunkSink
from netcam.errors import SinkError
from netcam.sinks.transports import bulk, splunk
from netcam.sinks.transports._http import Answer, _retry_after
from tests.sinks.samples import EVENTS
from tests.sinks.test_syslog import items_of

ITEMS = list(items_of(list(EVENTS.values())[:3], "ecs"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["errors", "items", "create", "status", "error", "type", "ackId", "acks", "code", "text", "0"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=100) | JSON.map(lambda told: json.dumps(told).encode())


class Canned:
    """A connection that answers what a test says."""

    def __init__(self, status, bodies):
        self.status, self.bodies = status, bodies

    def post(self, path, body, headers=None):
        return Answer(self.status, self.bodies[0] if len(self.bodies) == 1 else self.bodies.pop(0))

    def close(self):
        pass


def answers(status, body):
    elastic = object.__new__(bulk.BulkReceiver)
    elastic._url, elastic._path, elastic._http = "http://x", "/", Canned(status, [body])
    try:
        outcome = elastic.send(ITEMS)
    except SinkError:
        pass
    else:
        assert set(outcome.refused) | set(outcome.retry) <= {item.seq for item in ITEMS}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([200, 201, 400, 413]), BODIES)
def test_no_answer_of_bulk_breaks_the_receiver(status, body):
    answers(status, body)


@pytest.mark.fuzz
@settings(max_examples=30_000, deadline=None)
@given(st.sampled_from([200, 201, 400, 409, 413, 422]), BODIES)
def test_fuzz_answers_of_bulk(status, body):
    answers(status, body)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([200, 400, 413]), BODIES)
def test_no_answer_of_splunk_breaks_the_receiver_or_counts_as_taken_without_a_word_of_it(status, body):
    receiver = object.__new__(splunk.SplunkReceiver)
    receiver._settings, receiver._sourcetype, receiver._json, receiver._channel = SplunkSink(type="splunk", url="http://x"), "s", True, "c"
    receiver._http = Canned(status, [body])
    try:
        outcome = receiver.send(ITEMS)
    except SinkError:
        return
    if not outcome.refused:
        assert json.loads(body)["code"] == 0


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_retry_after_is_too_odd(text):
    told = _retry_after(text)
    assert told is None or told >= 0


def test_odd_answers_that_were_found_once():
    for status, body in ((400, b'{"code":[]}'), (200, b'{"code":0,"ackId":true}'), (400, b"[]"), (413, b"")):
        receiver = object.__new__(splunk.SplunkReceiver)
        receiver._settings, receiver._sourcetype, receiver._json, receiver._channel = (
            SplunkSink(type="splunk", url="http://x"),
            "s",
            True,
            "c",
        )
        receiver._http = Canned(status, [body])
        try:
            outcome = receiver.send(ITEMS)
        except SinkError:
            continue
        assert set(outcome.refused) | set(outcome.retry) <= {item.seq for item in ITEMS}, (status, body)


def test_a_retry_after_is_seconds_or_a_date():
    assert _retry_after("120") == 120.0
    assert _retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert _retry_after("soon") is None
    assert _retry_after("²") is None
