"""zgrab2's JSON lines: what its modules read of HTTP, TLS certificates and greetings."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from netcam.collect.importers import source
from netcam.collect.importers.jsonlines import objects, sub, text
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import http, tls
from netcam.protocols.commands import TLSInfo

MAX_MODULES = 64
"""Scan results of one host: zgrab2 has about 35 modules."""
_PORTS = {"http": 80, "ssh": 22, "telnet": 23, "ftp": 21, "smtp": 25, "tls": 443}
"""Where a module asks when it is not told; older versions did not write the port."""
_BANNERS = {"telnet": "telnet.banner", "ftp": "ftp.banner", "smtp": "smtp.banner"}


def read(file: Source) -> Iterator[Record]:
    """Records of each host's modules that got an answer."""
    for number, grab in objects(file):
        where, data = source.address(grab.get("ip")), grab.get("data")
        if not where or not isinstance(data, dict):
            file.problems.append(Problem(number, "no results" if where else "no address"))
            continue
        for name, one in list(data.items())[:MAX_MODULES]:
            kind = text(sub(one, "protocol")) or str(name)
            if text(sub(one, "status")) not in ("success", "application-error") or not isinstance(sub(one, "result"), dict):
                continue
            port = source.port(text(sub(one, "port"))) or source.port(text(grab.get("port"))) or _PORTS.get(kind, 0)
            at = source.instant(text(sub(one, "timestamp")))
            for fact in [Fact("port.open", str(port))] * bool(port) + _facts(kind, one["result"]):
                yield Record(number, fact, where, port, "", at)


def _facts(kind: str, result: dict[str, Any]) -> list[Fact]:
    if kind == "http":
        return _page(sub(result, "response")) + _certificate(sub(result, "response", "request", "tls_log"))
    if kind == "ssh":
        banner = text(sub(result, "server_id", "raw"))
        return [Fact("ssh.banner", banner)] if banner else []
    found = _certificate(result if kind == "tls" else sub(result, "tls"))
    if kind in _BANNERS and (banner := text(result.get("banner"))):
        found.append(Fact(_BANNERS[kind], banner))
    return found


def _page(response: Any) -> list[Fact]:
    """The answer written again as HTTP, for the one reader of it: names with `_` for `-`, unknown ones in a list of their own."""
    status = text(sub(response, "status_code"))
    if not (status.isascii() and status.isdigit() and len(status) == 3):
        return []
    lines = [f"HTTP/1.1 {status} "]
    headers = sub(response, "headers")
    for name, values in headers.items() if isinstance(headers, dict) else ():
        if name == "unknown" and isinstance(values, list):
            lines += [f"{text(sub(one, 'key'))}: {value}" for one in values[:100] for value in _texts(sub(one, "value"))]
        elif name not in ("transfer_encoding", "content_encoding", "content_length"):  # the body has been decoded
            lines += [f"{name.replace('_', '-')}: {value}" for value in _texts(values)]
    head = "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines[:200])
    try:
        return http.parse_response((head + "\r\n\r\n" + text(sub(response, "body"))).encode("utf-8", "replace"))
    except DecodeError:
        return []


def _texts(values: Any) -> list[str]:
    return [text(one) for one in values[:20]] if isinstance(values, list) else [text(values)]


def _certificate(log: Any) -> list[Fact]:
    raw = text(sub(log, "handshake_log", "server_certificates", "certificate", "raw"))
    try:
        leaf = base64.b64decode(raw, validate=True)
        return tls.facts(TLSInfo("", "", (leaf,))) if leaf else []
    except (binascii.Error, ValueError, DecodeError):
        return []


def recognises(head: bytes, _name: str) -> bool:
    """A host's object with its modules' results."""
    first = head.split(b"\n", 1)[0].lstrip()
    return first.startswith((b'{"ip":', b'{"domain":', b'{"port":')) and b'"data":{' in first and b'"status":' in first


IMPORTER = Importer(name="zgrab2", title="zgrab2 JSON lines", recognises=recognises, read=read, rank=2)
