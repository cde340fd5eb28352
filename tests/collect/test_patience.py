"""A device's time is the time in which netcam could listen: a busy sensor takes none of it, and a silent device gets no more."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from netcam.collect import driver
from netcam.collect.driver import Limits, Outcome, ProbeStatus
from netcam.collect.gate import Gate, Rates, StopSwitch
from netcam.collect.patience import patience
from netcam.protocols import http

LIMITS = Limits(connect=0.5, read=0.5, total=1.0)


@pytest.fixture
def prompt() -> Iterator[int]:
    """A web server in a thread of its own that answers at once, until it is told to end; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                one, _ = listening.accept()
                with one:
                    if not one.recv(10_000):
                        return
                    one.sendall(b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        server = threading.Thread(target=serve)
        server.start()
        yield listening.getsockname()[1]
        with socket.create_connection(listening.getsockname()):  # says nothing  # noqa: TID251 - ends the server
            pass
        server.join()


async def asked(port: int, busy: float) -> Outcome:
    """Ask for a page while this process is busy for `busy` seconds, time after time."""
    gate = Gate(
        networks=[ip_network("127.0.0.0/8")],
        scope=None,
        rates=Rates(conversations_per_second=1000, conversations_per_device=1000),
        stop=StopSwitch(),
    )
    loop = asyncio.get_running_loop()
    over = False

    def work() -> None:
        time.sleep(busy)
        if not over:
            loop.call_soon(work)

    loop.call_soon(work)
    exchange = http.get(driver.target("127.0.0.1", port, ""), "/")
    outcome = await driver.converse(
        gate, "127.0.0.1", port, exchange, protocol="test", tls=False, limits=LIMITS, context=driver.banner_context()
    )
    over = True
    return outcome


def test_an_answer_that_came_in_time_is_heard_however_busy_the_sensor_is(prompt: int) -> None:
    outcome = asyncio.run(asked(prompt, 0.7))  # in each turn of the loop: longer than the device gets for anything
    assert outcome.status is ProbeStatus.ANSWERED
    assert ("http.server", "App-webs/") in {(fact.field, fact.value) for fact in outcome.facts}


@pytest.mark.parametrize("seconds", [0.05, 0.6])
def test_silence_ends_it(seconds: float) -> None:
    async def silence() -> float:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            async with patience(seconds):
                await asyncio.Event().wait()
        return time.monotonic() - begin

    assert asyncio.run(silence()) >= seconds * 0.99


def test_what_ends_by_itself_leaves_nothing_behind() -> None:
    async def run() -> None:
        async with patience(0.01):
            pass
        await asyncio.sleep(0.1)  # a limit that went on would end this

        with pytest.raises(ZeroDivisionError):
            async with patience(0.01):
                raise ZeroDivisionError
        await asyncio.sleep(0.1)

    asyncio.run(run())
