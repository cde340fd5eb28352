"""Live capture at a rate: a veth pair in a namespace of its own, one process sends, `netcam` listens.

Usage: live.py [rate PACKETS_PER_SECOND] [size BYTES] [seconds N] [addresses N]. Without words: 400,000 packets/s of 900 bytes for 30 s.
`addresses 1000000 rate 50000 seconds 1800` is the address scan: memory must stay flat, evictions are counted.
Prints the kernel's own count of drops, the listener's processor time and its memory.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SOL_PACKET, PACKET_TX_RING, PACKET_VERSION, PACKET_QDISC_BYPASS = 263, 13, 10, 20
FRAME, FRAMES = 2048, 4096
SENDERS = 1
"""Processes that send."""
UDP_SEGMENT, TRAIN, FAR = 103, 64, "10.200.0.1"
"""linux/udp.h; datagrams in a train (the kernel's UDP_MAX_SEGMENTS was 64 for long); an address behind the link where nobody is."""
SEND, HEAD = 1, 32
"""TP_STATUS_SEND_REQUEST, and where the frame begins behind tpacket2_hdr (linux/if_packet.h)."""


def send(interface: str, rate: int, size: int, seconds: float, addresses: int) -> int:
    """Send at `rate` for `seconds`; returns the packets sent."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as link:
        link.setsockopt(SOL_PACKET, PACKET_VERSION, 1)
        link.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        link.setsockopt(SOL_PACKET, PACKET_TX_RING, struct.pack("IIII", 1 << 20, FRAME * FRAMES >> 20, FRAME, FRAMES))
        link.bind((interface, 0))
        ring = mmap.mmap(link.fileno(), FRAME * FRAMES, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        slots = np.frombuffer(ring, np.uint8).reshape(FRAMES, FRAME)
        packet = bytes.fromhex("020000000002020000000001 0800".replace(" ", ""))
        packet += struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, size - 14, 1, 0, 64, 17, 0, socket.inet_aton("10.0.0.1"), socket.inet_aton("10.200.0.1")
        )
        packet += struct.pack(">HHHH", 40000, 5000, size - 34, 0)
        slots[:, HEAD : HEAD + size] = 0
        slots[:, HEAD : HEAD + len(packet)] = np.frombuffer(packet, np.uint8)
        lengths = slots[:, 4:8].view("<u4")
        status = slots[:, 0:4].view("<u4")
        lengths[:] = size
        sent, place, began = 0, 0, time.monotonic()
        rng = np.random.default_rng(1)
        while (now := time.monotonic()) - began < seconds:
            due = min(int((now - began) * rate) - sent, FRAMES // 4)
            if due <= 0:
                time.sleep(0.0005)
                continue
            at = np.arange(place, place + due) % FRAMES
            if (status[at] != 0).any():
                link.send(b"", socket.MSG_DONTWAIT)
                continue
            which = rng.integers(0, addresses, due) if addresses else (sent + np.arange(due)) % 1000
            slots[at, HEAD + 26 : HEAD + 30] = (0x0A000000 + which % 300).astype(">u4").view(np.uint8).reshape(due, 4)
            slots[at, HEAD + 30 : HEAD + 34] = (0x0AC80000 + which).astype(">u4").view(np.uint8).reshape(due, 4)
            status[at] = SEND
            link.send(b"")
            place, sent = (place + due) % FRAMES, sent + due
        del slots, lengths, status, at
        return sent


def trains(interface: str, rate: int, size: int, seconds: float) -> int:
    """Send UDP datagrams in trains that the kernel takes apart (UDP_SEGMENT, udp(7)): a system call for 64 packets; returns those sent.

    For 1000 conversations, by destination port. The link is told to take single packets only, so that what arrives is packets of `size`.
    """
    body = size - 42
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, body)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        train, sent, began = bytes(body * TRAIN), 0, time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            if int((now - began) * rate) - sent < TRAIN:
                time.sleep(0.0001)
                continue
            link.sendto(train, (FAR, 5000 + sent // TRAIN % 1000))
            sent += TRAIN
        return sent


def memory(process: int) -> int:
    """Resident memory of a process in MB."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) // 1024


def ticks(process: int) -> float:
    """Processor seconds of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    words = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    if "NETCAM_BENCH_INSIDE" not in os.environ:
        os.execvpe("unshare", ["unshare", "-rn", sys.executable, __file__, *sys.argv[1:]], os.environ | {"NETCAM_BENCH_INSIDE": "1"})
    rate, size = int(words.get("rate", 400_000)), int(words.get("size", 900))
    seconds, addresses = float(words.get("seconds", 30)), int(words.get("addresses", 0))
    for argv in (
        ["link", "add", "send0", "type", "veth", "peer", "name", "hear0"],
        ["link", "set", "send0", "up"],
        ["link", "set", "hear0", "up"],
        ["link", "set", "send0", "gso_max_segs", "1"],
        ["addr", "add", "10.200.255.1/16", "dev", "send0"],
        ["neigh", "add", FAR, "lladdr", "02:00:00:00:00:99", "dev", "send0"],
    ):
        subprocess.run(["ip", *argv], check=True)
    argv = [sys.executable, "-m", "netcam", "egress", "watch", "--interface", "hear0", "--seconds", str(seconds + 4), "--format", "jsonl"]
    listener = subprocess.Popen([*argv, "--every", "10"], stdout=subprocess.PIPE, text=True, env=os.environ | {"NETCAM_HOME": "/nowhere"})
    time.sleep(3)
    before, began, seen = ticks(listener.pid), time.monotonic(), list[int]()
    children = []
    for n in range(SENDERS):
        child = os.fork()
        if child == 0:
            if addresses:
                sent = send("send0", rate // SENDERS, size, seconds, addresses)
            else:
                sent = trains("send0", rate // SENDERS, size, seconds)
            print(json.dumps({"sender": n, "sent": sent, "a second": int(sent / seconds)}), flush=True)
            os._exit(0)
        children.append(child)
    used = 0.0
    while children := [child for child in children if os.waitpid(child, os.WNOHANG)[0] == 0]:
        time.sleep(min(1.0, seconds / 20))
        seen.append(memory(listener.pid))
        used = ticks(listener.pid) - before
    took = time.monotonic() - began
    half = seen[len(seen) // 2]
    print(f"memory {seen[len(seen) // 10]} MB early, {half} MB half-way, {seen[-1]} MB at the end, {max(seen)} MB at most", flush=True)
    told: dict[str, Any] = {}
    for line in listener.communicate(timeout=600)[0].splitlines():
        told = json.loads(line)
    counters = told["counters"]
    print(
        f"{counters['packets']} packets read, {counters['kernel_dropped']} dropped by the kernel's count, {counters['evicted']} evicted, "
        f"{told['flows']} flows; {used:.1f} s of processor in {took:.1f} s ({100 * used / took:.0f} % of one core)"
    )


if __name__ == "__main__":
    main()
