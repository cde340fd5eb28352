"""Imports: records a second and peak memory per format, at 1 GB (or `--megabytes N`), next to what merely reading the lines takes.
Seconds are of CPU time: what others do on the machine does not count.

The files are made here, in the shape that the programs write (tests/passive holds files that the programs themselves wrote): 20,000
hosts that come again and again, as in logs. Each format is read by a process of its own, whose peak memory is the kernel's word (ru_maxrss).
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

HOSTS = 20_000
BEGIN = 1_750_000_000


def host(n: int) -> str:
    return f"10.{n // 65_536}.{n // 256 % 256}.{n % 256}"


def mac(n: int) -> str:
    return f"44:19:b6:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"


def lines(make: Callable[[int, int], str], head: str = "", tail: str = "") -> Callable[[], Iterator[bytes]]:
    """A file of lines: `make` is given a host and the number of the line."""

    def write() -> Iterator[bytes]:
        yield head.encode()
        number = 0
        while True:
            yield "".join(make(n % HOSTS, n) for n in range(number, number + 2_000)).encode()
            number += 2_000

    write.tail = tail.encode()  # type: ignore[attr-defined]
    return write


def frame(n: int, number: int) -> bytes:
    body = bytes.fromhex("ffffffffffff" + mac(n).replace(":", "") + "0806000108000604" + "0001" + mac(n).replace(":", ""))
    body += bytes(int(part) for part in host(n).split(".")) + bytes(6) + bytes((10, 0, 0, 1)) + bytes(18)
    return struct.pack("<IIII", BEGIN + number // 50, 0, len(body), len(body)) + body


def capture() -> Iterator[bytes]:
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    number = 0
    while True:
        yield b"".join(frame(n % HOSTS, n) for n in range(number, number + 2_000))
        number += 2_000


def nmap(n: int, number: int) -> str:
    return (
        f'<host starttime="{BEGIN + number}" endtime="{BEGIN + number}"><status state="up"/><address addr="{host(n)}" addrtype="ipv4"/>'
        f'<address addr="{mac(n)}" addrtype="mac"/><ports><port protocol="tcp" portid="80"><state state="open"/><service name="http" product="Hikvision IP camera httpd"/>'
        '</port><port protocol="tcp" portid="554"><state state="open"/><service name="rtsp"/></port></ports></host>\n'
    )


def dumps(record: object) -> str:
    return json.dumps(record, separators=(",", ":")) + "\n"


FORMATS: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "nmap": ("scan.xml", lines(nmap, '<?xml version="1.0"?>\n<nmaprun scanner="nmap" start="1750000000">\n', "</nmaprun>\n")),
    "masscan": (
        "masscan.json",
        lines(
            lambda n, i: (
                f'{{   "ip": "{host(n)}",   "timestamp": "{BEGIN + i // 50}", "ports": [ {{"port": 80, "proto": "tcp", "status": "open", "reason": "syn-ack", "ttl": 64}} ] }},\n'
            ),
            "[\n",
            "]\n",
        ),
    ),
    "zgrab2": (
        "zgrab.json",
        lines(
            lambda n, i: dumps(
                {
                    "ip": host(n),
                    "data": {
                        "http": {
                            "status": "success",
                            "protocol": "http",
                            "port": 80,
                            "timestamp": "2026-01-01T00:00:00Z",
                            "result": {"response": {"status_code": 200, "headers": {"server": ["App-webs/"]}, "body": "<title>x</title>"}},
                        }
                    },
                }
            )
        ),
    ),
    "zeek conn": (
        "conn.log",
        lines(
            lambda n, i: (
                f"{BEGIN + i // 50}.0\tC{i}\t10.9.0.1\t40000\t{host(n)}\t554\ttcp\t-\t1.5\t100\t2000\tSF\tT\tT\t0\tShADadFf\t10\t900\t12\t3000\t-\n"
            ),
            "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n",
        ),
    ),
    "suricata": (
        "eve.json",
        lines(
            lambda n, i: dumps(
                {
                    "timestamp": "2026-01-01T00:00:00.000000+0000",
                    "event_type": "http",
                    "src_ip": "10.9.0.1",
                    "src_port": 40000,
                    "dest_ip": host(n),
                    "dest_port": 80,
                    "proto": "TCP",
                    "http": {"hostname": host(n), "url": "/", "status": 200, "server": "App-webs/"},
                }
            )
        ),
    ),
    "leases": (
        "dhcpd.leases",
        lines(
            lambda n, i: (
                f'lease {host(n)} {{\n  starts 4 2026/01/01 00:00:00;\n  binding state active;\n  hardware ethernet {mac(n)};\n  client-hostname "cam-{n}";\n}}\n'
            )
        ),
    ),
    "arp": (
        "arp.txt",
        lines(
            lambda n, i: (
                f"Internet  {host(n):20} 5   {mac(n).replace(':', '')[:4]}.{mac(n).replace(':', '')[4:8]}.{mac(n).replace(':', '')[8:]}  ARPA   Vlan20\n"
            ),
            "Protocol  Address          Age (min)  Hardware Addr   Type   Interface\n",
        ),
    ),
    "csv": ("list.csv", lines(lambda n, i: f"{host(n)},{mac(n)},Hikvision,DS-2CD2143G0-I,gate {n}\n", "IP,MAC,Manufacturer,Model,Name\n")),
    "sadp": (
        "sadp.csv",
        lines(
            lambda n, i: f"{i},DS-2CD2143G0-I,Active,{host(n)},8000,V5.6.3,DS-2CD{n},{mac(n)}\n",
            "ID,Device Type,Status,IPv4 Address,Port,Software Version,Device Serial No.,MAC Address\n",
        ),
    ),
    "netcam": (
        "seen.jsonl",
        lines(
            lambda n, i: dumps(
                {
                    "endpoint": f"{host(n)}:80",
                    "mac": mac(n),
                    "at": "2026-01-01T00:00:00Z",
                    "via": "http",
                    "field": "http.server",
                    "value": "App-webs/",
                }
            )
        ),
    ),
    "pcap": ("day.pcap", capture),
}


def make(path: Path, parts: Callable[[], Iterator[bytes]], size: int) -> None:
    with path.open("wb") as file:
        for part in parts():
            if file.tell() >= size:
                break
            file.write(part)
        file.write(getattr(parts, "tail", b""))


def child(path: str) -> None:
    """Read one file to its end and tell what that took."""
    from netcam.collect.importers import source
    from netcam.collect.repeats import Repeats

    problems: list[source.Problem] = []
    repeats, wrong, kept = Repeats(source.REPEAT), 0, 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    now = datetime.now(UTC)  # noqa: TID251 - a measurement's own clock
    for _ in source.read(Path(path), wanted=None, columns={}, site="s", scan="x", now=now, problems=problems, repeats=repeats):
        kept += 1
        wrong += len(problems)
        problems.clear()
    took = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {"seconds": took, "kept": kept, "repeats": repeats.count, "wrong": wrong + len(problems), "before": before, "peak": peak}
        )
    )


def read_lines(path: Path) -> float:
    """The limit: the same file, its lines only counted."""
    begin = time.process_time()
    with path.open("rb") as file:
        for _ in file:
            pass
    return time.process_time() - begin


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--megabytes", type=int, default=1024)
    wanted.add_argument("--only")
    wanted.add_argument("--child")
    told = wanted.parse_args()
    if told.child:
        child(told.child)
        return
    print(
        f"{'format':10} {'MB':>5} {'facts read':>11} {'facts/s':>9} {'MB/s':>6} {'peak MB':>8} {'grew MB':>8} {'x reading lines':>16}  kept"
    )
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, (file, parts) in FORMATS.items():
            if told.only and told.only != name:
                continue
            path = Path(folder) / file
            make(path, parts, told.megabytes << 20)
            size = path.stat().st_size / 2**20
            floor = read_lines(path)
            run = subprocess.run([sys.executable, __file__, "--child", str(path)], capture_output=True, text=True, check=True)
            got = json.loads(run.stdout)
            facts, grew = got["kept"] + got["repeats"], (got["peak"] - got["before"]) / 1024
            worst = max(worst, grew)
            print(
                f"{name:10} {size:5.0f} {facts:11,} {facts / got['seconds']:9,.0f} {size / got['seconds']:6.1f} {got['peak'] / 1024:8.0f} {grew:8.0f} "
                f"{got['seconds'] / floor:16.1f}  {got['kept']:,}" + (f"  {got['wrong']} PROBLEMS" if got["wrong"] else ""),
                flush=True,
            )
            path.unlink()
    bound = 400
    print(f"worst growth {worst:.0f} MB, bound {bound} MB: ratio {worst / bound:.2f}")
    if worst > bound:
        raise SystemExit(1)
    with tempfile.TemporaryDirectory() as folder:
        bomb = Path(folder) / "bomb.gz"
        with gzip.open(bomb, "wb", compresslevel=9) as out:
            for _ in range(1024):
                out.write(b'{"_path":"conn"}\n' + b" " * ((1 << 20) - 17))
        run = subprocess.run([sys.executable, __file__, "--child", str(bomb)], capture_output=True, text=True, check=True)
        got = json.loads(run.stdout)
        print(
            f"1 GB of blanks in {bomb.stat().st_size / 1e6:.1f} MB of gzip: ended after {got['seconds']:.1f} s, peak {got['peak'] / 1024:.0f} MB, {got['wrong']} problems"
        )


main()
