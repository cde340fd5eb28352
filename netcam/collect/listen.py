"""Passive collection: facts from packets that pass by, on an interface or in a capture. Nothing is ever sent."""

from __future__ import annotations

import contextlib
import queue
import re
import struct
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from netcam.collect import packets
from netcam.collect.packets import ACK, FIN, RST, SYN, Heard, Packet
from netcam.collect.repeats import Repeats
from netcam.collect.scope import Network, inside
from netcam.errors import DecodeError
from netcam.model import Fact, Observation
from netcam.protocols import http, rtsp, tls_hello

MAX_STREAMS = 4_096
"""Connections whose first answer is held at once; the oldest is read as far as it came."""
MAX_HELD = 98_304
"""Bytes held of one answer: a login page with its header fields."""
MAX_HELD_TOGETHER = 64 << 20
"""Bytes held of all answers together."""
MAX_NEIGHBOURS = 65_536
"""Pairs of addresses remembered: a /16."""
MAX_DEVICE_FACTS = 1_000
"""New facts an hour of one sender: one that changes its words with every packet must not fill the store."""
MAX_WAITING = 16
"""Blocks of 1 MB that wait between the kernel's rings and the reader."""
MAX_LINKS = 64
"""Switches told of one run: a cable ends at one, a mirror of a trunk may show some."""
REPEAT = 3600.0
"""Seconds after which a fact that is still true is recorded again."""

_REQUEST = re.compile(rb"(GET|HEAD|POST|OPTIONS|DESCRIBE|PUT|SETUP|PLAY) (\S{1,2000}) (HTTP|RTSP)/\d")
_PLAIN = b"\x08\x00\x45"
"""EtherType of IPv4, and a header without options."""
_BEGINS = frozenset(b"HRIGPOSD\x16")
"""First bytes of what is read: HTTP, RTSP, ICY and their requests, and a TLS handshake."""
_PERSONAL = re.compile(rb"\r\n(authorization|cookie|x-auth\w{0,20}|proxy-authorization):", re.IGNORECASE)


@dataclass(slots=True)
class _Stream:
    """One direction of a connection: the answer that is being held, and what was asked before it."""

    mac: str
    at: float = 0.0
    data: bytearray = field(default_factory=bytearray)
    next: int = 0
    path: str = ""
    open: bool = False
    """Whether the request is known and carried no credentials: only then is a page anybody's to read."""


