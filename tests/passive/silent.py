"""Run in a namespace of its own: a device that talks on one end of a veth pair, netcam listening on the other, and a count of what it sent."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from netcam.cli.scan import cache_folder

ARP = b"\xff" * 6 + bytes.fromhex("4419b6000020080600010800060400014419b6000020c0000214000000000000c0000201")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def main(folder: Path, words: list[str]) -> None:
    # IPv6 would make the kernel itself announce the interface
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    ip("link", "add", "ear", "type", "veth", "peer", "name", "cam")
    ip("link", "set", "ear", "up")
    ip("addr", "add", "192.0.2.77/24", "dev", "ear", "noprefixroute")
    ip("link", "set", "cam", "up")
    sent = Path("/proc/net/dev")

    def transmitted() -> int:
        line = next(one for one in sent.read_text().splitlines() if one.strip().startswith("ear:"))
        return int(line.split(":")[1].split()[9])

    before = transmitted()
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("cam", 3))
    wire.setblocking(False)
    command = [sys.executable, "-m", "netcam", *words, "--seconds", "6"]
    listener = subprocess.Popen(
        [*command, "--format", "jsonl", "--store", str(folder / "s.sqlite")],
        stdout=subprocess.PIPE,
        text=True,
        # a home of its own, and the patterns as they were compiled before
        env={"PATH": "/usr/sbin:/usr/bin", "HOME": str(folder), "XDG_CACHE_HOME": str(cache_folder().parent)},
    )
    caught = 0
    while listener.poll() is None:
        wire.send((ARP + bytes(40))[:60])
        time.sleep(0.2)
        while True:
            try:
                _, address = wire.recvfrom(2048)
            except BlockingIOError:
                break
            caught += address[2] != socket.PACKET_OUTGOING
    out = listener.stdout.read() if listener.stdout else ""
    heard = [a for line in out.splitlines() for a in json.loads(line).get("addresses", [])]
    print(json.dumps({"sent": transmitted() - before + caught, "heard": heard}))
    sys.exit(listener.returncode)


main(Path(sys.argv[1]), sys.argv[2:])
