"""Properties that every codec of the registry holds, whatever bytes a device sends."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from types import ModuleType

import pytest
from drive import run
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dhip import BODY, _framed
from test_heard import ANSWERS as HEARD
from test_http import LOGIN
from test_makers import ANSWERS as MAKERS
from test_mdns import _answer as mdns_answer
from test_onvif import DENIED, INFORMATION, TIME
from test_rtsp import DENIED as RTSP_DENIED
from test_rtsp import OPTIONS
from test_sadp import ANSWER as SADP
from test_ssdp import AXIS, SWANN
from test_wsdiscovery import HIKVISION

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import axis, cdp, dhcp, fields, greeting, lldp, never, sadp_link, snmp, ssdp, tls, tls_hello
from netcam.protocols.commands import MAX_BODY, MAX_FACTS, MAX_VALUE, Target
from netcam.protocols.registry import conversations, discoveries

DISCOVERIES = discoveries()
CONVERSATIONS = conversations()
TARGET = Target("192.0.2.7", 80)
NONCE = "7a1e0f52-6a2e-4a51-9d0b-1f1f5a3a9c11"

BROADCAST_ONLY = {"bosch", "dahua5050", "foscam", "hanwha", "panasonic", "reolink", "sony", "vivotek"}
"""Protocols of which no source says that a device answers a question put to it alone."""

SEEDS = [
    SADP,
    HIKVISION,
    AXIS,
    SWANN,
    _framed(BODY),
    mdns_answer(),
    LOGIN,
    OPTIONS,
    RTSP_DENIED,
    TIME,
    INFORMATION,
    DENIED,
    *MAKERS,
    *HEARD,
]
"""Real shapes, so that a change of one byte reaches deep into a parser."""

UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Random bytes, or a real answer with parts cut out, doubled or overwritten."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        end = at + draw(st.integers(0, 40))
        piece = draw(
            st.sampled_from([b"", bytes(data[at:end]) * 3, b"\xff\xfe\x00\x1b[2J", b"<a>", b'"', b"\r\n\r\n"]) | st.binary(max_size=8)
        )
        data[at:end] = piece
    return bytes(data)


def _check(found: Iterable[Fact], declared: frozenset[str]) -> None:
    facts = list(found)
    assert len(facts) <= MAX_FACTS
    prefixes = tuple(name for name in declared if name.endswith("."))
    for fact in facts:
        assert fields.known(fact.field), fact.field
        assert fact.field in declared or fact.field.startswith(prefixes or ("\x00",)), fact.field
        assert len(fact.value) <= (MAX_BODY if fact.field == "http.body" else MAX_VALUE)
        assert fact.value
        assert not UNSAFE.search(fact.field + fact.value)


@pytest.mark.parametrize("name", sorted(DISCOVERIES))
@given(data=hostile())
@settings(max_examples=150, deadline=None)
def test_any_datagram_gives_declared_facts_or_a_decode_error(name: str, data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        _check(DISCOVERIES[name].parse(data), DISCOVERIES[name].fields)


@pytest.mark.parametrize("name", sorted(DISCOVERIES))
@given(data=hostile())
@settings(max_examples=60, deadline=None)
def test_redacting_any_datagram_never_fails_and_never_grows_it(name: str, data: bytes) -> None:
    assert len(DISCOVERIES[name].redact(data)) <= len(data)


@pytest.mark.parametrize("name", sorted(CONVERSATIONS))
@given(answers=st.lists(hostile(), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_stream_gives_declared_facts_or_a_decode_error(name: str, answers: list[bytes]) -> None:
    with contextlib.suppress(DecodeError):
        facts, _ = run(CONVERSATIONS[name].talk(TARGET), answers)
        _check(facts, CONVERSATIONS[name].fields)


@given(data=hostile())
@settings(max_examples=150, deadline=None)
def test_any_description_gives_declared_facts_or_a_decode_error(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        _check(ssdp.parse_description(data), ssdp.DESCRIPTION_FIELDS)


@pytest.mark.parametrize("codec", [lldp, cdp, dhcp, sadp_link, snmp, greeting, axis, tls_hello], ids=lambda codec: str(codec.__name__))
@given(data=hostile())
@settings(max_examples=150, deadline=None)
def test_any_frame_gives_declared_facts_or_a_decode_error(codec: ModuleType, data: bytes) -> None:
    declared = codec.CONVERSATION.fields if hasattr(codec, "CONVERSATION") else codec.FIELDS
    assert all(fields.known(field + "x" if field.endswith(".") else field) for field in declared)
    with contextlib.suppress(DecodeError):
        _check(codec.parse(data), declared)


@pytest.mark.parametrize("name", sorted(DISCOVERIES))
def test_no_question_is_on_the_never_list_and_none_is_read_as_an_answer(name: str) -> None:
    asked = list(DISCOVERIES[name].questions(NONCE))
    assert any(question.host == "{unicast}" for question in asked) or name in BROADCAST_ONLY
    for question in asked:
        assert never.refuses(question.data) is None
        with pytest.raises(DecodeError):
            list(DISCOVERIES[name].parse(question.data))


@pytest.mark.parametrize("name", sorted(CONVERSATIONS))
@given(answers=st.lists(hostile(), max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_a_device_answers_nothing_of_the_never_list_is_sent(name: str, answers: list[bytes]) -> None:
    sent: list[bytes] = []
    with contextlib.suppress(DecodeError):
        run(_spied(CONVERSATIONS[name].talk, sent), answers)
    assert sent or name == "greeting"
    assert all(never.refuses(data) is None and b"uthorization" not in data for data in sent)


def _spied(talk: Callable[[Target], object], sent: list[bytes]):  # type: ignore[no-untyped-def]
    """The talk, with every message it sends written down, also where it ends in a DecodeError."""
    exchange = talk(TARGET)
    result = None
    while True:
        try:
            command = next(exchange) if result is None else exchange.send(result)  # type: ignore[call-overload,attr-defined]
        except StopIteration as stop:
            return stop.value
        if hasattr(command, "data"):
            sent.append(command.data)
        result = yield command


@pytest.mark.parametrize("thing", [*DISCOVERIES.values(), *CONVERSATIONS.values()], ids=lambda thing: str(thing.name))
def test_every_declared_field_is_in_the_field_list(thing: object) -> None:
    declared = thing.fields  # type: ignore[attr-defined]
    assert declared
    for field in declared:
        assert fields.known(field + "x" if field.endswith(".") else field), field


def test_no_codec_touches_the_ports_that_make_printers_print() -> None:
    ports = {port for c in CONVERSATIONS.values() for port in c.ports + c.tls_ports}
    ports |= {question.port for d in DISCOVERIES.values() for question in d.questions(NONCE)}
    assert not ports & set(range(9100, 9108))


def test_the_fields_of_certificates_are_in_the_field_list() -> None:
    assert all(fields.known(field) for field in tls.FIELDS)


def test_the_registry_holds_the_first_protocols() -> None:
    assert {"wsdiscovery", "sadp", "dhip", "mdns", "ssdp"} <= set(DISCOVERIES)
    assert {"http", "rtsp", "onvif"} <= set(CONVERSATIONS)
