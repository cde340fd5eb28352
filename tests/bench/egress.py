"""Captures to complete flows: netcam against tshark, nfpcapd, softflowd and nfstream on the same files in one run, start-up included.

Usage: egress.py [PACKETS] [RUNS]. The captures are made here and deleted: one of many short conversations (1,500,000 packets, 650,000 flows,
1.4 GB) and one of few large ones. Then the first at a sixteenth, a quarter and its whole size, for the slope and the peak memory.
nfstream is no dependency: it is taken where it can be imported, or from the interpreter in NFSTREAM_PYTHON; else the run says so.
Each time is the best of RUNS (3): what else runs on the machine only ever adds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FRAME = 916
"""Bytes of a frame: 1.5 million of them are 1.4 GB."""


def write(path: Path, at: np.ndarray, flow: np.ndarray, step: np.ndarray, back: np.ndarray, last: np.ndarray) -> None:
    """A pcap of TCP packets: time in microseconds, flow number, packet of its flow, direction, whether it is the flow's last."""
    rng = np.random.default_rng(7)
    filler = rng.integers(0, 256, (1, FRAME), dtype=np.uint8)
    with path.open("wb") as file:
        file.write(np.array([0xA1B2C3D4, 0x00040002, 0, 0, 65535, 1], "<u4").tobytes())
        for begin in range(0, len(at), 50_000):
            part = slice(begin, begin + 50_000)
            f, n, b = flow[part].astype(np.int64), step[part], back[part]
            rows = np.repeat(filler, len(f), 0)
            rows = np.concatenate([np.zeros((len(f), 16), np.uint8), rows], 1)

            def put(place: int, values: np.ndarray, kind: str, rows: np.ndarray = rows) -> None:
                raw = values.astype(kind)
                rows[:, place : place + raw.itemsize] = raw.view(np.uint8).reshape(len(raw), raw.itemsize)

            put(0, 1_764_000_000 + at[part] // 1_000_000, "<u4")
            put(4, at[part] % 1_000_000, "<u4")
            put(8, np.full(len(f), FRAME), "<u4")
            put(12, np.full(len(f), FRAME), "<u4")
            rows[:, 16:28] = 2
            put(28, np.full(len(f), 0x0800), ">u2")
            put(30, np.full(len(f), 0x4500), ">u2")
            put(32, np.full(len(f), FRAME - 14), ">u2")
            put(34, np.zeros(len(f)), ">u4")
            put(38, np.full(len(f), 0x4006), ">u2")
            put(40, np.zeros(len(f)), ">u2")
            here, there = 0x0A000001 + f % 300, 0xC6336400 + f % 250
            s_port, d_port = 20_000 + f // 300 % 40_000, np.full(len(f), 443)
            put(42, np.where(b, there, here), ">u4")
            put(46, np.where(b, here, there), ">u4")
            put(50, np.where(b, d_port, s_port), ">u2")
            put(52, np.where(b, s_port, d_port), ">u2")
            put(54, 1000 + n * (FRAME - 54), ">u4")
            put(58, np.ones(len(f)), ">u4")
            flags = np.where(n == 0, 0x02, np.where(last[part], 0x11, 0x18))
            put(62, 0x5000 | flags, ">u2")
            put(64, np.full(len(f), 8192), ">u2")
            put(66, np.zeros(len(f)), ">u4")
            file.write(rows.tobytes())


def many(path: Path, packets: int) -> int:
    """Short conversations of two or three packets, interleaved; returns their number."""
    flows = packets * 65 // 150
    sizes = np.full(flows, 2)
    sizes[: packets - 2 * flows] = 3
    flow = np.repeat(np.arange(flows), sizes)
    step = np.arange(len(flow)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rng = np.random.default_rng(1)
    begins = np.sort(rng.integers(0, 240_000_000, flows))
    at = begins[flow] + step * 700_000 + rng.integers(0, 1000, len(flow))
    order = np.argsort(at, kind="stable")
    write(path, at[order], flow[order], step[order], (step == 1)[order], (step == sizes[flow] - 1)[order])
    return flows


def few(path: Path, packets: int) -> int:
    """Two hundred uploads of cameras."""
    flows = 200
    flow = np.arange(packets) % flows
    step = np.arange(packets) // flows
    write(path, np.arange(packets) * 100, flow, step, step % 10 == 1, step < 0)
    return flows


def timed(argv: list[str], runs: int, *, environment: dict[str, str] | None = None) -> tuple[float, float, int, str]:
    """Best wall time, its processor time, peak memory in MB, and the output of a command."""
    best, cpu, peak, said = 1e9, 0.0, 0, ""
    given = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | (environment or {})
    for _ in range(runs):
        with tempfile.TemporaryFile("w+") as out:
            began = time.perf_counter()
            process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=given)
            _, status, usage = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
            out.seek(0)
            text = out.read()
        if status != 0:
            raise SystemExit(f"{argv[0]} failed: {text[-500:]}")
        peak = max(peak, usage.ru_maxrss // 1024)
        if took < best:
            best, cpu, said = took, usage.ru_utime + usage.ru_stime, text
    return best, cpu, peak, said


def bytecode(folder: Path) -> dict[str, str]:
    """Python keeps what it compiled, as it does wherever a program is installed."""
    return {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def netcam(path: Path, folder: Path, runs: int) -> tuple[float, float, int, int]:
    """Flows into a fresh archive."""
    archive = folder / "archive"
    shutil.rmtree(archive, ignore_errors=True)
    argv = [sys.executable, "-m", "netcam", "egress", "flows", str(path), "--archive", str(archive)]
    took, cpu, peak, said = timed(argv, runs, environment=bytecode(folder) | {"NETCAM_HOME": str(folder)})
    return took, cpu, peak, json.loads(said.splitlines()[-1])["flows"]


_NFSTREAM = "import sys, nfstream; print(sum(1 for _ in nfstream.NFStreamer(source=sys.argv[1], idle_timeout=300, active_timeout=100000, n_dissections=0)))"


def peers(path: Path, folder: Path, runs: int) -> dict[str, tuple[float, float, int, int]]:
    """Name -> wall, processor time, memory, flows of each peer."""
    found = {}
    took, cpu, peak, said = timed(["tshark", "-r", str(path), "-q", "-z", "conv,tcp"], 1)
    found["tshark -z conv"] = (took, cpu, peak, sum("<->" in line for line in said.splitlines()))
    flows = folder / "nfpcapd"
    shutil.rmtree(flows, ignore_errors=True)
    flows.mkdir()
    took, cpu, peak, _ = timed(["nfpcapd", "-r", str(path), "-l", str(flows)], runs)
    told = subprocess.run(["nfdump", "-R", str(flows), "-I"], capture_output=True, text=True, check=True).stdout
    found["nfpcapd"] = (took, cpu, peak, int(next(line for line in told.splitlines() if line.startswith("Flows:")).split()[1]))
    shutil.rmtree(flows)
    took, cpu, peak, said = timed(["softflowd", "-r", str(path), "-n", "127.0.0.1:9", "-v", "9", "-m", "2000000", "-d"], 1)
    count = next((line for line in said.splitlines() if "Flows exported" in line), "")
    digits = "".join(c for c in count.partition("(")[0] if c.isdigit())
    found["softflowd"] = (took, cpu, peak, int(digits or 0))
    python = os.environ.get("NFSTREAM_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import nfstream"], capture_output=True, check=False).returncode == 0:
        took, cpu, peak, said = timed([python, "-c", _NFSTREAM, str(path)], 1, environment=bytecode(folder))
        found["nfstream"] = (took, cpu, peak, int(said.split()[-1]))
    else:
        print("  nfstream is not installed here: not compared (pip install nfstream, or NFSTREAM_PYTHON=...)")
    return found


def made(maker: str, path: Path, packets: int) -> int:
    """Make a capture in a process of its own: a program's peak memory begins with that of the process that started it."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import egress, pathlib; print(egress.{maker}(pathlib.Path({str(path)!r}), {packets}))"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def compare(name: str, path: Path, flows: int, folder: Path, runs: int) -> None:
    """One capture, all programs."""
    size = path.stat().st_size / 1e9
    print(f"{name}: {size:.2f} GB, {flows} flows were made")
    netcam(path, folder, 1)  # the first run on a machine compiles; users pay it once per version
    theirs = peers(path, folder, runs)
    took, cpu, peak, told = netcam(path, folder, runs)
    print(f"  netcam          {took:7.2f} s  ({cpu:6.2f} s of processor)  {peak:5d} MB  {told} flows")
    for peer, (wall, busy, memory, count) in theirs.items():
        print(
            f"  {peer:15s} {wall:7.2f} s  ({busy:6.2f} s of processor)  {memory:5d} MB  {count} flows: {wall / took:.1f} times netcam's time"
        )
    print(f"  netcam: {size / took:.2f} GB/s; at most half of nfpcapd's time: {'yes' if took <= theirs['nfpcapd'][0] / 2 else 'no'}; "
          f"memory under 400 MB: {'yes' if peak < 400 else 'no'}", flush=True)  # fmt: skip


def main() -> None:
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else 1_500_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "a.pcap"
        compare("few large flows", path, made("few", path, packets), folder, runs)
        compare("many short flows", path, made("many", path, packets), folder, runs)
        points = []
        for times in (1, 4, 16):
            flows = made("many", path, packets * times // 16)
            took, _, peak, told = netcam(path, folder, runs)
            assert told == flows, (told, flows)
            points.append((packets * times / 16, took))
            print(f"scaling {times:2d}x: {packets * times // 16} packets, {flows} flows, {took:.2f} s, {peak} MB", flush=True)
        slope = np.polyfit(np.log([p for p, _ in points]), np.log([t for _, t in points]), 1)[0]
        rate = (points[2][0] - points[1][0]) / (points[2][1] - points[1][1]) / 1e6
        print(f"slope of time over packets (log-log): {slope:.2f}, start-up included; {rate:.1f} M packets/s between 4x and 16x")


if __name__ == "__main__":
    main()
