"""nmap's XML (`-oX`), streamed: addresses, names, ports, services, operating systems and a few scripts' results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.parsers import expat

from netcam.collect.importers import source
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.model import Fact
from netcam.protocols import decoding

MAX_DEPTH = 24
"""Nesting of elements: script tables reach 10."""
MAX_HOST_FACTS = 5_000
"""Facts of one host: one with all ports open would have more, and is no camera."""
MAX_PENDING = 8 << 20
"""Bytes of an element that does not end: script outputs are under 1 MB."""
_SUBJECT = {
    "serialNumber": "SERIALNUMBER", "commonName": "CN", "organizationalUnitName": "OU", "organizationName": "O",
    "localityName": "L", "stateOrProvinceName": "ST", "countryName": "C",
}  # fmt: skip
_SERVICE = {"product": "nmap.product", "version": "nmap.version", "extrainfo": "nmap.extrainfo", "devicetype": "nmap.devicetype"}


class _Refused(Exception):
    """XML that is not read: entities, too deep."""


class _Reader:
    def __init__(self) -> None:
        self.hosts: list[list[Record]] = []
        self.depth = 0
        self._run: datetime | None = None
        self._reset(None)
        self._script = ""
        self._keys: list[str] = []
        self._text: list[str] | None = None
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._entity

    def _reset(self, at: datetime | None) -> None:
        self._at, self._address, self._mac, self._port, self._open = at, "", "", 0, False
        self._inside = False
        self._facts: list[tuple[int, int, Fact]] = []
        self._subject: dict[str, str] = {}

    def feed(self, data: bytes, end: bool) -> None:
        """Raises ExpatError or _Refused."""
        self._parser.Parse(data, end)

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    @property
    def offset(self) -> int:
        return self._parser.CurrentByteIndex

    def finish_host(self) -> None:
        """What is known of the host so far becomes records."""
        if self._address or self._mac:
            if self._mac:
                self._facts.insert(0, (self.line, 0, Fact("mac", self._mac)))
            self.hosts.append(
                [Record(line, fact, self._address, port, self._mac, self._at or self._run) for line, port, fact in self._facts]
            )
        self._reset(None)

    def _doctype(self, _name: str, _system: str | None, _public: str | None, internal: bool) -> None:
        if internal:
            raise _Refused("it declares entities of its own")

    def _entity(self, *_: object) -> None:
        raise _Refused("it declares entities of its own")

    def _add(self, field: str, value: str, *, port: bool = True) -> None:
        kept = decoding.clean(value, 4096)
        if kept and len(self._facts) < MAX_HOST_FACTS:
            self._facts.append((self.line, self._port if port else 0, Fact(field, kept)))

    def _start(self, name: str, has: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Refused(f"elements nested deeper than {MAX_DEPTH}")
        if name == "nmaprun":
            self._run = source.seconds(has.get("start"))
        elif name == "host":
            self._reset(source.seconds(has.get("endtime") or has.get("starttime")))
            self._inside = True
        elif not self._inside:
            return  # a hosthint says again what the host element says
        elif name == "address":
            if has.get("addrtype") == "mac":
                self._mac = source.mac(has.get("addr", ""))
            elif not self._address:
                self._address = source.address(has.get("addr"))
        elif name == "hostname":
            self._add("hostname", has.get("name", ""), port=False)
        elif name == "port":
            self._port, self._open = source.port(has.get("portid")), False
        elif name == "state" and has.get("state") == "open" and self._port:
            self._open = True
            self._add("port.open", str(self._port))
        elif name == "service" and self._open:
            for key, field in _SERVICE.items():
                self._add(field, has.get(key, ""))
        elif name == "osmatch":
            self._add("nmap.os", has.get("name", ""), port=False)
        elif name == "script":
            self._script, self._keys, self._subject = has.get("id", ""), [], {}
            if self._script == "http-server-header" and "\n" not in has.get("output", "").strip():
                self._add("http.server", has.get("output", ""))
            elif self._script == "ssl-cert":
                self._written_subject(has.get("output", ""))
        elif name == "table":
            self._keys.append(has.get("key", ""))
        elif name in ("elem", "cpe"):
            self._keys.append(has.get("key", ""))
            self._text = []

    def _written_subject(self, output: str) -> None:
        """`Subject: commonName=x/organizationName=y`, as every version of the script writes it."""
        for line in output.splitlines():
            if line.startswith("Subject: "):
                for part in line.removeprefix("Subject: ").split("/"):
                    key, _, value = part.partition("=")
                    if key in _SUBJECT and value:
                        self._subject[_SUBJECT[key]] = value
                return

    def _characters(self, data: str) -> None:
        if self._text is not None and sum(map(len, self._text)) < 4096:
            self._text.append(data)

    def _end(self, name: str) -> None:
        self.depth -= 1
        if name in ("elem", "cpe"):
            value, self._text = "".join(self._text or ()), None
            key = self._keys.pop() if self._keys else ""
            if name == "cpe":
                self._add("nmap.cpe", value)
            elif self._script == "http-title" and key == "title":
                self._add("http.title", value)
            elif self._script == "ssl-cert" and self._keys[:1] == ["subject"] and key in _SUBJECT:
                self._subject[_SUBJECT[key]] = value
        elif name == "table" and self._keys:
            self._keys.pop()
        elif name == "script":
            if self._subject:
                order = list(_SUBJECT.values())
                written = ",".join(f"{key}={value}" for key, value in sorted(self._subject.items(), key=lambda i: order.index(i[0])))
                self._add("tls.subject", written)
            self._script, self._subject = "", {}
        elif name == "port":
            self._port, self._open = 0, False
        elif name == "host":
            self.finish_host()


def read(file: Source) -> Iterator[Record]:
    """Records host by host; a broken end is told with its line, and what stood before it is kept."""
    reader, fed = _Reader(), 0
    while True:
        data = file.chunk()
        try:
            reader.feed(data, not data)
            fed += len(data)
            if fed - reader.offset > MAX_PENDING:
                raise _Refused(f"an element of more than {MAX_PENDING} bytes")
        except (expat.ExpatError, _Refused, ValueError, LookupError) as error:
            file.problems.append(Problem(reader.line, f"the XML cannot be read from here on: {error}"))
            reader.finish_host()
            data = b""
        for host in reader.hosts:
            yield from host
        reader.hosts.clear()
        if not data:
            return


def recognises(head: bytes, _name: str) -> bool:
    """The root element or its DOCTYPE."""
    return b"<nmaprun" in head or b"<!DOCTYPE nmaprun" in head


IMPORTER = Importer(name="nmap", title="nmap XML (-oX)", recognises=recognises, read=read, rank=1)
