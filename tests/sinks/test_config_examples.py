"""Sinks and schedules in the settings: what is right reads, what is wrong is told with its place and without secrets."""

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from netcam import config
from netcam.collect import credentials
from netcam.config import sinks as sink_settings
from netcam.config.secrets import secret
from netcam.errors import ConfigError
from netcam.sinks import dispatch
from netcam.sinks.event import EventKind

ROOT = Path(__file__).parents[2]
EXAMPLES = """\
[sites.hq]
timezone = "Europe/London"
[sites.north]
[schedules.nightly]
cron = "30 2 * * mon-fri"
windows = ["22:00-06:00"]
jitter_minutes = 30
[sinks.siem]
type = "syslog"
address = "siem.example.org:6514"
sites = ["hq"]
[sinks.hec]
type = "splunk"
url = "https://splunk.example.org:8088"
token = "env:HEC"
kinds = ["policy-finding"]
[sinks.mail]
type = "notify"
urls = ["file:/etc/netcam/mail"]
"""


def test_the_words_of_the_settings_are_those_of_the_program():
    assert set(sink_settings.KINDS) == set(EventKind)
    assert set(sink_settings.FORMATS) == set(dispatch.formats())
    assert set(sink_settings.SINKS) == set(dispatch.transports())


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ('type = "splunk"', 'type = "splonk"', "netcam.toml:13: sinks.hec.type", "did you mean 'splunk'"),
        ('type = "splunk"\n', "", "netcam.toml:12: sinks.hec.type", "is missing"),
        ('token = "env:HEC"', 'token = "hunter2"', "netcam.toml:15: sinks.hec.token", "no reference to a secret"),
        ('token = "env:HEC"\n', "", "netcam.toml:12: sinks.hec.token", "is missing"),
        ('token = "env:HEC"', 'tokn = "env:HEC"', "netcam.toml:15: sinks.hec.tokn", "did you mean 'token'"),
        ('kinds = ["policy-finding"]', 'kinds = ["policy-findings"]', "netcam.toml:16: sinks.hec.kinds", "did you mean 'policy-finding'"),
        ("https://splunk.example.org:8088", "https://u:hunter2@splunk.example.org", "netcam.toml:14: sinks.hec.url", "without a password"),
        ("siem.example.org:6514", "siem.example.org", "netcam.toml:10: sinks.siem.address", "not host:port"),
        ('sites = ["hq"]', 'sites = ["hqq"]', "netcam.toml:11: sinks.siem.sites", "did you mean 'hq'"),
        ('sites = ["hq"]', 'facility = "local9"', "netcam.toml:11: sinks.siem.facility", "did you mean 'local"),
        ('sites = ["hq"]', "max_message = 100", "netcam.toml:11: sinks.siem.max_message", "below 480"),
        ('sites = ["hq"]', 'protocol = "udp"\nmax_message = 70000', "netcam.toml:12: sinks.siem.max_message", "more than a datagram holds"),
        ('urls = ["file:/etc/netcam/mail"]', 'urls = ["mailto://u:hunter2@h"]', "netcam.toml:19: sinks.mail.urls", "no reference to a secret"),
        ('urls = ["file:/etc/netcam/mail"]', 'urls = "env:X"', "netcam.toml:19: sinks.mail.urls", "is no list"),
        ("30 2 * * mon-fri", "30 25 * * *", "netcam.toml:5: schedules.nightly.cron", "25"),
        ("30 2 * * mon-fri", "30 2 * *", "netcam.toml:5: schedules.nightly.cron", "has 4 fields"),
        ("22:00-06:00", "22-06", "netcam.toml:6: schedules.nightly.windows", "is no window"),
        ("jitter_minutes = 30", "jitter_minutes = -1", "netcam.toml:7: schedules.nightly.jitter_minutes", "not between"),
        ("jitter_minutes = 30", 'blackout = ["2026-13-01"]', "netcam.toml:7: schedules.nightly.blackout", "month"),
        ("jitter_minutes = 30", 'sites = ["hqq"]', "netcam.toml:7: schedules.nightly.sites", "did you mean 'hq'"),
        ("jitter_minutes = 30", 'paused = "yes"', "netcam.toml:7: schedules.nightly.paused", "is not true or false"),
        ("jitter_minutes = 30", "jitter = 5", "netcam.toml:7: schedules.nightly.jitter", "did you mean 'jitter_minutes'"),
    ],
)  # fmt: skip
def test_a_wrong_sink_or_schedule_is_told_with_file_line_key_and_cure(old, new, place, told):
    assert old in EXAMPLES
    with pytest.raises(ConfigError) as caught:
        config.parse(EXAMPLES.replace(old, new, 1), "netcam.toml")
    assert caught.value.where == place
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_schema_for_editors_takes_what_netcam_takes_and_refuses_what_it_refuses():
    schema = config.json_schema()
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert list(validator.iter_errors(tomllib.loads(EXAMPLES))) == []
    notes = "\n".join(re.findall(r"```toml\n(.*?)```", (ROOT / "docker/siem/README.md").read_text(), re.S))
    assert list(validator.iter_errors(tomllib.loads(notes))) == []
    for old, new in (
        ("splunk", "splonk"),
        ("jitter_minutes = 30", "jitter = 3"),
        ("policy-finding", "policy-findings"),
        ('"env:HEC"', "5"),
    ):
        assert list(validator.iter_errors(tomllib.loads(EXAMPLES.replace(old, new, 1)))), new


def test_the_readme_shows_settings_and_credentials_that_are_right(tmp_path):
    credentials_file, settings = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert config.parse(settings, "README.md").sinks
    path = tmp_path / "credentials.toml"
    path.write_text(credentials_file)
    path.chmod(0o600)
    told = credentials.load(path, {"HQ_CAMERAS": "word", "NETBOX": "token"})
    assert told.accounts
    assert told.snmp
    assert told.registers


def test_a_secret_is_read_where_it_is_said_to_be_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")
    (tmp_path / "token").write_text("hunter2\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert secret("env:TOKEN", "x") == secret("file:token", "x", base=tmp_path) == secret(f"file:{tmp_path}/token", "x") == "hunter2"
    assert secret("", "x") == ""
    for reference, told in (
        ("env:NONE", "has no NONE"),
        ("file:none", "No such file"),
        ("file:empty", "is empty"),
        ("file:bytes", "is not UTF-8"),
        ("file:.", "directory"),
    ):
        with pytest.raises(ConfigError, match=told):
            secret(reference, "sinks.a.token", base=tmp_path)
