"""NetFlow v5 and v9 (RFC 3954) and IPFIX (RFC 7011) to records: templates by exporter and domain, options, sampling, sequence gaps.

Everything a datagram claims is checked against its bytes; tables of exporters, templates and waiting data are bounded.
"""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from netcam.flows import rows as r
from netcam.flows.community import icmp_number
from netcam.flows.records import Record, Records
from netcam.flows.twice import Twice

MAX_STREAMS = 1024
"""Exporters with their domains; the one silent longest gives way. A forger of source addresses cannot take more."""
MAX_TEMPLATES = 512
"""Templates of one domain; routers use a dozen."""
MAX_FIELDS = 256
"""Fields of one template."""
MAX_RECORD = 4096
"""Bytes of one record with only fixed fields."""
TEMPLATE_LIFE = 1800 * 1_000_000_000
"""Nanoseconds after which a template that was not repeated is forgotten (RFC 7011 section 8.4 asks for a life over UDP)."""
MAX_WAITING = 64
"""Data sets of one domain that wait for their template: a few seconds of a busy router."""
MAX_RECENT = 4096
"""Datagrams remembered, so that one that a network delivers twice counts once."""
REVERSE = 29305
"""Enterprise number of the other direction (RFC 5103)."""
SKEW = 86_400 * 1_000_000_000
"""Nanoseconds by which an exporter's clock may differ from ours before it is told."""

_V5 = struct.Struct("!HHIIIIBBH")
_V5_FLOW = struct.Struct("!4s4s4sHHIIIIHHxBBBHHBBxx")


@dataclass(slots=True)
class _Template:
    """Fields in order: element, length (65535: variable), enterprise. `scope` is their number in an options template, else -1."""

    fields: tuple[tuple[int, int, int], ...]
    scope: int
    at: int


@dataclass(slots=True)
class _Stream:
    """What is known of one exporter and domain."""

    source: str = ""
    templates: OrderedDict[int, _Template] = field(default_factory=OrderedDict)
    waiting: list[tuple[int, bytes, int, int, int]] = field(default_factory=list)
    sequence: int = -1
    told: int = -1
    sampling: int = 1
    samplers: dict[int, int] = field(default_factory=dict)


