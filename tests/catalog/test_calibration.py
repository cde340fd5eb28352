"""The calibration is a dated file, bounds what claims promise, and what it says of the shipped catalog holds."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.catalog import calibration
from netcam.catalog.calibration import EDGES, Bin, Calibration
from netcam.catalog.home import content_root
from netcam.errors import ContentError
from netcam.identify.measure import measure
from tests.identify.shipped import matcher as shipped_matcher

CORPUS = Path(__file__).parent.parent / "corpus"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one = Calibration(date(2026, 11, 25), ["a", "b"], 3, [Bin(0.9, 0.95, 40, 30)])
    (tmp_path / "calibration.yaml").write_text(calibration.written(one))
    assert calibration.load(tmp_path) == one
    assert calibration.load(tmp_path / "none") is None


def test_a_bin_that_promised_too_much_caps_its_claims_and_a_small_one_does_not() -> None:
    one = Calibration(date(2026, 11, 25), [], 0, [Bin(0.8, 0.9, 10, 1), Bin(0.9, 0.95, 40, 30), Bin(0.95, 1.0, 40, 40)])
    assert one.capped(0.92) == 0.75
    assert one.capped(0.85) == 0.85
    assert one.capped(0.99) == 0.99
    assert one.capped(0.3) == 0.3


@given(claims=st.integers(0, 500), right=st.integers(0, 500))
def test_the_interval_holds_the_share(claims: int, right: int) -> None:
    one = Bin(0.5, 0.7, claims, min(right, claims))
    low, high = one.interval
    assert 0 <= low <= high <= 1
    assert not claims or low - 1e-9 <= one.share <= high + 1e-9
    assert list(calibration.diagram([one]))


@pytest.mark.parametrize("bins", ["- {low: 0.9, high: 0.8, claims: 1, right: 1}", "- {low: 0.1, high: 0.2, claims: 1, right: 2}"])
def test_a_bin_that_cannot_be_is_refused(tmp_path: Path, bins: str) -> None:
    (tmp_path / "calibration.yaml").write_text(f"made: 2026-11-25\ncorpora: []\ndevices: 1\nbins:\n{bins}\n")
    with pytest.raises(ContentError, match="a bin is not within"):
        calibration.load(tmp_path)


def test_the_shipped_calibration_is_what_the_corpora_give_and_keeps_its_promise() -> None:
    shipped = calibration.load(Path(content_root()))
    assert shipped is not None
    assert [(b.low, b.high) for b in shipped.bins] == list(pairwise(EDGES))
    result = measure([CORPUS / name for name in shipped.corpora], shipped_matcher())
    assert result.devices == shipped.devices
    sure = [b for b in result.calibration if b.low >= 0.9]
    assert sum(b.right for b in sure) >= 0.95 * sum(b.claims for b in sure)
    drift = sum(abs(a.claims - b.claims) for a, b in zip(result.calibration, shipped.bins, strict=True))
    assert drift <= 0.2 * sum(b.claims for b in shipped.bins), "measure again: netcam catalog measure ... --write-calibration"
