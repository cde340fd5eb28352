"""What the settings say of a site reaches the judge."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from netcam.config import load
from netcam.errors import ConfigError
from netcam.model import Claim, Identity, Observation
from netcam.pipeline import EgressWatch, restricted, site_rules
from tests.egress import flowcases
from tests.identify import shipped

TOML = """
[sites.hq]
class = "sensitive-government"
jurisdiction = "gb"
timezone = "Europe/London"
time_servers = ["10.0.0.1"]
resolvers = ["10.0.0.1"]
[sites.shed]
no_internet = true
"""
SEEN = datetime(2025, 11, 24, tzinfo=UTC)
CAMERA = Identity(
    device="cam", slots={"kind": "camera", "brand": "Hikvision", "maker": "Hikvision"}, confidence={"kind": 0.99, "brand": 0.99, "maker": 0.99},
    because=tuple(
        Claim(
            slot="maker", value="Hikvision", weight=0.9, by=f"hikvision/{via}", origin=via,
            because=(Observation(at=SEEN, field=name, value=text, endpoint="10.0.0.5", via=via, site="hq"),),
        )
        for via, name, text in (("sadp", "sadp.model", "DS-2CD2143G0-I"), ("http", "http.server", "App-webs/"), ("onvif", "onvif.scope.name", "HIKVISION"))
    ),
    addresses=("10.0.0.5",), site="hq",
)  # fmt: skip
FLOWS = [
    {
        "from": "10.0.0.5",
        "to": "203.0.113.9",
        "name": "dev.hik-connect.com",
        "port": "8555",
        "out": "160",
        "in": "60",
        "repeat": "9",
        "every": "60",
    }
]


def said(tmp_path: Path, site: str) -> dict[str, tuple[str, str]]:
    path = tmp_path / "netcam.toml"
    path.write_text(TOML)
    settings, content = load(path), shipped.content()
    limited = restricted([CAMERA], content, settings.site(site), datetime(2025, 11, 25, tzinfo=UTC))
    watch = EgressWatch([CAMERA], content, site=site, internal=settings.internal(site), rules=site_rules(settings, site), limited=limited)
    watch.add(flowcases.table(FLOWS))
    return {f.rule: (f.severity, f.category) for f in watch.finish()}


def test_a_restricted_makers_cloud_weighs_more_at_a_sensitive_site(tmp_path: Path) -> None:
    assert said(tmp_path, "hq")["site-rules"] == ("medium", "policy-violation")


def test_a_site_without_internet_allows_no_cloud(tmp_path: Path) -> None:
    assert said(tmp_path, "shed")["site-rules"] == ("medium", "policy-violation")


@pytest.mark.parametrize("line", ['resolvers = ["10.0.0.0/8"]', 'time_servers = ["clock"]'])
def test_a_resolver_is_an_address(tmp_path: Path, line: str) -> None:
    path = tmp_path / "netcam.toml"
    path.write_text(f"[sites.hq]\n{line}\n")
    with pytest.raises(ConfigError, match=r"netcam\.toml:2: sites\.hq\.\w+: .* is no address"):
        load(path)
