"""Devices that mean harm: drips, floods, endless answers, circles of redirects, addresses elsewhere. None stalls a sweep or leads it out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from netcam.collect import driver
from netcam.collect.discover import MAX_DATAGRAMS, MAX_OF_ONE, Discoverer, Found
from netcam.collect.driver import Limits, Outcome, ProbeStatus
from netcam.collect.gate import GIVE_UP, Gate, OutOfScope, Rates, StopSwitch
from netcam.collect.plan import PROFILES, Plan, SweepRequest
from netcam.collect.probe import Prober
from netcam.collect.scope import Scope
from netcam.model import Fact
from netcam.protocols import http, onvif
from netcam.protocols.commands import Command, Conversation, Exchange, Receive, Send, TLSInfo
from netcam.protocols.registry import discoveries

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LIMITS = Limits(connect=1.0, read=0.6, total=1.2)
LATE = 15.0
"""Seconds for a busy machine, in which a device's time does not pass: a conversation that is held has no end, or one after a minute."""
FAST = Rates(conversations_per_second=1000, conversations_per_device=1000, half_open=32)
LOOP = (ip_network("127.0.0.0/8"),)


def gate(**more: object) -> Gate:
    return Gate(**{"networks": LOOP, "scope": None, "rates": FAST, "stop": StopSwitch(), **more})  # type: ignore[arg-type]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def asked(port: int, exchange: Exchange, *, tls: bool = False, through: Gate | None = None) -> Outcome:
    return await driver.converse(
        through or gate(), "127.0.0.1", port, exchange, protocol="test", tls=tls, limits=LIMITS, context=driver.banner_context()
    )


def page(port: int) -> Exchange:
    return http.get(driver.target("127.0.0.1", port, ""), "/")


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nServer: slow")
    for _number in range(600):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nServer: flood\r\n\r\n")
    while True:
        writer.write(b"<p>" * 30_000)
        await writer.drain()


async def endless_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-A: b\r\n" * 2000)
        await writer.drain()


async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _bounded(handler: Handler) -> None:
    async with serving(handler) as port:
        begin = time.monotonic()
        outcome = await asked(port, page(port))
        assert time.monotonic() - begin < LIMITS.total + LATE
        assert outcome.open
        assert len(outcome.raw) <= driver.MAX_RAW
        assert sum(len(f.value) for f in outcome.facts) <= driver.MAX_CONVERSATION


@pytest.mark.parametrize("handler", [drip, flood, endless_headers, mute, hang_up], ids=lambda h: h.__name__)
def test_no_device_holds_a_conversation_longer_or_fills_more_than_its_bounds(handler: Handler) -> None:
    asyncio.run(_bounded(handler))


@pytest.mark.parametrize("handler", [drip, flood, mute, hang_up], ids=lambda h: h.__name__)
def test_a_device_that_speaks_no_tls_on_a_tls_port_ends_in_a_status(handler: Handler) -> None:
    async def run() -> None:
        async with serving(handler) as port:
            begin = time.monotonic()
            outcome = await asked(port, page(port), tls=True)
            assert time.monotonic() - begin < LIMITS.total + LATE
            assert outcome.status in (ProbeStatus.TIMEOUT, ProbeStatus.FAILED)
            assert outcome.facts == []

    asyncio.run(run())


def test_a_conversation_that_never_ends_is_ended() -> None:
    def endless() -> Generator[Command, bytes | TLSInfo, list[Fact]]:
        while True:
            yield Receive()

    async def run() -> None:
        async with serving(hang_up) as port:
            outcome = await asked(port, endless())
            assert outcome.status is ProbeStatus.GARBLED

    asyncio.run(run())


def test_a_closed_port_is_refused_and_opens_nothing() -> None:
    async def run() -> None:
        async with serving(mute) as port:
            pass
        outcome = await asked(port, page(port))
        assert outcome.status is ProbeStatus.REFUSED
        assert not outcome.open

    asyncio.run(run())


@pytest.mark.parametrize(
    "data", [b"GET /System/configurationFile HTTP/1.1\r\n\r\n", b"PUT /x HTTP/1.1\r\n\r\n", b"\xa0\x00\x00\x60" + bytes(28)]
)
def test_the_gate_lets_nothing_of_the_never_list_out_even_if_a_codec_made_it(data: bytes) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))

    def talk() -> Generator[Command, bytes | TLSInfo, list[Fact]]:
        yield Send(data)
        return []

    async def run() -> None:
        async with serving(listen) as port:
            outcome = await asked(port, talk())
            assert outcome.status is ProbeStatus.OUT_OF_SCOPE
            await asyncio.sleep(0.05)

    asyncio.run(run())
    assert heard in ([], [b""])


