"""Lease files of DHCP servers: ISC dhcpd, Kea (memfile CSV), dnsmasq."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from netcam.collect.importers import source
from netcam.collect.importers.source import Importer, Problem, Record, Source
from netcam.model import Fact
from netcam.protocols import decoding

_ISC = re.compile(rb"^\s*lease\s+[0-9a-fA-F.:]+\s*\{", re.MULTILINE)
_DNSMASQ = re.compile(r"(\d{1,12}) ([0-9a-fA-F:-]{11,40}) ([0-9a-fA-F.:]{2,45}) (\S{1,255}) (\S{1,520})")
_KEA = b"address,hwaddr,client_id,valid_lifetime,expire"
_STARTS = re.compile(r"(?:\d )?(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)|epoch (\d{1,12})")


def read(file: Source) -> Iterator[Record]:
    """Records of whichever of the three forms the first telling line has."""
    lines = file.lines()
    for number, raw in lines:
        line = decoding.decoded(raw)
        if raw.startswith(_KEA):
            yield from _kea(file, line, lines)
            return
        if _DNSMASQ.fullmatch(line.strip()):
            yield from _dnsmasq(file, number, line, lines)
            return
        if re.match(r"\s*lease\s", line):
            yield from _isc(file, number, line, lines)
            return


def _lease(number: int, address: str, mac: str, name: str, at: datetime | None, *others: tuple[str, str]) -> Iterator[Record]:
    for field, value in (("mac", mac), ("dhcp.hostname", name), *others):
        if value:
            yield Record(number, Fact(field, value), address, 0, mac, at)


def _isc(file: Source, number: int, line: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[Record]:
    """Blocks `lease ADDRESS { statement; ... }` (dhcpd.leases(5))."""
    address, begun, said = "", 0, dict[str, str]()
    while True:
        text = line.strip()
        if found := re.match(r"lease\s+(\S+)\s*\{", text):
            if begun:
                file.problems.append(Problem(begun, "a lease without its end"))
            address, begun, said = source.address(found[1]), number, {}
            if not address:
                file.problems.append(Problem(number, "a lease of no address"))
        elif text == "}" and begun:
            mac = source.mac(said.get("hardware ethernet", ""))
            at, vendor = _started(said.get("starts", "")), said.get("set vendor-class-identifier =", "")
            if address:
                yield from _lease(begun, address, mac, said.get("client-hostname", ""), at, ("dhcp.vendor_class", vendor))
            begun = 0
        elif begun and len(said) < 64:
            for key in ("hardware ethernet", "client-hostname", "starts", "set vendor-class-identifier ="):
                if text.startswith(key + " "):
                    said[key] = text[len(key) :].strip(' ;"')
        following = next(lines, None)
        if following is None:
            break
        number, line = following[0], decoding.decoded(following[1])
    if begun:
        file.problems.append(Problem(begun, "a lease without its end: half a file"))


def _started(text: str) -> datetime | None:
    found = _STARTS.match(text)
    if found is None:
        return None
    if found[7]:
        return source.seconds(found[7])
    try:
        return datetime(*(int(part) for part in found.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def _kea(file: Source, head: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[Record]:
    """Rows of Kea's memfile; the lease began its lifetime before it expires."""
    names = head.split(",")
    for number, raw in lines:
        values = source.cells(decoding.decoded(raw))
        row = dict(zip(names, values, strict=False))
        address, expires = source.address(row.get("address")), source.seconds(row.get("expire"))
        life = row.get("valid_lifetime", "")
        if not address or len(values) < 5:
            file.problems.append(Problem(number, "no lease"))
            continue
        at = expires - timedelta(seconds=int(life)) if expires and life.isascii() and life.isdigit() and len(life) < 10 else None
        client = row.get("client_id", "").replace(":", "").lower()
        yield from _lease(
            number, address, source.mac(row.get("hwaddr", "")), row.get("hostname", ""), at,
            ("dhcp.client_id", client if re.fullmatch(r"[0-9a-f]+", client) else ""),
        )  # fmt: skip


def _dnsmasq(file: Source, number: int, line: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[Record]:
    """Lines `expiry mac address name client-id`; the file tells when a lease ends, not when it was seen."""
    while True:
        found = _DNSMASQ.fullmatch(line.strip())
        if found and source.address(found[3]):
            client = found[5].replace(":", "").lower()
            yield from _lease(
                number, source.address(found[3]), source.mac(found[2]), "" if found[4] == "*" else found[4], None,
                ("dhcp.client_id", client if re.fullmatch(r"[0-9a-f]+", client) else ""),
            )  # fmt: skip
        elif line.strip() and not line.startswith("duid "):
            file.problems.append(Problem(number, "no lease"))
        following = next(lines, None)
        if following is None:
            return
        number, line = following[0], decoding.decoded(following[1])


def recognises(head: bytes, _name: str) -> bool:
    """One of the three forms."""
    first = decoding.decoded(head.split(b"\n", 1)[0]).strip()
    return head.startswith(_KEA) or _ISC.search(head) is not None or _DNSMASQ.fullmatch(first) is not None


IMPORTER = Importer(name="leases", title="DHCP leases of ISC dhcpd, Kea and dnsmasq", recognises=recognises, read=read, rank=4)
