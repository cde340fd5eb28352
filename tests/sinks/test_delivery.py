"""Delivery: at least once, in order per device, with back-off; dead letters; nobody waits for somebody else's receiver."""

import subprocess
import sys
from pathlib import Path

import pytest

from netcam.errors import ConfigError, SinkError
from netcam.sinks.delivery import MAX_ATTEMPTS, MAX_BACKOFF, Delivery, Wanted, only_one
from netcam.sinks.transport import Outcome
from tests.sinks.queueing import FORMATS, Clock, Fake, changes, down, in_order_per_device, outbox, run
from tests.sinks.samples import EVENTS


def started(tmp_path, receiver, count=20, **more):
    clock = Clock()
    box = outbox(tmp_path, clock)
    box.sink("siem")
    box.put(changes(count), FORMATS)
    return clock, box, Delivery("siem", box, receiver, format="jsonl", chance=lambda: 1.0, **more)


def test_everything_arrives_once_in_order(tmp_path):
    fake = Fake()
    clock, box, delivery = started(tmp_path, fake, batch=7)
    run(delivery, clock, 10)
    assert [item.seq for item in fake.got] == list(range(1, 21))
    state = box.sink("siem")
    assert (state.cursor, state.delivered, state.error) == (20, 20, "")


def test_a_receiver_dead_for_24_hours_gets_everything_in_order_with_the_same_ids(tmp_path):
    fake = Fake(down)
    clock, box, delivery = started(tmp_path, fake, count=200, batch=100)
    begin, tries = clock.now, [0]

    def dead(items):
        tries[0] += 1
        down(items)

    fake.mood = dead
    for hour in range(24):
        run(delivery, clock, begin + (hour + 1) * 3600 - clock.now)
        box.put(changes(50, start=200 + hour * 50), FORMATS)
    assert fake.got == []
    assert "connection refused" in box.sink("siem").error
    assert 24 * 3600 / MAX_BACKOFF <= tries[0] <= 24 * 3600 / MAX_BACKOFF + 30, "it asks every five minutes, not every second"
    assert box.dead() == []
    queued = [item.id for item in box.waiting("siem", "jsonl", 10_000)]
    fake.mood = None
    run(delivery, clock, MAX_BACKOFF + 60)
    assert len(queued) == 200 + 24 * 50
    assert [item.id for item in fake.got] == queued
    assert in_order_per_device(fake.got)
    assert box.sink("siem").error == ""


def test_a_receiver_that_asks_for_time_gets_it(tmp_path):
    def busy(items):
        raise SinkError("siem", "429", "wait", wait=1000.0)

    clock, _, delivery = started(tmp_path, Fake(busy))
    assert delivery.step(clock.now) == 1000.0
    assert delivery.step(clock.now + 400) == 600.0


def test_what_is_held_back_comes_first_and_nothing_of_its_device_passes_it(tmp_path):
    turns = [0]

    def sometimes(items):
        turns[0] += 1
        return Outcome(retry={items[0].seq: "429"} if turns[0] % 2 else {})

    fake = Fake(sometimes)
    clock, box, delivery = started(tmp_path, fake, count=60, batch=10, partial=True)
    run(delivery, clock, 3600)
    assert sorted(item.seq for item in fake.got) == list(range(1, 61))
    assert in_order_per_device(fake.got)
    assert box.dead() == []


def test_an_event_that_is_refused_is_a_dead_letter_that_can_be_looked_at_and_sent_again(tmp_path):
    def picky(items):
        return Outcome(refused={item.seq: "400 mapper_parsing_exception" for item in items if item.seq in (3, 9)})

    fake = Fake(picky)
    clock, box, delivery = started(tmp_path, fake)
    run(delivery, clock, 10)
    assert len(fake.got) == 18
    assert [(one.sink, one.item.seq, one.reason) for one in box.dead()] == [
        ("siem", 3, "400 mapper_parsing_exception"),
        ("siem", 9, "400 mapper_parsing_exception"),
    ]
    assert b'"id"' in box.dead("siem")[0].item.body
    clock.now += 1_000_000
    box.prune(10, ["siem"])
    assert len(box.dead()) == 2, "dead letters stay when the rest is pruned"
    fake.mood = None
    assert box.replay("siem", [box.dead()[1].item.id[:12]]) == 1
    run(delivery, clock, 10)
    assert [item.seq for item in fake.got][18:] == [9]
    assert [one.item.seq for one in box.dead()] == [3]
    assert box.replay("siem") == 1
    run(delivery, clock, 10)
    assert box.dead() == []


def test_a_dead_letter_that_is_refused_again_says_why_again(tmp_path):
    fake = Fake(lambda items: Outcome(refused={item.seq: "no" for item in items}))
    clock, box, delivery = started(tmp_path, fake, count=1)
    run(delivery, clock, 5)
    box.replay("siem")
    run(delivery, clock, 5)
    assert [one.reason for one in box.dead()] == ["no"]


