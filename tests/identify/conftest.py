"""Fixtures of the tests of identification."""

from __future__ import annotations

import pytest

from netcam.identify import Matcher
from tests.identify import shipped


@pytest.fixture(scope="session")
def matcher() -> Matcher:
    return shipped.matcher()