@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.9", 80), ("8.8.8.8", 80), ("127.0.0.1", 9100), ("127.0.0.1", 9107), ("127.0.0.1", 502), ("::ffff:127.0.0.1", 80), ("camera", 80),
     ("239.255.255.250", 3702), ("255.255.255.255", 37020)],
)  # fmt: skip
def test_the_gate_refuses_what_is_outside_excluded_or_never_touched(host: str, port: int) -> None:
    scope = Scope(id="x", networks=LOOP, exclude=(ip_network("127.0.0.8/29"),), ports_never=frozenset({502}))
    with pytest.raises(OutOfScope):
        gate(scope=scope).check(host, port)


def test_the_gate_sends_nothing_after_the_stop_switch() -> None:
    stop = StopSwitch()
    one = gate(stop=stop)
    one.check("127.0.0.1", 80)
    stop.set()
    with pytest.raises(OutOfScope):
        one.check("127.0.0.1", 80)


def test_one_conversation_at_a_time_is_open_with_a_device_at_its_pace() -> None:
    open_now = most = 0
    times: list[float] = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        times.append(time.monotonic())
        open_now += 1
        most = max(most, open_now)
        await reader.read(1)
        open_now -= 1

    async def run() -> None:
        one = gate(rates=Rates(conversations_per_second=1000, conversations_per_device=20))
        async with serving(count) as port:

            async def conversation() -> None:
                async with one.connect("127.0.0.1", port, "test", timeout=1):
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0)

            await asyncio.gather(*(conversation() for _ in range(8)))
            await asyncio.sleep(0.05)

    asyncio.run(run())
    assert most <= 2, "the peer sees the end of one just after the begin of the next at worst"
    assert len(times) == 8
    assert times[-1] - times[0] >= 7 / 20 * 0.9


def test_a_device_that_stops_answering_a_port_it_had_open_is_left_alone() -> None:
    async def run() -> None:
        one = gate()
        device = one._device("127.0.0.1")
        one._behaved("127.0.0.1", device, 80, 0.01)
        for _ in range(GIVE_UP * 2):
            one._behaved("127.0.0.1", device, 81, None)
        assert not one.left_alone, "a port that never took a connect may be dropped by a firewall"
        for _ in range(GIVE_UP):
            one._behaved("127.0.0.1", device, 80, None)
        assert one.left_alone == {"127.0.0.1"}
        with pytest.raises(OutOfScope):
            async with one.connect("127.0.0.1", 80, "test", timeout=1):
                pass

    asyncio.run(run())


@pytest.mark.parametrize(
    "location",
    ["/", "http://127.0.0.1:{port}/a", "http://127.0.0.2:{port}/", "https://8.8.8.8/", "http://127.0.0.1:9100/", "http://[::1]/", "//127.0.0.2/x",
     "/System/configurationFile", "http://127.0.0.1@127.0.0.2:{port}/"],
)  # fmt: skip
def test_redirects_and_description_addresses_lead_nowhere_but_to_the_device_itself(location: str, tmp_path: Path) -> None:
    asks: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        asks.append(await reader.readuntil(b"\r\n\r\n"))
        where = location.format(port=port)
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    async def run() -> None:
        async with serving(redirect) as port:
            request = SweepRequest(
                site="s",
                sensor="s",
                scan="s",
                targets=(),
                scope=None,
                profile="standard",
                interfaces=(),
                done=frozenset(),
                state_dir=tmp_path,
            )
            conversation = http.CONVERSATION
            talk = type(conversation)(
                name="http", ports=(port,), talk=conversation.talk, fields=conversation.fields, sends=conversation.sends
            )
            plan = Plan(
                request=request, profile=PROFILES["standard"], networks=(ip_network("127.0.0.1/32"),), interfaces=(), discoveries=(),
                conversations=(talk,), paths=(),
            )  # fmt: skip
            audit = tmp_path / "audit.jsonl"
            one = Gate(networks=plan.networks, scope=None, rates=FAST, stop=StopSwitch(), audit=audit)
            seen = Found(first_via="ssdp")
            for link in (
                "http://127.0.0.2/desc.xml",
                "http://127.0.0.1:9100/desc.xml",
                "http://8.8.8.8/desc.xml",
                "file:///etc/passwd",
                "http://[",
            ):
                seen.answers.append(("ssdp", "127.0.0.1:1900", Fact("ssdp.location", link), b""))
            begin = time.monotonic()
            await Prober(plan, one).device("127.0.0.1", seen)
            assert time.monotonic() - begin < 10
            one.close()
            hosts = {line.split('"host":"')[1].split('"')[0] for line in audit.read_text().splitlines()}
            ports = {line.split('"port":')[1].split(",")[0] for line in audit.read_text().splitlines()}
            assert hosts == {"127.0.0.1"}
            assert ports == {str(port)}

    asyncio.run(run())
    assert 1 <= len(asks) <= 12
    assert not any(b"configurationFile" in ask for ask in asks)


