"""The settings file: what it says, and how it says what is wrong."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam import config
from netcam.errors import ConfigError
from netcam.model import SITE_CLASSES, Site

WHOLE = """\
sensor = "north-1"
inventory = "postgresql://netcam@db/netcam"

[rates]
datagrams_per_second = 20
half_open = 8

[sites.hq]  # headquarters
name = "Headquarters"
class = "force-estate"
jurisdiction = "gb-eng"
links = ["us-federal-contract"]
owner = "Estates"
contract = "C-17"
networks = ["10.20.0.0/16", "fd00:20::/48"]
internal = ["10.99.0.0/24"]
declared = ["*.example.org", "192.0.2.10", "198.51.100.0/24"]
scope = "scope-hq.toml"
timezone = "Europe/London"

[sites."north.2"]
class = "sensitive-government"
"""


def test_a_whole_file_reads(tmp_path):
    path = tmp_path / "netcam.toml"
    path.write_text(WHOLE)
    told = config.load(path)
    assert (told.sensor, told.inventory, told.rates.bounds()) == (
        "north-1",
        "postgresql://netcam@db/netcam",
        {"datagrams_per_second": 20, "half_open": 8},
    )
    assert told.site("hq") == Site(
        id="hq", site_class="force-estate", jurisdiction="gb-eng", links=("us-federal-contract",), owner="Estates", name="Headquarters",
        contract="C-17",
    )  # fmt: skip
    assert told.networks("hq") == (ip_network("10.20.0.0/16"), ip_network("fd00:20::/48"))
    assert told.internal("hq") == (*told.networks("hq"), ip_network("10.99.0.0/24"))
    assert told.declared("hq") == ("*.example.org", "192.0.2.10", "198.51.100.0/24")
    assert told.scope_path("hq") == tmp_path / "scope-hq.toml"
    assert told.site("north.2").jurisdiction == "unset"
    assert told.scope_path("north.2") is None


def test_without_a_file_everything_is_unset_and_private_networks_are_inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NETCAM_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    told = config.load()
    assert told == config.Settings()
    assert told.site("anything") == Site(id="anything")
    assert ip_network("10.0.0.0/8") in told.internal("anything")
    assert told.declared("anything") == ()


def test_the_file_here_or_the_one_named_by_the_environment_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NETCAM_CONFIG", raising=False)
    (tmp_path / "netcam.toml").write_text('sensor = "here"')
    assert config.load().sensor == "here"
    (tmp_path / "other.toml").write_text('sensor = "named"')
    monkeypatch.setenv("NETCAM_CONFIG", str(tmp_path / "other.toml"))
    assert config.load().sensor == "named"
    monkeypatch.setenv("NETCAM_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file"):
        config.load()


def test_a_site_that_is_not_in_the_file_is_refused_but_the_default_is_not():
    told = config.parse(WHOLE, "netcam.toml")
    assert told.site("default") == Site(id="default")
    with pytest.raises(ConfigError, match=r"did you mean .north\.2"):
        told.site("north2")


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ('senor = "a"', "netcam.toml:1: senor", "did you mean 'sensor'"),
        ("sensor = 1", "netcam.toml:1: sensor", "is not text"),
        ('[sites.hq]\n\nclass = "force-estte"', "netcam.toml:3: sites.hq.class", "did you mean 'force-estate'"),
        ('[sites.hq]\njurisdiction = "uk"', "netcam.toml:2: sites.hq.jurisdiction", "is not known"),
        ('[sites.hq]\nnetworks = ["10.0.0.0/33"]', "netcam.toml:2: sites.hq.networks", "is not a network"),
        ('[sites.hq]\nnetworks = "10.0.0.0/8"', "netcam.toml:2: sites.hq.networks", "is not a list of texts"),
        ('[sites.hq]\ninternal = ["x"]', "netcam.toml:2: sites.hq.internal", "is not a network"),
        ('[sites.hq]\ndeclared = ["two words"]', "netcam.toml:2: sites.hq.declared", "no name, address or network"),
        ('[sites.hq]\ntimezone = "Europe/Lundon"', "netcam.toml:2: sites.hq.timezone", "not a time zone"),
        ('[sites.hq]\ndeclard = ["a"]', "netcam.toml:2: sites.hq.declard", "did you mean 'declared'"),
        ('[sites."a b"]\n', "netcam.toml:1: sites.'a b'", "not a site id"),
        ("sites = 3", "netcam.toml:1: sites", "not a table"),
        ("[sites]\nhq = 3", "netcam.toml:2: sites.hq", "not a table"),
        ("[rates]\nhalf_open = true", "netcam.toml:2: rates.half_open", "not a whole number"),
        ("[rates]\nframes_per_second = -1", "netcam.toml:2: rates.frames_per_second", "not between 0"),
        ("[rates]\npackets_per_second = 1", "netcam.toml:2: rates.packets_per_second", "is not a setting"),
        ('path = "x"', "netcam.toml:1: path", "is not a setting"),
        ("a = 1\na = 2", "netcam.toml:2", "is not TOML"),
        ("[", "netcam.toml", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_told_with_file_line_key_and_cure(text, place, told):
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "netcam.toml")
    assert caught.value.where.startswith(place)
    assert told in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_told_with_its_path(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'sensor = "\xe9"')
    for name, told in (("latin.toml", "not UTF-8"), (".", "directory"), ("absent.toml", "No such file")):
        with pytest.raises(ConfigError, match=told):
            config.load(tmp_path / name)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_other_than_with_a_config_error(text):
    try:
        told = config.parse(text, "netcam.toml").path
    except ConfigError as error:
        told = error.where
    assert told.startswith("netcam.toml")


def test_a_deeply_nested_file_is_refused():
    with pytest.raises(ConfigError):
        config.parse("x = " + "[" * 5000 + "]" * 5000, "netcam.toml")


def test_the_schema_for_editors_names_every_setting_and_the_effective_settings_have_them():
    schema = config.json_schema()
    site = schema["$defs"]["SiteSettings"]["properties"]
    assert site["class"]["enum"] == list(SITE_CLASSES)
    told = config.effective(config.parse(WHOLE, "netcam.toml"))
    assert set(schema["$defs"]["Settings"]["properties"]) == set(told) - {"path"}
    assert set(site) == set(told["sites"]["hq"])
