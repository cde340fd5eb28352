"""masscan's JSON (`-oJ`) and NDJSON (`-oD`): open ports and banners."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from netcam.collect.importers import source
from netcam.collect.importers.jsonlines import objects, sub, text
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.errors import DecodeError
from netcam.model import Fact
from netcam.protocols import http

_BANNERS = {"title": "http.title", "http.server": "http.server", "ssh": "ssh.banner", "ftp": "ftp.banner", "telnet": "telnet.banner"}


def read(file: Source) -> Iterator[Record]:
    """Records of each line."""
    for number, one in objects(file):
        where, at = source.address(one.get("ip")), source.seconds(one.get("timestamp"))
        ports = one["ports"] if isinstance(one.get("ports"), list) else [one]
        for port in ports:
            which = source.port(text(sub(port, "port")))
            if not where or not which:
                file.problems.append(Problem(number, "no port" if where else "no address"))
            else:
                for fact in _facts(port, which):
                    yield Record(number, fact, where, which, "", at)


def _facts(port: Any, which: int) -> list[Fact]:
    if sub(port, "status") == "open" or sub(port, "data", "status") == "open":
        return [Fact("port.open", str(which))]
    service = text(sub(port, "service", "name")) or text(sub(port, "data", "service_name"))
    banner = text(sub(port, "service", "banner")) or text(sub(port, "data", "banner"))
    if not banner:
        return []
    if service == "http":
        try:
            return http.parse_response(banner.replace("\\x0d\\x0a", "\r\n").encode("utf-8", "replace"))
        except DecodeError:
            return []
    return [Fact(_BANNERS[service], banner)] if service in _BANNERS else []


def recognises(head: bytes, _name: str) -> bool:
    """An object whose first members are ip and timestamp."""
    return re.match(rb'[\s\[,]*\{\s*"ip"\s*:\s*"[^"]+"\s*,\s*"timestamp"', head) is not None


IMPORTER = Importer(name="masscan", title="masscan JSON (-oJ, -oD)", recognises=recognises, read=read, rank=2)
