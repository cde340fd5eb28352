"""Splunk, `_bulk`, Sentinel and webhooks against strict stand-ins: partial failures, 429, 5xx, slow and cut connections."""

import contextlib
import json
import random
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from netcam import config
from netcam.sinks import dispatch
from netcam.sinks.outbox import Outbox
from tests.sinks import standins
from tests.sinks.queueing import Clock, changes, run
from tests.sinks.samples import EVENTS, HOSTILE, hostile
from tests.sinks.servers import Authority

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="


def settings(tmp_path, text, monkeypatch):
    for name, value in (("HEC", "t0ken"), ("AZ", "s3cret"), ("HOOK", SECRET), ("KEY", "k3y")):
        monkeypatch.setenv(name, value)
    path = tmp_path / "netcam.toml"
    path.write_text(text)
    return config.load(path)


def queued(tmp_path, told, events, clock):
    box = Outbox(tmp_path / "outbox.sqlite", clock=clock)
    for name in told.sinks:
        box.sink(name)
    box.put(events, dispatch.queued_formats(told))
    return box


SINKS = {
    "splunk": (lambda: standins.Splunk(), 'type = "splunk"\nurl = "{url}"\ntoken = "env:HEC"\ntimeout_seconds = 10.0\n'),
    "splunk-ack": (
        lambda: standins.Splunk(acknowledge=True),
        'type = "splunk"\nurl = "{url}"\ntoken = "env:HEC"\nacknowledge = true\ntimeout_seconds = 10.0\n',
    ),
    "elastic": (lambda: standins.Elastic(busy=7), 'type = "elasticsearch"\nurl = "{url}"\napi_key = "env:KEY"\ntimeout_seconds = 10.0\n'),
    "sentinel": (
        lambda: standins.Sentinel(),
        'type = "sentinel"\nendpoint = "{url}"\nauthority = "{url}"\nrule = "dcr-1"\ntenant = "tenant-1"\nclient = "app-1"\nclient_secret = "env:AZ"\ntimeout_seconds = 10.0\n',
    ),
    "webhook": (lambda: standins.Hook(), 'type = "webhook"\nurl = "{url}/hook"\nsecret = "env:HOOK"\ntimeout_seconds = 10.0\n'),
}


@pytest.mark.parametrize("name", sorted(SINKS))
def test_whatever_the_receiver_does_everything_arrives_in_order_per_device_with_the_same_ids(name, tmp_path, monkeypatch):
    make, text = SINKS[name]
    chance, clock = random.Random(7), Clock()
    with standins.serving(make()) as stand:
        told = settings(tmp_path, "[sinks.siem]\n" + text.format(url=stand.url).replace("10.0", "0.4"), monkeypatch)
        events = list(changes(300, devices=40))
        box = queued(tmp_path, told, events, clock)
        bad = ["", "cut before", "cut after", "429", "503", "500"] + ["garbage"] * (name != "webhook")  # a webhook's 200 is its word
        stand.moods = [*["503"] * 3, *chance.choices(bad, k=25), "slow", "cut after", ""]
        delivery = dispatch.delivery("siem", told, box)
        delivery._batch = 10
        run(delivery, clock, 24 * 3600, until=lambda: box.sink("siem").cursor == 300)
        delivery.close()
        got = list(dict.fromkeys(stand.got))
    assert sorted(got) == sorted(event.id for event in events)
    numbers = {event.id: number for number, event in enumerate(events)}
    for device in range(40):
        mine = [numbers[id] for id in got if numbers[id] % 40 == device]
        assert mine == sorted(mine)
    assert box.dead() == []
    assert stand.moods == [], "every mood was met"


@pytest.mark.parametrize("name", ["splunk", "elastic"])
def test_an_event_that_the_receiver_refuses_is_a_dead_letter_and_the_others_arrive(name, tmp_path, monkeypatch):
    events = list(changes(40, devices=40))
    bad = events[17].id
    make = {"splunk": lambda: standins.Splunk(bad=[bad]), "elastic": lambda: standins.Elastic(bad=[bad])}[name]
    clock = Clock()
    with standins.serving(make()) as stand:
        told = settings(tmp_path, "[sinks.siem]\n" + SINKS[name][1].format(url=stand.url), monkeypatch)
        box = queued(tmp_path, told, events, clock)
        delivery = dispatch.delivery("siem", told, box)
        run(delivery, clock, 60)
        delivery.close()
    assert set(stand.got) == {event.id for event in events} - {bad}
    assert [letter.item.id for letter in box.dead()] == [bad]
    assert {"splunk": "code 7", "elastic": "400 document_parsing_exception"}[name] in box.dead()[0].reason