class Exporters:
    """Reads datagrams of exporters into `records`."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._streams: OrderedDict[tuple[str, int, int], _Stream] = OrderedDict()
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        self._twice = Twice()

    def datagram(self, data: bytes, exporter: str, now: int) -> bool:
        """Read one datagram that came from `exporter` at `now` (ns); whether it was one of these protocols."""
        version = int.from_bytes(data[:2], "big") if len(data) >= 2 else 0
        reader = {5: self._v5, 9: self._v9, 10: self._ipfix}.get(version)
        if reader is None:
            return False
        digest = hashlib.blake2b(data, digest_size=12, key=exporter.encode()[:64]).digest()
        if digest in self._recent:
            self._records.count("duplicates")
            return True
        self._recent[digest] = None
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        self._records.count("datagrams")
        try:
            reader(data, exporter, now)
        except (struct.error, IndexError, ValueError):
            self._records.count("malformed")
        return True

    def _stream(self, exporter: str, version: int, domain: int) -> _Stream:
        key = (exporter, version, domain)
        stream = self._streams.get(key)
        if stream is None:
            name = {5: "netflow 5", 9: "netflow 9", 10: "ipfix"}[version]
            stream = self._streams[key] = _Stream(f"{name} {exporter} domain {domain}")
            if len(self._streams) > MAX_STREAMS:
                self._streams.popitem(last=False)
                self._records.count("exporters_forgotten")
        self._streams.move_to_end(key)
        return stream

    def _sequence(self, stream: _Stream, told: int, units: int) -> None:
        """Count what is missing between this datagram and the one before; a restart of the exporter is none."""
        if stream.sequence >= 0:
            gap = (told - stream.sequence) & 0xFFFFFFFF
            if 0 < gap < 1 << 20:
                self._records.count("sequence_gap", gap)
            elif gap >= 1 << 20:
                self._records.count("sequence_resets")
        stream.sequence = (told + units) & 0xFFFFFFFF

    def _add(self, one: Record, stream: _Stream) -> None:
        """Take a record on, unless it is told already."""
        if self._twice.told(one, stream.source):
            self._records.count("told_twice")
        else:
            self._records.add(one, stream.source)

    def _skewed(self, seconds: int, now: int) -> int:
        if now and abs(seconds * 1_000_000_000 - now) > SKEW:
            self._records.count("clock_skew")
            return r.Q_CLOCK
        return 0

    def _v5(self, data: bytes, exporter: str, now: int) -> None:
        _, count, uptime, seconds, part, sequence, engine, identifier, sampling = _V5.unpack_from(data)
        if len(data) < 24 + 48 * count:
            self._records.count("malformed")
            count = (len(data) - 24) // 48
        stream = self._stream(exporter, 5, engine << 8 | identifier)
        self._sequence(stream, sequence, count)
        base = seconds * 1_000_000_000 + part
        rate = sampling & 0x3FFF if sampling >> 14 or sampling & 0x3FFF > 1 else 1
        quality = self._skewed(seconds, now)
        for n in range(count):
            a, b, _, _, _, packets, octets, first, last, s_port, d_port, flags, proto, _, _, _, _, _ = _V5_FLOW.unpack_from(
                data, 24 + 48 * n
            )
            scale = max(rate, 1)
            self._add(
                Record(
                    version=4, a=int.from_bytes(a, "big"), b=int.from_bytes(b, "big"), a_port=0 if proto == 1 else s_port,
                    b_port=0 if proto == 1 else d_port, proto=proto,
                    start=_at(base, uptime, first), end=_at(base, uptime, last), packets_out=packets * scale, bytes_out=octets * scale,
                    flags_out=flags, sampling=scale if scale > 1 else 0, quality=quality, icmp=d_port + 1 if proto == 1 and d_port else 0,
                ),
                stream,
            )  # fmt: skip

    def _sets(self, data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
        """Number and content of each set from `at` on; a length that lies ends it and is counted."""
        while at + 4 <= len(data):
            kind, size = struct.unpack_from("!HH", data, at)
            if size < 4 or at + size > len(data):
                self._records.count("malformed")
                return
            yield kind, data[at + 4 : at + size]
            at += size

    def _v9(self, data: bytes, exporter: str, now: int) -> None:
        _, _, uptime, seconds, sequence, domain = struct.unpack_from("!HHIIII", data)
        stream = self._stream(exporter, 9, domain)
        self._sequence(stream, sequence, 1)
        quality = self._skewed(seconds, now)
        for kind, body in self._sets(data, 20):
            if kind == 0:
                self._templates(stream, body, now, ipfix=False)
            elif kind == 1:
                self._v9_options(stream, body, now)
            elif kind >= 256:
                self._data(stream, kind, body, seconds * 1_000_000_000, uptime, now, quality)

    def _ipfix(self, data: bytes, exporter: str, now: int) -> None:
        _, length, seconds, sequence, domain = struct.unpack_from("!HHIII", data)
        if length > len(data) or length < 16:
            self._records.count("malformed")
        data = data[: max(16, length)]
        stream = self._stream(exporter, 10, domain)
        before = self._records.counters["records"]
        quality = self._skewed(seconds, now)
        for kind, body in self._sets(data, 16):
            if kind == 2:
                self._templates(stream, body, now, ipfix=True)
            elif kind == 3:
                self._ipfix_options(stream, body, now)
            elif kind >= 256:
                self._data(stream, kind, body, seconds * 1_000_000_000, -1, now, quality)
        # the number counts data records (RFC 7011 section 3.1); those that wait or are options make it inexact, so only leaps are told
        if stream.sequence >= 0:
            gap = (sequence - stream.sequence) & 0xFFFFFFFF
            # some exporters number datagrams instead
            if 0 < gap < 1 << 20 and not stream.waiting and sequence != stream.told + 1:
                self._records.count("sequence_gap", gap)
        stream.told = sequence
        stream.sequence = (sequence + self._records.counters["records"] - before + self._options_read) & 0xFFFFFFFF
        self._options_read = 0

    _options_read = 0

    def _keep(self, stream: _Stream, identifier: int, fields: list[tuple[int, int, int]], scope: int, now: int) -> None:
        if identifier < 256:
            self._records.count("malformed")
            return
        fixed = sum(size for _, size, _ in fields if size != 0xFFFF)
        if not fields or fixed > MAX_RECORD or fixed + sum(size == 0xFFFF for _, size, _ in fields) == 0:
            # a template of nothing would make a record of nothing, for ever
            stream.templates.pop(identifier, None)
            if fields:
                self._records.count("malformed")
            return
        stream.templates[identifier] = _Template(tuple(fields), scope, now)
        stream.templates.move_to_end(identifier)
        if len(stream.templates) > MAX_TEMPLATES:
            stream.templates.popitem(last=False)
            self._records.count("templates_forgotten")
        ready = [one for one in stream.waiting if one[0] == identifier]
        stream.waiting = [one for one in stream.waiting if one[0] != identifier]
        for _, body, base, uptime, quality in ready:
            self._read(stream, stream.templates[identifier], body, base, uptime, quality)
            self._records.count("without_template", -1)

    def _templates(self, stream: _Stream, body: bytes, now: int, *, ipfix: bool) -> None:
        at = 0
        while at + 4 <= len(body):
            identifier, count = struct.unpack_from("!HH", body, at)
            at += 4
            if identifier == 0 and count == 0:
                return  # padding
            if count > MAX_FIELDS:
                self._records.count("malformed")
                return
            fields, at = _fields(body, at, count, ipfix=ipfix)
            self._keep(stream, identifier, fields, -1, now)

    def _v9_options(self, stream: _Stream, body: bytes, now: int) -> None:
        at = 0
        while at + 6 <= len(body):
            identifier, scope, options = struct.unpack_from("!HHH", body, at)
            at += 6
            if identifier < 256 or (scope + options) // 4 > MAX_FIELDS or at + scope + options > len(body):
                return  # padding or a lie
            scopes, _ = _fields(body, at, scope // 4, ipfix=False)
            fields, _ = _fields(body, at + scope, options // 4, ipfix=False)
            # scope types are a numbering of their own (RFC 3954 section 6.1): they are only skipped
            self._keep(stream, identifier, [(0, size, 0) for _, size, _ in scopes] + fields, len(scopes), now)
            at += scope + options

    def _ipfix_options(self, stream: _Stream, body: bytes, now: int) -> None:
        at = 0
        while at + 4 <= len(body):
            identifier, count = struct.unpack_from("!HH", body, at)
            if identifier < 256:
                return  # padding
            if count == 0:
                stream.templates.pop(identifier, None)  # a withdrawal has no scope count
                at += 4
                continue
            if at + 6 > len(body) or count > MAX_FIELDS:
                self._records.count("malformed")
                return
            scope = struct.unpack_from("!H", body, at + 4)[0]
            fields, at = _fields(body, at + 6, count, ipfix=True)
            self._keep(stream, identifier, fields, min(scope, count), now)

    def _data(self, stream: _Stream, kind: int, body: bytes, base: int, uptime: int, now: int, quality: int) -> None:
        template = stream.templates.get(kind)
        if template is not None and now - template.at > TEMPLATE_LIFE:
            del stream.templates[kind]
            template = None
        if template is None:
            self._records.count("without_template")
            if len(stream.waiting) < MAX_WAITING:
                stream.waiting.append((kind, body, base, uptime, quality))
            return
        self._read(stream, template, body, base, uptime, quality)

    def _read(self, stream: _Stream, template: _Template, body: bytes, base: int, uptime: int, quality: int) -> None:
        """Records of one data set; `base` is the export time in ns, `uptime` the exporter's in ms or -1."""
        at = 0
        fixed = sum(1 if size == 0xFFFF else size for _, size, _ in template.fields)
        while len(body) - at >= fixed:
            values: dict[tuple[int, int], bytes] = {}
            for element, told, enterprise in template.fields:
                size = told
                if size == 0xFFFF:
                    size = body[at]
                    at += 1
                    if size == 255:
                        size = int.from_bytes(body[at : at + 2], "big")
                        at += 2
                if at + size > len(body):
                    self._records.count("malformed")
                    return
                values.setdefault((element, enterprise), body[at : at + size])
                at += size
            if template.scope >= 0:
                self._options_read += 1
                _option(stream, values)
            else:
                self._flow(stream, _Values(values), base, uptime, quality)

    def _flow(self, stream: _Stream, v: _Values, base: int, uptime: int, quality: int) -> None:
        version = 4 if v.has(8) or v.has(12) else 6
        a, b = (v.number(8), v.number(12)) if version == 4 else (v.number(27), v.number(28))
        if not (v.has(8) or v.has(12) or v.has(27) or v.has(28)):
            self._records.count("not_ip")  # layer 2 or interface records
            return
        rate = v.number(34) or stream.samplers.get(v.number(48) or v.number(302), 0) or stream.sampling
        if v.has(305) and v.number(305):
            rate = (v.number(305) + v.number(306)) // v.number(305)
        rate = max(rate, 1)
        start, end = _times(v, base, uptime)
        out = (v.first(2, 86, 298, 24), v.first(1, 85, 231, 23))
        back = (v.first(2, 86, enterprise=REVERSE) or v.number(299), v.first(1, 85, enterprise=REVERSE) or v.number(232))
        both = bool(back[0] or back[1]) or v.has(299) or v.has(232) or v.has(2, REVERSE) or v.has(1, REVERSE)
        proto = v.number(4)
        status = v.number(89)
        event = v.number(233)
        blocked = event == 3 or (v.has(89) and (status >> 6 & 3) == 2)
        if not (v.has(1) or v.has(85) or v.has(231) or v.has(23)):
            quality |= r.Q_NO_BYTES
        flags = v.number(6) & 0xFF
        s_port, d_port = v.first(7, 180, 182), v.first(11, 181, 183)
        icmp = 0
        if proto in (1, 58):
            icmp = _icmp(v, d_port)
            s_port = d_port = 0
        name = v.text(96)
        self._add(
            Record(
                version=version, a=a, b=b, a_port=s_port, b_port=d_port, proto=proto, start=start, end=end, packets_out=out[0] * rate,
                bytes_out=out[1] * rate, packets_in=back[0] * rate, bytes_in=back[1] * rate, flags_out=flags,
                flags_in=v.number(6, REVERSE) & 0xFF, a_mac=v.first(56, 81), b_mac=v.first(80, 57), vlan=v.first(58, 243, 59) & 0xFFF,
                blocked=int(blocked), end_reason=v.number(136), sampling=rate if rate > 1 else 0, quality=quality, paired=both,
                directed=both and v.has(239), icmp=icmp, texts={"service": name} if name else {},
            ),
            stream,
        )  # fmt: skip


