"""Records with defaults for tests that are about one field, and a guard: a test outside `lab` reaches loopback only."""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from netcam.model import Observation

# No property of a codec is a property of the machine's speed: an example that took long, or was long to draw, on a busy machine is no failure.
_UNTIMED = {"deadline": None, "suppress_health_check": (HealthCheck.too_slow,), "print_blob": True}
settings.register_profile("search", **_UNTIMED)
# The suite tries the same examples each time, so that it fails because of a change and never because of a draw.
# New examples are looked for by `make fuzz`, which runs these properties and the long ones with the profile "search".
settings.register_profile("suite", derandomize=True, database=None, **_UNTIMED)
settings.load_profile("suite")

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def make_observation(field: str = "http.server", value: str = "x", **more: Any) -> Observation:
    """A full observation; a test writes only what it is about."""
    given: dict[str, Any] = {"at": NOW, "site": "hq", "sensor": "s1", "endpoint": "192.0.2.10:80", "via": field.partition(".")[0]}
    return Observation(field=field, value=value, **{**given, **more})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without -m, tests marked fuzz are not part of a run: they take minutes by design."""
    if config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("fuzz")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("fuzz")]


@pytest.fixture
def obs() -> Any:
    return make_observation


@pytest.fixture(autouse=True)
def loopback_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anything but loopback: tests with packets run in namespaces of their own processes."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise AssertionError(f"a test tried to reach {address!r}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
