"""Patterns that could keep a processor busy are refused; the ones that only look so are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from netcam.catalog.home import content_root
from netcam.identify.check import check, hazard


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+", r"(?:\w+\s*)*x", r"((?:ab)*c?)*", r"\A\d+\d+x", r"\w*[a-z]+\Z", r"a.*(?:b?).*c", r"(?P<x>\S+)[A-Z]*\Z", r"(?:x|y+y+)z"],
)
def test_a_catastrophic_pattern_is_told(pattern: str) -> None:
    assert hazard(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"\A\d+\.\d+", r"(?:\d{1,3}\.){3}\d+", r"\AAXIS (?P<x>\S+) Network Camera", r"[A-Z]+-\d+", r"(?:a|b)+c", r".*x", r"\d+[A-Z]*-?\d*"],
)
def test_a_harmless_pattern_is_not(pattern: str) -> None:
    assert not hazard(pattern)


def test_the_catalog_check_refuses_it_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "makers").mkdir()
    shutil.copytree(Path(content_root()) / "negative", tmp_path / "negative")
    (tmp_path / "makers" / "acme.yaml").write_text(
        "maker: Acme\nfingerprints:\n- id: acme/x\n  field: http.server\n  match: (a+)+b\n  says: {maker: Acme}\n  weight: '0.5'\n"
        "  examples:\n  - {see: aab, source: made for this test}\n"
    )
    (problem,) = [p for p in check(tmp_path) if "acme/x" in p.problem]
    assert problem.where == "makers/acme.yaml:3"
    assert problem.is_error
