"""The shipped content, read once for this room's tests, and devices as the identifier would hand them over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from netcam.catalog import families as corporate
from netcam.catalog import policies as content
from netcam.catalog.families import Families
from netcam.catalog.policies import Policies
from netcam.model import Claim, Identity, Observation

ROOT = Path(__file__).resolve().parents[2] / "fingerprints"
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="session")
def families() -> Families:
    return corporate.load(ROOT)


@pytest.fixture(scope="session")
def policies(families: Families) -> Policies:
    return content.load(ROOT, families=families)


Device = Callable[..., Identity]


@pytest.fixture(scope="session")
def device() -> Device:
    """A device with slots; `tell` is the field that gives its maker away, `None` for no evidence at all."""

    def made(
        name: str = "192.0.2.10",
        *,
        tell: str | None = "onvif.manufacturer",
        sure: float = 0.95,
        site: str = "hq",
        registrant: str = "",
        **slots: str,
    ) -> Identity:
        badge = Observation(field="http.title", value=f"{slots.get('brand')} login")
        claims: list[Claim] = []
        if "maker" in slots and tell:
            seen = Observation(field=tell, value=slots["maker"])
            claims.append(Claim(slot="maker", value=slots["maker"], weight=sure, by="test/maker", because=(seen,)))
        if "brand" in slots:
            claims.append(Claim(slot="brand", value=slots["brand"], weight=0.9, by="test/brand", because=(badge,)))
        confidence = {slot: sure if slot == "maker" else 0.9 for slot in slots}
        return Identity(
            device=name, slots=slots, confidence=confidence, because=tuple(claims), site=site, mac_registrant=registrant, addresses=(name,)
        )

    return made
