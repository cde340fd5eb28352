"""The packets behind a finding, as a pcap that anybody can open and whose hash stands in the evidence."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import frames

from netcam.flows import capture, proof

T0 = 1_764_000_000 * 10**9


def test_a_finding_keeps_its_packets_headers_only_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    body = b"SECRET" * 20
    packets = []
    for n in range(6):
        seq = 1 + n * len(body)
        packets.append((T0 + n * 1000, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 0x18, body, seq=seq)))))
        packets.append((T0 + n * 1000 + 1, frames.ether(frames.ip4("203.0.113.9", "10.0.0.5", 6, frames.tcp(443, 50000, 0x10)), back=True)))
        packets.append((T0 + n * 1000 + 2, frames.ether(frames.ip4("10.0.0.6", "203.0.113.9", 17, frames.udp(1, 443, body)))))
    path.write_bytes(frames.pcap(packets))
    table = capture.read(path)
    wanted = proof.wanted(table, {"k1": ("10.0.0.5", "203.0.113.9:443/tcp"), "k2": ("10.0.0.5", "198.51.100.1:443/tcp")})
    assert [one.key for one in wanted] == ["k1"]
    (made,) = proof.write(path, wanted, tmp_path / "proof").values()
    content = made.path.read_bytes()
    assert (made.packets, made.seen) == (12, 12)
    assert b"SECRET" not in content
    assert made.digest == hashlib.sha256(content).hexdigest()
    assert made.source == hashlib.sha256(path.read_bytes()).hexdigest()
    assert made.digest in made.line
    argv = ["tshark", "-r", str(made.path), "-T", "fields", "-e", "ip.src", "-e", "frame.len", "-e", "frame.cap_len"]
    told = [line.split() for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()]
    assert told[:2] == [["10.0.0.5", "174", "54"], ["203.0.113.9", "54", "54"]]
    (full,) = proof.write(
        path, proof.wanted(table, {"k1": ("10.0.0.5", "203.0.113.9:443/tcp")}), tmp_path / "p2", payload=True, limit=400
    ).values()
    assert b"SECRET" in full.path.read_bytes()
    assert full.packets < 12
    assert full.seen == 12
