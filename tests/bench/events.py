"""Events a second: each encoder against json.dumps of the same document, the outbox, and each transport to a real or strict receiver
against the same bytes given to the receiver's own client without an outbox, in one run.

Limits to hold: a Wazuh agent drops above 500 events a second; the first sweep of 10,000 cameras queues about 80,000 events.
"""

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the servers of the tests

from netcam import config
from netcam.sinks import dispatch, ecs
from netcam.sinks.outbox import Outbox
from tests.sinks import servers, standins
from tests.sinks.queueing import changes
from tests.sinks.samples import EVENTS
from tests.sinks.test_brokers import kafka, make_stream, nats_server, with_stream

COUNT = 4000


def rate(work, count):
    begin, cpu = time.perf_counter(), time.process_time()
    work()
    return count / (time.perf_counter() - begin), count / max(time.process_time() - cpu, 1e-9)


def encoders():
    events = list(EVENTS.values()) * (COUNT // len(EVENTS))
    documents = [ecs.record(event) for event in events]
    peer, _ = rate(lambda: [json.dumps(one).encode() for one in documents], len(events))
    print(f"json.dumps of finished ECS documents     {peer:10,.0f} events/s   (peer)")
    fresh = [dataclasses.replace(event) for event in events]
    told, _ = rate(lambda: [event.id for event in fresh], len(fresh))
    print(f"id of the content, once an event         {told:10,.0f} events/s   {told / peer:6.2f} of json.dumps")
    for name, form in dispatch.formats().items():
        told, _ = rate(lambda form=form: [form.encode(event) for event in events], len(events))
        print(
            f"encode {name:<10}                        {told:10,.0f} events/s   {told / peer:6.2f} of json.dumps, {told / 500:6.0f} times a Wazuh agent's limit"
        )


def queue(folder):
    events = list(changes(COUNT, devices=400))
    formats = {name: dispatch.formats()[name] for name in ("jsonl", "ecs")}
    box = Outbox(folder / "queue.sqlite")

    def put():
        for start in range(0, COUNT, 500):
            box.put(events[start : start + 500], formats)

    told, _ = rate(put, COUNT)
    print(
        f"queue in two formats, on disk             {told:10,.0f} events/s   80,000 of a first sweep of 10,000 cameras in {80_000 / told:.0f} s"
    )


def deliver(name, text, folder, peer=None):
    """Events a second through the outbox; `peer` is given the bodies and sends them without one."""
    path = folder / f"{name}.toml"
    path.write_text(f"[sinks.siem]\n{text}")
    told = config.load(path)
    box = Outbox(folder / f"{name}.sqlite")
    box.sink("siem")
    events = list(changes(COUNT, devices=400))
    for start in range(0, COUNT, 1000):
        box.put(events[start : start + 1000], dispatch.queued_formats(told))
    form = dispatch.formats()[dispatch.format_of(told.sinks["siem"])]
    bodies = [form.encode(event) for event in events]
    raw = rate(lambda: peer(bodies), COUNT)[0] if peer else None
    through, cpu = rate(lambda: dispatch.drain(told, box, 120.0), COUNT)
    left = COUNT - box.sink("siem").cursor
    note = (
        f"{through / raw:6.2f} of its own client without an outbox ({raw:,.0f})"
        if raw
        else f"{through / 500:6.0f} times a Wazuh agent's limit"
    )
    print(
        f"deliver {name:<22}           {through:10,.0f} events/s   {note}; {cpu:,.0f} a second of CPU" + (f"; {left} LEFT" if left else "")
    )


def file_peer(folder):
    def send(bodies):
        with (folder / "raw").open("wb") as file:
            for body in bodies:
                file.write(body + b"\n")
            file.flush()
            os.fsync(file.fileno())

    return send


def syslog_peer(port):
    """Python's own handler, with the framing that the receiver takes."""

    def send(bodies):
        import logging.handlers
        import socket

        handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=socket.SOCK_STREAM)
        handler.append_nul = False
        for body in bodies:
            handler.handle(logging.LogRecord("netcam", logging.INFO, "", 0, body.decode() + "\n", (), None))
        handler.close()

    return send


def kafka_peer(port):
    def send(bodies):
        import confluent_kafka

        producer = confluent_kafka.Producer(
            {"bootstrap.servers": f"127.0.0.1:{port}", "acks": "all", "enable.idempotence": True, "log_level": 0}
        )
        for body in bodies:
            producer.produce("raw", body)
        producer.flush(60)

    return send


def nats_peer(port):
    def send(bodies):
        import asyncio

        async def publish(js):
            for start in range(0, len(bodies), 200):
                await asyncio.gather(*[await js.publish_async("netcam.events.raw", body) for body in bodies[start : start + 200]])

        asyncio.run(with_stream(port, publish))

    return send


def main():
    os.environ.update(HEC="t0ken", HOOK="x" * 32)
    encoders()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        authority = servers.Authority(folder)
        queue(folder)
        deliver("file", 'type = "file"\npath = "out.jsonl"\n', folder, file_peer(folder))
        plain, secure = servers.free_port(), servers.free_port()
        (folder / "p").mkdir()
        (folder / "s").mkdir()
        stack.enter_context(servers.rsyslog(folder / "p", plain))
        stack.enter_context(servers.rsyslog(folder / "s", secure, authority=authority))
        tcp = 'type = "syslog"\nmax_message = 60000\n'
        deliver("syslog TCP, rsyslog", f'{tcp}protocol = "tcp"\naddress = "127.0.0.1:{plain}"\n', folder, syslog_peer(plain))
        deliver(
            "syslog TLS, rsyslog",
            f'{tcp}address = "127.0.0.1:{secure}"\nca = "ca.pem"\ncertificate = "client.crt"\nkey = "client.key"\n',
            folder,
        )
        splunk = stack.enter_context(standins.serving(standins.Splunk(acknowledge=True)))
        deliver("Splunk with acks", f'type = "splunk"\nurl = "{splunk.url}"\ntoken = "env:HEC"\nacknowledge = true\n', folder)
        elastic = stack.enter_context(standins.serving(standins.Elastic()))
        deliver("_bulk", f'type = "elasticsearch"\nurl = "{elastic.url}"\n', folder)
        hook = stack.enter_context(standins.serving(standins.Hook()))
        deliver("webhook, signed", f'type = "webhook"\nurl = "{hook.url}"\nsecret = "env:HOOK"\n', folder)
        broker = servers.free_port()
        stack.enter_context(kafka(broker))
        deliver("Kafka, Tansu", f'type = "kafka"\nbrokers = ["127.0.0.1:{broker}"]\n', folder, kafka_peer(broker))
        bus = servers.free_port()
        stack.enter_context(nats_server(folder, bus))
        import asyncio

        asyncio.run(with_stream(bus, make_stream))
        deliver("NATS JetStream", f'type = "nats"\nservers = ["nats://127.0.0.1:{bus}"]\n', folder, nats_peer(bus))


if __name__ == "__main__":
    main()
