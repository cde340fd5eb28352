"""nmap's second opinion: what it is asked about, what is read of it, and that its absence is said and nothing more."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from ipaddress import ip_network
from pathlib import Path

import pytest

from netcam.collect import second_opinion
from netcam.collect.gate import Gate, OutOfScope, Rates, StopSwitch
from netcam.model import Fact

XML = b"""<?xml version="1.0"?><nmaprun start="1"><host><address addr="192.0.2.7" addrtype="ipv4"/><ports><port protocol="tcp" portid="80">
<state state="open"/><service name="http" product="Boa HTTPd" version="0.94"/></port></ports></host></nmaprun>"""


class Fake:
    """What the gate would say."""

    ports_never = frozenset({9100})

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    async def nmap(self, address: str, ports: list[int], seconds: int) -> tuple[int, bytes]:
        self.asked.append((address, ports))
        if address.endswith(".9"):
            raise OutOfScope("excluded")
        return self.answers.pop(0)


def ask(fake: Fake, doubtful: dict[str, list[int]]) -> tuple[dict[str, list[tuple[str, Fact]]], list[str]]:
    notes: list[str] = []
    facts, _ = asyncio.run(second_opinion.ask(fake, doubtful, notes))  # type: ignore[arg-type]
    return facts, notes


def test_open_ports_are_asked_about_but_those_where_the_first_word_is_a_login() -> None:
    fake = Fake((0, XML))
    facts, notes = ask(fake, {"192.0.2.7": [80, 37777, 34567, 9100, 8000], "192.0.2.8": [37777]})
    assert fake.asked == [("192.0.2.7", [80])]
    assert facts == {"192.0.2.7": [("192.0.2.7:80", Fact("nmap.product", "Boa HTTPd")), ("192.0.2.7:80", Fact("nmap.version", "0.94"))]}
    assert notes == []


def test_its_absence_is_said_once_and_is_not_fatal() -> None:
    fake = Fake(*[(3, b"")] * 10)
    facts, notes = ask(fake, {f"192.0.2.{n}": [80] for n in range(20, 30)})
    assert facts == {}
    assert len(notes) == 1
    assert "not installed: 10 devices" in notes[0]


def test_what_it_cannot_say_or_must_not_ask_is_noted() -> None:
    facts, notes = ask(Fake((4, b""), (0, b"<broken")), {"192.0.2.9": [80], "192.0.2.1": [80], "192.0.2.2": [80]})
    assert facts == {}
    assert sorted(notes) == ["192.0.2.1: nmap gave no answer", "192.0.2.9: nmap was not asked: excluded"]


def test_the_gate_lets_nmap_touch_no_port_that_is_never_touched(tmp_path: Path) -> None:
    gate = Gate(networks=[ip_network("127.0.0.0/8")], scope=None, rates=Rates(), stop=StopSwitch(), audit=tmp_path / "a")
    for address, port in (("127.0.0.1", 9100), ("192.0.2.1", 80)):
        with pytest.raises(OutOfScope):
            asyncio.run(gate.nmap(address, [port], 5))
    assert gate.sent == {}
    gate.close()


def test_nmap_ends_at_once_when_the_run_is_stopped() -> None:
    async def run(silent: socket.socket) -> float:
        silent.setblocking(False)
        port = silent.getsockname()[1]
        gate = Gate(networks=[ip_network("127.0.0.0/8")], scope=None, rates=Rates(), stop=StopSwitch())
        task = asyncio.ensure_future(gate.nmap("127.0.0.1", [port], 300))
        asked, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(silent), 120)  # it is in the middle of its talk
        begin = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        asked.close()
        return time.monotonic() - begin

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        assert asyncio.run(run(silent)) < 10  # on a busy machine, of the 300 that it was given


def test_the_process_says_by_its_exit_code_that_python_nmap_is_absent(tmp_path: Path) -> None:
    (tmp_path / "nmap.py").write_text("raise ImportError\n")
    done = subprocess.run(
        [sys.executable, "-m", "netcam.collect.nmap_process"], input=b"{}", env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, b"")
