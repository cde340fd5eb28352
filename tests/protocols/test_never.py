"""The list of what is never requested."""

import re

import pytest

from netcam.protocols.never import MESSAGES_NEVER_SENT, NEVER_REQUESTED, refuses

REFUSED = [
    "/current_config/passwd",
    "/Current_Config/Account1",
    "/RPC2_Login",
    "/RPC2",
    '{"method":"global.login"}',
    "/web_caps/webCapsConfig",
    "/cgi-bin/magicBox.cgi?action=getSystemInfo",
    "/SDK/webLanguage",
    "/System/deviceInfo?auth=YWRtaW46MTEK",
    "/PSIA/Custom/SelfExt/userCheck",
    '/cgi-bin/main-cgi?json={"cmd":255}',
    "/doLogin",
    "/cgi-bin/nobody/Search.cgi?action=cgi_query",
    "/upgrade_handle.php?cmd=writeuploaddir",
    "/dvrcontrol.cgi",
    "/main/index.asp?ID=1",
    "/device.rsp?opt=user&cmd=list",
    "/onvif-http/snapshot",
    "/%63urrent_config/passwd",
    "/%2563urrent_config/passwd",
    "/doc/../../etc/passwd",
    "/RPC2%5fLogin",
    "//RPC2_Login",
    b"GET / HTTP/1.1\r\nAuthorization: Basic YWRtaW46\r\n\r\n",
    b"PUT /SDK/language HTTP/1.1\r\n",
    b"SETUP rtsp://192.0.2.1/ RTSP/1.0\r\n",
    b"<s:Body><tds:SystemReboot/></s:Body>",
    b"<s:Body><tds:SetSystemFactoryDefault><x/></tds:SetSystemFactoryDefault></s:Body>",
    b"<s:Body><GetUsers/></s:Body>",
    b"<Probe><Uuid>1</Uuid><Types>reset</Types></Probe>",
    b"<Probe><Uuid>1</Uuid><Types>inquiry_v33</Types></Probe>",
    b'{"method":"DHDiscover.setConfig"}',
    b'{"method":"PasswdFind.getDescript"}',
    b"\xa0\x01\x00\x00\x00\x00\x00\x00",
    b"\xff\x01\x00\x00\x00\x00\x00\x00",
]

ALLOWED = [
    b"<a:ReplyTo><a:Address>urn:x</a:Address></a:ReplyTo>",
    b"<s:Body><GetServices xmlns='x'><IncludeCapability>false</IncludeCapability></GetServices></s:Body>",
    "/",
    "/favicon.ico",
    "/doc/page/login.asp",
    "/SDK/activateStatus",
    "/SDK/language",
    "/ISAPI/Security/extern/capabilities",
    "/upnpdevicedesc.xml",
    "/onvif/device_service",
    "/portal/login_init.action",
    b"OPTIONS rtsp://192.0.2.1:554/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    b"<Probe><Uuid>1</Uuid><Types>inquiry</Types></Probe>",
    b"<Probe><Uuid>1</Uuid><Types>inquiry_v32</Types></Probe>",
    b'{ "method" : "DHDiscover.search", "params" : { "mac" : "", "uni" : 1 } }\n',
]


@pytest.mark.parametrize("thing", REFUSED)
def test_a_forbidden_request_is_refused_with_a_reason(thing: str | bytes) -> None:
    assert refuses(thing)


@pytest.mark.parametrize("thing", ALLOWED)
def test_what_netcam_does_ask_is_allowed(thing: str | bytes) -> None:
    assert refuses(thing) is None


ONLY = [
    "/cgi-bin/current_config",
    "/RPC2",
    '{"method":"global.login"}',
    "/web_caps/webCapsConfig",
    "/cgi-bin/magicBox.cgi?action=getSystemInfo",
    "/SDK/webLanguage",
    "/System/deviceInfo?auth=YWRtaW46MTEK",
    "/ISAPI/Security/users",
    "/PSIA/Custom/SelfExt/userCheck",
    "/ISAPI/System/configurationFile",
    "/cgi-bin/main-cgi",
    "/LAPI/V1.0/System/Security/Login",
    "/doLogin",
    "/cgi-bin/nobody/Search.cgi",
    "/upgrade_handle.php?cmd=writeuploaddir",
    "/dvrcontrol.cgi",
    "/main/index.asp?ID=1",
    "/device.rsp?opt=user",
    "/onvif-http/snapshot",
    "/axis-cgi/jpg/image.cgi",
    "/cgi-bin/reboot.cgi",
    "/doc/../../x",
    "GET / HTTP/1.1\r\nAuthorization: Basic YWRtaW46\r\n\r\n",
    "<s:Header><wsse:Security/></s:Header>",
    "<s:Body><tds:SetHostname ><x/></tds:SetHostname></s:Body>",
    "<s:Body><GetUsers/></s:Body>",
    "<s:Body><trt:GetStreamUri/></s:Body>",
    "<Probe><Types>reset</Types></Probe>",
    '{"method":"DHDiscover.setConfig"}',
    "DELETE /x HTTP/1.1\r\n",
    "PLAY rtsp://192.0.2.1/ RTSP/1.0\r\n",
]
"""One for each pattern, in their order, that no other one refuses."""


def test_each_pattern_of_the_list_is_held_by_an_example_of_its_own() -> None:
    """Whoever takes a pattern away, or adds one without an example, meets this test."""
    for pattern, example in zip(NEVER_REQUESTED, ONLY, strict=True):
        assert [one for one in NEVER_REQUESTED if re.search(one, example, re.IGNORECASE)] == [pattern]
        assert refuses(example)
        assert refuses(example.encode())


BEGINNINGS = [
    bytes.fromhex("a005000000000000"),
    bytes.fromhex("f600000000000000"),
    bytes.fromhex("ff000000" + "00" * 10 + "e803" + "00000000"),
    b"MHED" + bytes(4) + b"\x02\x00\x00\x00",
    b"MO_I\x01\x00",
    b"\x00\x01" + bytes(22) + bytes.fromhex("20111e11231f1e1913"),
    bytes.fromhex("210201" + "00" * 7 + "04"),
    bytes.fromhex("213100ff") + bytes(28),
    bytes.fromhex("f1200000"),
    bytes.fromhex("42010080"),
    b"\x02SET:" + b"x" * 9 + b"\xff\x03",
    b"DH\x01\x02",
    bytes.fromhex("000055aa00000000"),
    bytes.fromhex("f0debc0a01000000"),
]
"""One for each binary message, in their order."""


def test_each_binary_message_of_the_list_is_held_by_an_example_of_its_own() -> None:
    for pattern, example in zip(MESSAGES_NEVER_SENT, BEGINNINGS, strict=True):
        assert [one for one in MESSAGES_NEVER_SENT if re.match(one, example, re.DOTALL)] == [pattern], example
        assert refuses(example) == MESSAGES_NEVER_SENT[pattern]
