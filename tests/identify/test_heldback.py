"""What is asked of the catalog holds on the devices that it was not written from (`make measure` prints the whole)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from netcam.identify.measure import measure
from netcam.pipeline import wrongly_restricted
from tests.identify import shipped

CORPORA = Path(__file__).resolve().parent.parent / "corpus"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
HELD_BACK = [
    CORPORA / "heldback",
    *(CORPORA / f"{one}-heldback" / f"{part}.observations.jsonl" for one in ("third", "fifth", "seventh") for part in ("named", "others")),
]


def test_makers_badges_models_and_firmware_of_devices_held_back() -> None:
    found = measure(HELD_BACK, shipped.content().matcher)
    scores = found.slots
    assert found.devices > 550
    assert (scores["maker"].precision or 0) >= 0.995
    assert min(scores[slot].recall or 0 for slot in ("maker", "brand")) >= 0.95
    assert min(found.stated[slot].recall or 0 for slot in ("model", "firmware")) >= 0.85
    assert len(found.false_cameras) <= 3
    sure = [one for one in found.calibration if one.low >= 0.9]
    assert sum(one.right for one in sure) >= 0.95 * sum(one.claims for one in sure)
    assert wrongly_restricted(found.others, shipped.content(), NOW) == []