class _Values:
    """The fields of one record by element and enterprise."""

    def __init__(self, values: dict[tuple[int, int], bytes]) -> None:
        self._values = values

    def has(self, element: int, enterprise: int = 0) -> bool:
        return (element, enterprise) in self._values

    def number(self, element: int, enterprise: int = 0) -> int:
        """A field as an unsigned number; 0 where it is absent or longer than any number is."""
        value = self._values.get((element, enterprise), b"")
        return int.from_bytes(value, "big") if len(value) <= 16 else 0

    def first(self, *elements: int, enterprise: int = 0) -> int:
        """The first of some elements that is there and not zero."""
        return next((found for element in elements if (found := self.number(element, enterprise))), 0)

    def text(self, element: int) -> str:
        """A string field, printable characters only."""
        return "".join(c for c in self._values.get((element, 0), b"")[:200].decode("utf-8", "replace") if c.isprintable())


def _fields(body: bytes, at: int, count: int, *, ipfix: bool) -> tuple[list[tuple[int, int, int]], int]:
    """Field specifiers from `at` on; raises struct.error where they are cut."""
    found: list[tuple[int, int, int]] = []
    for _ in range(count):
        element, size = struct.unpack_from("!HH", body, at)
        at += 4
        enterprise = 0
        if ipfix and element & 0x8000:
            enterprise = struct.unpack_from("!I", body, at)[0]
            element &= 0x7FFF
            at += 4
        found.append((element, size, enterprise))
    return found, at