class Ear:
    """Turns packets into observations; its memory is bounded whatever comes."""

    def __init__(self, *, site: str, sensor: str, scan: str, networks: Sequence[Network] = (), local: Sequence[Network] = ()) -> None:
        """With `networks` only what stands in them is told; what shows a MAC and no address is told as well.

        With `local`, the site's own networks, an address outside them is told only where a MAC says that it is on the link: the server
        at the far end of a conversation is no device of the site.
        """
        self.site, self.sensor, self.scan, self._networks, self._local = site, sensor, scan, tuple(networks), tuple(local)
        self.counters: Counter[str] = Counter()
        self.addresses: set[str] = set()
        self.links: set[str] = set()
        """Switches that spoke LLDP or CDP, each with its port: where the cable that was listened on ends."""
        self._streams: OrderedDict[tuple[str, int, str, int], _Stream] = OrderedDict()
        self._held = 0
        self._followed: OrderedDict[bytes, None] = OrderedDict()
        """Addresses and ports, as they stand in the packet, of the answers that are held."""
        self._told = Repeats(REPEAT)
        self._neighbours: OrderedDict[str, str] = OrderedDict()
        self._budget: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def hear(self, link: int, at: float, data: bytes) -> Iterator[Observation]:
        """Observations of one packet of `link` type that passed at `at` (seconds since 1970)."""
        self.counters["packets"] += 1
        if link == packets.ETHERNET and not self._wants(data):
            return
        try:
            found = packets.decode(link, data)
            if isinstance(found, Packet):
                if found.protocol == 6:
                    yield from self._segment(found, at)
                    return
                found = packets.datagram(found)
        except DecodeError:
            self.counters["unreadable"] += 1
            return
        if found is not None:
            if found.mac and found.address:
                self._neighbours[found.address] = found.mac
                self._neighbours.move_to_end(found.address)
                if len(self._neighbours) > MAX_NEIGHBOURS:
                    self._neighbours.popitem(last=False)
            yield from self._tell(found, at)

    def _wants(self, data: bytes) -> bool:
        """Whether a frame may tell something: of the video that fills a mirrored link nothing does, and it must cost next to nothing.

        Only the plain case is judged here, IPv4 without options behind Ethernet without a tag; all else is wanted.
        """
        if len(data) < 54 or data[12:15] != _PLAIN:
            return True
        if data[23] == 6:
            start = 34 + (data[46] >> 4) * 4
            if data[47] & (FIN | SYN | RST):
                return True
            if start >= 14 + int.from_bytes(data[16:18], "big") or start >= len(data):
                return False  # an acknowledgement
            return data[start] in _BEGINS or data[26:38] in self._followed
        if data[23] == 17:
            return data[34:36] in packets.ports() or data[36:38] in packets.ports()
        return True

    def rest(self) -> Iterator[Observation]:
        """What the answers still held say, when no further packet comes."""
        while self._streams:
            key, stream = self._streams.popitem(last=False)
            yield from self._read(key, stream)

    def _segment(self, packet: Packet, at: float) -> Iterator[Observation]:
        key = (packet.source, packet.sport, packet.target, packet.dport)
        if packet.flags & (SYN | ACK) == SYN | ACK:
            yield from self._tell(Heard(packet.source, packet.sport, "", "port", (Fact("port.open", str(packet.sport)),)), at)
        body = packet.payload
        if body and (asked := _REQUEST.match(body)):
            back = (packet.target, packet.dport, packet.source, packet.sport)
            stream = self._stream(back, at)
            yield from self._read(back, stream)
            stream.path = asked[2].decode("latin-1")
            stream.open = asked[1] in (b"GET", b"DESCRIBE", b"OPTIONS") and b"\r\n\r\n" in body and not _PERSONAL.search(body)
            return
        begins = body.startswith((b"HTTP/1.", b"RTSP/1.", b"ICY ")) or (body[:2] == b"\x16\x03" and body[5:6] == b"\x02")
        held = self._streams.get(key)
        if begins:
            held = self._stream(key, at)
            yield from self._read(key, held)
            held.at, held.next = at, packet.sequence
            self._follow(packet)
        if held is not None and held.next and body and packet.sequence == held.next and len(held.data) < MAX_HELD:
            part = body[: MAX_HELD - len(held.data)]
            held.data += part
            held.next = (packet.sequence + len(body)) & 0xFFFFFFFF
            self._held += len(part)
            if len(held.data) >= MAX_HELD:
                self._followed.pop(_raw_key(packet), None)
        if held is not None and packet.flags & (FIN | RST):
            del self._streams[key]
            self._followed.pop(_raw_key(packet), None)
            yield from self._read(key, held)
        while len(self._streams) > MAX_STREAMS or (self._held > MAX_HELD_TOGETHER and self._streams):
            oldest, stream = self._streams.popitem(last=False)
            self.counters["answers_read_early"] += 1
            yield from self._read(oldest, stream)

    def _follow(self, packet: Packet) -> None:
        """What comes next in this direction is wanted, whatever it begins with."""
        if raw := _raw_key(packet):
            self._followed[raw] = None
            if len(self._followed) > MAX_STREAMS:
                self._followed.popitem(last=False)

    def _stream(self, key: tuple[str, int, str, int], at: float) -> _Stream:
        if key not in self._streams:
            self._streams[key] = _Stream(mac="", at=at)
        self._streams.move_to_end(key)
        return self._streams[key]

    def _read(self, key: tuple[str, int, str, int], stream: _Stream) -> Iterator[Observation]:
        """Facts of the answer held, which is forgotten."""
        data = bytes(stream.data)
        self._held -= len(data)
        stream.data, stream.next = bytearray(), 0
        if not data:
            return
        try:
            if data.startswith(b"RTSP"):
                via, facts = "rtsp", rtsp.parse(data)
            elif data[:1] == b"\x16":
                # what another client agreed on says nothing of what the server could
                via, facts = "tls", [fact for fact in tls_hello.parse(data) if fact.field != "tls.version"]
            else:
                via, facts = "http", self._page(data, stream)
        except DecodeError:
            self.counters["unreadable"] += 1
            return
        yield from self._tell(Heard(key[0], key[1], "", via, tuple(facts)), stream.at)

    @staticmethod
    def _page(data: bytes, stream: _Stream) -> list[Fact]:
        """Facts of an HTTP answer; of a page that somebody logged in to see, or whose request was not seen, the header fields only."""
        path = stream.path.partition("?")[0]
        if not stream.open or path not in ("/", "/favicon.ico"):
            head = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            return http.parse_response(head)
        return http.parse_response(data, path)

    def _wanted(self, address: str) -> bool:
        return not self._networks or not address or _wanted_in(self._networks, address)

    def _tell(self, heard: Heard, at: float) -> Iterator[Observation]:
        mac = heard.mac or self._neighbours.get(heard.address, "")
        who = mac or heard.address
        if not who or not heard.facts or not self._wanted(heard.address):
            return
        if self._local and not mac and not _wanted_in(self._local, heard.address):
            self.counters["outside"] += 1
            return
        when = moment(at)
        if heard.via in ("lldp", "cdp") and len(self.links) < MAX_LINKS and (link := switch_port(heard.facts)):
            self.links.add(link)
        if heard.address and len(self.addresses) < MAX_NEIGHBOURS:
            self.addresses.add(heard.address)
        for fact in heard.facts:
            key = hash((who, heard.via, heard.address, heard.port, fact.field, fact.value))
            if not self._told.fresh(key, at):
                continue
            since, spent = self._budget.get(who, (at, 0))
            if at - since >= REPEAT:
                since, spent = at, 0
            if spent >= MAX_DEVICE_FACTS:
                self._told.forget(key)
                self.counters["facts_refused"] += 1
                continue
            self._budget[who] = (since, spent + 1)
            self._budget.move_to_end(who)
            if len(self._budget) > MAX_NEIGHBOURS:
                self._budget.popitem(last=False)
            self.counters["facts"] += 1
            yield Observation(
                field=fact.field, value=fact.value, at=when, site=self.site, sensor=self.sensor, endpoint=heard.endpoint,
                mac=mac, via=heard.via, scan=self.scan,
            )  # fmt: skip


