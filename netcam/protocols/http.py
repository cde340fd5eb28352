"""HTTP before login: one GET of a page, the answer's facts, the icon's hashes (RFC 9110, RFC 9112)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urljoin, urlsplit

from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import decoding, markup, message, never
from netcam.protocols.commands import MAX_BODY, Conversation, Exchange, Send, Target

MAX_PATH = 512
"""Characters of a path that a device may send us to."""
_OWN_FIELDS = frozenset({"server", "location", "www-authenticate", "set-cookie"})
"""Header fields that have a field of their own."""
_NOT_KEPT = frozenset({"date", "connection", "keep-alive", "content-length", "expires", "age"})
"""Header fields that change with every answer and tell nothing of the device."""
_REFRESH = re.compile(
    r"""<meta[^<>]{0,200}http-equiv\s{0,4}=\s{0,4}["']?refresh["']?[^<>]{0,200}url\s{0,4}=\s{0,4}["']?([^"'<>\s]{1,512})""", re.IGNORECASE
)
_SCRIPT = re.compile(
    r"""(?:window|document|top|parent|self)?\.?location(?:\.href)?(?:\s{0,4}=\s{0,4}|\.replace\s{0,4}\(\s{0,4})["']([^"'<>\s\\]{1,512})["']""",
    re.IGNORECASE,
)

PATHS: Mapping[str, str] = MappingProxyType(
    {
        "/favicon.ico": "every web server",
        "/doc/page/login.asp": "http.server App-webs, DNVRS-Webs, DVRDVS-Webs, Hikvision-Webs or webserver; http.title empty with 200",
        "/SDK/language": "Hikvision signs",
        "/SDK/activateStatus": "Hikvision signs",
        "/doc/script/lib/seajs/config/sea-config.js": "Hikvision signs",
        "/doc/script/global_config.js": "Hikvision signs",
        "/upnpdevicedesc.xml": "Hikvision signs",
        "/cap.js": "Dahua signs: http.title WEB SERVICE, no http.server",
        "/custom_lang/English.txt": "Dahua signs",
        "/portal/login_init.action": "Dahua signs (video servers)",
        "/lg/ENU.xml": "Foscam signs",
        "/js/client.config.js": "Reolink signs",
        "/user_lang.js": "Vivotek signs",
        "/DVR.htm": "Xiongmai signs: http.server uc-httpd",
        "/English.js": "Xiongmai signs: http.server uc-httpd",
        "/res/app-0.1.0.css": "Tiandy signs",
        "/SDCAPI/V1.0/AuthIaas/ActivaionStatus": "Huawei signs",
        "/axis-cgi/prod_brand_info/getbrand.cgi": "Axis signs",
        "/view/view.shtml": "Axis signs",
        "/js/language_webviewer.js": "Hanwha signs",
        "/web/index.html": "http.server Hipcam or an empty page",
    }
)
"""Static or login pages that a browser loads before login -> when to ask. Every one is a bare GET; nothing else may be asked."""


def request(target: Target, path: str) -> bytes:
    """The bytes of a GET. Raises ValueError for a path that must not be asked."""
    if why := never.refuses(path):
        raise ValueError(f"{path!r} is never requested: {why}")
    if not re.fullmatch(r"/[!-~]{0,511}", path):
        raise ValueError(f"{path!r} is not an absolute path in ASCII")
    host = target.host if target.port in (80, 443) else f"{target.host}:{target.port}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (compatible; netcam)\r\nAccept: */*\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def get(target: Target, path: str) -> Exchange:
    """GET one path, read its facts. Raises ValueError for a path that must not be asked, DecodeError for no HTTP answer."""
    yield Send(request(target, path))
    data = yield from message.receive()
    return parse_response(data, path)


def talk(target: Target) -> Exchange:
    """GET / and nothing else; the collector follows a redirect or asks for the icon in talks of their own."""
    return (yield from get(target, "/"))


def parse_response(data: bytes, path: str = "/") -> list[Fact]:
    """Facts of one answer to a GET of `path`; of an icon its hashes, of another static path also `http.path.<path>`."""
    answer = message.parse(data)
    facts = decoding.Facts()
    found_page = answer.status == 200 and bool(answer.body)
    if path == "/favicon.ico":
        if found_page and not _is_page(answer):
            facts.add("http.favicon_mmh3", str(favicon_mmh3(answer.body)))
            facts.add("http.favicon_md5", hashlib.md5(answer.body, usedforsecurity=False).hexdigest())
        return facts.done()
    facts.add("http.status", str(answer.status))
    for value in answer.all("server"):
        facts.add("http.server", value)
    for value in message.realms(answer):
        facts.add("http.realm", value)
    for value in answer.all("location"):
        facts.add("http.location", value)
    for value in answer.all("set-cookie"):
        facts.add("http.cookie", value.partition("=")[0] if "=" in value else "", 128)
    for name, value in answer.headers:
        if name not in _OWN_FIELDS | _NOT_KEPT:
            facts.add(f"http.header.{name}", value)
    if answer.body and not _is_binary(answer):
        page = decoding.text(answer.body, MAX_BODY)
        facts.add("http.title", markup.title(page))
        if path in ("/", "") or found_page:
            facts.add("http.body", page, MAX_BODY)
    if path not in ("/", ""):
        text = decoding.text(answer.body) if found_page and not _is_binary(answer) else ""
        facts.add(f"http.path.{decoding.clean(path, 200)}", text or str(answer.status))
    return facts.done()


def _is_page(answer: message.Message) -> bool:
    start = answer.body[:256].lstrip().lower()
    return "html" in answer.get("content-type").lower() or start.startswith((b"<!doctype", b"<html", b"<head", b"<body"))


def _is_binary(answer: message.Message) -> bool:
    """A picture or other binary content, which netcam does not keep."""
    kind = answer.get("content-type").lower()
    return kind.startswith(("image/", "video/", "audio/", "multipart/", "application/octet-stream")) or b"\x00\x00" in answer.body[:512]


def follow(location: str, target: Target, *, scheme: str = "http") -> str | None:
    """The path that `location` leads to, or None where it leaves this host, port or scheme, or must not be requested."""
    base = f"{scheme}://{target.host}:{target.port}/"
    try:
        there = urlsplit(urljoin(base, location.strip()))
        port = there.port or (443 if there.scheme == "https" else 80)
        host = there.hostname
        mine = urlsplit(base).hostname
    except ValueError:
        return None
    if there.scheme != scheme or host != mine or port != target.port or there.username is not None:
        return None
    path = (there.path or "/") + (f"?{there.query}" if there.query else "")
    if path == "/" or len(path) > MAX_PATH or not re.fullmatch(r"/[!-~]*", path) or never.refuses(path):
        return None
    return path


def page_redirect(page: str) -> str | None:
    """Where a page's meta refresh or its first script line leads, as written; None where nowhere."""
    for pattern in (_REFRESH, _SCRIPT):
        found = pattern.search(page[:8192])
        if found:
            return found[1]
    return None


def favicon_mmh3(icon: bytes) -> int:
    """MurmurHash3 x86 32 bit, signed, of the icon in base64 with a line end every 76 characters, as search engines index it."""
    return murmur3(base64.encodebytes(icon))


def murmur3(data: bytes, seed: int = 0) -> int:
    """MurmurHash3 x86 32 bit as a signed number."""
    mask, c1, c2, h = 0xFFFFFFFF, 0xCC9E2D51, 0x1B873593, seed
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * c1 & mask
        h ^= (k << 15 | k >> 17) * c2 & mask
        h = ((h << 13 | h >> 19) & mask) * 5 + 0xE6546B64 & mask
    if len(data) > whole:
        k = int.from_bytes(data[whole:], "little") * c1 & mask
        h ^= (k << 15 | k >> 17) * c2 & mask
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    h ^= h >> 16
    return h - (1 << 32) if h >> 31 else h


def parse(data: bytes) -> list[Fact]:
    """Facts of an answer of unknown path, as an importer or a capture has it. Raises DecodeError."""
    if not data:
        raise DecodeError("an empty answer")
    return parse_response(data)


CONVERSATION = Conversation(
    name="http",
    ports=(80, 81, 82, 88, 8000, 8080, 8081),
    tls_ports=(443, 8443),
    talk=talk,
    fields=frozenset(
        {
            "http.status", "http.server", "http.title", "http.realm", "http.location", "http.cookie", "http.header.", "http.body",
            "http.favicon_mmh3", "http.favicon_md5", "http.path.",
        }
    ),
    sends="GET / without credentials; then the icon and, where signs point to a maker, pages that a browser loads before login",
    source="RFC 9110, RFC 9112",
)  # fmt: skip
