"""An outbox with events in it, and a receiver that can be told to fail."""

import dataclasses
from datetime import timedelta

from netcam.errors import SinkError
from netcam.sinks import dispatch
from netcam.sinks.event import EventKind, device_event
from netcam.sinks.outbox import Outbox
from netcam.sinks.transport import Outcome
from tests.sinks.samples import AT, CAMERA, SENT

FORMATS = {name: dispatch.formats()[name] for name in ("jsonl", "ecs", "cef")}


class Clock:
    """A clock that is set."""

    def __init__(self, now=1_800_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


def camera(number, site="hq"):
    return dataclasses.replace(CAMERA, device=f"44:19:b6:00:00:{number:02x}", site=site, addresses=(f"192.0.2.{number}",))


def changes(count, devices=5, site="hq", start=0):
    """`count` events that go round the devices, each later than the one before."""
    for number in range(start, start + count):
        at = AT + timedelta(seconds=number)
        yield device_event(
            EventKind.DEVICE_CHANGED,
            camera(number % devices + 1, site),
            at,
            field="firmware",
            old=f"V{number}",
            new=f"V{number + 1}",
            **SENT,
        )


def outbox(path, clock=None, **more):
    return Outbox(path / "outbox.sqlite", clock=clock or Clock(), **more)


class Fake:
    """A receiver: `mood` is called with each batch and may raise or return an Outcome."""

    def __init__(self, mood=None):
        self.got, self.mood, self.opened, self.closed = [], mood, 0, 0

    def __call__(self):
        self.opened += 1
        return self

    def send(self, items):
        outcome = (self.mood(items) if self.mood else None) or Outcome()
        self.got += [item for item in items if item.seq not in outcome.refused and item.seq not in outcome.retry]
        return outcome

    def close(self):
        self.closed += 1


def down(_):
    raise SinkError("siem.example.org:8088", "connection refused", "is it running?")


def run(delivery, clock, seconds, *, until=None):
    """Step a delivery through simulated time, as its own answers ask, until it is idle or the time is over."""
    end = clock.now + seconds
    while clock.now < end:
        pause = delivery.step(clock.now)
        if until is not None and until():
            return
        clock.now += max(pause, 0.001)


def in_order_per_device(items):
    last = {}
    for item in items:
        if item.seq <= last.get((item.site, item.device), 0):
            return False
        last[item.site, item.device] = item.seq
    return True