def _icmp(v: _Values, port: int) -> int:
    """Type and code of an ICMP record as the column holds them: from elements of their own, else where the server's port would stand."""
    for both, kind, code in ((32, 176, 177), (139, 178, 179)):
        if v.has(kind):
            return icmp_number(v.number(kind) & 0xFF, v.number(code) & 0xFF)
        if v.has(both):
            return (v.number(both) & 0xFFFF) + 1
    return (port & 0xFFFF) + 1 if port else 0


def _option(stream: _Stream, values: dict[tuple[int, int], bytes]) -> None:
    """Sampling that an exporter tells apart from its flows."""
    v = _Values(values)
    rate = v.first(34, 50)
    if v.has(305) and v.number(305):
        rate = (v.number(305) + v.number(306)) // v.number(305)
    if not 0 < rate <= 1 << 24:
        return
    sampler = v.number(48) or v.number(302)
    if sampler:
        if len(stream.samplers) < MAX_TEMPLATES:
            stream.samplers[sampler] = rate
    else:
        stream.sampling = rate


def _at(base: int, uptime: int, tick: int) -> int:
    """Nanoseconds since 1970 of a tick of the exporter's clock in ms, which wraps after 49.7 days."""
    back = (uptime - tick) & 0xFFFFFFFF
    if back >= 1 << 31:
        back -= 1 << 32
    return base - back * 1_000_000


def _times(v: _Values, base: int, uptime: int) -> tuple[int, int]:
    """Start and end in ns, from whichever of the ways the exporter uses."""
    found: list[int] = []
    for seconds, milli, micro, nano, delta, tick in ((150, 152, 154, 156, 158, 22), (151, 153, 155, 157, 159, 21)):
        if v.has(milli):
            found.append(v.number(milli) * 1_000_000)
        elif v.has(nano) or v.has(micro):
            stamp = v.number(nano) if v.has(nano) else v.number(micro)
            # an NTP timestamp (RFC 7011 section 6.1.9): seconds since 1900 and a binary fraction
            found.append(((stamp >> 32) - 2_208_988_800) * 1_000_000_000 + ((stamp & 0xFFFFFFFF) * 1_000_000_000 >> 32))
        elif v.has(seconds):
            found.append(v.number(seconds) * 1_000_000_000)
        elif v.has(delta):
            found.append(base - v.number(delta) * 1000)
        elif v.has(tick) and uptime >= 0:
            found.append(_at(base, uptime, v.number(tick)))
        elif v.has(tick) and v.has(160):
            found.append(v.number(160) * 1_000_000 + v.number(tick) * 1_000_000)
        else:
            found.append(base)
    return found[0], found[1]
