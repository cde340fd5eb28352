"""Zeek's logs, tab-separated or JSON: conn, dhcp, http, ssl, software, known_hosts, known_services, known_certs, known_devices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from netcam.collect.importers import source
from netcam.collect.importers.jsonlines import objects, text
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.model import Fact
from netcam.protocols import decoding

_PATHS = ("known_services", "known_devices", "known_hosts", "known_certs", "software", "conn", "dhcp", "http", "ssl")
_SOFTWARE = {"HTTP::SERVER": "http.server", "HTTP::APPSERVER": "http.server", "SSH::SERVER": "ssh.banner", "FTP::SERVER": "ftp.banner"}
MAX_COLUMNS = 200
"""Columns of one log: Zeek's own have under 60."""


def read(file: Source) -> Iterator[Record]:
    """Records of each line, whichever form the file has."""
    named = next((path for path in _PATHS if file.path.name.startswith(path)), "")
    for number, path, row in _rows(file):
        yield from _records(number, path or named or _guess(row), row)


def _rows(file: Source) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    first = file.file.read(1)
    file.file.seek(0)
    if first != b"#":
        for number, one in objects(file):
            yield number, text(one.get("_path")), one
        return
    separator, path, names, unset = "\t", "", list[str](), "-"
    for number, raw in file.lines():
        line = decoding.decoded(raw)
        if line.startswith("#"):
            word, _, rest = line[1:].partition(" " if line.startswith("#separator") else separator)
            if word == "separator" and re.fullmatch(r"\\x[0-9a-fA-F]{2}", rest.strip()):
                separator = chr(int(rest.strip()[2:], 16))
            elif word == "path":
                path = rest.strip()
            elif word == "unset_field":
                unset = rest
            elif word == "fields":
                names = rest.split(separator)[:MAX_COLUMNS]
            continue
        values = line.split(separator)
        if len(values) != len(names):
            file.problems.append(Problem(number, f"{len(values)} columns where the head names {len(names)}"))
            continue
        yield number, path, {name: value for name, value in zip(names, values, strict=True) if value not in (unset, "(empty)")}


def _guess(row: Mapping[str, Any]) -> str:
    """The log of a JSON line without `_path`, by a member that only it has."""
    for member, path in (
        ("conn_state", "conn"), ("software_type", "software"), ("status_code", "http"), ("issuer_subject", "known_certs"),
        ("msg_types", "dhcp"), ("cipher", "ssl"), ("port_num", "known_services"), ("dhcp_host_name", "known_devices"),
    ):  # fmt: skip
        if member in row:
            return path
    return ""


def _records(number: int, path: str, row: Mapping[str, Any]) -> Iterator[Record]:
    when = text(row.get("ts"))
    at = source.seconds(when) or source.instant(when)
    host, port = source.address(row.get("id.resp_h")), source.port(text(row.get("id.resp_p")))
    mac, facts = "", list[Fact]()

    def add(field: str, member: str) -> None:
        if value := text(row.get(member)):
            facts.append(Fact(field, value))

    if path == "conn":
        # a small h in the history: the responder answered the handshake
        if row.get("proto") == "tcp" and "h" in text(row.get("history")) and port:
            facts.append(Fact("port.open", str(port)))
    elif path == "http":
        add("http.status", "status_code")
    elif path == "ssl":
        add("tls.subject", "subject")
        add("tls.issuer", "issuer")
    elif path == "dhcp":
        host = source.address(row.get("assigned_addr")) or source.address(row.get("client_addr"))
        port, mac = 0, source.mac(text(row.get("mac")))
        add("dhcp.hostname", "host_name")
    elif path == "software":
        host, port = source.address(row.get("host")), source.port(text(row.get("host_p")))
        field = _SOFTWARE.get(text(row.get("software_type")))
        if field:
            add(field, "unparsed_version")
    elif path in ("known_services", "known_certs", "known_hosts"):
        host, port = source.address(row.get("host")), source.port(text(row.get("port_num")))
        if path == "known_certs":
            add("tls.subject", "subject")
            add("tls.issuer", "issuer_subject")
        else:
            facts.append(Fact("port.open", str(port)) if port else Fact("host.alive", "zeek"))
    elif path == "known_devices":
        host, port, mac = "", 0, source.mac(text(row.get("mac")))
        add("dhcp.hostname", "dhcp_host_name")
    if mac:
        facts.insert(0, Fact("mac", mac))
    for fact in facts:
        yield Record(number, fact, host, port, mac, at)


def recognises(head: bytes, _name: str) -> bool:
    """The separator line, or a JSON line with members that only Zeek has."""
    first = head.split(b"\n", 1)[0]
    if head.startswith(b"#separator"):
        return True
    return first.startswith(b"{") and any(
        mark in first for mark in (b'"id.resp_h"', b'"_path"', b'"software_type"', b'"msg_types"', b'"port_num"', b'"dhcp_host_name"')
    )


IMPORTER = Importer(name="zeek", title="Zeek logs, tab-separated or JSON", recognises=recognises, read=read, rank=3, hears=True)
