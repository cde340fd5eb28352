"""Records with defaults for tests that are about one field, and a guard: a test outside `lab` reaches loopback only."""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from netcam.model import Observation

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def make_observation(field: str = "http.server", value: str = "x", **more: Any) -> Observation:
    """A full observation; a test writes only what it is about."""
    given: dict[str, Any] = {"at": NOW, "site": "hq", "sensor": "s1", "endpoint": "192.0.2.10:80", "via": field.partition(".")[0]}
    return Observation(field=field, value=value, **{**given, **more})


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