def test_a_webhook_is_signed_as_the_specification_says_and_a_batch_that_comes_again_has_the_same_id(tmp_path, monkeypatch):
    clock = Clock()
    with standins.serving(standins.Hook()) as stand:
        told = settings(tmp_path, "[sinks.siem]\n" + SINKS["webhook"][1].format(url=stand.url), monkeypatch)
        box = queued(tmp_path, told, changes(5), clock)
        stand.moods = ["cut after"]
        delivery = dispatch.delivery("siem", told, box)
        run(delivery, clock, 60)
        delivery.close()
    (first, body), (second, again) = stand.calls
    assert body == again
    assert first["webhook-id"] == second["webhook-id"]
    _verify(body, first)
    with pytest.raises(WebhookVerificationError):
        _verify(body.replace(b"netcam", b"netcan"), first)


def _verify(body, headers):
    with contextlib.suppress(json.JSONDecodeError):  # the signature held; the library then reads one JSON document, and ours is lines
        Webhook(SECRET).verify(body, {name: headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")})


def test_what_a_webhook_refuses_is_found_among_a_hundred(tmp_path, monkeypatch):
    events = list(changes(100, devices=50))
    clock = Clock()
    with standins.serving(standins.Hook(refuse=events[61].id.encode())) as stand:
        told = settings(tmp_path, "[sinks.siem]\n" + SINKS["webhook"][1].format(url=stand.url), monkeypatch)
        box = queued(tmp_path, told, events, clock)
        delivery = dispatch.delivery("siem", told, box)
        run(delivery, clock, 60)
        delivery.close()
    assert [letter.item.id for letter in box.dead()] == [events[61].id]
    assert len(set(stand.got)) == 99
    assert stand.requests <= 2 * 8


def test_sentinel_over_tls_renews_its_token_and_keeps_below_a_megabyte(tmp_path, monkeypatch):
    authority, clock = Authority(tmp_path), Clock()
    events = list(changes(1500, devices=300))
    with standins.serving(standins.Sentinel(lifetime=1), authority) as stand:
        text = "[sinks.siem]\n" + SINKS["sentinel"][1].format(url=stand.url) + f'ca = "{authority.ca.name}"\n'
        told = settings(tmp_path, text, monkeypatch)
        box = queued(tmp_path, told, events, clock)
        delivery = dispatch.delivery("siem", told, box)
        run(delivery, clock, 60)
        delivery.close()
    assert stand.got == [event.id for event in events]
    assert len(stand.tokens) > 1
    assert {"TimeGenerated", "EventId", "Kind", "Site", "Device", "Severity", "Message", "Event"} <= set(stand.rows[0])


@pytest.mark.parametrize("name", sorted(SINKS))
def test_hostile_events_reach_every_receiver_whole(name, tmp_path, monkeypatch):
    make, text = SINKS[name]
    clock, events = Clock(), [*EVENTS.values(), *hostile(HOSTILE)]
    stand = standins.Elastic() if name == "elastic" else make()
    with standins.serving(stand):
        told = settings(tmp_path, "[sinks.siem]\n" + text.format(url=stand.url), monkeypatch)
        box = queued(tmp_path, told, events, clock)
        delivery = dispatch.delivery("siem", told, box)
        run(delivery, clock, 600)
        delivery.close()
    assert (set(stand.got), box.dead()) == ({event.id for event in events}, [])


def test_a_wrong_secret_is_a_failure_that_shows_no_secret_and_is_mended_without_a_restart(tmp_path, monkeypatch):
    clock = Clock()
    with standins.serving(standins.Splunk()) as stand:
        told = settings(tmp_path, "[sinks.siem]\n" + SINKS["splunk"][1].format(url=stand.url), monkeypatch)
        monkeypatch.setenv("HEC", "a-wr0ng-secret")
        box = queued(tmp_path, told, changes(3), clock)
        delivery = dispatch.delivery("siem", told, box)
        delivery.step(clock.now)
        assert "403" in box.sink("siem").error
        assert "check the secret" not in box.sink("siem").error
        assert "wr0ng" not in box.sink("siem").error
        monkeypatch.setenv("HEC", "t0ken")
        run(delivery, clock, 60)
        delivery.close()
    assert len(stand.got) == 3


def test_no_settings_output_and_no_error_shows_a_secret(tmp_path, monkeypatch, capsys):
    from netcam.cli.config import check, show

    text = "\n".join(f"[sinks.{name}]\n{text.format(url='http://127.0.0.1:9')}" for name, (_, text) in SINKS.items())
    told = settings(tmp_path, text, monkeypatch)
    check(Path(told.path), secrets=True)
    show(effective=True, config=Path(told.path))
    clock = Clock()
    box = queued(tmp_path, told, changes(1), clock)
    for name in told.sinks:
        one = dispatch.delivery(name, told, box)
        one.step(clock.now)
        one.close()
    shown = "".join(capsys.readouterr()) + "".join(state.error for state in box.sinks())
    assert "127.0.0.1:9" in shown
    for secret in ("t0ken", "s3cret", SECRET, "k3y"):
        assert secret not in shown
