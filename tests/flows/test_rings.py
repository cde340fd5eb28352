"""Several rings that share an interface see every packet once, a filter keeps out what it should, and no packet is sent: on a real link."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSIDE = """
import subprocess, sys, threading, time, socket
sys.path[:0] = [{tests!r}, {root!r}]
import frames, veth
from netcam.flows import live
from netcam.flows.build import merged
link = veth.made()
before = veth.sent()
class Watch:
    def __init__(self, **settings):
        self.tables, self.stop, self.ready = [], threading.Event(), threading.Event()
        def run():
            self.tables += live.windows("h0", live.Settings(**settings), seconds=60, every=None, stop=self.stop, ready=self.ready)
        self.thread = threading.Thread(target=run)
        self.thread.start()
        assert self.ready.wait(120)
    def flows(self):
        self.stop.set()
        self.thread.join()
        table = merged(self.tables)
        return sorted((f.source, f.source_port, f.destination, f.packets_out, f.packets_in, f.bytes_out) for f in table), table.counters
rings = {{"alone": Watch(), "first of three": Watch(fanout=7), "second of three": Watch(fanout=7), "third of three": Watch(fanout=7),
         "filtered": Watch(filter_={program!r}), "filtered and shared": Watch(filter_={program!r}, fanout=9)}}
for n in range(600):
    a, b, port = "10.0.%d.%d" % (n % 3, n % 50), "203.0.113.9", 40000 + n % 60
    out, back = frames.udp(port, 8800, b"x" * (n % 90)), frames.udp(8800, port, b"y" * 10)
    link.send(frames.ether(frames.ip4(a, b, 17, out)))
    link.send(frames.ether(frames.ip4(b, a, 17, back), back=True))
    if n % 50 == 0:
        time.sleep(0.02)
big = b"z" * 1000
link.send(frames.ether(frames.ip4("10.0.0.99", "203.0.113.9", 17, frames.udp(5, 8800, big), fragment=0x2000)))
link.send(frames.ether(frames.ip4("10.0.0.99", "203.0.113.9", 17, big, fragment=0x007E)))
time.sleep(1)
answers = {{name: one.flows() for name, one in rings.items()}}
answers["sent by us"] = veth.sent() - before
print(repr(answers))
"""


@pytest.mark.lab
def test_rings_share_an_interface_and_filters_keep_out(tmp_path: Path) -> None:
    program = subprocess.run(["tcpdump", "-ddd", "-y", "EN10MB", "net 10.0.1.0/24"], capture_output=True, text=True, check=True).stdout
    script = INSIDE.format(tests=str(Path(__file__).resolve().parent), root=str(ROOT), program=program)
    run = subprocess.run(["unshare", "-rn", sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    answers = ast.literal_eval(run.stdout)
    assert answers.pop("sent by us") == 0
    counters = {name: counted for name, (_, counted) in answers.items()}
    flows = {name: told for name, (told, _) in answers.items()}
    assert all(counted["kernel_dropped"] == 0 for counted in counters.values())
    assert sum(flow[3] + flow[4] for flow in flows["alone"]) == 1202
    shared = [flows[f"{word} of three"] for word in ("first", "second", "third")]
    # both directions of a conversation, and both parts of a datagram, come to the same ring
    assert sorted(flow for part in shared for flow in part) == flows["alone"]
    assert sum(bool(part) for part in shared) == 3
    wanted = [flow for flow in flows["alone"] if flow[0].startswith("10.0.1.")]
    assert len(wanted) > 50
    assert flows["filtered"] == flows["filtered and shared"] == wanted
