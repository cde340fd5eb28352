"""Runs inside fresh namespaces (user, net, mount): a camera behind a router, its recorder, a stranger outside. Prints what came through.

The camera's own life is captured, a profile is learnt from it, the profile's rules are loaded in the router while the leak runs, and the
same life is lived again: `unshare ... python fenced.py FOLDER`.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.conditions import until, until_apart

CAMERA, RECORDER, STRANGER = "10.1.0.5", "10.2.0.10", "203.0.113.80"
NETS = {"cam": ("10.1.0.5/24", "10.1.0.1"), "rec": ("10.2.0.10/24", "10.2.0.1"), "out": ("203.0.113.80/24", "203.0.113.1")}


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=300).stdout


def inside(holder: subprocess.Popen[bytes], *argv: str) -> list[str]:
    return ["nsenter", "--net", "--target", str(holder.pid), *argv]


def build() -> dict[str, subprocess.Popen[bytes]]:
    """Three hosts around this namespace, which is the router."""
    run("ip", "link", "set", "lo", "up")
    holders = {}
    for name, (address, gateway) in NETS.items():
        holder = subprocess.Popen(["unshare", "--net", "sleep", "900"])
        holders[name] = holder
        until_apart(holder.pid)
        run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        run("ip", "addr", "add", f"{gateway}/24", "dev", f"to-{name}")
        run("ip", "link", "set", f"to-{name}", "up")
        for command in (
            ("addr", "add", address, "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", gateway),
        ):
            subprocess.run(inside(holder, "ip", *command), check=True, timeout=300)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    return holders


def record(wire: socket.socket, path: Path, stop: threading.Event) -> None:
    """Write what passes as a pcap until `stop`, and then until a second of silence."""
    wire.settimeout(1.0)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        while True:
            try:
                frame = wire.recv(65535)
            except TimeoutError:
                if stop.is_set():
                    return
                continue
            now = time.time()
            file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame)) + frame)


def serve(port: int, payload: int) -> None:
    """Answer each connection with `payload` bytes, or swallow what comes where it is 0."""
    server = socket.create_server(("0.0.0.0", port))
    print("ready", flush=True)
    while True:
        one, _ = server.accept()
        threading.Thread(target=_talk, args=(one, payload), daemon=True).start()


def _talk(one: socket.socket, payload: int) -> None:
    with one:
        try:
            if payload:
                one.recv(100)
                one.sendall(os.urandom(payload))
            else:
                while one.recv(1 << 16):
                    pass
        except OSError:
            pass


def connected(to: str, port: int, timeout: float) -> socket.socket:
    made = socket.socket()
    made.settimeout(timeout)
    made.connect((to, port))
    return made


def fetch(to: str, port: int) -> int:
    """Bytes that a server gives within ten seconds."""
    got = 0
    try:
        with connected(to, port, 10) as one:
            one.sendall(b"DESCRIBE rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            while data := one.recv(1 << 16):
                got += len(data)
    except OSError:
        pass
    return got


def give(to: str, port: int, count: int) -> int:
    """Bytes that a connection takes before it stalls for five seconds."""
    sent = 0
    try:
        with connected(to, port, 5) as one:
            while sent < count:
                one.sendall(os.urandom(16_384))
                sent += 16_384
            one.shutdown(socket.SHUT_WR)
            one.recv(1)
    except OSError:
        pass
    return sent


def leak(to: str, port: int) -> None:
    """One connection that sends for ever, and says how much the kernel could deliver (TCP_INFO, tcpi_bytes_acked)."""
    with connected(to, port, 10) as one:
        one.settimeout(None)
        threading.Thread(target=_pump, args=(one,), daemon=True).start()
        for _ in sys.stdin:
            info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
            print(struct.unpack_from("Q", info, 120)[0], flush=True)


def _pump(one: socket.socket) -> None:
    while True:
        try:
            one.sendall(os.urandom(4096))
        except OSError:
            return
        time.sleep(0.01)


def main(folder: Path) -> None:
    holders = build()
    me = [sys.executable, __file__]
    started: list[subprocess.Popen[str]] = []

    def host(name: str, *argv: str) -> subprocess.Popen[str]:
        one = subprocess.Popen(inside(holders[name], *me, *argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(one)
        return one

    def ask(name: str, *argv: str) -> int:
        return int(subprocess.run(inside(holders[name], *me, *argv), check=True, capture_output=True, text=True, timeout=300).stdout)

    try:
        for name, port, payload in (("cam", "554", "2000000"), ("rec", "9000", "300"), ("out", "443", "0")):
            assert host(name, "serve", port, payload).stdout.readline() == "ready\n"  # type: ignore[union-attr]
        wire = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)
        )  # tcpdump wants to change users, which a user namespace refuses
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        wire.bind(("to-cam", 0))
        stop = threading.Event()
        capture = threading.Thread(target=record, args=(wire, folder / "life.pcap", stop))
        capture.start()

        def life() -> dict[str, int]:
            return {
                "recorder takes the picture": ask("rec", "fetch", CAMERA, "554"), "camera reports an event": ask("cam", "fetch", RECORDER, "9000"),
                "stranger gets": ask("cam", "give", STRANGER, "443", "400000"), "stranger fetches": ask("out", "fetch", CAMERA, "554"),
            }  # fmt: skip

        before = life()
        stop.set()
        capture.join(60)
        running = host("cam", "leak", STRANGER, "443")
        assert running.stdin is not None
        assert running.stdout is not None

        def leaked() -> int:
            running.stdin.write("\n")  # type: ignore[union-attr]
            running.stdin.flush()  # type: ignore[union-attr]
            return int(running.stdout.readline())  # type: ignore[union-attr]

        until(lambda: leaked() >= 20_000, "the leak runs")
        rules = run(sys.executable, "-m", "netcam", "egress", "profile", CAMERA, str(folder / "life.pcap"), "--format", "nftables")
        (folder / "rules.nft").write_text(rules)
        run("nft", "-f", str(folder / "rules.nft"))
        time.sleep(1)
        cut = leaked()
        time.sleep(2)
        after = life()
        print(
            json.dumps(
                {
                    "before": before,
                    "after": after,
                    "leak_after_rules": leaked() - cut,
                    "rules": rules,
                    "counted": run("nft", "list", "ruleset"),
                }
            )
        )
    finally:
        for one in (*started, *holders.values()):
            one.kill()
            one.wait()


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "serve":
        serve(int(words[1]), int(words[2]))
    elif words[0] == "fetch":
        print(fetch(words[1], int(words[2])))
    elif words[0] == "give":
        print(give(words[1], int(words[2]), int(words[3])))
    elif words[0] == "leak":
        leak(words[1], int(words[2]))
    else:
        main(Path(words[0]))
