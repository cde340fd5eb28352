"""The list of what is never requested."""

import pytest

from netcam.protocols.never import refuses

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