def _raw_key(packet: Packet) -> bytes:
    """Addresses and ports as an IPv4 packet carries them; empty for IPv6."""
    if ":" in packet.source:
        return b""
    return IPv4Address(packet.source).packed + IPv4Address(packet.target).packed + struct.pack(">HH", packet.sport, packet.dport)


def switch_port(facts: Iterable[Fact]) -> str:
    """`switch, port` of what a switch or router announces on the link; empty for anybody else."""
    told = {fact.field.partition(".")[2]: fact.value for fact in facts}
    if not {"bridge", "router", "switch", "transparent bridge"} & set(told.get("capabilities", "").split(",")):
        return ""
    name, port = told.get("system_name") or told.get("device_id") or told.get("chassis", ""), told.get("port", "")
    described = told.get("port_description", "")
    return f"{name}, port {port}" + (f" ({described})" if described and described != port else "") if name and port else ""


def _wanted_in(networks: Sequence[Network], address: str) -> bool:
    try:
        return inside(ip_address(address.partition("%")[0]), networks)
    except ValueError:
        return False


def moment(at: float) -> datetime | None:
    """Seconds since 1970 as UTC; None for no time a calendar has."""
    try:
        return datetime.fromtimestamp(at, UTC) if at > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def file(path: Path, ear: Ear, notes: list[str]) -> Iterator[Observation]:
    """Observations of a capture file. Raises ContentError where it is none; what is broken in it becomes a note."""
    from netcam.flows import frames

    for frame in frames.read(path, notes):
        yield from ear.hear(frame.link, frame.at, frame.data)
    yield from ear.rest()


def interfaces(
    names: Sequence[str], ear: Ear, *, seconds: float | None, stop: threading.Event | None = None, ready: threading.Event | None = None
) -> Iterator[list[Observation]]:
    """Observations of each block that the kernel hands over from any of the interfaces, until `seconds` or `stop`.

    Raises ConfigError for an interface that is not there, PrivilegeError without CAP_NET_RAW. Nothing is sent.
    """
    from netcam.flows import ring

    blocks: queue.Queue[list[tuple[float, bytes]] | None] = queue.Queue(maxsize=MAX_WAITING)
    ended = threading.Event()

    def copy(opened: ring.Ring) -> None:
        """Hand over the ring's packets; a full queue makes the kernel's ring fill up, and the kernel counts what it drops."""
        try:
            for at, count in opened.blocks(seconds=seconds, stop=ended):
                blocks.put([(when, data) for when, data in opened.frames(at, count)])
        finally:
            blocks.put(None)

    with contextlib.ExitStack() as stack:
        rings = [stack.enter_context(ring.opened(name, what="listen")) for name in names]
        threads = [threading.Thread(target=copy, args=(one,), name=f"ring of {name}") for name, one in zip(names, rings, strict=True)]
        for thread in threads:
            thread.start()
        if ready is not None:
            ready.set()
        try:
            left = len(threads)
            while left:
                if stop is not None and stop.is_set():
                    ended.set()
                try:
                    packets_of_block = blocks.get(timeout=0.2)
                except queue.Empty:
                    continue
                if packets_of_block is None:
                    left -= 1
                    continue
                yield [seen for when, data in packets_of_block for seen in ear.hear(packets.ETHERNET, when, data)]
        finally:
            ended.set()
            while any(thread.is_alive() for thread in threads):
                with contextlib.suppress(queue.Empty):
                    blocks.get(timeout=0.05)  # whoever waits to hand over is let go
        yield list(ear.rest())
        ear.counters["kernel_dropped"] += sum(one.dropped() for one in rings)