def test_one_event_that_is_always_held_back_does_not_stop_the_others_for_ever(tmp_path):
    fake = Fake(lambda items: Outcome(retry={item.seq: "503 shard" for item in items if item.seq == 4}))
    clock, box, delivery = started(tmp_path, fake, count=600, batch=50, partial=True)
    for round in range(20):
        run(delivery, clock, 600)
        box.put(changes(20, start=600 + round * 20), FORMATS)
    run(delivery, clock, 3600)
    assert len(fake.got) == 600 + 400 - 1
    assert [one.item.seq for one in box.dead()] == [4]
    assert f"after {MAX_ATTEMPTS} attempts" in box.dead()[0].reason


def test_a_long_queue_of_many_devices_passes_an_event_that_is_always_held_back(tmp_path):
    """What a big sweep queues while a receiver is away: more than is looked at in one go, and nothing new comes for a night."""
    fake = Fake(lambda items: Outcome(retry={item.seq: "503 shard" for item in items if item.seq == 4}))
    clock, box = Clock(), outbox(tmp_path)
    box.sink("siem")
    box.put(changes(1000, devices=250), FORMATS)
    delivery = Delivery("siem", box, fake, format="jsonl", chance=lambda: 1.0, batch=20, partial=True)
    run(delivery, clock, 12 * 3600)
    assert len(fake.got) == 1000 - 1
    assert in_order_per_device(fake.got)
    assert [one.item.seq for one in box.dead()] == [4]


def test_a_sink_gets_what_it_wants_and_its_cursor_passes_the_rest(tmp_path):
    clock = Clock()
    box, fake = outbox(tmp_path, clock), Fake()
    box.sink("siem")
    box.sink("other")
    box.put(EVENTS.values(), FORMATS)
    delivery = Delivery("siem", box, fake, format="jsonl", wanted=Wanted(kinds=("policy-finding", "egress-finding"), least=3))
    run(delivery, clock, 10)
    assert {item.kind for item in fake.got} == {"policy-finding", "egress-finding"}
    assert min(item.severity for item in fake.got) >= 3
    assert box.sink("siem").cursor == box.newest()
    nobody = Delivery("other", box, Fake(), format="jsonl", wanted=Wanted(sites=("north",)))
    run(nobody, clock, 10)
    assert box.sink("other").cursor == box.newest()


def test_a_rate_is_kept(tmp_path):
    fake = Fake()
    clock, _, delivery = started(tmp_path, fake, count=1000, batch=100, per_second=50)
    begin = clock.now
    run(delivery, clock, 3600, until=lambda: len(fake.got) == 1000)
    assert clock.now - begin >= 1000 / 50 - 100 / 50


def test_an_event_queued_before_its_format_was_asked_for_is_told(tmp_path):
    clock = Clock()
    box, fake = outbox(tmp_path, clock), Fake()
    box.sink("siem")
    box.put(changes(3), {"jsonl": FORMATS["jsonl"]})
    run(Delivery("siem", box, fake, format="ocsf"), clock, 5)
    assert (fake.got, {one.reason for one in box.dead()}) == ([], {"queued before this format was asked for"})
    assert box.replay("siem") == 3
    run(Delivery("siem", box, fake, format="ocsf"), clock, 5)
    assert (fake.got, {one.reason for one in box.dead()}) == ([], {"not queued in this format"})


def test_a_batch_is_bounded_in_bytes_but_never_empty(tmp_path):
    sizes = []
    fake = Fake(lambda items: sizes.append(len(items)))
    clock, _, delivery = started(tmp_path, fake, count=10, max_bytes=10)
    run(delivery, clock, 5)
    assert sizes == [1] * 10


def test_a_receiver_is_opened_again_after_a_failure_with_what_the_settings_say_then(tmp_path):
    fake = Fake(down)
    clock, _, delivery = started(tmp_path, fake)
    delivery.step(clock.now)
    fake.mood = None
    run(delivery, clock, 30)
    assert (fake.opened, fake.closed, len(fake.got)) == (2, 1, 20)


def test_a_receiver_that_cannot_be_opened_is_a_failure_like_any_other(tmp_path):
    def unable():
        raise ConfigError("sinks.siem.token", "the environment has no TOKEN", "set it")

    clock, box, delivery = started(tmp_path, unable)
    assert delivery.step(clock.now) > 0
    assert box.sink("siem").error == "sinks.siem.token: the environment has no TOKEN"


def test_two_processes_never_deliver_to_one_sink_and_the_lock_dies_with_its_process(tmp_path):
    path = tmp_path / "outbox.sqlite"
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom netcam.sinks.delivery import only_one\n"
        "with only_one(Path(sys.argv[1]), 'siem') as mine:\n print(mine, flush=True)\n time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as other:
        assert other.stdout.readline() == "True\n"
        with only_one(path, "siem") as mine:
            assert not mine
        with only_one(path, "another") as mine:
            assert mine
        other.kill()
        other.wait()
    with only_one(path, "siem") as mine:
        assert mine


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_the_back_off_grows_to_its_bound_and_begins_anew_after_a_success(tmp_path, chance):
    fake = Fake(down)
    clock, _, delivery = started(tmp_path, fake)
    delivery._chance = lambda: chance
    pauses = []
    for _ in range(12):
        pauses.append(delivery.step(clock.now))
        clock.now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_BACKOFF * (0.5 + chance / 2)
