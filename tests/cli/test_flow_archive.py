"""`netcam egress flows`, `query`, `top`, `prune` and the sources of `watch`, as an operator calls them."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest


def capture_file(path: Path, count: int = 5) -> Path:
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for n in range(count):
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 128, 1, 0, 64, 17, 0, bytes([10, 0, 0, 5]), bytes([8, 8, 8, 8]))
        frame = bytes.fromhex("0200000000020200000000010800") + ip + struct.pack(">HHHH", 40000 + n, 8800, 108, 0) + bytes(100)
        out += struct.pack("<IIII", 1_764_000_000 + n, 0, len(frame), len(frame)) + frame
    path.write_bytes(out)
    return path


def run(tmp_path: Path, *words: str, code: int = 0) -> list[dict[str, Any]]:
    environment = {"NETCAM_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(
        [sys.executable, "-m", "netcam", "egress", *words], capture_output=True, text=True, timeout=900, env=environment, check=False
    )
    assert done.returncode == code, done.stderr
    if code:
        return [{"error": done.stderr}]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_flows_are_archived_asked_and_pruned(tmp_path: Path) -> None:
    archive = ["--archive", str(tmp_path / "flows")]
    (told,) = run(tmp_path, "flows", str(capture_file(tmp_path / "a.pcap")), *archive, "--site", "hq")
    assert (told["flows"], told["counters"]["packets"]) == (5, 5)
    assert run(tmp_path, "query", "SELECT count(*) AS n, sum(bytes_out) AS b FROM flows", *archive) == [{"n": 5, "b": 640}]
    run(tmp_path, "flows", str(capture_file(tmp_path / "copy.pcap")), *archive, "--site", "hq")  # the same packets under another name
    run(tmp_path, "analyse", str(tmp_path / "a.pcap"), *archive, "--site", "hq")
    assert run(tmp_path, "query", "SELECT count(*) AS n, sum(bytes_out) AS b FROM flows", *archive) == [{"n": 5, "b": 640}]
    run(tmp_path, "flows", str(capture_file(tmp_path / "b.pcap", 6)), *archive, "--site", "branch")
    (top,) = run(tmp_path, "top", "--site", "hq", "--by", "destination", *archive)
    assert (top["destination"], top["bytes_out"], top["flows"]) == ("8.8.8.8", 640, 5)
    assert "flows, lookups, minutes" in run(tmp_path, "query", "SELECT * FROM passwords", *archive, code=2)[0]["error"]
    assert run(tmp_path, "prune", "--max-days", "1", *archive) == [
        {"type": "pruned", "folder": f"flows/site={site}/day=2025-11-24"} for site in ("branch", "hq")
    ]
    assert run(tmp_path, "prune", *archive) == [], "without bounds those of the settings hold"


def test_an_analysis_archives_too_and_tells_networks_with_their_date(tmp_path: Path) -> None:
    told = run(tmp_path, "analyse", str(capture_file(tmp_path / "a.pcap")), "--archive", str(tmp_path / "flows"), "--format", "jsonl")
    assert told[-1]["flows"] == 5
    assert told[-1]["networks"].startswith("plevin network 20")
    (row,) = run(tmp_path, "query", "SELECT DISTINCT asn, country_code, operator FROM flows", "--archive", str(tmp_path / "flows"))
    assert (row["asn"], row["country_code"]) == (15169, "US")


def test_a_watch_takes_exporters(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    row = struct.pack(
        "!4s4s4sHHIIIIHHxBBBHHBBxx", b"\x0a\0\0\5", b"\x08\x08\x08\x08", bytes(4), 0, 0, 3, 300, 0, 500, 40000, 443, 2, 6, 0, 0, 0, 0, 0
    )
    data = struct.pack("!HHIIIIBBH", 5, 1, 1000, int(time.time()), 0, 0, 0, 0, 0) + row
    over = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not over.wait(0.3):
                sender.sendto(data, ("127.0.0.1", port))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        told = run(tmp_path, "watch", "--netflow", f"127.0.0.1:{port}", "--seconds", "2", "--flows", "--format", "jsonl")
    finally:
        over.set()
        thread.join()
    (flow,) = [t for t in told if t["type"] == "flow"]
    assert (flow["source"], flow["bytes_out"], flow["packets"]) == ("10.0.0.5", 300, 3)
    assert told[-1]["counters"]["duplicates"] >= 1


@pytest.mark.parametrize("words", [[], ["--netflow", "127.0.0.1:1", "--zeek", "."]])
def test_a_watch_has_one_source(tmp_path: Path, words: list[str]) -> None:
    assert "give one of --interface" in run(tmp_path, "watch", *words, code=2)[0]["error"]
