"""ONVIF before login."""

import pytest
from drive import run, values

from netcam.errors import DecodeError
from netcam.protocols import never, onvif
from netcam.protocols.commands import Receive, Reopen, Target

TARGET = Target("192.0.2.7", 80)


def _answer(inner: str, status: str = "200 OK") -> bytes:
    body = (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" '
        f'xmlns:tnshik="http://www.hikvision.com/2011/event/topics"><e:Body>{inner}</e:Body></e:Envelope>'
    ).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


TIME = _answer("<tds:GetSystemDateAndTimeResponse/>")
UNKNOWN = _answer(
    "<e:Fault><e:Code><e:Value>e:Receiver</e:Value><e:Subcode><e:Value>ter:ActionNotSupported</e:Value></e:Subcode></e:Code></e:Fault>",
    "500 x",
)
DENIED = _answer(
    "<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>ter:NotAuthorized</e:Value></e:Subcode></e:Code></e:Fault>", "400 Bad"
)
CAPABILITIES = _answer(
    "<tds:GetCapabilitiesResponse><Capabilities><Media><XAddr>http://192.0.2.7/onvif/Media</XAddr></Media></Capabilities></tds:GetCapabilitiesResponse>"
)
SCOPES = _answer("<tds:GetScopesResponse><Scopes><ScopeItem>onvif://www.onvif.org/name/IPC</ScopeItem></Scopes></tds:GetScopesResponse>")
INFORMATION = _answer(  # values of a published Lorex answer
    "<tds:GetDeviceInformationResponse><tds:Manufacturer>LOREX</tds:Manufacturer><tds:Model>LNB8973B</tds:Model>"
    "<tds:FirmwareVersion>2.460.0001.5.R, Build Date 2017-08-11</tds:FirmwareVersion><tds:SerialNumber>ND021808019141</tds:SerialNumber>"
    "<tds:HardwareId>1.00</tds:HardwareId></tds:GetDeviceInformationResponse>"
)


def test_five_questions_are_asked_and_read_and_an_unknown_operation_does_not_end_the_talk() -> None:
    facts, sent = run(onvif.talk(TARGET), [TIME, UNKNOWN, CAPABILITIES, SCOPES, INFORMATION])
    found = values(facts)
    assert sent.count(b"POST /onvif/device_service") == 5
    assert found["onvif.manufacturer"] == ["LOREX"]
    assert found["onvif.model"] == ["LNB8973B"]
    assert found["onvif.firmware"] == ["2.460.0001.5.R, Build Date 2017-08-11"]
    assert found["onvif.serial"] == ["ND021808019141"]
    assert found["onvif.hardware"] == ["1.00"]
    assert found["onvif.scope.name"] == ["IPC"]
    assert found["onvif.xaddr"] == ["http://192.0.2.7/onvif/Media"]
    assert "http://www.hikvision.com/2011/event/topics" in found["onvif.namespace"]


def test_a_refusal_ends_the_talk_and_nothing_is_asked_again() -> None:
    facts, sent = run(onvif.talk(TARGET), [TIME, DENIED, CAPABILITIES])
    assert sent.count(b"POST") == 2
    assert "http://www.hikvision.com/2011/event/topics" in values(facts)["onvif.namespace"]


def test_a_401_keeps_its_realm_and_ends_the_talk() -> None:
    denied = b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="Login to 6C01E93PAG69A7D"\r\nContent-Length: 0\r\n\r\n'
    facts, sent = run(onvif.talk(TARGET), [denied, TIME])
    assert values(facts) == {"http.realm": ["Login to 6C01E93PAG69A7D"]}
    assert sent.count(b"POST") == 1


def test_no_question_is_on_the_never_list_or_carries_credentials() -> None:
    for operation in onvif.OPERATIONS:
        data = onvif.request(TARGET, operation)
        assert never.refuses(data) is None
        assert b"Security" not in data
    with pytest.raises(KeyError):
        onvif.request(TARGET, "SystemReboot")


def test_its_own_question_is_no_answer() -> None:
    with pytest.raises(DecodeError):
        onvif.parse(onvif.request(TARGET, "GetScopes").partition(b"\r\n\r\n")[2])


def test_a_device_that_ends_the_connection_after_each_answer_is_asked_on_new_ones() -> None:
    answers = [
        answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1) for answer in (TIME, UNKNOWN, CAPABILITIES, SCOPES, INFORMATION)
    ]
    exchange = onvif.talk(TARGET)
    reopened, waiting, buffer = 0, list(answers), b""
    command = next(exchange)
    while True:
        try:
            got = b""
            if isinstance(command, Reopen):
                reopened += 1
            elif isinstance(command, Receive):
                end = buffer.find(command.until) + len(command.until) if command.until else command.exactly
                got, buffer = buffer[:end], buffer[end:]
            else:
                buffer += waiting.pop(0)
            command = exchange.send(got)
        except StopIteration as stop:
            found = values(stop.value)
            break
    assert reopened == 4
    assert found["onvif.model"] == ["LNB8973B"]


def test_what_was_told_before_a_connection_failed_stays_told() -> None:
    exchange = onvif.talk(TARGET)
    answer = CAPABILITIES.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    head, _, body = answer.partition(b"\r\n\r\n")
    next(exchange)
    exchange.send(b"")
    exchange.send(head + b"\r\n\r\n")
    assert isinstance(exchange.send(body), Reopen)
    with pytest.raises(StopIteration) as ended:
        exchange.throw(ConnectionError("refused"))
    assert values(ended.value.value)["onvif.xaddr"] == ["http://192.0.2.7/onvif/Media"]


def test_the_polite_profile_asks_only_what_the_standard_lets_anybody_ask() -> None:
    from netcam.protocols import onvif_pre_auth

    facts, sent = run(onvif_pre_auth.CONVERSATION.talk(TARGET), [TIME, UNKNOWN, CAPABILITIES, SCOPES, INFORMATION])
    assert sent.count(b"POST /onvif/device_service") == 3
    assert b"GetDeviceInformation" not in sent
    assert b"GetScopes" not in sent
    assert facts
    assert "polite" not in onvif.CONVERSATION.profiles
