"""Suricata's EVE JSON: flows, HTTP, TLS, SSH and DHCP events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcam.collect.importers import source
from netcam.collect.importers.jsonlines import objects, sub, text
from netcam.collect.importers.source import Importer, Record, Source
from netcam.model import Fact


def read(file: Source) -> Iterator[Record]:
    """Records of each event."""
    for number, event in objects(file):
        at = source.instant(event.get("timestamp"))
        host, port, mac = source.address(event.get("dest_ip")), source.port(text(event.get("dest_port"))), ""
        kind = event.get("event_type")
        if kind == "dhcp":
            host, mac = _lease(event)
            port = 0
        for fact in _facts(event, kind, port, mac):
            yield Record(number, fact, host, port, mac, at)


def _lease(event: dict[str, Any]) -> tuple[str, str]:
    """Address (of an acknowledgement) and MAC of the client."""
    given = source.address(sub(event, "dhcp", "assigned_ip")) if sub(event, "dhcp", "dhcp_type") == "ack" else ""
    return ("" if given == "0.0.0.0" else given), source.mac(text(sub(event, "dhcp", "client_mac")))  # noqa: S104 - unset


def _facts(event: dict[str, Any], kind: object, port: int, mac: str) -> list[Fact]:
    found: list[tuple[str, str]] = []
    if kind == "flow" and event.get("proto") == "TCP" and port and sub(event, "flow", "state") in ("established", "closed"):
        if (sub(event, "flow", "pkts_toclient") or 0) and sub(event, "tcp", "syn") and sub(event, "tcp", "ack"):
            found.append(("port.open", str(port)))
    elif kind == "http":
        found.append(("http.status", text(sub(event, "http", "status"))))
        found.append(("http.server", text(sub(event, "http", "server"))))
        headers = sub(event, "http", "response_headers")
        for header in headers[:100] if isinstance(headers, list) else ():
            if text(sub(header, "name")).lower() == "server":
                found.append(("http.server", text(sub(header, "value"))))
    elif kind == "tls":
        # Suricata writes the least specific attribute first or last by version; the order is kept as it stands
        for field, member in (("tls.subject", "subject"), ("tls.issuer", "issuerdn")):
            found.append((field, text(sub(event, "tls", member)).replace(", ", ",")))
        found.append(("tls.serial", text(sub(event, "tls", "serial")).replace(":", "").lower()))
    elif kind == "ssh":
        version, name = text(sub(event, "ssh", "server", "proto_version")), text(sub(event, "ssh", "server", "software_version"))
        found.append(("ssh.banner", f"SSH-{version}-{name}" if version and name else ""))
    elif kind == "dhcp" and mac:
        found += [("mac", mac)]
        if sub(event, "dhcp", "type") == "request":
            found.append(("dhcp.hostname", text(sub(event, "dhcp", "hostname"))))
            found.append(("dhcp.vendor_class", text(sub(event, "dhcp", "vendor_class_identifier"))))
    return [Fact(field, value) for field, value in found if value]


def recognises(head: bytes, _name: str) -> bool:
    """An event with Suricata's members."""
    first = head.split(b"\n", 1)[0]
    return first.lstrip().startswith(b"{") and b'"event_type"' in first and b'"timestamp"' in first


IMPORTER = Importer(name="suricata", title="Suricata EVE JSON", recognises=recognises, read=read, rank=3, hears=True)
