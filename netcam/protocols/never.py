"""What netcam never requests: login attempts, configuration and credential leaks, exploit paths, calls that change a device.

The gate asks `refuses` about every path and every payload before it leaves; the codecs have no encoder for any of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

MAX_REMEMBERED = 1024
"""Bytes of a message whose verdict is remembered: questions to devices are shorter."""
MAX_UNQUOTE = 3
"""Rounds of percent decoding: servers decode once, some twice; a third catches those who hide a path from a filter."""

_CHANGES = (
    r"(?-i:Set|Add|Remove|Create|Delete|Start|Stop|Restore|Upgrade|Load|Upload|Send|Modify|Replace|Goto|Move|Absolute|Relative"
    r"|Continuous|Execute|Trigger)(?-i:[A-Z])\w{2,60}"
)

NEVER_REQUESTED: Mapping[str, str] = MappingProxyType(
    {
        r"/current_config(/|\b)": "Dahua configuration and credential leak",
        r"/RPC2(_Login)?\b": "Dahua remote procedure call: a login attempt",
        r"global\.login\b": "Dahua login",
        r"/web_caps/": "Dahua information disclosure filed as CVE-2019-9680",
        r"/magicBox\.cgi": "Dahua call that needs a login",
        r"/SDK/webLanguage": "Hikvision CVE-2021-36260",
        r"[?&]auth=": "Hikvision CVE-2017-7921",
        r"/Security/(userCheck|users|sessionLogin|GUIDFileData)": "Hikvision login check or account data",
        r"/userCheck\b": "Hikvision login check",
        r"/System/configurationFile": "Hikvision configuration export",
        r"/main-cgi": "Uniview CGI of the configuration export advisories",
        r"/LAPI/V1\.0/System/Security/Login": "Uniview login",
        r"/doLogin\b": "TVT login with advisories",
        r"/cgi-bin/nobody/": "AVTECH advisories",
        r"/upgrade_handle\.php": "NUUO advisories",
        r"/dvrcontrol\.cgi": "Vitek advisories",
        r"/main/index\.asp\?ID=": "nsd advisories",
        r"/device\.rsp\?": "TBK CVE-2018-9995",
        r"/(onvif-http/)?snapshot|/snap\.(jpe?g|cgi)|/picture\b|/image/jpeg\.cgi|/mjpg?/": "a picture",
        r"/video\.(cgi|mjpg)|/axis-cgi/(jpg|mjpg)/": "a picture or a video stream",
        r"/(logout|reboot|restart|reset|factory|upgrade|backup|restore|shutdown)(\.\w{2,6})?([/?]|$)": "changes the device or a session",
        r"system\.ini|/etc/passwd|/proc/|\.\./|\.\.\\": "path traversal or stored secrets",
        r"^Authorization\s*:|[\r\n]Authorization\s*:|[\r\n]Proxy-Authorization\s*:": "credentials",
        r"wsse:Security|<(\w{1,20}:)?UsernameToken\b": "credentials in SOAP",
        rf"<(?:\w{{1,20}}:)?(?:{_CHANGES}[\s>/]|SystemReboot\b)": "ONVIF operation that changes the device",
        r"<(\w{1,20}:)?GetUsers\b": "ONVIF list of accounts",
        r"<(\w{1,20}:)?Get(System(Backup|Log|SupportInformation)|SnapshotUri|StreamUri)\b": "ONVIF secret or picture",
        r"<Types>\s*(?!inquiry(_v32)?\s*<)\w": "SADP verb other than the inquiry",
        r"DHDiscover\.(?!search\b)|DevInit\.|PasswdFind\.|\"Security\.\w|deviceDiscovery\.": "Dahua method that resets a device",
        r"^(PUT|DELETE|PATCH|TRACE|CONNECT)\s": "HTTP verb that changes state",
        r"^(PLAY|SETUP|RECORD|ANNOUNCE|PAUSE|TEARDOWN|SET_PARAMETER)\s": "RTSP verb that starts or changes a stream",
    }
)
"""Pattern -> why it is refused. Matched anywhere, upper and lower case alike, in a path or in a message, percent-decoded or not."""

MESSAGES_NEVER_SENT: Mapping[bytes, str] = MappingProxyType(
    {
        rb"\xa0[\x00\x01\x05]\x00": "Dahua DVRIP login",
        rb"\xf6\x00\x00": "Dahua DVRIP command",
        # the one message allowed is the empty search
        rb"\xff[\x00\x01]\x00\x00(?!\x00{10}\xfa\x05\x00{4}\Z)": "Xiongmai message other than the search: a login or a change",
        rb"MHED.{4}(?!\x01\x00\x00\x00)": "TVT command other than the search",
        rb"MO_I(?!\x00\x00)": "Foscam opcode other than the search",
        rb"\x00\x01.{22}\x20\x11\x1e\x11\x23\x1f\x1e\x19\x13(?<!\x00\x0d.{27})": "Easy IP Setup opcode other than the search",
        rb"\x21[\x01\x02]\x01.{7}[^\x03]": "SADP frame other than the inquiry",
        rb"\x21\x31(?!\x00\x20\xff{28}\Z)": "miIO command",
        rb"\xf1(?![\x30\x32]\x00\x00\Z)[\x00-\xff]\x00": "PPPP message other than the search: it starts a session",
        rb"\x42[\x00-\xff]\x00(?!\x02\x00\x00)": "GVCP command other than the discovery: it may write a register",
        rb"\x02(?!ENQ:)[A-Za-z]{2,12}:?.{0,40}\xff\x03": "Sony verb other than the inquiry",
        rb"DH\x01(?!\x01)": "VStarcam message",
        rb"\x00\x00\x55\xaa": "Tuya command",
        rb"\xf0\xde\xbc\x0a": "Baichuan login",
    }
)
"""How a binary message begins -> why it is refused."""

_STARTS = tuple((re.compile(pattern, re.DOTALL), why) for pattern, why in MESSAGES_NEVER_SENT.items())
OWNER_MAY = frozenset({"credentials", "credentials in SOAP", "ONVIF list of accounts"})
"""Reasons that do not hold where the owner's own account asks (`netcam ask`): how many accounts there are is read, never who they are."""

_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), why) for pattern, why in NEVER_REQUESTED.items())


def refuses(path_or_message: str | bytes, *, owner: bool = False) -> str | None:
    """Why this path or message must not be sent, or None. Percent-encoding does not hide a path.

    With `owner` the reasons of OWNER_MAY are passed over: the message carries the owner's credentials to the owner's device.
    """
    data = path_or_message.encode("utf-8", "surrogatepass") if isinstance(path_or_message, str) else bytes(path_or_message)
    return (_judge if owner or len(data) > MAX_REMEMBERED else _judged)(data, owner)


def _judge(data: bytes, owner: bool) -> str | None:
    for start, why in _STARTS:
        if start.match(data):
            return why
    for _ in range(MAX_UNQUOTE + 1):
        text = data.decode("latin-1").replace("\x00", "")
        flat = re.sub(r"(?<!:)/{2,}", "/", text.replace("/./", "/"))
        for pattern, why in _COMPILED:
            if (pattern.search(text) or (flat != text and pattern.search(flat))) and not (owner and why in OWNER_MAY):
                return why
        decoded = unquote_to_bytes(data)
        if decoded == data:
            return None
        data = decoded
    return "percent-encoded more than three times"


_judged = lru_cache(maxsize=4096)(_judge)
"""The same question goes to a thousand devices, several times."""