def _plan(folder: Path, *conversations: Conversation) -> Plan:
    request = SweepRequest(
        site="s", sensor="s", scan="s", targets=(), scope=None, profile="standard", interfaces=(), done=frozenset(), state_dir=folder
    )  # fmt: skip
    networks = (ip_network("127.0.0.1/32"), ip_network("10.9.0.0/16"))
    return Plan(
        request=request, profile=PROFILES["standard"], networks=networks, interfaces=(), discoveries=(), conversations=conversations, paths=()
    )  # fmt: skip


def _talk(port: int) -> Conversation:
    one = onvif.CONVERSATION
    return Conversation(name="onvif", ports=(port,), talk=one.talk, fields=one.fields, sends=one.sends)


def test_service_addresses_elsewhere_are_not_followed_and_the_own_one_is(tmp_path: Path) -> None:
    asks: list[bytes] = []

    async def device(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asks.append(head.split(b"\r\n", 1)[0])
        writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async def run() -> None:
        async with serving(device) as port, serving(device) as closed:
            audit = tmp_path / "audit.jsonl"
            one = Gate(networks=LOOP, scope=None, rates=FAST, stop=StopSwitch(), audit=audit)
            seen = Found(first_via="wsdiscovery")
            for link in (
                "http://127.0.0.2/onvif/device_service", "http://8.8.8.8/onvif/device_service", "http://[fe80::1]/onvif/device_service",
                f"http://127.0.0.1:{port}/RPC2/device", "http://127.0.0.1:9100/onvif/device_service", f"ftp://127.0.0.1:{port}/device", "http://[",
                f"http://127.0.0.1@127.0.0.2:{port}/device", f"http://127.0.0.1:{port}/other/device_service",
            ):  # fmt: skip
                seen.answers.append(("wsdiscovery", "127.0.0.1:3702", Fact("onvif.xaddr", link), b""))
            await Prober(_plan(tmp_path, _talk(closed)), one).device("127.0.0.1", seen)
            one.close()
            lines = audit.read_text().splitlines()
            assert {line.split('"host":"')[1].split('"')[0] for line in lines} == {"127.0.0.1"}
            assert {line.split('"port":')[1].split(",")[0] for line in lines} == {str(port), str(closed)}

    asyncio.run(run())
    assert b"POST /other/device_service HTTP/1.1" in asks
    assert not any(b"RPC2" in ask for ask in asks)


def test_one_that_answers_for_ten_thousand_others_is_asked_for_few_and_told_of(tmp_path: Path) -> None:
    one = gate(networks=(ip_network("10.9.0.0/16"),))
    hunt = Discoverer(_plan(tmp_path), one, {}, [], {}, lambda *_: None)
    for number in range(10_000):
        hunt._meet(f"10.9.{number >> 8}.{number & 255}", "arp").mac = "02:00:00:00:00:66"  # type: ignore[union-attr]
    hunt._meet("10.9.200.1", "arp").mac = "02:00:00:00:00:01"  # type: ignore[union-attr]
    notes = hunt._thin_out()
    assert len(hunt.crowded) == 10_000 - MAX_OF_ONE
    assert "10.9.200.1" not in hunt.crowded
    assert notes == [
        f"02:00:00:00:00:66 answers for 10000 addresses: only the first {MAX_OF_ONE} were asked; a router that answers ARP for others, a trap, or forged answers"
    ]


def test_a_flood_of_datagrams_of_one_address_is_read_to_a_bound(tmp_path: Path) -> None:
    found: dict[str, Found] = {}
    hunt = Discoverer(_plan(tmp_path), gate(), found, [], {}, lambda *_: None)
    reader = discoveries()["sadp"]
    begin = time.process_time()
    for number in range(50_000):
        hunt._heard([reader], b"<ProbeMatch><Types>inquiry</Types><DeviceSN>%d</DeviceSN></ProbeMatch>" % number, "10.9.0.1", 37020)
    assert time.process_time() - begin < 10
    assert len(found["10.9.0.1"].answers) <= 400
    assert hunt._datagrams["10.9.0.1"] == MAX_DATAGRAMS


def test_no_more_conversations_are_open_at_once_than_the_cap_allows() -> None:
    open_now = most = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
        open_now -= 1
        writer.close()

    async def run() -> None:
        one = gate(rates=Rates(conversations_per_second=1000, conversations_per_device=1000, half_open=3))
        server = await asyncio.start_server(count, "0.0.0.0", 0)
        port = server.sockets[0].getsockname()[1]

        async def conversation(address: str) -> None:
            async with one.connect(address, port, "test", timeout=2):
                await asyncio.sleep(0.05)
            await asyncio.sleep(0)

        await asyncio.gather(*(conversation(f"127.0.0.{n}") for n in range(1, 21)))
        await asyncio.sleep(0.1)
        server.close()

    asyncio.run(run())
    assert 1 <= most <= 4, "three, and one whose end the peer sees just after the next began"
