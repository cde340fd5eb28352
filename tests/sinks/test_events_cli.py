"""`netcam events` and `netcam config` as an operator uses them."""

import json

import jsonschema
import pytest
from typer.testing import CliRunner

from netcam import config
from netcam.cli.app import app
from netcam.errors import ConfigError
from netcam.sinks import dispatch
from tests.sinks import standins
from tests.sinks.queueing import changes
from tests.sinks.test_config_examples import EXAMPLES


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KEY", "k3y")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def netcam(*words):
    done = CliRunner().invoke(app, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def records(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_a_receiver_refused_can_be_looked_at_and_sent_again(home):
    events = list(changes(30, devices=30))
    with standins.serving(standins.Elastic(bad=[events[4].id])) as elastic:
        (home / "netcam.toml").write_text(f'[sinks.siem]\ntype = "elasticsearch"\nurl = "{elastic.url}"\napi_key = "env:KEY"\n')
        settings = config.load()
        box = dispatch.open_outbox(settings, home / "home")
        box.put(events, dispatch.queued_formats(settings))
        assert netcam("events", "deliver").exit_code == 0
        (state,) = records(netcam("events", "sinks", "--format", "jsonl"))
        assert (state["waiting"], state["delivered"], state["refused"], state["format"]) == (0, 29, 1, "ecs")
        (letter,) = records(netcam("events", "dead", "--format", "jsonl"))
        assert letter["id"] == letter["event"]["id"] == events[4].id
        assert "document_parsing_exception" in letter["reason"]
        elastic._bad.clear()
        netcam("events", "replay", "siem", letter["id"][:10])
        assert netcam("events", "deliver").exit_code == 0
        assert records(netcam("events", "dead", "--format", "jsonl")) == []
        assert events[4].id in elastic.documents
    newest = records(netcam("events", "list", "--limit", "1"))
    assert [one["kind"] for one in newest] == ["operator-action"]
    assert "siem" in netcam("events", "sinks", "--format", "table").stdout
    assert "device-changed" in netcam("events", "list", "--format", "table").stdout


def test_a_receiver_that_is_down_leaves_exit_code_1_and_says_why(home):
    (home / "netcam.toml").write_text('[sinks.siem]\ntype = "splunk"\nurl = "http://127.0.0.1:9"\ntoken = "env:KEY"\n')
    settings = config.load()
    dispatch.open_outbox(settings, home / "home").put(changes(3), dispatch.queued_formats(settings))
    done = netcam("events", "deliver", "--seconds", "5")
    assert done.exit_code == 1
    assert "3 events wait" in done.stderr
    assert "127.0.0.1:9" in done.stderr
    with pytest.raises(ConfigError, match="no sink 'other'"):
        netcam("events", "replay", "other")
    netcam("events", "restate")
    assert "told anew" in records(netcam("events", "list", "--limit", "1"))[0]["message"]


def test_config_check_show_and_schema(home):
    (home / "netcam.toml").write_text(EXAMPLES)
    assert "2 sites, 1 schedules, 3 sinks; no error" in netcam("config", "check").stderr
    whole = json.loads(netcam("config", "show", "--effective").stdout)
    assert whole["sinks"]["siem"]["facility"] == "local4"
    assert whole["rates"]["frames_per_second"] == 0
    short = json.loads(netcam("config", "show").stdout)
    assert "facility" not in short["sinks"]["siem"]
    assert short["schedules"]["nightly"] == {"cron": "30 2 * * mon-fri", "windows": ["22:00-06:00"], "jitter_minutes": 30}
    assert short["sinks"]["hec"]["token"] == "env:HEC"
    with pytest.raises(ConfigError, match="the environment has no HEC"):
        netcam("config", "check", "--secrets")
    schema = json.loads(netcam("config", "schema").stdout)
    jsonschema.validators.validator_for(schema).check_schema(schema)


def test_events_validate_has_an_exit_code(home):
    (home / "netcam.toml").write_text('[sinks.log]\ntype = "file"\npath = "events.jsonl"\n')
    settings = config.load()
    dispatch.open_outbox(settings, home / "home").put(changes(5), dispatch.queued_formats(settings))
    assert netcam("events", "deliver").exit_code == 0
    assert netcam("events", "validate", "events.jsonl").exit_code == 0
    (home / "events.jsonl").write_text((home / "events.jsonl").read_text().replace("V3", "V4"))
    done = netcam("events", "validate", "events.jsonl")
    assert done.exit_code == 2
    assert "not that of this content" in done.stderr
    assert netcam("events", "validate", "netcam.toml").exit_code == 2
