"""Months of listening in one go: memory after a quiet estate and after a hostile one, and packets a second next to reading the file alone.

Run: python tests/bench/listen.py [--days N]

Video is what fills a mirrored link and tells nothing. A day of the quiet estate is 2,000 devices that each speak ARP, DHCP, a web page, RTSP and SSDP every hour. The hostile one sends from a
new MAC and address, with new words, in every packet. Time is the packets' own: 90 days pass as fast as they are read.
"""

from __future__ import annotations

import argparse
import resource
import struct
import time
from collections.abc import Iterator

from netcam.collect.listen import Ear

DEVICES, HOUR = 2_000, 3600.0
LIMIT_MB = 400
"""What months may take: the bounds of listen.py (held answers 64 MB, facts told, neighbours, budgets) together."""


def mac(n: int) -> bytes:
    return b"\x44\x19\xb6" + n.to_bytes(3, "big")


def ip(n: int) -> bytes:
    return bytes((10, n >> 16 & 255, n >> 8 & 255, n & 255))


def arp(n: int) -> bytes:
    return b"\xff" * 6 + mac(n) + bytes.fromhex("08060001080006040001") + mac(n) + ip(n) + bytes(6) + ip(1) + bytes(18)


def packet(n: int, protocol: int, body: bytes) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0) + ip(n) + ip(1)
    return b"\x02" * 6 + mac(n) + b"\x08\x00" + head + body


def tcp(n: int, port: int, data: bytes, flags: int = 0x18) -> bytes:
    return packet(n, 6, struct.pack(">HHIIBBHHH", port, 4000 + n % 1000, 1, 0, 0x50, flags, 0, 0, 0) + data)


def udp(n: int, port: int, data: bytes) -> bytes:
    return packet(n, 17, struct.pack(">HHHH", port, port, 8 + len(data), 0) + data)


def quiet(hour: int) -> Iterator[bytes]:
    for n in range(DEVICES):
        yield arp(n)
        yield tcp(n, 80, b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\n\r\n<title>index</title>")
        yield tcp(n, 80, b"", 0x11)
        yield tcp(n, 554, b'RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="IPC"\r\n\r\n', 0x19)
        yield udp(n, 1900, b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: upnp:rootdevice\r\nUSN: uuid:%d\r\nSERVER: cam\r\n\r\n" % n)


def video(hour: int) -> Iterator[bytes]:
    """What fills a mirrored link: RTP over UDP and interleaved in TCP, with its acknowledgements."""
    for n in range(DEVICES):
        yield packet(n, 17, struct.pack(">HHHH", 8000, 40_000, 1208, 0) + b"\x80\x60" + bytes(1198))
        yield tcp(n, 554, b"$\x00\x05\x78" + bytes(1396), 0x10)
        yield packet(n, 6, struct.pack(">HHIIBBHHH", 4000, 554, 1, 1, 0x50, 0x10, 0, 0, 0)).ljust(60, b"\0")


def hostile(hour: int) -> Iterator[bytes]:
    for n in range(DEVICES * 5):
        one = (hour * DEVICES * 5 + n) * 2_654_435_761 & 0xFFFFFF
        yield arp(one)
        yield tcp(one, 80, b"HTTP/1.1 200 OK\r\nServer: %d\r\nContent-Length: 90000\r\n\r\n" % one + b"x" * 1200)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--days", type=int, default=90)
    days = told.parse_args().days
    worst = 0.0
    for name, traffic, hours in (("video", video, days), ("quiet", quiet, days), ("hostile", hostile, days)):
        ear, count, facts, begin, before = Ear(site="s", sensor="s", scan="r"), 0, 0, time.process_time(), peak()
        marks = []
        for hour in range(hours):  # one busy hour of each day: what repeats within a day is not kept anyway
            at = 1_700_000_000.0 + hour * 24 * HOUR
            for frame in traffic(hour):
                count += 1
                facts += sum(1 for _ in ear.hear(1, at, frame))
            if hour in (hours // 3, hours - 1):
                marks.append(peak())
        took = time.process_time() - begin
        worst = max(worst, peak() - before)
        print(
            f"{name:8} {days} days: {count:,} packets at {count / took:,.0f} a second of CPU, {facts:,} facts told, {ear.counters['facts_refused']:,} refused; "
            f"peak {marks[0]:.0f} MB after a third, {marks[-1]:.0f} MB at the end"
        )
    print(f"grew by {worst:.0f} MB, limit {LIMIT_MB} MB: ratio {worst / LIMIT_MB:.2f}")
    if worst > LIMIT_MB:
        raise SystemExit(1)


main()
